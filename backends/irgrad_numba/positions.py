"""Where an element stands: the first extreme one along an axis, the place of one among sorted
ones, the true places of a mask, and the order of rows after exchanges."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from irgrad.ir.graph import Node
from irgrad.ops.reduction import Argmax
from irgrad_numba.llvm import Code, Type, Value
from irgrad_numba.strips import loop
from irgrad_numba.walk import Strided, walk, widest


def extreme(code: Code, node: Node, operands: Sequence[Strided], result: Strided) -> None:
    """The first largest or smallest element, or the first nan. Rows that lie side by side are
    looked through by the vector.
    """
    (x,) = operands
    op: Any = node.op
    axis, extent = op.axis, x.shape[op.axis]
    if not extent:
        return
    rest = [a for a in range(len(x.shape)) if a != axis]
    relation = "gt" if isinstance(op, Argmax) else "lt"

    wide = widest("i64", x.type)

    def along(at: list[Value], lanes: int) -> None:
        if lanes == 1 and x.strides[axis] == 1 and extent >= 4 * wide:
            found = _in_row(code, x, at[0], extent, wide, relation)
        else:
            found = _in_columns(code, x, at[0], axis, lanes, relation)
        result.put(code, at[1], found)

    walk(
        code,
        tuple(x.shape[a] for a in rest),
        [tuple(x.strides[a] for a in rest), result.strides],
        [x.start(code), result.start(code)],
        wide,
        along,
    )


def _in_columns(
    code: Code, x: Strided, start: Value, axis: int, lanes: int, relation: str
) -> Value:
    """The places along `axis` in neighbouring columns."""
    type, places = Type(x.type, lanes), Type("i64", lanes)
    best, place = code.alloca(type), code.alloca(places)
    code.put(best, x.get(code, start, lanes))
    code.put(place, code.constant(places, 0))
    if x.shape[axis] > 1:
        with loop(code, 1, x.shape[axis], 1) as i:
            now, held = x.get(code, start + i * x.strides[axis], lanes), code.get(best, type)
            better = _better(held, now, relation)
            code.put(best, better.where(now, held))
            code.put(place, better.where(i.splat(lanes), code.get(place, places)))
    return code.get(place, places)


def _in_row(code: Code, x: Strided, start: Value, extent: int, wide: int, relation: str) -> Value:
    """The place in a row whose elements lie side by side: that in each lane, then the first of
    the extreme ones among the lanes, then the elements that are left over.
    """
    type, places = Type(x.type, wide), Type("i64", wide)
    best, place = code.alloca(type), code.alloca(places)
    steps = code.lanes(places, list(range(wide)))
    code.put(best, x.get(code, start, wide))
    code.put(place, steps)
    whole = extent // wide * wide
    with loop(code, wide, whole, wide) as i:
        now, held = x.get(code, start + i, wide), code.get(best, type)
        better = _better(held, now, relation)
        code.put(best, better.where(now, held))
        code.put(place, better.where(i.splat(wide) + steps, code.get(place, places)))
    values, found = code.get(best, type), code.get(place, places)
    value, position = values.lane(0), found.lane(0)
    for k in range(1, wide):
        other, at = values.lane(k), found.lane(k)
        earlier = _same(value, other) & (at < position)
        better = _better(value, other, relation) | earlier
        value, position = better.where(other, value), better.where(at, position)
    for k in range(whole, extent):
        other = x.get(code, start + k)
        better = _better(value, other, relation)
        value, position = better.where(other, value), better.where(k, position)
    return position


def _same(x: Value, y: Value) -> Value:
    """Whether neither is better."""
    equal = x == y
    return equal | (x.is_nan() & y.is_nan()) if x.type.is_float else equal


def _better(held: Value, now: Value, relation: str) -> Value:
    if now.is_bool:
        return now & ~held if relation == "gt" else held & ~now
    better = now.compare(relation, held)
    return better | (now.is_nan() & ~held.is_nan()) if now.type.is_float else better


def _less(x: Value, y: Value) -> Value:
    """As numbers are sorted: nan comes last."""
    if x.is_bool:
        return y & ~x
    return (x < y) | (y.is_nan() & ~x.is_nan()) if x.type.is_float else x < y


def searchsorted(code: Code, node: Node, operands: Sequence[Strided], result: Strided) -> None:
    """By halves: the number of sorted elements before each element, nan being the last."""
    edges, x = operands
    op: Any = node.op
    depth, count, by = len(edges.shape) - 1, edges.shape[-1], edges.strides[-1]
    strides = (*edges.strides[:-1], *[0] * (len(x.shape) - depth))

    def find(at: list[Value], _: int) -> None:
        start, position, to = at
        key = x.get(code, position)
        low, size = code.alloca(Type("i64")), count
        code.put(low, code.constant(Type("i64"), 0))
        while size:  # the place is in low .. low + size
            half = (size + 1) // 2
            here = code.get(low, Type("i64"))
            edge = edges.get(code, start + (here + (half - 1)) * by)
            before = _less(edge, key) if op.side == "left" else ~_less(key, edge)
            code.put(low, before.where(here + half, here))
            size -= half
        result.put(code, to, code.get(low, Type("i64")))

    starts = [edges.start(code), x.start(code), result.start(code)]
    walk(code, x.shape, [strides, x.strides, result.strides], starts, 1, find)


def nonzero(code: Code, node: Node, operands: Sequence[Strided], result: Strided) -> Value:
    """The true places of a mask, as far as there is room for them; whether there are others than
    there is room for.
    """
    (mask,), (room,), number = operands, result.shape, Type("i64")
    found, place, last = (code.alloca(number) for _ in range(3))
    for counter in (found, place, last):
        code.put(counter, code.constant(number, 0))

    def look(at: list[Value], _: int) -> None:
        is_true = mask.get(code, at[0])
        count, here = code.get(found, number), code.get(place, number)
        if room:  # the next true place overwrites this one, if it is none
            result.put(code, (count < room).where(count, room - 1), here)
        code.put(last, is_true.where(here, code.get(last, number)))
        code.put(found, count + is_true.cast("i64"))
        code.put(place, here + 1)

    walk(code, mask.shape, [mask.strides], [mask.start(code)], 1, look)
    if room:
        result.put(code, code.constant(number, room - 1), code.get(last, number))
    return code.get(found, number) != room


def permutation(code: Code, node: Node, operands: Sequence[Strided], result: Strided) -> None:
    """The order after exchanging each row in turn with the one that a pivot names."""
    (pivots,) = operands
    extent, by, to_by = pivots.shape[-1], pivots.strides[-1], result.strides[-1]
    if not extent:
        return

    def along(at: list[Value], _: int) -> None:
        given, to = at
        with loop(code, 0, extent, 1) as i:
            result.put(code, to + i * to_by, i)
        with loop(code, 0, extent, 1) as i:
            one = to + i * to_by
            other = to + pivots.get(code, given + i * by).cast("i64") * to_by
            x, y = result.get(code, one), result.get(code, other)
            result.put(code, one, y)
            result.put(code, other, x)

    starts = [pivots.start(code), result.start(code)]
    walk(code, pivots.shape[:-1], [x.strides[:-1] for x in (pivots, result)], starts, 1, along)
