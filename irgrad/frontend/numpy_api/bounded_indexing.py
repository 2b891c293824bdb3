"""Subscripts with slices whose bounds are traced, and subscripts of what they give.

A slice of step 1 stays where it lies, and so does one of step -1: its elements change places inside
the bounds. Other steps take their elements out of the axis, to places from 0 on. A slice that is
known to have a number of elements, such as `x[i : i + 3]` where `i` is known to be inside, is an
array like any other. All of these are views."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from irgrad.errors import DTypeError, IndexingError, ShapeError, UnsupportedError
from irgrad.frontend.bounded import (
    FUNCTIONS,
    Bounded,
    Bounds,
    Cuts,
    exact,
    extent_of,
    match,
    moved,
    places,
    same_places,
    wrapped,
)
from irgrad.frontend.guards import fixed
from irgrad.frontend.integers import (
    greatest,
    interval,
    interval_of_difference,
    least,
    limit,
    minus,
    plus,
)
from irgrad.frontend.known import settled
from irgrad.frontend.masked import Selection, packed
from irgrad.frontend.numpy_api.assignment import converted
from irgrad.frontend.numpy_api.assignment import setitem as set_known
from irgrad.frontend.numpy_api.bounded_arrays import (
    expanded,
    has_index_array,
    read_places,
    write_places,
)
from irgrad.frontend.numpy_api.indexing import getitem as get_known
from irgrad.frontend.numpy_api.indexing import taken
from irgrad.frontend.promote import lift
from irgrad.frontend.tracer import Tracer
from irgrad.frontend.view import root_of, steps_between, write
from irgrad.ir.builder import Traced
from irgrad.ir.types import I64
from irgrad.ops.linear import broadcast_to, reshape
from irgrad.ops.shape import Flip, transpose


class Stride(NamedTuple):
    """Elements `first`, `first + step`, ..., `count` of them, along an axis of the result."""

    axis: int
    first: Any
    step: int
    count: Any


class Cut(NamedTuple):
    """A subscript: what to take of the base, the bounds of the result's axes, and what is left to
    do for steps other than 1.
    """

    entries: tuple[Any, ...]
    cuts: Cuts
    strides: list[Stride]


def has_traced_bound(index: Any) -> bool:
    """Whether a subscript has a slice with a bound that is traced."""
    entries = index if isinstance(index, tuple) else (index,)
    return any(
        isinstance(entry, slice)
        and any(isinstance(x, Traced) for x in (entry.start, entry.stop, entry.step))
        for entry in entries
    )


def with_known_bounds(index: Any) -> Any:
    """A subscript in which slices have ints for traced bounds whose numbers are known."""
    if isinstance(index, tuple):
        return tuple(map(with_known_bounds, index))
    if not has_traced_bound(index):
        return index
    return slice(*(_known(bound) for bound in (index.start, index.stop, index.step)))


def _known(bound: Any) -> Any:
    found = settled(bound)
    return int(found) if isinstance(found, np.ndarray) and found.dtype.kind in "iu" else found


# the parts of a subscript


def cut_of(x: Any, index: Any) -> Cut:
    """The parts of a subscript of `x`, a traced array or a bounded one."""
    ends = x.cut if isinstance(x, Bounded) else lambda axis: None
    base = x.base if isinstance(x, Bounded) else x
    entries = list(index) if isinstance(index, tuple) else [index]
    used = sum(entry is not None and entry is not Ellipsis for entry in entries)
    if used > base.ndim:
        raise IndexingError(
            f"too many indices: the array has {base.ndim} axes, but {used} were indexed"
        )
    if not any(entry is Ellipsis for entry in entries):
        entries.append(Ellipsis)
    at = next(k for k, entry in enumerate(entries) if entry is Ellipsis)
    entries[at : at + 1] = [slice(None)] * (base.ndim - used)
    taken_: list[Any] = []
    cuts: dict[int, Bounds] = {}
    strides: list[Stride] = []
    axis = result = 0
    for entry in entries:
        if entry is None:
            taken_.append(None)
            result += 1
            continue
        end, extent = ends(axis), base.shape[axis]
        if isinstance(entry, slice):
            if end is None and not has_traced_bound(entry):
                taken_.append(entry)
            else:
                taken_.append(slice(None))
                bounds, stride = _sliced(entry, end or Bounds(0, extent), result)
                cuts[result] = bounds
                strides += [stride] if stride else []
            result += 1
        else:
            taken_.append(_place(entry, end, extent, axis))
        axis += 1
    return Cut(tuple(taken_), {a - result: bounds for a, bounds in cuts.items()}, strides)


def _place(entry: Any, end: Bounds | None, extent: int, axis: int) -> Any:
    """One position on an axis, or on what its bounds leave of it."""
    whole = isinstance(entry, (int, np.integer)) and not isinstance(entry, (bool, np.bool_))
    if isinstance(entry, Traced):
        whole = entry.value.type.dtype.kind in "iu" and not entry.value.type.shape
    if not whole:
        raise UnsupportedError(
            "an index array, a mask or a list beside slices whose bounds are known only when the "
            "program runs",
            hint="index in two steps, the array first: x[rows][:, :k]",
        )
    if end is None:
        return entry
    entry = entry if isinstance(entry, Traced) else int(entry)
    count = end.extent
    low, high = interval(entry)
    if low >= 0 and interval_of_difference(count, entry)[0] > 0:
        return plus(end.low, entry)
    if high < 0 and interval(plus(count, entry))[0] >= 0:
        return plus(end.high, entry)
    nowhere = extent + 1 + np.absolute(entry)
    at = np.where(plus(count, entry) >= 0, plus(end.high, entry), nowhere)
    ahead = np.where(plus(entry, 0) < count, plus(end.low, entry), nowhere)
    return ahead if low >= 0 else at if high < 0 else np.where(entry >= 0, ahead, at)


def _sliced(entry: slice, end: Bounds, axis: int) -> tuple[Bounds, Stride | None]:
    """The bounds of a slice of what lies inside `end`, and the step where it is not 1."""
    step = 1 if entry.step is None else settled(entry.step)
    if isinstance(step, Traced):
        raise UnsupportedError(
            "a slice with a traced step",
            hint="use an index array: x[start + step * np.arange(n)]",
        )
    step = int(step)
    if not step:
        raise IndexingError("slice step cannot be zero")
    count = end.extent
    if step > 0:
        start = _clamped(entry.start, count, 0, 0)
        stop = _clamped(entry.stop, count, 0, count)
    else:
        start = plus(_clamped(entry.start, count, -1, minus(count, 1)), 1)
        stop = plus(_clamped(entry.stop, count, -1, -1), 1)
        start, stop = stop, start
    stop = greatest(stop, start)
    bounds = Bounds(plus(end.low, start), plus(end.low, stop))
    if step == 1:
        return bounds, None
    many = bounds.extent
    if abs(step) > 1:
        many = (plus(many, abs(step) - 1)) // abs(step)
    first = bounds.low if step > 0 else minus(bounds.high, 1)
    return bounds, Stride(axis, first, step, many)


def _clamped(bound: Any, count: Any, floor: int, default: Any) -> Any:
    """A bound as Python counts it, brought to `floor` ... count (count - 1 where floor is -1)."""
    if bound is None:
        return default
    if isinstance(bound, Traced):
        if bound.value.type.dtype.kind not in "iu" or bound.value.type.shape:
            raise DTypeError(
                f"slice indices must be integers, got {bound.value!r}",
                hint="convert with int(...), or .astype(np.int64) where it is traced",
            )
        bound = lift(bound.builder, bound, I64)
    else:
        bound = fixed(bound).__index__()
    low, high = interval(bound)
    last = plus(count, floor)
    if low >= 0:
        return least(bound, last)
    behind = greatest(plus(bound, count), floor)
    if high < 0:
        return behind
    return np.where(bound < 0, behind, least(bound, last))


# reading


def getitem(x: Any, index: Any) -> Any:
    """`x[index]` where a bound of `x` or of a slice is traced: a view."""
    index = packed(with_known_bounds(index))
    if has_index_array(index):
        return read_places(*_sliced_first(x, index))
    if isinstance(index, (Bounded, list)) or (isinstance(index, Traced) and index.ndim):  # pyright: ignore[reportAttributeAccessIssue]
        return _by_array(x, index)
    return _cut(x, index)


def _sliced_first(x: Any, index: Any) -> tuple[Any, Any]:
    """`x` cut by the slices of a subscript, and what is left of the subscript."""
    entries = expanded(index, x.ndim)
    slices = tuple(e if isinstance(e, slice) else slice(None) for e in entries if e is not None)
    if any(entry != slice(None) for entry in slices):
        x = _cut(x, slices)
    return x, tuple(slice(None) if isinstance(e, slice) else e for e in entries)


def _cut(x: Any, index: Any) -> Any:
    cut = cut_of(x, index)
    base = get_known(x.base if isinstance(x, Bounded) else x, cut.entries)
    if not cut.cuts:
        return base
    result: Any = Bounded(base, _limited(cut.cuts))
    for stride in cut.strides:
        result = _strided(result, stride)
    for axis, bounds in list(cut.cuts.items()):
        if isinstance(result, Bounded):
            result = _settled(result, axis, bounds)
    return result


def _limited(cuts: Cuts) -> Cuts:
    """The bounds, known to be no less than 0."""
    for bounds in cuts.values():
        for bound in bounds.traced:
            low, high = interval(bound)
            if low < 0:
                limit(bound, 0, high)
    return cuts


def _settled(x: Bounded, axis: int, bounds: Bounds) -> Any:
    """An array whose extent along an axis is known, without its bounds there."""
    bounds = x.cuts[axis]
    count, extent, place = bounds.extent, x.base.shape[axis], x.ndim + axis
    if isinstance(count, Traced):
        return x
    base = x.base
    if not isinstance(bounds.low, Traced):
        if (bounds.low, count) != (0, extent):
            cut = slice(bounds.low, bounds.low + count)
            base = get_known(base, (slice(None),) * place + (cut,))
    else:
        base = _taken_along(base, place, places(x, count) + bounds.low)
    left = {a: cut for a, cut in x.cuts.items() if a != axis}
    return Bounded(base, left) if left else base


def _strided(x: Bounded, stride: Stride) -> Bounded:
    """The elements of a slice with a step, from the place 0 on; of step -1 where they lie."""
    place, first, step, count = stride
    axis, extent = place - x.ndim, x.base.shape[place]
    bounds = x.cuts[axis]
    if step == -1:
        if not bounds.traced and tuple(bounds) == (0, extent):
            return Bounded(_flipped(x.base, place), x.cuts)
        at = minus(plus(bounds.low, bounds.high), 1) - places(x, extent)
        base = _taken_along(x.base, place, wrapped(at, extent)) if extent else x.base
        return Bounded(base, x.cuts)
    many = -(-extent // abs(step))
    if step > 0 and not isinstance(first, Traced):
        base = get_known(x.base, (slice(None),) * place + (slice(first, None, step),))
    elif extent:
        at = places(x, many) * step + first
        base = _taken_along(x.base, place, np.remainder(at, extent))
    else:
        base = x.base
    return Bounded(base, {**x.cuts, axis: Bounds(0, count)})


def _flipped(base: Any, place: int) -> Any:
    return base.builder.bind(Flip((place,)), [base])


def _taken_along(base: Any, axis: int, at: Any) -> Any:
    """A view of distinct places along an axis."""
    order = [*range(1, axis + 1), 0, *range(axis + 1, base.ndim)]
    found = taken(base, (axis,), [at])
    return transpose(found, order) if axis else found


def _by_array(x: Any, index: Any) -> Any:
    """`x[mask]` where an extent of the array or of the mask is traced."""
    index = np.asarray(index) if isinstance(index, list) else index
    pair = [x, index]
    if index.ndim == 1:
        match(pair, [-x.ndim, -1])
    one, other = pair
    if isinstance(one, Bounded) and isinstance(other, Bounded) and same_places(one, other):
        return Selection.of(one.filled(), other.filled(False))
    if isinstance(one, Bounded) or isinstance(other, Bounded):
        (other if isinstance(other, Bounded) else one).refuse("indexing by such a mask")
    return one[other]


# writing


def setitem(x: Any, index: Any, new: Any) -> None:
    """`x[index] = new` where a bound of `x`, of a slice or of `new` is traced."""
    index, new = packed((with_known_bounds(index), new))
    if isinstance(x, Bounded) and isinstance(index, Bounded) and index.dtype == bool:
        assign(x, np.where(index, new, x))
        return
    if has_index_array(index):
        write_places(*_sliced_first(x, index), new)
        return
    if not isinstance(x, Bounded) and not has_traced_bound(index):
        shape = get_known(x, index).shape
        set_known(x, index, fit(new, shape))
        return
    target = _cut(x, index)
    if isinstance(target, Bounded):
        if not _is_written(target, new):
            assign(target, new)
    elif target.ndim:
        if not (isinstance(new, Tracer) and new.window and _same_view(target, new)):
            target[...] = fit(new, target.shape) if isinstance(new, Bounded) else new
    else:
        base = x.base if isinstance(x, Bounded) else x
        set_known(base, cut_of(x, index).entries, new)


def _is_written(target: Bounded, new: Any) -> bool:
    """Whether `x[:k] += y` wrote through the slice already, which is now assigned to itself."""
    return (
        isinstance(new, Bounded)
        and same_places(target, new)
        and (new.base is target.base or _same_view(target.base, new.base))
    )


def _same_view(one: Any, other: Any) -> bool:
    root = root_of(one)
    if one is root or root_of(other) is not root:
        return False
    steps = steps_between(one, root)
    return steps is not None and steps == steps_between(other, root)


def assign(target: Bounded, new: Any, name: str = "", casting: bool = True) -> None:
    """Write into the places inside; by `name`, that of an in-place operator, with its casting
    rule.
    """
    if name and not np.can_cast(new.dtype, target.dtype, "same_kind"):
        raise DTypeError(
            f"{name}: cannot cast the result from {new.dtype} to {target.dtype} with casting rule "
            "'same_kind'",
            hint=f"write x = x + ... for x += ..., or make the array one of {new.dtype}",
        )
    target, found = placed(target, new)
    value = converted(target.base, found)
    while value.ndim > target.ndim and value.shape[0] == 1:
        value = reshape(value, value.shape[1:])
    value = broadcast_to(value, target.base.shape)
    write(target.base, np.where(target.inside, value, target.base))


def placed(target: Bounded, new: Any) -> tuple[Bounded, Any]:
    """`target`, with bounds checked to have as many places as `new`; and `new` with its elements at
    these places, with axes of extent 1 to be broadcast.
    """
    if isinstance(new, (list, tuple)):
        new = lift(target.builder, new)
    cuts = dict(target.cuts)
    for axis in range(-target.ndim, 0):
        own = new.cuts.get(axis) if isinstance(new, Bounded) else None
        if axis not in cuts:
            new = new if own is None else exact(new, axis, target.base.shape[axis])
        elif own is not None or extent_of(new, axis) != 1:
            if own is None:
                new = _with_bounds(lift(target.builder, new), axis)
            pair = [target, new]
            match(pair, [axis, axis])
            cuts[axis] = pair[0].cuts[axis]
            new = _refitted(pair[1], axis, target.base.shape[axis])
    return Bounded(target.base, cuts), new.base if isinstance(new, Bounded) else new


def _with_bounds(new: Any, axis: int) -> Bounded:
    """An array with all of an axis for its bounds."""
    base, cuts = (new.base, new.cuts) if isinstance(new, Bounded) else (new, {})
    return Bounded(base, {**cuts, axis: Bounds(0, base.shape[axis])})


def _refitted(x: Bounded, axis: int, extent: int) -> Bounded:
    """`x`, which lies where it is to, in an axis of another extent."""
    return x if x.base.shape[axis] == extent else moved(x, axis, x.cuts[axis].low, extent)


def fit(new: Any, shape: Sequence[int]) -> Any:
    """A bounded array with the known extents that it is to have; the program stops where it has
    others.
    """
    if not isinstance(new, Bounded):
        return new
    result: Any = new
    for axis in list(new.cuts):
        if -axis > len(shape):
            raise ShapeError(
                f"could not broadcast an array of {new.ndim} axes into shape {tuple(shape)}"
            )
        result = exact(result, axis, shape[axis])
    return result


FUNCTIONS["getitem"], FUNCTIONS["setitem"] = getitem, setitem
FUNCTIONS["assign"], FUNCTIONS["placed"] = assign, placed
