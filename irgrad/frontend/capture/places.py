"""What is indexed by traced integers and masks though it is not traced: arrays of numbers, and
lists of numbers, `L[j]`, `L[j] += x`.

Such a list is read as one array. Writing fills it anew, with the rows of that array after the
write, so that a branch or loop carries one array and not each number by itself."""

from __future__ import annotations

from typing import Any

import numpy as np

from irgrad.errors import TraceError
from irgrad.frontend.bounded import Bounded
from irgrad.frontend.capture.choices import written
from irgrad.frontend.capture.maybe import is_open, item_at, refuse_open
from irgrad.frontend.capture.packing import rows_of, stacked
from irgrad.frontend.capture.replacing import replace_row
from irgrad.frontend.capture.tables import TableRow, is_table, refuse_shared, table_row
from irgrad.frontend.known import known
from irgrad.frontend.masked import Selection
from irgrad.frontend.site import call_site
from irgrad.ir.builder import CURRENT, Traced


class Places:
    """A list or tuple, in front of an index."""

    def __init__(self, items: Any) -> None:
        self.items = items

    def __getitem__(self, key: Any) -> Any:
        if is_open(self.items):
            return item_at(self.items, key)
        if not _is_unknown(key):
            return self.items[key]
        if is_table(self.items):
            return TableRow(self.items, key)
        stack = stacked(self.items)
        if stack is None:
            return self.items[key]
        number = stack[key]
        number.weak = stack.weak
        return number

    def __setitem__(self, key: Any, new: Any) -> None:
        refuse_open(self.items)
        unknown = _is_unknown(key)
        row = table_row(self.items) if unknown or _in_a_step() else None
        if row is not None and row.takes(key, new):
            row[key] = new
            return
        if (unknown or isinstance(new, TableRow)) and replace_row(self.items, key, new):
            return
        stack = stacked(self.items, new) if unknown and _is_list(self.items) else None
        if stack is None:
            refuse_shared(self.items)
            self.items[key] = new
            return
        stack[key] = new
        self.items[:] = rows_of(stack)

    def __delitem__(self, key: Any) -> None:
        refuse_open(self.items)
        del self.items[key]


class Numbers:
    """An array of numbers, in front of an index that reads it."""

    def __init__(self, array: Any) -> None:
        self.array = array

    def __getitem__(self, key: Any) -> Any:
        here = CURRENT.get()
        entries = key if isinstance(key, tuple) else (key,)
        if here is None or not any(_is_open(entry) for entry in entries):
            return self.array[key]
        return here.wrap(here, here.lift(self.array))[key]


class Outside(Numbers):
    """The same in a branch or a step of a loop: what is written there would be so in every run."""

    def __setitem__(self, key: Any, new: Any) -> None:
        raise TraceError(
            "an in-place write into a NumPy array of the program around, in a branch or loop that "
            "only the running program enters",
            location=call_site().location,
            hint="pass the array as an argument, or write into a .copy() that the function makes",
        )


def _is_open(entry: Any) -> bool:
    if isinstance(entry, slice):
        return any(_is_open(bound) for bound in (entry.start, entry.stop, entry.step))
    traced = isinstance(entry, Traced) and known(entry) is None
    return traced or isinstance(entry, (Bounded, Selection))


def place(items: Any) -> Any:
    """What stands in front of an index that is written to."""
    if type(items) is np.ndarray:
        here = CURRENT.get()
        return items if here is None or here.branch is None else Outside(items)
    return _listed(written(items))


def _listed(items: Any) -> Any:
    seen = type(items) in (list, tuple) and CURRENT.get() is not None
    return Places(items) if seen else items


def source(items: Any) -> Any:
    """What stands in front of an index that is read."""
    return Numbers(items) if type(items) is np.ndarray else _listed(items)


def _in_a_step() -> bool:
    here = CURRENT.get()
    return here is not None and here.repeats


def _is_list(items: Any) -> bool:
    return type(items) is list


def _is_unknown(key: Any) -> bool:
    return isinstance(key, Traced) and not key.value.type.shape and known(key) is None
