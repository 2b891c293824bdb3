"""Reductions of `x[mask]` with a traced mask: the identity stands in the places not selected."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from irgrad.frontend.masked import METHODS, REDUCTIONS, Selection, packed
from irgrad.frontend.numpy_api.nonempty import NO_IDENTITY, demand_some
from irgrad.ir.types import I64
from irgrad.ops.cast import astype


def total(
    s: Selection, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: Any = False
) -> Any:
    """The sum."""
    return s.reduced(np.sum, 0, axis, keepdims, dtype=dtype)


def product(
    s: Selection, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: Any = False
) -> Any:
    """The product."""
    return s.reduced(np.prod, 1, axis, keepdims, dtype=dtype)


def mean(
    s: Selection, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: Any = False
) -> Any:
    """The mean; nan where nothing is selected."""
    if not s.combines(axis):
        return np.mean(s.packed, axis, dtype, keepdims=keepdims)
    wanted = dtype if dtype is not None or s.dtype.kind in "fc" else np.float64
    added = total(s, axis, wanted, keepdims=keepdims)
    return added / astype(s.count(axis), added.dtype)


def variance(
    s: Selection,
    axis: Any = None,
    dtype: Any = None,
    out: Any = None,
    ddof: float = 0,
    keepdims: Any = False,
) -> Any:
    """The mean of the squared distances from the mean, with `ddof` taken from the count."""
    if not s.combines(axis):
        return np.var(s.packed, axis, dtype, ddof=ddof, keepdims=keepdims)
    away = s - mean(s, axis)
    squares = np.absolute(away) ** 2 if away.dtype.kind == "c" else away * away
    added = total(squares, axis, dtype, keepdims=keepdims)
    return added / np.maximum(astype(s.count(axis), added.dtype) - ddof, 0)


def deviation(s: Selection, *args: Any, **kwargs: Any) -> Any:
    """The square root of the variance."""
    return np.sqrt(variance(s, *args, **kwargs))


def largest(
    s: Selection, axis: Any = None, out: Any = None, keepdims: Any = False, initial: Any = None
) -> Any:
    """The maximum; without `initial`, an error of the running program where nothing is selected."""
    if initial is None:
        _demand_some(s, "maximum", axis, keepdims)
    found = s.reduced(np.max, extreme(s.dtype, -1), axis, keepdims)
    return found if initial is None else np.maximum(found, initial)


def smallest(
    s: Selection, axis: Any = None, out: Any = None, keepdims: Any = False, initial: Any = None
) -> Any:
    """The minimum; without `initial`, an error of the running program where nothing is selected."""
    if initial is None:
        _demand_some(s, "minimum", axis, keepdims)
    found = s.reduced(np.min, extreme(s.dtype, 1), axis, keepdims)
    return found if initial is None else np.minimum(found, initial)


def _demand_some(s: Selection, name: str, axis: Any, keepdims: Any) -> None:
    if keepdims is True or not s.combines(axis):
        return  # of the packed elements, which see to it
    results = 1 if axis is None else math.prod(s.whole.shape[s.mask.ndim :])
    demand_some(s.count(axis), NO_IDENTITY, name, results)


def extreme(dtype: np.dtype[Any], sign: int) -> Any:
    """The largest or (with the sign -1) least number of a dtype."""
    if dtype.kind in "iu":
        return np.iinfo(dtype).max if sign > 0 else np.iinfo(dtype).min
    return sign > 0 if dtype.kind == "b" else sign * np.inf


def any_of(s: Selection, axis: Any = None, out: Any = None, keepdims: Any = False) -> Any:
    """Whether any holds."""
    return s.reduced(np.any, 0, axis, keepdims)


def all_of(s: Selection, axis: Any = None, out: Any = None, keepdims: Any = False) -> Any:
    """Whether all hold."""
    return s.reduced(np.all, 1, axis, keepdims)


def count_nonzero(s: Selection, axis: Any = None, *, keepdims: bool = False) -> Any:
    """How many are not zero."""
    truths = s if s.dtype == bool else s.elementwise(np.not_equal, (s, 0))
    return total(truths, axis, I64, keepdims=keepdims)


def dot(s: Any, other: Any) -> Any:
    """The inner product of two 1-D selections by one mask."""
    if not (
        isinstance(s, Selection) and isinstance(other, Selection) and s.ndim == other.ndim == 1
    ):
        return np.matmul(packed(s), packed(other))
    if not s.is_alike(other):
        return np.dot(packed(s), packed(other))
    return total(s * other)


def converted(s: Selection, dtype: Any, *args: Any, **kwargs: Any) -> Selection:
    """Another dtype."""
    return Selection(s.whole.astype(dtype), s.mask)


METHODS |= {
    "sum": total,
    "prod": product,
    "mean": mean,
    "var": variance,
    "std": deviation,
    "max": largest,
    "min": smallest,
    "any": any_of,
    "all": all_of,
    "dot": dot,
    "astype": converted,
    "conj": np.conjugate,
    "conjugate": np.conjugate,
    "copy": lambda s: s,
}
REDUCTIONS |= {
    np.sum: total,
    np.prod: product,
    np.mean: mean,
    np.var: variance,
    np.std: deviation,
    np.max: largest,
    np.min: smallest,
    np.amax: largest,
    np.amin: smallest,
    np.any: any_of,
    np.all: all_of,
    np.count_nonzero: count_nonzero,
    np.dot: dot,
    np.inner: dot,
    np.vdot: lambda s, t: dot(np.conjugate(s), t),
    np.ndim: lambda s: s.ndim,
    np.size: lambda s: s.size,
}
