"""Arguments from Python, as machine code: each is looked at, and its buffer given an address."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import NamedTuple

from irgrad.ir.types import F64, ArrayType
from irgrad.runtime.backend import Argument
from irgrad_numba.boundary import BLOCK, Boundary, in_blocks
from irgrad_numba.llvm import Module
from irgrad_numba.memory import Memory

F64_SCALAR = ArrayType(F64, ())
WRITEABLE = 1024
"""The flag of NumPy's array object."""
CELL = 16
"""Bytes of memory for a number without an array."""
PARAMETERS = "ptr %args, ptr %table, ptr %state, ptr %numbers"


class Span(NamedTuple):
    """The bytes of an array, from the address of its buffer."""

    buffer: int
    start: int
    end: int


class Reading:
    """What the arguments are, and of captured arrays the same: `given` spans in memory, and `outs`,
    those of arrays for the results.
    """

    def __init__(self, module: Module, memory: Memory, arguments: Sequence[Argument]) -> None:
        self.module = module
        self.memory = memory
        self.given: list[Span] = []
        self.outs: list[Span] = []
        places = iter(range(len(memory.input_types)))
        self.jobs = [(a, -1 if a.kind in ("static", "out") else next(places)) for a in arguments]
        captured = [Argument("captured", memory.input_types[k], None) for k in places]
        first = len(memory.input_types) - len(captured)
        self.jobs += [(a, first + k) for k, a in enumerate(captured)]
        self.first_captured = first

    def emit(self, code: Boundary) -> None:
        """Look at all of them, and require that each is as expected."""
        single: list[int] = []
        for is_float, group in groupby(range(len(self.jobs)), self._is_float):
            run = list(group)
            if is_float and len(run) > BLOCK:
                self._floats(code, run)
            else:
                single += run
        in_blocks(code, "read", PARAMETERS, single, self._read, "mismatch")
        if self.outs:
            self._require_apart(code)

    def _is_float(self, k: int) -> bool:
        return self.jobs[k][0].kind == "float"

    def _floats(self, code: Boundary, run: Sequence[int]) -> None:
        """Many Python floats in a row, as a loop."""
        first, position = run[0], self.jobs[run[0]][1]
        name = self.module.shared("floats", FLOATS, "i1")
        args = code.at("%args", first)
        numbers, table = code.offset("%numbers", CELL * position), code.at("%table", position)
        given = f"ptr {args}, ptr {numbers}, ptr {table}, i64 {len(run)}"
        code.require(code.value(f"call i1 @{name}({given})"), "mismatch")

    def _read(self, code: Boundary, k: int) -> None:
        argument, position = self.jobs[k]
        type = argument.type
        if argument.kind == "captured":
            assert type is not None
            found = code.slot("captured", position - self.first_captured)
            self._array(code, found, type, position, self._captured_strides(position))
            return
        x = code.pointer("%args", k)
        if argument.kind == "static":
            code.require(code.value(f"icmp eq ptr {x}, {code.slot('static', k)}"), "mismatch")
        elif argument.kind == "out":
            self._out(code, x)
        elif argument.kind == "float":
            code.require(_is_of(code, x, "@PyFloat_Type"), "mismatch")
            self._number(code, x, position)
        elif type == F64_SCALAR:
            self._array_or_scalar(code, x, position)
        else:
            assert type is not None
            self._array(code, x, type, position, argument.strides)

    def _number(self, code: Boundary, x: str, position: int) -> None:
        """Keep the number of a float."""
        place = code.offset("%numbers", CELL * position)
        number = code.value(f"call double @PyFloat_AsDouble(ptr {x})")
        code.emit(f"store double {number}, ptr {place}")
        code.fill(position, place)

    def _array_or_scalar(self, code: Boundary, x: str, position: int) -> None:
        """Where np.float64 scalars are welcome: they are Python floats too."""
        is_scalar = _is_of(code, x, code.slot("numpy", "float64"))
        code.emit(f"br i1 {is_scalar}, label %scalar{position}, label %array{position}")
        code.label(f"scalar{position}")
        self._number(code, x, position)
        code.emit(f"br label %read{position}")
        code.label(f"array{position}")
        self._array(code, x, F64_SCALAR, position)
        code.emit(f"br label %read{position}")
        code.label(f"read{position}")

    def _captured_strides(self, position: int) -> tuple[int, ...] | None:
        """The strides of a captured array, in bytes, where it does not lie in C order."""
        if position not in self.memory.strided:
            return None
        value, view = self.memory.strided[position]
        return tuple(s * value.type.dtype.itemsize for s in view.strides)

    def _array(
        self,
        code: Boundary,
        x: str,
        type: ArrayType,
        buffer: int,
        strides: tuple[int, ...] | None = None,
    ) -> None:
        look = f"call i1 @irgrad_same_array(ptr {x}, {code.kind(type)})"
        if strides is not None:
            kind = f"{code.kind(type)}, ptr {code.numbers('strides', strides)}"
            look = f"call i1 @irgrad_same_strided(ptr {x}, {kind})"
        code.require(code.value(look), "mismatch")
        code.fill(buffer, code.field(x, 16))
        self.given.append(_span(buffer, type, strides))

    def _out(self, code: Boundary, x: str) -> None:
        """An array for a result: in C order, and writeable."""
        buffer, type = self.memory.outputs[len(self.outs)]
        same = code.value(f"call i1 @irgrad_same_array(ptr {x}, {code.kind(type)})")
        code.require(same, "mismatch")
        flags = code.value(f"and i32 {code.field(x, 64, 'i32')}, {WRITEABLE}")
        code.require(code.value(f"icmp ne i32 {flags}, 0"), "mismatch")
        code.fill(buffer, code.field(x, 16))
        self.outs.append(_span(buffer, type, None))

    def _require_apart(self, code: Boundary) -> None:
        """Arrays for results must overlap no inputs, nor each other."""
        spans = [*self.given, *(out for out in self.outs if out.end)]
        table = code.value(f"alloca [{2 * len(spans)} x ptr], align 8")
        for k, span in enumerate(spans):
            data = code.pointer("%table", span.buffer)
            for place, count in (2 * k, span.start), (2 * k + 1, span.end):
                code.emit(f"store ptr {code.offset(data, count)}, ptr {code.at(table, place)}")
        name = self.module.shared("apart", APART, "i1")
        numbers = f"i64 {len(self.given)}, i64 {len(spans)}"
        code.require(code.value(f"call i1 @{name}(ptr {table}, {numbers})"), "mismatch")


