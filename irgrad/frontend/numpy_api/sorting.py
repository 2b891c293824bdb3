"""Sorting and searching. Every sort is stable, whatever `kind` says."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from irgrad.errors import DTypeError, ShapeError, TraceError, UnsupportedError
from irgrad.frontend.numpy_api.shape import integers, ravel
from irgrad.frontend.promote import any_traced, lift_each, lift_together
from irgrad.frontend.registry import implements, method
from irgrad.frontend.sharing import copies
from irgrad.ir.types import normalize_axis
from irgrad.ops import sorting as ops
from irgrad.ops.cast import astype


def _along(a: Any, axis: int | None, order: Any, name: str) -> tuple[Any, int]:
    if order is not None:
        raise UnsupportedError(f"{name}: order= is for structured arrays")
    (a,) = lift_each(a)
    if axis is None:
        return ravel(a), 0
    return a, normalize_axis(axis, a.ndim)


@implements(np.sort)
@copies
def sort(
    a: Any, axis: int | None = -1, kind: Any = None, order: Any = None, *, stable: Any = None
) -> Any:
    """`np.sort`."""
    return ops.sort(*_along(a, axis, order, "sort"))


@method("argsort")
@implements(np.argsort)
@copies
def argsort(
    a: Any, axis: int | None = -1, kind: Any = None, order: Any = None, *, stable: Any = None
) -> Any:
    """`np.argsort`, stable."""
    return ops.argsort(*_along(a, axis, order, "argsort"))


@implements(np.partition)
@copies
def partition(
    a: Any, kth: Any, axis: int | None = -1, kind: Any = "introselect", order: Any = None
) -> Any:
    """`np.partition`, by a full sort."""
    a, axis = _along(a, axis, order, "partition")
    _check_kth(kth, a.shape[axis])
    return ops.sort(a, axis)


@method("argpartition")
@implements(np.argpartition)
@copies
def argpartition(
    a: Any, kth: Any, axis: int | None = -1, kind: Any = "introselect", order: Any = None
) -> Any:
    """`np.argpartition`, by a full sort."""
    a, axis = _along(a, axis, order, "argpartition")
    _check_kth(kth, a.shape[axis])
    return ops.argsort(a, axis)


def _check_kth(kth: Any, extent: int) -> None:
    if any_traced(kth):
        raise TraceError(
            "partition at a traced index", hint="kth must be static; np.sort(x)[k] takes a traced k"
        )
    for k in integers(kth):
        if not -extent <= operator.index(k) < extent:
            raise ShapeError(f"partition: kth={k} is out of bounds for an axis of size {extent}")


@implements(np.sort_complex)
@copies
def sort_complex(a: Any) -> Any:
    """`np.sort_complex`: sorted, and complex."""
    (a,) = lift_each(a)
    if a.dtype.kind != "c":
        a = astype(a, np.dtype(np.complex64 if a.dtype.char in "bhBH" else np.complex128))
    return sort(a)


@implements(np.lexsort)
@copies
def lexsort(keys: Any, axis: int = -1) -> Any:
    """`np.lexsort`: the last key decides first; ties by the keys before it."""
    columns = lift_each(*keys)
    axis = normalize_axis(axis, columns[0].ndim)
    order = ops.argsort(columns[0], axis)
    for column in columns[1:]:
        again = ops.argsort(ops.take_along(column, order, axis), axis)
        order = ops.take_along(order, again, axis)
    return order


@method("searchsorted")
@implements(np.searchsorted)
@copies
def searchsorted(a: Any, v: Any, side: str = "left", sorter: Any = None) -> Any:
    """`np.searchsorted`: where to insert v into the sorted 1-D array a."""
    a, v = lift_together(a, v)
    if side not in ("left", "right"):
        raise ShapeError(f"searchsorted: side must be 'left' or 'right', got {side!r}")
    if sorter is not None:
        a = np.take(a, sorter)
    return ops.searchsorted(a, v, side)


@implements(np.digitize)
@copies
def digitize(x: Any, bins: Any, right: bool = False) -> Any:
    """`np.digitize`; bins that are traced are taken to be increasing."""
    if any(np.iscomplexobj(each) for each in (x, bins)):
        raise DTypeError("digitize of complex numbers", hint="use x.real or np.abs(x)")
    side = "left" if right else "right"
    known = None if any_traced(bins) else np.asarray(bins)
    if known is not None and known.size and known[0] > known[-1]:
        return known.size - searchsorted(known[::-1], x, side)
    return searchsorted(bins, x, side)
