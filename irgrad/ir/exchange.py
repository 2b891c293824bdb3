"""A walk through a graph that puts other nodes in the place of some."""

from __future__ import annotations

from collections.abc import Sequence

from irgrad.ir.builder import rebuilt, substitute
from irgrad.ir.graph import Graph, Node, Value
from irgrad.ir.op import Op


class Exchange:
    """A walk that puts other nodes in the place of some: where values have gone, and the nodes."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.values: dict[Value, Value] = {}
        self.images: dict[Node, Node] = {}
        self.nodes: list[Node] = []

    def moved(self, value: Value) -> Value:
        """Where a value has gone."""
        return self.values.get(value, value)

    def keep(self, node: Node, op: Op | None = None) -> Node:
        """The node on what its operands have become, perhaps with another op of the same types ->
        what it is now.
        """
        gone = self.values
        operands = tuple([gone.get(v, v) for v in node.operands]) if gone else node.operands
        stale = node.origin is not None and node.origin.of in self.images
        if op is None and operands == node.operands and not stale:
            self.nodes.append(node)
            return node
        image = rebuilt(node, operands, self.images, op)
        self.replace(node, image, range(len(node.types)))
        return image

    def replace(self, node: Node, image: Node, outputs: Sequence[int]) -> None:
        """`image` in the place of `node`, whose outputs with these numbers it gives, in order."""
        self.nodes.append(image)
        self.images[node] = image
        for place, k in enumerate(outputs):
            self.values[Value(node, k)] = Value(image, place)

    def inline(self, graph: Graph, operands: Sequence[Value]) -> tuple[Value, ...]:
        """The nodes of a region on `operands` -> its outputs."""
        return substitute(graph, operands, self.nodes.append)

    def result(self) -> Graph:
        """The graph after the walk; the graph itself where nothing has changed."""
        if not self.values and not self.images and len(self.nodes) == len(self.graph.nodes):
            return self.graph
        outputs = list(map(self.moved, self.graph.outputs))
        named = dict(zip(self.graph.output_names, outputs, strict=True))
        return self.graph.replace(nodes=self.nodes, outputs=named)
