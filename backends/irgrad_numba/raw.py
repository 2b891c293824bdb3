"""A program without Python around it: a C function of addresses, for code that calls from machine
code; and functions of the forms that SciPy calls.

`raw(state, given)` takes the addresses of all arguments in C order, then those of the memory for
all results; it returns 0, `RAISED` where Python raised, `OUTSIDE` where an index is outside its
axis. It holds no lock, and takes memory of its own for each call."""

from __future__ import annotations

from collections.abc import Sequence

from irgrad_numba.boundary import Boundary
from irgrad_numba.llvm import Module
from irgrad_numba.memory import Memory
from irgrad_numba.support import STACK_BYTES

RAW, SCALAR, VECTOR, FILTER, LINE = "raw", "scalar", "vector", "filter", "line"
FORMS = {
    SCALAR: ("double", "double %x"),
    VECTOR: ("double", "i32 %n, ptr %x"),
    FILTER: ("i32", "ptr %x, i64 %n, ptr %y"),
    LINE: ("i32", "ptr %x, i64 %n, ptr %y, i64 %m"),
}
"""What SciPy's callers take: the type of the result, and the parameters before void*."""
RAISED, OUTSIDE = 1, 2
ALLOCATION = {"aligned_alloc": "ptr {}(i64, i64)", "free": "void {}(ptr)"}


def emit_raw(module: Module, memory: Memory) -> None:
    """Define `raw`, which calls the `body` that is there already."""
    code = Boundary(module)
    given = len(memory.input_types) - memory.captured
    code.emit(f"%table = alloca [{memory.arena + 1} x ptr], align 64")
    for k in range(given):
        code.fill(k, code.pointer("%given", k))
    for k in range(memory.captured):
        code.fill(given + k, code.field(code.slot("captured", k), 16))
    for k, (buffer, _) in enumerate(memory.outputs):
        code.fill(buffer, code.pointer("%given", given + k))
    for buffer in memory.constants:
        code.fill(buffer, code.slot("constant", buffer))
    arena = _arena(module, memory, code)
    code.fill(memory.arena, arena)
    status = code.value("call i32 @body(ptr %table, ptr %state)")
    if memory.scratch_bytes > STACK_BYTES:
        code.emit(f"call void @free(ptr {arena})")
    code.emit(f"ret i32 {status}")
    module.functions[RAW] = code.define(f"i32 @{RAW}(ptr %state, ptr %given)")


def _arena(module: Module, memory: Memory, code: Boundary) -> str:
    size = memory.scratch_bytes
    if size <= STACK_BYTES:
        return code.value(f"alloca [{max(1, size)} x i8], align 64")
    for name, signature in ALLOCATION.items():
        module.declare(name, signature)
    arena = code.value(f"call ptr @aligned_alloc(i64 64, i64 {size})")
    short = code.value(f"icmp eq ptr {arena}, null")
    code.lines += [f"  br i1 {short}, label %none, label %some", "none:", f"  ret i32 {RAISED}"]
    code.lines.append("some:")
    return arena


def emit_low_level(module: Module, form: str, arguments: Sequence[int], results: int) -> None:
    """Define a function of one of the `FORMS` under the name of that, for arguments of so many
    elements each and a result of as many as `results` says; void* is the state. Where the caller
    has another number of elements, it returns nan or 0.
    """
    code, (kind, parameters) = Boundary(module), FORMS[form]
    number = kind == "double"
    result = code.value("alloca double, align 8") if number else "%y"
    given = code.value(f"alloca [{len(arguments) + 1} x ptr], align 8")
    numbers = "%x"
    if form == SCALAR:
        numbers = code.value("alloca double, align 8")
        code.emit(f"store double %x, ptr {numbers}")
    expected = {"i32 %n": sum(arguments), "i64 %n": sum(arguments), "i64 %m": results}
    for k, parameter in enumerate(p for p in parameters.split(", ") if p in expected):
        same = code.value(f"icmp eq {parameter}, {expected[parameter]}")
        code.emit(f"br i1 {same}, label %counted{k}, label %other")
        code.label(f"counted{k}")
    start = 0
    for k, size in enumerate(arguments):
        address = code.value(f"getelementptr double, ptr {numbers}, i64 {start}")
        code.emit(f"store ptr {address}, ptr {code.at(given, k)}")
        start += size
    code.emit(f"store ptr {result}, ptr {code.at(given, len(arguments))}")
    status = code.value(f"call i32 @{RAW}(ptr %state, ptr {given})")
    if number:
        code.emit(f"ret double {code.value(f'load double, ptr {result}')}")
    else:
        right = code.value(f"icmp eq i32 {status}, 0")
        code.emit(f"ret i32 {code.value(f'zext i1 {right} to i32')}")
    code.label("other")
    code.emit("ret double 0x7FF8000000000000" if number else "ret i32 0")
    module.functions[form] = code.define(f"{kind} @{form}({parameters}, ptr %state)")
