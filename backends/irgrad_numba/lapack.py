"""Linear algebra by LAPACK: `getrf` and kin of SciPy's library, called from machine code on each
matrix of a stack. `factorisations` says what each op calls.

Matrices are copied to where LAPACK works on them, by columns, as NumPy does, so that pivots and
signs are NumPy's. Where LAPACK fails, Python computes the node by its reference, which raises
NumPy's error."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from irgrad.ir.graph import Node
from irgrad.ir.types import DTYPES, SHORT, ArrayType
from irgrad_numba import blas_threads
from irgrad_numba.calls import Group
from irgrad_numba.complex_parts import PARTS
from irgrad_numba.index import View
from irgrad_numba.llvm import Code, Module, Type, fabs
from irgrad_numba.llvm import Value as Number
from irgrad_numba.strips import element, loop
from irgrad_numba.thread_count import thread_count
from irgrad_numba.walk import Strided, merged, walk, walk_axes, widest

LETTERS = {"f32": "s", "f64": "d", "c64": "c", "c128": "z"}
"""With which the names of LAPACK's routines for a type begin."""
FEWEST_ROWS, ENOUGH_ROWS = 64, 500
"""Of a matrix, for BLAS to take threads of its own, and for these to save time: a Cholesky factor
of order 200 takes 0.37 ms with two and 0.14 ms with one."""


CALL, MULTIPLICATION = 80.0, 0.25
"""Nanoseconds that solving a system takes, and what each of the order's cube adds."""
LEAST_WORK = 40_000
"""Nanoseconds that are worth several threads."""
LEAST_ROWS, LIGHT = 6, 2
"""Routines of at most this weight for matrices of a lower order are over so soon that threads wait
for OpenBLAS's lock on its memory: two take as long as one, or twice as long."""
MOST_CHUNKS = 16
LINE = 64
"""What two threads write is so many elements apart."""


class Lapack(NamedTuple):
    """A node that LAPACK computes: where its operands and results lie, and what Python does where
    that fails.
    """

    node: Node
    operands: tuple[View, ...]
    results: tuple[View, ...]
    otherwise: Group
    weight: int = 1
    """How much longer than solving a system it takes."""

    @property
    def buffers(self) -> list[int]:
        """What it reads and writes."""
        return [view.buffer for view in (*self.operands, *self.results)]

    @property
    def type(self) -> str:
        """That of the elements of its matrices."""
        return SHORT[self.node.operands[0].type.dtype]

    @property
    def order(self) -> int:
        """The larger extent of a matrix."""
        return max(self.node.operands[0].type.shape[-2:])

    @property
    def chunks(self) -> int:
        """How many parts of a stack threads share; 0 where they share nothing. Threads of BLAS's
        own must be told to stay out of large matrices.
        """
        count = math.prod(self.node.operands[0].type.shape[:-2])
        one = self.weight * (CALL + self.order**3 * MULTIPLICATION)
        told = not self.is_large or bool(blas_threads.functions())
        waits = self.order < LEAST_ROWS and self.weight <= LIGHT
        if not told or waits or count < 2 or count * one < LEAST_WORK:
            return 0
        return min(count, max(2, thread_count()) if self.is_large else MOST_CHUNKS)

    @property
    def alone(self) -> bool:
        """Whether BLAS's own threads, which would be asked, cost more than they save."""
        return self.is_large and self.order < ENOUGH_ROWS and bool(blas_threads.functions())

    @property
    def is_large(self) -> bool:
        """Whether BLAS may take threads of its own."""
        return self.order >= FEWEST_ROWS

    @property
    def work(self) -> int:
        """About the multiplications and additions."""
        values = (*self.node.operands, *self.node.outputs)
        return max(v.type.size * max(v.type.shape[-2:], default=1) for v in values)


class Matrix(NamedTuple):
    """A matrix in the memory of argument number `buffer`, from element `start` on."""

    buffer: int
    type: str
    rows: int
    columns: int
    start: Number
    by_row: int
    by_column: int

    @property
    def turned(self) -> Matrix:
        """The transpose."""
        return Matrix(
            self.buffer, self.type, self.columns, self.rows, self.start, self.by_column, self.by_row
        )

    @property
    def parts(self) -> list[Matrix]:
        """The matrix itself; of a complex one the real and the imaginary part."""
        if self.type not in PARTS:
            return [self]
        by_row, by_column, type = 2 * self.by_row, 2 * self.by_column, PARTS[self.type]
        return [
            Matrix(self.buffer, type, self.rows, self.columns, start, by_row, by_column)
            for start in (self.start * 2, self.start * 2 + 1)
        ]

    @property
    def is_by_columns(self) -> bool:
        """Whether LAPACK can take it as it lies."""
        return self.by_row == 1 and self.by_column >= self.rows


