"""What is indexed by traced integers and masks though it is not traced: arrays of numbers, and
lists of numbers, `L[j]`, `L[j] += x`.

Such a list is read as one array. Writing fills it anew, with the rows of that array after the
write, so that a branch or loop carries one array and not each number by itself."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np

from irgrad.errors import IrgradError
from irgrad.frontend.bounded import Bounded
from irgrad.frontend.capture.handles import handle_on, repeated
from irgrad.frontend.capture.maybe import is_open, item_at, refuse_open
from irgrad.frontend.capture.rows import Row, is_row, joined_pieces, whole
from irgrad.frontend.known import known
from irgrad.frontend.lost import Lost
from irgrad.frontend.lower import Argument
from irgrad.frontend.masked import Selection
from irgrad.frontend.promote import any_traced, lift
from irgrad.frontend.region import array_leaf, joined
from irgrad.frontend.tracer import Tracer
from irgrad.ir.builder import CURRENT, Traced
from irgrad.ir.types import ArrayType


class Places:
    """A list or tuple, in front of an index."""

    def __init__(self, items: Any) -> None:
        self.items = items

    def __getitem__(self, key: Any) -> Any:
        if is_open(self.items):
            return item_at(self.items, key)
        stack = stacked(self.items) if _is_unknown(key) else None
        if stack is None:
            return self.items[key]
        number = stack[key]
        number.weak = stack.weak
        return number

    def __setitem__(self, key: Any, new: Any) -> None:
        refuse_open(self.items)
        stack = stacked(self.items, new) if _is_unknown(key) and _is_list(self.items) else None
        if stack is None:
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


def _is_open(entry: Any) -> bool:
    if isinstance(entry, slice):
        return any(_is_open(bound) for bound in (entry.start, entry.stop, entry.step))
    traced = isinstance(entry, Traced) and known(entry) is None
    return traced or isinstance(entry, (Bounded, Selection))


def place(items: Any) -> Any:
    """What stands in front of an index that is written to."""
    if type(items) not in (list, tuple) or CURRENT.get() is None:
        return items
    return Places(items)


def source(items: Any) -> Any:
    """What stands in front of an index that is read."""
    return Numbers(items) if type(items) is np.ndarray else place(items)


def _is_list(items: Any) -> bool:
    return type(items) is list


def _is_unknown(key: Any) -> bool:
    return isinstance(key, Traced) and not key.value.type.shape and known(key) is None


def rows_of(stack: Any) -> list[Any]:
    """The numbers in an array."""
    rows = [Row(stack, k) for k in range(stack.shape[0])]
    for row in rows:
        row.weak = stack.weak
    return rows


def rows_stacked(items: Any) -> Any:
    """What such a list has become by a write; None for others."""
    if not _is_list(items) or not any(map(is_row, items)):
        return None
    if any(isinstance(item, Lost) or np.ndim(item) for item in items):
        return None
    return stacked(items) if whole(items) is not None else None


def stacked(items: Sequence[Any], *more: Any) -> Any:
    """Numbers as a new array of the type that holds them all, and `more` of them; None where there
    is none.
    """
    kind = _common([*items, *more]) if items else None
    here = CURRENT.get()
    if kind is None or here is None:
        return None
    found = joined_pieces(items) if any_traced(items) else _constant(items, kind.type.dtype)
    if kind.type.dtype != found.dtype:
        found = np.stack([lift(here, item, kind.type.dtype) for item in items])
    made = Tracer(here, here.lift(found))
    made.weak = kind.weak
    return made


def _constant(items: Sequence[Any], dtype: Any) -> Any:
    """An array of plain numbers, often all the same: `[0.0] * n`."""
    numbers = np.array(items, dtype)
    same = bool(np.all(numbers == numbers[0]))
    return repeated(np.asarray(numbers[0]), numbers.shape) if same else handle_on(numbers)


def _common(items: Sequence[Any]) -> Argument | None:
    kinds: list[Argument] = []
    for item in items:
        try:
            kind = _kind_of_row(item) if is_row(item) else array_leaf(item)
        except IrgradError:
            return None
        if not isinstance(kind, Argument) or kind.type.shape:
            return None
        kinds.append(kind)
    return functools.reduce(_both, kinds[1:], kinds[0])


def _kind_of_row(row: Any) -> Argument:
    """Its kind, without a node for its value."""
    return Argument(ArrayType(row.dtype, row.shape), row.weak)


def _both(one: Argument | None, other: Argument) -> Argument | None:
    dtype = None if one is None else joined(one, other)
    if one is None or dtype is None:
        return None
    return Argument(ArrayType(dtype, ()), one.weak and other.weak)
