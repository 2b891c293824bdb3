"""Layered drawing of one band (Sugiyama, Tagawa and Toda, 1981): boxes in given layers get an order
with few crossings, then heights at which they stand near to what they are connected with.

A long edge passes the layers between its ends at points of their own, so that it crosses no box;
the edges of one value share them.
"""

from __future__ import annotations

import itertools
from bisect import bisect_right, insort
from collections.abc import Callable, Sequence
from typing import Any

SWEEPS = 16
MOST_POINTS = 20_000
"""A band that would need more points than this has straight long edges."""


class Point:
    """Where a long edge passes a layer."""

    __slots__ = ("height", "layer", "y")

    def __init__(self, layer: int) -> None:
        self.layer = layer
        self.height = 8.0
        self.y = 0.0


Item = Any
"""A box or a point: what stands in a layer, with `height` and `y`."""


class Band:
    """Layers of boxes, from the left to the right, with the links between neighbouring layers."""

    def __init__(self, layers: Sequence[Sequence[Item]], gap: float) -> None:
        self.layers = [list(layer) for layer in layers]
        self.gap = gap
        self.layer_of = {box: i for i, layer in enumerate(self.layers) for box in layer}
        self.left: dict[Item, list[Item]] = {}
        self.right: dict[Item, list[Item]] = {}
        self._points: dict[tuple[Any, int], Point] = {}

    def connect(self, key: Any, source: Item, target: Item) -> list[Point]:
        """Link two boxes of different layers -> the points that the edge passes, in its order;
        edges with one `key` share them.
        """
        start, end = self.layer_of[source], self.layer_of[target]
        step = 1 if end > start else -1
        path = [self._point(key, i) for i in range(start + step, end, step)]
        chain = [source, *filter(None, path), target]
        for a, b in itertools.pairwise(chain):
            first, second = (a, b) if step > 0 else (b, a)
            if second not in self.right.setdefault(first, []):
                self.right[first].append(second)
                self.left.setdefault(second, []).append(first)
        return [point for point in path if point is not None]

    def _point(self, key: Any, layer: int) -> Point | None:
        if (key, layer) not in self._points:
            if len(self._points) > MOST_POINTS:
                return None
            point = self._points[key, layer] = Point(layer)
            self.layers[layer].append(point)
            self.layer_of[point] = layer
        return self._points[key, layer]

    def arrange(self, pull: Callable[[Item], float | None]) -> None:
        """Order and heights; `pull` gives the height at which a box would stand by itself."""
        self._order(pull)
        for layer in self.layers:
            _spread(layer, [item.y for item in layer], [1.0] * len(layer), self.gap)
        for sweep in range(SWEEPS):
            forth = sweep % 2 == 0
            for layer in self.layers if forth else reversed(self.layers):
                self._settle(layer, pull)

    def _order(self, pull: Callable[[Item], float | None]) -> None:
        """Barycentre sweeps; the order with the fewest crossings stays."""
        for layer in self.layers:
            layer.sort(key=lambda item: -1e9 if pull(item) is None else float(pull(item) or 0.0))
            for position, item in enumerate(layer):
                item.y = float(position)
        best, kept = self._crossings(), [list(layer) for layer in self.layers]
        for sweep in range(SWEEPS):
            forth = sweep % 2 == 0
            links = self.left if forth else self.right
            for layer in self.layers if forth else reversed(self.layers):
                means = {item: _mean([n.y for n in links.get(item, [])], item.y) for item in layer}
                layer.sort(key=means.__getitem__)
                for position, item in enumerate(layer):
                    item.y = float(position)
            crossings = self._crossings()
            if crossings < best:
                best, kept = crossings, [list(layer) for layer in self.layers]
        self.layers = kept
        for layer in self.layers:
            for position, item in enumerate(layer):
                item.y = position * 40.0

    def _crossings(self) -> int:
        """How many pairs of links cross: inversions between the orders of their ends."""
        count = 0
        for layer in self.layers:
            ends: list[float] = []
            for item in sorted(layer, key=lambda item: item.y):
                targets = sorted(n.y for n in self.right.get(item, []))
                count += sum(len(ends) - bisect_right(ends, y) for y in targets)
                for y in targets:
                    insort(ends, y)
        return count

    def _settle(self, layer: list[Item], pull: Callable[[Item], float | None]) -> None:
        """Each item of a layer as near as the others allow to the mean of its neighbours."""
        wanted: list[float] = []
        weights: list[float] = []
        for item in layer:
            near = [*self.left.get(item, []), *self.right.get(item, [])]
            ys = [(n.y, _stiffness(n, item)) for n in near]
            own = pull(item)
            ys += [] if own is None else [(own, 0.5)]
            total = sum(weight for _, weight in ys)
            wanted.append(sum(y * w for y, w in ys) / total if total else item.y)
            weights.append(max(total, 0.1))
        _spread(layer, wanted, weights, self.gap)


def _stiffness(a: Item, b: Item) -> float:
    """Long edges are to be straight (Gansner, Koutsofios, North and Vo, 1993)."""
    return (1.0, 2.0, 8.0)[isinstance(a, Point) + isinstance(b, Point)]


def _mean(values: Sequence[float], default: float) -> float:
    return sum(values) / len(values) if values else default


def _spread(
    layer: Sequence[Item], wanted: Sequence[float], weights: Sequence[float], gap: float
) -> None:
    """The heights nearest to those wanted, in order and without overlap."""
    distances: list[float] = []
    for above, below in itertools.pairwise(layer):
        thin = isinstance(above, Point) and isinstance(below, Point)
        distances.append((above.height + below.height) / 2 + (0 if thin else gap))
    for item, y in zip(layer, nearest(wanted, weights, distances), strict=True):
        item.y = y


def nearest(
    wanted: Sequence[float], weights: Sequence[float], distances: Sequence[float]
) -> list[float]:
    """The positions nearest to those wanted (in the sense of weighted least squares) of which each
    is at least its distance beyond the one before: an isotonic regression, by pooling adjacent
    violators (Ayer and others, 1955), once the distances are taken off.

    >>> nearest([0.0, 0.0, 9.0], [1.0, 1.0, 1.0], [4.0, 4.0])
    [-2.0, 2.0, 9.0]
    """
    offsets = list(itertools.accumulate(distances, initial=0.0))
    blocks: list[list[float]] = []  # mean, weight, count
    for place, weight, offset in zip(wanted, weights, offsets, strict=False):
        blocks.append([place - offset, weight, 1])
        while len(blocks) > 1 and blocks[-2][0] >= blocks[-1][0]:
            mean, heavy, count = blocks.pop()
            last = blocks[-1]
            last[0] = (last[0] * last[1] + mean * heavy) / (last[1] + heavy)
            last[1] += heavy
            last[2] += count
    means = [mean for mean, _, count in blocks for _ in range(int(count))]
    return [mean + offset for mean, offset in zip(means, offsets, strict=False)]


__all__ = ["Band", "Point", "nearest"]
