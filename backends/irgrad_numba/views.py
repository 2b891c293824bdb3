"""Ops that only move elements, and where those of a result lie in the memory of the operand."""

from __future__ import annotations

from irgrad.ir.graph import Node
from irgrad.ops.call import Barrier
from irgrad.ops.linear import BroadcastTo, Reshape
from irgrad.ops.shape import Flip, Slice, Transpose
from irgrad.ops.stop import StopGradient
from irgrad_numba.index import View, reshaped

VIEWS = (BroadcastTo, Reshape, Transpose, Slice, Flip, StopGradient, Barrier)


def viewed(node: Node, source: View) -> View | None:
    """The view of a node that only moves elements of `source`; None where no strides say it."""
    op, shape, result = node.op, node.operands[0].type.shape, node.types[0].shape
    p = op.parameters
    strides = source.strides
    if isinstance(op, (StopGradient, Barrier)):
        return source
    if isinstance(op, BroadcastTo):
        own = tuple(0 if e == 1 else s for e, s in zip(shape, strides, strict=True))
        return source._replace(strides=(0,) * (len(result) - len(shape)) + own)
    if isinstance(op, Transpose):
        return source._replace(strides=tuple(strides[axis] for axis in p["axes"]))
    if isinstance(op, Slice):
        offset = source.offset + sum(a * s for a, s in zip(p["start"], strides, strict=True))
        steps = tuple(a * s for a, s in zip(p["step"], strides, strict=True))
        return View(source.buffer, offset, steps)
    if isinstance(op, Flip):
        offset = source.offset + sum((shape[a] - 1) * strides[a] for a in p["axes"])
        turned = tuple(-s if a in p["axes"] else s for a, s in enumerate(strides))
        return View(source.buffer, offset, turned)
    return reshaped(source, shape, result)
