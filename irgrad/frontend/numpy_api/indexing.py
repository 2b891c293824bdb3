"""`x[...]` in full, and its kin: take, take_along_axis, compress, extract, choose, ix_."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from irgrad.errors import ArgumentError, IndexingError, ShapeError, UnsupportedError
from irgrad.frontend.masked import Selection
from irgrad.frontend.numpy_api.joining import refuse_out
from irgrad.frontend.numpy_api.shape import extents, ravel
from irgrad.frontend.pick import gather_axis
from irgrad.frontend.promote import any_traced, common_dtype, innermost, lift, lift_each
from irgrad.frontend.sharing import copies
from irgrad.frontend.subscript import (
    REMEDY,
    Item,
    NewAxis,
    Position,
    Selected,
    Whole,
    is_mask,
    merged_shape,
    read,
    separated,
)
from irgrad.frontend.tracer import FUNCTIONS, implements, method
from irgrad.ir.builder import Traced
from irgrad.ir.types import I64, Shape, broadcast_shapes, normalize_axis
from irgrad.ops.base import bind
from irgrad.ops.cast import astype
from irgrad.ops.create import iota
from irgrad.ops.index import gather
from irgrad.ops.linear import broadcast_to, reshape
from irgrad.ops.shape import Flip, Slice, transpose


def getitem(x: Any, index: Any) -> Any:
    """`x[index]`."""
    mask = _lone_mask(index)
    if mask is not None:
        return Selection.of(x, mask)
    items = read(innermost((x, *index) if isinstance(index, tuple) else (x, index)), index, x.shape)
    if any(isinstance(item, Selected) for item in items):
        return advanced(x, items, separated(index))
    if items and all(isinstance(item, Position) for item in items):
        return element(x, items)
    return basic(x, items)


FUNCTIONS["getitem"] = getitem


def basic(x: Any, items: list[Item]) -> Any:
    """Slices, ints and new axes: a view."""
    sliced = sliced_by(x, items)
    return reshape(sliced, kept_shape(items, sliced.shape))


@copies
def element(x: Any, items: list[Item]) -> Any:
    """One element: a scalar, no view."""
    return basic(x, items)


@copies
def advanced(x: Any, items: list[Item], apart: bool) -> Any:
    """Arrays, masks and the other indices; `apart` says that a slice stands between them."""
    x = reshape(x, tuple(merged_shape(items, x.shape)))
    sliced = sliced_by(x, items)
    consuming = [item for item in items if not isinstance(item, NewAxis)]
    left = [item for item in consuming if not isinstance(item, Position)]
    sliced = reshape(
        sliced,
        [
            n
            for n, item in zip(sliced.shape, consuming, strict=True)
            if not isinstance(item, Position)
        ],
    )
    axes = [axis for axis, item in enumerate(left) if isinstance(item, Selected)]
    indices = together([item.indices for item in left if isinstance(item, Selected)])
    picked = gather(sliced, axes, indices)
    return _placed(picked, items, indices[0].ndim, apart)


def _placed(picked: Any, items: list[Item], count: int, apart: bool) -> Any:
    """The `count` leading axes moved to where NumPy has them, and new axes put in."""
    first = next(i for i, item in enumerate(items) if isinstance(item, (Selected, Position)))
    before, after = ([], items) if apart else (items[:first], items[first:])
    before = [item for item in before if not isinstance(item, Position)]
    after = [item for item in after if isinstance(item, (Whole, NewAxis))]
    lead = sum(isinstance(item, Whole) for item in before)
    order = [*range(count, count + lead), *range(count), *range(count + lead, picked.ndim)]
    moved = transpose(picked, order)
    shape = [
        *_with_new(before, moved.shape[:lead]),
        *moved.shape[lead : lead + count],
        *_with_new(after, moved.shape[lead + count :]),
    ]
    return reshape(moved, shape)


def _with_new(items: Sequence[Item], extents: Shape) -> list[int]:
    remaining = iter(extents)
    return [1 if isinstance(item, NewAxis) else next(remaining) for item in items]


def sliced_by(x: Any, items: list[Item]) -> Any:
    """`x` cut along each axis by its item; ints leave an axis of extent 1."""
    bounds: list[tuple[int, int, int]] = []
    flips: list[int] = []
    for item in items:
        if isinstance(item, Whole):
            flips += [len(bounds)] if item.flipped else []
            bounds.append((item.start, item.stop, item.step))
        elif isinstance(item, Position):
            bounds.append((item.place, item.place + 1, 1))
        elif isinstance(item, Selected):
            bounds.append((0, x.shape[len(bounds)], 1))
    if bounds != [(0, extent, 1) for extent in x.shape]:
        start, stop, step = zip(*bounds, strict=True)
        x = bind(Slice(start, stop, step), x)
    return bind(Flip(tuple(flips)), x) if flips else x


def kept_shape(items: list[Item], shape: Shape) -> list[int]:
    """The shape of the result of basic indexing."""
    consuming = iter(shape)
    extents = [1 if isinstance(item, NewAxis) else next(consuming) for item in items]
    return [
        extent
        for extent, item in zip(extents, items, strict=True)
        if not isinstance(item, Position)
    ]


def together(indices: list[Any]) -> list[Any]:
    """Index arrays broadcast to one shape."""
    try:
        shape = broadcast_shapes(*(index.shape for index in indices))
    except ShapeError:
        listed = " ".join(str(index.shape) for index in indices)
        raise IndexingError(
            f"indexing arrays could not be broadcast together with shapes {listed}"
        ) from None
    return [broadcast_to(index, shape) for index in indices]


def _lone_mask(index: Any) -> Any:
    """The traced mask that is the whole subscript, beside full slices after it; else None."""
    first, *rest = index if isinstance(index, tuple) and index else (index,)
    alone = all(
        entry is Ellipsis or (isinstance(entry, slice) and entry == slice(None)) for entry in rest
    )
    return first if isinstance(first, Traced) and is_mask(first) and alone else None


@method("take")
@implements(np.take)
@copies
def take(
    a: Any, indices: Any, axis: int | None = None, out: Any = None, mode: str = "raise"
) -> Any:
    """`np.take`: an index outside the axis raises, is clipped, or wraps around."""
    refuse_out("take", out)
    builder = innermost((a, indices))
    (a,) = lift_each(lift(builder, a))
    if axis is None:
        a, axis = ravel(a), 0
    axis = normalize_axis(axis, a.ndim)
    if mode == "raise" and not any_traced(indices) and not is_mask(indices):
        return getitem(a, (*[slice(None)] * axis, indices))
    places = lift(builder, indices)
    if places.dtype.kind not in "biu":
        raise IndexingError(f"take: indices must be integers, got {places.value!r}")
    places = astype(places, I64) if places.dtype == bool else places
    return gather_axis(a, axis, _in_mode(places, a.shape[axis], mode))


def _in_mode(places: Any, extent: int, mode: str) -> Any:
    if mode == "raise":
        return places
    if not extent:
        raise IndexingError("cannot take from an empty axis")
    if mode == "clip":
        return np.minimum(np.maximum(places, 0), extent - 1)
    if mode == "wrap":
        return np.remainder(places, extent)
    raise ArgumentError(f"mode must be 'raise', 'clip' or 'wrap', got {mode!r}")


@implements(np.take_along_axis)
@copies
def take_along_axis(arr: Any, indices: Any, axis: int | None = -1) -> Any:
    """`np.take_along_axis`: along one axis by indices, in step along the others."""
    arr, indices = lift_each(arr, indices)
    if axis is None:
        arr, axis = ravel(arr), 0
    axis = normalize_axis(axis, arr.ndim)
    if indices.ndim != arr.ndim:
        raise ShapeError(
            f"take_along_axis: indices of {indices.ndim} axes do not fit an array of {arr.ndim}"
        )
    if indices.dtype.kind not in "iu":
        raise IndexingError(f"take_along_axis: indices must be integers, got {indices.value!r}")
    beside = (*arr.shape[:axis], 1, *arr.shape[axis + 1 :])
    shape = broadcast_shapes(beside, indices.shape)
    places = [_in_step(arr, indices, shape, a) for a in range(arr.ndim)]
    places[axis] = broadcast_to(indices, shape)
    return gather(arr, range(arr.ndim), places)


def _in_step(arr: Any, indices: Any, shape: Shape, axis: int) -> Any:
    """Indices 0, 1, ... along one axis, all 0 where the array has extent 1."""
    own = tuple(
        1 if a == axis and arr.shape[axis] == 1 else extent for a, extent in enumerate(shape)
    )
    return broadcast_to(iota(indices, I64, own, axis), shape)


@method("compress")
def compress_method(self: Any, condition: Any, axis: int | None = None, out: Any = None) -> Any:
    """`x.compress(condition)`."""
    return compress(condition, self, axis, out)


@implements(np.compress)
@copies
def compress(condition: Any, a: Any, axis: int | None = None, out: Any = None) -> Any:
    """`np.compress`: the slices along an axis where a concrete condition holds."""
    refuse_out("compress", out)
    if any_traced(condition):
        raise UnsupportedError(
            "compress by a traced condition: the size of the result is not known", hint=REMEDY
        )
    (a,) = lift_each(a)
    if axis is None:
        a, axis = ravel(a), 0
    return take(a, np.flatnonzero(np.asarray(condition, bool)).tolist(), axis)


@implements(np.extract)
@copies
def extract(condition: Any, arr: Any) -> Any:
    """`np.extract`: the elements where the condition holds."""
    builder = innermost((condition, arr))
    condition = condition if isinstance(condition, Traced) else np.asarray(condition)
    flat = ravel(lift(builder, arr))
    return getitem(flat, np.ravel(condition if condition.dtype == bool else condition != 0))


@method("choose")
@implements(np.choose)
@copies
def choose(a: Any, choices: Any, out: Any = None, mode: str = "raise") -> Any:
    """`np.choose`: at each place, the element of the choice that `a` says."""
    refuse_out("choose", out)
    which = lift(innermost((a, choices)), a)
    (which, *listed) = lift_each(which, *choices)
    dtype = common_dtype(choices)
    listed = [astype(choice, dtype) for choice in listed]
    shape = broadcast_shapes(which.shape, *(choice.shape for choice in listed))
    stacked = np.stack([broadcast_to(choice, shape) for choice in listed])
    picked = take_along_axis(
        stacked, broadcast_to(_in_mode(which, len(listed), mode), shape)[None], 0
    )
    return reshape(picked, shape)


@implements(np.unravel_index)
def unravel_index(indices: Any, shape: Any, order: str = "C") -> tuple[Any, ...]:
    """`np.unravel_index`; indices outside the shape are not noticed here."""
    (flat,) = lift_each(indices)
    places: list[Any] = []
    for extent in extents(shape)[:: -1 if order == "C" else 1]:
        places.append(flat % extent)
        flat = flat // extent
    return tuple(places[::-1] if order == "C" else places)


@implements(np.ravel_multi_index)
def ravel_multi_index(multi_index: Any, dims: Any, mode: Any = "raise", order: str = "C") -> Any:
    """`np.ravel_multi_index`; indices outside the shape are not noticed where mode is 'raise'."""
    places, shape = lift_each(*multi_index), extents(dims)
    if len(places) != len(shape):
        raise ShapeError(f"ravel_multi_index: {len(places)} index arrays for {len(shape)} axes")
    modes = [mode] * len(shape) if isinstance(mode, str) else list(mode)
    axes = list(zip(places, shape, modes, strict=True))[:: 1 if order == "C" else -1]
    flat: Any = 0
    for place, extent, how in axes:
        flat = flat * extent + _in_mode(place, extent, how)
    return flat


@implements(np.isin)
def isin(
    element: Any,
    test_elements: Any,
    assume_unique: bool = False,
    invert: bool = False,
    *,
    kind: Any = None,
) -> Any:
    """`np.isin`, by comparing all pairs."""
    element, tests = lift_each(element, test_elements)
    found = np.any(reshape(element, (*element.shape, 1)) == ravel(tests), axis=-1)
    return np.logical_not(found) if invert else found


@implements(np.ix_)
def ix_(*args: Any) -> tuple[Any, ...]:
    """`np.ix_` of 1-D integer arrays."""
    arrays = lift_each(*args)
    if any(x.ndim != 1 for x in arrays):
        raise ShapeError("ix_: the arrays must be 1-D")
    if any(x.dtype == bool for x in arrays):
        raise UnsupportedError(
            "ix_ of a traced mask: the number of selected elements is not known", hint=REMEDY
        )
    return tuple(
        reshape(x, [1] * i + [x.size] + [1] * (len(arrays) - 1 - i)) for i, x in enumerate(arrays)
    )


@implements(np.nonzero, np.flatnonzero, np.argwhere)
def nonzero(a: Any) -> Any:
    """Refused: the size of the result is not known."""
    raise UnsupportedError(
        "the indices of a traced condition: their number is not known", hint=REMEDY
    )


@method("nonzero")
def nonzero_method(self: Any) -> Any:
    """Refused, as `np.nonzero`."""
    return nonzero(self)
