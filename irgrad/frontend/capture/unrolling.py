"""A warning where loops that cannot be loop ops make very many nodes, while they do: which loop,
and why."""

from __future__ import annotations

import warnings

from irgrad.errors import IrgradError, Location
from irgrad.frontend.capture.source import MANY_NODES
from irgrad.frontend.site import call_site
from irgrad.ir.builder import CURRENT

_told: set[Location | None] = set()


def watch(reason: Exception | None) -> None:
    """To be called after each step of a loop that unrolls; `reason` is why it is no loop op, if it
    was tried.
    """
    here = CURRENT.get()
    if here is None or len(here.nodes) < MANY_NODES or reason is None:
        return
    location = call_site().location
    if location in _told or "told" in here.notes:
        return
    _told.add(location)
    here.notes["told"] = True
    place = "" if location is None else f" at {location.file}:{location.line}"
    warnings.warn(
        f"the loop{place} unrolls, {len(here.nodes):,} nodes so far, since it cannot be a loop of "
        f"the program: {_written(reason)}",
        stacklevel=2,
    )


def _written(reason: Exception) -> str:
    if not isinstance(reason, IrgradError):
        return str(reason)
    place = reason.location and f" (line {reason.location.line})"
    return f"{reason.message}{place or ''}; {reason.hint}" if reason.hint else reason.message
