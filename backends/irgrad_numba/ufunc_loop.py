"""Ufuncs without a rule of their own, through the inner loop that NumPy itself would run: a vector
is written to the stack and handed over as an array of as many elements, so that the bits are those
of the ufunc.

A loop is found by the operation's name and the types of its operands, in NumPy's public structure
of a ufunc (numpy/ufuncobject.h)."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from functools import cache
from typing import NamedTuple

import numpy as np

from irgrad.ir.op import REGISTRY
from irgrad.ir.types import SHORT
from irgrad.ops.elementwise import Elementwise
from irgrad_numba.llvm import BITS, Code, Type, Value


class _UFunc(ctypes.Structure):
    _fields_ = (
        ("head", ctypes.c_char * object.__basicsize__),
        ("nin", ctypes.c_int),
        ("nout", ctypes.c_int),
        ("nargs", ctypes.c_int),
        ("identity", ctypes.c_int),
        ("functions", ctypes.POINTER(ctypes.c_void_p)),
        ("data", ctypes.POINTER(ctypes.c_void_p)),
        ("ntypes", ctypes.c_int),
    )


class Loop(NamedTuple):
    """An inner loop: what its symbol is, where it is, its last argument, and its result's type."""

    symbol: str
    address: int
    data: int | None
    result: str


def ufunc_of(name: str) -> np.ufunc | None:
    """The ufunc of an elementwise operation; None where an op from outside has a function that only
    stands for one.
    """
    op = REGISTRY.get(name)
    ufunc = op.ufunc if isinstance(op, Elementwise) and op.is_ufunc else None
    return ufunc if isinstance(ufunc, np.ufunc) else None


@cache
def loop_of(name: str, operands: tuple[str, ...]) -> Loop | None:
    """The loop of the operation of that name for operands of these types; None if there is none."""
    ufunc = ufunc_of(name)
    if ufunc is None or ufunc.nout != 1:
        return None
    inside = _UFunc.from_address(id(ufunc))
    if (inside.nin, inside.nout, inside.ntypes) != (ufunc.nin, ufunc.nout, len(ufunc.types)):
        return None
    for position, signature in enumerate(ufunc.types):
        *sources, result = (SHORT.get(np.dtype(c), "") for c in signature.replace("->", ""))
        address, data = inside.functions[position], inside.data[position]
        types = {*operands, result}
        if tuple(sources) == operands and address and types <= BITS.keys() - {"bool"}:
            return Loop(f"loop.{name}.{'.'.join(operands)}", address, data, result)
    return None


def row_of(name: str, operands: Sequence[str]) -> Callable[..., Value] | None:
    """A row for `elementwise` that calls the loop; None where there is none."""
    loop = loop_of(name, tuple(operands))
    return None if loop is None else lambda *args: _called(loop, args)


def _called(loop: Loop, args: Sequence[Value]) -> Value:
    code, width = args[0].code, args[0].type.width
    result = Type(loop.result, width)
    places = [code.alloca(x.type) for x in args] + [code.alloca(result)]
    for place, x in zip(places, args, strict=False):
        code.put(place, x)
    types = [x.type for x in args] + [result]
    pointers = _table(code, "ptr", places)
    steps = _table(code, "i64", [str(BITS[type.element] // 8) for type in types])
    count = _table(code, "i64", [str(width)])
    code.module.imports[loop.symbol] = loop.address
    code.module.declare(loop.symbol, "void {}(ptr, ptr, ptr, ptr)")
    data = "null"
    if loop.data is not None:
        data = f"@{loop.symbol}.data"
        code.module.imports[data[1:]] = loop.data
        code.module.declarations[data[1:]] = f"{data} = external global i8"
    code.emit(f"call void @{loop.symbol}(ptr {pointers}, ptr {count}, ptr {steps}, ptr {data})")
    return code.get(places[-1], result)


def _table(code: Code, type: str, entries: Sequence[str]) -> str:
    """An array of these entries in a local variable."""
    name = code.name()
    code.allocas.append(f"  {name} = alloca [{len(entries)} x {type}], align 16")
    for position, entry in enumerate(entries):
        place = code.name()
        code.emit(f"{place} = getelementptr {type}, ptr {name}, i64 {position}")
        code.emit(f"store {type} {entry}, ptr {place}, align 8")
    return name
