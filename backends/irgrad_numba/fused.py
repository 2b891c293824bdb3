"""Kernels that run one after the other over the same points, as one loop: each point of a later one
needs of the earlier ones only what these make of that very point.

The steps of a loop write into parts of arrays, and the next write reads what is written. Where two
kernels touch the same elements, they do so at the same points, or their places are further apart
than either reaches. So the statements of all may run in order point by point; what one stores and
another loads stays in a register, and what nobody else loads is never stored."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import NamedTuple

from irgrad_numba.expression import Copies, Expr, Pool, Reduce, Statement, Store
from irgrad_numba.index import Index, Range
from irgrad_numba.pieces import Piece
from irgrad_numba.schedule import Kernel
from irgrad_numba.updates import is_update

LARGEST = 160
"""Expressions in one point of such a loop."""


class Access(NamedTuple):
    """An element that is read or written at each point."""

    buffer: int
    place: Index
    writes: bool


class Unit(NamedTuple):
    """Statements of a kernel that stay together, with the expressions that they need."""

    kernel: Kernel
    statements: list[Statement]
    expressions: list[Expr]

    def accesses(self) -> Iterator[Access]:
        """All that is read, then all that is written."""
        for e in self.expressions:
            if e.kind == "load":
                yield Access(*e.data, writes=False)
        for s in self.statements:
            yield Access(s.buffer, s.index, writes=True)


def fused(
    kernels: Sequence[tuple[Kernel, list[Piece]]], uses: Mapping[int, int]
) -> list[tuple[Kernel, list[Piece]]]:
    """Kernels that run in order, with their pieces, as fewer; `uses` says how many steps of all
    read or write a buffer.
    """
    result: list[tuple[Kernel, list[Piece]]] = []
    for ranges, group in groupby(kernels, lambda pair: _ranges(pair[1])):
        some = [*group]
        if ranges is None or len(some) == 1:
            result += some
        else:
            inside = Counter(b for _, parts in some for b in touched(parts))
            private = {b for b, count in inside.items() if count == uses[b]}
            result += _Run(ranges, some).kernels(private)
    return result


def touched(parts: Sequence[Piece]) -> set[int]:
    """The buffers that pieces read or write."""
    loads = {e.data[0] for part in parts for e in part.expressions if e.kind == "load"}
    return loads | {s.buffer for part in parts for s in part.statements}


def _ranges(parts: Sequence[Piece]) -> tuple[Range, ...] | None:
    """The ranges of the loops of a kernel that may be fused with others."""
    if len(parts) != 1 or not parts[0].ranges or parts[0].limits:
        return None
    (part,) = parts
    places = any(e.kind == "place" and e.level for e in part.expressions)
    folds = any(isinstance(s, Reduce) for s in part.statements)
    return None if places or folds else part.ranges


class _Run:
    """Kernels over the same ranges."""

    def __init__(
        self, ranges: tuple[Range, ...], kernels: Sequence[tuple[Kernel, list[Piece]]]
    ) -> None:
        self.ranges = ranges
        self.loops: list[_Loop] = []
        pool = Pool()  # so that what is the same is one expression in all of them
        self.units = [
            unit for kernel, (part,) in kernels for unit in _units(kernel, part, Copies(pool))
        ]
        self.written = {s.buffer for unit in self.units for s in unit.statements}

    def kernels(self, private: set[int]) -> list[tuple[Kernel, list[Piece]]]:
        """As few loops as there are places where the points of one must wait for all of another;
        `private` buffers nobody else reads. Each goes by a kernel that writes in place, if any.
        """
        for unit in self.units:
            self._place(unit)
        dead = private & self.written - {b for loop in self.loops for b in loop.loads()}
        found = [(loop.kernel(), [loop.piece(self.ranges, dead)]) for loop in self.loops]
        return [(kernel, [piece]) for kernel, (piece,) in found if piece.statements]

    def _place(self, unit: Unit) -> None:
        """A unit goes where what it waits for is done, into the first such loop."""
        chosen: _Loop | None = None
        for loop in reversed(self.loops):
            related = self._relation(unit, loop)
            if related is None:
                break
            if len(loop.pool.order) + len(unit.expressions) <= LARGEST:
                chosen = loop
            if related:
                break
        if chosen is None:
            chosen = _Loop()
            self.loops.append(chosen)
        chosen.add(unit)

    def _relation(self, unit: Unit, loop: _Loop) -> bool | None:
        """Whether a unit touches what the loop writes, or the other way round; None where that is
        not at the same points only.
        """
        related = False
        for own in unit.accesses():
            for other in loop.accesses.get(own.buffer, ()):
                if own.writes or other.writes:
                    related = True
                    if not self._at_same_points(own.place, other.place):
                        return None
        return related

    def _at_same_points(self, x: Index, y: Index) -> bool:
        """Whether two places are equal at no two different points."""
        dynamic = Counter(dict[Expr, int]())
        for index, sign in ((x, 1), (y, -1)):
            for e, by in index.dynamic:
                if e.level or self._changes(e):
                    return False
                dynamic[e] += sign * by
        apart = math.gcd(x.constant - y.constant, *dynamic.values())
        if x.terms == y.terms:
            reach = _reach(x, self.ranges)
            return reach is not None and (apart == 0 or apart > reach)
        if any(dynamic.values()):
            return False
        (low, high), (first, last) = (
            index._replace(dynamic=()).bounds(self.ranges) or (0, 0) for index in (x, y)
        )
        return high < first or last < low

    def _changes(self, e: Expr) -> bool:
        """Whether a number is loaded from what the kernels write."""
        loaded = e.kind == "load" and e.data[0] in self.written
        return loaded or any(map(self._changes, e.args))


def _units(kernel: Kernel, part: Piece, copies: Copies) -> list[Unit]:
    """Each statement of a kernel alone, or all where it reads what it writes."""
    for e in part.expressions:
        copies.make(e)
    statements = [copies.statement(s) for s in part.statements]
    expressions = [copies.known[e] for e in part.expressions]
    written = {s.buffer for s in statements}
    if len(statements) > 1 and not any(
        e.kind == "load" and e.data[0] in written for e in expressions
    ):
        first, *others = statements
        checked = [e for e in expressions if e.kind == "place"]  # used or not
        own = Unit(kernel, [first], _needed([first], expressions, checked))
        return [own, *(Unit(kernel, [s], _needed([s], expressions)) for s in others)]
    return [Unit(kernel, statements, expressions)]


def _needed(
    statements: Sequence[Statement], expressions: Sequence[Expr], others: Sequence[Expr] = ()
) -> list[Expr]:
    """The expressions that statements, and others, need, operands first."""
    needed = {s.value for s in statements} | {*others}
    needed.update(e for s in statements for e, _ in s.index.dynamic)
    for e in reversed(expressions):
        if e in needed:
            needed.update(e.args)
    return [e for e in expressions if e in needed]


def _reach(index: Index, ranges: Sequence[Range]) -> int | None:
    """How far apart the places of an index are at most; None where two points share one."""
    reach = 0
    for by, extent in sorted(
        (abs(index.coefficient(k)), high - low)
        for k, (low, high) in enumerate(ranges)
        if high - low > 1
    ):
        if by <= reach:
            return None
        reach += by * (extent - 1)
    return reach


class _Loop:
    """One loop under construction."""

    def __init__(self) -> None:
        self.pool = Pool()
        self.of: list[Kernel] = []
        """The kernels whose statements it has."""
        self.statements: list[Statement] = []
        self.turns: list[int] = []
        self.accesses: dict[int, list[Access]] = {}
        self.stored: dict[int, Store] = {}
        """By the buffer what was stored there last."""

    def add(self, unit: Unit) -> None:
        """Append a unit."""
        self.of.append(unit.kernel)
        copies = Copies(self.pool, load=self._load)
        for e in unit.expressions:
            copies.make(e)
        for s in map(copies.statement, unit.statements):
            self.statements.append(s)
            self.turns.append(len(self.pool.order))
            self.pool.forget(s.buffer)
            self.stored.pop(s.buffer, None)
            if isinstance(s, Store):
                self.stored[s.buffer] = s
        for access in unit.accesses():
            self.accesses.setdefault(access.buffer, []).append(access)

    def kernel(self) -> Kernel:
        """One that writes into an array which others read before, if there is any."""
        return next((k for k in self.of if any(map(is_update, k.roots))), self.of[0])

    def _load(self, type: str, buffer: int, index: Index) -> Expr:
        """An element as it is by now."""
        store = self.stored.get(buffer)
        if store is not None and store.index == index and store.value.type == type:
            return store.value
        return self.pool.load(type, buffer, index)

    def loads(self) -> set[int]:
        """The buffers that are read."""
        needed = _needed(self.statements, self.pool.order)
        added = {s.buffer for s in self.statements if not isinstance(s, Store)}
        return added | {e.data[0] for e in needed if e.kind == "load"}

    def piece(self, ranges: tuple[Range, ...], dead: set[int]) -> Piece:
        """The loop, but for what would be stored in `dead` buffers."""
        kept = [
            (s, turn)
            for s, turn in zip(self.statements, self.turns, strict=True)
            if s.buffer not in dead
        ]
        statements = tuple(s for s, _ in kept)
        checked = [e for e in self.pool.order if e.kind == "place"]
        expressions = _needed(statements, self.pool.order, checked)
        place = {e: k for k, e in enumerate(self.pool.order)}
        places = [place[e] for e in expressions]
        turns = tuple(bisect_left(places, turn) for _, turn in kept)
        return Piece(ranges, statements, tuple(expressions), (), turns)
