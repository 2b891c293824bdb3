"""Passes inside regions: a pass on a graph becomes one on all graphs in it, innermost first."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence

from irgrad.ir.builder import rebuilt, substitute
from irgrad.ir.graph import Graph, Node, Value, region_fields, with_regions
from irgrad.ir.op import Op

Pass = Callable[[Graph], Graph]


def has_regions(graph: Graph) -> bool:
    """Whether any node has one."""
    return any(region_fields(type(node.op)) for node in graph.nodes)


def everywhere(run: Pass) -> Pass:
    """`run` on the regions of a graph, and then on the graph."""

    @functools.wraps(run)
    def recursive(graph: Graph) -> Graph:
        return run(inside(graph, recursive) if has_regions(graph) else graph)

    return recursive


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

    def keep(self, node: Node, op: Op | None = None) -> None:
        """The node on what its operands have become, perhaps with another op of the same types."""
        operands = tuple(map(self.moved, node.operands))
        stale = node.origin is not None and node.origin.of in self.images
        if op is None and operands == node.operands and not stale:
            self.nodes.append(node)
            return
        self.replace(node, rebuilt(node, operands, self.images, op), range(len(node.types)))

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


def inside(graph: Graph, change: Pass) -> Graph:
    """`graph` with `change` applied to its regions."""
    walk = Exchange(graph)
    for node in graph.nodes:
        op = with_regions(node.op, change) if region_fields(type(node.op)) else node.op
        walk.keep(node, None if op is node.op else op)
    return walk.result()
