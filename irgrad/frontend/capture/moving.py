"""Views that move: a variable that names `A[i - 1]` before a step of a loop and `A[i]` after it, or
`A[i]` after one branch and `A[0]` after the other, shows one array through the same windows at
other places. What a loop carries, or a branch chooses, is the places."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from irgrad.frontend.numpy_api.indexing import taken
from irgrad.frontend.tracer import Tracer
from irgrad.frontend.view import View
from irgrad.ir.op import Op
from irgrad.ir.types import I64, drop_axes
from irgrad.ops.base import bind
from irgrad.ops.index import Gather
from irgrad.ops.linear import Reshape
from irgrad.ops.shape import Slice


class Shown:
    """A view by what it shows: the array at the bottom, the windows on it from there on, and their
    places.
    """

    def __init__(self, root: Any, windows: Sequence[Op], places: Sequence[Any]) -> None:
        self.root, self.windows, self.places = root, tuple(windows), list(places)

    def at_first(self) -> Shown:
        """The same at the first places that there are."""
        return Shown(self.root, self.windows, [np.int64(0)] * len(self.places))

    def handle(self) -> Any:
        """A handle that is this view."""
        made, places = self.root, iter(self.places)
        for op in self.windows:
            if isinstance(op, Gather):
                made = taken(made, op.axes, [next(places) for _ in op.axes])
            else:
                made = bind(op, made)
        return made


def moved(*handles: Any) -> list[Shown] | None:
    """Several views as one that moves; None where they are not of one array, through the same
    windows.
    """
    found = [shown(handle) for handle in handles]
    views = [one for one in found if one is not None and all(map(_is_number, one.places))]
    if len(views) < len(found):
        return None
    first, *others = views
    same = all(x.root is first.root and x.windows == first.windows for x in others)
    return views if same else None


def shown(handle: Any) -> Shown | None:
    """A handle as a view at places; None where it is not a view of one array at any."""
    views: list[View] = []
    while isinstance(handle, Tracer) and isinstance(handle.window, View):
        views.append(handle.window)
        handle = handle.window.parent
    if not views or getattr(handle, "window", None) is not None:
        return None
    windows: list[Op] = []
    places: list[Any] = []
    for view in reversed(views):
        before = windows[-1] if windows else None
        cut = _at_places(before, view) if isinstance(before, Slice) else None
        if cut is not None:
            windows[-1:] = cut[0]
            places += cut[1]
        else:
            windows.append(view.op)
            places += [x.builder.wrap(x.builder, x.value) for x in view.places]
    return Shown(handle, windows, places) if places else None


def _is_number(place: Any) -> bool:
    return place.dtype == I64 and not place.shape


def _at_places(cut: Slice, view: View) -> tuple[list[Op], list[Any]] | None:
    """Ints in a subscript, as `A[2]`, which cuts an axis and drops it, in the way that traced ones
    are taken: at places.
    """
    inner = view.parent.window
    if not isinstance(view.op, Reshape) or not isinstance(inner, View) or inner.op is not cut:
        return None
    extents = inner.parent.shape
    bounds = list(zip(cut.start, cut.stop, cut.step, strict=True))
    axes = [k for k, (at, end, _) in enumerate(bounds) if end - at == 1 < extents[k]]
    if not axes or drop_axes(view.parent.shape, axes) != view.op.shape:
        return None
    rest = tuple(bound for k, bound in enumerate(bounds) if k not in axes)
    whole = rest == tuple((0, extent, 1) for extent in drop_axes(extents, axes))
    windows: list[Op] = [Gather(tuple(axes))]
    if not whole:
        windows.append(Slice(*zip(*rest, strict=True)))
    return windows, [np.int64(cut.start[axis]) for axis in axes]


__all__ = ["Shown", "moved", "shown"]
