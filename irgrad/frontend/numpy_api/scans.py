"""Running sums and products, their kin, and the trapezoid rule."""

from __future__ import annotations

from typing import Any

import numpy as np

from irgrad.errors import OptionError
from irgrad.frontend.numpy_api.differences import diff
from irgrad.frontend.numpy_api.reductions import added_up, array_of, sum_
from irgrad.frontend.numpy_api.shape import ravel
from irgrad.frontend.promote import lift_each
from irgrad.frontend.registry import implements, method
from irgrad.frontend.sharing import copies
from irgrad.ir.types import normalize_axis
from irgrad.ops.base import bind
from irgrad.ops.linear import full, reshape
from irgrad.ops.scan import Cumprod, Cumsum
from irgrad.ops.shape import Concatenate, slice_axis


def _along(a: Any, axis: Any) -> tuple[Any, int]:
    """`a` and the axis to run along: the flat array where no axis is given."""
    if axis is None or (not a.ndim and axis in (0, -1)):
        return ravel(a), 0
    return a, normalize_axis(axis, a.ndim)


@method("cumsum")
@implements(np.cumsum)
@copies
def cumsum(a: Any, axis: Any = None, dtype: Any = None, out: Any = None) -> Any:
    """`np.cumsum`; small integers and bools are added up as 64-bit integers."""
    a, along = _along(added_up(array_of(a), dtype), axis)
    return bind(Cumsum(along, False), a)


@method("cumprod")
@implements(np.cumprod)
@copies
def cumprod(a: Any, axis: Any = None, dtype: Any = None, out: Any = None) -> Any:
    """`np.cumprod`; small integers and bools are multiplied as 64-bit integers."""
    a, along = _along(added_up(array_of(a), dtype), axis)
    return bind(Cumprod(along, False), a)


def _from_start(name: str, x: Any, running: Any, axis: Any, include: bool, first: int) -> Any:
    """A running reduction of the array API, which may begin with the value of nothing."""
    if axis is None and x.ndim > 1:
        raise OptionError(f"{name}: axis must be given for an array of {x.ndim} axes")
    result = running(x, axis)
    if not include:
        return result
    along = normalize_axis(0 if axis is None else axis, result.ndim)
    shape = (*result.shape[:along], 1, *result.shape[along + 1 :])
    start = full(result, shape, np.asarray(first, result.dtype)[()])
    return bind(Concatenate(along), start, result)


@implements("cumulative_sum")
@copies
def cumulative_sum(
    x: Any,
    /,
    *,
    axis: Any = None,
    dtype: Any = None,
    out: Any = None,
    include_initial: bool = False,
) -> Any:
    """`np.cumulative_sum`."""
    x = added_up(array_of(x), dtype)
    return _from_start("cumulative_sum", x, cumsum, axis, include_initial, 0)


@implements("cumulative_prod")
@copies
def cumulative_prod(
    x: Any,
    /,
    *,
    axis: Any = None,
    dtype: Any = None,
    out: Any = None,
    include_initial: bool = False,
) -> Any:
    """`np.cumulative_prod`."""
    x = added_up(array_of(x), dtype)
    return _from_start("cumulative_prod", x, cumprod, axis, include_initial, 1)


@implements("trapezoid", "trapz")
@copies
def trapezoid(y: Any, x: Any = None, dx: Any = 1.0, axis: int = -1) -> Any:
    """`np.trapezoid`: the sum of (x_{i+1} - x_i) (y_i + y_{i+1}) / 2."""
    y, *given = lift_each(*([y] if x is None else [y, x]))
    along = normalize_axis(axis, y.ndim)
    steps = dx
    if given:
        steps = diff(given[0], axis=-1 if given[0].ndim == 1 else axis)
        if given[0].ndim == 1:
            steps = reshape(steps, [steps.size if i == along else 1 for i in range(y.ndim)])
    extent = y.shape[along]
    upper = slice_axis(y, along, min(1, extent), extent)
    lower = slice_axis(y, along, 0, max(0, extent - 1))
    return sum_(steps * (upper + lower) / 2.0, along)
