"""vjp, jvp and linearize: the derivative of a function at a point, as a linear map run on given
(co)tangents.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from itertools import islice
from typing import Any

import numpy as np

from irgrad.autodiff.calls import settled, with_residuals
from irgrad.autodiff.graphs import partition, pullback, pushforward
from irgrad.autodiff.linear import linearized
from irgrad.errors import ArgumentError, IrgradError, with_article
from irgrad.frontend.entry import about_call
from irgrad.frontend.keywords import keywords
from irgrad.frontend.lower import (
    Argument,
    Lowered,
    Signature,
    argument_place,
    check_numbers,
    signature_of,
)
from irgrad.frontend.promote import convert_to
from irgrad.frontend.pytree import difference, flatten, leaves_of, map_leaves, written_path
from irgrad.frontend.site import call_site
from irgrad.frontend.tracer import Tracer
from irgrad.ir.graph import Graph, Value
from irgrad.ir.types import ArrayType, is_inexact
from irgrad.runtime.backend import default_backend
from irgrad.runtime.compiled import Compiled
from irgrad.runtime.program import Program, Programs
from irgrad.runtime.remember import kept
from irgrad.runtime.rule_arrays import with_rule_arrays
from irgrad.runtime.selection import no_derivative
from irgrad.runtime.target import (
    Transformation,
    arguments_of,
    build_result,
    has_traced,
    inline,
    lower_target,
)
from irgrad.runtime.transforms import Slot, differentiable, result_template, with_aux, with_result

ARGNUMS = "all arguments are differentiated to: bind the others, vjp(lambda x: f(x, data), x)"
_NUMERIC = (int, float, complex, np.ndarray, np.generic, Tracer)


class Pushforward(Transformation):
    """f as a function of (primals, tangents) -> (result, tangent of the result).

    The tangents are a list with one entry for each primal leaf that is a float array. With
    `has_aux`, f returns (result, aux), and the triple ends with aux.
    """

    def __init__(self, function: Callable[..., Any], has_aux: bool) -> None:
        self.function = function
        self.has_aux = self.key = has_aux
        self.compiled = Compiled(self, programs=kept(self, Programs))

    def __call__(self, primals: tuple[Any, ...], tangents: list[Any]) -> Any:
        """Compiled at the first call with a signature."""
        return self.compiled(primals, tangents)

    def lower(self, signature: Signature) -> Lowered:
        """The function's nodes with tangent nodes."""
        (positions, _), _ = arguments_of(signature)
        inner = inner_signature(signature, positions)
        lowered = lower_target(self.function, inner)
        graph = lowered.graph
        extended = pushforward(graph, differentiable_inputs(lowered))
        primal = result_template(lowered)
        primal, *aux = with_aux(primal, self.function) if self.has_aux else (primal,)
        count = len(graph.outputs)
        tangent = map_leaves(
            lambda leaf: Slot(leaf.output + count) if isinstance(leaf, Slot) else None, primal
        )
        result = (primal, tangent, *aux)
        return with_result(lowered._replace(signature=signature), extended, result)


