"""A program without Python around it: a C function of addresses, for code that calls from machine
code; and functions of the forms that SciPy's integrators take.

`raw(state, given)` takes the addresses of all arguments in C order, then those of the memory for
all results; it returns 0, `RAISED` where Python raised, `OUTSIDE` where an index is outside its
axis. It holds no lock, and takes memory of its own for each call."""

from __future__ import annotations

from collections.abc import Sequence

from irgrad_numba.boundary import Boundary
from irgrad_numba.llvm import Module
from irgrad_numba.memory import Memory
from irgrad_numba.support import STACK_BYTES

RAW, SCALAR, VECTOR = "raw", "scalar", "vector"
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


def emit_low_level(module: Module, arguments: Sequence[int]) -> str:
    """Define a function from numbers to a number, of (double, void*) for one argument of one
    element, else of (int, double*, void*) -> its name. `arguments` are the elements of each, and
    void* is the state; where the number of elements is another one, it returns nan.
    """
    count, code = sum(arguments), Boundary(module)
    single = list(arguments) == [1]
    result = code.value("alloca double, align 8")
    given = code.value(f"alloca [{len(arguments) + 1} x ptr], align 8")
    numbers = "%x"
    if single:
        numbers = code.value("alloca double, align 8")
        code.emit(f"store double %x, ptr {numbers}")
    else:
        expected = code.value(f"icmp eq i32 %n, {count}")
        code.lines += [
            f"  br i1 {expected}, label %counted, label %other",
            "other:",
            "  ret double 0x7FF8000000000000",
            "counted:",
        ]
    start = 0
    for k, size in enumerate(arguments):
        address = code.value(f"getelementptr double, ptr {numbers}, i64 {start}")
        code.emit(f"store ptr {address}, ptr {code.at(given, k)}")
        start += size
    code.emit(f"store ptr {result}, ptr {code.at(given, len(arguments))}")
    code.value(f"call i32 @{RAW}(ptr %state, ptr {given})")
    code.emit(f"ret double {code.value(f'load double, ptr {result}')}")
    name = SCALAR if single else VECTOR
    parameters = "double %x" if single else "i32 %n, ptr %x"
    module.functions[name] = code.define(f"double @{name}({parameters}, ptr %state)")
    return name
