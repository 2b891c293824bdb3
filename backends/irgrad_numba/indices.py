"""Index arrays that must be looked through before anything reads what they name: then loops need
not look again."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from irgrad.ir.graph import Node, Value
from irgrad.ir.types import Shape
from irgrad.ops.cast import Astype
from irgrad.ops.create import Iota
from irgrad.ops.index import Gather, ScatterAdd, UpdateAt
from irgrad.ops.linear import BroadcastTo, Reshape
from irgrad.ops.reduction import Argmax, Argmin
from irgrad.ops.select import Where
from irgrad.ops.shape import Flip, Slice, Transpose
from irgrad.ops.sorting import Argsort

INDEXED = (Gather, ScatterAdd, UpdateAt)
MOVED = (BroadcastTo, Reshape, Transpose, Slice, Flip)


class Check(NamedTuple):
    """A look at one index array of a node."""

    node: Node
    operand: int
    axis: int
    shape: Shape
    """That of the array that is indexed."""

    @property
    def array(self) -> Value:
        """The index array."""
        return self.node.operands[self.operand]

    @property
    def extent(self) -> int:
        """That of the axis."""
        return self.shape[self.axis]


def checks_of(node: Node) -> list[Check]:
    """What must be looked at before a node runs."""
    op = node.op
    if not isinstance(op, INDEXED):
        return []
    first = len(node.operands) - len(op.axes)
    shape = op.shape if isinstance(op, ScatterAdd) else node.operands[0].type.shape
    found = [Check(node, first + k, axis, shape) for k, axis in enumerate(op.axes)]
    return [check for check in found if not _is_inside(check.array, check.extent)]


def _is_inside(value: Value, extent: int) -> bool:
    """Whether all elements are known to be indices into an axis of `extent`."""
    waiting, seen = [value], set[Value]()
    while waiting:
        value = waiting.pop()
        if value in seen:
            continue
        seen.add(value)
        constant = value.constant
        if constant is not None:
            if not np.all((constant >= -extent) & (constant < extent)):
                return False
            continue
        node = value.node
        op: Any = node.op
        if isinstance(op, MOVED):
            waiting.append(node.operands[0])
        elif isinstance(op, Where):
            waiting += node.operands[1:]
        elif isinstance(op, Astype) and np.can_cast(node.operands[0].type.dtype, value.type.dtype):
            waiting.append(node.operands[0])
        elif isinstance(op, (Argmax, Argmin, Argsort)):
            if node.operands[0].type.shape[op.axis] > extent:
                return False
        elif not isinstance(op, Iota) or value.type.shape[op.axis] > extent:
            return False
    return True