class Split:
    """f at a point in two programs: the first gives the result and residuals, the second is a
    linear map from residuals and (co)tangents.
    """

    kind: str

    def __init__(self, function: Callable[..., Any], has_aux: bool = False) -> None:
        self.function = function
        self.has_aux = has_aux
        self.programs: dict[tuple[str, Signature], tuple[Lowered, Lowered, Program, Program]]
        self.programs = kept(function, dict, f"{self.kind}, has_aux={has_aux}")

    def __call__(self, args: tuple[Any, ...]) -> tuple[Any, ...]:
        """The result at `args`, the linear map, and aux where there is one."""
        signature, leaves = signature_of(args, {}, self.function)
        check_numbers(self.function, leaves, args, {})
        key = (default_backend(), signature)
        known = None if has_traced(leaves) else self.programs.get(key)
        if known is not None and known[0].holds:
            first, second, run_first, run_second = known
        else:
            (first, second), guards = with_rule_arrays(lambda: self.lower(signature))
            first = first._replace(guards=(*first.guards, *guards))
            if has_traced(leaves) or has_traced(first.captured):
                beside = [*leaves, *first.captured]
                return self._apply(
                    first,
                    second,
                    inline(first, leaves),
                    lambda given: inline(second, given, beside),
                )
            run_first, run_second = Program(first, key[0]), Program(second, key[0])
            self.programs[key] = first, second, run_first, run_second
        return self._apply(first, second, run_first(leaves), partial(_run, second, run_second))

    def _apply(
        self,
        first: Lowered,
        second: Lowered,
        results: tuple[Any, ...],
        run: Callable[[list[Any]], Any],
    ) -> tuple[Any, ...]:
        out, residuals, *aux = results
        expected = second.graph.input_types[len(residuals) :]
        given = self.reader(first, out, expected)

        def linear(*directions: Any) -> Any:
            return run([*residuals, *given(directions)])

        linear.__name__ = linear.__qualname__ = self.kind
        return out, linear, *aux

    def lower(self, signature: Signature) -> tuple[Lowered, Lowered]:
        """The two halves."""
        lowered = lower_target(self.function, signature)
        lowered = lowered._replace(graph=self.prepared(lowered.graph))
        template = result_template(lowered)
        out, *aux = with_aux(template, self.function) if self.has_aux else (template,)
        every = dict(zip(lowered.graph.output_names, lowered.graph.outputs, strict=True))
        count = sum(isinstance(leaf, Slot) for leaf in leaves_of(out))
        first, second = self.halves(lowered.graph, differentiable_inputs(lowered), count)
        slots = [Slot(i) for i in range(len(every), len(first.outputs))]
        forward = with_result(lowered, first, (out, slots, *aux))
        empty = lowered._replace(graph=second, captured=())
        return forward, with_result(empty, second, self.template(lowered, out))

    def prepared(self, graph: Graph) -> Graph:
        """The graph of f as the mode needs it."""
        return graph

    def halves(self, graph: Graph, wrt: Sequence[Value], count: int) -> tuple[Graph, Graph]:
        """The graphs of the two halves for the first `count` outputs: the first gives all outputs,
        then residuals.
        """
        raise NotImplementedError

    def template(self, lowered: Lowered, out: Any) -> Any:
        """What the linear map returns, with a `Slot` for each output of its graph."""
        raise NotImplementedError

    def reader(
        self, first: Lowered, out: Any, expected: Sequence[ArrayType]
    ) -> Callable[[tuple[Any, ...]], list[Any]]:
        """A function from what the linear map is called with to the inputs of its graph."""
        raise NotImplementedError


class Pullback(Split):
    """The linear map takes the cotangent of the result to those of the arguments."""

    kind = "pullback"

    def prepared(self, graph: Graph) -> Graph:
        """With the residuals of custom rules."""
        return with_residuals(graph)[0]

    def halves(self, graph: Graph, wrt: Sequence[Value], count: int) -> tuple[Graph, Graph]:
        """The adjoint nodes are the second half."""
        every = dict(zip(graph.output_names, graph.outputs, strict=True))
        chosen = graph.replace(outputs=dict(islice(every.items(), count)))
        first, second = partition(chosen, pullback(chosen, wrt, beside=True))
        residuals = dict(islice(zip(first.output_names, first.outputs, strict=True), count, None))
        return settled(first.replace(outputs=every | residuals)), second

    def template(self, lowered: Lowered, out: Any) -> Any:
        """The arguments, None for those without a derivative."""
        args, _ = arguments_of(lowered.signature)
        place = {
            lowered.signature.traced[lowered.graph.inputs.index(value)]: Slot(i)
            for i, value in enumerate(differentiable_inputs(lowered))
        }
        return map_leaves(place.get, args)

    def reader(
        self, first: Lowered, out: Any, expected: Sequence[ArrayType]
    ) -> Callable[[tuple[Any, ...]], list[Any]]:
        """One cotangent with the structure of the result."""
        tree = flatten(out)[1]

        @about_call
        def read(directions: tuple[Any, ...]) -> list[Any]:
            if len(directions) != 1:
                raise ArgumentError(f"a pullback takes one cotangent, got {len(directions)}")
            given, structure = flatten(directions[0])
            if structure != tree:
                raise ArgumentError(
                    "the cotangent's structure differs from the result's: "
                    + difference(structure, tree, "the cotangent"),
                    hint="it looks like what the function returns",
                )
            wanted = [i for i in range(len(given)) if first.statics[i] is None]
            return [
                conforming(
                    given[i], type, partial(written_path, tree, i, "the cotangent"), "result"
                )
                for i, type in zip(wanted, expected, strict=True)
            ]

        return read


