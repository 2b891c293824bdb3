"""What is known of traced integers while a function is lowered: how they differ from each other,
and the least and greatest that they can be.

An integer is written as a sum, `constant + sum of factor * atom`, where an atom is what arithmetic
cannot take apart; so `i + 1` and `1 + i` are one, and `(i + 3) - i` is 3. Bounds come from the
ranges that loops run over."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from irgrad.ir.builder import Builder, Traced
from irgrad.ir.graph import Value
from irgrad.ir.types import I64
from irgrad.ops.cast import Astype, astype
from irgrad.ops.elementwise import Elementwise
from irgrad.ops.index import Gather
from irgrad.ops.intervals import RULES, Interval, union
from irgrad.ops.linear import Reshape
from irgrad.ops.select import Where
from irgrad.ops.shape import Slice

UNKNOWN = (-(2**64), 2**64)
"""Beyond all integers of any dtype."""
READS = (Astype, Gather, Reshape, Slice, Where)
DEPTH = 24
"""Sums of more terms than this are not looked into."""


class Written(NamedTuple):
    """An integer as a sum: each atom with its factor."""

    constant: int
    terms: frozenset[tuple[Any, int]] = frozenset()

    def plus(self, other: Written, factor: int = 1) -> Written:
        """`self + factor * other`."""
        terms = dict(self.terms)
        for atom, times in other.terms:
            terms[atom] = terms.get(atom, 0) + factor * times
        left = frozenset((atom, times) for atom, times in terms.items() if times)
        return Written(self.constant + factor * other.constant, left)


class Atom(NamedTuple):
    """An integer function of sums, an element that an op reads from an array, or (without a name) a
    value that arithmetic does not take apart.
    """

    name: Any
    operands: tuple[Any, ...]


def written(x: Any) -> Written:
    """An int, or a traced integer, as a sum; any other traced value is an atom of its own."""
    return _written(x, DEPTH, {}) if isinstance(x, Traced) else Written(int(x))


def _written(x: Traced, depth: int, seen: dict[Value, Written]) -> Written:
    builder, value = origin(x.builder, x.value)
    if value not in seen:
        seen[value] = _sum_of(builder, value, depth, seen)
    return seen[value]


def _sum_of(builder: Builder, value: Value, depth: int, seen: dict[Value, Written]) -> Written:
    array, whole = value.constant, value.type.dtype.kind in "iu" and not value.type.shape
    if array is not None and whole:
        return Written(int(array))
    node = value.node
    name = node.op.name if not node.is_input and isinstance(node.op, Elementwise) else ""
    scalar = not value.type.shape and not node.is_input
    if scalar and depth and isinstance(node.op, READS if whole else (*READS, Elementwise)):
        return _atom(node.op, *(_read(builder, v, depth, seen) for v in node.operands))
    if not (name and depth and whole):
        return _atom("", value)
    parts = [_written(Traced(builder, v), depth - 1, seen) for v in node.operands]
    if name in ("add", "subtract"):
        return parts[0].plus(parts[1], 1 if name == "add" else -1)
    if name == "negative":
        return Written(0).plus(parts[0], -1)
    if name == "multiply" and not (parts[0].terms and parts[1].terms):
        one, other = parts if parts[1].terms else parts[::-1]
        return Written(0).plus(other, one.constant)
    return _atom(name, *parts)


def _read(builder: Builder, value: Value, depth: int, seen: dict[Value, Written]) -> Any:
    """An operand of what reads an element: an integer as a sum, an array by itself or by what of
    another it is.
    """
    if not value.type.shape:
        return _written(Traced(builder, value), depth - 1, seen)
    builder, value = origin(builder, value)
    node = value.node
    if value.constant is not None or node.is_input or not isinstance(node.op, READS) or not depth:
        return value
    return Atom(node.op, tuple(_read(builder, v, depth - 1, seen) for v in node.operands))


def _atom(name: Any, *operands: Any) -> Written:
    return Written(0, frozenset([(Atom(name, operands), 1)]))


def origin(builder: Builder, value: Value) -> tuple[Builder, Value]:
    """Where a value that a region captured comes from."""
    while value.node.is_input:
        held = (what for what, inside in builder.captures.values() if inside == value)
        what = next(held, None)
        if not isinstance(what, Traced):
            break
        builder, value = what.builder, what.value
    return builder, value


def difference(x: Any, y: Any) -> int | None:
    """`x - y` where it is a known number."""
    found = written(x).plus(written(y), -1)
    return None if found.terms else found.constant


def is_integer(x: Any) -> bool:
    """Whether something is an integer or an array of integers, traced or not."""
    if isinstance(x, Traced):
        return x.value.type.dtype.kind in "iu"
    return type(x) is int or np.asarray(x).dtype.kind in "iu"


def as_int64(x: Any) -> Any:
    """An int or a traced integer as an int64, the nearest that there is."""
    ends = np.iinfo(np.int64)
    if not isinstance(x, Traced):
        return min(max(int(x), ends.min), ends.max)
    beyond: Any = x.value.type.dtype == np.uint64
    return astype(np.minimum(x, np.uint64(ends.max)) if beyond else x, I64)  # pyright: ignore[reportCallIssue, reportArgumentType]


def limit(x: Any, low: int, high: int) -> None:
    """Remember that a traced integer is at least `low` and at most `high`."""
    if isinstance(x, Traced):
        x.builder.limits[x.value] = low, max(low, high)


def interval(x: Any) -> Interval:
    """The least and greatest that an int or a traced integer can be."""
    return _interval(x, DEPTH, {}) if isinstance(x, Traced) else (int(x), int(x))


def _interval(x: Traced, depth: int, seen: dict[Value, Interval]) -> Interval:
    builder, value = origin(x.builder, x.value)
    if value not in seen:
        seen[value] = builder.limits.get(value) or _limits(builder, value, depth, seen)
    return seen[value]


def _limits(builder: Builder, value: Value, depth: int, seen: dict[Value, Interval]) -> Interval:
    array, node = value.constant, value.node
    if value.type.dtype.kind not in "iu" or value.type.shape:
        return UNKNOWN
    if array is not None:
        return int(array), int(array)
    name = "" if node.is_input or not depth else node.op.name
    rule = {"where": union, "astype": _same}.get(name) or RULES.get(name)
    operands = node.operands[1:] if rule is union else node.operands
    if rule is None or any(v.type.dtype.kind not in "iu" for v in operands):
        return UNKNOWN
    found = rule(*[_interval(Traced(builder, v), depth - 1, seen) for v in operands])
    return UNKNOWN if found is None else (max(found[0], UNKNOWN[0]), min(found[1], UNKNOWN[1]))


def _same(a: Interval) -> Interval:
    return a


def interval_of_difference(x: Any, y: Any) -> Interval:
    """The least and greatest that `x - y` can be, what both have in common taken out."""
    known = difference(x, y)
    if known is not None:
        return known, known
    (a, b), (c, d) = interval(x), interval(y)
    return a - d, b - c


# arithmetic that takes a known number for what it is


def plus(x: Any, y: Any) -> Any:
    """`x + y`; what was made by taking `y` away is what it was."""
    if _is(x, 0) or _is(y, 0):
        return y if _is(x, 0) else x
    part = _part(x, y) if isinstance(x, Traced) else _part(y, x)
    return x + y if part is None else part


def minus(x: Any, y: Any) -> Any:
    """`x - y`; what was made by adding `y` is what it was."""
    known = difference(x, y)
    if known is not None or _is(y, 0):
        return x if known is None else known
    part = None if isinstance(y, Traced) else _part(x, -y)
    return x - y if part is None else part


def _part(x: Any, y: Any) -> Any:
    """The operand of the sum `x` that is `x + y`, for an int `y`."""
    if not isinstance(x, Traced) or isinstance(y, Traced) or x.value.node.is_input:
        return None
    for operand in x.value.node.operands:
        part: Any = x.builder.wrap(x.builder, operand)
        if operand.type == x.value.type and difference(part, x) == y:
            return part
    return None


def distance(x: Any, y: Any) -> Any:
    """How far an int64 `x` lies beyond `y`, 0 where it does not: `x - y` may overflow there."""
    known = difference(x, y)
    if known is not None:
        return max(known, 0)
    part = None if isinstance(y, Traced) else _part(x, -y)
    if part is not None:
        return greatest(part, 0)
    one, other = ({atom for atom, _ in written(each).terms} for each in (x, y))
    return greatest(minus(x, y), 0) if one & other else minus(greatest(x, y), y)


def least(x: Any, y: Any) -> Any:
    """The smaller of two."""
    low, high = interval_of_difference(x, y)
    return x if high <= 0 else y if low >= 0 else np.minimum(x, y)


def greatest(x: Any, y: Any) -> Any:
    """The larger of two."""
    low, high = interval_of_difference(x, y)
    return x if low >= 0 else y if high <= 0 else np.maximum(x, y)


def _is(x: Any, number: int) -> bool:
    return not isinstance(x, Traced) and x == number
