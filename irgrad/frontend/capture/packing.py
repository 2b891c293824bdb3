"""Lists of numbers as one array, and arrays as lists of numbers."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from irgrad.errors import IrgradError
from irgrad.frontend.capture.handles import handle_on, repeated
from irgrad.frontend.capture.rows import Row, is_row, joined_pieces, row_stack, whole
from irgrad.frontend.lost import Lost
from irgrad.frontend.lower import Argument
from irgrad.frontend.promote import any_traced, lift
from irgrad.frontend.region import array_leaf, joined
from irgrad.frontend.tracer import Tracer
from irgrad.ir.builder import CURRENT
from irgrad.ir.types import ArrayType


def rows_of(stack: Any) -> list[Any]:
    """The numbers in an array."""
    rows = [Row(stack, k) for k in range(stack.shape[0])]
    for row in rows:
        row.weak = stack.weak
    return rows


def rows_stacked(items: Any) -> Any:
    """What such a list has become by a write; None for others."""
    if type(items) is not list or not any(map(is_row, items)):
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
    if any_traced(items):
        cells = row_stack(items)
        found = lift(here, joined_pieces(items) if cells is None else cells, kind.type.dtype)
    else:
        found = constant(np.array(items, kind.type.dtype))
    made = Tracer(here, here.lift(found))
    made.weak = kind.weak
    return made


def constant(numbers: Any) -> Any:
    """A handle on an array of plain numbers, often all the same: `[0.0] * n`."""
    first = numbers.flat[0]
    same = bool(np.all(numbers == first))
    return repeated(np.asarray(first), numbers.shape) if same else handle_on(numbers)


def _common(items: Sequence[Any]) -> Argument | None:
    return common_kind(map(kind_of, items))


def kind_of(item: Any) -> Argument | None:
    """The kind of a number; None for what is none."""
    if isinstance(item, Row):  # without a node for its value
        return Argument(ArrayType(item.dtype, item.shape), item.weak)
    try:
        kind = array_leaf(item)
    except IrgradError:
        return None
    return kind if isinstance(kind, Argument) and not kind.type.shape else None


def common_kind(kinds: Iterable[Argument | None]) -> Argument | None:
    """The kind of numbers that holds numbers of all these."""
    return functools.reduce(_both, dict.fromkeys(kinds))


def _both(one: Argument | None, other: Argument | None) -> Argument | None:
    dtype = one and other and joined(one, other)
    if one is None or other is None or dtype is None:
        return None
    return Argument(ArrayType(dtype, ()), one.weak and other.weak)
