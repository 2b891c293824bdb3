"""Programs for callers that are machine code themselves: functions for `numba.njit` code, and
`scipy.LowLevelCallable`."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import Any

import numpy as np

from irgrad.errors import BackendError, OptionError
from irgrad.ir.types import F64, ArrayType, Shape
from irgrad.runtime.backend import OUTPUTS, Spelling
from irgrad_numba.native import State
from irgrad_numba.raw import FILTER, LINE, OUTSIDE, SCALAR, VECTOR


def njit(
    address: int, state: State, spelling: Spelling, types: Sequence[ArrayType],
    outputs: Sequence[ArrayType],
) -> Any:  # fmt: skip
    """A Numba function for nopython mode, of arrays (in any order, read-only too), of numbers, and
    of what holds them. Numba compiles one function of all inputs here, and for each way to give
    them another around it, which is small.
    """
    try:
        import numba
    except ImportError:
        raise BackendError("njit needs Numba", hint="pip install numba") from None
    from irgrad_numba.given import given, numba_type
    from irgrad_numba.pending import Waiting, caught

    make = ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_ssize_t, ctypes.c_ssize_t)
    scope: dict[str, Any] = {
        "irgrad_np": np,
        "irgrad_given": given,
        "irgrad_caught": caught,
        "irgrad_waiting": Waiting,
        "irgrad_run": make(address),
        "irgrad_state": state.ctypes.data,
        **spelling.scope,
    }
    exec(_inner_source(spelling.inputs, types, outputs), scope)
    scope["irgrad_inner"] = numba.njit([tuple(map(numba_type, types))])(scope["irgrad_inner"])
    exec(_source(spelling, types), scope)
    function: Any = numba.njit(scope["call"])
    function.irgrad_state = state  # the code lives as long as the function
    return function


def _source(spelling: Spelling, types: Sequence[ArrayType]) -> str:
    """The function of the user's arguments; names that begin with `irgrad_` are its own."""
    lines = [f"def call({', '.join(spelling.parameters)}):"]
    for condition, message in spelling.checks:
        lines += [f"    if {condition}:", f"        raise ValueError({message!r})"]
    given = [
        f"irgrad_given({text}, {text!r}, {str(type)!r})"
        for text, type in zip(spelling.inputs, types, strict=True)
    ]
    lines.append(f"    {OUTPUTS} = irgrad_inner({', '.join(given)})")
    lines.append(f"    return {spelling.result}")
    return "\n".join(lines)


def _inner_source(
    texts: Sequence[str], types: Sequence[ArrayType], outputs: Sequence[ArrayType]
) -> str:
    """The function of all inputs, written `texts` by the user, to a tuple of all outputs; it gives
    each array and number an address.
    """
    names = [f"x{k}" for k in range(len(types))]
    results = [f"y{k}" for k in range(len(outputs))]
    kept = [*names, *results]
    lines = [f"def irgrad_inner({', '.join(names)}):"]
    for name, text, type in zip(names, texts, types, strict=True):
        if type.ndim:
            message = f"{text}: expected an array of shape {type.shape}"
            lines += [
                f"    if {name}.shape != {type.shape}:",
                f"        raise ValueError({message!r})",
                f"    {name} = irgrad_np.ascontiguousarray({name})",
            ]
        else:
            lines += [f"    number = {name}", f"    {name} = {_empty((1,), type)}"]
            lines.append(f"    {name}[0] = number")
    for name, type in zip(results, outputs, strict=True):
        lines.append(f"    {name} = {_empty(type.shape or (1,), type)}")
    lines.append(f"    given = irgrad_np.empty({len(kept)}, irgrad_np.intp)")
    lines += [f"    given[{k}] = {name}.ctypes.data" for k, name in enumerate(kept)]
    found = [y if type.ndim else f"{y}[0]" for y, type in zip(results, outputs, strict=True)]
    lines += [
        "    status = irgrad_run(irgrad_state, given.ctypes.data)",
        # read again, so that Numba keeps the arrays until the call is over
        f"    alive = {' + '.join(f'{name}.size' for name in [*kept, 'given'])}",
        "    if status != 0 and irgrad_caught():",
        "        raise irgrad_waiting",
        f"    if status == {OUTSIDE}:",
        "        raise IndexError('irgrad: an index is out of bounds')",
        "    if status != 0 or alive < 0:",
        "        raise RuntimeError('irgrad: the program failed; call it from Python to see why')",
        f"    return ({''.join(f'{y}, ' for y in found)})",
    ]
    return "\n".join(lines)


def _empty(shape: Shape, type: ArrayType) -> str:
    name = "bool_" if type.dtype.kind == "b" else type.dtype.name
    return f"irgrad_np.empty({shape}, irgrad_np.{name})"


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
    if caller != "integrate" and len(types) == 1 and not types[0].shape:
        raise BackendError(
            f"{caller} calls it with a window of numbers, and it was made for one number",
            hint=f"low_level_callable(irgrad.spec('f64[9]'), caller={caller!r}), for windows of 9",
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