class Writer:
    """A function of pointers to the buffers of the operands, of the results and of `temporaries`
    (made here), and of the state, which computes a node; it says whether LAPACK failed. In `chunks`
    it is of the number of a chunk besides, and says so in the last of the temporaries, which has a
    byte for each chunk.
    """

    def __init__(self, module: Module, step: Lapack, chunks: int = 0) -> None:
        self.module = module
        self.code = Code(module)
        self.chunks = chunks
        self.chunk = Number(self.code, Type("i64"), "%chunk")
        self.type = step.type
        self.node = step.node
        values = (*step.node.operands, *step.node.outputs)
        views = (*step.operands, *step.results)
        self.arrays = [
            Strided(k, SHORT[value.type.dtype], value.type.shape, view.offset, view.strides)
            for k, (value, view) in enumerate(zip(values, views, strict=True))
        ]
        self.temporaries: list[ArrayType] = []
        self.info = self.code.alloca(Type("i32"))

    def define(
        self, compute: Callable[[Writer, Sequence[Matrix]], None], axes_of: Mapping[int, int]
    ) -> str:
        """Define the function, which computes each example of the stack -> its name. Arrays have 2
        axes for each example where `axes_of` does not say otherwise.
        """
        code = self.code
        axes = [axes_of.get(k, 2) for k in range(len(self.arrays))]
        first = self.arrays[0]
        starts = [array.start(code) for array in self.arrays]
        batch = first.shape[: len(first.shape) - axes[0]]
        strides = [array.strides[: len(batch)] for array in self.arrays]

        def one(at: list[Number], _: int) -> None:
            places = zip(self.arrays, at, axes, strict=True)
            compute(self, [_matrix(array, start, n) for array, start, n in places])

        around = merged(batch, strides)
        if self.chunks:
            extent, by = longest = max(around)
            around.remove(longest)
            low, high = ((self.chunk + k) * extent for k in (0, 1))
            ends = [end.integer_division(self.chunks) for end in (low, high)]
            with loop(code, ends[0], ends[1], 1) as i:
                at = [a + i * s for a, s in zip(starts, by, strict=True)]
                walk_axes(code, around, at, 1, one)
        else:
            walk_axes(code, around, starts, 1, one)
        self._end()
        count = len(self.arrays) + len(self.temporaries)
        parameters = ", ".join(f"ptr %b{k}" for k in range(count))
        chunk = ", i64 %chunk" if self.chunks else ""
        lines = [f"({parameters}, ptr %state{chunk}) nounwind noinline {{", "entry:"]
        lines += [*code.allocas, *code.lines, "}"]
        type = "void" if self.chunks else "i1"
        return self.module.shared(self.node.op.name, "\n".join(lines), type)

    def _end(self) -> None:
        """Say whether LAPACK failed."""
        code, flags = self.code, len(self.arrays) + len(self.temporaries)
        if self.chunks:
            self.temporaries.append(ArrayType(DTYPES["u8"], (self.chunks,)))
        for label, failed in (("", 0), ("failed", 1)):
            if label and not any(f"label %{label}" in line for line in code.lines):
                continue
            if label:
                code.label(label)
            if self.chunks:
                flag = element(code, flags, "u8", self.chunk)
                code.emit(f"store i8 {failed}, ptr {flag}")
            code.emit("ret void" if self.chunks else f"ret i1 {failed}")

    def numbers(self, count: int, type: str = "") -> Matrix:
        """New memory for so many numbers, one after the other."""
        dtype, chunks = DTYPES[type or self.type], max(1, self.chunks)
        each = -(-max(1, count) // LINE) * LINE if self.chunks else max(1, count)
        self.temporaries.append(ArrayType(dtype, (each * chunks,)))
        buffer = len(self.arrays) + len(self.temporaries) - 1
        start = self.chunk * each if self.chunks else self.code.constant(Type("i64"), 0)
        return Matrix(buffer, type or self.type, count, 1, start, 1, count)

    def by_columns(self, rows: int, columns: int) -> Matrix:
        """New memory for a matrix, column after column."""
        return self.numbers(rows * columns)._replace(rows=rows, columns=columns, by_column=rows)

    def copied(self, x: Matrix) -> Matrix:
        """A copy of a matrix, column after column."""
        y = self.by_columns(x.rows, x.columns)
        self.copy(y, x)
        return y

    def copy(self, to: Matrix, x: Matrix) -> None:
        """Copy as many elements as `to` has."""
        if to.by_column > to.by_row:  # along what lies side by side there
            to, x = to.turned, x.turned
        for y, z in zip(to.parts, x.parts, strict=True):
            walk(
                self.code,
                (y.rows, y.columns),
                [(y.by_row, y.by_column), (z.by_row, z.by_column)],
                [y.start, z.start],
                widest(y.type),
                lambda at, lanes, y=y, z=z: self.put(y, at[0], self.get(z, at[1], lanes)),
            )

    def fill(self, to: Matrix, number: float) -> None:
        """Set all elements to a real number."""
        for y, part in zip(to.parts, (number, 0.0), strict=False):
            walk(
                self.code,
                (y.rows, y.columns),
                [(y.by_row, y.by_column)],
                [y.start],
                widest(y.type),
                lambda at, lanes, y=y, part=part: self.put(
                    y, at[0], self.code.constant(Type(y.type, lanes), part)
                ),
            )

    def clear_above(self, to: Matrix) -> None:
        """Zero above the diagonal of a square matrix."""
        code = self.code
        for y in to.parts if to.rows > 1 else []:
            zero = code.constant(Type(y.type), 0)
            with loop(code, 0, y.rows - 1, 1) as i, loop(code, i + 1, y.columns, 1) as j:
                self.put(y, self.at(y, i, j), zero)

    def at(self, x: Matrix, i: Number, j: Number) -> Number:
        """The position of an element."""
        return x.start + i * x.by_row + j * x.by_column

    def get(self, x: Matrix, position: Number, lanes: int = 1) -> Number:
        """Elements side by side."""
        return Strided(x.buffer, x.type, (), 0, ()).get(self.code, position, lanes)

    def put(self, x: Matrix, position: Number, value: Number) -> None:
        """Write elements side by side."""
        Strided(x.buffer, x.type, (), 0, ()).put(self.code, position, value)

    def lapack(self, name: str, *arguments: str | int | Matrix) -> Number:
        """Call a routine: letters, numbers and addresses; what it says at its end."""
        self.blas(name, *arguments, self.info, library="lapack")
        return self.code.get(self.info, Type("i32"))

    def solves(self, name: str, *arguments: str | int | Matrix) -> None:
        """Call a routine, without which nothing can go on."""
        self.fail_unless(self.lapack(name, *arguments) == 0)

    def fail_unless(self, right: Number) -> None:
        """Leave the function."""
        go_on = self.code.fresh_label("right")
        self.code.emit(f"br i1 {right.text}, label %{go_on}, label %failed")
        self.code.label(go_on)

    def fail_unless_finite(self, x: Matrix) -> None:
        """Leave the function where an element is infinite or nan."""
        code, kind = self.code, Type("bool")
        finite = code.alloca(kind)
        code.put(finite, code.constant(kind, True))
        for part in x.parts:
            with loop(code, 0, x.rows, 1) as i, loop(code, 0, x.columns, 1) as j:
                small = fabs(self.get(part, self.at(part, i, j))) < float("inf")
                code.put(finite, code.get(finite, kind) & small)
        self.fail_unless(code.get(finite, kind))

    def blas(
        self, name: str, *arguments: str | int | float | Matrix, library: str = "blas"
    ) -> None:
        """Call a routine that cannot fail."""
        slot = self.module.slot(library, LETTERS[self.type] + name)
        at, routine = self.code.name(), self.code.name()
        addresses = ", ".join(f"ptr {self._address(a)}" for a in arguments)
        self.code.emit(f"{at} = getelementptr ptr, ptr %state, i64 {slot}")
        self.code.emit(f"{routine} = load ptr, ptr {at}")
        self.code.emit(f"call void {routine}({addresses})")

    def _address(self, argument: str | int | float | Matrix) -> str:
        if isinstance(argument, Matrix):
            kind, name = _kind(argument.type), self.code.name()
            at = f"ptr %b{argument.buffer}, i64 {argument.start.text}"
            self.code.emit(f"{name} = getelementptr {kind}, {at}")
            return name
        if isinstance(argument, str) and argument.startswith("%"):
            return argument
        kind, number = "i32", str(argument)
        if isinstance(argument, str):
            kind, number = "i8", str(ord(argument))
        elif isinstance(argument, float):
            kind, part = _kind(self.type), _kind(PARTS.get(self.type, self.type))
            number = f"[{part} {argument}, {part} 0.0]" if self.type in PARTS else number
        name = f"const_{self.type}_{argument}".replace(".", "_").replace("-", "m")
        name = name if isinstance(argument, float) else f"const_{kind}_{number}"
        self.module.globals[name] = f"@{name} = private constant {kind} {number}"
        return f"@{name}"


def _kind(type: str) -> str:
    """A number as LLVM has it; a complex one as its parts."""
    return f"[2 x {Type(PARTS[type]).text}]" if type in PARTS else Type(type).text


def _matrix(array: Strided, start: Number, axes: int) -> Matrix:
    """A matrix of a stack; a vector as one column, a number as one element."""
    first = len(array.shape) - axes
    rows, columns = (*array.shape[first:], 1, 1)[:2]
    by_row, by_column = (*array.strides[first:], 1, 1)[:2]
    if axes < 2:
        by_column = rows
    return Matrix(array.buffer, array.type, rows, columns, start, by_row, by_column)


def emit_failure(module: Module, chunks: int) -> str:
    """Define a function of a pointer to a byte for each chunk -> its name; it says whether one is
    set.
    """
    bits = f"i{8 * chunks}"
    lines = [
        "(ptr %flags) nounwind noinline {",
        f"  %all = load {bits}, ptr %flags, align 1",
        f"  %some = icmp ne {bits} %all, 0",
        "  ret i1 %some",
        "}",
    ]
    return module.shared("failure", "\n".join(lines), "i1")
