"""Sums along outer loops: every `ROWS` rows, their sum is moved to the total with its rounding
error (TwoSum), so that the error does not grow with the number of rows.

Such a sum is made in memory, with an element for each place of a row. These elements are local to
the function, and few; the result itself stays where it is, and takes part once in `ROWS` rows."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from irgrad_numba.expression import Reduce, Statement
from irgrad_numba.fold import settled, two_sum
from irgrad_numba.index import Index
from irgrad_numba.llvm import BITS, Type, Value
from irgrad_numba.pieces import Piece
from irgrad_numba.strips import loop, strips

if TYPE_CHECKING:
    from irgrad_numba.emit import Loops

ROWS = 64
LOCAL_BYTES = 1 << 16
"""Local elements of one sum take at most so much memory."""


@dataclass(frozen=True)
class RowSum:
    """How the loops of a piece add up one of its sums."""

    total: Reduce
    """Where it goes."""
    part: Reduce
    """The sum of the rows since the last move."""
    error: Reduce
    """The rounding errors of the moves."""
    sizes: tuple[int, int]
    """How many elements parts and errors have."""
    depth: int
    """The number of the loop after whose steps the rows are moved,"""
    step: int
    """after so many of them."""
    outermost: int
    """The number of the loop after which the errors are added."""

    @property
    def local_bytes(self) -> int:
        """How much memory its local elements take."""
        return sum(self.sizes) * BITS[self.total.value.type] // 8

    def move(self, loops: Loops) -> None:
        """Move the sum of the last rows to the total."""

        def run(at: Value | None, width: int) -> None:
            type = Type(self.total.value.type, width)
            part, total, error = (
                loops.read(s.buffer, type, s.index, at) for s in (self.part, self.total, self.error)
            )
            total, lost = two_sum(total, part)
            loops.write(self.total, total, at, width)
            loops.write(self.error, error + lost, at, width)
            loops.write(self.part, loops.code.constant(type, -0.0), at, width)

        _visit(loops, self.total, self.depth, run)

    def settle(self, loops: Loops) -> None:
        """Add the errors to the total."""

        def run(at: Value | None, width: int) -> None:
            type = Type(self.total.value.type, width)
            total, error = (
                loops.read(s.buffer, type, s.index, at) for s in (self.total, self.error)
            )
            loops.write(self.total, settled(total, error), at, width)
            loops.write(self.error, loops.code.constant(type, 0.0), at, width)

        _visit(loops, self.total, self.outermost, run)


def _visit(
    loops: Loops, total: Reduce, depth: int, run: Callable[[Value | None, int], None]
) -> None:
    """Run something for all elements of a sum that the loops from `depth` on go through, vectors of
    them where these lie along the innermost loop.
    """
    if depth == loops.depth:
        run(None, 1)
        return
    low, high = loops.piece.ranges[depth]
    if depth in total.axes:
        loops.variables.append(loops.code.constant(Type("i64"), 0))
        _visit(loops, total, depth + 1, run)
        loops.variables.pop()
    elif depth == loops.depth - 1:
        for at, width in strips(loops.code, low, high, loops.register):
            run(at, width)
    else:
        with loop(loops.code, low, high, 1) as i:
            loops.variables.append(i)
            _visit(loops, total, depth + 1, run)
            loops.variables.pop()


def with_row_sums(piece: Piece, buffers: int) -> tuple[Piece, list[RowSum]]:
    """A piece whose long sums along outer loops go to local elements; the buffers of these are
    numbered from `buffers`.
    """
    loaded = {e.data[0] for e in piece.expressions if e.kind == "load"}
    statements: list[Statement] = []
    found: list[RowSum] = []
    for s in piece.statements:
        made = None
        if isinstance(s, Reduce) and s.buffer not in loaded and not piece.limits:
            made = _row_sum(piece, s, buffers + 2 * len(found))
        if made is not None:
            found.append(made)
        statements.append(s if made is None else made.part)
    return piece._replace(statements=tuple(statements)), found


def _row_sum(piece: Piece, s: Reduce, buffer: int) -> RowSum | None:
    inner = len(piece.ranges)
    while inner and inner - 1 in s.axes:
        inner -= 1
    outer = sorted(axis for axis in s.axes if axis < inner)
    extents = {axis: piece.ranges[axis][1] - piece.ranges[axis][0] for axis in outer}
    is_float = s.value.type in ("f32", "f64")
    if s.op != "add" or not is_float or math.prod(extents.values()) <= 2 * ROWS:
        return None
    depth, rows = outer[-1], 1
    for depth in reversed(outer):
        if rows * extents[depth] > ROWS:
            break
        rows *= extents[depth]
    (place, size), (error_place, errors) = (_places(piece, s, k) for k in (depth, outer[0]))
    if (size + errors) * BITS[s.value.type] // 8 > LOCAL_BYTES:
        return None
    part = replace(s, buffer=buffer, index=place)
    error = replace(s, buffer=buffer + 1, index=error_place)
    return RowSum(s, part, error, (size, errors), depth, max(1, ROWS // rows), outer[0])


def _places(piece: Piece, s: Reduce, depth: int) -> tuple[Index, int]:
    """A place for each element of a sum that the loops from `depth` on go through, and how many."""
    size, start = 1, 0
    terms: list[tuple[int, int]] = []
    for axis in range(len(piece.ranges) - 1, depth, -1):
        low, high = piece.ranges[axis]
        if axis not in s.axes:
            terms.append((axis, size))
            start -= low * size
            size *= high - low
    return Index(start, tuple(reversed(terms))), size
