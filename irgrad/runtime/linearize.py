"""vjp and jvp: the derivative of a function at a point, as a linear map run on given
(co)tangents.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from irgrad.autodiff.graphs import partition, pullback, pushforward
from irgrad.errors import ArgumentError
from irgrad.frontend.lower import Argument, Lowered, Signature, signature_of
from irgrad.frontend.promote import convert_to
from irgrad.frontend.pytree import flatten, map_leaves
from irgrad.ir.types import ArrayType, is_inexact
from irgrad.runtime.backend import default_backend
from irgrad.runtime.compiled import Compiled, Program, Programs
from irgrad.runtime.remember import kept
from irgrad.runtime.target import (
    Transformation,
    arguments_of,
    build_result,
    has_traced,
    inline,
    lower_target,
)
from irgrad.runtime.transforms import Slot, differentiable, result_template, with_result


class Pushforward(Transformation):
    """f as a function of (primals, tangents) -> (result, tangent of the result).

    The tangents are a list with one entry for each primal leaf that is a float array.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function
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
        count = len(graph.outputs)
        tangent = map_leaves(
            lambda leaf: Slot(leaf.output + count) if isinstance(leaf, Slot) else None, primal
        )
        return with_result(lowered._replace(signature=signature), extended, (primal, tangent))


class Pullback:
    """f split in two programs: forward, which also returns residuals, and backward, from residuals
    and cotangents.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function
        self.programs: dict[tuple[str, Signature], tuple[Lowered, Lowered, Program, Program]]
        self.programs = kept(function, dict, "pullback")

    def __call__(self, args: tuple[Any, ...]) -> tuple[Any, Callable[[Any], tuple[Any, ...]]]:
        """The result at `args`, and its pullback."""
        signature, leaves = signature_of(args, {})
        key = (default_backend(), signature)
        if key in self.programs and not has_traced(leaves):
            forward, backward, run_forward, run_backward = self.programs[key]
            return self._apply(forward, backward, run_forward(leaves), run_backward)
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
        return self._apply(forward, backward, programs[2](leaves), programs[3])

    def _apply(
        self,
        forward: Lowered,
        backward: Lowered,
        results: tuple[Any, list[Any]],
        run: Callable[[list[Any]], Any],
    ) -> tuple[Any, Callable[[Any], tuple[Any, ...]]]:
        out, residuals = results
        expected = backward.graph.input_types[len(residuals) :]
        tree = flatten(out)[1]

        def pullback_of(cotangent: Any) -> tuple[Any, ...]:
            """The cotangents of the arguments."""
            given, structure = flatten(cotangent)
            if structure != tree:
                raise ArgumentError(
                    f"the cotangent's structure {structure} differs from the result's {tree}"
                )
            places = zip(given, forward.statics, strict=False)
            cotangents = [leaf for leaf, static in places if static is None]
            checked = [
                conforming(*pair, "cotangent") for pair in zip(cotangents, expected, strict=True)
            ]
            return run([*residuals, *checked])

        return out, pullback_of

    def lower(self, signature: Signature) -> tuple[Lowered, Lowered]:
        """The two halves."""
        lowered = lower_target(self.function, signature)
        graph = lowered.graph
        wrt = differentiable_inputs(lowered)
        first, second = partition(graph, pullback(graph, wrt))
        residuals = [Slot(i) for i in range(len(graph.outputs), len(first.outputs))]
        forward = with_result(lowered, first, (result_template(lowered), residuals))
        args, _ = arguments_of(signature)
        place = {
            lowered.signature.traced[graph.inputs.index(value)]: Slot(i)
            for i, value in enumerate(wrt)
        }
        cotangents = map_leaves(place.get, args)
        empty = lowered._replace(graph=second, captured=())
        return forward, with_result(empty, second, cotangents)


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


def conforming(given: Any, expected: ArrayType, what: str) -> Any:
    """A tangent or cotangent with exactly the expected type, converted from another float dtype
    where need be.
    """
    if np.shape(given) != expected.shape:
        raise ArgumentError(f"a {what} has shape {np.shape(given)}, expected {expected.shape}")
    return convert_to(given, expected.dtype)


def vjp(f: Any, *args: Any) -> tuple[Any, Callable[[Any], tuple[Any, ...]]]:
    """(f(*args), pullback): pullback maps a cotangent of the result to the tuple of cotangents of
    the arguments.

    Arguments that carry no derivative (ints, strings, ...) have None in their place.

    >>> import numpy as np
    >>> out, pull = vjp(np.sin, 0.0)
    >>> float(pull(1.0)[0])
    1.0
    """
    return Pullback(differentiable(f))(args)


def jvp(f: Any, primals: Sequence[Any], tangents: Sequence[Any]) -> tuple[Any, Any]:
    """(f(*primals), the derivative of f at primals along tangents).

    >>> out, tangent = jvp(lambda x: x * x, (3.0,), (1.0,))
    >>> float(out), float(tangent)
    (9.0, 6.0)
    """
    if not isinstance(primals, (tuple, list)) or not isinstance(tangents, (tuple, list)):
        raise ArgumentError("jvp takes a tuple of primals and a tuple of tangents")
    leaves, tree = flatten(tuple(primals))
    directions, structure = flatten(tuple(tangents))
    if tree != structure:
        raise ArgumentError(f"the tangents' structure {structure} differs from the primals' {tree}")
    signature, _ = signature_of(tuple(primals), {})
    along = [
        conforming(direction, kind.type, "tangent")
        for direction, kind in zip(directions, signature.leaves, strict=True)
        if isinstance(kind, Argument) and is_inexact(kind.type.dtype)
    ]
    del leaves
    return Pushforward(differentiable(f))(tuple(primals), along)


__all__ = ["build_result", "jvp", "vjp"]
