"""Steps that run block by block: loops and products over the same rows, of which one needs of
another only what this makes of its same rows.

Where what one makes for another does not fit the caches, to run one after the other over all rows
streams it through memory several times. In blocks it stays in a cache, and where nobody else reads
it, each thread keeps memory for one block of it only. The blocks depend on the steps alone, never
on the number of threads, and what is added up over the rows has a partial result for each."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from irgrad.ir.types import DTYPES
from irgrad_numba import blas_threads
from irgrad_numba.blas import BLAS_THREADS, LEAST_ROWS
from irgrad_numba.chunks import even_count, extent_of, step_of, strip_of
from irgrad_numba.expression import Pool, Reduce
from irgrad_numba.index import Index
from irgrad_numba.indices import Check
from irgrad_numba.kernel import in_order
from irgrad_numba.pieces import Piece, pieces
from irgrad_numba.products import Gemm
from irgrad_numba.schedule import Blocks, Kernel, Schedule, Step
from irgrad_numba.sweeps import LONGEST, Led, have_rows, row, row_by_row
from irgrad_numba.updates import is_update

LARGE = 1 << 22
"""Bytes of intermediate values that do not fit the caches."""
BLOCK_BYTES = 1 << 19
"""What the steps read and write of the rows of a block,"""
LARGEST_BLOCK = 1 << 21
"""and where the rows are too long for products of `LEAST_ROWS` of them."""
FEWEST = 16
"""Blocks, so that threads share them evenly."""
SHARE = 1 / 8
"""A step's partial results, and what it reads that all rows need, take at most this share of it."""
WINDOW = 64
"""Steps that are looked at, from the first of a block on."""


def blocked(schedule: Schedule) -> Schedule:
    """`schedule` with steps together that gain from running block by block."""
    intermediates = _intermediates(schedule)
    if sum(intermediates.values()) < LARGE:
        return schedule
    found = [_candidate(schedule, step) for step in schedule.steps]
    search = _Search(intermediates, Counter(b for each in found for b in each.touched))
    stretch: list[Candidate] = []
    steps: list[Step] = []
    for each in found:
        if each.is_free:
            stretch.append(each)
        else:
            steps += [*search.run(stretch), *each.steps]
            stretch = []
    schedule.steps = [*steps, *search.run(stretch)]
    schedule.blocks = search.blocks
    return schedule


def _intermediates(schedule: Schedule) -> dict[int, int]:
    """The bytes of the buffers that only loops and products read and write."""
    graph, views = schedule.graph, schedule.views
    taken = {views[v].buffer for v in (*graph.inputs, *graph.outputs)}
    for step in schedule.steps:
        if isinstance(step, Check):
            taken.add(views[step.array].buffer)
        elif not isinstance(step, (Kernel, Gemm)):
            taken.update(step.buffers)
    return {
        k: v.type.nbytes
        for k, v in enumerate(schedule.buffers)
        if k not in taken and v.constant is None and not v.type.is_dynamic
    }


NO_LOOPS = Piece((), (), ())


@dataclass
class Candidate:
    """A step, or some in blocks, and what they read and write."""

    steps: list[Step]
    reads: set[int]
    writes: set[int]
    piece: Piece = NO_LOOPS
    """The loops of a step that may run block by block,"""
    axes: Sequence[int] = ()
    """and those of them that may run through the rows."""

    @property
    def is_free(self) -> bool:
        """Whether other steps may run before or after it, but for what it reads and writes."""
        return isinstance(self.steps[0], (Kernel, Gemm))

    @property
    def touched(self) -> set[int]:
        """What it reads or writes."""
        return self.reads | self.writes

    def must_follow(self, others: Iterable[Candidate]) -> bool:
        """Whether it cannot run before one of others that it comes after."""
        return any(self.reads & other.writes or self.writes & other.touched for other in others)


