"""The smallest cut of a network, by largest flow: along shortest paths, all of one length at a time
(E. A. Dinic, *Algorithm for solution of a problem of maximum flow in networks with power
estimation*, 1970)."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable
from typing import Any

Edge = tuple[Any, Any, int | None]
"""From a place to another, and what cutting it costs, where it can be cut."""


def far_side(edges: Iterable[Edge], source: Any, sink: Any) -> set[Any]:
    """The places on the sink's side of a smallest cut between source and sink: of several such
    cuts, of the one with the fewest places there. A ValueError where every cut has an edge that
    cannot be cut.

    >>> sorted(far_side([("s", "a", 3), ("a", "b", 1), ("b", "t", 2)], "s", "t"))
    ['b', 't']
    """
    network = _Network()
    for start, end, size in edges:
        network.connect(start, end, math.inf if size is None else size)
    first, last = network.number(source), network.number(sink)
    while (distance := network.distances(last))[first] >= 0:
        network.fill(first, last, distance)
    return {place for place, k in network.numbers.items() if distance[k] >= 0}


class _Network:
    """Places by number. Arcs come in pairs, 2k along an edge and 2k + 1 back: what flows along one
    can flow back through the other.
    """

    def __init__(self) -> None:
        self.numbers: dict[Hashable, int] = {}
        self.leaving: list[list[int]] = []
        """The arcs from each place."""
        self.ends: list[int] = []
        self.room: list[float] = []

    def number(self, place: Hashable) -> int:
        if place not in self.numbers:
            self.numbers[place] = len(self.leaving)
            self.leaving.append([])
        return self.numbers[place]

    def connect(self, start: Hashable, end: Hashable, room: float) -> None:
        a, b = self.number(start), self.number(end)
        for tail, head, size in ((a, b, room), (b, a, 0)):
            self.leaving[tail].append(len(self.ends))
            self.ends.append(head)
            self.room.append(size)

    def distances(self, sink: int) -> list[int]:
        """How many arcs with room lead from each place to the sink; -1 where none do."""
        found = [-1] * len(self.leaving)
        found[sink] = 0
        waiting = [sink]
        for place in waiting:
            for arc in self.leaving[place]:
                before = self.ends[arc]
                if found[before] < 0 and self.room[arc ^ 1]:
                    found[before] = found[place] + 1
                    waiting.append(before)
        return found

    def fill(self, source: int, sink: int, distance: list[int]) -> None:
        """Let flow what can along paths on which each arc leads nearer to the sink."""
        tried = [0] * len(self.leaving)
        path: list[int] = []
        place = source
        while True:
            if place == sink:
                place = self._flow(path)
            arcs = self.leaving[place]
            while tried[place] < len(arcs):
                arc = arcs[tried[place]]
                if self.room[arc] and distance[self.ends[arc]] == distance[place] - 1:
                    break
                tried[place] += 1
            else:
                if not path:
                    return
                place = self.ends[path.pop() ^ 1]
                tried[place] += 1
                continue
            path.append(arc)
            place = self.ends[arc]

    def _flow(self, path: list[int]) -> int:
        """Fill a path, and leave of it what is before its first full arc -> the end of that."""
        least = min(self.room[arc] for arc in path)
        if least == math.inf:
            raise ValueError("every cut has an edge that cannot be cut")
        for arc in path:
            self.room[arc] -= least
            self.room[arc ^ 1] += least
        full = next(k for k, arc in enumerate(path) if not self.room[arc])
        place = self.ends[path[full] ^ 1]
        del path[full:]
        return place
