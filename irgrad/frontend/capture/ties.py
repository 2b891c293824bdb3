"""Variables that name one array, or parts of it, after a step of a loop.

A loop carries the numbers of each by itself. That is the same as long as no step writes to one of
them; after the loop they are names of one array again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from irgrad.errors import TraceError
from irgrad.frontend.capture.handles import builder
from irgrad.frontend.site import call_site
from irgrad.frontend.tracer import Tracer
from irgrad.frontend.view import View, one_of, root_of, roots_of

Tie = Callable[[list[Any]], Any]
"""From the handles on what a loop gives, each by itself, to one that shares memory with others."""


def ties(
    names: Sequence[str],
    handles: Sequence[Any],
    written: Sequence[bool],
    before: Sequence[Any] | None,
) -> dict[int, Tie]:
    """How the variables that have these handles after a step are tied; `written` are those whose
    array a step writes to. Where there may be no step they have those `before`, and are tied if
    they then name the same array.
    """
    found: dict[int, Tie] = {}
    for places in _sharing(handles):
        together = " and ".join(repr(names[k]) for k in places)
        if any(written[k] for k in places):
            raise TraceError(
                f"{together} name one array after a step of the loop, and a step writes to it",
                location=call_site().location,
                hint="bind a .copy(), or write x[...] = y",
            )
        for k in places:
            found[k] = _tie(k, handles, places, together, before)
    return found


def _sharing(handles: Sequence[Any]) -> list[list[int]]:
    by_root: dict[int, list[int]] = {}
    for k, handle in enumerate(handles):
        for root in roots_of(handle) if isinstance(handle, Tracer) and handle.ndim else ():
            by_root.setdefault(id(root), []).append(k)
    return [places for places in by_root.values() if len(places) > 1]


def _tie(k: int, handles: Sequence[Any], places: Sequence[int], together: str, before: Any) -> Tie:
    first = next(j for j in places if handles[j] is handles[k])
    changes = before is not None and any(before[j] is not before[k] for j in places)
    if first < k and not changes:
        return lambda made: made[first]
    windows, root = _windows(handles[k])
    whole = next((j for j in places if handles[j] is root), None)
    uncertain = changes or any(root_of(handles[j]).window is not None for j in places)
    if uncertain or whole is None or any(view.places for view in windows):
        return lambda made: one_of(made[k], [], together)
    return lambda made: _shown(made[k], made[whole], windows)


def _windows(handle: Any) -> tuple[list[View], Any]:
    """The views through which a handle shows its root, the root's own first; and the root."""
    windows: list[View] = []
    while isinstance(handle.window, View):
        windows.append(handle.window)
        handle = handle.window.parent
    return windows[::-1], root_of(handle)


def _shown(made: Any, parent: Any, windows: Sequence[View]) -> Any:
    """A handle on the numbers of `made` as a view of `parent`."""
    for view in windows:
        here = builder()
        each = here.bind(view.op, [parent]) if view is not windows[-1] else made
        each.show(parent, view.op)
        parent = each
    return parent


__all__ = ["Tie", "ties"]
