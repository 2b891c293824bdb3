"""Methods of ufuncs: add.reduce, multiply.accumulate, subtract.outer and kin."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable
from typing import Any

import numpy as np

from irgrad.errors import DTypeError, IndexOutOfBounds, ShapeError, UnsupportedError
from irgrad.frontend.functions import logsumexp
from irgrad.frontend.guards import fixed
from irgrad.frontend.known import known
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
from irgrad.frontend.promote import lift, lift_each
from irgrad.frontend.registry import FUNCTIONS
from irgrad.frontend.sharing import copies
from irgrad.frontend.ufunc_call import call_ufunc
from irgrad.ir.op import Op
from irgrad.ir.types import BOOL, dtype_argument, normalize_axis
from irgrad.ops.base import bind
from irgrad.ops.cast import astype
from irgrad.ops.elementwise import ufunc_loop
from irgrad.ops.index import scatter_add
from irgrad.ops.linear import full, reshape
from irgrad.ops.scan import Cummax, Cummin, Cumprod, Cumsum

Conversion = Callable[[Any, Any], Any]


def as_is(a: Any, dtype: Any) -> Any:
    """`a`, in `dtype` where one is given."""
    return astype(a, dtype_argument(dtype)) if given(dtype) else a


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
    a = as_is(array_of(array, initial, where), dtype)
    a = astype(a, ufunc_loop(ufunc, (a.dtype, a.dtype))[-1])
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


def _rows(a: Any, axis: Any, convert: Any) -> list[Any]:
    """The slices of `a` along one axis."""
    along = normalize_axis(axis, a.ndim)
    moved = np.moveaxis(as_is(a, convert), along, 0)
    return [moved[i] for i in range(moved.shape[0])]


@copies
def fold(
    ufunc: np.ufunc,
    array: Any,
    axis: Any = 0,
    dtype: Any = None,
    out: Any = None,
    keepdims: Any = False,
    initial: Any = None,
    where: Any = True,
) -> Any:
    """`ufunc.reduce` of a ufunc that has no op of its own: one node for each element."""
    if given(where) and where is not True:
        raise UnsupportedError(
            f"np.{ufunc.__name__}.reduce with where= is not supported on traced values",
            hint="put the identity in the places left out with np.where",
        )
    a = array_of(array, initial)
    axes = axes_of(axis, a.ndim)
    if len(axes) != 1:
        raise UnsupportedError(
            f"np.{ufunc.__name__}.reduce over {len(axes)} axes is not supported on traced values",
            hint="reduce one axis after the other",
        )
    start = [lift(a.builder, initial, a.dtype)] if given(initial) else []
    rows = [*start, *_rows(a, axes[0], dtype)]
    if not rows:
        raise ShapeError(f"{ufunc.__name__}.reduce of nothing has no identity here")
    return kept(functools.reduce(ufunc, rows), axes, a, keepdims)


@copies
def unrolled(ufunc: np.ufunc, array: Any, axis: int = 0, dtype: Any = None, out: Any = None) -> Any:
    """`ufunc.accumulate` of a ufunc that has no op of its own."""
    a = array_of(array)
    results = list(itertools.accumulate(_rows(a, axis, dtype), ufunc))
    return np.stack(results, axis) if results else a


FUNCTIONS["reduce"], FUNCTIONS["accumulate"] = fold, unrolled


@copies
def reduceat(
    ufunc: np.ufunc, array: Any, indices: Any, axis: int = 0, dtype: Any = None, out: Any = None
) -> Any:
    """`ufunc.reduceat`: the reductions of `array[i:j]` for neighbours i < j among the indices,
    `array[i]` for others.
    """
    places = known(fixed(indices))
    if places is None:
        raise UnsupportedError(
            f"np.{ufunc.__name__}.reduceat with traced indices",
            hint="of sums, write total = np.zeros(n); np.add.at(total, row_of_each_value, values)",
        )
    a = array_of(array)
    along = normalize_axis(axis, a.ndim)
    extent = a.shape[along]
    starts = places.tolist()
    if any(not 0 <= start < extent for start in starts):
        raise IndexOutOfBounds(
            f"{ufunc.__name__}.reduceat: an index in {starts} is out of bounds for extent {extent}"
        )
    ends = [*starts[1:], extent]
    rows = np.moveaxis(a, along, 0)
    if ufunc is np.add and all(i < j for i, j in itertools.pairwise([*starts, extent])):
        sizes = [j - i for i, j in zip(starts, ends, strict=True)]
        which = lift(a.builder, np.repeat(np.arange(len(starts)), sizes))
        values = added_up(rows[starts[0] :], dtype)
        summed = scatter_add(values, (0,), (len(starts), *rows.shape[1:]), [which])
        return np.moveaxis(summed, 0, along)
    spans = zip(starts, [max(i + 1, j) for i, j in zip(starts, ends, strict=True)], strict=True)
    return np.stack([ufunc.reduce(rows[i:j], 0, dtype) for i, j in spans], along)


FUNCTIONS["reduceat"] = reduceat


def outer(ufunc: np.ufunc, a: Any, b: Any, /, **kwargs: Any) -> Any:
    """`ufunc.outer(a, b)[i, j] = ufunc(a[i], b[j])`."""
    a, b = lift_each(a, b)
    column = reshape(a, a.shape + (1,) * b.ndim)
    return call_ufunc(ufunc, (column, b), "__call__", kwargs)


FUNCTIONS["outer"] = copies(outer)
