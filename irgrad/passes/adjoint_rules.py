"""Identities of the sums that differentiation emits.

The adjoint of a write into part of an array takes out what stands there, and what the written value
was made of puts it back: together they are the array. Where it holds a -0.0, the sum as emitted
would be 0.0; nobody has asked for that sum, and only such sums are looked at."""

from __future__ import annotations

from irgrad.ir.graph import Value
from irgrad.ir.op import Op
from irgrad.ops.index import Gather, ScatterAdd, UpdateAt
from irgrad.ops.linear import BroadcastTo
from irgrad.ops.select import WHERE
from irgrad.ops.shape import Pad, Slice, UpdateSlice
from irgrad.passes.arithmetic_rules import is_scalar, made_by
from irgrad.passes.rewrite import Rewriter, Rules, rule

ADJOINTS: Rules = {}


def is_adjoint_sum(r: Rewriter) -> bool:
    """Whether the node at hand adds contributions to an adjoint."""
    origin = r.current and r.current.origin
    return origin is not None and origin.rule == "adjoint"


@rule(ADJOINTS, "add")
def add_halves(r: Rewriter, op: Op, x: Value, y: Value) -> Value | None:
    """where(m, 0, a) + where(m, b, 0) = where(m, b, a)."""
    if not is_adjoint_sum(r) or not made_by(x, WHERE) or not made_by(y, WHERE):
        return None
    if x.node.operands[0] != y.node.operands[0] or x.type != y.type:
        return None
    for one, other in ((x, y), (y, x)):
        (m, zero, a), (_, b, nothing) = one.node.operands, other.node.operands
        if is_scalar(zero, 0) and is_scalar(nothing, 0):
            return r.emit(WHERE, m, b, a)
    return None


@rule(ADJOINTS, "add")
def add_back(r: Rewriter, op: Op, x: Value, y: Value) -> Value | None:
    """x without its elements at some places, and these added there: x."""
    if not is_adjoint_sum(r):
        return None
    for rest, part in ((x, y), (y, x)):
        writes = isinstance(rest.node.op, (UpdateAt, UpdateSlice)) and part.type == rest.type
        if writes and _puts_back(part, rest):
            return rest.node.operands[0]
    return None


def _puts_back(part: Value, rest: Value) -> bool:
    """Whether `rest` is an array with zeros written over some places, and `part` what stood there
    among zeros.
    """
    cut, added = rest.node, part.node
    old, new, *places = cut.operands
    if not added.operands or added.operands[0].type != new.type or not _is_zero(new):
        return False
    taken, *others = added.operands
    if isinstance(cut.op, UpdateAt):
        pair = Gather(cut.op.axes), ScatterAdd(cut.op.axes, old.type.shape)
        same = cut.op.distinct and places == others and (taken.node.op, added.op) == pair
        return same and [*taken.node.operands] == [old, *places]
    if not isinstance(cut.op, UpdateSlice) or not isinstance(added.op, Pad):
        return False
    inside = tuple(step - 1 for step in cut.op.step)
    same = (added.op.low, added.op.inside) == (cut.op.start, inside)
    window = Slice(*cut.op.window(new.type.shape))
    return same and taken.node.op == window and taken.node.operands[0] == old


def _is_zero(value: Value) -> bool:
    """Whether a value is 0 everywhere."""
    while isinstance(value.node.op, BroadcastTo):
        value = value.node.operands[0]
    return is_scalar(value, 0)