class Linearization(Split):
    """The linear map takes tangents of the arguments to that of the result."""

    kind = "linearization"

    def halves(self, graph: Graph, wrt: Sequence[Value], count: int) -> tuple[Graph, Graph]:
        """What depends on tangents is the second half."""
        return linearized(graph, wrt, count)

    def template(self, lowered: Lowered, out: Any) -> Any:
        """The result, None for what is no array."""
        return map_leaves(lambda leaf: leaf if isinstance(leaf, Slot) else None, out)

    def reader(
        self, first: Lowered, out: Any, expected: Sequence[ArrayType]
    ) -> Callable[[tuple[Any, ...]], list[Any]]:
        """A tangent for each argument."""
        return partial(tangents_for, self.function, first.signature)


def _run(lowered: Lowered, program: Program, leaves: list[Any]) -> Any:
    """A compiled function called on leaves of any kind."""
    return inline(lowered, leaves) if has_traced(leaves) else program(leaves)


def inner_signature(signature: Signature, positions: tuple[Any, ...]) -> Signature:
    """The signature of a call with the arguments at `positions` (a tuple of pytrees of leaf
    positions).
    """
    arguments = (positions, {})
    chosen, tree = flatten(arguments)
    return Signature.of(arguments, tree, [signature.leaves[position] for position in chosen])


def differentiable_inputs(lowered: Lowered) -> list[Any]:
    """The inputs that are float arguments."""
    arguments = len(lowered.graph.inputs) - lowered.graph.captured
    return [value for value in lowered.graph.inputs[:arguments] if is_inexact(value.type.dtype)]


@about_call
def tangents_for(
    function: Callable[..., Any], signature: Signature, tangents: tuple[Any, ...]
) -> list[Any]:
    """The tangents of the float leaves of the arguments; the others have None or zero."""
    directions, structure = flatten((tangents, {}))
    if signature.tree != structure:
        primals, _ = arguments_of(signature)
        where = difference(flatten(tangents)[1], flatten(primals)[1], "tangents")
        raise ArgumentError(
            f"the tangents' structure differs from the primals': {where}",
            hint="give one tangent for each primal, in a tuple: jvp(f, (x, y), (x_dot, y_dot))",
        )
    along: list[Any] = []
    for position, (direction, kind) in enumerate(zip(directions, signature.leaves, strict=True)):
        place = partial(argument_place, function, signature.tree, position, "the tangent of ")
        if isinstance(kind, Argument) and is_inexact(kind.type.dtype):
            along.append(conforming(direction, kind.type, place, "primal"))
        elif not _is_zero(direction):
            raise no_derivative(place(), kind)
    return along


