"""Methods of ufuncs: add.reduce, multiply.accumulate, subtract.outer and kin."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from irgrad.errors import DTypeError, UnsupportedError
from irgrad.frontend.functions import logsumexp
from irgrad.frontend.numpy_api.joining import refuse_out
from irgrad.frontend.numpy_api.nan_reductions import nanmax, nanmin
from irgrad.frontend.numpy_api.reductions import (
    ALL,
    ANY,
    MAX,
    MIN,
    PROD,
    SUM,
    Reduction,
    added_up,
    array_of,
    axes_of,
    given,
    kept,
    masked,
    reduce,
)
from irgrad.frontend.promote import lift_each
from irgrad.frontend.sharing import copies
from irgrad.frontend.tracer import FUNCTIONS, call_ufunc
from irgrad.ir.op import Op
from irgrad.ir.types import BOOL, F64, check_dtype, normalize_axis
from irgrad.ops.base import bind, full
from irgrad.ops.cast import astype
from irgrad.ops.scan import Cummax, Cummin, Cumprod, Cumsum
from irgrad.ops.shape import reshape

Conversion = Callable[[Any, Any], Any]


def as_is(a: Any, dtype: Any) -> Any:
    """`a`, in `dtype` where one is given."""
    return astype(a, check_dtype(np.dtype(dtype))) if given(dtype) else a


def as_truths(a: Any, dtype: Any) -> Any:
    """`a` as bools."""
    return astype(a, BOOL)


def _reduce(ufunc: np.ufunc, kind: Reduction, convert: Conversion) -> None:
    """Define `ufunc.reduce`, which runs over the first axis unless told otherwise."""

    @copies
    def reduced(
        ufunc: np.ufunc,
        array: Any,
        axis: Any = 0,
        dtype: Any = None,
        out: Any = None,
        keepdims: Any = False,
        initial: Any = None,
        where: Any = True,
    ) -> Any:
        a = convert(array_of(array, initial, where), dtype)
        return reduce(kind, a, axis, out, keepdims, initial, where)

    FUNCTIONS[ufunc, "reduce"] = reduced


def _accumulate(ufunc: np.ufunc, op: Callable[[int], Op], convert: Conversion) -> None:
    """Define `ufunc.accumulate`."""

    @copies
    def accumulated(
        ufunc: np.ufunc, array: Any, axis: int = 0, dtype: Any = None, out: Any = None
    ) -> Any:
        refuse_out(f"{ufunc.__name__}.accumulate", out)
        a = convert(array_of(array), dtype)
        if not a.ndim:
            raise DTypeError("cannot accumulate on a scalar")
        return bind(op(normalize_axis(axis, a.ndim)), a)

    FUNCTIONS[ufunc, "accumulate"] = accumulated


_reduce(np.add, SUM, added_up)
_reduce(np.multiply, PROD, added_up)
_reduce(np.maximum, MAX, as_is)
_reduce(np.minimum, MIN, as_is)
_reduce(np.logical_or, ANY, as_truths)
_reduce(np.logical_and, ALL, as_truths)
_accumulate(np.add, lambda axis: Cumsum(axis, False), added_up)
_accumulate(np.multiply, lambda axis: Cumprod(axis, False), added_up)
_accumulate(np.maximum, Cummax, as_is)
_accumulate(np.minimum, Cummin, as_is)
_accumulate(np.logical_or, Cummax, as_truths)
_accumulate(np.logical_and, Cummin, as_truths)


@copies
def log_of_sum(
    ufunc: np.ufunc,
    array: Any,
    axis: Any = 0,
    dtype: Any = None,
    out: Any = None,
    keepdims: Any = False,
    initial: Any = None,
    where: Any = True,
) -> Any:
    """`np.logaddexp.reduce`: log(sum(e^x)); `np.logaddexp2.reduce` in base 2."""
    refuse_out(f"{ufunc.__name__}.reduce", out)
    a = as_is(array_of(array, initial, where), dtype)
    a = astype(a, F64) if a.dtype.kind in "biu" else a
    if given(where) and where is not True:
        a = masked(ufunc.__name__, a, where, -np.inf)
    axes = axes_of(axis, a.ndim)
    base = np.log(2.0) if ufunc is np.logaddexp2 else 1.0
    least = np.asarray(-np.inf, a.dtype)[()]
    lead = tuple(1 if i in axes else extent for i, extent in enumerate(a.shape))
    result = logsumexp(a * base, axes, keepdims=True) / base if a.size else full(a, lead, least)
    result = reshape(result, [extent for i, extent in enumerate(a.shape) if i not in axes])
    return kept(ufunc(result, initial) if given(initial) else result, axes, a, keepdims)


FUNCTIONS[np.logaddexp, "reduce"] = FUNCTIONS[np.logaddexp2, "reduce"] = log_of_sum


def _without_nan(ufunc: np.ufunc, function: Callable[..., Any]) -> None:
    @copies
    def reduced(
        ufunc: np.ufunc,
        array: Any,
        axis: Any = 0,
        dtype: Any = None,
        out: Any = None,
        keepdims: Any = False,
        initial: Any = None,
        where: Any = True,
    ) -> Any:
        a = as_is(array_of(array, initial, where), dtype)
        return function(a, axis, out, keepdims, initial, where)

    FUNCTIONS[ufunc, "reduce"] = reduced


_without_nan(np.fmax, nanmax)
_without_nan(np.fmin, nanmin)


def outer(ufunc: np.ufunc, a: Any, b: Any, /, **kwargs: Any) -> Any:
    """`ufunc.outer(a, b)[i, j] = ufunc(a[i], b[j])`."""
    a, b = lift_each(a, b)
    column = reshape(a, a.shape + (1,) * b.ndim)
    return call_ufunc(ufunc, (column, b), "__call__", kwargs)


FUNCTIONS["outer"] = copies(outer)


def _refuse(method: str, remedy: str) -> None:
    def refused(ufunc: np.ufunc, *operands: Any, **options: Any) -> Any:
        raise UnsupportedError(
            f"np.{ufunc.__name__}.{method} is not supported on traced values", hint=remedy
        )

    FUNCTIONS[method] = refused


_refuse("reduce", "np.add, multiply, maximum, minimum, logical_and, logical_or, logaddexp have it")
_refuse("accumulate", "np.add, multiply, maximum, minimum have it")
_refuse("reduceat", "reduce slices, and np.stack the results")
_refuse("at", "it changes the array in place; build the result with np.where or np.concatenate")
