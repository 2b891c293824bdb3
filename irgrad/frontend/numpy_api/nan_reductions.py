"""Reductions that leave out nan: nansum, nanmean, nanmax and kin.

Where NumPy warns or raises because only nan is there, the result is nan (for argmax and argmin the
first place), since the numbers are not known while the function is lowered."""

from __future__ import annotations

from typing import Any

import numpy as np

from irgrad.errors import DTypeError
from irgrad.frontend.numpy_api.reductions import (
    MAX,
    MIN,
    all_,
    argmax,
    argmin,
    array_of,
    given,
    prod,
    reduce,
    sum_,
)
from irgrad.frontend.numpy_api.scans import cumprod, cumsum
from irgrad.frontend.numpy_api.statistics import counted, mean, var
from irgrad.frontend.registry import implements
from irgrad.frontend.sharing import copies
from irgrad.ir.types import is_inexact
from irgrad.ops.root import root


def without_nan(a: Any, value: float) -> Any:
    """`a` with `value` in place of nan."""
    if a.dtype.kind not in "fc":
        return a
    return np.where(np.isnan(a), np.asarray(value, a.dtype)[()], a)


def _numbers(a: Any, where: Any, dtype: Any) -> Any:
    """The mask of elements that count."""
    if given(dtype) and not is_inexact(np.dtype(dtype)):
        raise DTypeError(f"the dtype must be inexact for an array of {a.dtype}, got {dtype}")
    is_number = np.logical_not(np.isnan(a))
    return np.logical_and(is_number, where) if given(where) and where is not True else is_number


@implements(np.nansum)
@copies
def nansum(
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    out: Any = None,
    keepdims: Any = False,
    initial: Any = None,
    where: Any = True,
) -> Any:
    """`np.nansum`."""
    a = without_nan(array_of(a, initial, where), 0)
    return sum_(a, axis, dtype, out, keepdims, initial, where)


@implements(np.nanprod)
@copies
def nanprod(
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    out: Any = None,
    keepdims: Any = False,
    initial: Any = None,
    where: Any = True,
) -> Any:
    """`np.nanprod`."""
    a = without_nan(array_of(a, initial, where), 1)
    return prod(a, axis, dtype, out, keepdims, initial, where)


@implements(np.nancumsum)
@copies
def nancumsum(a: Any, axis: Any = None, dtype: Any = None, out: Any = None) -> Any:
    """`np.nancumsum`."""
    return cumsum(without_nan(array_of(a), 0), axis, dtype, out)


@implements(np.nancumprod)
@copies
def nancumprod(a: Any, axis: Any = None, dtype: Any = None, out: Any = None) -> Any:
    """`np.nancumprod`."""
    return cumprod(without_nan(array_of(a), 1), axis, dtype, out)


@implements(np.nanmax)
@copies
def nanmax(
    a: Any,
    axis: Any = None,
    out: Any = None,
    keepdims: Any = False,
    initial: Any = None,
    where: Any = True,
) -> Any:
    """`np.nanmax`."""
    a = array_of(a, initial, where)
    largest = reduce(MAX, without_nan(a, -np.inf), axis, out, keepdims, initial, where)
    return largest if given(initial) else _nan_where_all_are(a, axis, keepdims, largest)


@implements(np.nanmin)
@copies
def nanmin(
    a: Any,
    axis: Any = None,
    out: Any = None,
    keepdims: Any = False,
    initial: Any = None,
    where: Any = True,
) -> Any:
    """`np.nanmin`."""
    a = array_of(a, initial, where)
    smallest = reduce(MIN, without_nan(a, np.inf), axis, out, keepdims, initial, where)
    return smallest if given(initial) else _nan_where_all_are(a, axis, keepdims, smallest)


def _nan_where_all_are(a: Any, axis: Any, keepdims: Any, result: Any) -> Any:
    if a.dtype.kind != "f":
        return result
    return np.where(all_(np.isnan(a), axis, keepdims=keepdims), np.nan, result)


@implements(np.nanargmax)
@copies
def nanargmax(a: Any, axis: Any = None, out: Any = None, *, keepdims: Any = False) -> Any:
    """`np.nanargmax`."""
    return argmax(without_nan(array_of(a), -np.inf), axis, out, keepdims=keepdims)


@implements(np.nanargmin)
@copies
def nanargmin(a: Any, axis: Any = None, out: Any = None, *, keepdims: Any = False) -> Any:
    """`np.nanargmin`."""
    return argmin(without_nan(array_of(a), np.inf), axis, out, keepdims=keepdims)


@implements(np.nanmean)
@copies
def nanmean(
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    out: Any = None,
    keepdims: Any = False,
    *,
    where: Any = True,
) -> Any:
    """`np.nanmean`."""
    a = array_of(a, where)
    mask = _numbers(a, where, dtype) if a.dtype.kind in "fc" else where
    return mean(a, axis, dtype, None, keepdims, where=mask)


@implements(np.nanvar)
@copies
def nanvar(
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    out: Any = None,
    ddof: Any = 0,
    keepdims: Any = False,
    *,
    where: Any = True,
    mean: Any = None,
    correction: Any = None,
) -> Any:
    """`np.nanvar`; nan where no degree of freedom is left."""
    a = array_of(a, where, mean)
    options: Any = {"mean": mean, "correction": correction}
    if a.dtype.kind not in "fc":
        return var(a, axis, dtype, None, ddof, keepdims, where=where, **options)
    mask = _numbers(a, where, dtype)
    spread = var(without_nan(a, 0), axis, dtype, None, ddof, keepdims, where=mask, **options)
    lost = correction if given(correction) else ddof
    return np.where(counted(a, axis, mask, keepdims) <= lost, np.nan, spread)


@implements(np.nanstd)
@copies
def nanstd(
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    out: Any = None,
    ddof: Any = 0,
    keepdims: Any = False,
    *,
    where: Any = True,
    mean: Any = None,
    correction: Any = None,
) -> Any:
    """`np.nanstd`: the square root of `nanvar`."""
    options: Any = {"where": where, "mean": mean, "correction": correction}
    return root(nanvar(a, axis, dtype, None, ddof, keepdims, **options))
