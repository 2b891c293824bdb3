"""What an update reads of the array that it writes to: nothing stands in the way of its loops where
that are the very places that a step writes, or none that any step does."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any

from irgrad.ir.graph import Node, Value
from irgrad.ir.types import I64
from irgrad.ops.arithmetic import ADD, SUBTRACT
from irgrad.ops.cast import Astype
from irgrad.ops.elementwise import Elementwise
from irgrad.ops.index import Gather
from irgrad.ops.select import Where
from irgrad.ops.shape import Slice
from irgrad_numba.patched import Patched
from irgrad_numba.sorts import distinct
from irgrad_numba.updates import AddAt, AddSlice, UpdateAt, UpdateSlice, UpdateWindow

Window = tuple[Sequence[int], Sequence[int]]
"""Start and step along axes."""


def reads_in_place(
    node: Node, value: Value, touched: Callable[[Sequence[Value]], Collection[Value]]
) -> bool:
    """Whether `value`, of which an update is made, reads the array that this writes to only there
    where it writes, at each step of its loops, or where no step does; `touched` says which arrays
    values are computed from.
    """
    x, y, *_ = node.operands
    if y.type.size == 1:
        return True
    waiting = [value]
    while waiting:
        v = waiting.pop()
        if x not in touched([v]):
            continue
        if v == x or _is_part(v, x):
            if not (v.type == y.type and _same(node, v)) and not _apart(node, v):
                return False
        elif isinstance(v.node.op, (Elementwise, Where, Astype)):
            parts = [o for o in v.node.operands if x in touched([o])]
            if any(o.type.shape != v.type.shape for o in parts):
                return False
            waiting += parts
        elif isinstance(v.node.op, Patched) and x not in touched([v.node.operands[1]]):
            waiting.append(v.node.operands[0])
        else:
            return False
    return True


def _is_part(value: Value, x: Value) -> bool:
    """Whether a value is a window of an array, what an index picks, or a window of that."""
    read = value.node.op
    if isinstance(read, Slice) and isinstance(value.node.operands[0].node.op, Gather):
        value = value.node.operands[0]
    return isinstance(value.node.op, (Slice, Gather)) and value.node.operands[0] == x


def _picked(value: Value) -> tuple[dict[int, Value], Window | None]:
    """The indices by which a part of an array is read, by the axes, and the window on the rest."""
    window: Window | None = None
    if isinstance(value.node.op, Slice):
        window = value.node.op.start, value.node.op.step
        value = value.node.operands[0]
    read: Any = value.node.op
    if isinstance(read, Gather):
        return dict(zip(read.axes, value.node.operands[1:], strict=True)), window
    return {}, window


def _same(node: Node, value: Value) -> bool:
    """Whether a part of an array that is read, or all of it, is what an update writes to."""
    x, _, *indices = node.operands
    op, read = node.op, value.node.op
    if isinstance(op, (UpdateSlice, AddSlice)):
        window = (0,) * x.type.ndim, (1,) * x.type.ndim
        if value != x:
            if not isinstance(read, Slice) or value.node.operands[0] != x:
                return False
            window = read.start, read.step
        return window == (op.start, op.step)
    if value == x or not isinstance(op, (UpdateAt, AddAt, UpdateWindow)):
        return False
    picked, window = _picked(value)
    if picked != dict(zip(op.axes, indices, strict=True)):
        return False
    if isinstance(op, UpdateWindow):
        return window == (op.start, op.step)
    return read == Gather(op.axes) and distinct(node)


def _apart(node: Node, value: Value) -> bool:
    """Whether a part of an array that is read has no place in common with what an update writes:
    numbers pick both, along one axis different ones.
    """
    x, _, *indices = node.operands
    op = node.op
    if value == x or not isinstance(op, (UpdateAt, AddAt, UpdateWindow)):
        return False
    written = dict(zip(op.axes, indices, strict=True))
    return any(
        _differ(index, written[axis], x.type.shape[axis])
        for axis, index in _picked(value)[0].items()
        if axis in written
    )


def _differ(one: Value, other: Value, extent: int) -> bool:
    """Whether two numbers always name different places on an axis; both may count from its end."""
    if one.type.shape or other.type.shape:
        return False
    (a, times, more), (b, others, less) = _linear(one), _linear(other)
    return a == b and times == others and (more - less) % extent != 0


def _linear(value: Value) -> tuple[Value | None, int, int]:
    """An integer as times * x + more: x (None where it is a constant), times and more."""
    times, more = 1, 0
    while value.constant is None:
        op, operands = value.node.op, value.node.operands
        if op not in (ADD, SUBTRACT) or value.type.dtype != I64:
            return value, times, more
        x, y = operands
        sign = 1 if op is ADD else -1
        if y.constant is not None:
            value, more = x, more + times * sign * int(y.constant)
        elif x.constant is not None:
            value, times, more = y, times * sign, more + times * int(x.constant)
        else:
            return value, times, more
    return None, 0, more + times * int(value.constant)
