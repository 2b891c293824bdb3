"""Identities of shape ops and sums."""

from __future__ import annotations

from typing import Any

import numpy as np

from irgrad.ir.graph import Value
from irgrad.ir.op import Op
from irgrad.ir.types import broadcast_axes, broadcast_shapes, drop_axes
from irgrad.ops.arithmetic import ADD, MULTIPLY
from irgrad.ops.elementwise import UFUNCS
from irgrad.ops.linear import BroadcastTo, Reshape, Sum
from irgrad.ops.ratio import RATIO, SCALE
from irgrad.ops.select import WHERE
from irgrad.ops.shape import Flip, Pad, Slice, Transpose
from irgrad.passes.arithmetic_rules import made_by, scalar
from irgrad.passes.rewrite import Rewriter, Rules, rule

SHAPES: Rules = {}
BROADCASTING = (*(op.name for op in UFUNCS.values()), RATIO.name, SCALE.name, WHERE.name)


@rule(SHAPES, *BROADCASTING)
def operate_before_broadcast(r: Rewriter, op: Op, *operands: Value) -> Value | None:
    """f(broadcast x, ...) = broadcast f(x, ...), and no broadcast at all where another operand has
    the shape.
    """
    if not any(isinstance(operand.node.op, BroadcastTo) for operand in operands):
        return None
    sources = [x.node.operands[0] if isinstance(x.node.op, BroadcastTo) else x for x in operands]
    shape = broadcast_shapes(*(operand.type.shape for operand in operands))
    value = r.emit(op, *sources)
    return value if value.type.shape == shape else r.emit(BroadcastTo(shape), value)


@rule(SHAPES, "reshape")
def reshape_simply(r: Rewriter, op: Reshape, x: Value) -> Value | None:
    """reshape to the shape at hand; reshape of reshape; reshape of a broadcast scalar."""
    if x.type.shape == op.shape:
        return x
    inner = x.node.op
    if isinstance(inner, Reshape):
        return r.emit(op, x.node.operands[0])
    if isinstance(inner, BroadcastTo) and x.node.operands[0].type.size == 1:
        scalar = r.emit(Reshape(()), x.node.operands[0])
        return r.emit(BroadcastTo(op.shape), scalar) if op.shape else scalar
    return None


@rule(SHAPES, "transpose")
def transpose_simply(r: Rewriter, op: Transpose, x: Value) -> Value | None:
    """The identity; transpose of transpose; moving only axes of extent 1 is a reshape."""
    if op.axes == tuple(range(len(op.axes))):
        return x
    if isinstance(x.node.op, Transpose):
        return r.emit(
            Transpose(tuple(x.node.op.axes[axis] for axis in op.axes)), x.node.operands[0]
        )
    long = [axis for axis in op.axes if x.type.shape[axis] != 1]
    if long == sorted(long):
        return r.emit(Reshape(tuple(x.type.shape[axis] for axis in op.axes)), x)
    return None


@rule(SHAPES, "transpose")
def transpose_of_elementwise(r: Rewriter, op: Transpose, x: Value) -> Value | None:
    """transpose f(transpose a, b) = f(a, transpose b), where the two undo each other."""
    if x.node.op.name not in BROADCASTING or not r.used_once(x):
        return None
    undone = tuple(op.axes.index(axis) for axis in range(len(op.axes)))
    if not any(v.node.op == Transpose(undone) for v in x.node.operands):
        return None
    return r.emit(x.node.op, *(_transposed(r, op, v) for v in x.node.operands))


def _transposed(r: Rewriter, op: Transpose, value: Value) -> Value:
    """An operand of an op that broadcasts, for the transposed result."""
    if not value.type.shape:
        return value
    lead = (1,) * (len(op.axes) - value.type.ndim)
    return r.emit(op, r.emit(Reshape((*lead, *value.type.shape)), value) if lead else value)


@rule(SHAPES, "broadcast_to")
def broadcast_simply(r: Rewriter, op: BroadcastTo, x: Value) -> Value | None:
    """broadcast to the shape at hand; broadcast of broadcast; broadcast of a reshape that added
    leading ones.
    """
    if x.type.shape == op.shape:
        return x
    if isinstance(x.node.op, BroadcastTo):
        return r.emit(op, x.node.operands[0])
    if isinstance(x.node.op, Reshape):
        source = x.node.operands[0]
        lead = x.type.ndim - source.type.ndim
        if lead >= 0 and x.type.shape == (1,) * lead + source.type.shape:
            return r.emit(op, source)
    return None


@rule(SHAPES, "flip")
def flip_simply(r: Rewriter, op: Flip, x: Value) -> Value | None:
    """No axes, or axes of extent 1; flip of flip."""
    axes = tuple(axis for axis in op.axes if x.type.shape[axis] > 1)
    if not axes:
        return x
    if isinstance(x.node.op, Flip):
        return r.emit(Flip(tuple(sorted(set(axes) ^ set(x.node.op.axes)))), x.node.operands[0])
    return None


