"""Loaded machine code as a Python function, and the table of what only this process knows."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable, Mapping
from functools import cache
from importlib import import_module
from typing import Any

import numpy as np

from irgrad.ir.types import DTYPES
from irgrad_numba import blas_threads, pool, scipy_library, support, trials
from irgrad_numba.llvm import Module
from irgrad_numba.machine import Loaded

METH_FASTCALL = 0x80
NUMPY_API = {"PyArray_Type": 2, "PyArray_Scalar": 60, "PyArray_NewFromDescr": 94}
"""Places in NumPy's table of C functions, part of its binary interface."""
PROVIDED: dict[str, Callable[[], Loaded]] = {
    pool.PARALLEL: pool.loaded,
    trials.STEP: pool.loaded,
    blas_threads.ALONE: blas_threads.loaded,
}
"""What code may call that is loaded only for who does."""


class _MethodDef(ctypes.Structure):
    _fields_ = (
        ("name", ctypes.c_char_p),
        ("function", ctypes.c_void_p),
        ("flags", ctypes.c_int),
        ("doc", ctypes.c_char_p),
    )


class State(np.ndarray[Any, Any]):
    """The table, and the owner of all that its code needs: the function holds on to it as its
    `self`, so that code and constants live as long as it does.
    """

    loaded: Loaded
    things: list[Any]
    definition: _MethodDef
    results: list[int]
    arena: int | None

    def __del__(self, finalizing: Callable[[], bool] = sys.is_finalizing) -> None:
        """Give back remembered results and scratch memory."""
        if finalizing():  # the process is over, and modules are half gone
            return
        drop = ctypes.pythonapi.Py_DecRef
        drop.argtypes = (ctypes.c_void_p,)
        for place in getattr(self, "results", ()):
            if self[place]:
                drop(int(self[place]))
        arena = getattr(self, "arena", None)
        if arena is not None and self[arena]:
            free = _this_process().free
            free.argtypes, free.restype = (ctypes.c_void_p,), None
            free(int(self[arena]))


def load(
    code: bytes, name: str, module: Module, things: Mapping[tuple[Any, ...], Any]
) -> Callable[..., Any]:
    """Object code of `module` -> its Python function `name`; `things` as for `link`."""
    state = link(code, name, module, things)
    state.definition = _MethodDef(name.encode(), state.loaded.address[name], METH_FASTCALL, None)
    make = ctypes.pythonapi.PyCFunction_NewEx
    make.restype = ctypes.py_object
    make.argtypes = ctypes.c_void_p, ctypes.py_object, ctypes.c_void_p
    return make(ctypes.addressof(state.definition), state, None)


def link(code: bytes, name: str, module: Module, things: Mapping[tuple[Any, ...], Any]) -> State:
    """Object code of `module`, of which `name` is called from outside -> the table of its state,
    which owns the code. `things` are the objects that keys of the table mean that are the program's
    own.
    """
    state = np.zeros(max(1, module.table_size), np.uintp).view(State)
    imports = support.loaded().address | module.imports
    for provided, loaded in PROVIDED.items():
        if provided in module.declarations:
            imports |= loaded().address
    state.loaded = Loaded(code, [name], imports)
    state.things = list(things.values())
    for key, place in module.slots.items():
        if key in things:
            thing = things[key]
            state[place] = thing.ctypes.data if key[0] == "constant" else id(thing)
        else:
            state[place] = known_address(*key)
    results = [at for key, at in module.slots.items() if key[0] == "result"]
    state.results = [place for at in results for place in (at, at + 1)]
    state.arena = module.slots.get(("arena",))
    return state


@cache
def _this_process() -> ctypes.CDLL:
    return ctypes.CDLL(None)


def known_address(kind: str, *rest: Any) -> int:
    """The address that a key of the table means in this process; 0 for what comes to be later."""
    if rest == ("float64",) and kind == "numpy":
        return id(np.float64)
    if kind == "numpy":
        return _numpy_api()[NUMPY_API[rest[0]]]
    if kind == "dtype":
        return id(DTYPES[rest[0]])
    if kind in ("blas", "lapack"):
        return scipy_library.routine(kind, rest[0])
    if kind == "blas_threads":
        return blas_threads.functions()[rest[0]]
    if kind in ("result", "arena"):
        return 0
    raise KeyError(kind)


@cache
def _numpy_api() -> Any:
    core: Any = import_module("numpy._core._multiarray_umath")
    return ctypes.cast(scipy_library.pointer(core._ARRAY_API), ctypes.POINTER(ctypes.c_size_t))
