"""Which kernels are cut into chunks, and which of them run together chunk by chunk, so that a chunk
of what one makes is still in the cache when the next reads it.

Kernels form a run where each is a single piece, their outermost loops have one range, and every
value that one makes for another is read row by row as it was written: the rows of a chunk then
depend on no other chunk."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from irgrad_numba.chunks import Cut, Sizes, cut_of, joint_cut, lead_of
from irgrad_numba.expression import Reduce
from irgrad_numba.index import Index
from irgrad_numba.pieces import Piece

LONGEST = 16
"""Kernels in a run."""


class Run(NamedTuple):
    """Neighbouring kernels by their numbers; `cuts` of each, or None where they are not cut."""

    kernels: list[int]
    cuts: list[Cut] | None


def runs(kernels: Sequence[Sequence[Piece]], sizes: Sizes) -> list[Run]:
    """All kernels in order, in runs."""
    result: list[Run] = []
    number = 0
    while number < len(kernels):
        axes = _together(kernels[number : number + LONGEST], sizes)
        run = list(range(number, number + max(1, len(axes))))
        cut = joint_cut([kernels[k][0] for k in run], axes) if len(run) > 1 else None
        if cut is None:
            run = [number]
            alone = cut_of(kernels[number], sizes)
            result.append(Run(run, None if alone is None else [alone]))
        else:
            cuts = [
                Cut(cut.extent, cut.axes[k : k + 1], cut.steps[k : k + 1]) for k in range(len(run))
            ]
            result.append(Run(run, cuts))
        number += len(run)
    return result


def _together(kernels: Sequence[Sequence[Piece]], sizes: Sizes) -> list[int]:
    """The axes of the first kernels that can run together."""
    axes: list[int] = []
    for parts in kernels:
        lead = lead_of(parts[0], sizes) if len(parts) == 1 else None
        if lead is None:
            break
        first = axes[0] if axes else lead
        if parts[0].ranges[lead] != kernels[0][0].ranges[first]:
            break
        earlier = zip(kernels, axes, strict=False)
        if not all(_row_by_row(made[0], axis, parts[0], lead) for made, axis in earlier):
            break
        axes.append(lead)
    return axes


def _row_by_row(writer: Piece, axis: int, reader: Piece, lead: int) -> bool:
    """Whether each row of `reader` reads of what `writer` makes only what its same row makes."""
    written = {s.buffer: s for s in writer.statements}
    for e in reader.expressions:
        if e.kind != "load" or e.data[0] not in written:
            continue
        statement = written[e.data[0]]
        if isinstance(statement, Reduce) and axis in statement.axes:
            return False
        made = _row(writer, statement.index, axis)
        read = _row(reader, e.data[1], lead)
        if made is None or read is None:
            return False
        (by, low, high), (also_by, first, last) = made, read
        if by != also_by or high - low >= by or first < low or last > high:
            return False
    return True


def _row(part: Piece, index: Index, axis: int) -> tuple[int, int, int] | None:
    """How far rows are apart, and the first and last element of row 0."""
    ranges = [(0, 1) if k == axis else r for k, r in enumerate(part.ranges)]
    bounds = index.bounds(ranges)
    return None if bounds is None else (index.coefficient(axis), *bounds)
