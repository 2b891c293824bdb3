"""Writing into arrays: `x[...] = y` in full, and the functions and methods that change an array."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any, NoReturn

import numpy as np

from irgrad.errors import DTypeError, IndexingError, ShapeError, UnsupportedError
from irgrad.frontend.bounded import Bounded
from irgrad.frontend.compaction import spread
from irgrad.frontend.guards import fixed
from irgrad.frontend.masked import Selection, packed, same
from irgrad.frontend.numpy_api.flat import flat_of
from irgrad.frontend.numpy_api.indexing import (
    Advanced,
    along_axis,
    basic_steps,
    in_mode,
    lone_mask,
    read_items,
)
from irgrad.frontend.numpy_api.joining import resize
from irgrad.frontend.promote import any_traced, common_dtype, innermost, kind, lift
from irgrad.frontend.registry import FUNCTIONS, implements, method
from irgrad.frontend.subscript import Selected, separated, settled
from irgrad.frontend.tracer import Tracer
from irgrad.frontend.view import (
    Step,
    step_of,
    steps_between,
    within_reach,
    write,
    write_result,
)
from irgrad.ir.builder import Traced
from irgrad.ir.op import Op
from irgrad.ir.types import I64, ArrayType, Shape, broadcast_shapes, normalize_axis
from irgrad.ops.base import bind
from irgrad.ops.cast import astype
from irgrad.ops.create import iota
from irgrad.ops.index import Nonzero, gather, scatter_add, update_at
from irgrad.ops.linear import broadcast_to, reshape
from irgrad.ops.select import where
from irgrad.ops.shape import Slice


def setitem(x: Any, index: Any, new: Any) -> None:
    """`x[index] = new`."""
    index = settled(index)
    mask = lone_mask(index)
    scalar = not isinstance(new, (list, tuple, Selection)) and np.ndim(new) == 0
    if mask is not None and (scalar or isinstance(mask, Traced) or isinstance(new, Selection)):
        return write_masked(x, mask, new)
    items = read_items(x, index)
    if any(isinstance(item, Selected) for item in items):
        place = Advanced.of(x, items, separated(index))
        return (
            None if place.is_view and _is_written(x, place.steps, new) else write_at(x, place, new)
        )
    steps = basic_steps(items, x.shape)
    if _is_written(x, list(map(step_of, steps)), new):
        return None
    write(x, replaced(x, steps, lambda part: fitted(x, new, part.shape)))
    return None


FUNCTIONS["setitem"] = setitem


def _is_written(x: Any, steps: list[Step], new: Any) -> bool:
    """Whether `x[i] += y` wrote through the view x[i], here `new`, already."""
    return isinstance(new, Tracer) and new.window is not None and steps_between(new, x) == steps


def fitted(x: Any, new: Any, shape: Shape) -> Any:
    """`new` as a traced array with the dtype of `x` and `shape`, as an assignment converts it."""
    y = converted(x, new)
    while y.ndim > len(shape) and y.shape[0] == 1:
        y = reshape(y, y.shape[1:])
    try:
        fits = broadcast_shapes(y.shape, shape) == shape
    except ShapeError:
        fits = False
    if not fits:
        raise ShapeError(
            f"could not broadcast input array from shape {y.shape} into shape {shape}",
            hint="what is assigned must fit the place: x[i] = y[i], x[:, :1] = y[:, None]",
        )
    return broadcast_to(y, shape)


def converted(x: Any, new: Any) -> Any:
    """`new` as a traced value with the dtype of `x`."""
    builder = innermost((x, new))
    found = np.asarray(new).dtype if not any_traced(new) else None
    if isinstance(new, Traced):
        found = new.value.type.dtype
    if found is not None and found.kind == "c" and x.dtype.kind not in "cb":
        raise DTypeError(
            f"assignment of {found} into an array of {x.dtype} drops the imaginary part",
            hint="use .real, or make the array complex",
        )
    y = lift(builder, new, x.dtype)
    within_reach(x, y)
    return y


def replaced(x: Any, steps: Sequence[Op], part: Any) -> Any:
    """`x` after a write to what `steps` make of it: what `part` makes of that type."""
    types = [ArrayType(x.dtype, x.shape)]
    for step in steps:
        types += step.result_types(types[-1])
    new = part(types[-1])
    for place in reversed(range(len(steps))):
        held: Any = types[place]  # moves need to know no more of their operand than its shape
        if isinstance(steps[place], Slice):
            held = x
            for step in steps[:place]:
                held = bind(step, held)
        new = steps[place].overwrite(held, new)
    return new


def write_at(x: Any, place: Advanced, new: Any) -> None:
    """`x[...] = new` with integer arrays among the subscripts; of equal places the last counts."""
    holder = x
    for step in place.before:
        holder = bind(step, holder)
    extents = [holder.shape[axis] for axis in place.axes]
    distinct = are_distinct(place.indices, extents)
    if place.indices[0].ndim or not any(isinstance(step, Slice) for step in place.after):
        taken = place.indices[0].shape + tuple(
            n for axis, n in enumerate(holder.shape) if axis not in place.axes
        )
        blank: Any = _Blank(x.dtype, taken)
    else:
        blank = gather(holder, place.axes, place.indices)
    picked = replaced(blank, place.after, lambda part: fitted(x, new, part.shape))
    updated = update_at(holder, picked, place.axes, place.indices, distinct)
    write(x, replaced(x, place.before, lambda part: updated))


class _Blank:
    """A dtype and a shape, where no numbers are needed."""

    def __init__(self, dtype: Any, shape: Shape) -> None:
        self.dtype = dtype
        self.shape = shape


def are_distinct(indices: Sequence[Any], extents: Sequence[int]) -> bool:
    """Whether index arrays are known to name no place twice."""
    nodes = [index.value.node for index in indices]
    if not indices[0].ndim or indices[0].size < 2:
        return True
    if len(nodes) == 1 and isinstance(nodes[0].op, Nonzero):
        return True
    known = [index.value.constant for index in indices]
    if any(array is None for array in known):
        return False
    flat = np.zeros(indices[0].size, np.int64)
    for array, extent in zip(known, extents, strict=True):
        flat = flat * extent + np.ravel(array).astype(np.int64) % max(extent, 1)
    return np.unique(flat).size == flat.size


def write_masked(x: Any, mask: Any, new: Any) -> None:
    """`x[mask] = new` with a mask that is known only when the program runs."""
    if tuple(mask.shape) != x.shape[: np.ndim(mask)]:
        raise IndexingError(
            f"boolean index of shape {mask.shape} did not match the array of shape {x.shape}"
        )
    mask = lift(innermost((x, mask)), mask)
    if isinstance(new, Selection) and same(new.mask.value, mask.value):
        y = fitted(x, new.filled, x.shape)
    else:
        y = _placed(x, mask, packed(new))
    places = reshape(mask, mask.shape + (1,) * (x.ndim - mask.ndim))
    write(x, where(places, y, x))


def _placed(x: Any, mask: Any, new: Any) -> Any:
    """What is to be in the true places, with the shape of `x`: a row for each of them, or the same
    for all.
    """
    inner = x.shape[mask.ndim :]
    chosen = new if isinstance(new, Bounded) else converted(x, new)
    bounded = isinstance(chosen, Bounded)
    if chosen.ndim <= len(inner) or not (bounded or chosen.shape[0] != 1):
        return fitted(x, fitted(x, chosen, inner), x.shape)
    rows = chosen.base if bounded else chosen
    at = spread(chosen, mask)
    if not rows.shape[0]:  # a place to look at, and the program stops if anyone does
        rows = np.zeros((1, *rows.shape[1:]), rows.dtype)
    return fitted(x, gather(rows, (0,), [at]), x.shape)


# functions that write


def _array(name: str, x: Any) -> Any:
    """The array that is written to; one that holds only numbers cannot hold traced values."""
    if isinstance(x, Traced):
        return x
    raise UnsupportedError(
        f"{name}: an in-place write of a traced value into a constant NumPy array",
        hint="build the array with np.stack, np.where or np.zeros_like of a traced value",
    )


@implements(np.copyto)
def copyto(dst: Any, src: Any, casting: Any = "same_kind", where: Any = True) -> None:
    """`np.copyto`."""
    _array("copyto", dst)
    found = common_dtype((dst, src)) if type(src) in (int, float, complex) else kind(src)
    found = np.dtype(found)
    if not np.can_cast(found, dst.dtype, casting=casting):
        raise DTypeError(f"copyto: cannot cast from {found} to {dst.dtype} with rule '{casting}'")
    y = fitted(dst, src, dst.shape)
    write(dst, y if where is True else np.where(where, y, dst))


@method("fill")
def fill(self: Any, value: Any) -> None:
    """`x.fill(value)`."""
    write(self, fitted(self, value, self.shape))


@method("put")
@implements(np.put)
def put(a: Any, ind: Any, v: Any, mode: str = "raise") -> None:
    """`np.put`: elements of the flat array, `v` over and over."""
    _array("put", a)
    places: Any = ind if isinstance(ind, Traced) else np.asarray(ind, np.int64)
    if not places.size:
        return
    if mode != "raise":
        places = in_mode(places, a.size, mode)
    values = converted(a, v)
    flat_of(a)[np.ravel(places)] = resize(values, (places.size,))


@implements(np.place)
def place(arr: Any, mask: Any, vals: Any) -> None:
    """`np.place`: the true places in C order, `vals` over and over."""
    _array("place", arr)
    builder = innermost((arr, mask, vals))
    values = np.ravel(converted(arr, vals))
    if not values.size:
        raise ShapeError("place: cannot insert from an empty array")
    chosen = astype(lift(builder, mask), np.dtype(bool))
    count = np.cumsum(np.ravel(chosen)) - 1
    picked = gather(values, (0,), [np.remainder(count, values.size)])
    write(arr, where(reshape(chosen, arr.shape), reshape(picked, arr.shape), arr))


@implements(np.putmask)
def putmask(a: Any, mask: Any, values: Any) -> None:
    """`np.putmask`: `values`, over and over, at the true places."""
    _array("putmask", a)
    chosen = astype(lift(innermost((a, mask, values)), mask), np.dtype(bool))
    y = resize(converted(a, values), a.shape)
    write(a, where(reshape(chosen, a.shape), y, a))


@implements(np.put_along_axis)
def put_along_axis(arr: Any, indices: Any, values: Any, axis: int | None) -> None:
    """`np.put_along_axis`: along one axis at indices, in step along the others."""
    _array("put_along_axis", arr)
    if axis is None:
        setitem(flat_of(arr), np.ravel(indices), values)
        return
    places = along_axis(arr, lift(arr.builder, indices), normalize_axis(axis, arr.ndim))
    setitem(arr, tuple(places), values)


@implements(np.fill_diagonal)
def fill_diagonal(a: Any, val: Any, wrap: bool = False) -> None:
    """`np.fill_diagonal`: the main diagonal, `val` over and over."""
    _array("fill_diagonal", a)
    if a.ndim < 2 or (a.ndim > 2 and len(set(a.shape)) > 1):
        raise ShapeError(f"fill_diagonal: needs a matrix, or axes of one extent, got {a.shape}")
    step = 1 + sum(math.prod(a.shape[:axis]) for axis in range(1, a.ndim))
    end = a.size
    if a.ndim == 2:
        step = a.shape[1] + 1
        end = a.size if wrap else min(a.size, a.shape[1] * a.shape[1])
    count = len(range(0, end, step))
    values = resize(converted(a, val), (count,))
    flat_of(a)[:end:step] = values


@method("sort")
def sort(self: Any, axis: int = -1, *args: Any, **kwargs: Any) -> None:
    """`x.sort()`: in place."""
    write_result("sort", self, np.sort(self, axis, *args, **kwargs))


@method("partition")
def partition(self: Any, kth: Any, axis: int = -1, *args: Any, **kwargs: Any) -> None:
    """`x.partition(k)`: in place."""
    write_result("partition", self, np.partition(self, kth, axis, *args, **kwargs))


def _refuse(name: str, remedy: str) -> None:
    def refused(self: Any, *args: Any, **kwargs: Any) -> NoReturn:
        raise UnsupportedError(f"ndarray.{name} is not supported on traced values", hint=remedy)

    method(name)(refused)


_refuse("resize", "use np.resize(x, shape), which returns a new array")
_refuse("setfield", "assign to the elements")


# ufunc.at


def _numbers_of(a: Any) -> Any:
    """The numbers of all elements of an array, under its name, which errors tell."""
    numbers: Any = np.reshape(iota(a, I64, (a.size,), 0), a.shape)
    numbers.value.call(a.value.name)
    return numbers


def at(ufunc: np.ufunc, a: Any, indices: Any, b: Any = None) -> None:
    """`ufunc.at`: `a[i] = ufunc(a[i], b[i])` one after the other, so that equal places add up."""
    _array(f"{ufunc.__name__}.at", a)
    mask = lone_mask(settled(indices))
    items = [] if isinstance(mask, Traced) else read_items(a, indices)
    if not any(isinstance(item, Selected) for item in items):  # no place comes twice
        operands = (a[indices],) if ufunc.nin == 1 else (a[indices], b)
        a[indices] = ufunc(*operands)
        return
    numbers = np.arange(a.size).reshape(a.shape)
    adds = ufunc in (np.add, np.subtract)
    entries = indices if isinstance(indices, tuple) else (indices,)
    if not adds:
        indices = tuple(map(fixed, entries))
    arrays = any(isinstance(entry, np.ndarray) for entry in entries)  # read anew at each call
    known = not any_traced(indices) and not (adds and arrays)
    places = np.ravel((numbers if known else _numbers_of(a))[indices])
    shape = np.shape(numbers[indices]) if known else _index_shape(a, items, indices)
    values = None if b is None else np.ravel(np.broadcast_to(b, shape))
    flat = flat_of(a)
    if adds:
        added = lift(a.builder, values)
        summed = scatter_add(added, (0,), flat.shape, [lift(a.builder, places)])
        whole = a.dtype.kind in "iu" and added.dtype.kind in "biu"  # cast without asking, as NumPy
        casting = "unsafe" if whole else "same_kind"
        write_result(f"{ufunc.__name__}.at", flat, ufunc(flat, summed), casting)
        return
    for chosen in _rounds(places) if known else range(places.size):
        here = places[chosen]
        operands = () if values is None else (values[chosen],)
        flat[here] = ufunc(flat[here], *operands)


def _index_shape(a: Any, items: Any, indices: Any) -> Shape:
    return Advanced.of(a, items, separated(indices)).read(a).shape


def _rounds(places: Any) -> Iterator[Any]:
    """Positions in `places`, those of a place that comes again in a later round."""
    seen: dict[int, int] = {}
    turns = np.zeros(places.size, int)
    for position, place in enumerate(places.tolist()):
        turns[position] = seen[place] = seen.get(place, -1) + 1
    for turn in range(turns.max(initial=-1) + 1):
        yield np.flatnonzero(turns == turn)


FUNCTIONS["at"] = at
