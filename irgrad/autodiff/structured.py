"""Derivatives of ops with regions: the table of their rules, and which values derivatives reach.

Such an op is differentiated by differentiating its regions. Its rules take the node's place instead
of standing beside it: forward, the same op with tangents beside its values; reverse, the same op
that also gives what its adjoint needs to know."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any

from irgrad.ir.graph import Graph, Node, Value
from irgrad.ir.op import Op
from irgrad.ir.types import is_inexact
from irgrad.ops.region import Structured

Pull = Callable[[Sequence[Any], Sequence[Any], Sequence[Any]], Sequence[Any]]
"""(operands, outputs, cotangents of the outputs or None) -> cotangents of the operands or None."""


class Rule:
    """How one class of ops with regions is differentiated."""

    def influence(self, op: Any, active: Sequence[bool]) -> list[bool]:
        """Which outputs depend smoothly on the active operands."""
        raise NotImplementedError

    def push(
        self, op: Any, primals: Sequence[Any], tangents: Sequence[Any]
    ) -> tuple[Sequence[Any], Sequence[Any]]:
        """The outputs and their tangents, computed together."""
        raise NotImplementedError

    def plan(
        self,
        op: Any,
        wants: Sequence[bool],
        receives: Sequence[bool],
        changing: Sequence[bool] = (),
        course: Any = None,
    ) -> tuple[Op, Pull]:
        """An op that gives the outputs of `op` and then what the pullback needs, and the pullback
        from the outputs that `receives` names to the operands that `wants` names. To have an
        operand again that `changing` names, a loop around the op must keep it at each step.
        `course` is what is known of the steps of the op (see `lasting`).
        """
        raise NotImplementedError


RULES: dict[type[Op], Rule] = {}


def influenced(graph: Graph, sources: Collection[Value]) -> set[Value]:
    """The values that depend smoothly on any of `sources`, the sources included."""
    active = {value for value in sources if is_inexact(value.type.dtype)}
    for node in graph.nodes:
        if not any(operand in active for operand in node.operands):
            continue
        if isinstance(node.op, Structured):
            given = [operand in active for operand in node.operands]
            reached = RULES[type(node.op)].influence(node.op, given)
            active.update(value for value, yes in zip(node.outputs, reached, strict=True) if yes)
        elif any(
            operand in active and node.op.differentiable(slot)
            for slot, operand in enumerate(node.operands)
        ):
            active.update(value for value in node.outputs if is_inexact(value.type.dtype))
    return active


def region_influence(region: Graph, active: Sequence[bool]) -> list[bool]:
    """Which outputs of a region depend smoothly on its active inputs."""
    sources = [value for value, yes in zip(region.inputs, active, strict=True) if yes]
    reached = influenced(region, sources)
    return [value in reached for value in region.outputs]


def wanted_operands(node: Node, active: Collection[Value]) -> list[bool]:
    """Which operands of a node take a cotangent."""
    return [
        operand in active and node.op.differentiable(slot)
        for slot, operand in enumerate(node.operands)
    ]


def receiving(graph: Graph, active: Collection[Value], seeded: Collection[Value]) -> set[Value]:
    """The active values that may get a cotangent, where those in `seeded` do."""
    reached = {value for value in seeded if value in active}
    for node in reversed(graph.nodes):
        if any(value in reached for value in node.outputs):
            wants = wanted_operands(node, active)
            reached.update(v for v, yes in zip(node.operands, wants, strict=True) if yes)
    return reached
