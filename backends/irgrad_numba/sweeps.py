"""Which kernels are cut into chunks, and which of them run together chunk by chunk, so that a chunk
of what one makes is still in the cache when the next reads it.

Kernels form a run where each is a single piece, their outermost loops run through the same rows
(several steps a row where a loop covers several axes), and every value that one makes for another
is read row by row as it was written: the rows of a chunk then depend on no other chunk. A kernel
that has nothing to do with them joins where its chunks are about as long."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import NamedTuple

from irgrad_numba.chunks import (
    Cut,
    Grain,
    Sizes,
    cut_of,
    extent_of,
    joint_cut,
    lead_of,
    work_of,
)
from irgrad_numba.expression import Reduce
from irgrad_numba.index import Index
from irgrad_numba.pieces import Piece

LONGEST = 16
"""Kernels in a run."""
NEAR = 16
"""Chunks that differ by less than this part of their length are about the same."""


class Run(NamedTuple):
    """Neighbouring kernels by their numbers; `cuts` of each, or None where they are not cut."""

    kernels: list[int]
    cuts: list[Cut] | None


def runs(kernels: Sequence[Sequence[Piece]], sizes: Sizes, grain: Grain) -> list[Run]:
    """All kernels in order, in runs."""
    result: list[Run] = []
    works = [sum(work_of(part, grain) for part in parts) for parts in kernels]
    number = 0
    while number < len(kernels):
        if sum(works[number : number + LONGEST]) < grain.least:  # so is any run from here on
            result.append(Run([number], None))
            number += 1
            continue
        axes, rows = _together(kernels[number : number + LONGEST], sizes)
        run = list(range(number, number + max(1, len(axes))))
        cuts = None
        if len(run) > 1:
            cuts = joint_cut([kernels[k][0] for k in run], axes, rows, sizes, grain)
        if cuts is None:
            run = [number]
            alone = cut_of(kernels[number], sizes, grain)
            cuts = None if alone is None else [alone]
        while cuts is not None and len(run) < LONGEST and run[-1] + 1 < len(kernels):
            beside = _beside([kernels[k] for k in run], cuts, kernels[run[-1] + 1], sizes, grain)
            if beside is None:
                break
            run.append(run[-1] + 1)
            cuts.append(beside)
        result.append(Run(run, cuts))
        number += len(run)
    return result


def _beside(
    run: Sequence[Sequence[Piece]],
    cuts: Sequence[Cut],
    parts: Sequence[Piece],
    sizes: Sizes,
    grain: Grain,
) -> Cut | None:
    """The cut of a kernel that has nothing to do with those before it but goes through arrays of
    about the same length, so that they read the same parts of them at one time.
    """
    cut = cut_of(parts, sizes, grain, cuts[0].extent)
    if cut is None or not all(_are_apart(made, parts) for made in run):
        return None
    length, other = max(cuts[0].steps), max(cut.steps)
    return cut if abs(length - other) * NEAR <= length else None


def _are_apart(one: Sequence[Piece], other: Sequence[Piece]) -> bool:
    """Whether neither kernel reads or writes what the other writes."""
    return not (_written(one) & _touched(other) or _written(other) & _touched(one))


def _written(parts: Sequence[Piece]) -> set[int]:
    return {s.buffer for part in parts for s in part.statements}


def _touched(parts: Sequence[Piece]) -> set[int]:
    return _written(parts) | {
        e.data[0] for part in parts for e in part.expressions if e.kind == "load"
    }


def _together(kernels: Sequence[Sequence[Piece]], sizes: Sizes) -> tuple[list[int], int]:
    """The axes of the first kernels that can run together, and how many rows they have."""
    axes: list[int] = []
    rows = 0
    for parts in kernels:
        lead = lead_of(parts[0], sizes) if len(parts) == 1 else None
        if lead is None:
            break
        known = [made[0] for made in kernels[: len(axes)]]
        fewest = min(rows or extent_of(parts[0], lead), extent_of(parts[0], lead))
        chosen = [*zip(known, axes, strict=True), (parts[0], lead)]
        if not have_rows(chosen, fewest) or not all(
            row_by_row(writer, reader, fewest) for writer, reader in combinations(chosen, 2)
        ):
            break
        axes.append(lead)
        rows = fewest
    return axes, rows


Led = tuple[Piece, int]
"""A piece, and the axis along which it is cut."""


def have_rows(chosen: Sequence[Led], rows: int) -> bool:
    """Whether the axes begin together and are multiples of `rows`."""
    starts = {part.ranges[axis][0] for part, axis in chosen}
    extents = {extent_of(part, axis) for part, axis in chosen}
    return len(starts) == 1 and (
        len(extents) == 1 or (starts == {0} and not any(e % rows for e in extents))
    )


def row_by_row(writer: Led, reader: Led, rows: int) -> bool:
    """Whether each row of `reader` reads of what `writer` makes only what its same row makes."""
    written = {s.buffer: s for s in writer[0].statements}
    for e in reader[0].expressions:
        if e.kind != "load" or e.data[0] not in written:
            continue
        statement = written[e.data[0]]
        if isinstance(statement, Reduce) and writer[1] in statement.axes:
            return False
        made = row(*writer, statement.index, rows)
        read = row(*reader, e.data[1], rows)
        if made is None or read is None:
            return False
        (by, low, high), (also_by, first, last) = made, read
        if by != also_by or high - low >= by or first < low or last > high:
            return False
    return True


def row(part: Piece, axis: int, index: Index, rows: int) -> tuple[int, int, int] | None:
    """How far rows are apart, and the first and last element of row 0."""
    steps = extent_of(part, axis) // rows
    ranges = [(0, steps) if k == axis else r for k, r in enumerate(part.ranges)]
    bounds = index.bounds(ranges)
    return None if bounds is None else (index.coefficient(axis) * steps, *bounds)
