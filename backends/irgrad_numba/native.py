"""Machine code as a Python function: arrays in, their data pointers to the kernels, a status out.

The function is written in LLVM too, on Python's C interface: it is called with the arrays of all
buffers (METH_FASTCALL), reads their data pointers, and runs the kernels in order."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from typing import Any

from irgrad_numba.llvm import Module
from irgrad_numba.machine import Loaded

DATA_OFFSET = 16
"""Of the data pointer in an array object: the first field after the object header. Part of NumPy's
binary interface."""
METH_FASTCALL = 0x80


class _MethodDef(ctypes.Structure):
    _fields_ = (
        ("name", ctypes.c_char_p),
        ("function", ctypes.c_void_p),
        ("flags", ctypes.c_int),
        ("doc", ctypes.c_char_p),
    )


def emit_entry(
    module: Module, name: str, calls: Sequence[tuple[str, Sequence[int]]], release: bool
) -> None:
    """Define `name`, a Python function that calls kernels with pointers to the buffers given by
    their positions among its arguments; `release` lets other threads run Python meanwhile.
    """
    lines: list[str] = []
    for position in sorted({p for _, positions in calls for p in positions}):
        lines += [
            f"  %slot{position} = getelementptr inbounds ptr, ptr %args, i64 {position}",
            f"  %array{position} = load ptr, ptr %slot{position}, align 8",
            f"  %field{position} = getelementptr i8, ptr %array{position}, i64 {DATA_OFFSET}",
            f"  %b{position} = load ptr, ptr %field{position}, align 8",
        ]
    if release:
        module.declare("PyEval_SaveThread", "ptr {}()")
        module.declare("PyEval_RestoreThread", "void {}(ptr)")
        lines.append("  %state = call ptr @PyEval_SaveThread()")
    for kernel, positions in calls:
        lines.append(f"  call void @{kernel}({', '.join(f'ptr %b{p}' for p in positions)})")
    if release:
        lines.append("  call void @PyEval_RestoreThread(ptr %state)")
    module.declare("PyLong_FromLong", "ptr {}(i64)")
    lines += ["  %status = call ptr @PyLong_FromLong(i64 0)", "  ret ptr %status"]
    module.functions[name] = (
        f"define ptr @{name}(ptr %self, ptr %args, i64 %count) {{\n" + "\n".join(lines) + "\n}"
    )


class Native:
    """Python functions whose code is loaded machine code; they live as long as this object."""

    def __init__(self, code: bytes, names: Sequence[str]) -> None:
        self._loaded = Loaded(code, list(names), {})
        make = ctypes.pythonapi.PyCFunction_NewEx
        make.restype, make.argtypes = ctypes.py_object, (ctypes.c_void_p,) * 3
        self._definitions = [
            _MethodDef(name.encode(), self._loaded.address[name], METH_FASTCALL, None)
            for name in names
        ]
        self.functions: dict[str, Callable[..., Any]] = {
            name: make(ctypes.addressof(definition), None, None)
            for name, definition in zip(names, self._definitions, strict=True)
        }
