"""`sorted`, `list.sort` and `bisect` of traced numbers and by traced keys, and objects that have an
operation of their own with numbers: against Python."""

from __future__ import annotations

import bisect
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

import irgrad
from irgrad.errors import TraceError
from tests.frontend.against_python import check_like_python

POINTS = (0.55, 1.7, -0.6)


def numbers(x: Any) -> Any:
    values = [np.sin(x * (k * k + 1)) for k in range(9)]
    ordered = sorted(values)
    return (
        ordered,
        sorted(values, reverse=True)[:2],
        sorted(values, key=abs),
        ordered[4] * values[0],
    )


def in_place(x: Any) -> Any:
    values = [x, 0.3, -x, 2 * x, 1]
    same = values
    values.sort(reverse=True)
    return [k * v for k, v in enumerate(same)], sum(sorted([3, 1, 2])[:1])


def equal_keys(x: Any) -> Any:
    pairs = [(k, x + k) for k in range(7)]
    ways = [sorted(pairs, key=lambda p: np.rint(np.cos(p[0]) + 0 * x), reverse=r) for r in (0, 1)]
    return [[first * second for first, second in way] for way in ways]


@dataclass
class Point:
    x: Any
    y: Any


def area(x: Any) -> Any:
    points = [Point(np.cos(k * k + x), np.sin(k * k + x)) for k in range(6)]
    points = sorted(points, key=lambda p: np.arctan2(p.y, p.x))
    return sum(p.x * q.y - q.x * p.y for p, q in zip(points, points[1:] + points[:1], strict=True))


def arrays(x: Any) -> Any:
    rows = [np.array([np.sin(k * x), k, x]) for k in range(5)]
    return sorted(rows, key=lambda row: row[0])


def interpolated(x: Any) -> Any:
    places, values = [-2.0, -1.0, 0.5, 2.0, 3.0], [0.0, x, 2.0, x * x, 1.0]
    k = bisect.bisect_right(places, x) - 1
    weight = (x - places[k]) / (places[k + 1] - places[k])
    found = (1 - weight) * values[k] + weight * values[k + 1]
    return found, bisect.bisect_left([x, x + 1, x + 2], 1.2), bisect.bisect([1, 2, 3], 2)


class Vector:
    def __init__(self, *parts: Any) -> None:
        self.parts = parts

    def __add__(self, other: Any) -> Any:
        return Vector(*(a + b for a, b in zip(self.parts, other.parts, strict=True)))

    def __rmul__(self, factor: Any) -> Any:
        return Vector(*(factor * part for part in self.parts))

    def __rsub__(self, number: Any) -> Any:
        return Vector(*(number - part for part in self.parts))

    def __abs__(self) -> Any:
        norm = sum(part * part for part in self.parts)
        return norm**0.5 if norm > 0 else 0.0

    def __iter__(self) -> Any:
        return iter(self.parts)


def moved(x: Any) -> Any:
    place, speed = Vector(x, 1.0, 0.5), Vector(0.1, x, -0.3)
    for _ in range(20):
        speed = speed + (-x / (1 + abs(place))) * place
        place = place + 0.1 * speed
    return list(place), abs(speed), list(x - place)


def best_by_key(x: Any) -> Any:
    values = [np.sin(x * (k * k + 1)) for k in range(6)]
    place, least = min(enumerate(values), key=lambda pair: pair[1])
    farthest = max((v - 0.1 for v in values), key=lambda v: v * v)
    return (
        place * 1.0,
        least,
        farthest,
        max(x, 1.0, -x, key=abs),
        max(["a", "bcd"], key=len)[0] == "b",
    )


@pytest.mark.parametrize("backend", ["numpy", "numba"])
@pytest.mark.parametrize(
    "function",
    [best_by_key, numbers, in_place, equal_keys, area, arrays, interpolated, moved],
    ids=lambda f: f.__name__,
)
def test_as_python_means_it(function: Any, backend: str) -> None:
    check_like_python(function, backend, POINTS)


def test_items_of_several_forms_are_refused() -> None:
    def several(x: Any) -> Any:
        return sorted([(x, 1), (x, (2, 3))], key=lambda p: p[0])[0][0]

    def words(x: Any) -> Any:
        return sorted([(x, "a"), (2 * x, "b")], key=lambda p: p[0])[0][0]

    for function in (several, words):
        with pytest.raises(TraceError, match=r"sorted: the order of items[\s\S]*np.argsort"):
            irgrad.compile(function)(0.5)
