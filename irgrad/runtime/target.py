"""What can be lowered: a plain function, or a transformation of one; and calling a graph on values
of any kind.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from irgrad.frontend.lower import Argument, Lowered, Signature, Static, lower
from irgrad.frontend.promote import innermost
from irgrad.frontend.pytree import unflatten
from irgrad.frontend.tracer import Tracer
from irgrad.ir.builder import Traced
from irgrad.runtime.rule_arrays import with_rule_arrays


class Transformation:
    """A target with a way of its own to become a graph: `grad(f)` and its kin.

    `key` tells it from other transformations of its type of the same function.
    """

    function: Callable[..., Any]
    key: Any = None

    def lower(self, signature: Signature) -> Lowered:
        """The transformed function, lowered for `signature`."""
        raise NotImplementedError

    def inner(self, signature: Signature) -> Signature:
        """What the function is called with, where the transformed one is with `signature`."""
        return signature


def lower_target(target: Callable[..., Any], signature: Signature) -> Lowered:
    """Lower a function or a transformation."""
    lowered, guards = with_rule_arrays(
        lambda: (
            target.lower(signature)
            if isinstance(target, Transformation)
            else lower(target, signature)
        )
    )
    return lowered._replace(guards=(*lowered.guards, *guards)) if guards else lowered


def innermost_function(target: Any) -> Callable[..., Any]:
    """The plain function under transformations."""
    while isinstance(target, Transformation):
        target = target.function
    return target


def innermost_call(target: Any, signature: Signature) -> tuple[Callable[..., Any], Signature]:
    """The plain function under transformations, and what it is called with."""
    while isinstance(target, Transformation):
        target, signature = target.function, target.inner(signature)
    return target, signature


def has_traced(leaves: Sequence[Any]) -> bool:
    """Whether any leaf is under trace."""
    return any(isinstance(leaf, Traced) for leaf in leaves)


def inline(lowered: Lowered, leaves: Sequence[Any], beside: Sequence[Any] = ()) -> Any:
    """Call a lowered function inside a trace: its nodes become part of the graph under
    construction, that of the operands or of the values `beside` them.
    """
    operands = [*leaves, *lowered.captured]
    builder = innermost([*operands, *beside])
    values = [builder.lift(operand) for operand in operands]
    outputs = [Tracer(builder, value) for value in builder.inline(lowered.graph, values)]
    return build_result(lowered, outputs)


def build_result(lowered: Lowered, outputs: Sequence[Any]) -> Any:
    """The result pytree from the graph's outputs and the static results."""
    remaining = iter(outputs)
    leaves = [next(remaining) if static is None else static.value for static in lowered.statics]
    return unflatten(lowered.result_tree, leaves)


def arguments_of(signature: Signature) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The arguments as pytrees of leaf positions."""
    return unflatten(signature.tree, range(len(signature.leaves)))


__all__ = [
    "Argument",
    "Static",
    "Transformation",
    "arguments_of",
    "build_result",
    "has_traced",
    "inline",
    "lower_target",
]
