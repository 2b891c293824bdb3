"""Masks that are known only when the program runs beside other indices, `x[i, mask]`, and the
places that they name, `np.nonzero(mask)`."""

from __future__ import annotations

from typing import Any

import numpy as np

from irgrad.errors import IndexingError
from irgrad.frontend.bounded import FUNCTIONS, Bounded, ndim_of
from irgrad.frontend.compaction import true_places
from irgrad.frontend.known import known
from irgrad.frontend.masked import packed
from irgrad.frontend.numpy_api.assignment import setitem as set_known
from irgrad.frontend.numpy_api.bounded_arrays import expanded, has_bounded
from irgrad.frontend.numpy_api.bounded_indexing import has_traced_bound, with_known_bounds
from irgrad.frontend.numpy_api.indexing import getitem as get_known
from irgrad.frontend.numpy_api.indexing import lone_mask
from irgrad.frontend.promote import lift
from irgrad.frontend.registry import FUNCTIONS as OF_TRACERS
from irgrad.frontend.registry import implements, method
from irgrad.frontend.subscript import consumed, is_mask, settled
from irgrad.ir.builder import Traced
from irgrad.ir.types import BOOL


def is_mixed(index: Any) -> bool:
    """Whether a subscript has a traced mask beside other indices."""
    return (
        isinstance(index, tuple)
        and any(isinstance(entry, Traced) and is_mask(entry) for entry in index)
        and any(isinstance(entry, Traced) and is_mask(entry) for entry in settled(index))
        and lone_mask(index) is None
    )


def read_mixed(x: Any, index: Any) -> Any:
    """`x[index]`."""
    view = _leading(x, index)
    if view is not None:
        return OF_TRACERS["getitem"](*view)
    return FUNCTIONS["getitem"](x, _by_places(x, index))


def write_mixed(x: Any, index: Any, new: Any) -> None:
    """`x[index] = new`."""
    view = _leading(x, index)
    if view is not None:
        OF_TRACERS["setitem"](*view, new)
    else:
        FUNCTIONS["setitem"](x, _by_places(x, index), packed(new))


def _leading(x: Any, index: Any) -> tuple[Any, Any] | None:
    """The view of which the mask is the whole subscript, and the mask; None where it stands on
    another axis than the first that is left, or beside arrays.
    """
    entries = expanded(settled(index), x.ndim)
    found = [k for k, entry in enumerate(entries) if isinstance(entry, Traced) and is_mask(entry)]
    if not found:
        return None
    at = found[0]
    basic = [isinstance(entry, (slice, type(None))) for entry in entries]
    others = [entries[k] for k in range(len(entries)) if k != at and not basic[k]]
    if any(basic[:at]) or any(map(ndim_of, others)):
        return None
    mask: Any = entries[at]
    entries[at : at + 1] = [slice(None)] * mask.ndim
    return x[tuple(entries)], mask


def _by_places(x: Any, index: Any) -> Any:
    """A subscript with the true places in place of each mask."""
    entries: list[Any] = []
    axis = 0
    for entry in expanded(settled(index), x.ndim):
        mask: Any = entry if isinstance(entry, Traced) and is_mask(entry) else None
        if mask is not None and mask.shape != x.shape[axis : axis + mask.ndim]:
            raise IndexingError(
                f"boolean index did not match the array along axis {axis}: the axes have shape "
                f"{x.shape[axis : axis + mask.ndim]}, the mask {mask.shape}"
            )
        entries += [entry] if mask is None else true_axes(mask)
        axis += consumed(entry)
    return tuple(entries)


def true_axes(mask: Any) -> tuple[Any, ...]:
    """`np.nonzero` of a traced mask."""
    flat: Any = true_places(mask)
    axes: list[Any] = []
    for extent in mask.shape[:0:-1]:
        axes.append(flat % extent)
        flat = flat // extent
    return (flat, *axes[::-1])


def _holds(a: Any) -> Any:
    """A condition as numbers where they are known, else as a traced mask."""
    a = packed(a)
    if isinstance(a, Bounded):
        return a.astype(BOOL).filled(False)
    numbers = known(a)
    return lift(a.builder, a).astype(BOOL) if numbers is None else numbers


@method("nonzero")
@implements(np.nonzero)
def nonzero(a: Any) -> Any:
    """`np.nonzero`: arrays of a traced extent where the numbers are not known."""
    holds = _holds(a)
    return true_axes(holds) if isinstance(holds, Traced) else np.nonzero(holds)


@implements(np.flatnonzero)
def flatnonzero(a: Any) -> Any:
    """`np.flatnonzero`, of a traced extent where the numbers are not known."""
    holds = _holds(a)
    return true_places(holds) if isinstance(holds, Traced) else np.flatnonzero(holds)


@implements(np.argwhere)
def argwhere(a: Any) -> Any:
    """`np.argwhere`, of a traced extent where the numbers are not known."""
    holds = _holds(a)
    if not isinstance(holds, Traced):
        return np.argwhere(holds)
    axes = true_axes(holds)
    return Bounded(np.stack([axis.base for axis in axes], axis=-1), {-2: axes[0].cuts[-1]})


FUNCTIONS |= {np.nonzero: nonzero, np.flatnonzero: flatnonzero, np.argwhere: argwhere}


# subscripts, whatever is in them


def _read(x: Any, index: Any) -> Any:
    index = with_known_bounds(packed(index))
    if is_mixed(index):
        return read_mixed(x, index)
    traced = has_traced_bound(index) or has_bounded(index)
    return FUNCTIONS["getitem"](x, index) if traced else get_known(x, index)


def _write(x: Any, index: Any, new: Any) -> None:
    index = with_known_bounds(packed(index))
    mask = lone_mask(index)
    if mask is None:
        new = packed(new)
    if is_mixed(index):
        write_mixed(x, index, new)
    elif isinstance(mask, Traced) or not any(
        (has_traced_bound(index), has_bounded(index), isinstance(new, Bounded))
    ):
        set_known(x, index, new)
    else:
        FUNCTIONS["setitem"](x, index, packed(new))


OF_TRACERS["getitem"], OF_TRACERS["setitem"] = _read, _write
