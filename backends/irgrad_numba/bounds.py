"""Looking through index arrays: an index outside its axis stops the program with NumPy's
IndexError."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from irgrad.errors import IndexOutOfBounds
from irgrad.ir.blame import blame
from irgrad.ir.graph import Value
from irgrad.ops.index import check_bounds
from irgrad_numba.calls import place_of
from irgrad_numba.fold import across
from irgrad_numba.index import View
from irgrad_numba.indices import Check
from irgrad_numba.llvm import Code, Module, Type
from irgrad_numba.walk import Strided, walk, widest


class Fault:
    """What is run where a check finds an index outside: it raises."""

    def __init__(self, check: Check, views: Mapping[Value, View]) -> None:
        self.check = check
        self.place = place_of(check.array, views)

    @property
    def buffers(self) -> list[int]:
        """What it reads."""
        return [self.place.buffer]

    def run(self, table: Any) -> None:
        """Raise the error that the op's reference raises."""
        check, index = self.check, self.place.array(table)
        try:
            check_bounds(check.operand, (check.axis,), check.shape, [index])
        except IndexOutOfBounds as error:
            blame(error, check.node)
            raise


def emit_check(module: Module, check: Check, view: View) -> str:
    """Define a function of a pointer to the index array's buffer -> its name; it says whether an
    index is outside.
    """
    code = Code(module)
    index = Strided.of(check.array, view, 0)
    lanes = widest("i64")
    found: dict[int, str] = {}

    def look(at: list[Any], width: int) -> None:
        i = index.get(code, at[0], width)
        if index.type == "u64":
            outside = i >= check.extent
        else:
            i = i.cast("i64")
            outside = (i < -check.extent) | (i >= check.extent)
        if width not in found:
            found[width] = code.alloca(Type("u8", width))
        seen = code.get(found[width], Type("u8", width))
        code.put(found[width], seen | outside.zext("u8"))

    walk(code, index.shape, [index.strides], [index.start(code)], lanes, look)
    zeros: list[str] = []
    for width, place in found.items():
        zero = code.constant(Type("u8", width), 0)
        zeros.append(f"  store {zero.type.text} {zero.text}, ptr {place}, align 64")
    result = code.constant(Type("bool"), False)
    for width, place in found.items():
        seen = across("bitwise_or", [code.get(place, Type("u8", width))])
        result = result | seen.cast("bool")
    code.emit(f"ret i1 {result.text}")
    lines = ["entry:", *code.allocas, *zeros, *code.lines]
    head = "(ptr readonly nocapture %b0) nounwind noinline {\n"
    return module.shared("check", head + "\n".join(lines) + "\n}", "i1")
