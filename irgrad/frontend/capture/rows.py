"""What a loop appended to a list: the rows of one stacked array, each read from it when it is asked
for."""

from __future__ import annotations

import operator
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from irgrad.errors import TraceError
from irgrad.frontend.registry import FUNCTIONS
from irgrad.frontend.site import call_site
from irgrad.frontend.tracer import Tracer
from irgrad.ir.builder import CURRENT
from irgrad.ir.graph import Value


class Row(Tracer):
    """A handle on one row of a stack, at a `place`, which has no node until its value is needed. It
    may stand for a view of each of `shown`, arrays and their versions when it was made: as long as
    nothing is written to these or to it, the numbers are the same.
    """

    __slots__ = ("made", "place", "shown", "stack")

    def __init__(self, stack: Any, place: Any, shown: Sequence[tuple[Any, Value]] = ()) -> None:
        self.owner = stack.owner
        self.window = None
        self.weak = self.in_place = False
        self.born = stack.born
        self.stack: Any = stack
        self.place: Any = place
        self.made: Value | None = None
        self.shown = shown

    def check(self) -> None:
        """Refuse a view of what has been written to."""
        if any(root.version is not then for root, then in self.shown):
            raise _written()

    @property
    def version(self) -> Value:  # pyright: ignore[reportIncompatibleVariableOverride] -- a slot
        """The current version."""
        if self.shown:
            self.check()
        made = self.made
        if made is None:
            builder = self.stack.owner
            token = CURRENT.set(builder)
            try:
                row = FUNCTIONS["getitem"](self.stack, self.place)
                made = self.made = builder.lift(row)
            finally:
                CURRENT.reset(token)
        return made

    @version.setter
    def version(self, new: Value) -> None:
        if self.shown:
            raise _written()
        self.made, self.stack = new, None

    @Tracer.shape.getter
    def shape(self) -> tuple[int, ...]:
        """Extents of the axes."""
        return super().shape if self.stack is None else self.stack.shape[1:]

    @property
    def dtype(self) -> Any:
        """Element type."""
        return super().dtype if self.stack is None else self.stack.dtype

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)


def _written() -> TraceError:
    return TraceError(
        "views of one array that a long loop appended to a list are used after one of them, or the "
        "array, was written to",
        location=call_site().location,
        hint="append copies: rows.append(A[i].copy())",
    )


def is_row(item: Any) -> bool:
    """Whether something is a row as its loop made it."""
    return type(item) is Row and item.stack is not None


class Grid:
    """A list of lists of numbers, the array that has these numbers, and the elements of it with
    which the list was filled. While rows are put in the place of others it knows which places hold
    one list, in `alike`, and what there was before, in `former`.
    """

    def __init__(self, table: Sequence[list[Any]], stack: Any, former: Grid | None = None) -> None:
        self.table, self.stack, self.former = table, stack, former
        self.alike: list[list[Any]] = []
        self.rows = list(table)
        rows, columns = stack.shape
        self.cells = [[Cell(self, (i, j)) for j in range(columns)] for i in range(rows)]
        for row, own in zip(table, self.cells, strict=True):
            row[:] = own

    def holds(self, row: Any, place: int) -> bool:
        """Whether a list is a row of it, as it was filled."""
        own = self.cells[place]
        return type(row) is list and len(row) == len(own) and all(map(operator.is_, row, own))

    def is_all_of(self, rows: Sequence[Any]) -> bool:
        """Whether these lists are all its rows."""
        fits = len(rows) == len(self.cells)
        return fits and all(self.holds(row, k) for k, row in enumerate(rows))


class Cell(Row):
    """A handle on one element of such an array."""

    __slots__ = ("grid",)

    def __init__(self, grid: Grid, place: tuple[int, int]) -> None:
        super().__init__(grid.stack, place)
        self.weak = grid.stack.weak
        self.grid = grid

    @Tracer.shape.getter
    def shape(self) -> tuple[int, ...]:
        """That of a number."""
        return ()


class Packed:
    """A list of numbers by the array that has them."""

    def __init__(self, line: Any) -> None:
        self.line = line


