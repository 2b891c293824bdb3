"""Families of values in loops, and whether their columns are all that is read and written of them.

Values that a loop makes of each other, element for element or by writing a column, are of one
family; so are those that go into a region and what they are inside."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from irgrad.ir.graph import Graph, Node, Value, regions
from irgrad.ir.types import Shape
from irgrad.ops.cond import Cond
from irgrad.ops.elementwise import Elementwise
from irgrad.ops.index import Gather, ScatterAdd, UpdateAt
from irgrad.ops.linear import BroadcastTo
from irgrad.ops.loop import Loop
from irgrad.ops.select import Where
from irgrad.ops.shape import Pad, Slice, UpdateSlice
from irgrad.ops.while_loop import While
from irgrad_numba.in_place import CONTROL

INNER = 2
"""How many uses one in an inner loop counts as, at least."""


class Families:
    """The values of a loop and of what is in it, by what is made of what, and how they are used."""

    def __init__(self) -> None:
        self.above: dict[Value, Value] = {}
        self.unfit: set[Value] = set()
        self.columns: dict[Value, int] = {}
        self.times = 1
        """What a use counts: more in a loop inside of the loop."""

    def head(self, value: Value) -> Value:
        """What stands for the family of a value."""
        while (above := self.above.get(value, value)) != value:
            self.above[value] = self.above.get(above, above)
            value = above
        return value

    def join(self, one: Value, other: Value) -> None:
        """Two values of one shape are of one family."""
        a, b = self.head(one), self.head(other)
        if a != b:
            self.above[a] = b
            self.columns[b] = self.columns.get(a, 0) + self.columns.get(b, 0)
        arrays = any(v.constant is not None and v.type.size > 1 for v in (one, other))
        if a in self.unfit or arrays or one.type.shape != other.type.shape:
            self.unfit.add(b)

    def use(self, value: Value, axes: Sequence[int] = ()) -> None:
        """A column of a value is read or written, or a part of one, which numbers pick on several
        `axes`: that alone is no reason to turn it, nor to leave it.
        """
        head = self.head(value)
        self.columns[head] = self.columns.get(head, 0) + self.times * (len(axes) < 2)

    def reject(self, values: Sequence[Value]) -> None:
        """Values are used in another way."""
        self.unfit.update(map(self.head, values))

    def count(self, value: Value) -> int:
        """How often columns of a family are used; 0 where anything else is done with it."""
        head = self.head(value)
        return 0 if head in self.unfit else self.columns.get(head, 0)

    def read(self, graph: Graph) -> None:
        """Take in the nodes of a graph."""
        for node in graph.nodes:
            self.visit(node)

    def visit(self, node: Node) -> None:
        """Take in a node and what is inside."""
        op: Any = node.op
        if isinstance(op, CONTROL):
            for outer, inner in entries(node):
                self.join(inner, outer)
            times, self.times = self.times, self.times * (1 if isinstance(op, Cond) else INNER)
            self.enter(node)
            self.times = times
        elif isinstance(op, Gather) and is_in_column(op.axes, node.operands[0], node, 1):
            self.use(node.operands[0], op.axes)
        elif isinstance(op, UpdateAt) and is_in_column(op.axes, node.operands[0], node, 2):
            self._made(node, op.axes)
        elif isinstance(op, ScatterAdd) and is_in_column(op.axes, Value(node, 0), node, 1):
            self.use(Value(node, 0), op.axes)
        elif isinstance(op, Slice) and is_thin(node.operands[0].type.shape, node.types[0].shape):
            self.use(node.operands[0])
        elif isinstance(op, UpdateSlice) and is_thin(*(v.type.shape for v in node.operands)):
            self._made(node)
        elif isinstance(op, Pad) and is_thin(node.types[0].shape, node.operands[0].type.shape):
            self.use(Value(node, 0))
        elif isinstance(op, (Elementwise, Where)):
            for v in node.operands:
                if v.type.shape == node.types[0].shape:
                    self.join(v, Value(node, 0))
                elif v.type.size != 1:
                    self.reject([v, Value(node, 0)])
        elif not (isinstance(op, BroadcastTo) and node.operands[0].type.size == 1):
            self.reject([*node.operands, *node.outputs])

    def _made(self, node: Node, axes: Sequence[int] = ()) -> None:
        self.join(node.operands[0], Value(node, 0))
        self.use(node.operands[0], axes)

    def enter(self, node: Node) -> None:
        """Take in the regions of a node."""
        op: Any = node.op
        for outer, inner in exits(node):
            self.join(inner, outer)
        if isinstance(op, Loop):
            groups = op.groups(node.operands)
            state = op.body.inputs[1 : 1 + op.carried]
            for before, after in zip(state, op.body.outputs, strict=False):
                self.join(before, after)
            slices = op.body.inputs[1 + op.carried : 1 + op.carried + op.scanned]
            self.reject([*groups.scanned, *slices])
            self.reject([*op.body.outputs[op.carried :], *node.outputs[op.carried :]])
        elif isinstance(op, While):
            for before, after in zip(op.body.inputs, op.body.outputs[: op.carried], strict=False):
                self.join(before, after)
            self.reject([*op.body.outputs[op.carried :], *node.outputs[op.carried + 1 :]])
        for region in regions(op).values():
            self.read(region)


def entries(node: Node) -> Iterator[tuple[Value, Value]]:
    """The operands of a node and the inputs of its regions that they become."""
    op: Any = node.op
    if isinstance(op, Cond):
        for branch in op.branches:
            yield from zip(node.operands[1:], branch.inputs, strict=True)
    elif isinstance(op, While):
        for region in (op.condition, op.body):
            yield from zip(node.operands, region.inputs, strict=True)
    elif isinstance(op, Loop):
        groups = op.groups(node.operands)
        state, rest = op.body.inputs[1 : 1 + op.carried], op.body.inputs[1 + op.carried :]
        yield from zip(groups.carried, state, strict=True)
        yield from zip(groups.fixed, rest[op.scanned :], strict=True)


def exits(node: Node) -> Iterator[tuple[Value, Value]]:
    """The outputs of a node and the outputs of its regions that they are."""
    op: Any = node.op
    if isinstance(op, Cond):
        for branch in op.branches:
            yield from zip(node.outputs, branch.outputs, strict=True)
    else:
        yield from zip(node.outputs, op.body.outputs[: op.carried], strict=False)


def is_in_column(axes: Sequence[int], array: Value, node: Node, first: int) -> bool:
    """Whether a node picks a column of an array or a part of one, by numbers on `axes`, which are
    its operands from the `first` on.
    """
    ndim = array.type.ndim
    return ndim > 1 and ndim - 1 in axes and not any(v.type.shape for v in node.operands[first:])


def is_thin(shape: Shape, part: Shape) -> bool:
    """Whether a part of an array lies in one column of it."""
    return len(shape) > 1 and part[-1] == 1
