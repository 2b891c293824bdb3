"""The boundary with Python, as machine code: arguments in, the program's body, results out.

The entry takes the user's own arguments. It looks at each array object (type, dtype, shape, order),
and returns None where one is not exactly what the program was compiled for; it gives every buffer
an address, runs the body, and returns NumPy's arrays and scalars in tuples.

What is known only in the running process (addresses of NumPy's functions, of dtypes, of constants)
stands in a table, `state`, so that the code can be kept on disk."""

from __future__ import annotations

from collections.abc import Sequence

from irgrad.runtime.backend import Argument, Template
from irgrad_numba.boundary import Boundary
from irgrad_numba.llvm import Module
from irgrad_numba.memory import Memory
from irgrad_numba.reading import CELL, Reading
from irgrad_numba.returning import Returning
from irgrad_numba.support import SIGNATURES, STACK_BYTES

ENTRY = "entry"

DECLARED = {
    "Py_IncRef": "void {}(ptr)",
    "Py_DecRef": "void {}(ptr)",
    "PyTuple_New": "ptr {}(i64)",
    "PyTuple_SetItem": "i32 {}(ptr, i64, ptr)",
    "PyErr_NoMemory": "ptr {}()",
    "PyFloat_AsDouble": "double {}(ptr)",
    "PyEval_SaveThread": "ptr {}()",
    "PyEval_RestoreThread": "void {}(ptr)",
    "llvm.memset.p0.i64": "void {}(ptr, i8, i64, i1)",
}
EXTERNAL = ("_Py_NoneStruct", "PyFloat_Type")


def emit_entry(
    module: Module,
    memory: Memory,
    arguments: Sequence[Argument],
    result: Template,
    release: bool,
) -> None:
    """Define `entry`, which calls the `body` that is there already. What `arguments` do not give,
    the last inputs, are captured arrays. With `release` others may run Python meanwhile.
    """
    for name, signature in {**DECLARED, **SIGNATURES}.items():
        module.declare(name, signature)
    module.globals.update((name, f"@{name} = external global i8") for name in EXTERNAL)
    reading, returning = Reading(module, memory, arguments), Returning(module, memory)
    code = Boundary(module)
    _frame(code, memory)
    code.require(code.value(f"icmp eq i64 %count, {len(arguments)}"), "mismatch")
    reading.emit(code)
    given = bool(reading.outs)
    if not given:
        returning.emit(code)
    for buffer in memory.constants:
        code.fill(buffer, code.slot("constant", buffer))
    _run(code, memory, release)
    code.emit(f"ret ptr {returning.build(code, result, given)}")
    code.label("mismatch")
    code.emit("call void @Py_IncRef(ptr @_Py_NoneStruct)", "ret ptr @_Py_NoneStruct")
    code.label("short")
    code.emit("%none = call ptr @PyErr_NoMemory()", "br label %failed")
    code.label("failed")
    returning.drop(code)
    code.emit("ret ptr null")
    module.functions[ENTRY] = code.define(f"ptr @{ENTRY}(ptr %self, ptr %args, i64 %count)")


def _frame(code: Boundary, memory: Memory) -> None:
    """The memory of a call: addresses of buffers, numbers that have no array, arrays made."""
    cells = len(memory.input_types) + len(memory.outputs)
    arrays = max(1, len(memory.outputs))
    code.emit(
        f"%table = alloca [{memory.arena + 1} x ptr], align 64",
        f"%numbers = alloca [{max(1, cells)} x [{CELL} x i8]], align 64",
        f"%made = alloca [{arrays} x ptr], align 8",
        f"call void @llvm.memset.p0.i64(ptr %made, i8 0, i64 {8 * arrays}, i1 false)",
        f"%state = load ptr, ptr {code.offset('%self', 16)}",
    )
    if 0 < memory.scratch_bytes <= STACK_BYTES:
        code.emit(f"%arena = alloca [{memory.scratch_bytes} x i8], align 64")


def _run(code: Boundary, memory: Memory, release: bool) -> None:
    """Memory for intermediate values, and the program."""
    size, kept = memory.scratch_bytes, None
    if size > STACK_BYTES:
        kept = code.at("%state", code.module.slot("arena"))
        code.emit(f"%arena = call ptr @irgrad_scratch(ptr {kept}, i64 {size})")
        code.require(code.value("icmp ne ptr %arena, null"), "short")
    if size:
        code.fill(memory.arena, "%arena")
    if release:
        code.emit("%thread = call ptr @PyEval_SaveThread()")
    code.emit("%status = call i32 @body(ptr %table, ptr %state)")
    if release:
        code.emit("call void @PyEval_RestoreThread(ptr %thread)")
    if kept is not None:
        code.emit(f"call void @irgrad_give_back(ptr {kept}, ptr %arena)")
    code.require(code.value("icmp eq i32 %status, 0"), "failed")
