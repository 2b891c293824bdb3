"""Where NumPy would have the elements of a traced array, so that views and copies are told apart
as it does: strides, as if each array that a function returns were laid out in C order."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from irgrad.frontend.view import View
from irgrad.ir.types import Shape, contiguous_strides
from irgrad.ops.linear import Reshape

Array = np.ndarray[Any, Any]

_SHAPES_ARE_SET = np.lib.NumpyVersion(np.__version__) < "2.1.0"  # reshape does not take `copy` yet


def is_contiguous(x: Any, order: str) -> bool:
    """Whether the elements of `x` lie side by side, in C or Fortran order."""
    if x.window is None and order != "F":
        return True
    flags = layout(x).flags
    return flags.f_contiguous if order == "F" else flags.c_contiguous


def reshapes_in_place(x: Any, shape: Shape, order: str = "C") -> bool:
    """Whether strides describe `x` with another shape, so that NumPy makes a view."""
    if x.window is None and order != "F":
        return True
    held = layout(x)
    seen = _reshaped(held.T, shape[::-1]) if order == "F" else _reshaped(held, shape)
    return seen is not None


def _reshaped(held: Array, shape: Shape) -> Array | None:
    """`held` with another shape, without a copy; None where there is no such view."""
    seen = held.view()
    try:
        if _SHAPES_ARE_SET:
            seen.shape = shape
        else:
            seen = np.reshape(seen, shape, copy=False)
    except (AttributeError, ValueError):  # it would have to copy
        return None
    return seen


def layout(x: Any) -> Array:
    """An array with the shape and the strides of `x`; its elements are never read."""
    windows: list[Any] = []
    while isinstance(x.window, View):
        windows.append(x.window)
        x = x.window.parent
    strides = tuple(n * x.dtype.itemsize for n in contiguous_strides(x.shape))
    held = as_strided(np.empty(1, x.dtype), x.shape, strides)
    for view in reversed(windows):
        held = _seen(held, view.op)
    return held


def _seen(held: Array, op: Any) -> Array:
    if not isinstance(op, Reshape):
        return op.reference(held)
    seen = _reshaped(held, op.shape)
    if seen is None:  # as of x.flat, which writes through all the same
        return np.empty(op.shape, held.dtype)
    return seen
