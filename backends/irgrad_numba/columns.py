"""Arrays that a loop goes through column by column lie with their last axis in front while it runs.

In C order, elements of a column stand a row apart: each is in a cache line of its own, and no
vector instruction loads several. Where all that a loop does with a family of values (see
`families`) is to read and write columns of them, at places along the last axis, these are turned
before the loop and turned back after it, so that a column is a row."""

from __future__ import annotations

import dataclasses
from typing import Any

from irgrad.ir.builder import rebuilt
from irgrad.ir.graph import Graph, Node, Origin, Value, input_value, with_regions
from irgrad.ir.op import Op
from irgrad.ir.types import ArrayType, Shape
from irgrad.ops.arithmetic import ADD
from irgrad.ops.index import Gather, ScatterAdd, UpdateAt
from irgrad.ops.linear import BroadcastTo, Reshape
from irgrad.ops.loop import Loop
from irgrad.ops.shape import Pad, Slice, Transpose, UpdateSlice
from irgrad_numba.arranged import Arranged
from irgrad_numba.families import Families, entries, is_thin
from irgrad_numba.in_place import CONTROL

SMALLEST = 4096
"""Bytes of arrays that are worth it."""
SHORTEST = 16
"""Elements of such columns."""


def columns_first(graph: Graph) -> Graph:
    """`graph` with arrays turned around loops that go through their columns."""
    if not any(isinstance(node.op, CONTROL) for node in graph.nodes):
        return graph
    return _Walk(graph).result()


def _front(shape: Shape) -> Shape:
    """A shape with its last axis in front."""
    return (*shape[-1:], *shape[:-1])


def _turned_type(type: ArrayType) -> ArrayType:
    return ArrayType(type.dtype, _front(type.shape))


def _turned_axes(axes: tuple[int, ...], ndim: int) -> tuple[int, ...]:
    """The numbers of axes, when the last one is in front."""
    return tuple((axis + 1) % ndim for axis in axes)


TURNED = "columns"
"""The rule that a node on a turned array comes from."""


def _marked(node: Node) -> Node:
    """A node like this, that comes from it."""
    origin = Origin(TURNED, node)
    return Node(
        node.op, node.operands, node.types, names=node.names, location=node.location, origin=origin
    )


def before_turns(node: Node) -> Node:
    """The node that indexes what has not been turned, on which a user's axes have their numbers."""
    while node.origin is not None and node.origin.rule == TURNED:
        assert isinstance(node.origin.of, Node)
        node = node.origin.of
    return node


def _forth(ndim: int) -> Transpose:
    return Transpose((ndim - 1, *range(ndim - 1)))


def _back(ndim: int) -> Transpose:
    return Transpose((*range(1, ndim), 0))


