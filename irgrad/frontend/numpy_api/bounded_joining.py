"""Joining arrays whose extents are known only when the program runs: concatenate and kin."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from irgrad.errors import ShapeError
from irgrad.frontend.bounded import Bounded, Bounds, match, ndim_of, places
from irgrad.frontend.integers import minus, plus
from irgrad.frontend.numpy_api.bounded_functions import implements
from irgrad.frontend.pick import gather_axis
from irgrad.frontend.promote import lift_together
from irgrad.ir.types import normalize_axis
from irgrad.ops.linear import reshape


@implements(np.concatenate)
def concatenate(arrays: Sequence[Any], axis: Any = 0, dtype: Any = None) -> Any:
    """`np.concatenate`: the elements of each part begin where those of the one before it end."""
    parts = [
        x if isinstance(x, Bounded) else np.asarray(x) if isinstance(x, list) else x for x in arrays
    ]
    rank = ndim_of(parts[0])
    if not rank or any(ndim_of(x) != rank for x in parts):
        raise ShapeError("concatenate: the arrays must have one number of axes, at least 1")
    along = normalize_axis(axis, rank) - rank
    cuts = {
        other: cut
        for other in range(-rank, 0)
        if other != along and (cut := match(parts, [other] * len(parts))) is not None
    }
    own = [x.cuts.get(along) if isinstance(x, Bounded) else None for x in parts]
    held = lift_together(*[x.base if isinstance(x, Bounded) else x for x in parts])
    bounds = [
        Bounds(0, x.shape[along]) if cut is None else cut for x, cut in zip(held, own, strict=True)
    ]
    total = sum(x.shape[along] for x in held)
    at = places(held[0], total)
    column = reshape(at, (total,) + (1,) * (-along - 1))
    joined, start = None, 0
    for x, cut in zip(held, bounds, strict=True):
        extent = x.shape[along]
        if not extent:
            continue
        chosen = np.clip(plus(minus(at, start), cut.low), 0, extent - 1)
        moved = gather_axis(x, rank + along, chosen)
        joined = moved if joined is None else np.where(column >= start, moved, joined)
        start = plus(cut.extent, start)
    result = held[0] if joined is None else joined
    result = result if dtype is None else result.astype(dtype)
    found = cuts if joined is None else {**cuts, along: Bounds(0, start)}
    return Bounded(result, found) if found else result


@implements(np.hstack)
def hstack(tup: Sequence[Any], *, dtype: Any = None) -> Any:
    """`np.hstack`."""
    return concatenate(tup, 0 if ndim_of(tup[0]) == 1 else 1, dtype)


@implements(np.append)
def append(arr: Any, values: Any, axis: Any = None) -> Any:
    """`np.append`; without an axis both are raveled."""
    if axis is not None:
        return concatenate((arr, values), axis)
    return concatenate((np.ravel(arr), values if isinstance(values, Bounded) else np.ravel(values)))


@implements(np.median)
def median(x: Any, axis: Any = None) -> Any:
    """`np.median` of all elements of a line, or along an axis."""
    if axis is None:
        x, axis = np.ravel(x), 0
    x = np.moveaxis(np.sort(x, axis), axis, 0)
    count = x.shape[0]
    return (x[(count - 1) // 2] + x[count // 2]) / 2
