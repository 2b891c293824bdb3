"""Loops over independent rows, band by band: some rows run through all of the loops, and what goes
with them, before the next ones do.

A sequence of loops that computes row by row along one axis of its arrays (recurrences along another
axis, and their adjoints) streams whole arrays through memory at every step, and what it keeps for
later steps too. Of a band everything stays in a cache, and threads share the bands. The bands
depend on the program alone, never on the number of threads.

In the graph, a group of nodes becomes one loop over bands, `Bands`, on arrays of fewer rows: each
step writes rows of its own into the results."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from irgrad.ir.builder import rebuilt
from irgrad.ir.exchange import Exchange
from irgrad.ir.graph import Graph, Node, Value, input_value, regions, with_regions
from irgrad.ir.op import Array, Op
from irgrad.ir.types import ArrayType, DType
from irgrad.ops.contract import Contract
from irgrad.ops.create import Iota
from irgrad.ops.elementwise import Elementwise
from irgrad.ops.index import Gather, ScatterAdd, UpdateAt
from irgrad.ops.linear import BroadcastTo, Reshape, Sum
from irgrad.ops.loop import Loop
from irgrad.ops.region import INDEX
from irgrad.ops.shape import Pad, Slice, UpdateSlice
from irgrad_numba.batch_axes import Rows
from irgrad_numba.chunks import COARSE
from irgrad_numba.pool import WAKING
from irgrad_numba.updates import UpdateRows

BAND_BYTES = 1 << 19
"""What a band reads and writes is about so much,"""
LEAST_POINTS = 64
"""but each step of a loop computes so many elements of an array,"""
FEWEST = 4
"""and there are so many bands."""
REUSED = 8
"""Of so many values that a step computes one goes through memory."""
SPARSE, UPDATES = (ScatterAdd, Pad), (UpdateAt, UpdateSlice)
"""What is zero but for a part, and what writes a part."""


@dataclass(frozen=True, repr=False)
class Bands(Loop):
    """A loop whose steps do not wait for each other: each writes rows of its own."""

    name = "bands"


@dataclass(frozen=True, repr=False)
class Room(Op):
    """An array in which nothing is yet."""

    dtype: DType
    shape: tuple[int, ...]
    name = "room"

    def result_types(self, *operands: ArrayType) -> tuple[ArrayType, ...]:
        return (ArrayType(self.dtype, self.shape),)

    def reference(self, *operands: Array) -> Array:
        raise NotImplementedError


def in_bands(graph: Graph) -> Graph:
    """`graph` with loops in bands where that gains."""
    seen: set[Node] = set()
    while True:
        loop = next((n for n in graph.nodes if _is_worth(n) and n not in seen), None)
        if loop is None:
            return graph
        seen.add(loop)
        group = _group(graph, loop)
        if group is not None:
            graph = _Banded(graph, group).result()


def _is_worth(node: Node) -> bool:
    op = node.op
    return isinstance(op, Loop) and not isinstance(op, Bands) and work_of(node) > 0


def work_of(node: Node) -> float:
    """About how many nanoseconds a node takes in a loop; a loop of known length, all its steps."""
    op: Any = node.op
    if isinstance(op, Loop):
        return (op.length or 0) * sum(map(work_of, op.body.nodes))
    if regions(op):
        return max(sum(map(work_of, region.nodes)) for region in regions(op).values())
    return _bytes(node) * COARSE.byte / (1 if isinstance(node.op, (*SPARSE, *UPDATES)) else REUSED)


def _bytes(node: Node) -> int:
    """How much a node writes: of what is zero but for a part, and of an update, the part."""
    if any(isinstance(v.node.op, SPARSE) for v in node.operands):
        return 0
    parts: Sequence[Value] = node.outputs
    if isinstance(node.op, (*SPARSE, *UPDATES)):
        parts = node.operands[:1] if isinstance(node.op, SPARSE) else node.operands[1:2]
    return sum(v.type.nbytes for v in parts if not v.type.is_dynamic)


class Group(NamedTuple):
    """Nodes that compute row by row."""

    nodes: list[Node]
    rows: Rows
    height: int
    """Rows of a band."""
    entries: list[Value]
    """What they read of others,"""
    results: list[Value]
    """and what others read of them."""
    after: set[Node]
    """The other nodes that wait for them."""


def _group(graph: Graph, loop: Node) -> Group | None:
    """The nodes that can run in bands with a loop; None where that gains too little."""
    op: Any = loop.op
    arrays = [*op.groups(loop.operands).carried, *loop.outputs[op.carried :]]
    largest = max(arrays, key=lambda v: v.type.size, default=None)
    if op.length is None or largest is None:
        return None
    for axis in range(largest.type.ndim):
        rows = Rows(largest.type.shape[axis])
        if rows.count >= FEWEST and rows.take(loop, (largest, axis)):
            group = _grown(graph, loop, rows)
            if group is not None:
                return group
    return None


def _grown(graph: Graph, loop: Node, rows: Rows) -> Group | None:
    """The group of a loop, with all that can run in its bands."""
    taken, after = _with_users(graph, loop, rows)
    users: dict[Value, list[Node]] = {}
    for node in graph.nodes:
        for v in node.operands:
            users.setdefault(v, []).append(node)
    outputs = set(graph.outputs)
    for node in reversed(graph.nodes):
        readers = {user for v in node.outputs for user in users.get(v, ())}
        alone = readers and readers <= taken and outputs.isdisjoint(node.outputs)
        free = alone and node not in taken | after and not isinstance(node.op, Contract)
        if free and _joins(node, rows):
            taken.add(node)
    nodes = [node for node in graph.nodes if node in taken]
    height = _height(nodes, rows)
    if not height:
        return None
    reads = dict.fromkeys(v for node in nodes for v in node.operands)
    entries = [v for v in reads if v.node not in taken and not _is_number(v)]
    made = [v for node in nodes for v in node.outputs]
    used = [v for v in made if v in outputs or not taken.issuperset(users.get(v, ()))]
    return Group(nodes, rows, height, entries, used, after)


def _with_users(graph: Graph, loop: Node, rows: Rows) -> tuple[set[Node], set[Node]]:
    """A loop with what can run in bands of what is computed from it; and what cannot."""
    taken, after, sums = {loop}, set[Node](), set[Node]()
    for node in graph.nodes[graph.nodes.index(loop) + 1 :]:
        sources = {v.node for v in node.operands}
        if not sources & (taken | after):
            continue
        if sources & (after | sums):
            after.add(node)
        elif _joins(node, rows):
            taken.add(node)
        elif _adds_up(node, rows):
            taken.add(node)
            sums.add(node)
        else:
            after.add(node)
    return taken, after


def _joins(node: Node, rows: Rows) -> bool:
    """Whether a node may be added: what it makes has rows; of a loop, something."""
    dynamic = any(v.type.is_dynamic for v in (*node.operands, *node.outputs))
    if dynamic or isinstance(node.op, Bands) or not rows.take(node):
        return False
    some = any if isinstance(node.op, Loop) else all
    return some(v in rows.axis for v in node.outputs)


def _adds_up(node: Node, rows: Rows) -> bool:
    """Whether a node is a sum over the rows, which are many for what is left."""
    if not isinstance(node.op, Sum):
        return False
    (x,) = node.operands
    return rows.axis.get(x) in node.op.axes and node.types[0].size * FEWEST <= x.type.size


def _is_number(value: Value) -> bool:
    return value.constant is not None and value.type.size == 1


def _is_filled(value: Value) -> bool:
    """Whether a value is full of one number."""
    node = value.node
    return isinstance(node.op, BroadcastTo) and _is_number(node.operands[0])


def _height(nodes: list[Node], rows: Rows) -> int:
    """How many rows of a band; 0 where bands gain too little."""
    work = sum(work_of(n) if isinstance(n.op, Loop) else _bytes(n) * COARSE.byte for n in nodes)
    if work < 2 * WAKING:
        return 0
    values = dict.fromkeys(v for n in nodes for v in (*n.operands, *n.outputs) if v in rows.axis)
    row = sum(v.type.nbytes for v in values) // rows.count
    steps = [v.type.size for v in _stepwise(nodes) if v in rows.axis]
    points = min(steps, default=rows.count) // rows.count
    most = min(max(LEAST_POINTS // points, BAND_BYTES // row, 1), rows.count // FEWEST)
    height = max(n for n in range(1, most + 1) if rows.count % n == 0)
    return height if height * points * FEWEST >= LEAST_POINTS else 0


def _stepwise(nodes: Iterable[Node]) -> Iterator[Value]:
    """What steps of loops compute, element by element."""
    for node in nodes:
        for region in regions(node.op).values():
            for inner in region.nodes:
                if isinstance(inner.op, Elementwise):
                    yield Value(inner, 0)
            yield from _stepwise(region.nodes)


class _Banded:
    """A graph with a group of its nodes in bands."""

    def __init__(self, graph: Graph, group: Group) -> None:
        self.graph = graph
        self.group = group
        self.axis = group.rows.axis
        self.count = group.rows.count // group.height
        self.outside = Exchange(graph)

    def result(self) -> Graph:
        group, walk = self.group, self.outside
        for node in self.graph.nodes:
            if node not in group.nodes and node not in group.after:
                walk.keep(node)
        self._loop()
        for node in self.graph.nodes:
            if node in group.after:
                walk.keep(node)
        return walk.result()

    def _emit(self, like: Node, op: Op, *operands: Value) -> Value:
        types = op.result_types(*(v.type for v in operands))
        self.outside.nodes.append(Node(op, operands, types, location=like.location))
        return Value(self.outside.nodes[-1], 0)

    def _loop(self) -> None:
        """The loop over bands."""
        group, first = self.group, self.group.nodes[0]
        inside = Exchange(self.graph)
        number, height = input_value("band", INDEX), group.height
        fixed: list[Value] = []
        inputs: list[Value] = []
        for k, v in enumerate(group.entries):
            given, axis = self.outside.moved(v), self.axis.get(v)
            if axis is not None and _is_filled(v):
                self._resize([v.node], inside)
                continue
            if axis is not None:
                shape = v.type.shape
                cut = (*shape[:axis], self.count, height, *shape[axis + 1 :])
                given = self._emit(first, Reshape(cut), given)
            fixed.append(given)
            inputs.append(input_value(v.name or f"x{k}", given.type))
            inside.values[v] = inputs[-1]
            if axis is not None:
                op = Gather((axis,))
                types = op.result_types(given.type, INDEX)
                inside.nodes.append(Node(op, (inputs[-1], number), types, location=first.location))
                inside.values[v] = Value(inside.nodes[-1], 0)
        self._resize(group.nodes, inside)
        rows = [v for v in group.results if v in self.axis]
        others = [v for v in group.results if v not in self.axis]
        rooms: list[Value] = []
        outputs: dict[str, Value] = {}
        for k, v in enumerate(rows):
            like = v.node
            rooms.append(self._emit(like, Room(v.type.dtype, v.type.shape)))
            inputs.insert(k, input_value(v.name or f"y{k}", v.type))
            operands = (inputs[k], inside.moved(v), number)
            inside.nodes.append(
                Node(UpdateRows(self.axis[v]), operands, (v.type,), location=like.location)
            )
            outputs[f"rows{k}"] = Value(inside.nodes[-1], 0)
        outputs |= {f"part{k}": inside.moved(v) for k, v in enumerate(others)}
        body = Graph("band", [number, *inputs], inside.nodes, outputs)
        loop = Bands(len(rows), 0, self.count, False, False, body)
        operands = (*rooms, *fixed)
        names = tuple(v.name for v in (*rows, *others))
        types = loop.result_types(*(v.type for v in operands))
        node = Node(loop, operands, types, names=names, location=first.location)
        self.outside.nodes.append(node)
        for old, new in zip((*rows, *others), node.outputs, strict=True):
            self.outside.values[old] = new if old in self.axis else self._whole(old, new)

    def _whole(self, old: Value, parts: Value) -> Value:
        """What the bands have made together, of a sum over rows; or each, of what has none."""
        like = old.node
        if isinstance(like.op, Sum):
            return self._emit(like, Sum((0,)), parts)
        shape = parts.type.shape
        zeros, ones = (0,) * len(shape), (1,) * len(shape)
        first = self._emit(like, Slice(zeros, (1, *shape[1:]), ones), parts)
        return self._emit(like, Reshape(shape[1:]), first)

    def _resize(self, nodes: list[Node], walk: Exchange) -> None:
        """Nodes on bands instead of all rows."""
        for node in nodes:
            op: Any = with_regions(node.op, self._region)
            axis = self.axis.get(Value(node, 0)) if len(node.outputs) == 1 else None
            if axis is not None and isinstance(op, (BroadcastTo, Reshape, ScatterAdd, Iota)):
                op = dataclasses.replace(op, shape=self._resized(op.shape, axis))
            elif axis is not None and isinstance(op, Slice):
                op = dataclasses.replace(op, stop=self._resized(op.stop, axis))
            operands = tuple(map(walk.moved, node.operands))
            walk.replace(node, rebuilt(node, operands, walk.images, op), range(len(node.types)))

    def _resized(self, shape: tuple[int, ...], axis: int) -> tuple[int, ...]:
        return (*shape[:axis], self.group.height, *shape[axis + 1 :])

    def _region(self, graph: Graph) -> Graph:
        walk = Exchange(graph)
        for v in graph.inputs:
            axis = self.axis.get(v)
            if axis is not None:
                type = ArrayType(v.type.dtype, self._resized(v.type.shape, axis))
                walk.values[v] = input_value(v.name or "x", type)
        self._resize(list(graph.nodes), walk)
        outputs = map(walk.moved, graph.outputs)
        named = dict(zip(graph.output_names, outputs, strict=True))
        return Graph(graph.name, list(map(walk.moved, graph.inputs)), walk.nodes, named)
