"""Lists that grow under a traced condition: an item that was appended there is in the list only
where the condition held, and of the items after it only the running program knows the places.

What takes the whole list takes it as what a mask selects from one array: `np.array(items)`, `sum`,
`len`, `items[-1]`, a `for`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from irgrad.errors import IrgradError, TraceError
from irgrad.frontend.capture.choices import remember
from irgrad.frontend.capture.rows import joined_pieces, whole
from irgrad.frontend.lost import Lost
from irgrad.frontend.masked import Selection
from irgrad.frontend.promote import innermost, stacked
from irgrad.frontend.site import call_site


def _unknown() -> IrgradError:
    return TraceError(
        "an item of a list that grew under a traced condition, whose place is not known",
        location=call_site().location,
        hint="np.array(items), sum, len, max, min, items[-1] and a for over them take such a list; "
        "or write into an array and count",
    )


class Maybe(Lost):
    """In place of an item: its value, and whether it is in the list."""

    make: Any = staticmethod(_unknown)

    def __init__(self, value: Any, present: Any) -> None:
        self.value = value
        self.present = present


def is_open(items: Any) -> bool:
    """Whether something is a list of which it is not known what it holds."""
    return isinstance(items, (list, tuple)) and any(type(item) is Maybe for item in items)


def refuse_open(items: Any) -> None:
    """Refuse what would depend on which items such a list has."""
    if is_open(items):
        raise _unknown()


def uncertain(item: Any) -> Maybe:
    """An item as one of which it is not known whether it is there."""
    return item if type(item) is Maybe else Maybe(item, True)


def certain(item: Any) -> Any:
    """What an item is if it is there."""
    return item.value if type(item) is Maybe else item


def last_items(items: Sequence[Any], count: int) -> list[Any] | None:
    """The last items of a list; None where one of these is not known."""
    first = next((k for k, item in enumerate(items) if type(item) is Maybe), len(items))
    window = list(items[max(first - count, 0) : first])
    if len(window) < count or any(type(item) is Lost for item in window):
        return None
    for item in items[first:]:
        moved = [*window[1:], certain(item)]
        if type(item) is Maybe:
            moved = [_chosen(item.present, *each) for each in zip(moved, window, strict=True)]
        window = moved
    return window


def item_at(items: Sequence[Any], place: Any) -> Any:
    """An item of such a list, or several."""
    headed = any(type(item) is Lost for item in items)
    from_the_end = isinstance(place, int) and place < 0 and (headed or len(items) < _FEW)
    last = last_items(items, -place) if from_the_end else None
    return as_array(items)[place] if last is None else last[0]


_FEW = 8


def _chosen(test: Any, one: Any, other: Any) -> Any:
    """`one if test else other`, of numbers, arrays, and tuples and lists of them."""
    if isinstance(one, (tuple, list)):
        if type(one) is not type(other) or len(one) != len(other):
            raise _unknown()
        made = type(one)(_chosen(test, *each) for each in zip(one, other, strict=True))
        for each in (one, other):
            remember(made, each)
        return made
    return np.where(test, one, other)


def selected(items: Sequence[Any]) -> Any:
    """Such a list of numbers or arrays as what a mask selects; of tuples, a list with that for each
    place in them.
    """
    every = list(map(uncertain, items))
    mask = _line([item.present for item in every])
    values = [item.value for item in every]
    if all(isinstance(value, tuple) for value in values):
        return [Selection.of(_line(list(column)), mask) for column in zip(*values, strict=True)]
    return Selection.of(_line(values), mask)


def _line(values: list[Any]) -> Any:
    found = whole(values)
    if found is not None:
        return found
    if any(isinstance(value, (list, tuple)) or np.ndim(value) for value in values):
        if len(set(map(_shape, values))) > 1:
            raise _unknown()
        return stacked(innermost(values), values)
    return joined_pieces(values)


def as_array(items: Sequence[Any]) -> Any:
    """Such a list as an array."""
    found = selected(items)
    return np.stack([x.packed for x in found], axis=1) if isinstance(found, list) else found.packed


def length(items: Sequence[Any]) -> Any:
    """How many items there are."""
    certain = sum(type(item) is not Maybe for item in items)
    mask = _line([item.present for item in items if type(item) is Maybe])
    return certain + np.sum(mask)


def _shape(value: Any) -> Any:
    return len(value) if isinstance(value, (list, tuple)) else np.shape(value)


_KEEPS_PLACES = ("append", "extend", "copy", "clear")


def method_of(items: list[Any], function: Any) -> Any:
    """What to call in place of the method `function` of a list."""
    if function.__name__ in _KEEPS_PLACES or not is_open(items):
        return function

    def refuse(*args: Any, **kwargs: Any) -> Any:
        raise TraceError(
            f".{function.__name__}() of a list that grew under a traced condition",
            location=call_site().location,
            hint="such a list can only be appended to; write into an array and count",
        )

    return refuse
