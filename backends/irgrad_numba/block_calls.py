"""The calls that run steps block by block (see `blocks`): a sweep over the blocks, in which each
thread has memory of its own for what no other step reads, and calls for the rows left over."""

from __future__ import annotations

from collections.abc import Sequence

from irgrad.ir.types import ArrayType
from irgrad_numba.blas import BLAS_THREADS, emit_block
from irgrad_numba.chunks import Cut, chunked, combined, extent_of, rewritten
from irgrad_numba.complex_parts import in_parts
from irgrad_numba.emit import Start
from irgrad_numba.expression import Pool, Reduce
from irgrad_numba.index import ZERO, Index
from irgrad_numba.kernel import KernelCalls, NativeCall, Sweep
from irgrad_numba.memory import rounded
from irgrad_numba.pieces import Operand, Piece, pieces
from irgrad_numba.products import Gemm
from irgrad_numba.schedule import Blocks, Kernel
from irgrad_numba.thread_count import thread_count


class BlockCalls:
    """The calls of some steps."""

    def __init__(self, calls: KernelCalls, blocks: Blocks) -> None:
        self.calls = calls
        self.blocks = blocks
        self.threads = thread_count()
        self.homes = {b: self._home(b, row) for b, row in blocks.own.items()}
        """By the number of a buffer that of the blocks that the threads keep of it."""
        self.before: list[Start] = []
        self.inside: list[NativeCall] = []
        self.after: list[NativeCall] = []

    def run(self) -> list[NativeCall | Sweep]:
        """What is filled before, the blocks, and what comes after."""
        for step, axis in zip(self.blocks.steps, self.blocks.axes, strict=True):
            if isinstance(step, Kernel):
                self._kernel(pieces(self.calls.schedule, step)[0], axis)
            else:
                self._product(step, axis)
        sizes = [one.rows * one.inner * one.columns for one in self.blocks.products()]
        alone = max(sizes, default=0) > BLAS_THREADS
        types = self.calls.types
        parts = {home: types[home].nbytes // self.threads for home in self.homes.values()}
        fills = [self.calls.fill(self.before)] if self.before else []
        sweep = Sweep(self.blocks.count, self.inside, alone, parts, self.threads)
        return [*fills, sweep, *self.after]

    def _home(self, buffer: int, row: int) -> int:
        rows = max(self.blocks.height, self.blocks.left_over)
        dtype = in_parts(self.calls.schedule.buffers[buffer].type).dtype
        return self.calls.allot(ArrayType(dtype, (self.threads, rounded(rows * row))))

    def _kernel(self, piece: Piece, axis: int) -> None:
        blocks, calls = self.blocks, self.calls
        step = extent_of(piece, axis) // blocks.rows * blocks.height
        cut = Cut(blocks.count, (axis,), (step,))
        made = chunked([piece], cut, calls.size, len(calls.types))
        calls.temporaries += made.partials
        partial = {fold.buffer for fold in made.folds.values()}
        starts = calls.starts(piece, set())
        self.before += [s for s in starts if s.buffer not in partial and s.buffer not in self.homes]
        own = [self._at_home(s) for s in starts if s.buffer in self.homes]
        chunk = self._in_block(made.chunks[0])
        folds = [s for s in calls.starts(chunk, set()) if s.buffer in made.folds]
        self.inside.append(calls.call([chunk], [*folds, *own], set(), blocks.count))
        if blocks.left_over:
            rest = [*made.rest[:-1], self._in_last_block(made.rest[-1], axis)]
            self.after.append(calls.call(rest, own, partial, brief=True))
        elif made.rest:
            self.after.append(calls.call(made.rest, [], set(), brief=True))

    def _at_home(self, start: Start) -> Start:
        """The start of a block."""
        rows = max(self.blocks.height, self.blocks.left_over)
        size = rows * self.blocks.own[start.buffer]
        return Start(self.homes[start.buffer], start.number, size, apart=False)

    def _in_block(self, chunk: Piece) -> Piece:
        """A chunk, whose number is the outermost variable, on the blocks of a thread."""

        def home(buffer: int, index: Index) -> tuple[int, Index]:
            if buffer not in self.homes:
                return buffer, index
            return self.homes[buffer], index.without(0)

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
        blocks, calls = self.blocks, self.calls
        folds = axis == len(gemm.batch) + 1
        ratio = gemm.extents[axis] // blocks.rows
        step, strides = ratio * blocks.height, [*gemm.strides(axis)]
        buffers = [self.homes.get(b, b) for b in gemm.buffers]
        apart = [0 if b in self.homes else by for b, by in zip(gemm.buffers, strides, strict=True)]
        size, rows = calls.size(gemm.result.buffer), blocks.count + bool(blocks.left_over)
        if folds:
            type = in_parts(calls.types[gemm.result.buffer])
            buffers[2] = calls.allot(ArrayType(type.dtype, (rows, size)))
        moved = [by * step for by in apart]
        moved[2] = size if folds else moved[2]
        name = emit_block(calls.module, gemm.over(axis, step), moved)
        self.inside.append(self._call(name, buffers, gemm.type))
        if blocks.left_over:
            rest = gemm.over(axis, ratio * blocks.left_over)
            rest = rest.moved([by * blocks.count for by in moved])
            name = emit_block(calls.module, rest, None)
            self.after.append(self._call(name, buffers, gemm.type))
        if folds:
            statement = Reduce(gemm.result.buffer, ZERO, Pool().number(gemm.type, 0.0), "add", ())
            parts = combined(statement, buffers[2], rows, size)
            self.after.append(calls.call(parts, [], set(), brief=True))

    def _call(self, name: str, buffers: Sequence[int], type: str) -> NativeCall:
        return NativeCall(name, [Operand(b, 0, type) for b in buffers], True)