class _Walk:
    """A graph node by node, with arrays turned around its loops."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.nodes: list[Node] = []
        self.values: dict[Value, Value] = {}
        self.images: dict[Node, Node] = {}
        self.turned: dict[Value, Value] = {}
        """Of values of the new graph, what they are with the last axis in front."""

    def result(self) -> Graph:
        for node in self.graph.nodes:
            self._visit(node)
        named = dict(zip(self.graph.output_names, map(self.moved, self.graph.outputs), strict=True))
        return self.graph.replace(nodes=self.nodes, outputs=named)

    def moved(self, value: Value) -> Value:
        """Where a value has gone."""
        return self.values.get(value, value)

    def emit(self, like: Node, op: Op, *operands: Value) -> Value:
        """The value of a new node beside `like`."""
        types = op.result_types(*(v.type for v in operands))
        node = Node(op, operands, types, location=like.location, origin=like.origin)
        self.nodes.append(node)
        return Value(node, 0)

    def _visit(self, node: Node) -> None:
        operands = tuple(map(self.moved, node.operands))
        chosen, op = set[Value](), node.op
        if isinstance(op, Loop):
            pairs = zip(node.operands, operands, strict=True)
            chosen = _chosen(node, {old for old, new in pairs if new in self.turned})
            inside = [None] * op.first + [*op.body.inputs[1:]]
            operands = tuple(
                self._front(node, v) if x in chosen else v
                for v, x in zip(operands, inside, strict=True)
            )
        if isinstance(op, CONTROL):
            op = _Turn(chosen).op(node) if chosen else op
            op = with_regions(op, columns_first)
        if self._is_written_turned(node, operands):
            return
        self.put(node, op, operands)
        for old in node.outputs:
            if old in chosen:
                self._turned_back(node, old, self.values[old])

    def put(
        self, node: Node, op: Op, operands: tuple[Value, ...], like: Node | None = None
    ) -> None:
        """A node with another op or on other operands, with the provenance of one `like` it, or the
        node itself.
        """
        stale = node.origin is not None and node.origin.of in self.images
        if op is node.op and operands == node.operands and not stale:
            self.nodes.append(node)
            return
        image = rebuilt(like or node, operands, self.images, op)
        self.images[node] = image
        self.nodes.append(image)
        self.values.update(zip(node.outputs, image.outputs, strict=True))

    def _turned_back(self, node: Node, old: Value, front: Value) -> None:
        """`front` is what a value is when turned."""
        self.values[old] = self.emit(node, _back(old.type.ndim), front)
        self.turned[self.values[old]] = front

    def _is_written_turned(self, node: Node, operands: tuple[Value, ...]) -> bool:
        """Between two loops, a write into a column of a turned array leaves it turned."""
        op: Any = node.op
        if op is ADD:
            for x, part in (operands, operands[::-1]):
                inner: Any = part.node.op
                if x in self.turned and isinstance(inner, Pad):
                    source = part.node.operands[0]
                    if is_thin(x.type.shape, source.type.shape):
                        widths = map(_front, (inner.low, inner.high, inner.inside))
                        padded = self.emit(node, Pad(*widths), self.thin(node, source))
                        total = self.emit(node, ADD, self.turned[x], padded)
                        self._turned_back(node, Value(node, 0), total)
                        return True
        if isinstance(op, UpdateSlice) and operands[0] in self.turned:
            x, y = operands
            if is_thin(x.type.shape, y.type.shape):
                written = UpdateSlice(_front(op.start), _front(op.step))
                front = self.emit(node, written, self.turned[x], self.thin(node, y))
                self._turned_back(node, Value(node, 0), front)
                return True
        return False

    def thin(self, node: Node, value: Value) -> Value:
        """What lies in one column, turned."""
        return self.emit(node, Reshape(_front(value.type.shape)), value)

    def _front(self, node: Node, value: Value) -> Value:
        if value not in self.turned:
            source = value.node
            if isinstance(source.op, BroadcastTo) and source.operands[0].type.size == 1:
                front = self.emit(node, BroadcastTo(_front(value.type.shape)), *source.operands)
            else:
                front = self.emit(node, _forth(value.type.ndim), value)
                front = self.emit(node, Arranged(), front)
            self.turned[value] = front
        return self.turned[value]


def _chosen(node: Node, turned: set[Value]) -> set[Value]:
    """The values to be turned around a loop and in it, where some operands are turned already."""
    op: Any = node.op
    if op.length is None:
        return set()
    families = Families()
    families.enter(node)
    operands = [(outer, inner) for outer, inner in entries(node) if _is_worth(outer, op.length)]
    counts = {inner: families.count(inner) for _, inner in operands}
    free = any(counts[inner] for outer, inner in operands if outer in turned)
    if not free and max(counts.values(), default=0) < 2:
        return set()
    heads = {families.head(inner) for inner, count in counts.items() if count}
    return {v for v in {*families.above, *heads} if families.head(v) in heads}


def _is_worth(value: Value, steps: int) -> bool:
    shape = value.type.shape
    if len(shape) < 2 or value.type.nbytes < SMALLEST or value.type.is_dynamic:
        return False
    return value.type.size >= SHORTEST * shape[-1] and 2 * steps >= shape[-1]


class _Turn:
    """Regions with the `chosen` values turned."""

    def __init__(self, chosen: set[Value]) -> None:
        self.chosen = chosen

    def op(self, node: Node) -> Op:
        """The op of a node with its regions so."""
        return with_regions(node.op, self.region)

    def region(self, graph: Graph) -> Graph:
        """A region so: its chosen inputs and outputs are turned ones."""
        walk = _Walk(graph)
        for v in graph.inputs:
            if v in self.chosen:
                walk.values[v] = input_value(v.name or "x", _turned_type(v.type))
        for node in graph.nodes:
            self._visit(node, walk)
        outputs = map(walk.moved, graph.outputs)
        named = dict(zip(graph.output_names, outputs, strict=True))
        return Graph(graph.name, list(map(walk.moved, graph.inputs)), walk.nodes, named)

    def _visit(self, node: Node, walk: _Walk) -> None:
        op: Any = node.op
        like = node
        given = list(map(walk.moved, node.operands))
        if isinstance(op, CONTROL):
            op = self.op(node)
        elif not any(v in self.chosen for v in (*node.operands, *node.outputs)):
            pass
        elif isinstance(op, (Gather, UpdateAt)):
            op = dataclasses.replace(op, axes=_turned_axes(op.axes, node.operands[0].type.ndim))
            like = _marked(node)
        elif isinstance(op, ScatterAdd):
            op = ScatterAdd(_turned_axes(op.axes, len(op.shape)), _front(op.shape))
            like = _marked(node)
        elif isinstance(op, BroadcastTo):
            op = BroadcastTo(_front(op.shape))
        elif isinstance(op, Slice):
            given = [walk.emit(node, Slice(*map(_front, (op.start, op.stop, op.step))), *given)]
            op = Reshape(node.types[0].shape)
        elif isinstance(op, UpdateSlice):
            given[1] = walk.thin(node, given[1])
            op = UpdateSlice(_front(op.start), _front(op.step))
        elif isinstance(op, Pad):
            given = [walk.thin(node, given[0])]
            op = Pad(*map(_front, (op.low, op.high, op.inside)))
        walk.put(node, op, tuple(given), like)
