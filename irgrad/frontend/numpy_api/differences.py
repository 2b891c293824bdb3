"""Finite differences: diff, ediff1d, gradient."""

from __future__ import annotations

from typing import Any

import numpy as np

from irgrad.errors import ArgumentError, DTypeError, ShapeError
from irgrad.frontend.numpy_api.joining import joined, same_dtype
from irgrad.frontend.numpy_api.shape import axes_in_order, ravel
from irgrad.frontend.promote import lift_each
from irgrad.frontend.registry import implements
from irgrad.frontend.sharing import copies
from irgrad.ir.types import normalize_axis
from irgrad.ops.cast import astype
from irgrad.ops.linear import broadcast_to, reshape
from irgrad.ops.shape import slice_axis

NO_VALUE: Any = object()


@implements(np.diff)
@copies
def diff(
    a: Any, n: int = 1, axis: int = -1, prepend: Any = NO_VALUE, append: Any = NO_VALUE
) -> Any:
    """`np.diff`."""
    if n == 0:
        return a
    if n < 0:
        raise ShapeError(f"diff: the order must not be negative, got {n}")
    given = [x for x in (prepend, a, append) if x is not NO_VALUE]
    lifted = lift_each(*given)
    x = lifted[0 if prepend is NO_VALUE else 1]
    if not x.ndim:
        raise ShapeError("diff needs an array with at least one axis")
    axis = normalize_axis(axis, x.ndim)
    one = (*x.shape[:axis], 1, *x.shape[axis + 1 :])
    parts = [part if part.ndim else broadcast_to(part, one) for part in lifted]
    x = joined(same_dtype(parts), axis, "diff")
    for _ in range(n):
        extent = x.shape[axis]
        high, low = (
            slice_axis(x, axis, min(1, extent), extent),
            slice_axis(x, axis, 0, max(0, extent - 1)),
        )
        x = high != low if x.dtype == bool else high - low
    return x


@implements(np.ediff1d)
@copies
def ediff1d(ary: Any, to_end: Any = None, to_begin: Any = None) -> Any:
    """`np.ediff1d`: differences of the flat array, between given ends."""
    given = [x for x in (ary, to_begin, to_end) if x is not None]
    ary, *ends = lift_each(*given)
    _check_numbers("ediff1d", ary)
    for end in ends:
        if not np.can_cast(end.dtype, ary.dtype, "same_kind"):
            raise DTypeError(f"ediff1d: ends of {end.dtype} beside differences of {ary.dtype}")
    flat = ravel(ary)
    middle = diff(flat)
    begin = [ends.pop(0)] if to_begin is not None else []
    parts = [*begin, middle, *ends]
    return joined([ravel(astype(part, ary.dtype)) for part in parts], 0, "ediff1d")


@implements(np.gradient)
@copies
def gradient(f: Any, *varargs: Any, axis: Any = None, edge_order: int = 1) -> Any:
    """`np.gradient`: central differences, one-sided of order `edge_order` at the ends."""
    f, *spacings = lift_each(f, *varargs)
    _check_numbers("gradient", f)
    if edge_order not in (1, 2):
        raise ArgumentError("gradient: edge_order must be 1 or 2")
    axes = tuple(range(f.ndim)) if axis is None else axes_in_order(axis, f.ndim)
    dtype = f.dtype if f.dtype.kind in "fc" else np.dtype(np.float64)
    f = astype(f, dtype)
    results = tuple(
        astype(_along(f, along, spacing, edge_order), dtype)
        for along, spacing in zip(axes, _spacings(f, axes, varargs, spacings), strict=True)
    )
    return results[0] if len(results) == 1 else results


def _check_numbers(name: str, x: Any) -> None:
    if x.dtype == bool:
        raise DTypeError(f"{name} of bools, which NumPy does not subtract", hint="x.astype(int)")


def _spacings(
    f: Any, axes: tuple[int, ...], given: tuple[Any, ...], lifted: list[Any]
) -> list[Any]:
    """The spacing along each axis: one number, or the distances between the points."""
    values = [
        x if isinstance(x, (int, float)) else traced
        for x, traced in zip(given, lifted, strict=True)
    ]
    if not values:
        return [1.0] * len(axes)
    if len(values) == 1 and np.ndim(values[0]) == 0:
        return values * len(axes)
    if len(values) != len(axes):
        raise ArgumentError(f"gradient: {len(values)} spacings for {len(axes)} axes")
    return [_steps(x, f.shape[axis]) for x, axis in zip(values, axes, strict=True)]


def _steps(x: Any, extent: int) -> Any:
    if np.ndim(x) == 0:
        return x
    if x.shape != (extent,):
        raise ShapeError(
            f"gradient: distances must be scalars or 1-D of length {extent}, got shape {x.shape}"
        )
    return diff(astype(x, np.dtype(np.float64)) if x.dtype.kind in "iu" else x)


def _along(f: Any, axis: int, spacing: Any, edge_order: int) -> Any:
    extent = f.shape[axis]
    if extent < edge_order + 1:
        raise ShapeError(
            f"gradient: axis {axis} of size {extent} is too small for edge_order={edge_order}"
        )

    def at(first: int, count: int = 1) -> Any:
        """Points from `first` (negative: from the end) along the axis."""
        return slice_axis(f, axis, first % extent, first % extent + count)

    def step(first: int, count: int = 1) -> Any:
        """Distances from `first` on, shaped to broadcast."""
        if not np.ndim(spacing):
            return spacing
        start = first % (extent - 1)
        column = [count if a == axis else 1 for a in range(f.ndim)]
        return reshape(slice_axis(spacing, 0, start, start + count), column)

    first, last = _ends(at, step, edge_order)
    parts = [first, _middle(at, step, extent - 2), last] if extent > 2 else [first, last]
    return joined(same_dtype(parts), axis, "gradient")


def _middle(at: Any, step: Any, count: int) -> Any:
    """Central differences at the `count` points between the ends."""
    lower, middle, upper = at(0, count), at(1, count), at(2, count)
    before, after = step(0, count), step(1, count)
    if not np.ndim(before):
        return (upper - lower) / (2.0 * before)
    return (
        -after / (before * (before + after)) * lower
        + (after - before) / (before * after) * middle
        + before / (after * (before + after)) * upper
    )


def _ends(at: Any, step: Any, edge_order: int) -> tuple[Any, Any]:
    """One-sided differences at the first and the last point."""
    if edge_order == 1:
        return (at(1) - at(0)) / step(0), (at(-1) - at(-2)) / step(-1)
    one, two = step(0), step(1)
    first = (
        -(2.0 * one + two) / (one * (one + two)) * at(0)
        + (one + two) / (one * two) * at(1)
        - one / (two * (one + two)) * at(2)
    )
    one, two = step(-2), step(-1)
    last = (
        two / (one * (one + two)) * at(-3)
        - (two + one) / (one * two) * at(-2)
        + (2.0 * two + one) / (two * (one + two)) * at(-1)
    )
    return first, last
