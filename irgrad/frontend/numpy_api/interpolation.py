"""Values between points: interp; and signals and polynomials: unwrap, polyval."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from irgrad.errors import DTypeError, ShapeError
from irgrad.frontend.promote import lift_each
from irgrad.frontend.registry import implements
from irgrad.frontend.sharing import copies
from irgrad.ir.types import F64, normalize_axis
from irgrad.ops import sorting as ops
from irgrad.ops.cast import astype
from irgrad.ops.index import gather
from irgrad.ops.linear import full, reshape
from irgrad.ops.shape import pad, slice_axis


@implements(np.interp)
@copies
def interp(
    x: Any, xp: Any, fp: Any, left: Any = None, right: Any = None, period: Any = None
) -> Any:
    """`np.interp`: linear between the points (xp, fp), which are in order of increasing xp.

    At a point the derivative is that to the right; at the last and beyond it is 0."""
    given = [v for v in (x, xp, fp, left, right, period) if v is not None]
    lifted = iter(lift_each(*given))
    x, xp, fp, left, right, period = (
        None if v is None else _wide(next(lifted)) for v in (x, xp, fp, left, right, period)
    )
    if xp.dtype != F64 or x.dtype != F64:
        raise DTypeError("interp: x and xp must be real")
    if xp.ndim != 1 or fp.ndim != 1 or xp.shape != fp.shape:
        raise ShapeError(f"interp: xp and fp must be 1-D of one size, got {xp.shape}, {fp.shape}")
    if not xp.size:
        raise ShapeError("interp: there are no points")
    if period is not None:
        x, xp, fp = _periodic(x, xp, fp, period)
        left = right = None
    first, last = _element(fp, 0), _element(fp, fp.size - 1)
    inside = _between(x, xp, fp) if xp.size > 1 else last
    result = np.where(x < _element(xp, xp.size - 1), inside, last)
    result = np.where(x > _element(xp, xp.size - 1), last if right is None else right, result)
    result = np.where(x < _element(xp, 0), first if left is None else left, result)
    return np.where(np.isnan(x), x, result)


def _wide(v: Any) -> Any:
    return astype(v, np.dtype(np.complex128) if v.dtype.kind == "c" else F64)


def _element(v: Any, index: int) -> Any:
    return reshape(slice_axis(v, 0, index, index + 1), ())


def _between(x: Any, xp: Any, fp: Any) -> Any:
    """The line through the points on either side of each x, which is inside."""
    after = ops.searchsorted(xp, x, "right")
    low = np.clip(after - 1, 0, xp.size - 2)
    slopes = np.diff(fp) / np.diff(xp)
    x0, y0, slope = (gather(v, (0,), [low]) for v in (xp, fp, slopes))
    return y0 + slope * (x - x0)


def _periodic(x: Any, xp: Any, fp: Any, period: Any) -> tuple[Any, Any, Any]:
    """x and the points brought into one period, with a point of the next period on either side."""
    period = np.abs(period)
    x, xp = x % period, xp % period
    order = ops.argsort(xp, 0)
    xp, fp = (gather(v, (0,), [order]) for v in (xp, fp))
    count = xp.size
    ends = [slice_axis(v, 0, i, i + 1) for v in (xp, fp) for i in (count - 1, 0)]
    xp = np.concatenate([ends[0] - period, xp, ends[1] + period])
    return x, xp, np.concatenate([ends[2], fp, ends[3]])


@implements(np.unwrap)
@copies
def unwrap(p: Any, discont: Any = None, axis: int = -1, *, period: Any = 2 * math.pi) -> Any:
    """`np.unwrap`: `p` with multiples of the period added so that neighbours differ least."""
    (p,) = lift_each(p)
    along = normalize_axis(axis, p.ndim)
    steps = np.diff(p, axis=along)
    whole = steps.dtype.kind in "iu" and isinstance(period, int)
    high, ambiguous = (divmod(period, 2)[0], period % 2 == 0) if whole else (period / 2, True)
    low = -high
    near = (steps - low) % period + low
    if ambiguous:
        near = np.where(np.logical_and(near == low, steps > 0), high, near)
    limit = period / 2 if discont is None else discont
    jumps = np.where(np.abs(steps) < limit, np.zeros_like(near), near - steps)
    before = [int(i == along) for i in range(p.ndim)]
    return p + pad(np.cumsum(jumps, axis=along), before, [0] * p.ndim)


@implements(np.polyval)
@copies
def polyval(p: Any, x: Any) -> Any:
    """`np.polyval`: p[0] x^(n-1) + ... + p[n-1], by Horner's rule."""
    p, x = lift_each(p, x)
    if p.ndim != 1:
        raise ShapeError(f"polyval: the coefficients must be 1-D, got {p.ndim} axes")
    result = full(x, x.shape, np.zeros((), x.dtype)[()])
    for k in range(p.size):
        result = result * x + _element(p, k) if k else result + _element(p, k)
    return result
