"""What depends on dtypes and shapes alone: these functions give plain Python and NumPy values."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from irgrad.errors import ShapeError
from irgrad.frontend.promote import kind, lift_each
from irgrad.frontend.registry import implements, method
from irgrad.ir.builder import Traced
from irgrad.ir.types import normalize_axes


@implements(np.shape)
def shape_of(a: Any) -> tuple[int, ...]:
    """`np.shape`, which is static."""
    return lift_each(a)[0].shape


@implements(np.ndim)
def ndim_of(a: Any) -> int:
    """`np.ndim`, which is static."""
    return lift_each(a)[0].ndim


@implements(np.size)
def size_of(a: Any, axis: Any = None) -> int:
    """`np.size`, which is static."""
    (a,) = lift_each(a)
    axes = normalize_axes(axis, a.ndim)
    return math.prod(a.shape[i] for i in axes)


@method("device", attribute=True)
def device_of(self: Any) -> str:
    """`x.device`, which is "cpu" as in NumPy."""
    return "cpu"


def example(x: Any) -> Any:
    """What promotes as `x` does: its dtype, or a number where it promotes weakly."""
    if not isinstance(x, Traced):
        return x
    found = kind(x)
    return found(0) if isinstance(found, type) else found


@implements(np.result_type)
def result_type(*arrays_and_dtypes: Any) -> np.dtype[Any]:
    """`np.result_type`."""
    return np.result_type(*map(example, arrays_and_dtypes))


@implements(np.can_cast)
def can_cast(from_: Any, to: Any, casting: Any = "safe") -> bool:
    """`np.can_cast`."""
    return np.can_cast(getattr(from_, "dtype", from_), to, casting)


@implements(np.min_scalar_type)
def min_scalar_type(a: Any, /) -> np.dtype[Any]:
    """`np.min_scalar_type`: the dtype itself, as for arrays."""
    return a.dtype


@implements(np.common_type)
def common_type(*arrays: Any) -> Any:
    """`np.common_type`."""
    return np.common_type(*(np.empty(0, x.dtype) for x in lift_each(*arrays)))


@implements(np.iscomplexobj)
def iscomplexobj(x: Any) -> bool:
    """`np.iscomplexobj`."""
    return x.dtype.kind == "c"


@implements(np.isrealobj)
def isrealobj(x: Any) -> bool:
    """`np.isrealobj`."""
    return x.dtype.kind != "c"


@implements(np.diag_indices_from)
def diag_indices_from(arr: Any) -> tuple[Any, ...]:
    """`np.diag_indices_from`."""
    if arr.ndim < 2 or len(set(arr.shape)) != 1:
        raise ShapeError(f"diag_indices_from: all axes must be of one length, got {arr.shape}")
    return np.diag_indices(arr.shape[0], arr.ndim)


@implements(np.tril_indices_from)
def tril_indices_from(arr: Any, k: int = 0) -> tuple[Any, ...]:
    """`np.tril_indices_from`."""
    return np.tril_indices(_rows(arr), k, arr.shape[1])


@implements(np.triu_indices_from)
def triu_indices_from(arr: Any, k: int = 0) -> tuple[Any, ...]:
    """`np.triu_indices_from`."""
    return np.triu_indices(_rows(arr), k, arr.shape[1])


def _rows(arr: Any) -> int:
    if arr.ndim != 2:
        raise ShapeError(f"a triangle's indices need a matrix, got an array of {arr.ndim} axes")
    return arr.shape[0]
