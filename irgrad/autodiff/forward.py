"""Forward mode: append tangent nodes to a graph, from the same op definitions as reverse mode."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from irgrad.autodiff.reverse import name_after, zero_of
from irgrad.frontend.tracer import Tracer
from irgrad.ir.builder import Builder
from irgrad.ir.graph import Graph, Origin, Value
from irgrad.ir.types import is_inexact


def push_forward(
    builder: Builder, graph: Graph, seeds: Mapping[Value, Any], wanted: Sequence[Value]
) -> list[Any]:
    """The tangents of `wanted`, given those of some values; zeros where they depend on none.
    `builder` extends `graph`. The seed of a value in the middle adds to what reaches it.
    """
    tangents: dict[Value, Any] = dict(seeds)
    for node in graph.nodes:
        incoming = [
            tangents.get(operand) if node.op.differentiable(slot) else None
            for slot, operand in enumerate(node.operands)
        ]
        outgoing = [value for value in node.outputs if is_inexact(value.type.dtype)]
        if not outgoing or all(tangent is None for tangent in incoming):
            continue
        primals = [Tracer(builder, operand) for operand in node.operands]
        outputs = [Tracer(builder, value) for value in node.outputs]
        with builder.emitting(node.location, Origin("jvp", node)):
            pushed = node.op.jvp(primals, outputs, incoming)
        for value, tangent in zip(node.outputs, pushed, strict=True):
            if tangent is not None and value in outgoing:
                if value in seeds:
                    tangent = seeds[value] + tangent
                name_after(tangent, value, graph, "dot")
                tangents[value] = tangent
    return [tangents[value] if value in tangents else zero_of(builder, value) for value in wanted]