class Line(list[Any]):
    """A list of which all that is held is part of an array."""

    def line(self) -> Any:
        """That part."""
        raise NotImplementedError


def place_of(row: Any) -> int | None:
    """Where a list stands in the array from which it was filled; None for others."""
    if type(row) is not list or not row or type(row[0]) is not Cell or row[0].stack is None:
        return None
    place = row[0].place[0]
    return place if row[0].grid.holds(row, place) else None


def row_stack(row: Any) -> Any:
    """Such a list as an array."""
    place = place_of(row)
    return None if place is None else row[0].stack[place]


def grid_of(rows: Sequence[Any]) -> Grid | None:
    """The array from which these lists, all its rows, were filled; None for others."""
    first = rows[0]
    if type(first) is not list or not first or type(first[0]) is not Cell:
        return None
    grid = first[0].grid
    return grid if grid.is_all_of(rows) else None


def whole(items: Any) -> Any:
    """A list with rows in it as one array, without a node for each; None for other lists."""
    if not isinstance(items, (list, tuple)) or not items:
        return None
    if isinstance(items, Line):
        return items.line()
    if isinstance(items, list) and (cells := row_stack(items)) is not None:
        return cells
    if grid := grid_of(items):
        return grid.stack
    if not any(map(is_row, items)):
        return _columns(items)
    for item in items:
        if is_row(item):
            item.check()
    together = _interleaved(items)
    if together is not None:
        return together
    pieces = list(_pieces(items))
    if len(pieces) == len(items) > 1 or len({np.shape(piece)[1:] for piece in pieces}) > 1:
        return None
    return _concatenated(pieces)


def joined_pieces(items: Sequence[Any]) -> Any:
    """A list of numbers, at least one of them traced, as one array."""
    return _concatenated(list(_pieces(items)))


def _concatenated(pieces: list[Any]) -> Any:
    return pieces[0] if len(pieces) == 1 else np.concatenate(pieces)


def _columns(items: Sequence[Any]) -> Any:
    """A list of lists of one length, column by column."""
    if not all(isinstance(item, (list, tuple)) for item in items):
        return None
    widths = set(map(len, items))
    if len(widths) > 1 or not 0 < min(widths) < len(items):
        return None
    columns = [whole(column) for column in zip(*items, strict=True)]
    if any(column is None for column in columns):
        return None
    return np.stack(columns, axis=1)


def line_of_numbers(items: Any) -> Any:
    """A traced array with one axis of known extent, or what a loop appended to a list of numbers as
    such an array; None for all else.
    """
    line = items if isinstance(items, Tracer) else whole(items)
    return line if line is not None and line.ndim == 1 and line.shape[0] else None


def _interleaved(items: Sequence[Any]) -> Any:
    """All rows of several stacks in turn, as a loop has them that appends several times."""
    first = items[0]
    if not is_row(first) or len(items) % first.stack.shape[0]:
        return None
    period = len(items) // first.stack.shape[0]
    if period < 2 or not all(map(is_row, items)):
        return None
    stacks = [item.stack for item in items[:period]]
    places = enumerate(items)
    if not all(x.stack is stacks[k % period] and x.place == k // period for k, x in places):
        return None
    if len({(stack.shape, stack.dtype) for stack in stacks}) > 1:
        return None
    return np.stack(stacks, axis=1).reshape(-1, *first.shape)


_NUMBER = (int, float, complex, np.number)


def _pieces(items: Sequence[Any]) -> Iterator[Any]:
    start = 0
    while start < len(items):
        end, item = start + 1, items[start]
        if isinstance(item, _NUMBER):
            while end < len(items) and isinstance(items[end], _NUMBER):
                end += 1
            yield np.array(items[start:end])
        elif not is_row(item):
            yield np.stack([item])
        else:
            while end < len(items) and _follows(items[end - 1], items[end]):
                end += 1
            full = item.place == 0 and end - start == item.stack.shape[0]
            yield item.stack if full else item.stack[item.place : item.place + end - start]
        start = end


def _follows(one: Any, other: Any) -> bool:
    return is_row(other) and other.stack is one.stack and other.place == one.place + 1