@rule(SHAPES, "slice")
def slice_simply(r: Rewriter, op: Slice, x: Value) -> Value | None:
    """All of it; a slice of a slice; a slice that lies inside one operand of a concatenate."""
    if x.type.shape == op.result_types(x.type)[0].shape:
        return x
    inner = x.node.op
    if isinstance(inner, Slice):
        counts = op.result_types(x.type)[0].shape
        bounds = zip(inner.start, op.start, inner.step, counts, strict=True)
        start = tuple(a + b * s if n else a for a, b, s, n in bounds)
        step = tuple(a * b for a, b in zip(inner.step, op.step, strict=True))
        stop = tuple(
            a + (n - 1) * s + 1 if n else a for a, n, s in zip(start, counts, step, strict=True)
        )
        return r.emit(Slice(start, stop, step), x.node.operands[0])
    return (
        _slice_of_part(r, op, x, inner.parameters["axis"]) if inner.name == "concatenate" else None
    )


def _slice_of_part(r: Rewriter, op: Slice, x: Value, axis: int) -> Value | None:
    offset = 0
    for part in x.node.operands:
        extent = part.type.shape[axis]
        bounds = op.start[axis], op.stop[axis]
        if offset <= min(bounds) and max(bounds) <= offset + extent:
            start = _replaced(op.start, axis, op.start[axis] - offset)
            return r.emit(
                Slice(start, _replaced(op.stop, axis, op.stop[axis] - offset), op.step), part
            )
        offset += extent
    return None


def _replaced(entries: tuple[int, ...], axis: int, entry: int) -> tuple[int, ...]:
    return (*entries[:axis], entry, *entries[axis + 1 :])


@rule(SHAPES, "concatenate")
def concatenate_simply(r: Rewriter, op: Any, *parts: Value) -> Value | None:
    """A single operand; operands of extent 0."""
    full = [part for part in parts if part.type.shape[op.axis]]
    if len(full) == len(parts) > 1:
        return None
    return (full or list(parts))[0] if len(full) <= 1 else r.emit(op, *full)


@rule(SHAPES, "add")
def add_of_pads(r: Rewriter, op: Op, x: Value, y: Value) -> Value | None:
    """pad(a) + pad(b) = pad(a + b) for the same widths: the adjoint of a slice that is read
    twice.
    """
    if not isinstance(x.node.op, Pad) or x.node.op != y.node.op:
        return None
    if not r.used_once(x) or not r.used_once(y):
        return None
    a, b = x.node.operands[0], y.node.operands[0]
    return r.emit(x.node.op, r.emit(op, a, b)) if a.type == b.type else None


@rule(SHAPES, "sum")
def sum_simply(r: Rewriter, op: Sum, x: Value) -> Value | None:
    """No axes; axes of extent 1; sum of sum."""
    if not op.axes:
        return x
    if all(x.type.shape[axis] == 1 for axis in op.axes):
        return _begun_with_zero(r, r.emit(Reshape(drop_axes(x.type.shape, op.axes)), x))
    if isinstance(x.node.op, Sum) and r.used_once(x):
        source = x.node.operands[0]
        left = [axis for axis in range(source.type.ndim) if axis not in x.node.op.axes]
        axes = sorted((*x.node.op.axes, *(left[axis] for axis in op.axes)))
        return r.emit(Sum(tuple(axes)), source)
    return None


def _begun_with_zero(r: Rewriter, x: Value) -> Value:
    """0 + x, as a sum of one number has no -0.0 either; of the sums that differentiation emits
    nobody has asked for that.
    """
    emitted = r.current is not None and r.current.origin is not None
    if emitted or x.type.dtype.kind not in "fc":
        return x
    return r.emit(ADD, x, r.constant(np.zeros((), x.type.dtype)))


@rule(SHAPES, "sum")
def sum_of_begun(r: Rewriter, op: Sum, x: Value) -> Value | None:
    """sum(x + 0) = sum(x), which begins with 0 itself."""
    if not made_by(x, ADD):
        return None
    for number, rest in (x.node.operands, x.node.operands[::-1]):
        if scalar(number) == 0 and rest.type == x.type:
            return r.emit(op, rest)
    return None


@rule(SHAPES, "sum")
def sum_of_broadcast(r: Rewriter, op: Sum, x: Value) -> Value | None:
    """The sum over n repetitions is n x (which rounds once)."""
    if not isinstance(x.node.op, BroadcastTo) or x.type.dtype.kind not in "fc":
        return None
    source = x.node.operands[0]
    repeated = set(broadcast_axes(source.type.shape, x.type.shape)) & set(op.axes)
    if not repeated:
        return None
    count = int(np.prod([x.type.shape[axis] for axis in repeated]))
    lead = x.type.ndim - source.type.ndim
    shape = [1 if axis in repeated else extent for axis, extent in enumerate(x.type.shape)]
    kept = r.emit(BroadcastTo(tuple(shape[lead:])), source)
    rest = tuple(axis - lead for axis in op.axes if axis >= lead)
    total = r.emit(Sum(rest), kept) if rest else _begun_with_zero(r, kept)
    scaled = r.emit(MULTIPLY, total, r.constant(np.asarray(count, x.type.dtype)))
    return r.emit(BroadcastTo(drop_axes(x.type.shape, op.axes)), scaled)
