"""Scalar replacement (Callahan, Carr, Kennedy 1990): what a step of a loop writes into an array,
and one of the next steps reads there again, goes from step to step in a register.

A recurrence like x[i] = f(x[i - 1]) waits for its own last result: the way through memory takes as
long as two or three additions. What is written is written as before."""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from irgrad.ir.builder import rebuilt
from irgrad.ir.exchange import Exchange
from irgrad.ir.graph import Graph, Node, Value, constant_value, input_value, regions, with_regions
from irgrad.ir.op import Op
from irgrad.ir.types import I64
from irgrad.ops.arithmetic import ADD, MULTIPLY
from irgrad.ops.index import Gather, UpdateAt
from irgrad.ops.loop import Loop
from irgrad_numba.index import Index, variable
from irgrad_numba.rejoined import rejoined
from irgrad_numba.updates import AddAt, spread_out

FARTHEST = 3
"""Steps after which an element is still in a register."""

Place = tuple[Index, ...]
"""Of an element: variable 0 is the position in the loop, others are inputs of the body."""


class Write(NamedTuple):
    """One of the writes by which a body makes a carried array."""

    node: Node
    carried: int
    place: Place


class Before(NamedTuple):
    """A write, and how many steps before."""

    write: Write
    steps: int


class Recalled(NamedTuple):
    """A read of what a write has left there some steps before."""

    read: Node
    write: Write
    steps: int


def scalars_replaced(graph: Graph) -> Graph:
    """`graph` with such elements as carried values of its loops."""
    if not any(regions(node.op) for node in graph.nodes):
        return graph
    walk = Exchange(graph)
    for node in graph.nodes:
        op: Any = node.op
        inner = regions(op)
        if isinstance(op, Loop) and op.length and _is_recurrence(op.body):
            op = dataclasses.replace(op, body=rejoined(spread_out(op.body)))
            found = _Recurrence(op).recalled()
            if found:
                _Carried(walk, node, op, found).run()
                continue
        elif inner:
            op = with_regions(op, scalars_replaced)
            if op is not node.op:
                walk.keep(node, op)
                continue
        walk.keep(node)
    return walk.result()


def _is_recurrence(body: Graph) -> bool:
    """Whether a body without regions reads elements and writes some."""
    elements = [node.op for node in body.nodes if node.types[0].shape == ()]
    return (
        any(isinstance(op, Gather) for op in elements)
        and any(isinstance(node.op, UpdateAt) for node in body.nodes)
        and not any(regions(node.op) for node in body.nodes)
    )


class _Recurrence:
    """The innermost loop, and where it reads and writes elements."""

    def __init__(self, op: Loop) -> None:
        self.op = op
        body = op.body
        self.step = -1 if op.backward else 1
        self.places = {body.inputs[0]: variable(0)}
        for k, value in enumerate(body.inputs[1 + op.carried + op.scanned :]):
            if value.type.dtype == I64 and value.type.shape == ():
                self.places[value] = variable(1 + op.carried + op.scanned + k)
        for node in body.nodes:
            index = self._index(node)
            if index is not None:
                self.places[Value(node, 0)] = index

    def _index(self, node: Node) -> Index | None:
        """A sum of multiples of the position and of what is fixed."""
        if node.types[0].dtype != I64 or node.op.name not in ("add", "subtract", "multiply"):
            return None
        x, y = map(self._of, node.operands)
        if x is None or y is None:
            return None
        if node.op.name == "multiply":
            number, other = (x, y) if not x.terms else (y, x)
            return None if number.terms else other.scaled(number.constant)
        return x + (y if node.op.name == "add" else y.scaled(-1))

    def _of(self, value: Value) -> Index | None:
        if value.constant is not None and value.constant.shape == ():
            return Index(int(value.constant)) if value.type.dtype == I64 else None
        return self.places.get(value)

    def _place(self, array: Value, axes: Sequence[int], indices: Sequence[Value]) -> Place | None:
        """The element that stands there, where it is known to be one."""
        found = dict(zip(axes, map(self._of, indices), strict=True))
        place = [found.get(axis) for axis in range(array.type.ndim)]
        return None if None in place else tuple(index for index in place if index is not None)

    def recalled(self) -> list[Recalled]:
        """The reads of what the steps before have left."""
        op, found = self.op, list[Recalled]()
        for k in range(op.carried):
            writes = self._writes(k)
            versions = {op.body.inputs[1 + k]: 0}
            versions |= {Value(write.node, 0): n for n, write in enumerate(writes, 1)}
            for node in op.body.nodes if writes else ():
                if isinstance(node.op, Gather) and node.operands[0] in versions:
                    array, *indices = node.operands
                    place = self._place(array, node.op.axes, indices)
                    before = place and self._before(place, writes, versions[array])
                    if isinstance(before, Before):
                        found.append(Recalled(node, before.write, before.steps))
        return found

    def _writes(self, k: int) -> list[Write]:
        """All writes that make the carried array k, in order, each of one element."""
        state, value = self.op.body.inputs[1 + k], self.op.body.outputs[k]
        found: list[Write] = []
        while value != state:
            node = value.node
            if not isinstance(node.op, (UpdateAt, AddAt)) or node.types[0].dtype.kind == "c":
                return []
            array, _, *indices = node.operands
            place = self._place(array, node.op.axes, indices)
            if place is None:
                return []
            found.insert(0, Write(node, k, place))
            value = array
        return found

    def _before(self, place: Place, writes: Sequence[Write], version: int) -> Before | None:
        """The last write to a place before a read of a version of the array, if it is one of
        another step, and how many steps before.
        """
        shape = writes[0].node.types[0].shape
        for steps in range(min(FARTHEST, self.op.length or 0) + 1):
            for write in reversed(writes if steps else writes[:version]):
                there = [x + -steps * self.step * x.coefficient(0) for x in write.place]
                apart = [x + y.scaled(-1) for x, y in zip(place, there, strict=True)]
                if any(_is_never_zero(x, n) for x, n in zip(apart, shape, strict=True)):
                    continue
                same = all(x == Index(0) for x in apart)
                return Before(write, steps) if same and steps else None
        return None