def _candidate(schedule: Schedule, step: Step) -> Candidate:
    if isinstance(step, Gemm):
        return _product(step)
    if not isinstance(step, Kernel):
        return Candidate([step], set(), set())
    parts = pieces(schedule, step)
    reads = {e.data[0] for part in parts for e in part.expressions if e.kind == "load"}
    writes = {s.buffer for part in parts for s in part.statements}
    found = Candidate([step], reads, writes)
    if len(parts) == 1 and not in_order(parts) and not any(map(is_update, step.roots)):
        long = [k for k, (low, high) in enumerate(parts[0].ranges) if high - low > 1]
        found.piece, found.axes = parts[0], long[:1]
    return found


def _product(gemm: Gemm) -> Candidate:
    """A product of matrices as the loops that it stands for."""
    left, right, result = gemm.buffers
    found = Candidate([gemm], {left, right}, {result})
    depth, inner = len(gemm.extents), len(gemm.batch) + 1
    if gemm.type not in ("f32", "f64") or gemm.result.offset:
        return found
    places = [
        Index(matrix.offset, tuple((k, by) for k in range(depth) if (by := gemm.strides(k)[side])))
        for side, matrix in enumerate((gemm.left, gemm.right, gemm.result))
    ]
    pool = Pool()
    x, y = (pool.load(gemm.type, b, at) for b, at in zip((left, right), places, strict=False))
    value = pool.apply("multiply", gemm.type, x, y)
    statement = Reduce(result, places[2], value, "add", (inner,))
    ranges = tuple((0, extent) for extent in gemm.extents)
    found.piece = Piece(ranges, (statement,), tuple(pool.order))
    found.axes = sorted(range(depth), key=lambda axis: -max(gemm.strides(axis)))
    return found


class _Search:
    """For steps that go together, in a list of loops and products."""

    def __init__(self, intermediates: Mapping[int, int], users: Mapping[int, int]) -> None:
        self.intermediates = intermediates
        self.users = users
        """How many steps read or write a buffer."""
        self.blocks: list[Blocks] = []
        """Those that have been found."""

    def run(self, waiting: list[Candidate]) -> list[Step]:
        """The steps in an order in which those of a block stand together."""
        result: list[Step] = []
        while waiting:
            most = max((self.intermediates.get(b, 0) for b in waiting[0].writes), default=0)
            gathered = self._gathered(waiting) if most * LONGEST >= LARGE else None
            if gathered is None:
                result += waiting.pop(0).steps
            else:
                waiting = gathered
        return result

    def _gathered(self, waiting: list[Candidate]) -> list[Candidate] | None:
        """All steps, those that run block by block with the first one as one of them; None where
        that gains nothing.
        """
        for axis in waiting[0].axes:
            rows = _Rows(waiting[0], axis)
            before: list[Candidate] = []
            after: list[Candidate] = []
            for each in waiting[1:WINDOW]:
                late = each.must_follow(after)
                if late or not rows.take(each):
                    late = late or each.must_follow(rows.members)
                    (after if late else before).append(each)
            blocks = rows.blocks(self.intermediates, self.users)
            if blocks is not None:
                reads = set[int]().union(*(each.reads for each in rows.members))
                writes = set[int]().union(*(each.writes for each in rows.members))
                together = Candidate([*blocks.steps], reads, writes)
                self.blocks.append(blocks)
                return [*before, together, *after, *waiting[WINDOW:]]
        return None


