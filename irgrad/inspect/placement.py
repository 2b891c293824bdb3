"""Where the nodes of a graph stand in a drawing: in which band, in which column.

The primal nodes form the first band: sources in the leftmost column, every node right of its
operands, sinks in the rightmost column. Nodes that a derivative rule emitted stand in a band below,
in the column of the primal node whose rule it was; reverse mode flows from the right to the left
there, forward mode from the left to the right. The derivative of a derivative has a band of its
own. Inside a band, an operand always stands in an earlier layer (column, then step in it) than the
node that uses it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from irgrad.ir.graph import Graph, Node, Value

Chain = tuple[str, ...]
"""The modes that led to a node, outermost last: () for primal nodes, ("reverse",) for adjoints."""


class Box:
    """One thing to be drawn: an input, a node, or an output (`label` is its name then).

    `width` and `height` hold its text too; its shape is 2 `half` wide, with ends of `radius`.
    """

    def __init__(self, kind: str, value: Value, label: str = "") -> None:
        self.kind = kind
        self.value = value
        self.label = label
        self.chain: Chain = ()
        self.column = 0
        self.step = 0
        self.width = self.height = self.x = self.y = 0.0
        self.half = self.radius = 0.0
        self.beside: Box | None = None

    @property
    def node(self) -> Node:
        """The node, or the producer of an output."""
        return self.value.node

    @property
    def backwards(self) -> bool:
        """Whether values flow from the right to the left where this box stands."""
        return self.chain.count("reverse") % 2 == 1


class Edge(NamedTuple):
    """A value on its way to an operand slot, or to an output (slot 0)."""

    source: Box
    target: Box
    value: Value
    slot: int


class Placement:
    """The boxes and edges of one graph, with band, column and step of each box."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        first_captured = len(graph.inputs) - graph.captured
        self.box: dict[Node, Box] = {}
        for position, value in enumerate(graph.inputs):
            self.box[value.node] = Box("input" if position < first_captured else "captured", value)
        for node in graph.nodes:
            self.box[node] = Box("node", Value(node, 0))
        self.outputs = [
            Box("output", value, name)
            for name, value in zip(graph.output_names, graph.outputs, strict=True)
        ]
        self.edges = list(self._edges())
        self.incoming: dict[Box, list[Edge]] = {}
        self.outgoing: dict[Box, list[Edge]] = {}
        for edge in self.edges:
            self.incoming.setdefault(edge.target, []).append(edge)
            self.outgoing.setdefault(edge.source, []).append(edge)
        self._place_primals()
        self._place_sources()
        self._place_derivatives()
        self._place_outputs()

    @property
    def boxes(self) -> list[Box]:
        """Everything to be drawn."""
        return [*self.box.values(), *self.outputs]

    def _edges(self) -> Iterator[Edge]:
        for node in self.graph.nodes:
            for slot, operand in enumerate(node.operands):
                if operand.constant is None:
                    yield Edge(self.box[operand.node], self.box[node], operand, slot)
        for box in self.outputs:
            if box.value.constant is None:
                yield Edge(self.box[box.value.node], box, box.value, 0)

    def _operands(self, box: Box) -> list[Box]:
        return [edge.source for edge in self.incoming.get(box, [])]

    def _place_primals(self) -> None:
        """Longest paths from the sources; then what may stand nearer to its readers goes there."""
        for node in self.graph.nodes:
            self.box[node].chain = self._chain(node)
        primal = [self.box[node] for node in self.graph.nodes if not self.box[node].chain]
        for box in primal:
            box.column = 1 + max((operand.column for operand in self._operands(box)), default=0)
        for box in reversed(primal):
            readers = [e.target for e in self.outgoing.get(box, []) if e.target.kind == "node"]
            columns = [reader.column for reader in readers if not reader.chain]
            if columns and sum(operand.kind == "node" for operand in self._operands(box)) <= 1:
                box.column = max(box.column, min(columns) - 1)
        self.last = max((box.column for box in primal), default=0)

    def _chain(self, node: Node) -> Chain:
        if node.origin is None:
            return ()
        mode = "forward" if node.origin.rule == "jvp" else "reverse"
        of = node.origin.of
        beside = self.box.get(of) if isinstance(of, Node) else None
        self.box[node].beside = beside
        return (*(beside.chain if beside else ()), mode)

    def _place_sources(self) -> None:
        """An input that only derivatives read (a seed) stands in their band, where it begins."""
        for value in self.graph.inputs:
            box = self.box[value.node]
            readers = [e.target for e in self.outgoing.get(box, []) if e.target.kind == "node"]
            if readers and all(reader.chain for reader in readers):
                box.chain = min((reader.chain for reader in readers), key=len)
                box.column = self.last + 1 if box.backwards else 0

    def _place_derivatives(self) -> None:
        for node in self.graph.nodes:
            box = self.box[node]
            if box.chain:
                self._place_beside(box)

    def _place_beside(self, box: Box) -> None:
        """In the column of its primal, as far as its operands in the band allow."""
        before = [o for o in self._operands(box) if o.chain == box.chain]
        columns = [operand.column for operand in before]
        others = [operand.column for operand in self._operands(box)]
        start = self.last if box.backwards else 1
        nearest = min if box.backwards else max
        if self._is_partial_sum(box) and columns:
            box.column = nearest(columns)
        else:
            wanted = box.beside.column if box.beside else max(others, default=start)
            box.column = nearest([wanted, *columns])
        steps = [operand.step for operand in before if operand.column == box.column]
        box.step = 1 + max(steps) if steps else 0

    def _is_partial_sum(self, box: Box) -> bool:
        """Whether it adds up some contributions to an adjoint, and its reader the next: it goes
        along with the sweep, so that no contribution has to wait for the end.
        """
        origin = box.node.origin
        readers = [edge.target for edge in self.outgoing.get(box, [])]
        return (
            origin is not None
            and origin.rule == "adjoint"
            and any(r.kind == "node" and r.node.origin == origin for r in readers)
        )

    def _place_outputs(self) -> None:
        """Sinks: at the right end of a band that flows to the right, else at the left end."""
        for box in self.outputs:
            if box.value.constant is None:
                box.chain = self.box[box.value.node].chain
            box.column = 0 if box.backwards else self.last + 1
        ends = [b for b in self.boxes if b.backwards and b.column == 0 and b.kind != "output"]
        after = 1 + max((box.step for box in ends), default=-1)
        for box in self.outputs:
            box.step = after if box.backwards else 0


__all__ = ["Box", "Edge", "Placement"]