FLOATS = f"""(ptr %args, ptr %numbers, ptr %table, i64 %count) noinline {{
  br label %each
each:
  %k = phi i64 [0, %0], [%k.next, %number]
  %done = icmp eq i64 %k, %count
  br i1 %done, label %yes, label %one
one:
  %at = getelementptr ptr, ptr %args, i64 %k
  %x = load ptr, ptr %at
  %type.at = getelementptr i8, ptr %x, i64 8
  %type = load ptr, ptr %type.at
  %same = icmp eq ptr %type, @PyFloat_Type
  br i1 %same, label %number, label %no
number:
  %value = call double @PyFloat_AsDouble(ptr %x)
  %place = getelementptr [{CELL} x i8], ptr %numbers, i64 %k
  store double %value, ptr %place
  %entry = getelementptr ptr, ptr %table, i64 %k
  store ptr %place, ptr %entry
  %k.next = add i64 %k, 1
  br label %each
yes:
  ret i1 true
no:
  ret i1 false
}}"""
"""Whether all are Python floats; their numbers go into cells, the cells into the table."""

APART = """(ptr %spans, i64 %given, i64 %count) nounwind {
  br label %each
each:
  %k = phi i64 [%given, %0], [%k.next, %over]
  %more = icmp ult i64 %k, %count
  br i1 %more, label %one, label %yes
one:
  %k.at = getelementptr [2 x ptr], ptr %spans, i64 %k
  %k.start = load ptr, ptr %k.at
  %k.end.at = getelementptr ptr, ptr %k.at, i64 1
  %k.end = load ptr, ptr %k.end.at
  br label %before
before:
  %i = phi i64 [0, %one], [%i.next, %other]
  %i.less = icmp ult i64 %i, %k
  br i1 %i.less, label %other, label %over
other:
  %i.at = getelementptr [2 x ptr], ptr %spans, i64 %i
  %i.start = load ptr, ptr %i.at
  %i.end.at = getelementptr ptr, ptr %i.at, i64 1
  %i.end = load ptr, ptr %i.end.at
  %left = icmp ule ptr %i.end, %k.start
  %right = icmp ule ptr %k.end, %i.start
  %apart = or i1 %left, %right
  %i.next = add i64 %i, 1
  br i1 %apart, label %before, label %no
over:
  %k.next = add i64 %k, 1
  br label %each
yes:
  ret i1 true
no:
  ret i1 false
}"""
"""Whether each of the spans from number `given` on overlaps none before it."""


def _is_of(code: Boundary, x: str, type: str) -> str:
    """Whether an object's type is `type`."""
    return code.value(f"icmp eq ptr {code.field(x, 8)}, {type}")


def _span(buffer: int, type: ArrayType, strides: tuple[int, ...] | None) -> Span:
    if strides is None:
        return Span(buffer, 0, type.nbytes)
    reach = [(n - 1) * s for n, s in zip(type.shape, strides, strict=True)]
    last = sum(max(r, 0) for r in reach) + type.dtype.itemsize
    return Span(buffer, sum(min(r, 0) for r in reach), last)