class _Rows:
    """Steps over the same rows."""

    def __init__(self, first: Candidate, axis: int) -> None:
        self.members = [first]
        self.axes = [axis]
        self.rows = extent_of(first.piece, axis)

    @property
    def led(self) -> list[Led]:
        """The pieces of the steps, and the axes that run through the rows."""
        return [(each.piece, axis) for each, axis in zip(self.members, self.axes, strict=True)]

    def take(self, each: Candidate) -> bool:
        """Add a step where it can run in the blocks of those that are there."""
        related = any(each.reads & other.touched for other in self.members)
        if not related or len(self.members) == LONGEST:
            return False
        for axis in each.axes:
            rows = min(self.rows, extent_of(each.piece, axis))
            if rows >= FEWEST and self._fits((each.piece, axis), rows):
                self.members.append(each)
                self.axes.append(axis)
                self.rows = rows
                return True
        return False

    def _fits(self, own: Led, rows: int) -> bool:
        known, every = self.led, [*self.led, own]
        pairs = ((made, own) for made in known) if rows == self.rows else combinations(every, 2)
        return (
            all(part.ranges[axis][0] == 0 for part, axis in every)
            and have_rows(every, rows)
            and all(row_by_row(*pair, rows) for pair in pairs)
            and _is_light(*own, rows)
        )

    def blocks(self, intermediates: Mapping[int, int], users: Mapping[int, int]) -> Blocks | None:
        """The steps in blocks; None where that saves too little."""
        if len(self.members) == 1:
            return None
        own, cut = self._own(intermediates, users), self._cut()
        saved = sum(intermediates[b] for b in own)
        if cut is None or saved < LARGE or not _is_light(*self.led[0], self.rows):
            return None
        every = [step for each in self.members for step in each.steps]
        steps = [step for step in every if isinstance(step, (Kernel, Gemm))]
        blocks = Blocks(steps, self.axes, self.rows, *cut, own)
        largest = max((math.prod(one.extents[-3:]) for one in blocks.products()), default=0)
        return blocks if largest <= BLAS_THREADS or blas_threads.functions() else None

    def _cut(self) -> tuple[int, int] | None:
        """How many blocks, and how many rows each has; None where a product would have too few."""
        length = self._row_bytes()
        count = max(FEWEST, -(-self.rows * length // BLOCK_BYTES))
        most = min(self.rows, count * 4 // 3)
        if any(isinstance(step, Gemm) for each in self.members for step in each.steps):
            most = min(most, self.rows // LEAST_ROWS)
            if most < FEWEST or LEAST_ROWS * length > LARGEST_BLOCK:
                return None
        strip = max(strip_of(*each, most) for each in self.led if extent_of(*each) == self.rows)
        count = even_count(most, [(self.rows, strip)])
        return count, step_of(self.rows, count, strip)

    def _row_bytes(self) -> int:
        """How much of memory the steps read and write for one row."""
        sizes: dict[int, int] = {}
        for part, axis in self.led:
            for buffer, index, type in _places(part):
                if index.coefficient(axis):
                    size = _elements(part, axis, index, self.rows) * DTYPES[type].itemsize
                    sizes[buffer] = max(size, sizes.get(buffer, 0))
        return sum(sizes.values())

    def _own(self, intermediates: Mapping[int, int], users: Mapping[int, int]) -> dict[int, int]:
        """The buffers that nobody else reads or writes, with the length of a row of each."""
        inside = Counter(b for each in self.members for b in each.touched)
        lengths: dict[int, set[int]] = {
            b: set() for b, count in inside.items() if b in intermediates and count == users[b]
        }
        for part, axis in self.led:
            folded = {s.buffer for s in part.statements if isinstance(s, Reduce) and axis in s.axes}
            for buffer, index, _ in _places(part):
                by, low, high = row(part, axis, index, self.rows) or (0, 0, 0)
                whole = buffer not in folded and 0 <= low <= high < by
                lengths.get(buffer, set()).add(by if whole else 0)
        return {b: max(found) for b, found in lengths.items() if len(found) == 1 and 0 not in found}


def _places(part: Piece) -> Iterator[tuple[int, Index, str]]:
    """What a piece reads and writes."""
    for e in part.expressions:
        if e.kind == "load":
            yield (*e.data, e.type)
    for s in part.statements:
        yield s.buffer, s.index, s.value.type


def _elements(part: Piece, axis: int, index: Index, rows: int) -> int:
    """How many elements an index reaches in one row."""
    extents = [high - low for low, high in part.ranges]
    extents[axis] //= rows
    return math.prod(extents[variable] for variable, _ in index.terms)


def _is_light(part: Piece, axis: int, rows: int) -> bool:
    """Whether what a piece reads for all rows, and what it makes of all of them, is small beside a
    block.
    """
    return not any(
        index.dynamic
        or (
            not index.coefficient(axis)
            and _elements(part, axis, index, rows) * DTYPES[type].itemsize > SHARE * BLOCK_BYTES
        )
        for _, index, type in _places(part)
    )
