"""The calls that run steps block by block (see `blocks`): a sweep over the blocks, in which each
thread has memory of its own for what no other step reads, and calls for the rows left over.

Neighbouring blocks form a group: what a group adds up goes on from block to block, and the results
of the groups are folded at the end. So they take little memory for any number of rows."""

from __future__ import annotations

from collections.abc import Sequence

from irgrad.ir.types import DTYPES, ArrayType
from irgrad_numba.blas import BLAS_THREADS, emit_block
from irgrad_numba.chunks import (
    MOST_CHUNKS,
    PARTIAL_BYTES,
    Cut,
    chunked,
    combined,
    extent_of,
    rewritten,
)
from irgrad_numba.complex_parts import in_parts
from irgrad_numba.emit import Start
from irgrad_numba.expression import Pool, Reduce
from irgrad_numba.fold import first
from irgrad_numba.index import ZERO, Index
from irgrad_numba.kernel import Groups, KernelCalls, NativeCall, Sweep
from irgrad_numba.memory import rounded
from irgrad_numba.pieces import Operand, Piece, pieces
from irgrad_numba.products import Gemm
from irgrad_numba.schedule import Blocks
from irgrad_numba.thread_count import thread_count


class BlockCalls:
    """The calls of some steps."""

    def __init__(self, calls: KernelCalls, blocks: Blocks) -> None:
        self.calls = calls
        self.blocks = blocks
        loops = [s if isinstance(s, Gemm) else pieces(calls.schedule, s)[0] for s in blocks.steps]
        self.led = [*zip(loops, blocks.axes, strict=True)]
        self.threads = thread_count()
        self.homes = {b: self._home(b, row) for b, row in blocks.own.items()}
        """By the number of a buffer that of the blocks that the threads keep of it."""
        self.groups = self._groups()
        self.sums: dict[int, int] = {}
        """By the number of a buffer of which each group has a part the bytes of a part."""
        self.before: list[Start] = []
        self.start: list[Start] = []
        """What a group begins with."""
        self.inside: list[NativeCall] = []
        self.after: list[NativeCall] = []

    def run(self) -> list[NativeCall | Sweep]:
        """What is filled before, the blocks, and what comes after."""
        for loops, axis in self.led:
            if isinstance(loops, Gemm):
                self._product(loops, axis)
            else:
                self._kernel(loops, axis)
        sizes = [one.rows * one.inner * one.columns for one in self.blocks.products()]
        alone = max(sizes, default=0) > BLAS_THREADS
        types, calls = self.calls.types, self.calls
        parts = {home: types[home].nbytes // self.threads for home in self.homes.values()}
        starts = [calls.fill(self.start)] if self.start else []
        groups = Groups(self.blocks.count, starts, self.sums)
        fills = [calls.fill(self.before)] if self.before else []
        sweep = Sweep(self.groups, self.inside, alone, parts, self.threads, groups)
        return [*fills, sweep, *self.after]

    def _groups(self) -> int:
        """How many groups there are, for their sums to take little memory."""
        sizes: dict[int, int] = {}
        for loops, axis in self.led:
            if isinstance(loops, Gemm):
                folds = [(loops.result.buffer, loops.type)] if loops.folds(axis) else []
            else:
                folds = [(s.buffer, s.value.type) for s in _folds(loops, axis)]
            sizes.update((b, self.calls.size(b) * DTYPES[type].itemsize) for b, type in folds)
        fitting = PARTIAL_BYTES // max(1, sum(sizes.values()))
        return min(self.blocks.count, max(MOST_CHUNKS, fitting))

    def _home(self, buffer: int, row: int) -> int:
        rows = max(self.blocks.height, self.blocks.left_over)
        dtype = in_parts(self.calls.schedule.buffers[buffer].type).dtype
        return self.calls.allot(ArrayType(dtype, (self.threads, rounded(rows * row))))

    def _sum(self, fold: Reduce, rows: int) -> int:
        """The number of a buffer of so many partial results of a fold."""
        type, size = fold.value.type, self.calls.size(fold.buffer)
        buffer = self.calls.allot(ArrayType(DTYPES[type], (rows, size)))
        self.sums[buffer] = size * DTYPES[type].itemsize
        self.start.append(Start(buffer, first(fold.op, type), size, apart=False))
        return buffer

    def _kernel(self, piece: Piece, axis: int) -> None:
        blocks, calls = self.blocks, self.calls
        step = extent_of(piece, axis) // blocks.rows * blocks.height
        folds = {s.buffer: s for s in _folds(piece, axis)}  # complex: one of the parts
        partial = {b: self._sum(s, self.groups) for b, s in folds.items()}
        starts = [s for s in calls.starts(piece, set()) if s.buffer not in folds]
        self.before += [s for s in starts if s.buffer not in self.homes]
        own = [self._at_home(s) for s in starts if s.buffer in self.homes]
        cut = Cut(blocks.count, (axis,), (step,))
        made = chunked([piece], cut, calls.size, len(calls.types))
        numbers = {number: partial[s.buffer] for number, s in made.folds.items()}
        chunk = self._in_block(made.chunks[0], self.homes | numbers)
        self.inside.append(calls.call([chunk], own, set(partial.values()), blocks.count))
        rest = [
            part
            for b, s in folds.items()
            for part in combined(s, partial[b], self.groups, calls.size(b))
        ]
        if blocks.left_over:
            rest.append(self._in_last_block(made.rest[-1], axis))
            self.after.append(calls.call(rest, own, set(folds), brief=True))
        elif rest:
            self.after.append(calls.call(rest, [], set(), brief=True))

    def _at_home(self, start: Start) -> Start:
        """The start of a block."""
        rows = max(self.blocks.height, self.blocks.left_over)
        size = rows * self.blocks.own[start.buffer]
        return Start(self.homes[start.buffer], start.number, size, apart=False)

    def _in_block(self, chunk: Piece, places: dict[int, int]) -> Piece:
        """A chunk, whose number is the outermost variable, on parts of other buffers."""

        def home(buffer: int, index: Index) -> tuple[int, Index]:
            return (places[buffer], index.without(0)) if buffer in places else (buffer, index)

        return rewritten(chunk, chunk.ranges, lambda index: index, home)

    def _in_last_block(self, rest: Piece, axis: int) -> Piece:
        """What is left over on an axis, on the blocks of a thread, from their first row on."""
        low, high = rest.ranges[axis]

        def home(buffer: int, index: Index) -> tuple[int, Index]:
            if buffer not in self.homes:
                return buffer, index
            return self.homes[buffer], index + -low * index.coefficient(axis)

        ranges = (*rest.ranges[:axis], (0, high - low), *rest.ranges[axis + 1 :])
        return rewritten(rest, ranges, lambda index: index + low * index.coefficient(axis), home)

    def _product(self, gemm: Gemm, axis: int) -> None:
        blocks, calls, folds = self.blocks, self.calls, gemm.folds(axis)
        ratio = gemm.extents[axis] // blocks.rows
        apart = [
            0 if b in self.homes else by * ratio * blocks.height
            for b, by in zip(gemm.buffers, gemm.strides(axis), strict=True)
        ]
        buffers = [self.homes.get(b, b) for b in gemm.buffers]
        fold = Reduce(gemm.result.buffer, ZERO, Pool().number(gemm.type, 0.0), "add", ())
        size, rows = calls.size(fold.buffer), self.groups + bool(blocks.left_over)
        if folds:
            buffers[2] = self._sum(fold, rows)
        name = emit_block(calls.module, gemm.over(axis, ratio * blocks.height), apart, folds)
        self.inside.append(_call(name, buffers, gemm.type))
        if blocks.left_over:
            moved = [by * blocks.count for by in apart]
            moved[2] = self.groups * size if folds else moved[2]
            rest = gemm.over(axis, ratio * blocks.left_over).moved(moved)
            self.after.append(_call(emit_block(calls.module, rest), buffers, gemm.type))
        if folds:
            parts = combined(fold, buffers[2], rows, size)
            self.after.append(calls.call(parts, [], set(), brief=True))


def _folds(piece: Piece, axis: int) -> list[Reduce]:
    """What a piece folds over an axis."""
    return [s for s in piece.statements if isinstance(s, Reduce) and axis in s.axes]


def _call(name: str, buffers: Sequence[int], type: str) -> NativeCall:
    return NativeCall(name, [Operand(b, 0, type) for b in buffers], True)
