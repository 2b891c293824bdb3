"""Programs for callers that are machine code themselves: functions for `numba.njit` code, and
`scipy.LowLevelCallable`."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import Any

import numpy as np

from irgrad.errors import BackendError
from irgrad.ir.types import F64, ArrayType
from irgrad.runtime.backend import Template
from irgrad_numba.native import State
from irgrad_numba.raw import OUTSIDE


def njit(
    address: int, state: State, names: Sequence[str], types: Sequence[ArrayType],
    outputs: Sequence[ArrayType], result: Template,
) -> Any:  # fmt: skip
    """A Numba function of arrays (in any order, read-only too) and numbers, which it takes as
    NumPy scalars of their dtypes, for nopython mode.
    """
    try:
        import numba
    except ImportError:
        raise BackendError("njit needs Numba", hint="pip install numba") from None
    make = ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_ssize_t, ctypes.c_ssize_t)
    scope: dict[str, Any] = {"np": np, "run": make(address), "state": state.ctypes.data}
    exec(_source(names, types, outputs, result), scope)
    signature = tuple(map(_numba_type, types))
    function: Any = numba.njit([signature])(scope["call"])
    function.irgrad_state = state  # the code lives as long as the function
    return function


def _numba_type(type: ArrayType) -> Any:
    from numba import from_dtype, types

    dtype = from_dtype(type.dtype)
    return types.Array(dtype, type.ndim, "A", readonly=True) if type.ndim else dtype


def _source(
    names: Sequence[str], types: Sequence[ArrayType], outputs: Sequence[ArrayType], result: Template
) -> str:
    """The function, which gives each array and number an address."""
    lines = [f"def call({', '.join(f'a{k}' for k in range(len(types)))}):"]
    kept: list[str] = []
    for k, (name, type) in enumerate(zip(names, types, strict=True)):
        if type.ndim:
            lines += [
                f"    if a{k}.shape != {type.shape}:",
                f"        raise ValueError('{name}: expected an array of shape {type.shape}')",
                f"    x{k} = np.ascontiguousarray(a{k})",
            ]
        else:
            lines += [f"    x{k} = np.empty(1, np.{type.dtype.name})", f"    x{k}[0] = a{k}"]
        kept.append(f"x{k}")
    for k, type in enumerate(outputs):
        lines.append(f"    y{k} = np.empty({type.shape or (1,)}, np.{_name(type)})")
        kept.append(f"y{k}")
    lines.append(f"    given = np.empty({len(kept)}, np.intp)")
    lines += [f"    given[{k}] = {name}.ctypes.data" for k, name in enumerate(kept)]
    lines += [
        "    status = run(state, given.ctypes.data)",
        # read again, so that Numba keeps the arrays until the call is over
        f"    alive = {' + '.join(f'{name}.size' for name in [*kept, 'given'])}",
        f"    if status == {OUTSIDE}:",
        "        raise IndexError('irgrad: an index is out of bounds')",
        "    if status != 0 or alive < 0:",
        "        raise RuntimeError('irgrad: the program failed; call it from Python to see why')",
        f"    return {_written(result, outputs)}",
    ]
    return "\n".join(lines)


def _name(type: ArrayType) -> str:
    return "bool_" if type.dtype.kind == "b" else type.dtype.name


def _written(result: Template, outputs: Sequence[ArrayType]) -> str:
    if isinstance(result, int):
        return f"y{result}" if outputs[result].ndim else f"y{result}[0]"
    return "(" + "".join(f"{_written(part, outputs)}, " for part in result) + ")"


def low_level_sizes(types: Sequence[ArrayType], outputs: Sequence[ArrayType]) -> list[int]:
    """The elements of each argument of a function from float64 numbers to one; a `BackendError`
    for other functions.
    """
    if [(t.dtype, t.shape) for t in outputs] != [(F64, ())]:
        raise BackendError(
            f"a low-level callable returns one float64, got {', '.join(map(str, outputs))}"
        )
    if any(t.dtype != F64 for t in types) or not types:
        raise BackendError(
            f"a low-level callable takes float64 numbers, got {', '.join(map(str, types)) or None}"
        )
    return [t.size for t in types]


def low_level_callable(address: int, state: State, single: bool) -> Any:
    """`scipy.LowLevelCallable` of (double, void*) or (int, double*, void*); it keeps the state."""
    from scipy import LowLevelCallable

    double, pointer = ctypes.c_double, ctypes.c_void_p
    if single:
        make = ctypes.CFUNCTYPE(double, double, pointer)
    else:
        make = ctypes.CFUNCTYPE(double, ctypes.c_int, ctypes.POINTER(double), pointer)
    function: Any = make(address)
    function.irgrad_state = state
    return LowLevelCallable(function, pointer(state.ctypes.data))
