"""Reverse mode: append adjoint nodes to a graph.

One sweep backwards over the nodes that the wanted values influence. Each node's rule turns the
cotangents of its outputs into cotangents of its operands; a value's contributions are kept in a
list and added up once, when the sweep reaches it. The result is an ordinary graph, to be
differentiated again, dumped, or run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from irgrad.frontend.tracer import Tracer
from irgrad.ir.builder import Builder
from irgrad.ir.graph import Graph, Node, Origin, Value
from irgrad.ir.types import is_inexact
from irgrad.ops.linear import zeros_like


def influenced(graph: Graph, sources: Sequence[Value]) -> set[Value]:
    """The values that depend smoothly on any of `sources`, the sources included."""
    active = {value for value in sources if is_inexact(value.type.dtype)}
    for node in graph.nodes:
        if any(
            operand in active and node.op.differentiable(slot)
            for slot, operand in enumerate(node.operands)
        ):
            active.update(value for value in node.outputs if is_inexact(value.type.dtype))
    return active


def backpropagate(
    builder: Builder, graph: Graph, seeds: Mapping[Value, Any], wanted: Sequence[Value]
) -> list[Any]:
    """The cotangents of `wanted`, given those of some outputs; zeros where nothing depends on them.

    `builder` extends `graph`. The cotangent of a wanted value in the middle counts all that flows
    through it, and is the derivative with respect to that value with everything before it held
    fixed."""
    active = influenced(graph, wanted)
    pending: dict[Value, list[Any]] = {
        value: [seed] for value, seed in seeds.items() if value in active
    }
    finished: dict[Value, Any] = {}
    keep = set(wanted)

    def total(value: Value) -> Any:
        contributions = pending.pop(value, None)
        if contributions is None:
            return None
        cotangent = accumulate(builder, graph, value, contributions)
        if value in keep:
            finished[value] = cotangent
        return cotangent

    for node in reversed(graph.nodes):
        if not any(value in pending for value in node.outputs):
            continue
        cotangents = [total(value) for value in node.outputs]
        wants = [
            operand in active and node.op.differentiable(slot)
            for slot, operand in enumerate(node.operands)
        ]
        if any(wants):
            for operand, cotangent in pull_back(builder, node, cotangents, wants):
                pending.setdefault(operand, []).append(cotangent)
    for value in graph.inputs:
        total(value)
    return [finished[value] if value in finished else zero_of(builder, value) for value in wanted]


def pull_back(
    builder: Builder, node: Node, cotangents: Sequence[Any], wants: Sequence[bool]
) -> list[tuple[Value, Any]]:
    """Run one node's reverse rule -> (operand, contribution) pairs."""
    primals = [Tracer(builder, operand) for operand in node.operands]
    outputs = [Tracer(builder, value) for value in node.outputs]
    with builder.emitting(node.location, Origin("vjp", node)):
        contributions = node.op.vjp(primals, outputs, cotangents, wants)
    return [
        (operand, contribution)
        for operand, contribution, want in zip(node.operands, contributions, wants, strict=True)
        if want and contribution is not None
    ]


def accumulate(builder: Builder, graph: Graph, value: Value, contributions: list[Any]) -> Any:
    """The sum of contributions to one adjoint, called `name.bar` after the value."""
    cotangent = contributions[0]
    location = value.node.location or cotangent.value.node.location
    with builder.emitting(location, Origin("adjoint", value.node)):
        for contribution in contributions[1:]:
            cotangent = cotangent + contribution
    name_after(cotangent, value, graph, "bar")
    return cotangent


def name_after(traced: Any, value: Value, graph: Graph, suffix: str) -> None:
    """Call an unnamed node `x.bar` or `x.dot` after the value `x`."""
    node = traced.value.node
    name = graph.names[value]
    if node.name is None and not node.is_constant and not name.isdigit():
        node.name = f"{name}.{suffix}"


def zero_of(builder: Builder, value: Value) -> Any:
    """Zeros of a value's type."""
    with builder.emitting(value.node.location, Origin("adjoint", value.node)):
        return zeros_like(Tracer(builder, value))
