"""Stacks of rows that grow while a loop runs: what an adjoint keeps of a loop whose number of steps
is not known before.

A stack is memory from `malloc` with an entry in a table that the function of the program gets:
where the rows are, how many bytes there is room for, and how many are in use. A loop that runs
again writes over what its last run left; when the program returns, all are freed."""

from __future__ import annotations

from typing import NamedTuple

from irgrad.ir.graph import Node, Value
from irgrad.ir.types import SHORT
from irgrad.ops.accumulate import AddStacks
from irgrad.ops.loop import Loop
from irgrad.ops.while_loop import While
from irgrad_numba.llvm import Module, Type
from irgrad_numba.llvm_types import NAMES

ENTRY = 24
"""Bytes of an entry of the table: address, room, use."""
LEAST = 4096
"""The room of a new stack."""

GROW = f"""define internal ptr @stack(ptr %entry, i64 %size) nounwind {{
  %room.at = getelementptr i8, ptr %entry, i64 8
  %room = load i64, ptr %room.at
  %rows = load ptr, ptr %entry
  %fits = icmp ule i64 %size, %room
  br i1 %fits, label %there, label %grow
grow:
  %double = mul i64 %room, 2
  %more = call i64 @llvm.umax.i64(i64 %double, i64 %size)
  %wanted = call i64 @llvm.umax.i64(i64 %more, i64 {LEAST})
  %new = call ptr @realloc(ptr %rows, i64 %wanted)
  %none = icmp eq ptr %new, null
  br i1 %none, label %short, label %keep
keep:
  store ptr %new, ptr %entry
  store i64 %wanted, ptr %room.at
  ret ptr %new
short:
  ret ptr null
there:
  ret ptr %rows
}}"""


def is_stack(value: Value) -> bool:
    """Whether the first extent of a value is known only when the program runs."""
    return value.type.is_dynamic


def is_known(node: Node) -> bool:
    """Whether machine code does what a node does with stacks, if it has any."""
    values = [*node.operands, *node.outputs]
    return isinstance(node.op, (Loop, While, AddStacks)) or not any(map(is_stack, values))


def grow(module: Module) -> str:
    """The function that makes room: (entry, bytes) -> where the rows are, null without memory."""
    if "stack" not in module.functions:
        module.declare("realloc", "ptr {}(ptr, i64)")
        module.declare("llvm.umax.i64", "i64 {}(i64, i64)")
        module.functions["stack"] = GROW
    return "stack"


class StackSum(NamedTuple):
    """A sum of two stacks of equal size: buffers, and the type of its elements."""

    left: int
    right: int
    result: int
    type: str

    @property
    def buffers(self) -> list[int]:
        """What it reads and writes."""
        return [self.left, self.right, self.result]

    @property
    def checks(self) -> bool:
        """It looks at no index."""
        return False


def sum_of(node: Node, buffers: list[int]) -> StackSum:
    """The step for a sum of stacks that are these buffers; complex numbers are pairs."""
    element = SHORT[node.types[0].dtype]
    element = {"c64": "f32", "c128": "f64"}.get(element, element)
    left, right, result = buffers
    return StackSum(left, right, result, element)


def emit_sum(module: Module, type: str) -> str:
    """Define a function of three entries and of a number of bytes -> its name."""
    wide = Type("u8" if type == "bool" else type).text
    op = "fadd" if type in NAMES else "or" if type == "bool" else "add"
    text = f"""(ptr %x, ptr %y, ptr %z, i64 %end) nounwind noinline {{
  %some = icmp sgt i64 %end, 0
  br i1 %some, label %loop, label %done
loop:
  %i = phi i64 [0, %0], [%next, %loop]
  %x.at = getelementptr i8, ptr %x, i64 %i
  %y.at = getelementptr i8, ptr %y, i64 %i
  %z.at = getelementptr i8, ptr %z, i64 %i
  %a = load {wide}, ptr %x.at
  %b = load {wide}, ptr %y.at
  %c = {op} {wide} %a, %b
  store {wide} %c, ptr %z.at
  %size = getelementptr {wide}, ptr null, i64 1
  %by = ptrtoint ptr %size to i64
  %next = add i64 %i, %by
  %more = icmp slt i64 %next, %end
  br i1 %more, label %loop, label %done
done:
  ret void
}}"""
    return module.shared("add_stacks", text)