def _is_never_zero(difference: Index, extent: int) -> bool:
    """Whether two places along an axis are never the same one; negative ones count from its end."""
    return not difference.terms and difference.constant not in (0, extent, -extent)


class _Carried:
    """A loop that gets a carried value for each step that an element waits."""

    def __init__(self, walk: Exchange, node: Node, op: Loop, found: Sequence[Recalled]) -> None:
        self.walk = walk
        self.node = node
        self.op = op
        self.operands = list(map(walk.moved, node.operands))
        likes: dict[Write, dict[int, Node]] = defaultdict(dict)
        for read, write, steps in found:
            likes[write].setdefault(steps, read)
        self.registers = {
            write: [input_value("last", like.types[0]) for _ in range(max(steps))]
            for write, steps in likes.items()
            for like in [steps[max(steps)]]
        }
        """By a write, what it wrote a step ago, two steps ago, ..."""
        self.reads = {r.read: self.registers[r.write][r.steps - 1] for r in found}
        self.like = {write: steps[max(steps)] for write, steps in likes.items()}

    def run(self) -> None:
        """Put it in the place of the node."""
        op, node, at = self.op, self.node, self.op.carried
        starts = [self._start(w, k) for w, rs in self.registers.items() for k in range(len(rs))]
        body = self._body()
        operands = (*self.operands[:at], *starts, *self.operands[at:])
        longer = dataclasses.replace(op, carried=at + len(starts), body=body)
        image = Node(
            longer, operands, longer.result_types(*[v.type for v in operands]),
            names=(*node.names[:at], *[None] * len(starts), *node.names[at:]),
            location=node.location, origin=node.origin,
        )  # fmt: skip
        kept = [*range(at), *range(at + len(starts), len(image.types))]
        self.walk.nodes.append(image)
        self.walk.images[node] = image
        self.walk.values |= {v: Value(image, k) for v, k in zip(node.outputs, kept, strict=True)}

    def _start(self, write: Write, k: int) -> Value:
        """What stands where the write would have written k + 1 steps before the first: a read of
        the loop reads it.
        """
        op, like = self.op, self.like[write]
        first, step = (op.length - 1, -1) if op.backward and op.length else (0, 1)
        at = first - (k + 1) * step
        place = [index.without(0) + index.coefficient(0) * at for index in write.place]
        indices = [self._number(like, index) for index in place]
        return self._emit(
            like, Gather(tuple(range(len(place)))), self.operands[write.carried], *indices
        )

    def _number(self, like: Node, index: Index) -> Value:
        """A sum of multiples of the loop's operands."""
        total = constant_value(np.array(index.constant, np.int64))
        for number, by in index.terms:
            x = self.operands[number - 1]
            if by != 1:
                x = self._emit(like, MULTIPLY, x, constant_value(np.array(by, np.int64)))
            total = self._emit(like, ADD, x, total)
        return total

    def _emit(self, like: Node, op: Op, *operands: Value) -> Value:
        types = op.result_types(*[v.type for v in operands])
        node = Node(op, operands, types, location=like.location)
        self.walk.nodes.append(node)
        return Value(node, 0)

    def _body(self) -> Graph:
        """The body, which gives each register what the one before it holds."""
        old, at = self.op.body, self.op.carried
        body, written = Exchange(old), dict[Write, Value]()
        writes = {write.node: write for write in self.registers}
        for node in old.nodes:
            if node in self.reads:
                body.values[Value(node, 0)] = self.reads[node]
                continue
            if node in writes:
                written[writes[node]] = self._write(body, node)
                continue
            body.keep(node)
        news = [r for rs in self.registers.values() for r in rs]
        after = [v for w, rs in self.registers.items() for v in (written[w], *rs[:-1])]
        outputs = list(map(body.moved, old.outputs))
        names = [f"last.{k}" for k in range(len(news))]
        named = zip(
            (*old.output_names[:at], *names, *old.output_names[at:]),
            (*outputs[:at], *after, *outputs[at:]),
            strict=True,
        )
        inputs = (*old.inputs[: 1 + at], *news, *old.inputs[1 + at :])
        return Graph(old.name, inputs, body.nodes, dict(named))

    def _write(self, body: Exchange, node: Node) -> Value:
        """What a write leaves in its place; one that adds reads what was there before."""
        if isinstance(node.op, UpdateAt):
            return body.keep(node).operands[1]
        array, y, *indices = map(body.moved, node.operands)
        before = Node(
            Gather(node.op.parameters["axes"]), (array, *indices), (y.type,), location=node.location
        )
        total = Node(ADD, (Value(before, 0), y), (y.type,), location=node.location)
        body.nodes += [before, total]
        op = UpdateAt(node.op.parameters["axes"], True)
        image = rebuilt(node, (array, Value(total, 0), *indices), body.images, op)
        body.replace(node, image, [0])
        return Value(total, 0)
