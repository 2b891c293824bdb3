"""Lists of lists of numbers, all of one length, that are indexed by traced integers, `T[i][j]`; and
lists of arrays of one type.

Such a table is read as one array. Writing fills its rows anew with the elements of that array after
the write, so that a branch or loop carries one array and not each number by itself."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NoReturn

import numpy as np

from irgrad.errors import TraceError
from irgrad.frontend.capture.handles import builder
from irgrad.frontend.capture.packing import common_kind, constant, kind_of, rows_of, stacked
from irgrad.frontend.capture.rows import Cell, Grid, Line, grid_of, place_of, whole
from irgrad.frontend.lost import Lost
from irgrad.frontend.lower import Argument
from irgrad.frontend.promote import lift
from irgrad.frontend.site import call_site
from irgrad.frontend.tracer import Tracer
from irgrad.ir.types import ArrayType


def is_table(items: Any) -> bool:
    """Whether something is a list of lists of one length, none of them twice."""
    if type(items) is not list or not items or not all(type(row) is list for row in items):
        return False
    return len(set(map(len, items))) == 1 and len(set(map(id, items))) == len(items)


def table_stacked(rows: Sequence[Any], *more: Any) -> Any:
    """The rows of a table as a new array of the type that holds them all, and `more` numbers; None
    where there is none. Some may be arrays already.
    """
    if not rows or any(isinstance(row, list) and not row for row in rows):
        return None
    grid = grid_of(rows)
    kinds = [kind_of_line(grid.stack)] if grid else map(kind_of_line, rows)
    kind = common_kind([*kinds, *map(kind_of, more)])
    if kind is None:
        return None
    here, dtype = builder(), kind.type.dtype
    if grid:
        stack = lift(here, grid.stack, dtype)
    elif all(type(x) in _PLAIN for row in rows for x in row):
        stack = constant(np.array(rows, dtype))
    elif all(type(row) is list for row in rows) and (columns := whole(rows)) is not None:
        stack = lift(here, columns, dtype)
    else:
        lines = (row if isinstance(row, Tracer) else stacked(row) for row in rows)
        stack = np.stack([lift(here, line, dtype) for line in lines])
    made = Tracer(here, here.lift(stack))
    made.weak = kind.weak
    return made


_PLAIN = (bool, int, float, complex)


def kind_of_line(row: Any) -> Argument | None:
    """The kind of number that holds those of a list or array."""
    if isinstance(row, Tracer):
        return Argument(ArrayType(row.dtype, ()), row.weak)
    every = {type(x): x for x in row if type(x) in _PLAIN}
    return common_kind(map(kind_of, [*every.values(), *(x for x in row if type(x) not in _PLAIN)]))


def table_row(items: Any) -> TableRow | None:
    """A list that is a row of a table, as one of which more than itself is looked at."""
    place = place_of(items)
    if place is None:
        return None
    grid = items[0].grid
    fits = len(grid.table) > place and grid.table[place] is items and grid.is_all_of(grid.table)
    return TableRow(grid.table, place) if fits else None


class TableRow(Line):
    """The row of a table at a traced place, a list to the code: its numbers are those of the table
    when they are asked for.
    """

    def __init__(self, table: list[list[Any]], place: Any) -> None:
        super().__init__([_HELD] * len(table[0]))
        self.table, self.rows, self.place = table, list(table), place

    @property
    def is_there(self) -> bool:
        """Whether the table still has the rows that it had."""
        return _are_same(self.table, self.rows)

    def _stacked(self, *more: Any) -> Any:
        stack = table_stacked(self.rows, *more) if self.is_there else self._former()
        if stack is None:
            raise _changed()
        return stack

    def _former(self) -> Any:
        """The numbers of all rows, where these have just been put in the place of one another."""
        grid = grid_of(self.table)
        while grid is not None and not _are_same(grid.rows, self.rows):
            grid = grid.former
        return None if grid is None else grid.stack

    def takes(self, key: Any, new: Any) -> bool:
        """Whether an item that is written to it is one of its numbers."""
        return not isinstance(key, slice) and table_stacked(self.rows, new) is not None

    def line(self) -> Any:
        """Its numbers as an array."""
        stack = self._stacked()
        found = stack[self.place]
        found.weak = stack.weak
        return found

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, slice):
            return list(self)[key]
        stack = self._stacked()
        number = stack[self.place, key]
        number.weak = stack.weak
        return number

    def __setitem__(self, key: Any, new: Any) -> None:
        if isinstance(key, slice):
            raise _changed()
        if not self.is_there:
            raise _changed()
        refuse_shared(self.table[0])
        stack = self._stacked(new)
        stack[self.place, key] = new
        Grid(self.table, stack)

    def __iter__(self) -> Iterator[Any]:
        return iter(rows_of(self.line()))

    def __reversed__(self) -> Iterator[Any]:
        return reversed(list(self))

    def copy(self) -> list[Any]:
        """`row.copy()`."""
        return list(self)

    def __add__(self, other: Any) -> Any:
        return list(self) + list(other)

    def __radd__(self, other: Any) -> Any:
        return list(other) + list(self)

    def __mul__(self, times: Any) -> Any:
        return list(self) * times

    __rmul__ = __mul__


def _are_same(rows: Sequence[Any], others: Sequence[Any]) -> bool:
    return len(rows) == len(others) and all(map(operator.is_, rows, others))


def refuse_shared(row: Any) -> None:
    """Refuse a write to an element of a row where two places of the table may hold one list, and to
    what was a row.
    """
    if type(row) is list and row and row[0] is FORMER:
        FORMER.refuse()
    if type(row) is list and row and type(row[0]) is Cell and row[0].grid.alike:
        raise TraceError(
            "a write to a row of a list of lists that stands at two places of it, one of which is "
            "known only when the program runs",
            location=call_site().location,
            hint="put a copy there: T[i] = T[j][:]",
        )


def _changed() -> TraceError:
    return TraceError(
        "a row of a list of lists at a place that is known only when the program runs, of which "
        "more than its elements is changed",
        location=call_site().location,
        hint="np.array(table) makes an array, whose rows and slices can be written",
    )


def _former() -> TraceError:
    return TraceError(
        "a list that was a row of a list of lists in which rows were put in the place of others, "
        "where only the running program knows which",
        location=call_site().location,
        hint="look at the row anew, row = T[i], or keep a copy: row = T[i][:]",
    )


FORMER = Lost(_former)
"""In place of the numbers of a list that was a row."""

_HELD = Lost(_changed)
"""In place of its numbers where Python would look at them by itself."""


def _refusing(name: str) -> Callable[..., NoReturn]:
    def refuse(self: Any, *args: Any, **kwargs: Any) -> NoReturn:
        raise _changed()

    return refuse


_REFUSED = """
append extend insert pop remove clear sort reverse index count __delitem__ __iadd__ __imul__
__contains__ __eq__ __lt__ __le__ __gt__ __ge__
"""
for _name in _REFUSED.split():
    setattr(TableRow, _name, _refusing(_name))
TableRow.__hash__ = None  # pyright: ignore[reportAttributeAccessIssue]
