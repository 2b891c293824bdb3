"""Norms of vectors and matrices. The derivative of every norm is 0 at the zero vector.

A p-norm with p > 0 has derivative 0 in its elements that are 0, to every order."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from irgrad.errors import OptionError, ShapeError, TraceError
from irgrad.frontend.numpy_api.decompositions import singular_values
from irgrad.frontend.numpy_api.reductions import array_of, max_, min_, sum_
from irgrad.frontend.numpy_api.shape import axes_in_order
from irgrad.frontend.numpy_api.statistics import squared
from irgrad.frontend.promote import any_traced
from irgrad.frontend.registry import implements
from irgrad.frontend.sharing import copies
from irgrad.ir.types import F64, real_dtype
from irgrad.ops.cast import astype
from irgrad.ops.root import root


def _euclidean(x: Any, axes: Any, keepdims: bool) -> Any:
    """sqrt(sum |x|^2)."""
    return root(sum_(squared(x), axes, keepdims=keepdims))


def _p_norm(x: Any, order: float, axis: int, keepdims: bool) -> Any:
    """sum(|x|^p)^(1/p)."""
    size = np.abs(x)
    if order < 0:
        return sum_(size**order, axis, keepdims=keepdims) ** (1 / order)
    powers = _power(size, order)
    return _power(sum_(powers, axis, keepdims=keepdims), 1 / order)


def _power(x: Any, exponent: float) -> Any:
    """x^exponent for x >= 0, with derivative 0 at 0."""
    zero = x == 0
    return np.where(zero, np.zeros_like(x), np.where(zero, np.ones_like(x), x) ** exponent)


def _largest(x: Any, axis: int, keepdims: bool) -> Any:
    """The largest of numbers that are not negative; of none, 0."""
    return (max_ if x.shape[axis] else sum_)(x, axis, keepdims=keepdims)


def vector_norm_along(x: Any, order: Any, axis: int, keepdims: bool) -> Any:
    """The norm of the vectors along one axis."""
    if order is None or order == 2:
        return _euclidean(x, axis, keepdims)
    if not isinstance(order, (int, float, np.number)):
        raise OptionError(f"norm: invalid order {order!r} for vectors")
    if order == math.inf:
        return _largest(np.abs(x), axis, keepdims)
    if order == -math.inf:
        return min_(np.abs(x), axis, keepdims=keepdims)
    if order == 0:
        return sum_(astype(x != 0, real_dtype(x.dtype)), axis, keepdims=keepdims)
    if order == 1:
        return sum_(np.abs(x), axis, keepdims=keepdims)
    return _p_norm(x, float(order), axis, keepdims)


def matrix_norm_over(x: Any, order: Any, axes: tuple[int, ...], keepdims: bool) -> Any:
    """The norm of the matrices over two axes: Frobenius, the extreme sum of rows or columns, or of
    singular values.
    """
    rows, columns = axes
    if order in (None, "fro", "f"):
        return _euclidean(x, axes, keepdims)
    if order in (2, -2, "nuc"):
        return _of_singular_values(x, order, axes, keepdims)
    if order not in (1, -1, math.inf, -math.inf):
        raise OptionError(f"norm: invalid order {order!r} for matrices")
    added, over = (rows, columns) if abs(order) == 1 else (columns, rows)
    sums = sum_(np.abs(x), added, keepdims=True)
    extreme = _largest(sums, over, True) if order > 0 else min_(sums, over, keepdims=True)
    return extreme if keepdims else np.squeeze(extreme, axes)


def _of_singular_values(x: Any, order: Any, axes: tuple[int, ...], keepdims: bool) -> Any:
    """The largest singular value, the smallest, or their sum."""
    values = singular_values(np.moveaxis(x, axes, (-2, -1)))
    if order == "nuc" or not values.shape[-1]:
        norms = min_(values, -1) if order == -2 else sum_(values, -1)
    else:
        norms = values[..., 0 if order == 2 else -1]
    return np.expand_dims(norms, axes) if keepdims else norms


def _lifted(x: Any, order: Any) -> Any:
    """`x` as a float or complex array; the order must be static."""
    if any_traced(order):
        raise TraceError("norm of a traced order", hint="ord must be a Python number or string")
    x = array_of(x)
    return astype(x, F64) if x.dtype.kind in "biu" else x


@implements(np.linalg.norm)
@copies
def norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:
    """`np.linalg.norm`."""
    x = _lifted(x, ord)
    if axis is None and (ord is None or (ord, x.ndim) in (("f", 2), ("fro", 2), (2, 1))):
        return _euclidean(x, None, keepdims)
    axes = tuple(range(x.ndim)) if axis is None else axes_in_order(axis, x.ndim)
    if len(axes) == 1:
        return vector_norm_along(x, ord, axes[0], keepdims)
    if len(axes) == 2:
        return matrix_norm_over(x, ord, axes, keepdims)
    raise ShapeError(
        f"norm of order {ord!r} over {len(axes)} axes", hint="name one or two axes with axis="
    )


@implements(np.linalg.vector_norm)
@copies
def vector_norm(
    x: Any,
    /,
    *,
    axis: Any = None,
    keepdims: bool = False,
    ord: Any = 2,
) -> Any:
    """`np.linalg.vector_norm`: of all elements, or over axes as if they were one."""
    x = _lifted(x, ord)
    axes = tuple(range(x.ndim)) if axis is None else axes_in_order(axis, x.ndim)
    rest = [i for i in range(x.ndim) if i not in axes]
    merged = np.transpose(x, (*axes, *rest))
    merged = np.reshape(merged, (-1, *merged.shape[len(axes) :])) if len(axes) != 1 else merged
    result = vector_norm_along(merged, ord, 0, False)
    return np.expand_dims(result, axes) if keepdims else result


@implements(np.linalg.matrix_norm)
@copies
def matrix_norm(x: Any, /, *, keepdims: bool = False, ord: Any = "fro") -> Any:
    """`np.linalg.matrix_norm`: of the matrices in the last two axes."""
    x = _lifted(x, ord)
    if x.ndim < 2:
        raise ShapeError(f"matrix_norm takes arrays of at least 2 axes, got {x.ndim}")
    return matrix_norm_over(x, ord, (x.ndim - 2, x.ndim - 1), keepdims)
