"""Programs for callers that are machine code themselves: functions for `numba.njit` code, and
`scipy.LowLevelCallable`."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import Any

import numpy as np

from irgrad.errors import BackendError, OptionError
from irgrad.ir.types import F64, ArrayType, Shape
from irgrad.runtime.backend import Template
from irgrad_numba.native import State
from irgrad_numba.raw import FILTER, LINE, OUTSIDE, SCALAR, VECTOR


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
    scope: dict[str, Any] = {
        "irgrad_np": np,
        "irgrad_run": make(address),
        "irgrad_state": state.ctypes.data,
    }
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
    """The function, which gives each array and number an address; `names` are identifiers, and
    those that begin with `irgrad_` its own.
    """
    places = [f"irgrad_x{k}" for k in range(len(types))]
    results = [f"irgrad_y{k}" for k in range(len(outputs))]
    kept = [*places, *results]
    lines = [f"def call({', '.join(names)}):"]
    for place, name, type in zip(places, names, types, strict=True):
        if type.ndim:
            lines += [
                f"    if {name}.shape != {type.shape}:",
                f"        raise ValueError('{name}: expected an array of shape {type.shape}')",
                f"    {place} = irgrad_np.ascontiguousarray({name})",
            ]
        else:
            lines += [f"    {place} = {_empty((1,), type)}", f"    {place}[0] = {name}"]
    for place, type in zip(results, outputs, strict=True):
        lines.append(f"    {place} = {_empty(type.shape or (1,), type)}")
    lines.append(f"    irgrad_given = irgrad_np.empty({len(kept)}, irgrad_np.intp)")
    lines += [f"    irgrad_given[{k}] = {name}.ctypes.data" for k, name in enumerate(kept)]
    lines += [
        "    irgrad_status = irgrad_run(irgrad_state, irgrad_given.ctypes.data)",
        # read again, so that Numba keeps the arrays until the call is over
        f"    irgrad_alive = {' + '.join(f'{name}.size' for name in [*kept, 'irgrad_given'])}",
        f"    if irgrad_status == {OUTSIDE}:",
        "        raise IndexError('irgrad: an index is out of bounds')",
        "    if irgrad_status != 0 or irgrad_alive < 0:",
        "        raise RuntimeError('irgrad: the program failed; call it from Python to see why')",
        f"    return {_written(result, outputs)}",
    ]
    return "\n".join(lines)


def _empty(shape: Shape, type: ArrayType) -> str:
    name = "bool_" if type.dtype.kind == "b" else type.dtype.name
    return f"irgrad_np.empty({shape}, irgrad_np.{name})"


def _written(result: Template, outputs: Sequence[ArrayType]) -> str:
    if isinstance(result, int):
        return f"irgrad_y{result}" if outputs[result].ndim else f"irgrad_y{result}[0]"
    return "(" + "".join(f"{_written(part, outputs)}, " for part in result) + ")"


CALLERS = ("integrate", "generic_filter", "generic_filter1d")


def low_level_form(
    caller: str, types: Sequence[ArrayType], outputs: Sequence[ArrayType]
) -> tuple[str, list[int], int]:
    """The form of the function that SciPy's `caller` takes, and the elements of its arguments and
    of its result; a `BackendError` for functions of other types than float64.
    """
    if caller not in CALLERS:
        raise OptionError(f"no caller '{caller}'; there are {', '.join(CALLERS)}")
    line = caller == "generic_filter1d"
    if len(outputs) != 1 or outputs[0].dtype != F64 or (outputs[0].shape and not line):
        what = "one array of float64" if line else "one float64"
        raise BackendError(
            f"a low-level callable for {caller} returns {what}, got {', '.join(map(str, outputs))}"
        )
    if any(t.dtype != F64 for t in types) or not types:
        raise BackendError(
            f"a low-level callable takes float64 numbers, got {', '.join(map(str, types)) or None}"
        )
    sizes = [t.size for t in types]
    form = {"generic_filter": FILTER, "generic_filter1d": LINE}.get(caller)
    return form or (SCALAR if sizes == [1] else VECTOR), sizes, outputs[0].size


def low_level_callable(address: int, state: State, form: str) -> Any:
    """`scipy.LowLevelCallable` of one of the forms; it keeps the state."""
    from scipy import LowLevelCallable

    double, pointer, count = ctypes.c_double, ctypes.c_void_p, ctypes.c_ssize_t
    numbers = ctypes.POINTER(double)
    parameters: dict[str, tuple[Any, ...]] = {
        SCALAR: (double,),
        VECTOR: (ctypes.c_int, numbers),
        FILTER: (numbers, count, numbers),
        LINE: (numbers, count, numbers, count),
    }
    result = ctypes.c_int if form in (FILTER, LINE) else double
    function: Any = ctypes.CFUNCTYPE(result, *parameters[form], pointer)(address)
    function.irgrad_state = state
    return LowLevelCallable(function, pointer(state.ctypes.data))
