"""What a `for` runs over, item by item or at a position that is traced: ranges, rows of arrays,
lists of numbers, and `enumerate`, `zip` and `reversed` of such."""

from __future__ import annotations

import builtins
import functools
import itertools
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from irgrad.errors import TraceError
from irgrad.frontend.bounded import Bounded
from irgrad.frontend.capture.handles import builder, is_supported
from irgrad.frontend.capture.maybe import is_open, selected
from irgrad.frontend.capture.rows import whole
from irgrad.frontend.capture.tables import TableRow, is_table, table_stacked
from irgrad.frontend.integers import as_int64, distance, interval, limit
from irgrad.frontend.known import known
from irgrad.frontend.lost import refuse_lost
from irgrad.frontend.masked import Selection, packed
from irgrad.frontend.promote import any_traced
from irgrad.frontend.site import call_site
from irgrad.frontend.tracer import Tracer
from irgrad.ir.builder import CURRENT, Traced


class TracedRange:
    """`range` with bounds that are known only when the program runs."""

    def __init__(self, *bounds: Any) -> None:
        bounds = tuple(map(_python_int, bounds))
        self.start, self.stop = (0, bounds[0]) if len(bounds) == 1 else bounds[:2]
        self.step = bounds[2] if len(bounds) > 2 else 1
        step = known(self.step)
        if step is None or step == 0:
            raise TraceError(
                "range: the step must be a known number, not 0", location=call_site().location
            )

    @property
    def count(self) -> Any:
        """How many numbers there are."""
        ends = self.stop, self.start
        ahead, by = distance(*(ends if self.step > 0 else ends[::-1])), abs(self.step)
        return ahead if by == 1 else (ahead + (by - 1)) // by

    def __iter__(self) -> Any:
        raise TraceError(
            "iteration over a range with a traced bound",
            location=call_site().location,
            hint="a for statement can",
        )


def _python_int(bound: Any) -> Any:
    """A bound of a range as an int of Python, which neither wraps nor decides a dtype."""
    if not isinstance(bound, Traced) or bound.value.type.dtype.kind not in "iu":
        return bound
    return as_int64(bound)


