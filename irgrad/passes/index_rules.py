"""Identities of indexing: at places that follow one another by one step, gathering is a slice,
updating a slice of an update, and scattering a pad.

Such indices are what the steps of a loop read and write once they are taken all at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from irgrad.ir.graph import Value
from irgrad.ir.op import Op
from irgrad.ir.types import I64, Shape
from irgrad.ops.create import Iota
from irgrad.ops.index import Gather, ScatterAdd, UpdateAt, in_front
from irgrad.ops.linear import BroadcastTo, Reshape
from irgrad.ops.shape import Flip, Pad, Slice, Transpose, UpdateSlice
from irgrad.passes.rewrite import Rewriter, Rules, rule

INDEXING: Rules = {}


class Progression(NamedTuple):
    """The integers start, start + step, ..., `length` of them."""

    start: int
    step: int
    length: int

    @property
    def least(self) -> int:
        return min(self.start, self.start + (self.length - 1) * self.step)

    @property
    def most(self) -> int:
        return max(self.start, self.start + (self.length - 1) * self.step)


def progression(value: Value) -> Progression | None:
    """The integers that an array along one axis holds, where they follow by one step."""
    step, start = 1, 0
    while value.type.dtype == I64 and value.type.ndim == 1 and value.type.size:
        op, operands = value.node.op, value.node.operands
        if isinstance(op, Iota):
            return Progression(start, step, value.type.size)
        found = _scaled(op, operands)
        if found is None:
            return None
        value, by, more = found
        step, start = step * by, start + step * more
    return None


def _scaled(op: Op, operands: Sequence[Value]) -> tuple[Value, int, int] | None:
    """The operand, the factor and the summand that `op` makes its result of: x * n, n - x."""
    if op.name == "negative":
        return operands[0], -1, 0
    if op.name not in ("add", "subtract", "multiply"):
        return None
    x, other = operands
    number = _number(other)
    if number is None:
        x, number = other, _number(x)
        if number is None:
            return None
        if op.name == "subtract":
            return x, -1, number
    if op.name == "multiply":
        return x, number, 0
    return x, 1, number if op.name == "add" else -number


def _number(value: Value) -> int | None:
    """The integer that a constant holds in every place."""
    array = value.constant
    if array is None or not array.size:
        return None
    return int(array.flat[0]) if (array == array.flat[0]).all() else None


class Window(NamedTuple):
    """What an op that indexes touches: on one axis a progression, on others a place each."""

    axis: int
    along: Progression
    axes: tuple[int, ...]
    places: tuple[Value, ...]

    @property
    def beside(self) -> int:
        """The number of the axis among those on which no place is chosen."""
        return self.axis - sum(other < self.axis for other in self.axes)


def _window(
    r: Rewriter, axes: tuple[int, ...], shape: Shape, indices: Sequence[Value]
) -> Window | None:
    """None unless one index is a progression that lies inside its axis, and the others repeat."""
    found: tuple[int, Progression] | None = None
    chosen: list[tuple[int, Value]] = []
    for axis, index in zip(axes, indices, strict=True):
        along = progression(index)
        if along is not None and along.step and found is None:
            found = axis, along
            continue
        if not isinstance(index.node.op, BroadcastTo) or index.node.operands[0].type.size != 1:
            return None
        chosen.append((axis, index.node.operands[0]))
    if found is None:
        return None
    axis, along = found
    if along.least < 0 or along.most >= shape[axis]:
        return None
    places = tuple(r.emit(Reshape(()), v) if v.type.shape else v for _, v in chosen)
    return Window(axis, along, tuple(axis for axis, _ in chosen), places)


def _start(window: Window, ndim: int) -> tuple[int, ...]:
    return tuple(window.along.least if a == window.beside else 0 for a in range(ndim))


def _step(window: Window, ndim: int) -> tuple[int, ...]:
    return tuple(abs(window.along.step) if a == window.beside else 1 for a in range(ndim))


def _back_in_place(r: Rewriter, window: Window, y: Value) -> Value:
    """`y`, whose first axis is that of the window, in the order of the array."""
    if window.along.step < 0:
        y = r.emit(Flip((0,)), y)
    front = in_front((window.beside,), y.type.ndim)
    return r.emit(Transpose(tuple(front.index(axis) for axis in range(y.type.ndim))), y)


@rule(INDEXING, "gather")
def gather_window(r: Rewriter, op: Gather, x: Value, *indices: Value) -> Value | None:
    """x[i], x[i + 1], ... = x[i:], with the axis in front."""
    window = _window(r, op.axes, x.type.shape, indices)
    if window is None:
        return None
    if window.axes:
        x = r.emit(Gather(window.axes), x, *window.places)
    ndim, stop = x.type.ndim, list(x.type.shape)
    stop[window.beside] = window.along.most + 1
    result = r.emit(Slice(_start(window, ndim), tuple(stop), _step(window, ndim)), x)
    result = r.emit(Transpose(in_front((window.beside,), ndim)), result)
    return r.emit(Flip((0,)), result) if window.along.step < 0 else result


@rule(INDEXING, "update_at")
def update_window(r: Rewriter, op: UpdateAt, x: Value, y: Value, *indices: Value) -> Value | None:
    """x[i] = y_0, x[i + 1] = y_1, ...: y itself where it covers the axis."""
    window = _window(r, op.axes, x.type.shape, indices)
    if window is None or (window.axes and 2 * window.along.length < x.type.shape[window.axis]):
        return None
    y = _back_in_place(r, window, y)
    if window.along.length < x.type.shape[window.axis]:
        old = r.emit(Gather(window.axes), x, *window.places) if window.axes else x
        ndim = old.type.ndim
        y = r.emit(UpdateSlice(_start(window, ndim), _step(window, ndim)), old, y)
    return r.emit(UpdateAt(window.axes, True), x, y, *window.places) if window.axes else y


@rule(INDEXING, "scatter_add")
def scatter_window(r: Rewriter, op: ScatterAdd, y: Value, *indices: Value) -> Value | None:
    """Zeros but for y_0 at i, y_1 at i + 1, ...: y padded."""
    window = _window(r, op.axes, op.shape, indices)
    if window is None:
        return None
    y = _back_in_place(r, window, y)
    extent = op.shape[window.axis]
    if window.along.length < extent:
        low = _start(window, y.type.ndim)
        high = [0] * y.type.ndim
        high[window.beside] = extent - 1 - window.along.most
        inside = tuple(step - 1 for step in _step(window, y.type.ndim))
        y = r.emit(Pad(low, tuple(high), inside), y)
    return r.emit(ScatterAdd(window.axes, op.shape), y, *window.places) if window.axes else y


@rule(INDEXING, "gather")
def gather_of_transpose(r: Rewriter, op: Gather, x: Value, *indices: Value) -> Value | None:
    """At single places of a turned array: at these places of the array, what is left turned."""
    turn = x.node.op
    if not isinstance(turn, Transpose) or indices[0].type.shape:
        return None
    part = r.emit(Gather(tuple(turn.axes[a] for a in op.axes)), x.node.operands[0], *indices)
    return r.emit(Transpose(_left(turn, op.axes)), part)


@rule(INDEXING, "update_at")
def update_of_transpose(
    r: Rewriter, op: UpdateAt, x: Value, y: Value, *indices: Value
) -> Value | None:
    """A write at single places of a turned array is one into the array, which is turned then."""
    turn = x.node.op
    if not isinstance(turn, Transpose) or indices[0].type.shape:
        return None
    left = _left(turn, op.axes)
    back = tuple(left.index(a) for a in range(len(left)))
    axes = tuple(turn.axes[a] for a in op.axes)
    y = r.emit(Transpose(back), y)
    return r.emit(turn, r.emit(UpdateAt(axes, op.distinct), x.node.operands[0], y, *indices))


def _left(turn: Transpose, axes: Sequence[int]) -> tuple[int, ...]:
    """How the axes without a place are turned."""
    kept = [turn.axes[a] for a in range(len(turn.axes)) if a not in axes]
    order = sorted(kept)
    return tuple(order.index(a) for a in kept)
