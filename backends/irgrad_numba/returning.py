"""Results for Python, as machine code: memory before the program runs, objects after."""

from __future__ import annotations

from irgrad.ir.types import SHORT
from irgrad.runtime.backend import Template
from irgrad_numba.boundary import Boundary, blocks, in_blocks
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
        in_blocks(code, "make", MADE, len(self.memory.outputs), self._make, "short")

    def drop(self, code: Boundary) -> None:
        """Give up what was made."""
        for k, (_, type) in enumerate(self.memory.outputs):
            if type.shape:
                code.emit(f"call void @Py_DecRef(ptr {code.pointer('%made', k)})")

    def _make(self, code: Boundary, k: int) -> None:
        """An array for an output that has axes, a cell for one that has none."""
        buffer, type = self.memory.outputs[k]
        if not type.shape:
            place = len(self.memory.input_types) + k
            code.fill(buffer, code.offset("%numbers", CELL * place))
            return
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
        parts = blocks(len(template))
        for part in parts:
            inner = code if len(parts) == 1 else Boundary(self.module)
            tuple = whole if len(parts) == 1 else "%tuple"
            for k in part:
                x = self.build(inner, template[k], given)
                inner.value(f"call i32 @PyTuple_SetItem(ptr {tuple}, i64 {k}, ptr {x})")
            if inner is not code:
                code.emit(f"call void @{self._builder(inner)}(ptr {whole}, {MADE})")
        return whole

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