def conforming(given: Any, expected: ArrayType, place: Callable[[], str], of: str) -> Any:
    """A tangent or cotangent with exactly the expected type, converted from another float dtype
    where need be; errors say what stands at its `place`.
    """
    if not isinstance(given, _NUMERIC) or np.result_type(given).kind not in "biufc":
        raise ArgumentError(
            f"{place()} is {with_article(type(given).__name__)}, expected {expected}",
            hint="zeros say that there is none" if given is None else "pass an array of numbers",
        )
    if np.shape(given) != expected.shape:
        raise ArgumentError(
            f"{place()} has shape {np.shape(given)}, expected {expected.shape} as the {of}'s",
            hint=f"np.broadcast_to(v, {expected.shape}) repeats one value"
            if not np.shape(given)
            else f"it looks like the {of}",
        )
    try:
        return convert_to(given, expected.dtype)
    except IrgradError as error:
        error.message = f"{place()}: {error.message}"
        raise


@keywords(argnums=ARGNUMS)
def vjp(f: Any, *args: Any, has_aux: bool = False) -> Any:
    """(f(*args), pullback): pullback maps a cotangent of the result to the tuple of cotangents of
    the arguments.

    Arguments that carry no derivative (ints, strings, ...) have None in their place. With
    `has_aux`, f returns (result, aux), and the triple is (result, pullback, aux).

    >>> import numpy as np
    >>> out, pull = vjp(np.sin, 0.0)
    >>> float(pull(1.0)[0])
    1.0
    """
    function = differentiable("vjp", f)
    _check_given("vjp", f, args, "vjp(f, x)")
    return Pullback(function, has_aux)(args)


@keywords(argnums=ARGNUMS)
def jvp(f: Any, primals: Sequence[Any], tangents: Sequence[Any], has_aux: bool = False) -> Any:
    """(f(*primals), the derivative of f at primals along tangents).

    A primal that carries no derivative takes None or zero as its tangent. With `has_aux`, f returns
    (result, aux), and the triple is (result, tangent, aux).

    >>> out, tangent = jvp(lambda x: x * x, (3.0,), (1.0,))
    >>> float(out), float(tangent)
    (9.0, 6.0)
    """
    if not isinstance(primals, (tuple, list)) or not isinstance(tangents, (tuple, list)):
        got = f"{type(primals).__name__} and {type(tangents).__name__}"
        raise ArgumentError(
            f"jvp takes a tuple of primals and a tuple of tangents, got {got}",
            location=call_site().location,
            hint="for one argument, jvp(f, (x,), (x_dot,))",
        )
    function = differentiable("jvp", f)
    signature, _ = signature_of(tuple(primals), {}, function)
    along = tangents_for(function, signature, tuple(tangents))
    return Pushforward(function, has_aux)(tuple(primals), along)


@keywords(argnums=ARGNUMS)
def linearize(f: Any, *primals: Any, has_aux: bool = False) -> Any:
    """(f(*primals), f_jvp): f_jvp maps tangents of the arguments to the tangent of the result.

    What does not depend on the tangents is computed once, here, so that each call of f_jvp costs
    only the linear part; `jvp` does both at once.

    >>> out, f_jvp = linearize(lambda x, y: x * y, 3.0, 5.0)
    >>> float(out), float(f_jvp(1.0, 0.0)), float(f_jvp(0.0, 1.0))
    (15.0, 5.0, 3.0)
    """
    function = differentiable("linearize", f)
    _check_given("linearize", f, primals, "linearize(f, x)")
    return Linearization(function, has_aux)(primals)


def _check_given(name: str, f: Any, args: tuple[Any, ...], call: str) -> None:
    """Raise `ArgumentError` where there is nothing to differentiate at, unlike for `grad`, which
    returns a function.
    """
    if not args:
        raise ArgumentError(
            f"{name}: no arguments for {getattr(f, '__name__', 'the function')}",
            location=call_site().location,
            hint=f"it is taken at a point: {call}",
        )


def _is_zero(direction: Any) -> bool:
    """Whether a tangent says that there is none."""
    if direction is None or isinstance(direction, (int, float)):
        return not direction
    return isinstance(direction, (np.ndarray, np.generic)) and not np.any(direction)


__all__ = ["build_result", "jvp", "linearize", "vjp"]
