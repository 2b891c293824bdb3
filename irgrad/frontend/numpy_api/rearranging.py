"""Elements in another order or number: flip, rot90, roll, tile, repeat, delete, insert."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from irgrad.errors import IndexingError, IndexOutOfBounds, ShapeError, TraceError
from irgrad.frontend.known import settled
from irgrad.frontend.numpy_api.joining import joined
from irgrad.frontend.numpy_api.shape import (
    axes_in_order,
    extents,
    integers,
    moveaxis,
    ravel,
    swapaxes,
)
from irgrad.frontend.pick import gather_axis, pick
from irgrad.frontend.promote import any_traced, lift_each
from irgrad.frontend.registry import implements, method
from irgrad.frontend.sharing import copies
from irgrad.ir.types import I64, normalize_axes, normalize_axis
from irgrad.ops.base import bind
from irgrad.ops.cast import astype
from irgrad.ops.create import iota
from irgrad.ops.linear import broadcast_to, reshape
from irgrad.ops.shape import Flip


def flipped(x: Any, axes: tuple[int, ...]) -> Any:
    """`x` reversed along `axes`; `x` itself where there are none."""
    return bind(Flip(axes), x) if axes else x


@implements(np.flip)
def flip(m: Any, axis: Any = None) -> Any:
    """`np.flip`."""
    (m,) = lift_each(m)
    return flipped(m, normalize_axes(axis, m.ndim))


@implements(np.flipud)
def flipud(m: Any) -> Any:
    """`np.flipud`: along the first axis."""
    return flip(m, 0)


@implements(np.fliplr)
def fliplr(m: Any) -> Any:
    """`np.fliplr`: along the second axis."""
    return flip(m, 1)


@implements(np.rot90)
def rot90(m: Any, k: int = 1, axes: Any = (0, 1)) -> Any:
    """`np.rot90`: by k quarter turns, from the first of two axes towards the second."""
    (m,) = lift_each(m)
    plane = axes_in_order(axes, m.ndim)
    if len(plane) != 2:
        raise ShapeError(f"rot90 turns in a plane of two axes, got {axes}")
    first, second = plane
    turns = {
        0: lambda: m,
        1: lambda: swapaxes(flipped(m, (second,)), first, second),
        2: lambda: flipped(m, tuple(sorted(plane))),
        3: lambda: flipped(swapaxes(m, first, second), (second,)),
    }
    return turns[operator.index(k) % 4]()


@implements(np.roll)
@copies
def roll(a: Any, shift: Any, axis: Any = None) -> Any:
    """`np.roll`: elements that leave one end come in at the other."""
    if any_traced(shift):
        raise TraceError(
            "roll by a traced shift", hint="use np.take(x, (np.arange(n) - shift) % n)"
        )
    (a,) = lift_each(a)
    if axis is None:
        return reshape(roll(ravel(a), sum(integers(shift)), 0), a.shape)
    shifts, axes = np.broadcast_arrays(np.asarray(shift), np.asarray(axis))
    for by, along in zip(shifts.ravel().tolist(), axes.ravel().tolist(), strict=True):
        place = normalize_axis(along, a.ndim)
        a = pick(a, place, np.roll(np.arange(a.shape[place]), by))
    return a


@implements(np.fft.fftshift)
def fftshift(x: Any, axes: Any = None) -> Any:
    """`np.fft.fftshift`: the zero frequency in the middle."""
    places = range(x.ndim) if axes is None else axes_in_order(axes, x.ndim)
    return roll(x, tuple(x.shape[i] // 2 for i in places), tuple(places))


@implements(np.fft.ifftshift)
def ifftshift(x: Any, axes: Any = None) -> Any:
    """`np.fft.ifftshift`, the inverse of `fftshift`."""
    places = range(x.ndim) if axes is None else axes_in_order(axes, x.ndim)
    return roll(x, tuple(-(x.shape[i] // 2) for i in places), tuple(places))


@implements(np.tile)
@copies
def tile(A: Any, reps: Any) -> Any:
    """`np.tile`."""
    (x,) = lift_each(A)
    counts = extents(reps)
    ndim = max(x.ndim, len(counts))
    counts = (1,) * (ndim - len(counts)) + counts
    shape = (1,) * (ndim - x.ndim) + x.shape
    apart = [extent for pair in zip((1,) * ndim, shape, strict=True) for extent in pair]
    repeated = [extent for pair in zip(counts, shape, strict=True) for extent in pair]
    total = [count * extent for count, extent in zip(counts, shape, strict=True)]
    return reshape(broadcast_to(reshape(x, apart), tuple(repeated)), total)


@method("repeat")
@implements(np.repeat)
@copies
def repeat(a: Any, repeats: Any, axis: int | None = None) -> Any:
    """`np.repeat`: by one count, or by a static count for each index."""
    repeats = settled(repeats)
    if any_traced(repeats):
        raise TraceError(
            "repeat by a traced count: the size of the result is not known",
            hint="use static counts",
        )
    (a,) = lift_each(a)
    if axis is None:
        a, axis = ravel(a), 0
    axis = normalize_axis(axis, a.ndim)
    counts = np.asarray(repeats)
    if counts.size != 1:
        return pick(a, axis, _repeated(a.shape[axis], counts))
    before, extent, after = a.shape[:axis], a.shape[axis], a.shape[axis + 1 :]
    count = int(counts.ravel()[0])
    if count < 0:
        raise ShapeError(
            f"repeat: counts must not be negative, got {count}", hint="0 leaves an element out"
        )
    apart = reshape(a, (*before, extent, 1, *after))
    return reshape(
        broadcast_to(apart, (*before, extent, count, *after)), (*before, extent * count, *after)
    )


def _repeated(extent: int, counts: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    try:
        return np.repeat(np.arange(extent), counts)
    except ValueError as error:
        raise ShapeError(
            f"repeat: {error}", hint=f"one count, or {extent} of them that are not negative"
        ) from None


@implements(np.delete)
@copies
def delete(arr: Any, obj: Any, axis: int | None = None) -> Any:
    """`np.delete` with static indices: an int, a slice, a list or a mask."""
    obj = settled(obj)
    arr, axis = _along(arr, obj, axis, "delete")
    extent = arr.shape[axis]
    try:
        kept = np.delete(np.arange(extent), obj)
    except IndexError as error:
        raise IndexOutOfBounds(f"delete: {error}") from None
    except ValueError as error:
        raise ShapeError(f"delete: {error}") from None
    return pick(arr, axis, kept)


@implements(np.insert)
@copies
def insert(arr: Any, obj: Any, values: Any, axis: int | None = None) -> Any:
    """`np.insert` with static indices, before whose elements the values go."""
    obj = settled(obj)
    arr, axis = _along(arr, obj, axis, "insert")
    arr, values = lift_each(arr, values)
    extent = arr.shape[axis]
    places = _places(obj, extent)
    values = reshape(astype(values, arr.dtype), (1,) * (arr.ndim - values.ndim) + values.shape)
    if places.ndim == 0:
        values = moveaxis(values, 0, axis)
        places = np.repeat(places, values.shape[axis])
    elif places.size == 1:
        places = np.repeat(places.ravel(), values.shape[axis])
    new = broadcast_to(values, (*arr.shape[:axis], places.size, *arr.shape[axis + 1 :]))
    order = np.insert(np.arange(extent), places, np.arange(extent, extent + places.size))
    return pick(joined([arr, new], axis, "insert"), axis, order)


@implements(np.lib.stride_tricks.sliding_window_view)
def sliding_window_view(
    x: Any, window_shape: Any, axis: Any = None, *, subok: bool = False, writeable: bool = False
) -> Any:
    """`sliding_window_view`: the windows of an array, each as the last axes (gathered, no view)."""
    (x,) = lift_each(x)
    widths = extents(window_shape)
    axes = tuple(range(x.ndim)) if axis is None else integers(axis)
    if len(axes) != len(widths):
        raise ShapeError(f"sliding_window_view: {len(widths)} extents for {len(axes)} axes")
    for width, along in zip(widths, axes, strict=True):
        place = normalize_axis(along, x.ndim)
        count = x.shape[place] - width + 1
        if width < 0 or count < 1:
            raise ShapeError(f"sliding_window_view: a window of {width} on {x.shape[place]}")
        starts, steps = (iota(x, I64, (count, width), i) for i in (0, 1))
        x = moveaxis(gather_axis(x, place, starts + steps), place + 1, -1)
    return x


def _along(arr: Any, obj: Any, axis: int | None, name: str) -> tuple[Any, int]:
    """The array and axis to work on; an error where the indices are traced."""
    if any_traced(obj):
        raise TraceError(
            f"{name} at a traced index", hint="indices must be Python ints or concrete arrays"
        )
    (arr,) = lift_each(arr) if any_traced(arr) else (arr,)
    if axis is None:
        return np.ravel(arr), 0
    return arr, normalize_axis(axis, np.ndim(arr))


def _places(obj: Any, extent: int) -> np.ndarray[Any, Any]:
    """The places at which `np.insert` inserts, 0-d for one int."""
    if isinstance(obj, slice):
        return np.arange(*obj.indices(extent))
    places = np.asarray(obj)
    if places.dtype == bool:
        places = np.flatnonzero(places) if places.ndim else places.astype(np.int64)
    elif not places.size:
        places = places.astype(np.int64)
    if places.dtype.kind not in "iu" or places.ndim > 1:
        raise IndexingError(
            f"insert: the place must be an int, a slice or a 1-D sequence of ints, got {obj!r}"
        )
    for place in places.ravel().tolist():
        if not -extent <= place <= extent:
            raise IndexOutOfBounds(
                f"insert: index {place} is out of bounds for an axis with size {extent}: "
                f"expected {-extent} to {extent}"
            )
    return np.where(places < 0, places + extent, places)
