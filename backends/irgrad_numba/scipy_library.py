"""SciPy's BLAS and LAPACK: the addresses of their routines, without the rest of `scipy.linalg`,
which takes ten times as long to import as the one module that has them."""

from __future__ import annotations

import ctypes
import sys
from functools import cache
from importlib import import_module
from importlib.machinery import PathFinder
from importlib.util import module_from_spec
from pathlib import Path
from types import ModuleType
from typing import Any

import scipy


@cache
def routine(library: str, name: str) -> int:
    """The address of a routine of `library`, "blas" or "lapack"."""
    return pointer(module(library).__pyx_capi__[name])


@cache
def module(library: str) -> Any:
    """The module that has the routines, as SciPy itself imports it where it does so later."""
    full = f"scipy.linalg.cython_{library}"
    return sys.modules.get(full) or _alone(full) or import_module(full)


def _alone(full: str) -> ModuleType | None:
    """A compiled module without its package; None where it does not lie in the package's folder."""
    spec = PathFinder.find_spec(full, [str(Path(folder, "linalg")) for folder in scipy.__path__])
    if spec is None or spec.loader is None:
        return None
    found = module_from_spec(spec)
    spec.loader.exec_module(found)
    sys.modules.pop(full, None)  # its import is yet to come, and binds it in its package
    return found


def pointer(capsule: Any) -> int:
    """The pointer that a capsule holds."""
    name, address = ctypes.pythonapi.PyCapsule_GetName, ctypes.pythonapi.PyCapsule_GetPointer
    name.restype, name.argtypes = ctypes.c_char_p, (ctypes.py_object,)
    address.restype, address.argtypes = ctypes.c_void_p, (ctypes.py_object, ctypes.c_char_p)
    return address(capsule, name(capsule))
