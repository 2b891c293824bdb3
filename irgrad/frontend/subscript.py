"""Subscripts: what stands between the brackets of `x[...]`, read by NumPy's rules.

`read` gives one `Item` for each axis that the result or the array has, with static parts checked
against the shape. Ints are basic indices, and join the advanced ones in deciding where their result
goes; so do boolean scalars, which index a new axis of extent 1."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from irgrad.errors import IndexingError, IndexOutOfBounds, UnsupportedError
from irgrad.frontend.guards import fixed
from irgrad.frontend.known import known
from irgrad.frontend.promote import any_traced, lift
from irgrad.ir.builder import Traced
from irgrad.ir.types import Shape
from irgrad.ops.base import bind
from irgrad.ops.index import Nonzero


class Whole(NamedTuple):
    """`start:stop:step` with 0 <= start <= stop; `flipped` where the step was negative."""

    start: int
    stop: int
    step: int = 1
    flipped: bool = False


class Position(NamedTuple):
    """One index, which drops its axis."""

    place: int


class NewAxis(NamedTuple):
    """`np.newaxis`, which consumes no axis."""


class Selected(NamedTuple):
    """An integer array over `axes` merged axes: none for a bool, several for a mask."""

    indices: Any
    axes: int = 1


Item = Whole | Position | NewAxis | Selected
REMEDY = "use np.where(mask, x, fill), or reductions of x[mask] alone"


def read(builder: Any, index: Any, shape: Shape) -> list[Item]:
    """The items of a subscript of an array of `shape`; constants go to `builder`."""
    entries = list(index) if isinstance(index, tuple) else [index]
    used = sum(consumed(entry) for entry in entries)
    if used > len(shape):
        axes = f"{len(shape)} {'axis' if len(shape) == 1 else 'axes'}"
        raise IndexingError(
            f"too many indices: the array has {axes}, but {used} were indexed",
            hint="None in a subscript adds an axis",
        )
    if sum(entry is Ellipsis for entry in entries) > 1:
        raise IndexingError(
            "an index can only have a single ellipsis ('...')", hint="write : for one axis"
        )
    if not any(entry is Ellipsis for entry in entries):
        entries.append(Ellipsis)
    items: list[Item] = []
    axis = 0
    for entry in entries:
        if entry is Ellipsis:
            left_out = range(axis, axis + len(shape) - used)
            items += [Whole(0, shape[a]) for a in left_out]
            axis += len(left_out)
        else:
            items.append(_item(builder, entry, shape, axis))
            axis += consumed(entry)
    return items


def settled(index: Any) -> Any:
    """A subscript with the masks and scalars in it that depend on no argument as numbers."""
    return tuple(map(_settled, index)) if isinstance(index, tuple) else _settled(index)


def _settled(entry: Any) -> Any:
    if not isinstance(entry, Traced):
        return entry
    mask, shape = entry.value.type.dtype.kind == "b", entry.value.type.shape
    numbers = known(entry) if mask or not shape else None
    if numbers is None:
        return entry
    return numbers if mask else numbers[()]


def separated(index: Any) -> bool:
    """Whether something basic stands between the advanced indices and ints of a subscript."""
    entries = index if isinstance(index, tuple) else (index,)
    places = [
        i
        for i, entry in enumerate(entries)
        if entry is not None and entry is not Ellipsis and not isinstance(entry, slice)
    ]
    return bool(places) and places[-1] - places[0] + 1 != len(places)


def is_mask(entry: Any) -> bool:
    """Whether an index is a boolean array (traced or not, a list too)."""
    if isinstance(entry, Traced):
        return entry.value.type.dtype == bool
    if isinstance(entry, (list, tuple)):
        return not any_traced(entry) and len(entry) > 0 and np.asarray(entry).dtype == bool
    return isinstance(entry, (bool, np.bool_)) or (
        isinstance(entry, np.ndarray) and entry.dtype == bool
    )


def consumed(entry: Any) -> int:
    """How many axes of the array an entry indexes."""
    if entry is None or entry is Ellipsis:
        return 0
    return np.ndim(entry) if is_mask(entry) else 1


def _item(builder: Any, entry: Any, shape: Shape, axis: int) -> Item:
    if entry is None:
        return NewAxis()
    if is_mask(entry):
        return _mask(builder, entry, shape, axis)
    if isinstance(entry, slice):
        bounds = map(fixed, (entry.start, entry.stop, entry.step))
        return whole(slice(*bounds), shape[axis])
    if isinstance(entry, (Traced, list, tuple, np.ndarray)) and not _is_scalar(entry):
        return _selected(builder, entry, shape, axis)
    return _position(fixed(entry), shape, axis)


def _is_scalar(entry: Any) -> bool:
    return isinstance(entry, np.ndarray) and entry.ndim == 0 and entry.dtype.kind in "iu"


def whole(entry: slice, extent: int) -> Whole:
    """A slice of an axis, with positive step."""
    start, stop, step = entry.indices(extent)
    count = len(range(start, stop, step))
    if not count:
        return Whole(0, 0)
    last = start + (count - 1) * step
    return (
        Whole(start, last + 1, step)
        if step > 0
        else Whole(last, start + 1, -step, flipped=count > 1)
    )


def _position(entry: Any, shape: Shape, axis: int) -> Position:
    try:
        index = entry.__index__()
    except (AttributeError, TypeError):
        raise IndexingError(
            "only integers, slices (`:`), ellipsis (`...`), np.newaxis (`None`) and integer or "
            f"boolean arrays are valid indices, got {entry!r}",
            hint=_integer_for(entry),
        ) from None
    _check(index, index, shape[axis], axis)
    return Position(index % shape[axis])


def _integer_for(entry: Any) -> str:
    if isinstance(entry, str):
        return "pass a dict of arrays, whose entries have names"
    if isinstance(entry, float):
        return f"write {int(entry)}, or n // 2 for a half"
    return "int(i) or i.astype(np.int64) converts"


def _check(low: int, high: int, extent: int, axis: int) -> None:
    for index in (low, high):
        if not -extent <= index < extent:
            raise IndexOutOfBounds.of(index, axis, extent)


def _selected(builder: Any, entry: Any, shape: Shape, axis: int) -> Selected:
    if isinstance(entry, (list, tuple)) and not any_traced(entry):
        array = _integers(np.asarray(entry), entry)
        if array.size:
            _check(int(array.min()), int(array.max()), shape[axis], axis)
        return Selected(builder.wrap(builder, builder.constant(array)))
    if isinstance(entry, np.ndarray):
        _integers(entry, entry)
    indices = lift(builder, entry)
    if indices.dtype.kind not in "iu":
        raise IndexingError(
            f"an index must be of integers or bools, got {indices.value!r}",
            hint="convert with .astype(np.int64)",
        )
    return Selected(indices)


def _integers(array: np.ndarray[Any, Any], entry: Any) -> np.ndarray[Any, Any]:
    if isinstance(entry, (list, tuple)) and not array.size:
        return array.astype(np.int64)
    if array.dtype.kind not in "iu":
        raise IndexingError(
            f"arrays used as indices must be of integers or bools, got dtype {array.dtype}",
            hint="convert with .astype(np.int64)",
        )
    return array


def _mask(builder: Any, mask: Any, shape: Shape, axis: int) -> Selected:
    """A mask whose count is known becomes the flat indices of its true places."""
    if isinstance(mask, Traced):
        raise UnsupportedError(
            "a traced mask among other indices: the number of selected elements is not known",
            hint=REMEDY,
        )
    known = np.asarray(mask)
    for offset, (got, extent) in enumerate(zip(known.shape, shape[axis:], strict=False)):
        if got != extent and got:  # NumPy lets an empty mask stand on any axis
            raise IndexingError(
                f"boolean index did not match the array along axis {axis + offset}: "
                f"the axis has size {extent}, the mask {got}",
                hint="a mask has the shape of the leading axes; make it of the array itself",
            )
    if isinstance(mask, np.ndarray) and mask.ndim:
        places = bind(Nonzero(int(np.count_nonzero(mask))), lift(builder, mask))
    else:
        places = builder.wrap(builder, builder.constant(np.flatnonzero(known)))
    return Selected(places, known.ndim)


def merged_shape(items: list[Item], shape: Shape) -> Iterator[int]:
    """The shape in which each item but new axes consumes exactly one axis."""
    axis = 0
    for item in items:
        if isinstance(item, NewAxis):
            continue
        count = item.axes if isinstance(item, Selected) else 1
        extent = 1
        for a in range(axis, axis + count):
            extent *= shape[a]
        yield extent
        axis += count
