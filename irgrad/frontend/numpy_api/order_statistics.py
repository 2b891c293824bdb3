"""Order statistics: median, quantile, percentile, by a full sort.

Quantiles may be traced, except for their range, which is checked only where they are static. A nan
gives nan, except in the nan-functions, which leave it out."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from irgrad.errors import DTypeError, OptionError, UnsupportedError
from irgrad.frontend.numpy_api.reductions import any_, array_of, given, sum_
from irgrad.frontend.numpy_api.statistics import mean
from irgrad.frontend.pick import pick
from irgrad.frontend.promote import any_traced, kind, lift_each
from irgrad.frontend.registry import implements
from irgrad.frontend.sharing import copies
from irgrad.ir.builder import Traced
from irgrad.ir.types import I64, keep_axes, normalize_axes
from irgrad.ops.cast import astype
from irgrad.ops.linear import broadcast_to, reshape
from irgrad.ops.shape import transpose
from irgrad.ops.sorting import argsort, take_along

CONTINUOUS = {
    "interpolated_inverted_cdf": (0.0, 1.0),
    "hazen": (0.5, 0.5),
    "weibull": (0.0, 0.0),
    "median_unbiased": (1 / 3.0, 1 / 3.0),
    "normal_unbiased": (3 / 8.0, 3 / 8.0),
}
"""alpha and beta of the interpolating kinds (Hyndman, Fan 1996)."""
OTHERS = (
    *("linear", "midpoint", "lower", "higher", "nearest"),
    *("inverted_cdf", "averaged_inverted_cdf", "closest_observation"),
)


def _lead(a: Any, axis: Any) -> tuple[Any, tuple[int, ...]]:
    """`a` with the axes to reduce as one axis in front, and these axes."""
    axes = normalize_axes(axis, a.ndim)
    rest = [i for i in range(a.ndim) if i not in axes]
    moved = transpose(a, [*axes, *rest])
    size = int(np.prod(moved.shape[: len(axes)], dtype=int))
    return reshape(moved, [size, *moved.shape[len(axes) :]]), axes


class Ordered(NamedTuple):
    """Numbers, and the indices that sort them along the first axis, nan last.

    Elements are picked by index, so that derivatives touch these alone and sort nothing."""

    numbers: Any
    order: Any

    @classmethod
    def of(cls, numbers: Any) -> Ordered:
        """`numbers`, sorted."""
        return cls(numbers, argsort(numbers, 0))

    def at(self, places: Any, count: Any) -> Any:
        """The elements at `places`, clipped to the first `count`: static ones for each row of the
        result, or traced ones for each element.
        """
        index: Any = np.maximum(np.minimum(places, count - 1), 0).astype(I64)
        if isinstance(index, np.ndarray):
            chosen = pick(self.order, 0, index.ravel())
        else:
            rest = self.numbers.shape[1:]
            chosen = take_along(self.order, broadcast_to(index, (index.shape[0], *rest)), 0)
        return take_along(self.numbers, chosen, 0)

    def numbers_count(self) -> Any:
        """How many are no nan."""
        return sum_(np.logical_not(np.isnan(self.numbers)), 0)

    def nan_spread(self, result: Any) -> Any:
        """`result` with nan wherever there is one among the numbers."""
        if self.numbers.dtype.kind not in "fc":
            return result
        wrong = any_(np.isnan(self.numbers), 0)
        return np.where(wrong, np.asarray(np.nan, result.dtype)[()], result)


@implements(np.median)
@copies
def median(
    a: Any, axis: Any = None, out: Any = None, overwrite_input: bool = False, keepdims: Any = False
) -> Any:
    """`np.median`: the mean of the two in the middle, which are one for an odd number."""
    a = array_of(a)
    lead, axes = _lead(a, axis)
    count = lead.shape[0]
    if not count:
        return mean(a, axes, keepdims=keepdims)
    ordered = Ordered.of(lead)
    middle = ordered.at(np.arange((count - 1) // 2, count // 2 + 1), count)
    return _restored(ordered.nan_spread(mean(middle, 0)), a, axes, (), keepdims)


def _restored(
    result: Any, a: Any, axes: tuple[int, ...], lead: tuple[int, ...], keepdims: Any
) -> Any:
    """`result` with the reduced axes as axes of extent 1, after those of the quantiles."""
    keep = given(keepdims) and keepdims
    return reshape(result, (*lead, *keep_axes(a.shape, axes))) if keep else result


@implements(np.nanmedian)
@copies
def nanmedian(
    a: Any, axis: Any = None, out: Any = None, overwrite_input: bool = False, keepdims: Any = False
) -> Any:
    """`np.nanmedian`."""
    a = array_of(a)
    if a.dtype.kind not in "fc":
        return median(a, axis, keepdims=keepdims)
    lead, axes = _lead(a, axis)
    if not lead.shape[0]:
        return median(a, axis, keepdims=keepdims)
    ordered = Ordered.of(lead)
    count = ordered.numbers_count()
    middle = [ordered.at(place[None], count)[0] for place in ((count - 1) // 2, count // 2)]
    return _restored(mean(np.stack(middle), 0), a, axes, (), keepdims)


def _position(method: str, n: Any, q: Any) -> tuple[Any, Any]:
    """The place below a quantile in n ordered numbers, and the share of the next; None if always
    0.
    """
    t = (n - 1) * q
    if method == "linear":
        return (np.floor(t), t - np.floor(t)) if t.dtype.kind == "f" else (t, None)
    if method in CONTINUOUS:
        alpha, beta = CONTINUOUS[method]
        t = n * q + (alpha + q * (1 - alpha - beta)) - 1
        return np.floor(t), t - np.floor(t)
    if method == "midpoint":
        return np.floor(t), np.where(t == np.floor(t), 0.0, np.full_like(t, 0.5))
    if method in ("lower", "higher", "nearest"):
        return {"lower": np.floor, "higher": np.ceil, "nearest": np.rint}[method](t), None
    t = n * q - 1
    if method == "inverted_cdf":
        return np.ceil(t), None
    if method == "averaged_inverted_cdf":
        return np.floor(t), np.where(t == np.floor(t), 0.5, np.ones_like(t))
    t = t - 0.5
    odd = np.logical_and(t == np.floor(t), np.floor(t) % 2 == 1)
    return np.where(odd, np.floor(t), np.floor(t) + 1), None


def _between(lower: Any, upper: Any, share: Any) -> Any:
    """The point at `share` of the way, computed from the nearer end as NumPy does."""
    step = upper - lower
    return np.where(share >= 0.5, upper - step * (1 - share), lower + step * share)


def _checked(q: Any, scale: int, dtype: np.dtype[Any]) -> Any:
    """q / scale as NumPy would convert it, in [0, 1] where that can be known.

    A Python number takes the dtype of a float array."""
    if any_traced(q):
        weak = isinstance(kind(q), type) if isinstance(q, Traced) else False
        (known,) = lift_each(q)
        known = astype(known, dtype) if weak and dtype.kind == "f" else known
        return known if scale == 1 else known / scale
    weak = isinstance(q, float) or (isinstance(q, int) and scale != 1)
    known = np.asarray(q, dtype if weak and dtype.kind == "f" else None)
    known = known if scale == 1 else np.true_divide(known, known.dtype.type(scale))
    if not np.all((known >= 0) & (known <= 1)):
        raise OptionError(f"quantiles must be in the range [0, {scale}], got {q!r}")
    return known


def _quantile(
    name: str, a: Any, q: Any, axis: Any, method: str, keepdims: Any, scale: int, skip: bool
) -> Any:
    """The quantiles q / scale over `axis`; with `skip`, of the numbers that are no nan."""
    a = array_of(a, q)
    if method not in CONTINUOUS and method not in OTHERS:
        raise OptionError(f"{name}: method must be one of {', '.join((*CONTINUOUS, *OTHERS))}")
    if a.dtype.kind == "c":
        raise DTypeError(f"{name} of complex numbers", hint="use x.real or np.abs(x)")
    q = _checked(q, scale, a.dtype)
    lead, axes = _lead(a, axis)
    if not lead.shape[0]:
        raise OptionError(f"{name} of nothing: {a.value!r} has no elements over axes {axes}")
    ordered, skip = Ordered.of(lead), skip and a.dtype.kind in "fc"
    count = ordered.numbers_count() if skip else lead.shape[0]
    rows = q.reshape((-1,) + (1,) * (lead.ndim - 1))
    place, share = _position(method, astype(count, q.dtype) if skip else count, rows)
    result = ordered.at(place, count)
    if share is not None:
        result = _between(result, ordered.at(place + 1, count), share)
    result = result if skip else ordered.nan_spread(result)
    result = reshape(result, (*q.shape, *lead.shape[1:]))
    return _restored(result, a, axes, q.shape, keepdims)


def _define(function: Any, scale: int, skip: bool) -> None:
    name = function.__name__

    @implements(function)
    @copies
    def quantile(
        a: Any,
        q: Any,
        axis: Any = None,
        out: Any = None,
        overwrite_input: bool = False,
        method: str = "linear",
        keepdims: Any = False,
        *,
        weights: Any = None,
    ) -> Any:
        if weights is not None:
            raise UnsupportedError(
                f"{name} with weights= is not supported on traced values",
                hint="sort the numbers and their weights, and search np.cumsum of the weights",
            )
        return _quantile(name, a, q, axis, method, keepdims, scale, skip)


for _function, _scale, _skip in (
    (np.quantile, 1, False),
    (np.percentile, 100, False),
    (np.nanquantile, 1, True),
    (np.nanpercentile, 100, True),
):
    _define(_function, _scale, _skip)
