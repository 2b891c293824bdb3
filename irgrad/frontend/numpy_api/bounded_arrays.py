"""Index arrays where extents are known only when the program runs: `x[cols]` with a slice for
`cols`, `x[lo:hi][rows]`, and writes to such places.

Places outside the bounds of an index array name no element. They read a place that is there, since
what they give lies outside the result too; and they write what the last of the elements inside
writes, to the same place, so that they change nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from irgrad.errors import IndexingError, UnsupportedError
from irgrad.frontend.bounded import FUNCTIONS, Bounded, Bounds, Cuts, ndim_of, places, together
from irgrad.frontend.integers import minus, plus
from irgrad.frontend.numpy_api.assignment import fitted
from irgrad.frontend.numpy_api.assignment import setitem as set_known
from irgrad.frontend.numpy_api.indexing import getitem as get_known
from irgrad.frontend.pick import gather_axis
from irgrad.frontend.promote import innermost, lift
from irgrad.frontend.subscript import consumed, is_mask, separated
from irgrad.ir.builder import Traced
from irgrad.ir.types import I64
from irgrad.ops.index import gather
from irgrad.ops.linear import broadcast_to


def is_index_array(entry: Any) -> bool:
    """Whether a part of a subscript is an array of integers, bounded or not."""
    if isinstance(entry, Bounded):
        return entry.dtype.kind in "iu"
    array: Any = entry if isinstance(entry, (list, np.ndarray, Traced)) else None
    return array is not None and not is_mask(array) and np.ndim(array) > 0


def has_index_array(index: Any) -> bool:
    """Whether a subscript has an array of integers in it."""
    return any(map(is_index_array, index if isinstance(index, tuple) else (index,)))


def has_bounded(index: Any) -> bool:
    """Whether a subscript has an array whose extent is traced in it."""
    entries = index if isinstance(index, tuple) else (index,)
    return any(isinstance(entry, Bounded) for entry in entries)


class Places(NamedTuple):
    """A subscript with index arrays: what to take of the base, the axes of the base that arrays and
    ints index, and the bounds of the index arrays' own axes and of the result's.
    """

    entries: tuple[Any, ...]
    own: Cuts
    cuts: Cuts
    first: int
    rank: int


def places_of(x: Any, index: Any) -> Places:
    """The parts of a subscript of `x`, traced or bounded, whose slices are full ones."""
    base, entries = _base(x), expanded(index, x.ndim)
    axes = [axis for axis, entry in _with_axes(entries) if not isinstance(entry, slice)]
    arrays, own = together(
        [_absolute(x, axis, entry) for axis, entry in _with_axes(entries) if axis in axes]
    )
    flat = [_inside(base.builder, one) for one in arrays]
    rank = max(map(ndim_of, arrays))
    put = iter(flat)
    taken = tuple(
        entry if entry is None or isinstance(entry, slice) else next(put) for entry in entries
    )
    at = next(
        k for k, entry in enumerate(entries) if entry is not None and not isinstance(entry, slice)
    )
    first = 0 if separated(taken) else at
    # the axes of the result: new and whole ones, with those of the arrays from `first` on
    result: list[Bounds | None] = [
        None if entry is None else x.cut(axis) if isinstance(x, Bounded) else None
        for axis, entry in _with_axes(entries, True)
        if entry is None or isinstance(entry, slice)
    ]
    result[first:first] = [own.get(axis) for axis in range(-rank, 0)]
    cuts = {k - len(result): cut for k, cut in enumerate(result) if cut is not None}
    return Places(taken, own, cuts, first, rank)


def _base(x: Any) -> Any:
    return x.base if isinstance(x, Bounded) else x


def expanded(index: Any, ndim: int) -> list[Any]:
    """A subscript with full slices for its ellipsis, and for the axes that it leaves out."""
    entries = list(index) if isinstance(index, tuple) else [index]
    used = sum(map(consumed, entries))
    if used > ndim:
        raise IndexingError(f"too many indices: the array has {ndim} axes, but {used} were indexed")
    if not any(entry is Ellipsis for entry in entries):
        entries.append(Ellipsis)
    at = next(k for k, entry in enumerate(entries) if entry is Ellipsis)
    entries[at : at + 1] = [slice(None)] * (ndim - used)
    return entries


def _with_axes(entries: Sequence[Any], new: bool = False) -> list[tuple[int, Any]]:
    """The entries with the axis of the array that each indexes; those of new axes where asked."""
    found: list[tuple[int, Any]] = []
    axis = 0
    for entry in entries:
        if entry is not None or new:
            found.append((axis, entry))
        axis += entry is not None
    return found


def _absolute(x: Any, axis: int, entry: Any) -> Any:
    """An index as places of the base; one that is outside of what the bounds leave of the axis is
    outside of the axis too.
    """
    if not isinstance(entry, Bounded):
        entry = lift(x.builder, entry)
    cut = x.cut(axis) if isinstance(x, Bounded) else None
    if cut is None:
        return entry
    at = entry.base if isinstance(entry, Bounded) else entry
    at = lift(innermost([at, x.base]), at, I64)
    nowhere = x.base.shape[axis] + 1
    ahead = np.where(at < cut.extent, plus(at, cut.low), nowhere)
    behind = np.where(at + cut.extent >= 0, plus(at, cut.high), nowhere)
    found = np.where(at >= 0, ahead, behind)
    return entry.like(found) if isinstance(entry, Bounded) else found


def _inside(builder: Any, at: Any) -> Any:
    return at.filled(0) if isinstance(at, Bounded) else at


def read_places(x: Any, index: Any) -> Any:
    """`x[index]` with index arrays, where an extent of one or of `x` is traced: a copy."""
    found = places_of(x, index)
    base = get_known(_base(x), found.entries)
    return Bounded(base, found.cuts) if found.cuts else base


def write_places(x: Any, index: Any, new: Any) -> None:
    """`x[index] = new` with index arrays, where an extent of one, of `x` or of `new` is traced."""
    found = places_of(x, index)
    base = _base(x)
    old = get_known(base, found.entries)
    target, value = FUNCTIONS["placed"](Bounded(old, found.cuts), new)
    value = fitted(base, value, old.shape)
    arrays = range(found.first - old.ndim, found.first + found.rank - old.ndim)
    whole = {axis: cut for axis, cut in target.cuts.items() if axis not in arrays}
    if whole:
        value = np.where(Bounded(old, whole).inside, value, old)
    entries = found.entries
    if found.own:
        entries, value = _repeated(found, old, value)
    set_known(base, entries, value)


def _repeated(found: Places, old: Any, value: Any) -> tuple[tuple[Any, ...], Any]:
    """The index arrays and what is written, with the last element inside in places outside; where
    there is none, with what the first place holds.
    """
    if found.rank > 1:
        raise UnsupportedError(
            "assignment to places given by an index array of several axes, one of an extent that "
            "is known only when the program runs",
            hint="assign row by row in a loop",
        )
    (cut,) = found.own.values()
    extent = old.shape[found.first]
    at = places(value, extent)
    empty = np.equal(cut.extent, 0)
    inside = np.logical_and(at >= cut.low, at < cut.high)
    chosen = np.where(inside, at, np.where(empty, 0, minus(cut.high, 1)))
    entries = tuple(
        entry
        if entry is None or isinstance(entry, slice) or not np.ndim(entry)
        else gather(broadcast_to(entry, (extent,)), (0,), [chosen])
        for entry in found.entries
    )
    return entries, np.where(empty, old, gather_axis(value, found.first, chosen))


def add_at(ufunc: np.ufunc, a: Any, indices: Any, b: Any) -> None:
    """`np.add.at(a, indices, b)` and `np.subtract.at`, the same: outside, a 0 is added."""
    found = places_of(a, indices)
    old = get_known(_base(a), found.entries)
    target, value = FUNCTIONS["placed"](Bounded(old, found.cuts), b)
    value = np.where(target.inside, fitted(old, value, old.shape), 0)
    ufunc.at(_base(a), found.entries, value)


FUNCTIONS["at"] = add_at
