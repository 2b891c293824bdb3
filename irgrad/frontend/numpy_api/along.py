"""A function applied along axes: apply_along_axis, apply_over_axes, unrolled into the graph."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np

from irgrad.errors import ShapeError
from irgrad.frontend.numpy_api.shape import axes_in_order, expand_dims, moveaxis
from irgrad.frontend.promote import lift_each
from irgrad.frontend.registry import implements
from irgrad.frontend.sharing import copies
from irgrad.ir.types import normalize_axis
from irgrad.ops.linear import reshape


@implements(np.apply_along_axis)
@copies
def apply_along_axis(
    func1d: Callable[..., Any], axis: int, arr: Any, *args: Any, **kwargs: Any
) -> Any:
    """`np.apply_along_axis`: one call for each line, so the graph grows with their number."""
    (arr,) = lift_each(arr)
    axis = normalize_axis(axis, arr.ndim)
    lines = moveaxis(arr, axis, -1)
    around = lines.shape[:-1]
    if 0 in around:
        raise ShapeError("apply_along_axis: cannot apply when any other axis has size 0")
    places = itertools.product(*map(range, around))
    results = np.stack([func1d(lines[place], *args, **kwargs) for place in places])
    inner = results.shape[1:]
    order = [*range(axis), *range(len(around), len(around) + len(inner)), *range(axis, len(around))]
    return np.transpose(reshape(results, around + inner), order)


@implements(np.apply_over_axes)
def apply_over_axes(func: Callable[..., Any], a: Any, axes: Any) -> Any:
    """`np.apply_over_axes`: func(a, axis) for one axis after the other, each axis kept."""
    (a,) = lift_each(a)
    for axis in axes_in_order(axes, a.ndim):
        reduced = func(a, axis)
        a = expand_dims(reduced, axis) if reduced.ndim < a.ndim else reduced
    return a