class Combined:
    """`enumerate`, `zip` and kin in the head of a `for`, of what is kept as it is."""

    def __init__(self, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self.function, self.args, self.kwargs = function, args, kwargs

    def __iter__(self) -> Iterator[Any]:
        if self.function is np.ndenumerate and any_traced(self.args):
            array: Any = next(iter(self.args))
            return ((place, array[place]) for place in np.ndindex(array.shape))
        return iter(self.function(*self.args, **self.kwargs))

    @property
    def start(self) -> Any:
        """The first number of an `enumerate`."""
        return self.kwargs.get("start", self.args[1] if len(self.args) > 1 else 0)


def combining(function: Any) -> Any:
    """What to call in the head of a `for` in place of a function; None for most."""
    if not isinstance(function, type) or function not in _COMBINING:
        return None
    if function in (builtins.map, builtins.filter):
        return functools.partial(_mapping, function)
    return lambda *args, **kwargs: Combined(function, args, kwargs)


def _mapping(kind: Any, function: Any, *items: Any) -> Any:
    """`map` and `filter` in the head of a `for`."""
    from irgrad.frontend.capture.call import call

    if function is None or not items or (kind is builtins.filter and len(items) > 1):
        return call(kind)(function, *items)
    applied = call(function)
    if kind is builtins.filter:
        return Mapped(next(iter(items)), lambda item: item, applied)
    if len(items) == 1:
        return Mapped(next(iter(items)), applied)
    return Mapped(Combined(zip, items, {}), lambda item: applied(*item))


class Mapped:
    """What a generator expression in the head of a `for` gives: `function` of the items for which
    there is no `test`, or for which it holds.
    """

    def __init__(
        self, items: Any, function: Callable[[Any], Any], test: Callable[[Any], Any] | None = None
    ) -> None:
        self.items, self.function, self.test = items, function, test

    def __iter__(self) -> Iterator[Any]:
        return (self.function(item) for item in self.items if self.test is None or self.test(item))


_COMBINING = {
    builtins.enumerate, builtins.zip, builtins.reversed, builtins.map, builtins.filter,
    itertools.product, itertools.combinations, itertools.chain, itertools.pairwise, np.ndindex,
    np.ndenumerate, np.nditer,
}  # fmt: skip


def lists_of(items: Any) -> list[Any]:
    """The lists of lists that a `for` runs over, whose rows its body may change."""
    if isinstance(items, Combined):
        return [found for part in items.args for found in lists_of(part)]
    if isinstance(items, Mapped):
        return lists_of(items.items)
    return [items] if type(items) is list and items and type(items[0]) is list else []


class Positions(NamedTuple):
    """How many items there are, and the one at a position."""

    count: Any
    at: Callable[[Any], Any]


def positions(items: Any) -> Positions | None:
    """The items of a `for` by their positions; None where they cannot be had that way."""
    if isinstance(items, TracedRange):
        return Positions(items.count, _of_range(items))
    if isinstance(items, range):
        return Positions(len(items), _of_range(items))
    if isinstance(items, Combined):
        return _combined(items)
    if isinstance(items, Mapped):
        inner = None if items.test else positions(items.items)
        return inner and Positions(inner.count, lambda i: items.function(inner.at(i)))
    if isinstance(items, (Traced, Bounded, Selection)):
        return _rows(packed(items))
    if isinstance(items, np.ndarray):
        return _constant_rows(items)
    return _listed(items) if isinstance(items, (list, tuple)) else None


def _of_range(items: Any) -> Callable[[Any], Any]:
    """The number at a position of a range, a Python int to the code; its limits are known."""
    start, step = items.start, items.step
    count = len(items) if isinstance(items, range) else items.count

    def at(i: Any) -> Any:
        limit(i, 0, interval(count)[1] - 1)
        by = i if type(step) is int and step == 1 else i * step
        by = by if type(start) is int and start == 0 else by + start
        if not isinstance(by, Traced):
            return by
        number = Tracer(by.builder, by.value, weak=True)
        limit(number, *_ends(items))
        return number

    return at


def _ends(items: Any) -> tuple[int, int]:
    """The least and greatest number that a range may have."""
    if isinstance(items, range) and items:
        return min(items[0], items[-1]), max(items[0], items[-1])
    (low, below), (first, high) = interval(items.start), interval(items.stop)
    return (low, high - 1) if items.step > 0 else (first + 1, below)


def _rows(array: Any) -> Positions | None:
    return Positions(array.shape[0], lambda i: array[i]) if array.ndim else None


def _constant_rows(array: Any) -> Positions | None:
    if not array.ndim or not is_supported(array.dtype) or CURRENT.get() is None:
        return None

    def at(i: Any) -> Any:
        here = builder()
        return here.wrap(here, here.lift(array))[i]

    return Positions(len(array), at)


def _listed(items: Any) -> Positions | None:
    """A list of what a loop appended, or of numbers or arrays of one type."""
    if is_open(items):
        found = selected(items)
        several = isinstance(found, list)
        return _together(list(map(positions, found))) if several else positions(found)
    refuse_lost(items)
    kinds = {type(item) for item in items}
    if kinds == {tuple}:
        return _listed_tuples(items)
    if kinds == {list}:
        fits = is_table(items) and table_stacked(items) is not None
        return Positions(len(items), lambda i: TableRow(items, i)) if fits else None
    rows = whole(items)
    if rows is not None:
        return _rows(rows)
    if not items or len(kinds) > 1:
        return None
    (kind,) = kinds
    if any_traced(items):
        return None
    if kind not in (int, float, complex, np.ndarray) and not issubclass(kind, np.generic):
        return None
    if kind is np.ndarray and len({(item.dtype, item.shape) for item in items}) > 1:
        return None
    found = _constant_rows(np.array(items))
    if found is None or kind not in (int, float, complex):
        return found

    def at(i: Any) -> Any:
        number = found.at(i)
        number.weak = True
        return number

    return found._replace(at=at)


def _listed_tuples(items: Any) -> Positions | None:
    """A list of tuples of one length, column by column."""
    if len({len(item) for item in items}) > 1:
        return None
    columns = [positions(list(column)) for column in zip(*items, strict=True)]
    return _together(columns)


def _together(found: list[Positions | None]) -> Positions | None:
    there = [one for one in found if one is not None]
    if not there or len(there) < len(found):
        return None
    return Positions(_fewest([one.count for one in there]), lambda i: tuple(p.at(i) for p in there))


def _fewest(counts: list[Any]) -> Any:
    fewest = counts[0]
    for count in counts[1:]:
        both = isinstance(fewest, int) and isinstance(count, int)
        fewest = min(fewest, count) if both else np.minimum(fewest, count)
    return fewest


def _combined(items: Combined) -> Positions | None:
    if items.function is itertools.pairwise:
        (found,) = map(positions, items.args)
        return found and Positions(found.count - 1, lambda i: (found.at(i), found.at(i + 1)))
    if items.function not in (builtins.enumerate, builtins.zip, builtins.reversed):
        return _listed(list(items))
    parts = [positions(_collected(part)) for part in items.args]
    if items.function is builtins.zip:
        same = len({part.count for part in parts if part and isinstance(part.count, int)}) <= 1
        return _together(parts) if same or not items.kwargs.get("strict") else None
    inner = parts[0] if parts else None
    if inner is None:
        return None
    if items.function is builtins.reversed:
        return Positions(inner.count, lambda i: inner.at(inner.count - 1 - i))
    start = items.start
    return Positions(inner.count, lambda i: (i if _is_zero(start) else i + start, inner.at(i)))


def _collected(part: Any) -> Any:
    """One of several that a `for` runs over; of a generator, whose loops are not those around it,
    what it gives.
    """
    found = part.collected() if hasattr(type(part), "collected") else None
    return part if found is None or is_open(found) else found


def _is_zero(start: Any) -> bool:
    return type(start) is int and start == 0


def rest(found: Positions, start: int) -> Positions:
    """The same from a place on."""
    return Positions(found.count - start, lambda i: found.at(i + start))
