"""A function under construction, at the boundary of a program with what calls it.

`table` there holds the address of every buffer, `state` what only the running process knows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from irgrad.ir.types import SHORT, ArrayType
from irgrad_numba.llvm import Module


class Boundary:
    """Instructions in order; names count up."""

    def __init__(self, module: Module) -> None:
        self.module = module
        self.lines: list[str] = []
        self.count = 0

    def emit(self, *lines: str) -> None:
        """Append instructions."""
        self.lines += [f"  {line}" for line in lines]

    def label(self, name: str) -> None:
        """Begin a block."""
        self.lines.append(f"{name}:")

    def value(self, expression: str) -> str:
        """Append an instruction with a result."""
        self.count += 1
        name = f"%t{self.count}"
        self.emit(f"{name} = {expression}")
        return name

    def at(self, table: str, place: int) -> str:
        """Where a pointer stands in a table of pointers."""
        return self.value(f"getelementptr ptr, ptr {table}, i64 {place}")

    def pointer(self, table: str, place: int) -> str:
        """A pointer from a table of pointers."""
        return self.value(f"load ptr, ptr {self.at(table, place)}")

    def fill(self, buffer: int, address: str) -> None:
        """Give a buffer its address."""
        self.emit(f"store ptr {address}, ptr {self.at('%table', buffer)}")

    def slot(self, *key: Any) -> str:
        """What the state holds for `key`."""
        return self.pointer("%state", self.module.slot(*key))

    def field(self, x: str, offset: int, type: str = "ptr") -> str:
        """What stands so many bytes into an object."""
        return self.value(f"load {type}, ptr {self.offset(x, offset)}")

    def offset(self, x: str, count: int) -> str:
        """The address so many bytes on."""
        return self.value(f"getelementptr i8, ptr {x}, i64 {count}")

    def require(self, condition: str, other: str) -> None:
        """Go on where `condition` holds, else at the block `other`."""
        self.count += 1
        self.emit(f"br i1 {condition}, label %next{self.count}, label %{other}")
        self.label(f"next{self.count}")

    def kind(self, type: ArrayType) -> str:
        """Type object, dtype, number of axes, extents: as arguments of the support functions."""
        array, descr = self.slot("numpy", "PyArray_Type"), self.slot("dtype", SHORT[type.dtype])
        dims = self.numbers("dims", type.shape)
        return f"ptr {array}, ptr {descr}, i32 {type.ndim}, ptr {dims}"

    def numbers(self, stem: str, numbers: Sequence[int]) -> str:
        """The address of a constant array of numbers."""
        if not numbers:
            return "null"
        listed = ", ".join(f"i64 {n}" for n in numbers)
        short = len(numbers) <= BLOCK  # the same for the same numbers
        parts = map(str, numbers) if short else [f"long{len(self.module.globals)}"]
        name = "_".join([stem, *parts]).replace("-", "m")
        self.module.globals[name] = f"@{name} = private constant [{len(numbers)} x i64] [{listed}]"
        return f"@{name}"

    def define(self, head: str) -> str:
        """The function."""
        return f"define {head} {{\nentry:\n" + "\n".join(self.lines) + "\n}"


BLOCK = 64
"""Arguments or results in one function: LLVM's work grows faster than a function does."""


def in_blocks(
    code: Boundary,
    stem: str,
    parameters: str,
    numbers: Sequence[int],
    emit: Callable[[Boundary, int], None],
    otherwise: str,
) -> None:
    """Do what `emit` writes for each of the numbers, which may go to the block `otherwise`;
    of many, in functions of their own, on what `code` has by the same names.
    """
    parts = blocks(len(numbers))
    if len(parts) < 2:
        for k in numbers:
            emit(code, k)
        return
    for number, part in enumerate(parts):
        inner = Boundary(code.module)
        for k in part:
            emit(inner, numbers[k])
        inner.emit("ret i1 true")
        inner.label(otherwise)
        inner.emit("ret i1 false")
        name = f"{stem}{number}"
        head = f"internal i1 @{name}({parameters}) noinline"
        code.module.functions[name] = inner.define(head)
        code.require(code.value(f"call i1 @{name}({parameters})"), otherwise)


def blocks(count: int) -> list[range]:
    """The numbers below `count`, by functions."""
    return [range(first, min(first + BLOCK, count)) for first in range(0, count, BLOCK)]
