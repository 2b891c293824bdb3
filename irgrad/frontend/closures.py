"""Traced values that functions can reach without being given them, and giving them others."""

from __future__ import annotations

import functools
from collections.abc import Generator, Iterable, Sequence
from contextlib import contextmanager, suppress
from types import FunctionType, MethodType
from typing import Any

from irgrad.frontend.capture.state import is_object
from irgrad.frontend.tracer import Tracer

MOST = 10_000


def traced_within(items: Iterable[Any]) -> list[Tracer]:
    """The handles that functions close over, hold as defaults, or reach through what these hold, of
    traces that still go on.
    """
    seen: dict[int, Any] = {}
    found: list[Tracer] = []
    work = list(items)[::-1]
    while work and len(seen) < MOST:
        item = work.pop()
        if id(item) in seen:
            continue
        seen[id(item)] = item
        if isinstance(item, Tracer):
            if not item.builder.closed:
                found.append(item)
        else:
            work += _held(item)
    return found


def _held(item: Any) -> list[Any]:
    if isinstance(item, FunctionType):
        cells: list[Any] = []
        for cell in item.__closure__ or ():
            with suppress(ValueError):  # it has no value yet
                cells.append(cell.cell_contents)
        return [*cells, *(item.__defaults__ or ()), *(item.__kwdefaults__ or {}).values()]
    if isinstance(item, MethodType):
        return [item.__self__, item.__func__]
    if isinstance(item, functools.partial):
        return [item.func, *item.args, *item.keywords.values()]
    if isinstance(item, dict):
        return list(item.values())
    if isinstance(item, (list, tuple, set)):
        return list(item)
    return list(vars(item).values()) if is_object(item) else []


@contextmanager
def standing_for(handles: Sequence[Tracer], others: Sequence[Any]) -> Generator[None]:
    """Let handles stand for other traced values of their types."""
    before = [(x.owner, x.version, x.window) for x in handles]
    for x, other in zip(handles, others, strict=True):
        x.owner, x.version, x.window = other.owner, other.version, None
    try:
        yield
    finally:
        for x, (owner, version, window) in zip(handles, before, strict=True):
            x.owner, x.version, x.window = owner, version, window
