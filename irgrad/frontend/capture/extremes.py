"""`max` and `min`, with a key too: the first of the best items."""

from __future__ import annotations

import builtins
from collections.abc import Callable
from typing import Any

import numpy as np

from irgrad.frontend.capture.doors import door
from irgrad.frontend.capture.flow import for_, if_
from irgrad.frontend.capture.iteration import Mapped, TracedRange, positions
from irgrad.frontend.capture.maybe import as_array, is_open
from irgrad.frontend.capture.packing import kind_of
from irgrad.frontend.capture.raising import fail
from irgrad.frontend.capture.rows import line_of_numbers
from irgrad.frontend.known import known
from irgrad.frontend.promote import any_traced
from irgrad.ir.builder import CURRENT


def _extreme(function: Any, better: Any, reduction: Any) -> None:
    def first_extreme(line: Any) -> Any:
        """Python compares from the first number on, so a nan wins only in that place."""
        if line.dtype.kind != "f":
            return reduction.reduce(line)
        return np.where(np.isnan(line[0]), line[0], reduction.reduce(line))

    @door(function)
    def choose(*args: Any, **kwargs: Any) -> Any:
        if len(args) == 1 and not kwargs and is_open(args[0]):
            return getattr(as_array(args[0]), function.__name__)()
        line = line_of_numbers(args[0]) if len(args) == 1 and not kwargs else None
        if line is not None and line.dtype.kind != "c":
            return first_extreme(line)
        if kwargs.keys() == {"key"} and kwargs["key"] is not None:
            items = args[0] if len(args) == 1 else list(args)
            if CURRENT.get() is not None and positions(items) is None:
                args = (items := list(items),)  # what a generator gives comes once
            found = _Keyed.of(items, kwargs["key"], better)
            if found is not None:
                return found.best
        items = list(args[0]) if len(args) == 1 else list(args)
        if kwargs or not any_traced(items) or all(known(x) is not None for x in items):
            return function(items, **kwargs)
        best = items[0]
        for item in items[1:]:
            best = np.where(better(item, best), item, best)
        return best


class _Keyed:
    """The best of the items so far, and its key; a body of a loop, known by the key function."""

    def __init__(self, key: Callable[[Any], Any], better: Any, first: Any) -> None:
        self.__code__: Any = ("key", getattr(key, "__code__", key))
        self.key, self.better = key, better
        self.best, self.rank = first, key(first)
        self.item: Any = None

    @classmethod
    def of(cls, items: Any, key: Any, better: Any) -> _Keyed | None:
        """The best of all; None where only the numbers themselves can decide."""
        from irgrad.frontend.capture.call import call

        found = positions(items) if CURRENT.get() is not None else None
        if found is None and CURRENT.get() is not None:
            return cls._in_turn(items, call(key), better)
        if found is None or (isinstance(found.count, int) and found.count < 1):
            return None
        count, known_count = found.count, isinstance(found.count, int)
        if not known_count:
            if_(count > 0, _nothing, _refuse_none, tuple, _ignore, tuple, ())
        made = cls(call(key), better, found.at(0))
        others = Mapped(range(1, count) if known_count else TracedRange(1, count), found.at)
        for_(others, made.take, made, made.get, made.set, tuple, ("best", "rank"))
        return made

    @classmethod
    def _in_turn(cls, items: list[Any], key: Any, better: Any) -> _Keyed | None:
        """The same of a list that is no loop, where the keys are numbers and one is traced."""
        ranks = list(map(key, items))
        if not any_traced(ranks) or any(kind_of(rank) is None for rank in ranks):
            return None
        made = cls(key, better, items[0])
        for item in items[1:]:
            made.take(item)
            made()
        return made

    def get(self) -> tuple[Any, ...]:
        """What a step may bind."""
        return self.best, self.rank

    def set(self, new: Any) -> None:
        """Bind it."""
        self.best, self.rank = new

    def take(self, item: Any) -> None:
        """The item of the step that comes."""
        self.item = item

    def __call__(self) -> None:
        rank = self.key(self.item)

        def adopt() -> None:
            self.best, self.rank = self.item, rank

        test = self.better(rank, self.rank)
        if_(test, adopt, _nothing, self.get, self.set, tuple, ("best", "rank"))


def _nothing() -> None:
    pass


def _ignore(new: Any) -> None:
    pass


def _refuse_none() -> None:
    fail(lambda: ValueError("the argument is empty"))


_extreme(builtins.max, np.greater, np.fmax)
_extreme(builtins.min, np.less, np.fmin)
