"""vjp and jvp: the derivative of a function at a point, as a linear map run on given
(co)tangents.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from itertools import islice
from typing import Any

import numpy as np

from irgrad.autodiff.graphs import partition, pullback, pushforward
from irgrad.errors import ArgumentError, IrgradError
from irgrad.frontend.lower import Argument, Lowered, Signature, argument_place, signature_of
from irgrad.frontend.promote import convert_to
from irgrad.frontend.pytree import flatten, leaves_of, map_leaves, written_path
from irgrad.frontend.tracer import Tracer
from irgrad.ir.types import ArrayType, is_inexact
from irgrad.runtime.backend import default_backend
from irgrad.runtime.compiled import Compiled, Program, Programs
from irgrad.runtime.remember import kept
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


class Pullback:
    """f split in two programs: forward, which also returns residuals, and backward, from residuals
    and cotangents.
    """

    def __init__(self, function: Callable[..., Any], has_aux: bool) -> None:
        self.function = function
        self.has_aux = has_aux
        self.programs: dict[tuple[str, Signature], tuple[Lowered, Lowered, Program, Program]]
        self.programs = kept(function, dict, f"pullback, has_aux={has_aux}")

    def __call__(self, args: tuple[Any, ...]) -> tuple[Any, ...]:
        """The result at `args`, its pullback, and aux where there is one."""
        signature, leaves = signature_of(args, {}, self.function)
        key = (default_backend(), signature)
        if key in self.programs and not has_traced(leaves):
            forward, backward, run_forward, run_backward = self.programs[key]
            return self._apply(
                forward, backward, run_forward(leaves), partial(_run, backward, run_backward)
            )
        forward, backward = self.lower(signature)
        if has_traced(leaves) or has_traced(forward.captured):
            beside = [*leaves, *forward.captured]
            return self._apply(
                forward,
                backward,
                inline(forward, leaves),
                lambda given: inline(backward, given, beside),
            )
        programs = forward, backward, Program(forward, key[0]), Program(backward, key[0])
        self.programs[key] = programs
        return self._apply(
            forward, backward, programs[2](leaves), partial(_run, backward, programs[3])
        )

    def _apply(
        self,
        forward: Lowered,
        backward: Lowered,
        results: tuple[Any, ...],
        run: Callable[[list[Any]], Any],
    ) -> tuple[Any, ...]:
        out, residuals, *aux = results
        expected = backward.graph.input_types[len(residuals) :]
        tree = flatten(out)[1]

        def pullback_of(cotangent: Any) -> tuple[Any, ...]:
            """The cotangents of the arguments."""
            given, structure = flatten(cotangent)
            if structure != tree:
                raise ArgumentError(
                    f"the cotangent's structure {structure} differs from the result's {tree}"
                )
            wanted = [i for i in range(len(given)) if forward.statics[i] is None]
            cotangents = [
                conforming(
                    given[i], type, partial(written_path, tree, i, "the cotangent"), "result"
                )
                for i, type in zip(wanted, expected, strict=True)
            ]
            return run([*residuals, *cotangents])

        return out, pullback_of, *aux

    def lower(self, signature: Signature) -> tuple[Lowered, Lowered]:
        """The two halves."""
        lowered = lower_target(self.function, signature)
        template = result_template(lowered)
        out, *aux = with_aux(template, self.function) if self.has_aux else (template,)
        every = dict(zip(lowered.graph.output_names, lowered.graph.outputs, strict=True))
        count = sum(isinstance(leaf, Slot) for leaf in leaves_of(out))
        graph = lowered.graph.replace(outputs=dict(islice(every.items(), count)))
        wrt = differentiable_inputs(lowered)
        first, second = partition(graph, pullback(graph, wrt))
        residuals = dict(islice(zip(first.output_names, first.outputs, strict=True), count, None))
        slots = [Slot(len(every) + i) for i in range(len(residuals))]
        first = first.replace(outputs=every | residuals)
        forward = with_result(lowered, first, (out, slots, *aux))
        args, _ = arguments_of(signature)
        place = {
            lowered.signature.traced[graph.inputs.index(value)]: Slot(i)
            for i, value in enumerate(wrt)
        }
        cotangents = map_leaves(place.get, args)
        empty = lowered._replace(graph=second, captured=())
        return forward, with_result(empty, second, cotangents)


def _run(lowered: Lowered, program: Program, leaves: list[Any]) -> Any:
    """A compiled function called on leaves of any kind."""
    return inline(lowered, leaves) if has_traced(leaves) else program(leaves)


def inner_signature(signature: Signature, positions: tuple[Any, ...]) -> Signature:
    """The signature of a call with the arguments at `positions` (a tuple of pytrees of leaf
    positions).
    """
    chosen, tree = flatten((positions, {}))
    return Signature(tree, tuple(signature.leaves[position] for position in chosen))


def differentiable_inputs(lowered: Lowered) -> list[Any]:
    """The inputs that are float arguments."""
    arguments = len(lowered.graph.inputs) - lowered.graph.captured
    return [value for value in lowered.graph.inputs[:arguments] if is_inexact(value.type.dtype)]


def conforming(given: Any, expected: ArrayType, place: Callable[[], str], of: str) -> Any:
    """A tangent or cotangent with exactly the expected type, converted from another float dtype
    where need be; errors say what stands at its `place`.
    """
    if not isinstance(given, _NUMERIC) or np.result_type(given).kind not in "biufc":
        raise ArgumentError(f"{place()} is a {type(given).__name__}, expected {expected}")
    if np.shape(given) != expected.shape:
        raise ArgumentError(
            f"{place()} has shape {np.shape(given)}, expected {expected.shape} as the {of}'s"
        )
    try:
        return convert_to(given, expected.dtype)
    except IrgradError as error:
        error.message = f"{place()}: {error.message}"
        raise


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
    return Pullback(differentiable(f), has_aux)(args)


def jvp(f: Any, primals: Sequence[Any], tangents: Sequence[Any], has_aux: bool = False) -> Any:
    """(f(*primals), the derivative of f at primals along tangents).

    A primal that carries no derivative takes None or zero as its tangent. With `has_aux`, f returns
    (result, aux), and the triple is (result, tangent, aux).

    >>> out, tangent = jvp(lambda x: x * x, (3.0,), (1.0,))
    >>> float(out), float(tangent)
    (9.0, 6.0)
    """
    if not isinstance(primals, (tuple, list)) or not isinstance(tangents, (tuple, list)):
        raise ArgumentError("jvp takes a tuple of primals and a tuple of tangents")
    function = differentiable(f)
    signature, _ = signature_of(tuple(primals), {}, function)
    directions, structure = flatten((tuple(tangents), {}))
    if signature.tree != structure:
        raise ArgumentError(
            f"the tangents' structure {flatten(tuple(tangents))[1]} differs from the primals' "
            f"{flatten(tuple(primals))[1]}"
        )
    along: list[Any] = []
    for position, (direction, kind) in enumerate(zip(directions, signature.leaves, strict=True)):
        place = partial(argument_place, function, signature.tree, position, "the tangent of ")
        if isinstance(kind, Argument) and is_inexact(kind.type.dtype):
            along.append(conforming(direction, kind.type, place, "primal"))
        elif not _is_zero(direction):
            raise no_derivative(place(), kind)
    return Pushforward(function, has_aux)(tuple(primals), along)


def _is_zero(direction: Any) -> bool:
    """Whether a tangent says that there is none."""
    if direction is None or isinstance(direction, (int, float)):
        return not direction
    return isinstance(direction, (np.ndarray, np.generic)) and not np.any(direction)


__all__ = ["build_result", "jvp", "vjp"]
