"""Forward mode: a graph with tangent nodes beside its own, from the same op definitions as reverse
mode.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from irgrad.autodiff.outside import held, remind
from irgrad.autodiff.reverse import name_after
from irgrad.autodiff.structured import RULES
from irgrad.frontend.tracer import Tracer
from irgrad.ir.blame import blame
from irgrad.ir.builder import Builder, rebuilt
from irgrad.ir.graph import Graph, Node, Origin, Value
from irgrad.ir.types import is_inexact
from irgrad.ops.accumulate import add
from irgrad.ops.region import Structured


def push_forward(
    builder: Builder, graph: Graph, seeds: Mapping[Value, Any], beside: bool = False
) -> tuple[list[Value], list[Any]]:
    """The outputs of `graph` and their tangents, given those of some values; None where they depend
    on none. The seed of a value in the middle adds to what reaches it.

    `builder` has the inputs of `graph` and gets its nodes, each followed by its tangents; an op
    with regions is replaced by one that computes both together. With `beside`, `builder` has the
    nodes too, and they stay as they are: such an op then runs a second time, for its tangents."""
    return _Push(builder, graph, seeds, beside).run()


class _Push:
    """The walk: where values have gone, and their tangents."""

    def __init__(
        self, builder: Builder, graph: Graph, seeds: Mapping[Value, Any], beside: bool
    ) -> None:
        self.builder = builder
        self.graph = graph
        self.seeds = seeds
        self.beside = beside
        self.tangents: dict[Value, Any] = dict(seeds)
        self.values: dict[Value, Value] = {}
        self.images: dict[Node, Node] = {}

    def run(self) -> tuple[list[Value], list[Any]]:
        for node in self.graph.nodes:
            incoming = [
                self.tangents.get(operand) if node.op.differentiable(slot) else None
                for slot, operand in enumerate(node.operands)
            ]
            active = any(tangent is not None for tangent in incoming)
            try:
                if active and isinstance(node.op, Structured):
                    self._together(node, incoming)
                else:
                    self._beside(node, incoming, active)
            except Exception as error:
                blame(error, node)
                remind(error, node.op, "the tangent of operand", incoming)
                raise
        outputs = self.graph.outputs
        return list(map(self._moved, outputs)), [self.tangents.get(value) for value in outputs]

    def _moved(self, value: Value) -> Value:
        return self.values.get(value, value)

    def _traced(self, values: tuple[Value, ...]) -> list[Any]:
        return [Tracer(self.builder, self._moved(value)) for value in values]

    def _beside(self, node: Node, incoming: list[Any], active: bool) -> None:
        operands = tuple(map(self._moved, node.operands))
        image = node
        if operands != node.operands or (node.origin and node.origin.of in self.images):
            image = self.images[node] = rebuilt(node, operands, self.images)
            self.values.update(zip(node.outputs, image.outputs, strict=True))
        if not self.beside:
            self.builder.nodes.append(image)
        outgoing = [value for value in node.outputs if is_inexact(value.type.dtype)]
        if not active or not outgoing:
            return
        with self.builder.emitting(node.location, Origin("jvp", image)):
            outputs = self._traced(node.outputs)
            pushed = node.op.jvp(self._traced(node.operands), outputs, incoming)
            pushed = held(self.builder, node.op, "jvp", pushed, node.types)
        for value, tangent in zip(node.outputs, pushed, strict=True):
            if tangent is not None and value in outgoing:
                self._give(value, tangent)

    def _together(self, node: Node, incoming: list[Any]) -> None:
        with self.builder.emitting(node.location, node.origin):
            rule = RULES[type(node.op)]
            outputs, pushed = rule.push(node.op, self._traced(node.operands), incoming)
        image = outputs[0].value.node
        for value, output, tangent in zip(node.outputs, outputs, pushed, strict=True):
            if not self.beside:
                self.values[value] = output.value
                self.images[node] = image
            if tangent is not None:
                self._give(value, tangent)
        if image.names[0] is None and not self.beside:
            image.names = (*node.names, *image.names[len(node.names) :])

    def _give(self, value: Value, tangent: Any) -> None:
        if value in self.seeds:
            tangent = add(self.seeds[value], tangent)
        name_after(tangent, value, self.graph, "dot")
        self.tangents[value] = tangent
