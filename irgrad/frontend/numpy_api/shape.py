"""Other shapes of the same elements: reshape, transpose, broadcast. All are views."""

from __future__ import annotations

import math
import operator
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from irgrad.errors import ArgumentError, OptionError, ShapeError, UnsupportedError
from irgrad.frontend.known import settled
from irgrad.frontend.memory import is_contiguous, reshapes_in_place
from irgrad.frontend.promote import lift_each
from irgrad.frontend.registry import implements, method
from irgrad.frontend.sharing import copied, copies
from irgrad.ir.builder import Traced
from irgrad.ir.types import broadcast_shapes, drop_axes, normalize_axes, normalize_axis
from irgrad.ops import linear
from irgrad.ops import shape as ops
from irgrad.ops.linear import broadcast_to


def extents(shape: Any) -> tuple[int, ...]:
    """A shape argument, an int or a sequence of ints that are not negative, as a tuple."""
    found = integers(shape)
    if min(found, default=0) < 0:
        raise ShapeError(f"negative dimensions are not allowed: {found}")
    return found


def integers(shape: Any) -> tuple[int, ...]:
    """An int or a sequence of ints as a tuple; an `ArgumentError` for anything else."""
    shape = settled(shape)
    several = shape.value.type.shape if isinstance(shape, Traced) else isinstance(shape, Iterable)
    items: Any = shape if several else (shape,)
    try:
        return tuple(map(operator.index, items))
    except TypeError:
        raise ArgumentError(
            f"an int or a sequence of ints is expected, got {shape!r}",
            hint="write n // 2 for half of an int",
        ) from None


def axes_in_order(axes: Any, ndim: int) -> tuple[int, ...]:
    """An axis argument, an int or a sequence of ints, as distinct axes counted from 0."""
    listed = tuple(normalize_axis(axis, ndim) for axis in integers(axes))
    if len(set(listed)) != len(listed):
        raise ShapeError(
            f"an axis stands twice in {axes}", hint="-1 is the last axis by another name"
        )
    return listed


