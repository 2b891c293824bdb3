"""`x[...]` in full, and its kin: take, take_along_axis, compress, extract, choose, ix_."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from irgrad.errors import ArgumentError, IndexingError, ShapeError, UnsupportedError
from irgrad.frontend.guards import fixed
from irgrad.frontend.masked import Selection
from irgrad.frontend.numpy_api.shape import extents, ravel
from irgrad.frontend.pick import gather_axis
from irgrad.frontend.promote import any_traced, common_dtype, innermost, lift, lift_each
from irgrad.frontend.registry import FUNCTIONS, implements, method
from irgrad.frontend.sharing import copied, copies
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
    settled,
)
from irgrad.frontend.view import Step, step_of
from irgrad.ir.builder import Traced
from irgrad.ir.op import Op
from irgrad.ir.types import I64, Shape, broadcast_shapes, drop_axes, normalize_axis, slice_extent
from irgrad.ops.base import bind
from irgrad.ops.cast import astype
from irgrad.ops.create import iota
from irgrad.ops.index import Gather, gather
from irgrad.ops.linear import Reshape, broadcast_to, reshape
from irgrad.ops.shape import Flip, Slice, Transpose


def getitem(x: Any, index: Any) -> Any:
    """`x[index]`."""
    index = settled(index)
    mask = lone_mask(index)
    if isinstance(mask, Traced):
        return Selection.of(x, mask)
    items = read_items(x, index)
    if any(isinstance(item, Selected) for item in items):
        return Advanced.of(x, items, separated(index)).read(x)
    for step in basic_steps(items, x.shape):
        x = bind(step, x)
    return copied(x) if is_element(index, items) else x


FUNCTIONS["getitem"] = getitem


def read_items(x: Any, index: Any) -> list[Item]:
    """The items of a subscript of `x`."""
    return read(innermost((x, *index) if isinstance(index, tuple) else (x, index)), index, x.shape)


def is_element(index: Any, items: list[Item]) -> bool:
    """Whether ints alone are subscripts, so that NumPy gives a scalar, which is no view."""
    entries = index if isinstance(index, tuple) else (index,)
    return all(isinstance(item, Position) for item in items) and not any(
        entry is Ellipsis for entry in entries
    )


def basic_steps(items: list[Item], shape: Shape) -> list[Op]:
    """The ops that take the slices, ints and new axes of a subscript: a view."""
    steps, extents = cuts(items, shape)
    wanted = tuple(kept_extents(items, extents))
    return steps if wanted == extents else [*steps, Reshape(wanted)]


class Advanced(NamedTuple):
    """A subscript with arrays in it: what comes before their gather, and after it.

    `before` makes one axis of those that a mask spans, cuts the others and drops those of ints;
    `after` brings the axes of the index arrays to where NumPy has them, and puts new axes in. A
    single place is taken out first: `after` then cuts what is left."""

    before: list[Op]
    axes: tuple[int, ...]
    indices: list[Any]
    after: list[Op]

    @classmethod
    def of(cls, x: Any, items: list[Item], apart: bool) -> Advanced:
        """The subscript; `apart` says that a slice stands between the arrays."""
        consuming = [item for item in items if not isinstance(item, NewAxis)]
        indices = together([item.indices for item in consuming if isinstance(item, Selected)])
        merged = tuple(merged_shape(items, x.shape))
        before: list[Op] = [] if merged == x.shape else [Reshape(merged)]
        if not indices[0].ndim:
            axes = [axis for axis, item in enumerate(consuming) if isinstance(item, Selected)]
            rest: list[Item] = [item for item in items if not isinstance(item, Selected)]
            after = basic_steps(rest, drop_axes(merged, axes))
            return cls(before, tuple(axes), indices, after)
        steps, extents = cuts(items, merged)
        left = [item for item in consuming if not isinstance(item, Position)]
        kept = tuple(
            n for n, item in zip(extents, consuming, strict=True) if not isinstance(item, Position)
        )
        before += steps if kept == extents else [*steps, Reshape(kept)]
        axes = [axis for axis, item in enumerate(left) if isinstance(item, Selected)]
        gathered = indices[0].shape + drop_axes(kept, axes)
        return cls(before, tuple(axes), indices, _placing(gathered, items, indices[0].ndim, apart))

    @property
    def is_view(self) -> bool:
        """Whether each array is one traced integer, which NumPy code has as an int."""
        return not self.indices[0].ndim

    def read(self, x: Any) -> Any:
        """The elements: a copy, or a view where the places are single ones."""
        for step in self.before:
            x = bind(step, x)
        x = (
            taken(x, self.axes, self.indices)
            if self.is_view
            else gather(x, self.axes, self.indices)
        )
        for step in self.after:
            x = bind(step, x)
        return x if self.is_view and x.ndim else copied(x)

    @property
    def steps(self) -> list[Step]:
        """The windows of the view that it reads."""
        before, after = (list(map(step_of, steps)) for steps in (self.before, self.after))
        return [*before, step_of(Gather(self.axes), self.indices), *after]


def taken(x: Any, axes: Sequence[int], indices: Sequence[Any]) -> Any:
    """`gather` at distinct places, as a view."""
    result = gather(x, axes, indices)
    result.show(x, Gather(tuple(axes)), indices)
    return result


def _placing(shape: Shape, items: list[Item], count: int, apart: bool) -> list[Op]:
    """Ops that move the `count` leading axes to where NumPy has them, and put new axes in."""
    first = next(i for i, item in enumerate(items) if isinstance(item, (Selected, Position)))
    before, after = ([], items) if apart else (items[:first], items[first:])
    before = [item for item in before if not isinstance(item, Position)]
    after = [item for item in after if isinstance(item, (Whole, NewAxis))]
    lead = sum(isinstance(item, Whole) for item in before)
    order = (*range(count, count + lead), *range(count), *range(count + lead, len(shape)))
    moved = tuple(shape[axis] for axis in order)
    wanted = (
        *_with_new(before, moved[:lead]),
        *moved[lead : lead + count],
        *_with_new(after, moved[lead + count :]),
    )
    steps: list[Op] = [] if order == tuple(range(len(shape))) else [Transpose(order)]
    return steps if wanted == moved else [*steps, Reshape(wanted)]


def _with_new(items: Sequence[Item], extents: Shape) -> list[int]:
    remaining = iter(extents)
    return [1 if isinstance(item, NewAxis) else next(remaining) for item in items]


def cuts(items: list[Item], shape: Shape) -> tuple[list[Op], Shape]:
    """The ops that cut each axis by its item, and the shape then; ints leave an axis of extent
    1.
    """
    bounds: list[tuple[int, int, int]] = []
    flips: list[int] = []
    for item in items:
        if isinstance(item, Whole):
            flips += [len(bounds)] if item.flipped else []
            bounds.append((item.start, item.stop, item.step))
        elif isinstance(item, Position):
            bounds.append((item.place, item.place + 1, 1))
        elif isinstance(item, Selected):
            bounds.append((0, shape[len(bounds)], 1))
    steps: list[Op] = []
    if bounds != [(0, extent, 1) for extent in shape]:
        steps.append(Slice(*zip(*bounds, strict=True)))
        shape = tuple(slice_extent(*bound) for bound in bounds)
    return [*steps, Flip(tuple(flips))] if flips else steps, shape


def kept_extents(items: list[Item], shape: Shape) -> list[int]:
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


def lone_mask(index: Any) -> Any:
    """The mask that is the whole subscript, beside full slices after it; else None."""
    first, *rest = index if isinstance(index, tuple) and index else (index,)
    alone = all(
        entry is Ellipsis or (isinstance(entry, slice) and entry == slice(None)) for entry in rest
    )
    return first if isinstance(first, (Traced, np.ndarray)) and is_mask(first) and alone else None


@method("take")
@implements(np.take)
@copies
def take(
    a: Any, indices: Any, axis: int | None = None, out: Any = None, mode: str = "raise"
) -> Any:
    """`np.take`: an index outside the axis raises, is clipped, or wraps around."""
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
    return gather_axis(a, axis, in_mode(places, a.shape[axis], mode))


def in_mode(places: Any, extent: int, mode: str) -> Any:
    """Indices brought inside an axis as `mode` says."""
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
    places = along_axis(arr, indices, normalize_axis(axis, arr.ndim))
    return gather(arr, range(arr.ndim), places)


def along_axis(arr: Any, indices: Any, axis: int) -> list[Any]:
    """An index array for each axis: `indices` along one, in step along the others."""
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
    return places


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
    if any_traced(condition):
        raise UnsupportedError(
            "compress by a traced condition: the size of the result is not known", hint=REMEDY
        )
    (a,) = lift_each(a)
    condition = fixed(condition)
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
    which = lift(innermost((a, choices)), a)
    if which.dtype.kind not in "biu":
        raise IndexingError(
            f"choose: the choices are numbered by integers, got {which.value!r}",
            hint="convert with .astype(np.int64), or write np.where(condition, x, y)",
        )
    (which, *listed) = lift_each(which, *choices)
    dtype = common_dtype(choices)
    listed = [astype(choice, dtype) for choice in listed]
    shape = broadcast_shapes(which.shape, *(choice.shape for choice in listed))
    stacked = np.stack([broadcast_to(choice, shape) for choice in listed])
    picked = take_along_axis(
        stacked, broadcast_to(in_mode(which, len(listed), mode), shape)[None], 0
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
        flat = flat * extent + in_mode(place, extent, how)
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
