"""Transposes by tiles. Where a loop stores along one axis what it loads along another, elements of
one vector lie rows apart. Eight rows go together then: eight vectors are loaded the way the memory
runs, and turned in registers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from irgrad_numba.elementwise import cost_of
from irgrad_numba.expression import Add, Expr, Store
from irgrad_numba.llvm import BITS, Type, Value
from irgrad_numba.pieces import Piece
from irgrad_numba.strips import element, load, loop

if TYPE_CHECKING:
    from irgrad_numba.emit import Loops

TILE = 8
MOST = 6
"""Loads that are turned in one loop, for which there are registers,"""
LARGEST = 48
"""and expressions of a loop that is written out so many times."""
LIGHT = 3
"""Additions that are little work."""


class Tiles(NamedTuple):
    """The loop around the innermost one that has several steps, and the loads that run along it."""

    axis: int
    loads: list[Expr]

    def run(self, loops: Loops, low: int, high: int) -> None:
        """That loop, `TILE` steps at a time, and what is left over of it."""
        whole, outer = (high - low) // TILE * TILE, loops.scalars
        with loop(loops.code, low, low + whole, TILE) as start:
            self._rows(loops, [start + k for k in range(TILE)])
        loops.scalars = outer
        if low + whole < high:
            loops.steps(self.axis, low + whole, high)

    def _rows(self, loops: Loops, starts: Sequence[Value]) -> None:
        """A row of tiles."""
        code, ranges = loops.code, loops.piece.ranges
        outer, (first, last) = loops.variables, ranges[-1]
        number = lambda n: code.constant(Type("i64"), n)  # noqa: E731
        single = [number(low) for low, _ in ranges[self.axis + 1 : -1]]
        rows = [(*outer, start, *single) for start in starts]
        scalars = [self._scalars(loops, row) for row in rows]
        end = first + (last - first) // TILE * TILE

        def run(at: Value, width: int, known: Sequence[dict[Expr, Value]]) -> None:
            for row, own, given in zip(rows, scalars, known, strict=True):
                loops.variables, loops.scalars, loops.given = list(row), own, given
                loops.body(at, width)
            loops.given = {}

        with loop(code, first, end, TILE) as at:
            loops.variables, loops.scalars = list(rows[0]), scalars[0]
            found = {e: turned(_columns(loops, e, at)) for e in self.loads}
            run(at, TILE, [{e: found[e][k] for e in found} for k in range(TILE)])
        if end < last:
            run(number(end), last - end, [{}] * TILE)
        loops.variables = outer

    def _scalars(self, loops: Loops, row: Sequence[Value]) -> dict[Expr, Value]:
        """What is known in a row."""
        outer = loops.scalars
        loops.variables, loops.scalars = list(row), dict(outer)
        for level in range(self.axis + 1, loops.depth):
            for e in loops.by_level.get(level, []):
                loops.scalars[e] = loops.emit(e, None, 1)
        found, loops.scalars = loops.scalars, outer
        return found


def tiles_of(piece: Piece, first: int) -> Tiles | None:
    """Of a piece that loads along one of the axes from the `first` on and stores along the
    innermost one; None where nothing has to be turned.
    """
    extents = [high - low for low, high in piece.ranges]
    inner = len(extents) - 1
    axis = max((a for a in range(inner) if extents[a] > 1), default=-1)
    if axis < first or min(extents[axis], extents[inner]) < TILE or piece.limits:
        return None
    if len(piece.expressions) > LARGEST:
        return None
    written = {s.buffer for s in piece.statements}
    for e in piece.expressions:
        if e.kind == "place" or (e.kind == "load" and e.data[0] in written):
            return None
    for s in piece.statements:
        if not isinstance(s, Store) or s.index.dynamic or s.index.coefficient(inner) != 1:
            return None
    loads = [e for e in piece.expressions if e.kind == "load" and _is_across(e, axis, inner)]
    return Tiles(axis, loads) if 0 < len(loads) <= MOST else None


def is_scattered(piece: Piece) -> bool:
    """Whether all that the innermost loop writes lands rows apart, and is little work: to put the
    lanes of vectors together and to take them apart is more.
    """
    inner = len(piece.ranges) - 1
    apart = all(
        isinstance(s, (Store, Add)) and abs(s.index.coefficient(inner)) > 1
        for s in piece.statements
    )
    own = [e for e in piece.expressions if e.level > inner and e.kind == "apply"]
    return inner >= 0 and apart and sum(cost_of(e.data) for e in own) <= LIGHT


def _is_across(e: Expr, axis: int, inner: int) -> bool:
    index = e.data[1]
    return (
        index.coefficient(axis) == 1
        and abs(index.coefficient(inner)) > 1
        and BITS[e.type] >= 32
        and all(atom.level <= axis for atom, _ in index.dynamic)
    )


def _columns(loops: Loops, e: Expr, at: Value) -> list[Value]:
    """A load in the rows of a tile, a vector for each step of the innermost loop."""
    buffer, index = e.data
    places = [loops.positions(index, at + k, 1) for k in range(TILE)]
    type = Type(e.type, TILE)
    return [load(loops.code, type, element(loops.code, buffer, e.type, p)) for p in places]


def turned(vectors: Sequence[Value]) -> list[Value]:
    """As many vectors as each has lanes, a power of two: lane k of the result i is lane i of the
    vector k. Blocks of one, two, four, ... lanes are exchanged.
    """
    rows, by = list(vectors), 1
    while by < len(rows):
        for i in range(len(rows)):
            if not i & by:
                rows[i], rows[i + by] = _exchanged(rows[i], rows[i + by], by)
        by *= 2
    return rows


def _exchanged(a: Value, b: Value, by: int) -> tuple[Value, Value]:
    count = a.type.width
    low = [k if not k & by else count + k - by for k in range(count)]
    high = [k + by if not k & by else count + k for k in range(count)]
    return _mixed(a, b, low), _mixed(a, b, high)


def _mixed(a: Value, b: Value, lanes: Sequence[int]) -> Value:
    """Lanes of two vectors, those of the second numbered after those of the first."""
    numbers = f"<{len(lanes)} x i32> <{', '.join(f'i32 {lane}' for lane in lanes)}>"
    vectors = f"{a.type.text} {a.text}, {b.type.text} {b.text}"
    return a.code.value(a.type, f"shufflevector {vectors}, {numbers}")