def resolve_shape(shape: Any, size: int) -> tuple[int, ...]:
    """The shape argument of `reshape` with -1 replaced by what fits `size` elements."""
    wanted = integers(shape)
    known = math.prod(extent for extent in wanted if extent != -1)
    if wanted.count(-1) > 1:
        raise ShapeError(
            f"reshape: only one extent can be -1, got {wanted}", hint="say the others as numbers"
        )
    if -1 in wanted and known and size % known == 0:
        wanted = tuple(size // known if extent == -1 else extent for extent in wanted)
    if min(wanted, default=0) < 0 or math.prod(wanted) != size:
        open_ = -1 in wanted
        raise ShapeError(
            f"cannot reshape an array of size {size} into shape {wanted}, "
            + (f"whose other extents make {known}" if open_ else f"which has size {known}"),
            hint=f"{size} must be a multiple of the product of the other extents"
            if open_
            else "the sizes must be equal; an extent of -1 becomes what is left",
        )
    return wanted


def element_order(order: Any) -> str:
    """An order argument, of either case; None is C order."""
    wanted = "C" if order is None else str(order).upper()
    if wanted not in ("C", "F", "A", "K"):
        raise OptionError(f"order must be one of 'C', 'F', 'A' or 'K', got {order!r}")
    return wanted


def reshaped(x: Any, shape: tuple[int, ...], order: str) -> Any:
    """`x` with its elements read and placed in C or Fortran order."""
    wanted = element_order(order)
    if wanted in ("A", "K") and sum(extent != 1 for extent in x.shape) > 1 and x.size:
        raise UnsupportedError(
            f"order={order!r} reads the elements as they lie in memory, which is not part of a "
            "traced value",
            hint="say order='C' or order='F'",
        )
    if wanted != "F":
        return linear.reshape(x, shape)
    return reverse_axes(linear.reshape(reverse_axes(x), shape[::-1]))


def reverse_axes(x: Any) -> Any:
    """`x` with its axes in reverse order."""
    return ops.transpose(x, range(x.ndim)[::-1])


@implements(np.reshape)
def reshape(a: Any, shape: Any, order: str = "C", *, copy: bool | None = None) -> Any:
    """`np.reshape`."""
    (a,) = lift_each(a)
    if element_order(order) == "K":
        raise OptionError("order 'K' is not permitted for reshaping", hint="say 'C' or 'F'")
    wanted = resolve_shape(shape, a.size)
    result = reshaped(a, wanted, order)
    shares = reshapes_in_place(a, wanted, element_order(order))
    if copy is False and not shares:
        raise ShapeError("reshape: unable to avoid creating a copy while reshaping")
    return copied(result) if copy or not shares else result


@method("reshape")
def reshape_method(self: Any, *shape: Any, order: str = "C", copy: bool | None = None) -> Any:
    """`x.reshape(2, 3)` or `x.reshape((2, 3))`."""
    return reshape(self, shape[0] if len(shape) == 1 else shape, order, copy=copy)


@method("ravel")
@implements(np.ravel)
def ravel(a: Any, order: str = "C") -> Any:
    """`np.ravel`: one axis."""
    (a,) = lift_each(a)
    flat = reshaped(a, (a.size,), order)
    return flat if is_contiguous(a, element_order(order)) else copied(flat)


@method("flatten")
@copies
def flatten(self: Any, order: str = "C") -> Any:
    """`x.flatten()`: one axis, a copy."""
    return ravel(self, order)


@implements(np.transpose, np.permute_dims)
def transpose(a: Any, axes: Any = None) -> Any:
    """`np.transpose`."""
    (a,) = lift_each(a)
    if axes is None:
        return reverse_axes(a)
    order = axes_in_order(axes, a.ndim)
    if len(order) != a.ndim:
        raise ShapeError(
            f"transpose: axes {axes} do not match an array of {a.ndim} axes",
            hint="name each axis once, or use np.swapaxes or np.moveaxis",
        )
    return ops.transpose(a, order)


@method("transpose")
def transpose_method(self: Any, *axes: Any) -> Any:
    """`x.transpose(1, 0)` or `x.transpose((1, 0))`."""
    return transpose(self, axes[0] if len(axes) == 1 else axes or None)


@method("T", attribute=True)
def transposed(self: Any) -> Any:
    """`x.T`."""
    return reverse_axes(self)


@method("mT", attribute=True)
@implements(np.matrix_transpose, np.linalg.matrix_transpose)
def matrix_transpose(x: Any, /) -> Any:
    """The last two axes swapped."""
    if x.ndim < 2:
        raise ShapeError(
            f"matrix transpose needs 2 axes, got {x.ndim}", hint="x[:, None] makes x a column"
        )
    return swapaxes(x, -1, -2)


@method("swapaxes")
@implements(np.swapaxes)
def swapaxes(a: Any, axis1: int, axis2: int) -> Any:
    """`np.swapaxes`."""
    (a,) = lift_each(a)
    order = list(range(a.ndim))
    one, two = normalize_axis(axis1, a.ndim), normalize_axis(axis2, a.ndim)
    order[one], order[two] = two, one
    return ops.transpose(a, order)


@implements(np.moveaxis)
def moveaxis(a: Any, source: Any, destination: Any) -> Any:
    """`np.moveaxis`."""
    (a,) = lift_each(a)
    sources, places = axes_in_order(source, a.ndim), axes_in_order(destination, a.ndim)
    if len(sources) != len(places):
        raise ShapeError(
            "moveaxis: source and destination must have the same number of axes, got "
            f"{len(sources)} and {len(places)}",
            hint="each axis of source goes to the place in destination",
        )
    order = [axis for axis in range(a.ndim) if axis not in sources]
    for place, axis in sorted(zip(places, sources, strict=True)):
        order.insert(place, axis)
    return ops.transpose(a, order)


@implements(np.rollaxis)
def rollaxis(a: Any, axis: int, start: int = 0) -> Any:
    """`np.rollaxis`."""
    (a,) = lift_each(a)
    axis = normalize_axis(axis, a.ndim)
    start = normalize_axis(start, a.ndim + 1) if start != -a.ndim - 1 else 0
    return moveaxis(a, axis, start - 1 if axis < start else start)


@implements(np.expand_dims)
def expand_dims(a: Any, axis: Any) -> Any:
    """`np.expand_dims`."""
    (a,) = lift_each(a)
    count = len(integers(axis))
    new = axes_in_order(axis, a.ndim + count)
    kept = iter(a.shape)
    return linear.reshape(a, [1 if i in new else next(kept) for i in range(a.ndim + count)])


@method("squeeze")
@implements(np.squeeze)
def squeeze(a: Any, axis: Any = None) -> Any:
    """`np.squeeze`."""
    (a,) = lift_each(a)
    if axis is None:
        gone = tuple(i for i, extent in enumerate(a.shape) if extent == 1)
    else:
        gone = normalize_axes(axis, a.ndim)
    if any(a.shape[i] != 1 for i in gone):
        extents_there = ", ".join(str(a.shape[i]) for i in gone)
        raise ShapeError(
            f"squeeze: axis {axis} must be of size 1, got {extents_there}",
            hint="x[0] takes an element along an axis, np.sum(x, axis) adds along it",
        )
    return linear.reshape(a, drop_axes(a.shape, gone))


@implements(np.broadcast_to)
def broadcast_to_(array: Any, shape: Any, subok: bool = False) -> Any:
    """`np.broadcast_to`."""
    (array,) = lift_each(array)
    return broadcast_to(array, extents(shape))


@implements(np.broadcast_arrays)
def broadcast_arrays(*args: Any, subok: bool = False) -> tuple[Any, ...]:
    """`np.broadcast_arrays`."""
    arrays = lift_each(*args)
    shape = broadcast_shapes(*(x.shape for x in arrays))
    return tuple(broadcast_to(x, shape) for x in arrays)


@implements(np.atleast_1d)
def atleast_1d(*arys: Any) -> Any:
    """`np.atleast_1d`."""
    return _each(arys, lambda shape: shape or (1,))


@implements(np.atleast_2d)
def atleast_2d(*arys: Any) -> Any:
    """`np.atleast_2d`: new axes come first."""
    return _each(arys, lambda shape: (1,) * (2 - len(shape)) + shape)


@implements(np.atleast_3d)
def atleast_3d(*arys: Any) -> Any:
    """`np.atleast_3d`: (n,) becomes (1, n, 1), and (m, n) becomes (m, n, 1)."""
    return _each(arys, lambda shape: ((1,) * (2 - len(shape)) + shape + (1,))[: max(3, len(shape))])


def _each(arrays: Sequence[Any], shape_of: Any) -> Any:
    results = tuple(linear.reshape(x, shape_of(x.shape)) for x in lift_each(*arrays))
    return results[0] if len(results) == 1 else results
