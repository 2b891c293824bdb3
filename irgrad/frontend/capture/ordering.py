"""`sorted`, `list.sort` and `bisect`, of traced numbers or by traced keys."""

from __future__ import annotations

import bisect
import builtins
from collections.abc import Callable
from typing import Any

import numpy as np

from irgrad.errors import TraceError
from irgrad.frontend.capture.doors import door
from irgrad.frontend.capture.maybe import as_array, is_open
from irgrad.frontend.capture.packing import kind_of, rows_of, stacked
from irgrad.frontend.capture.parts import put_together, same, taken_apart
from irgrad.frontend.known import known
from irgrad.frontend.site import call_site
from irgrad.frontend.tracer import Tracer
from irgrad.ir.builder import CURRENT, Traced


@door(builtins.sorted)
def sorted_(iterable: Any, /, *, key: Any = None, reverse: Any = False) -> list[Any]:
    """`sorted`: items in the order of their keys, which are numbers; equal ones stay in turn."""
    from irgrad.frontend.capture.call import call

    if is_open(iterable):
        iterable = as_array(iterable)
        if key is None:
            return np.sort(iterable)[:: -1 if reverse else 1]  # pyright: ignore[reportReturnType]
    items = list(iterable)
    key = None if key is None else call(key)
    keys = items if key is None else list(map(key, items))
    line = stacked(keys) if any(map(_is_unknown, keys)) else None
    if line is None:
        return sorted(items, key=key, reverse=reverse)
    ranks = line[::-1] if reverse else line
    order = np.argsort(ranks, kind="stable")
    order = len(items) - 1 - order[::-1] if reverse else order
    return _numbers(items, order) or _structures(items, order)


def _is_unknown(item: Any) -> bool:
    return isinstance(item, Traced) and known(item) is None


def _numbers(items: list[Any], order: Any) -> list[Any] | None:
    stack = None if any(kind_of(item) is None for item in items) else stacked(items)
    if stack is None:
        return None
    found = stack[order]
    found.weak = stack.weak
    return rows_of(found)


def _structures(items: list[Any], order: Any) -> list[Any]:
    """Items that are tuples, objects or arrays, all of one form, part by part."""
    parts = [taken_apart(item, lambda _: False) for item in items]
    shape = parts[0][1]
    if any(other != shape for _, other in parts):
        raise _refusal()
    columns = [_column(list(column), order) for column in zip(*(x for x, _ in parts), strict=True)]
    return [put_together(shape, iter(leaves)) for leaves in zip(*columns, strict=True)]


def _column(leaves: list[Any], order: Any) -> list[Any]:
    if all(same(leaves[0], leaf) for leaf in leaves):
        return leaves
    numbers = _numbers(leaves, order)
    if numbers is not None:
        return numbers
    if any(not isinstance(leaf, (Tracer, np.ndarray)) for leaf in leaves):
        raise _refusal()
    return list(np.stack(leaves)[order])


def _refusal() -> TraceError:
    return TraceError(
        "sorted: the order of items that are not numbers, arrays, or tuples and objects of such, "
        "all of one form, by keys that are known only when the program runs",
        location=call_site().location,
        hint="sort numbers that stand for the items, or write what is sorted into an array and use "
        "np.argsort",
    )


def sort_of(items: list[Any]) -> Callable[..., None]:
    """`items.sort`."""

    def sort(*, key: Any = None, reverse: Any = False) -> None:
        items[:] = sorted_(items, key=key, reverse=reverse)

    return sort


def _inserting(function: Any, side: Any) -> None:
    @door(function)
    def place(a: Any, x: Any, *bounds: Any, **options: Any) -> Any:
        """Where a number goes in sorted numbers."""
        traced = CURRENT.get() is not None and any(map(_is_unknown, [x, *list(a)]))
        line = stacked(list(a)) if traced and not (bounds or options) else None
        if line is None:
            return function(a, x, *bounds, **options)
        found = np.searchsorted(line, x, side)
        found.weak = True
        return found


_inserting(bisect.bisect_left, "left")
_inserting(bisect.bisect_right, "right")  # which bisect.bisect is


@door(builtins.abs)
def abs_(x: Any, /) -> Any:
    """`abs`, of an object of the user's by its rewritten `__abs__`."""
    from irgrad.frontend.capture.call import call
    from irgrad.frontend.capture.state import is_object

    return call(x.__abs__)() if is_object(x) or _has_slots(x) else abs(x)


def _has_slots(x: Any) -> bool:
    from irgrad.frontend.capture.cells import slots_of

    return not isinstance(x, Traced) and bool(type(x).__flags__ & 1 << 9) and bool(slots_of(x))
