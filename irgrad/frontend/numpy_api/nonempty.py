"""Reductions without an identity, of arrays whose extent only the running program knows: of no
elements they raise, as NumPy's do."""

from __future__ import annotations

from typing import Any

from irgrad.frontend.integers import interval

NO_IDENTITY = "zero-size array to reduction operation {} which has no identity"
NO_POSITION = "attempt to get {} of an empty sequence"


def demand_some(count: Any, message: str, name: str, results: Any = 1) -> None:
    """Have the program raise where `count` is 0, unless there are no `results` either."""
    from irgrad.frontend.capture.demand import demand

    if interval(count)[0] > 0 or (isinstance(results, int) and not results):
        return
    some = count > 0 if isinstance(results, int) else (count > 0) | (results == 0)
    demand(some, lambda: ValueError(message.format(name)))


__all__ = ["NO_IDENTITY", "NO_POSITION", "demand_some"]
