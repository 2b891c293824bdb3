"""Rows of the Numba backend's table as functions of arrays, compiled for a number of lanes."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from irgrad_numba import machine
from irgrad_numba.elementwise import row_of
from irgrad_numba.llvm import Code, Module, Type

from irgrad.ir.types import DTYPES

Array = np.ndarray[Any, Any]
WHOLE = 3 * 128
"""Arrays are filled up to a multiple of this, which is one of every width."""


class VectorFunctions:
    """Functions by name, all of so many operands of one type, for a number of lanes."""

    def __init__(self, names: Sequence[str], element: str, arity: int, width: int) -> None:
        self._type = Type(element, width)
        self._arity = arity
        module = Module()
        for name in names:
            module.functions[f"over_{name}"] = self._definition(module, name)
        code = machine.object_code(module)
        self._loaded = machine.Loaded(code, [f"over_{name}" for name in names], module.imports)

    def _definition(self, module: Module, name: str) -> str:
        code, type, arity = Code(module), self._type, self._arity
        for k in range(arity + 1):
            code.emit(f"%p{k} = getelementptr {Type(type.element).text}, ptr %b{k}, i64 %i")
        args = [code.value(type, f"load {type.text}, ptr %p{k}, align 4") for k in range(arity)]
        row = row_of(name, [type.element] * arity)
        assert row is not None, name
        result = row(*args)
        code.emit(f"store {result.type.text} {result.text}, ptr %p{arity}, align 4")
        pointers = "".join(f"ptr %b{k}, " for k in range(arity + 1))
        return "\n".join(
            [
                f"define void @over_{name}({pointers}i64 %n) {{",
                *["entry:", *code.allocas, "  br label %loop", "loop:"],
                f"  %i = phi i64 [ 0, %entry ], [ %next, %{code.block.replace('entry', 'loop')} ]",
                *[*code.lines, f"  %next = add i64 %i, {type.width}"],
                "  %more = icmp slt i64 %next, %n",
                *["  br i1 %more, label %loop, label %done", "done:", "  ret void", "}"],
            ]
        )

    def __getitem__(self, name: str) -> Callable[..., Array]:
        signature = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * (self._arity + 1), ctypes.c_int64)
        function = signature(self._loaded.address[f"over_{name}"])

        def call(*arrays: Array) -> Array:
            filled = -(-arrays[0].size // WHOLE) * WHOLE
            inputs = [np.ones(filled, DTYPES[self._type.element]) for _ in arrays]
            for target, source in zip(inputs, arrays, strict=True):
                target[: source.size] = source
            result = np.empty_like(inputs[0])
            function(*[a.ctypes.data for a in [*inputs, result]], filled)
            return result[: arrays[0].size]

        return call
