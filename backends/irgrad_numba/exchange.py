"""A walk through a graph that puts other nodes in the place of some."""

from __future__ import annotations

from irgrad.ir.builder import rebuilt
from irgrad.ir.graph import Graph, Node, Value
from irgrad.ir.op import Op


class Exchange:
    """Where the values of a graph have gone, and the nodes so far."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.values: dict[Value, Value] = {}
        self.images: dict[Node, Node] = {}
        self.nodes: list[Node] = []

    def moved(self, value: Value) -> Value:
        """Where a value has gone."""
        return self.values.get(value, value)

    def keep(self, node: Node, op: Op | None = None) -> Node:
        """The node on what its operands have become, perhaps with another op -> what it is now."""
        operands = tuple(map(self.moved, node.operands))
        stale = node.origin is not None and node.origin.of in self.images
        image = node
        if op is not None or operands != node.operands or stale:
            image = self.images[node] = rebuilt(node, operands, self.images, op)
            self.values.update(zip(node.outputs, image.outputs, strict=True))
        self.nodes.append(image)
        return image

    def result(self) -> Graph:
        """The graph after the walk; the graph itself where nothing has changed."""
        if not self.values and len(self.nodes) == len(self.graph.nodes):
            return self.graph
        outputs = map(self.moved, self.graph.outputs)
        named = dict(zip(self.graph.output_names, outputs, strict=True))
        return self.graph.replace(nodes=self.nodes, outputs=named)
