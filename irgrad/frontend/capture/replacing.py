"""Rows of a table that take the place of others: `T[k], T[p] = T[p], T[k]`, `T[i] = [...]`.

The numbers are written to the array of the table, and its rows are new lists. What was a row before
is refused from then on, since only the running program knows which row it has become. Between the
statements of an exchange two places hold one list; whether they still do matters to the first write
to an element."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from irgrad.errors import TraceError
from irgrad.frontend.capture.handles import builder
from irgrad.frontend.capture.packing import common_kind, stacked
from irgrad.frontend.capture.rows import Grid, grid_of
from irgrad.frontend.capture.tables import FORMER, TableRow, is_table, kind_of_line, table_stacked
from irgrad.frontend.promote import lift
from irgrad.frontend.site import call_site
from irgrad.frontend.tracer import Tracer
from irgrad.ir.builder import Traced


def replace_row(table: Any, key: Any, new: Any) -> bool:
    """Whether a list has been put at a place of a table."""
    if not is_table(table) or not isinstance(new, list) or len(new) != len(table[0]):
        return False
    stack = table_stacked(table)
    if stack is None:
        return False
    former = grid_of(table) or Grid(table, stack)
    line = _line(former, new)
    kind = None if line is None else common_kind([kind_of_line(stack), kind_of_line(line)])
    if kind is None:
        return False
    here = builder()
    made = Tracer(here, here.lift(lift(here, stack, kind.type.dtype)))
    made.weak = kind.weak
    made[key] = line
    source, old = _source(table, new), list(table)
    renew(table, made, former).alike = _now_alike(former.alike, key, source)
    lose(old if isinstance(key, Traced) else [])
    if type(new) is list:
        lose([new])
    return True


def renew(table: list[Any], stack: Any, former: Grid | None = None) -> Grid:
    """Give a table new lists as rows, with the numbers of an array."""
    table[:] = [[] for _ in table]
    return Grid(table, stack, former)


def lose(rows: Sequence[list[Any]]) -> None:
    """Refuse what was a row of a table."""
    for row in rows:
        row[:] = [FORMER] * len(row)


def _line(grid: Grid | None, new: Any) -> Any:
    """The numbers of a list as an array; those of a former row are what they were."""
    if isinstance(new, TableRow):
        return new.line()
    while grid is not None:
        place = _place(grid.rows, new)
        if place is not None:
            return grid.stack[place]
        grid = grid.former
    return stacked(new)


def _place(rows: Sequence[Any], row: Any) -> int | None:
    return next((k for k, each in enumerate(rows) if each is row), None)


def _source(table: list[Any], new: Any) -> Any:
    """The place of the table at which a list stands already; None for other lists."""
    if not isinstance(new, TableRow):
        return _place(table, new)
    if new.table is not table:
        raise TraceError(
            "a row of a list of lists at a place that is known only when the program runs becomes "
            "a row of another list too",
            location=call_site().location,
            hint="put a copy there: A[i] = B[j][:]",
        )
    return new.place if new.is_there else None


def _now_alike(alike: list[list[Any]], key: Any, source: Any) -> list[list[Any]]:
    """The places that hold one list, after that at `source` was put at `key` too."""
    if source is not None and _is_same(source, key):
        return alike
    left = [[place for place in places if not _is_same(place, key)] for places in alike]
    if source is not None:
        around = [places for places in left if any(_is_same(p, source) for p in places)]
        if around:
            around[0].append(key)
        else:
            left.append([source, key])
    return [places for places in left if len(places) > 1]


def _is_same(one: Any, other: Any) -> bool:
    if isinstance(one, Traced) and isinstance(other, Traced):
        return one.value is other.value or one.value == other.value
    return type(one) is type(other) is int and one == other


__all__ = ["lose", "renew", "replace_row"]
