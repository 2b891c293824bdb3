"""What Numba's nopython code gives for an input of a program: arrays of its type, and for a number
also other numbers. Numba decides as it compiles, and tells which argument does not fit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numba import from_dtype, types
from numba.core.errors import TypingError
from numba.extending import overload
from numba.np.numpy_support import as_dtype

from irgrad.ir.types import ArrayType


def numba_type(type: ArrayType) -> Any:
    """The type that takes every array of a type, or a number."""
    dtype = from_dtype(type.dtype)
    return types.Array(dtype, type.ndim, "A", readonly=True) if type.ndim else dtype


def given(x: Any, place: str, type: str) -> Any:
    """`x`, which the user writes as `place`, where it is an array or a number of that type."""
    raise NotImplementedError("it is for nopython code")


@overload(given, prefer_literal=True)
def _given(x: Any, place: Any, type: Any) -> Callable[..., Any] | None:
    if not isinstance(type, types.StringLiteral):  # Numba tries again without literals
        return None
    expected, found = ArrayType.parse(type.literal_value), types.unliteral(x)
    if isinstance(found, types.Array):
        fits = (found.ndim, found.dtype) == (expected.ndim, from_dtype(expected.dtype))
        way = _itself if expected.ndim else _element
    else:
        number = isinstance(found, (types.Number, types.Boolean)) and not expected.ndim
        fits = number and np.can_cast(as_dtype(found), expected.dtype, "same_kind")
        way = _itself
    if not fits:
        raise TypingError(
            f"{place.literal_value}: expected {expected}, got {found}; convert it, or make another "
            "function for its type with compiled.njit(...)"
        )
    return way


def _itself(x: Any, place: Any, type: Any) -> Any:
    return x


def _element(x: Any, place: Any, type: Any) -> Any:
    return x[()]
