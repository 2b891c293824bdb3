"""Arithmetic of intervals: the least and greatest integer that an elementwise op can give."""

from __future__ import annotations

from collections.abc import Callable

Interval = tuple[int, int]
"""Both ends included."""
FAR = 2**62
"""Beyond this an interval says nothing: arithmetic wraps around."""


def union(a: Interval, b: Interval) -> Interval:
    """What is in either, and between them."""
    return min(a[0], b[0]), max(a[1], b[1])


def _product(a: Interval, b: Interval) -> Interval:
    corners = [x * y for x in a for y in b]
    return min(corners), max(corners)


def _quotient(a: Interval, b: Interval) -> Interval | None:
    if b[0] <= 0:
        return None
    corners = [x // y for x in a for y in b]
    return min(corners), max(corners)


def _remainder(a: Interval, b: Interval) -> Interval | None:
    return (0, b[1] - 1) if b[0] > 0 else None


RULES: dict[str, Callable[..., Interval | None]] = {
    "add": lambda a, b: (a[0] + b[0], a[1] + b[1]),
    "subtract": lambda a, b: (a[0] - b[1], a[1] - b[0]),
    "multiply": _product,
    "negative": lambda a: (-a[1], -a[0]),
    "positive": lambda a: a,
    "minimum": lambda a, b: (min(a[0], b[0]), min(a[1], b[1])),
    "maximum": lambda a, b: (max(a[0], b[0]), max(a[1], b[1])),
    "remainder": _remainder,
    "floor_divide": _quotient,
}
"""By the names of ops; None where the interval is not known."""
