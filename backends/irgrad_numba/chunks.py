"""Large kernels cut into chunks, which several threads share.

A piece is cut along one axis into chunks of the same extent; the number of the chunk becomes its
outermost loop variable, which the function of a chunk is given. What is left over, and pieces too
small to cut, belong to the first or last chunk where they lie beside it, or run once afterwards. A
fold over the axis leaves a partial result for each chunk, and these are folded by halves. The cut
depends on the kernel alone, never on the number of threads, so that results do not either."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import NamedTuple

from irgrad.ir.types import DTYPES, ArrayType
from irgrad_numba.elementwise import cost_of
from irgrad_numba.expression import Copies, Pool, Reduce, Statement, Store
from irgrad_numba.index import Index, Range, variable
from irgrad_numba.pieces import Piece
from irgrad_numba.pool import WAKING

ADDITION = 0.05
"""Nanoseconds an element that an addition takes in a vector."""
MOST_CHUNKS = 64
STRIP = 512
"""Chunks of the innermost axis are multiples of this, so that none ends within a vector."""
PARTIAL_BYTES = 1 << 21
"""Partial results of one fold take at most so much memory,"""
PARTIAL_SHARE = 1 / 16
"""and this share of what the kernel reads and writes."""
CACHE_BYTES, MOST_CACHED = 1 << 19, 128
"""What the kernels of a sweep read and write in one chunk stays in a processor's cache, in so many
chunks at most."""
AT_ONCE = 16
"""Rows of partial results that are folded in one pass."""
LINE = 1 << 12
"""Bytes that do not count."""
SMALL = 1 / 64
"""Pieces below this share of the work are not cut."""


class Grain(NamedTuple):
    """In nanoseconds: the work below which a kernel stays whole, that of a chunk, and what moving a
    byte takes; whether the number of chunks is even, so that two threads have as much to do.
    """

    least: float
    chunk: float
    byte: float
    even: bool = False


COARSE = Grain(WAKING, 15_000, 0.03)
"""Of kernels for which threads may have to be woken, and which read from memory."""
FINE = Grain(8_000, 2_000, 0.006, even=True)
"""Of kernels in loops: threads are awake from step to step, and what is read is in their caches."""


Sizes = Callable[[int], int]
"""How many elements a buffer has."""


class Chunked(NamedTuple):
    """`chunks` have the number of the chunk, below `extent`, as outermost variable; `rest` runs
    when all are done. A buffer of partial results has a row for each chunk.
    """

    extent: int
    chunks: list[Piece]
    rest: list[Piece]
    partials: list[ArrayType]
    """The types of the buffers of partial results."""
    folds: dict[int, Reduce]
    """By the number of such a buffer the fold whose results it holds."""


def work_of(piece: Piece, grain: Grain) -> float:
    """About how many nanoseconds a piece takes on one thread."""
    depth = len(piece.ranges)
    innermost = [e for e in piece.expressions if e.level == depth]
    additions = sum(cost_of(e.data) for e in innermost if e.kind == "apply")
    additions += sum(e.kind == "cast" for e in innermost)
    points = math.prod(high - low for low, high in piece.ranges)
    return points * additions * ADDITION + bytes_of(piece) * grain.byte


def bytes_of(piece: Piece) -> int:
    """How many bytes the innermost loop of a piece reads and writes."""
    depth = len(piece.ranges)
    loads = [e.type for e in piece.expressions if e.kind == "load" and e.level == depth]
    stores = [s.value.type for s in piece.statements if isinstance(s, Store)]
    points = math.prod(high - low for low, high in piece.ranges)
    return points * sum(DTYPES[type].itemsize for type in [*loads, *stores])


class Cut(NamedTuple):
    """Into how many chunks pieces are cut; for each the axis, None where it stays whole, and its
    extent in a chunk.
    """

    extent: int
    axes: tuple[int | None, ...]
    steps: tuple[int, ...]


def cut_of(parts: Sequence[Piece], sizes: Sizes, grain: Grain, chunks: int = 0) -> Cut | None:
    """The cut of a kernel, into so many `chunks` where that is given; None where it stays whole."""
    works = [work_of(part, grain) for part in parts]
    total = sum(works)
    if total < grain.least:
        return None
    most = chunks or _most(total, grain)
    axes = tuple(
        _axis(part, most, sizes) if work > SMALL * total else None
        for part, work in zip(parts, works, strict=True)
    )
    led = [(part, axis) for part, axis in zip(parts, axes, strict=True) if axis is not None]
    if not led:
        return None
    axes = tuple(_beside(part, axis, led) for part, axis in zip(parts, axes, strict=True))
    most = min(most, *(extent_of(part, axis) for part, axis in led))
    extent = chunks or even_count(
        most, [(extent_of(*each), strip_of(*each, most)) for each in led], grain.even
    )
    steps = tuple(
        0 if axis is None else step_of(extent_of(part, axis), extent, strip_of(part, axis, extent))
        for part, axis in zip(parts, axes, strict=True)
    )
    cut = Cut(extent, axes, steps)
    moved = sum(map(bytes_of, parts))
    too_large = any(_too_large(s, moved, extent, sizes) for s in _partial(parts, cut))
    return None if too_large or most < extent else cut


def joint_cut(
    parts: Sequence[Piece], axes: Sequence[int], rows: int, sizes: Sizes, grain: Grain
) -> list[Cut] | None:
    """Cuts of several kernels of one piece into the same chunks of `rows`, of which the range of
    each axis is a multiple; None where they stay whole.
    """
    total = sum(work_of(part, grain) for part in parts)
    if total < grain.least:
        return None
    led = [*zip(parts, axes, strict=True)]
    small = all(_is_foldable(*each, MOST_CACHED, sizes) for each in led)
    cached = min(MOST_CACHED if small else MOST_CHUNKS, sum(map(bytes_of, parts)) // CACHE_BYTES)
    most = min(max(_most(total, grain), cached), rows)
    ratios = [extent_of(*each) // rows for each in led]
    strip = max(
        strip_of(*each, most) if ratio == 1 else 1 for each, ratio in zip(led, ratios, strict=True)
    )
    extent = even_count(most, [(rows, strip)], grain.even)
    step = step_of(rows, extent, strip)
    return [Cut(extent, (axis,), (step * ratio,)) for axis, ratio in zip(axes, ratios, strict=True)]


def extent_of(part: Piece, axis: int) -> int:
    """How many steps a loop takes."""
    low, high = part.ranges[axis]
    return high - low


def lead_of(part: Piece, sizes: Sizes) -> int | None:
    """The outermost axis of a piece, if it can be cut."""
    axis = next((k for k, (low, high) in enumerate(part.ranges) if high - low > 1), None)
    foldable = axis is not None and _is_foldable(part, axis, MOST_CHUNKS, sizes)
    return axis if foldable else None


def chunked(parts: Sequence[Piece], cut: Cut, sizes: Sizes, first: int) -> Chunked:
    """The chunks of a kernel. The buffers of partial results are numbered from `first`."""
    chosen = [*{s.buffer: s for s in _partial(parts, cut)}.values()]  # complex: one of the parts
    number = {s.buffer: first + n for n, s in enumerate(chosen)}
    chunks: list[Piece] = []
    rest = [
        piece
        for s in chosen
        for piece in combined(s, number[s.buffer], cut.extent, sizes(s.buffer))
    ]
    for part, axis, step in zip(parts, cut.axes, cut.steps, strict=True):
        if axis is None:
            rest.append(part)
            continue
        low, high = part.ranges[axis]
        chunks.append(_cut(part, axis, step, cut.extent, number, sizes))
        if low + cut.extent * step < high:
            remaining = (low + cut.extent * step, high)
            ranges = (*part.ranges[:axis], remaining, *part.ranges[axis + 1 :])
            rest.append(rewritten(part, ranges, lambda index: index))
    types = [ArrayType(DTYPES[s.value.type], (cut.extent, sizes(s.buffer))) for s in chosen]
    return Chunked(cut.extent, chunks, rest, types, {number[s.buffer]: s for s in chosen})


def at_ends(made: Chunked, parts: Sequence[Piece], cut: Cut) -> tuple[list[Piece], list[Piece]]:
    """What of the rest lies before the first chunk or after the last one, on the one axis that is
    cut: the threads that have these find what it reads in their caches. Nothing where a fold needs
    all in order, or where several axes are cut.
    """
    pairs = zip(parts, cut.axes, cut.steps, strict=True)
    places = {(axis, part.ranges[axis][0], step) for part, axis, step in pairs if axis is not None}
    if len(places) > 1 or any(isinstance(s, Reduce) for part in parts for s in part.statements):
        return [], []
    ((axis, low, step),) = places
    ranges = [(part, part.ranges[axis]) for part in made.rest if len(part.ranges) > axis]
    high = low + cut.extent * step
    return [part for part, r in ranges if r[1] <= low], [part for part, r in ranges if r[0] >= high]


def _partial(parts: Sequence[Piece], cut: Cut) -> list[Reduce]:
    """The folds of which each chunk makes a part: those over an axis that is cut, and all where
    chunks of different pieces may meet in one place.
    """
    pairs = zip(parts, cut.axes, strict=True)
    places = {(axis, part.ranges[axis]) for part, axis in pairs if axis is not None}
    return [
        s
        for s in parts[0].statements
        if isinstance(s, Reduce) and (len(places) > 1 or any(axis in s.axes for axis, _ in places))
    ]


def _most(work: float, grain: Grain) -> int:
    return max(2, min(MOST_CHUNKS, int(work / grain.chunk)))


def _too_large(statement: Reduce, moved: int, extent: int, sizes: Sizes) -> bool:
    """Whether partial results are too large where `moved` bytes are read and written."""
    size = sizes(statement.buffer) * extent * DTYPES[statement.value.type].itemsize
    return size > max(LINE, min(PARTIAL_BYTES, moved * PARTIAL_SHARE))


def _is_foldable(part: Piece, axis: int, extent: int, sizes: Sizes) -> bool:
    moved = bytes_of(part)
    return not any(
        isinstance(s, Reduce) and axis in s.axes and _too_large(s, moved, extent, sizes)
        for s in part.statements
    )


def _beside(part: Piece, axis: int | None, led: Sequence[tuple[Piece, int]]) -> int | None:
    """The axis along which a small piece is cut like a large one that it lies beside: what it reads
    and writes then stays with one thread.
    """
    if axis is not None or any(isinstance(s, Reduce) for s in part.statements):
        return axis
    beside = (k for other, k in led if part.ranges[k : k + 1] == other.ranges[k : k + 1])
    return next(beside, None)


def _axis(part: Piece, most: int, sizes: Sizes) -> int | None:
    """The outermost axis with an element for each chunk along which folds are not too large, else
    the longest such.
    """
    fitting = [
        (high - low, -axis)
        for axis, (low, high) in enumerate(part.ranges)
        if high - low > 1 and _is_foldable(part, axis, most, sizes)
    ]
    long = [-axis for extent, axis in fitting if extent >= most]
    if long:
        return long[0]
    return -max(fitting)[1] if fitting else None


def even_count(most: int, extents: Sequence[tuple[int, int]], even: bool = False) -> int:
    """How many chunks, of at most `most` and at least three quarters of it or an even number, leave
    the least over, for axes of so many steps in strips of so many.
    """

    def left_over(count: int) -> int:
        return sum(steps - count * step_of(steps, count, strip) for steps, strip in extents)

    counts = range(most, max(2, most * 3 // 4) - 1, -1)
    return min(range(most & -2, 1, -2) if even else counts, key=left_over, default=most)


def strip_of(part: Piece, axis: int, count: int) -> int:
    """Of what the chunks of an axis are multiples."""
    innermost = axis == len(part.ranges) - 1
    return STRIP if innermost and extent_of(part, axis) // count >= 4 * STRIP else 1


def step_of(extent: int, count: int, strip: int) -> int:
    """How long each of so many chunks is, in whole strips."""
    return extent // count // strip * strip


def _cut(
    part: Piece,
    axis: int,
    step: int,
    count: int,
    number: dict[int, int],
    sizes: Sizes,
) -> Piece:
    """A piece over one chunk, whose number is the new outermost variable."""

    def shifted(index: Index) -> Index:
        terms = [(v + 1, by) for v, by in index.terms]
        across = index.coefficient(axis) * step
        return index._replace(terms=((0, across), *terms) if across else tuple(terms))

    low, _ = part.ranges[axis]
    ranges = ((0, count), *part.ranges[:axis], (low, low + step), *part.ranges[axis + 1 :])
    piece = rewritten(part, ranges, shifted)
    statements: list[Statement] = []
    for s in piece.statements:
        if isinstance(s, Reduce):
            s = replace(s, axes=tuple(v + 1 for v in s.axes))
            if s.buffer in number:
                index = s.index + variable(0).scaled(sizes(s.buffer))
                s = replace(s, buffer=number[s.buffer], index=index)
        statements.append(s)
    return piece._replace(statements=tuple(statements))


def combined(statement: Reduce, partial: int, count: int, size: int) -> list[Piece]:
    """The fold of partial results, so many rows at a time onto the first, until one is left."""
    assert count > 1, "one chunk is no cut"
    result: list[Piece] = []
    while count > 1:
        left = -(-count // AT_ONCE)
        blocks, last = -(-count // left), (count - 1) % left + 1
        into = partial if left > 1 else statement.buffer
        for rows, deep in (((0, last), blocks), ((last, left), blocks - 1)):
            if rows[0] < rows[1]:
                span = rows[0] * size, rows[1] * size
                result.append(_folded(statement, partial, span, deep, left * size, into))
        count = left
    return result


def _folded(
    statement: Reduce, partial: int, span: Range, blocks: int, apart: int, into: int
) -> Piece:
    """The fold, by halves, of elements that lie so far apart."""
    pool, type = Pool(), statement.value.type
    parts = [pool.load(type, partial, variable(0) + k * apart) for k in range(blocks)]
    while len(parts) > 1:
        pairs = zip(parts[::2], parts[1::2], strict=False)
        odd = parts[-1:] if len(parts) % 2 else []
        parts = [pool.apply(statement.op, type, x, y) for x, y in pairs] + odd
    return Piece((span,), (Store(into, variable(0), parts[0]),), tuple(pool.order))


def rewritten(
    part: Piece,
    ranges: tuple[Range, ...],
    change: Callable[[Index], Index],
    home: Callable[[int, Index], tuple[int, Index]] = lambda *place: place,
) -> Piece:
    """The piece over other ranges, with expressions of its own, each index changed, and then each
    place in memory.
    """
    copies = Copies(Pool(), change, home)
    statements: list[Statement] = []
    turns: list[int] = []
    done = 0
    last = len(part.expressions)
    for s, turn in zip(part.statements, part.turns or [last] * len(part.statements), strict=True):
        for e in part.expressions[done:turn]:
            copies.make(e)
        done = turn
        statements.append(copies.statement(s))
        turns.append(len(copies.pool.order))
        if part.turns:
            copies.pool.forget(s.buffer)
    return Piece(
        ranges, tuple(statements), tuple(copies.pool.order), (), tuple(turns) if part.turns else ()
    )
