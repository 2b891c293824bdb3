"""Lines that pass from one row of a picture to another.

The line of a value runs to the side of its row and ends there in a connector; it begins in one at
the same height at the facing side of the next row. All readers of a value beyond a cut share one
line across it.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from irgrad.inspect.drawing import Route, Segment, bezier, curve
from irgrad.inspect.layering import nearest
from irgrad.inspect.rows import Rows
from irgrad.ir.graph import Value

_APART = 17.0
"""The least distance from one connector to the next below it."""


class Connector(NamedTuple):
    """Where the line of a value leaves or enters a row, at its left side (-1) or right side (1)."""

    value: Value
    row: int
    side: int
    x: float
    y: float


class Cutting:
    """The lines of `routes` in rows with the given left and right sides."""

    def __init__(
        self, routes: Sequence[Route], rows: Rows, sides: Sequence[tuple[float, float]]
    ) -> None:
        self.rows = rows
        self.sides = sides
        self.heights = self._heights(routes)

    def lines(self, route: Route) -> Iterator[tuple[int, Segment]]:
        """The curves of a route in the order of its flow, each with its row."""
        for segment, begin, end in _stretches(route, self.rows):
            start, stop = segment[0], segment[3]
            side = 1 if begin < end else -1
            for row in range(begin, end, side):
                out = self._connector(route.edge.value, row, side)
                into = self._connector(route.edge.value, row + side, -side)
                yield row, curve(start, (out.x, out.y))
                start = into.x, into.y
            yield end, (segment if begin == end else curve(start, stop))

    def connectors(self) -> Iterator[Connector]:
        """Both connectors of each value at each cut."""
        for cut, heights in self.heights.items():
            for value in heights:
                yield self._connector(value, cut, 1)
                yield self._connector(value, cut + 1, -1)

    def _connector(self, value: Value, row: int, side: int) -> Connector:
        left, right = self.sides[row]
        cut = row if side > 0 else row - 1
        return Connector(value, row, side, right if side > 0 else left, self.heights[cut][value])

    def _heights(self, routes: Sequence[Route]) -> dict[int, dict[Value, float]]:
        """The height at which each value passes each cut: that of the line of it that has the least
        room to bend there, as near as its neighbours allow.
        """
        found: dict[int, dict[Value, tuple[float, float]]] = {}
        for route in routes:
            for segment, begin, end in _stretches(route, self.rows):
                for cut in range(min(begin, end), max(begin, end)):
                    x = self.rows.cut(cut)
                    left, right = sorted((segment[0][0], segment[3][0]))
                    room = min(x - left, right - x)
                    passing = found.setdefault(cut, {})
                    this = room, _height(segment, x)
                    passing[route.edge.value] = min(this, passing.get(route.edge.value, this))
        return {cut: _spread({v: y for v, (_, y) in at.items()}) for cut, at in found.items()}


def arrives_cut(route: Route, rows: Rows) -> bool:
    """Whether the last segment of a route begins in another row than that of its target."""
    *_, (_, begin, end) = _stretches(route, rows)
    return begin != end


def _stretches(route: Route, rows: Rows) -> Iterator[tuple[Segment, int, int]]:
    """Each segment with the rows in which it begins and ends."""
    ends = map(rows.row, route.homes)
    for segment, (begin, end) in zip(route.segments, itertools.pairwise(ends), strict=True):
        yield segment, begin, end


def _spread(heights: Mapping[Value, float]) -> dict[Value, float]:
    """The heights moved apart so far that connectors do not overlap."""
    order = sorted(heights, key=heights.__getitem__)
    wanted = [heights[value] for value in order]
    places = nearest(wanted, [1.0] * len(order), [_APART] * (len(order) - 1))
    return dict(zip(order, places, strict=True))


def _height(segment: Segment, x: float) -> float:
    """About the height of a segment at `x`."""
    start, stop = segment[0][0], segment[3][0]
    share = (x - start) / (stop - start) if stop != start else 0.0
    return bezier(segment, min(max(share, 0.0), 1.0))[1]


__all__ = ["Connector", "Cutting", "arrives_cut"]
