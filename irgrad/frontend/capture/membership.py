"""`in`, `.index` and `.count` of traced values: an element is one that is equal to what is looked
for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from irgrad.frontend.capture.demand import demand
from irgrad.frontend.capture.doors import DOORS
from irgrad.frontend.capture.flow import or_
from irgrad.frontend.capture.maybe import as_array, is_open
from irgrad.frontend.capture.rows import whole
from irgrad.frontend.known import known
from irgrad.frontend.lost import refuse_lost
from irgrad.frontend.promote import any_traced
from irgrad.ir.builder import Traced


def searched(items: Any) -> Any:
    """What stands behind `in` in a chain of comparisons."""
    refuse_lost(items)
    return items


def within(item: Any, items: Any) -> Any:
    """`item in items`, a traced truth where only the running program knows it."""
    if is_open(items):
        return np.any(np.equal(as_array(items), item))
    refuse_lost(items)
    if _is_unknown(items) or (isinstance(items, np.ndarray) and _is_unknown(item)):
        return np.any(np.equal(items, item))
    if isinstance(items, range) and _is_unknown(item):
        return _in_range(item, items)
    if not isinstance(items, (list, tuple, set, frozenset)):
        return item in items
    if not _is_unknown(item) and not any(map(_is_unknown, items)):
        return item in items
    return _equal_to_one(item, items)


def searching(items: Any, function: Any) -> Any:
    """What to call in place of the method `index` or `count` of a list or tuple."""
    refuse_lost(items)

    def search(item: Any, *bounds: Any) -> Any:
        first, last = (*bounds, None, None)[:2]
        part = slice(first, last)
        line = None if any(map(_is_unknown, bounds)) else _equal_line(item, items[part])
        if line is None:
            return function(item, *bounds)
        if function.__name__ == "count":
            return DOORS[int](np.sum(line))
        demand(np.any(line), lambda: ValueError(f"{item} is not in {type(items).__name__}"))
        start = range(len(items))[part].start
        return DOORS[int](start + np.argmax(line))

    return search


def _equal_line(item: Any, items: Sequence[Any]) -> Any:
    """Which of the items are equal to a number; None where Python says so."""
    numbers: list[Any] = [x for x in items if isinstance(x, _NUMBERS)]
    if np.ndim(item) or any(map(np.ndim, numbers)) or not any(map(_is_unknown, [item, *numbers])):
        return None
    rows = whole(items)
    if rows is not None:
        return np.equal(rows, item)
    return np.stack([_is_equal(x, item) for x in items])


def _is_number(x: Any) -> bool:
    return isinstance(x, _NUMBERS)


def _is_equal(x: Any, item: Any) -> Any:
    return np.equal(x, item) if _is_number(x) else False


def _equal_to_one(item: Any, items: Iterable[Any]) -> Any:
    rows = whole(items)
    if rows is not None and not np.ndim(item) and rows.ndim == 1:
        return np.any(np.equal(rows, item))
    numbers: list[Any] = [x for x in items if isinstance(x, _NUMBERS)]
    found: Any = or_(False, *(lambda x=x: np.equal(item, x) for x in numbers))
    return found if any_traced(found) else bool(found)


_NUMBERS = (Traced, int, float, complex, np.generic)


def _in_range(item: Any, items: range) -> Any:
    if not items:
        return False
    low, high = min(items[0], items[-1]), max(items[0], items[-1])
    between = np.logical_and(low <= item, item <= high)
    return np.logical_and(between, (item - items[0]) % items.step == 0)


def _is_unknown(x: Any) -> bool:
    return isinstance(x, Traced) and known(x) is None
