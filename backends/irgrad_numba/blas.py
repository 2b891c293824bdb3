"""Matrix products by BLAS: `gemm` of SciPy's library, called from machine code.

Our threads share the work. Of many small products they take chunks of the axis along which the
result's rows are farthest apart: what two threads write must not lie on one line of the cache. A
large one is cut into a part for each. Where BLAS cannot be told to leave that alone, it shares
large products among threads of its own."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from irgrad_numba import blas_threads
from irgrad_numba.complex_parts import PARTS
from irgrad_numba.llvm import Code, Module, Type, Value
from irgrad_numba.products import Gemm, Matrix
from irgrad_numba.strips import loop
from irgrad_numba.thread_count import thread_count

ROUTINES = {"f32": "sgemm", "f64": "dgemm", "c64": "cgemm", "c128": "zgemm"}
POINTERS = ("%left", "%right", "%result")
KINDS = {"f32": "float", "f64": "double", "c64": "[2 x float]", "c128": "[2 x double]"}
"""Elements as LLVM has them: of complex ones the real part and the imaginary."""
BLAS_THREADS = 262_144
"""Multiplications beyond which BLAS uses threads of its own."""
LEAST_WORK = 400_000
"""Multiplications that are worth several threads."""
MOST_CHUNKS = 16
LEAST_ROWS = 32
"""In more chunks than that only where each has so many rows; so have the parts of a large one."""


class Share(NamedTuple):
    """How threads share products: the axis (batch, rows or columns) and its chunks, and whether
    BLAS has to leave its own threads out.
    """

    axis: str
    extent: int
    chunks: int
    alone: bool = False


def share_of(gemm: Gemm) -> Share | None:
    """The cut of products; None where they are not cut."""
    one = gemm.rows * gemm.inner * gemm.columns
    if math.prod(gemm.batch) * one < LEAST_WORK:
        return None
    if gemm.batch and (share := _of_many(gemm, one)) is not None:
        return share
    return _of_large(gemm) if one > BLAS_THREADS and blas_threads.functions() else None


def _of_large(gemm: Gemm) -> Share | None:
    """A part for each thread: parts of the same product copy the same operand each for itself."""
    threads = thread_count()
    if gemm.batch and gemm.batch[0] >= threads:
        return Share("batch", gemm.batch[0], min(gemm.batch[0], MOST_CHUNKS), alone=True)
    extent, axis = max((gemm.columns, "columns"), (gemm.rows, "rows"))
    parts = min(threads, extent // LEAST_ROWS)
    return Share(axis, extent, parts, alone=True) if parts > 1 else None


def _of_many(gemm: Gemm, one: int) -> Share | None:
    """Chunks so small that BLAS uses no threads for them."""
    axes = [
        (gemm.result.batch[0], gemm.batch[0], "batch"),
        (gemm.result.row, gemm.rows, "rows"),
        (gemm.result.column, gemm.columns, "columns"),
    ]
    _, extent, axis = max(axes)
    chunks = min(extent, MOST_CHUNKS)
    if axis != "batch" and one > BLAS_THREADS * chunks:
        chunks = -(-one // BLAS_THREADS)
    largest = one if axis == "batch" else -(-extent // chunks) * (one // extent)
    fits = largest <= BLAS_THREADS and (chunks <= MOST_CHUNKS or extent // chunks >= LEAST_ROWS)
    return Share(axis, extent, chunks) if fits else None


def emit_gemm(module: Module, gemm: Gemm, shared: bool = True) -> str:
    """Define a function of pointers to the buffers (left, right, result) and of the state, and of
    the number of a chunk where threads share the work, if they may -> its name.
    """
    return Products(module, gemm, share_of(gemm) if shared else None).define()


def emit_block(
    module: Module, gemm: Gemm, apart: Sequence[int] | None = None, adds: bool = False
) -> str:
    """Likewise, of the number of a chunk whose matrices are so many elements `apart` from those of
    the one before; with None, of no such number. What `adds` goes on from what the result holds.
    """
    products = Products(module, gemm, None, apart)
    products.adds = adds
    return products.define()


class Products:
    """The function that computes one batch of products."""

    def __init__(
        self, module: Module, gemm: Gemm, share: Share | None, apart: Sequence[int] | None = None
    ) -> None:
        self.module = module
        self.apart: dict[str, int] = dict(zip(POINTERS, apart, strict=True)) if apart else {}
        self.adds = False
        self.gemm = gemm
        self.code = Code(module)
        self.share = share
        self.start: dict[str, Value] = {}
        """Where the chunk begins on the axis that is shared."""
        self.sizes: dict[str, str] = {
            axis: self._constant("i32", extent)
            for axis, extent in (
                ("rows", gemm.rows),
                ("inner", gemm.inner),
                ("columns", gemm.columns),
            )
        }
        """Addresses of the extents."""

    def define(self) -> str:
        """Define the function -> its name."""
        batch = [(0, extent) for extent in self.gemm.batch]
        if self.share is None:
            self._batched(batch, [])
        else:
            axis, extent, chunks, _ = self.share
            chunk = Value(self.code, Type("i64"), "%chunk")
            low, high = ((k * extent).integer_division(chunks) for k in (chunk, chunk + 1))
            if axis == "batch":
                self._batched([(low, high), *batch[1:]], [])
            else:
                self.start[axis] = low
                self.sizes[axis] = self.code.alloca(Type("i32"))
                self.code.put(self.sizes[axis], (high - low).cast("i32"))
                self._batched(batch, [])
        self.code.emit("ret void")
        chunk = ", i64 %chunk" if self.share or self.apart else ""
        head = f"(ptr %left, ptr %right, ptr %result, ptr %state{chunk}) nounwind noinline {{"
        lines = [head, "entry:", *self.code.allocas, *self.code.lines, "}"]
        return self.module.shared("gemm", "\n".join(lines))

    def _batched(
        self, ranges: Sequence[tuple[int | Value, int | Value]], places: list[Value]
    ) -> None:
        """Loops over the batch."""
        if not ranges:
            self._call(places)
            return
        with loop(self.code, *ranges[0], 1) as i:
            self._batched(ranges[1:], [*places, i])

    def _call(self, batch: Sequence[Value]) -> None:
        gemm = self.gemm
        left = ("%left", gemm.left, "rows", "inner")
        right = ("%right", gemm.right, "inner", "columns")
        if gemm.result.column == 1:  # row by row: BLAS, which counts by columns, sees transposes
            operands, turned, leading = (right, left), True, gemm.result.row
            sizes = ("columns", "rows", "inner")
        else:
            operands, turned, leading = (left, right), False, gemm.result.column
            sizes = ("rows", "columns", "inner")
        modes: list[str] = []
        matrices: list[str] = []
        for pointer, matrix, rows, columns in operands:
            row, column = (matrix.column, matrix.row) if turned else (matrix.row, matrix.column)
            modes.append(self._constant("i8", ord("N" if row == 1 else "T")))
            matrices.append(self._address(matrix, pointer, batch, rows, columns))
            matrices.append(self._constant("i32", column if row == 1 else row))
        arguments = [
            *modes,
            *[self.sizes[axis] for axis in sizes],
            self._number("1.0"),
            *matrices,
            self._number("1.0" if self.adds else "0.0"),
            self._address(gemm.result, "%result", batch, "rows", "columns"),
            self._constant("i32", leading),
        ]
        slot = self.module.slot("blas", ROUTINES[gemm.type])
        at, routine = self.code.name(), self.code.name()
        self.code.emit(f"{at} = getelementptr ptr, ptr %state, i64 {slot}")
        self.code.emit(f"{routine} = load ptr, ptr {at}")
        self.code.emit(f"call void {routine}({', '.join(f'ptr {a}' for a in arguments)})")

    def _address(
        self, matrix: Matrix, pointer: str, batch: Sequence[Value], rows: str, columns: str
    ) -> str:
        """Where a matrix of the batch begins, or this chunk's part of it."""
        position = self.code.constant(Type("i64"), matrix.offset)
        if self.apart.get(pointer):
            chunk = Value(self.code, Type("i64"), "%chunk")
            position = position + chunk * self.apart[pointer]
        for i, stride in zip(batch, matrix.batch, strict=True):
            position = position + i * stride
        for axis, stride in ((rows, matrix.row), (columns, matrix.column)):
            if axis in self.start:
                position = position + self.start[axis] * stride
        name, kind = self.code.name(), KINDS[self.gemm.type]
        self.code.emit(f"{name} = getelementptr {kind}, ptr {pointer}, i64 {position.text}")
        return name

    def _number(self, real: str) -> str:
        """The address of a constant of the matrices' own type."""
        type = self.gemm.type
        kind = KINDS[type]
        if type not in PARTS:
            return self._constant(kind, real)
        part = KINDS[PARTS[type]]
        name = f"const_{type}_{real}".replace(".", "_")
        both = f"[{part} {real}, {part} 0.0]"
        self.module.globals[name] = f"@{name} = private constant {kind} {both}"
        return f"@{name}"

    def _constant(self, kind: str, number: int | str) -> str:
        """The address of a constant: BLAS takes all by reference."""
        name = f"const_{kind}_{number}".replace(".", "_").replace("-", "m")
        self.module.globals[name] = f"@{name} = private constant {kind} {number}"
        return f"@{name}"
