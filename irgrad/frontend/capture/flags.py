"""What stands for jumps, after a branch: flags of `break`, `continue` and `return`.

Where a flag is true after one branch and false after the other it is the condition itself, and in a
branch the condition is known. So what a program certainly does in the end is known too: the last of
several early returns leaves nothing that would return None."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from irgrad.frontend.tracer import Tracer

Make = Callable[[Iterator[Any]], Any]


def at_end(end: Any, test: Any, holds: int) -> Any:
    """A flag after a branch, in which the condition holds or does not."""
    if isinstance(end, Tracer) and end.value == test.value:
        return bool(holds)
    return bool(end) if isinstance(end, np.bool_) else end


class Flags:
    """The flags that two branches give, each pair of ends once."""

    def __init__(self, selector: Any) -> None:
        self.selector = selector
        self.seen: dict[Any, list[Any]] = {}

    def same(self, ends: Sequence[Any]) -> Make | None:
        """What gives a flag with these ends where something does already."""
        known = [end for end in ends if isinstance(end, bool)]
        if known == [False, True]:
            return lambda given: self.selector
        if known == [True, False]:
            return lambda given: np.logical_not(self.selector)
        made = self.seen.get(_written(ends))
        return None if made is None else lambda given: made[0]

    def once(self, ends: Sequence[Any], make: Make) -> Make:
        """The same of what is made for the first flag with these ends."""
        made = self.seen.setdefault(_written(ends), [])

        def first(given: Iterator[Any]) -> Any:
            made.append(make(given))
            return made[0]

        return first


def _written(ends: Sequence[Any]) -> Any:
    return tuple(end.value if isinstance(end, Tracer) else end for end in ends)
