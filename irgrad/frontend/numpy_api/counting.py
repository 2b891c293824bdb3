"""Sums over equal places: bincount."""

from __future__ import annotations

from typing import Any

import numpy as np

from irgrad.errors import DTypeError, IndexingError, ShapeError, TraceError
from irgrad.frontend.guards import fixed
from irgrad.frontend.known import known
from irgrad.frontend.promote import any_traced, lift_each
from irgrad.frontend.registry import implements
from irgrad.ir.types import F64, I64
from irgrad.ops.cast import astype
from irgrad.ops.index import scatter_add


def _of_traced(x: Any, weights: Any, size: int) -> Any:
    if size <= 0:
        raise TraceError(
            "bincount of traced numbers: the size of the result is not known",
            hint="np.bincount(x, weights, minlength=n), where all numbers are below n",
        )
    (x,) = lift_each(x)
    if x.ndim != 1 or x.dtype.kind not in "biu":
        raise DTypeError(f"bincount takes a 1-D array of ints, got {x.value!r}")
    (given,) = lift_each(np.ones(x.shape, np.int64) if weights is None else weights, x)[:1]
    if given.shape != x.shape:
        raise ShapeError(f"bincount: {x.size} numbers and weights of shape {given.shape}")
    places = astype(x, I64)
    places = np.where(places < 0, size, places)  # which is refused: it would count from the end
    dtype = I64 if weights is None else F64
    return scatter_add(astype(given, dtype), (0,), (size,), [places])


@implements(np.bincount)
def bincount(x: Any, /, weights: Any = None, minlength: Any = 0) -> Any:
    """`np.bincount`: how often each number comes, or the sum of its weights, which may be traced.

    The numbers decide the size of the result. Where they are traced it is `minlength`, and a number
    that is not below that is an error when the program runs."""
    numbers = known(x) if any_traced(x) else fixed(x)
    if numbers is None:
        return _of_traced(x, weights, int(fixed(minlength)))
    places = np.asarray(numbers)
    if places.ndim != 1 or (places.size and places.dtype.kind not in "biu"):
        raise DTypeError(f"bincount takes a 1-D array of ints, got {places.dtype}{places.shape}")
    places = places.astype(np.int64)
    if places.size and places.min() < 0:
        raise IndexingError(f"bincount: the numbers must not be negative, got {places.min()}")
    if not any_traced(weights):
        return np.bincount(places, weights, int(fixed(minlength)))
    (given,) = lift_each(weights)
    if given.shape != places.shape:
        raise ShapeError(f"bincount: {places.size} numbers and weights of shape {given.shape}")
    size = max(int(places.max(initial=-1)) + 1, int(fixed(minlength)))
    if not places.size:
        return np.zeros(size, np.int64)  # of integers, as NumPy's
    return scatter_add(astype(given, F64), (0,), (size,), [places])
