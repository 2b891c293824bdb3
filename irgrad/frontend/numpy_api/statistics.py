"""Means and spreads: mean, average, var, std, cov, corrcoef.

The derivative of std is 0 where every element is the same."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from irgrad.errors import ArgumentError, OptionError, ShapeError
from irgrad.frontend.numpy_api.elementwise import imag, real
from irgrad.frontend.numpy_api.reductions import array_of, given, sum_
from irgrad.frontend.numpy_api.shape import moveaxis
from irgrad.frontend.promote import lift, lift_each
from irgrad.frontend.registry import implements, method
from irgrad.frontend.sharing import copies
from irgrad.ir.types import F64, dtype_argument, normalize_axes
from irgrad.ops.cast import astype, conjugate
from irgrad.ops.linear import broadcast_to, reshape
from irgrad.ops.root import root


def squared(x: Any) -> Any:
    """|x|^2."""
    return real(x) * real(x) + imag(x) * imag(x) if x.dtype.kind == "c" else x * x


def counted(a: Any, axis: Any, where: Any, keepdims: Any = False) -> Any:
    """How many elements a reduction combines: an int, or traced where a mask is."""
    if given(where) and where is not True:
        mask = broadcast_to(lift(a.builder, where), a.shape)
        return sum_(mask, axis, keepdims=keepdims)
    return math.prod(a.shape[i] for i in normalize_axes(axis, a.ndim))


def divided(total: Any, count: Any) -> Any:
    """`total / count` in the dtype of `total`."""
    return astype(total / count, total.dtype)


def _summing_dtype(a: Any, dtype: Any) -> Any:
    """The dtype for sums of which a mean is taken: float64 for integers."""
    if given(dtype):
        return dtype_argument(dtype)
    return F64 if a.dtype.kind in "biu" else a.dtype


@method("mean")
@implements(np.mean)
@copies
def mean(
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    out: Any = None,
    keepdims: Any = False,
    *,
    where: Any = True,
) -> Any:
    """`np.mean`; nan of nothing."""
    a = array_of(a, where)
    count = counted(a, axis, where, keepdims)
    return divided(sum_(a, axis, _summing_dtype(a, dtype), None, keepdims, None, where), count)


@method("var")
@implements(np.var)
@copies
def var(
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
    """`np.var`: sum(|x - mean|^2) / max(count - ddof, 0)."""
    a = array_of(a, where, mean)
    wanted = _summing_dtype(a, dtype)
    if given(mean):
        center = lift(a.builder, mean)
    else:
        total = sum_(a, axis, wanted, keepdims=True, where=where)
        center = divided(total, counted(a, axis, where, True))
    squares = squared(a - center)
    if squares.dtype != wanted and wanted.kind != "c":
        squares = astype(squares, wanted)
    spread = sum_(squares, axis, keepdims=keepdims, where=where)
    return divided(spread, _degrees(counted(a, axis, where, keepdims), ddof, correction))


def _degrees(count: Any, ddof: Any, correction: Any) -> Any:
    """max(count - ddof, 0), where `correction` is another name of `ddof`."""
    if given(correction):
        if ddof != 0:
            raise OptionError("ddof and correction can't be provided simultaneously.")
        ddof = correction
    return max(count - ddof, 0) if isinstance(count, int) else np.maximum(count - ddof, 0)


@method("std")
@implements(np.std)
@copies
def std(
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
    """`np.std`: the square root of the variance, with derivative 0 where that is 0."""
    options: Any = {"where": where, "mean": mean, "correction": correction}
    return root(var(a, axis, dtype, None, ddof, keepdims, **options))


@implements(np.average)
@copies
def average(
    a: Any, axis: Any = None, weights: Any = None, returned: bool = False, *, keepdims: Any = False
) -> Any:
    """`np.average`: sum(w x) / sum(w); zero weights give nan, where NumPy raises."""
    if weights is None:
        a = array_of(a)
        middle = mean(a, axis, keepdims=keepdims)
        scale = np.full_like(middle, counted(a, axis, True))
    else:
        a, weights = lift_each(a, weights)
        dtype = np.result_type(a.dtype, weights.dtype, *([F64] if a.dtype.kind in "biu" else []))
        weights = _weights(a, axis, weights)
        scale = sum_(weights, axis, dtype, keepdims=keepdims)
        middle = sum_(np.multiply(a, weights, dtype=dtype), axis, keepdims=keepdims) / scale
    return (middle, broadcast_to(scale, middle.shape)) if returned else middle


def _weights(a: Any, axis: Any, weights: Any) -> Any:
    """The weights with the shape of `a`; those of some axes are repeated over the others."""
    if weights.shape == a.shape:
        return weights
    if axis is None:
        raise ArgumentError("Axis must be specified when shapes of a and weights differ.")
    given_axes = [axis] if isinstance(axis, (int, np.integer)) else list(axis)
    axes = [int(i) % a.ndim for i in given_axes]
    if weights.shape != tuple(a.shape[i] for i in axes):
        raise ShapeError("weights must have the shape of a along the given axes")
    aligned = np.transpose(weights, np.argsort(axes))
    one = reshape(aligned, [a.shape[i] if i in axes else 1 for i in range(a.ndim)])
    return broadcast_to(one, a.shape)


@implements(np.cov)
@copies
def cov(
    m: Any,
    y: Any = None,
    rowvar: bool = True,
    bias: bool = False,
    ddof: int | None = None,
    fweights: Any = None,
    aweights: Any = None,
    *,
    dtype: Any = None,
) -> Any:
    """`np.cov`: the covariances of variables (rows) over observations (columns)."""
    given_arrays = lift_each(*(v for v in (m, y, aweights) if v is not None))
    wide = np.result_type(*(v.dtype for v in given_arrays[: 1 + (y is not None)]), F64)
    wanted = dtype_argument(dtype) if given(dtype) else wide
    x, *others = (astype(v, wanted) for v in given_arrays)
    rows = _observations(x, rowvar, "m")
    if y is not None:
        rows = np.concatenate([rows, _observations(others[0], rowvar, "y")])
    weights = others[-1] if aweights is not None else None
    if fweights is not None:
        weights = fweights if weights is None else weights * fweights
    lost = ddof if ddof is not None else 0 if bias else 1
    if weights is None:
        total = rows.shape[1]
        centered = rows - mean(rows, 1, keepdims=True)
        result = centered @ conjugate(moveaxis(centered, 0, 1)) / max(total - lost, 0)
    else:
        result = _weighted(rows, weights, aweights, lost)
    return np.squeeze(result)


def _observations(x: Any, rowvar: bool, name: str) -> Any:
    """A matrix with one variable in each row."""
    if x.ndim > 2:
        raise ShapeError(f"{name} has more than 2 dimensions")
    if x.ndim < 2:
        return reshape(x, (1, x.size))
    return x if rowvar else moveaxis(x, 0, 1)


def _weighted(rows: Any, weights: Any, aweights: Any, ddof: int) -> Any:
    total = np.sum(weights)
    centered = rows - np.sum(rows * weights, axis=1, keepdims=True) / total
    factor = total - ddof
    if ddof and aweights is not None:
        factor = total - ddof * np.sum(weights * aweights) / total
    return centered @ conjugate(moveaxis(centered * weights, 0, 1)) / factor


@implements(np.corrcoef)
@copies
def corrcoef(x: Any, y: Any = None, rowvar: bool = True, *, dtype: Any = None, **bias: Any) -> Any:
    """`np.corrcoef`: covariances over the product of deviations, clipped to [-1, 1]."""
    c = cov(x, y, rowvar, dtype=dtype)
    if not c.ndim:
        return c / c
    deviation = np.sqrt(real(np.diagonal(c)))
    c = c / deviation[:, None] / deviation[None, :]
    if c.dtype.kind != "c":
        return np.clip(c, -1, 1)
    return np.clip(real(c), -1, 1) + 1j * np.clip(imag(c), -1, 1)
