"""Results for Python, as machine code: memory before the program runs, objects after."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Any

from irgrad.ir.types import SHORT
from irgrad.runtime.backend import Template
from irgrad_numba.boundary import BLOCK, Boundary, blocks, in_blocks
from irgrad_numba.llvm import Module
from irgrad_numba.memory import Memory
from irgrad_numba.reading import CELL

MADE = "ptr %table, ptr %state, ptr %numbers, ptr %made"
"""`made` holds the array of each output that has one, null for the others."""


class Returning:
    """The results of a program."""

    def __init__(self, module: Module, memory: Memory) -> None:
        self.module = module
        self.memory = memory
        self.builders = 0

    def emit(self, code: Boundary) -> None:
        """Make the arrays; where memory is short, go to the block `short`."""
        arrays = [k for k, (_, type) in enumerate(self.memory.outputs) if type.shape]
        in_blocks(code, "make", MADE, arrays, self._make, "short")
        self._cells(code, [buffer for buffer, type in self.memory.outputs if not type.shape])

    def _cells(self, code: Boundary, buffers: Sequence[int]) -> None:
        """A cell for each output that has no axes."""
        first = CELL * len(self.memory.input_types)
        if len(buffers) <= BLOCK:
            for k, buffer in enumerate(buffers):
                code.fill(buffer, code.offset("%numbers", first + CELL * k))
            return
        name = self.module.shared("cells", CELLS)
        listed, cells = code.numbers("buffers", buffers), code.offset("%numbers", first)
        code.emit(f"call void @{name}(ptr {listed}, ptr {cells}, ptr %table, i64 {len(buffers)})")

    def drop(self, code: Boundary) -> None:
        """Give up what was made."""
        for k, (_, type) in enumerate(self.memory.outputs):
            if type.shape:
                code.emit(f"call void @Py_DecRef(ptr {code.pointer('%made', k)})")

    def _make(self, code: Boundary, k: int) -> None:
        """The array of an output that has axes."""
        buffer, type = self.memory.outputs[k]
        slots = code.at("%state", self.module.slot("result", k, count=2))
        make = code.slot("numpy", "PyArray_NewFromDescr")
        look = f"call ptr @irgrad_result_array(ptr {slots}, ptr {make}, {code.kind(type)})"
        x = code.value(look)
        code.emit(f"store ptr {x}, ptr {code.at('%made', k)}")
        code.require(code.value(f"icmp ne ptr {x}, null"), "short")
        code.fill(buffer, code.field(x, 16))

    def build(self, code: Boundary, template: Template, given: bool) -> str:
        """The object of a result; each array goes to one place. Where the memory was `given`, no
        array was made.
        """
        if isinstance(template, int):
            return self._object(code, template, given)
        whole = code.value(f"call ptr @PyTuple_New(i64 {len(template)})")
        single: list[int] = []
        for dtype, group in groupby(range(len(template)), lambda k: self._number(template[k])):
            run = list(group)
            if dtype is not None and len(run) > BLOCK:
                self._numbers(code, whole, template, run, dtype)
            else:
                single += run
        parts = blocks(len(single))
        for part in parts:
            inner = code if len(parts) == 1 else Boundary(self.module)
            tuple = whole if len(parts) == 1 else "%tuple"
            for k in (single[n] for n in part):
                x = self.build(inner, template[k], given)
                inner.value(f"call i32 @PyTuple_SetItem(ptr {tuple}, i64 {k}, ptr {x})")
            if inner is not code:
                code.emit(f"call void @{self._builder(inner)}(ptr {whole}, {MADE})")
        return whole

    def _number(self, template: Template) -> str | None:
        """The dtype of a result that is a number, by its short name; None for others."""
        if not isinstance(template, int) or self.memory.outputs[template][1].shape:
            return None
        return SHORT[self.memory.outputs[template][1].dtype]

    def _numbers(
        self, code: Boundary, whole: str, template: Any, run: Sequence[int], dtype: str
    ) -> None:
        """Put many numbers in a row into a tuple, as a loop."""
        buffers = [self.memory.outputs[template[k]][0] for k in run]
        make, descr = code.slot("numpy", "PyArray_Scalar"), code.slot("dtype", dtype)
        given = [whole, code.numbers("buffers", buffers), "%table", make, descr]
        numbers = f"i64 {run[0]}, i64 {len(run)}"
        name = self.module.shared("numbers", NUMBERS)
        code.emit(f"call void @{name}({', '.join(f'ptr {x}' for x in given)}, {numbers})")

    def _builder(self, code: Boundary) -> str:
        """The name of the function that puts a part of a long tuple into it."""
        name = f"build{self.builders}"
        self.builders += 1
        code.emit("ret void")
        head = f"internal void @{name}(ptr %tuple, {MADE}) noinline"
        self.module.functions[name] = code.define(head)
        return name

    def _object(self, code: Boundary, output: int, given: bool) -> str:
        buffer, type = self.memory.outputs[output]
        if type.shape and not given:
            return code.pointer("%made", output)
        make, descr = code.slot("numpy", "PyArray_Scalar"), code.slot("dtype", SHORT[type.dtype])
        data = code.pointer("%table", buffer)
        return code.value(f"call ptr {make}(ptr {data}, ptr {descr}, ptr null)")


CELLS = f"""(ptr %buffers, ptr %cells, ptr %table, i64 %count) noinline {{
  br label %each
each:
  %k = phi i64 [0, %0], [%k.next, %each]
  %buffer.at = getelementptr i64, ptr %buffers, i64 %k
  %buffer = load i64, ptr %buffer.at
  %cell = getelementptr [{CELL} x i8], ptr %cells, i64 %k
  %entry = getelementptr ptr, ptr %table, i64 %buffer
  store ptr %cell, ptr %entry
  %k.next = add i64 %k, 1
  %more = icmp ult i64 %k.next, %count
  br i1 %more, label %each, label %end
end:
  ret void
}}"""
"""Cells one after the other, into the table at the numbers of their buffers."""

NUMBERS = """(ptr %tuple, ptr %buffers, ptr %table, ptr %make, ptr %descr,
    i64 %first, i64 %count) noinline {
  br label %each
each:
  %k = phi i64 [0, %0], [%k.next, %each]
  %buffer.at = getelementptr i64, ptr %buffers, i64 %k
  %buffer = load i64, ptr %buffer.at
  %entry = getelementptr ptr, ptr %table, i64 %buffer
  %data = load ptr, ptr %entry
  %x = call ptr %make(ptr %data, ptr %descr, ptr null)
  %place = add i64 %first, %k
  %status = call i32 @PyTuple_SetItem(ptr %tuple, i64 %place, ptr %x)
  %k.next = add i64 %k, 1
  %more = icmp ult i64 %k.next, %count
  br i1 %more, label %each, label %end
end:
  ret void
}"""
"""The numbers at the buffers' addresses, as NumPy's scalars in a tuple from place `first` on."""
