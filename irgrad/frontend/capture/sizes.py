"""Arrays with a traced size: `np.zeros(k)`, `np.arange(k)`. What the size is at most must be known,
as of the index of a loop."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

import numpy as np

from irgrad.errors import UnsupportedError
from irgrad.frontend.bounded import Bounded, Bounds, places
from irgrad.frontend.capture.demand import demand
from irgrad.frontend.capture.handles import handle_on
from irgrad.frontend.decisions import decided_integer
from irgrad.frontend.integers import greatest, interval, minus, plus
from irgrad.frontend.known import known, settled
from irgrad.frontend.promote import innermost
from irgrad.ir.builder import Traced

NO_SIZE = 2**40
"""No array has so many elements: a limit as large says nothing."""


def _is_unknown(x: Any) -> bool:
    return isinstance(x, Traced) and not x.value.type.shape and known(x) is None


def sized(shape: Any, whole: Callable[[Any], Any]) -> Any:
    """What `whole` makes of a shape, in which extents may be traced."""
    shape = settled(shape)
    several = isinstance(shape, (tuple, list)) or getattr(shape, "ndim", 0)
    listed = [_decided(extent) for extent in (shape if several else (shape,))]
    if not any(map(_is_unknown, listed)):
        return whole(tuple(listed))
    cuts = {
        place - len(listed): Bounds(0, _extent(extent))
        for place, extent in enumerate(listed)
        if _is_unknown(extent)
    }
    return Bounded(whole(tuple(map(_most, listed))), cuts)


def _extent(extent: Any) -> Any:
    """A traced extent, of which the program sees that it is not negative."""
    if interval(extent)[0] < 0:
        demand(extent >= 0, lambda: ValueError("negative dimensions are not allowed"))
    return greatest(extent, 0)


def _decided(extent: Any) -> Any:
    """An extent that nothing limits, as a Python int where the numbers of a call are at hand."""
    extent = settled(extent)
    if not _is_unknown(extent) or interval(extent)[1] < NO_SIZE:
        return extent
    number = decided_integer(extent)
    return extent if number is None else number


def counted(start: Any, stop: Any = None, step: Any = 1, dtype: Any = None, **rest: Any) -> Any:
    """`np.arange` with traced integers for bounds."""
    start, stop = map(_decided, (0, start) if stop is None else (start, stop))
    if not any(isinstance(x, Traced) for x in (start, stop, step)):
        given: Any = (start, stop, step, dtype)
        return handle_on(np.arange(*given, **rest))
    whole = all(
        np.asarray(x).dtype.kind in "iu"
        if not isinstance(x, Traced)
        else x.value.type.dtype.kind in "iu"
        for x in (start, stop, step)
    )
    if not whole or isinstance(step, Traced) or rest:
        _refuse("np.arange of traced numbers")
    ahead = minus(stop, start)
    count = greatest(ahead if step == 1 else -(-ahead // step), 0)
    here = innermost([x for x in (start, stop) if isinstance(x, Traced)])
    most = count if not isinstance(count, Traced) else _most(count)
    numbers = places(here.wrap(here, here.constant(np.zeros(()))), most)
    line = plus(numbers if step == 1 else numbers * step, start)
    line = line if dtype is None else line.astype(dtype)
    return Bounded(line, {-1: Bounds(0, count)}) if isinstance(count, Traced) else line


def _most(extent: Any) -> Any:
    """The greatest that an extent can be."""
    if not _is_unknown(extent):
        return extent
    high = interval(extent)[1]
    if high >= NO_SIZE or extent.value.type.dtype.kind not in "iu":
        _refuse(f"an array of a traced size ({extent.value!r})")
    return max(high, 0)


def _refuse(what: str) -> NoReturn:
    raise UnsupportedError(
        f"{what}: how large it can be is not known while the function is lowered",
        hint="pass a Python int, or make it as large as it can be and use x[:k]",
    )
