"""Variables that a step of a loop binds and that have no value before it, or another array."""

from __future__ import annotations

from typing import Any

from irgrad.errors import TraceError
from irgrad.frontend.capture.handles import blank
from irgrad.frontend.capture.parts import Alias, handle, kinds_of, now
from irgrad.frontend.capture.state import UNBOUND, Key, State
from irgrad.frontend.region import array_leaf
from irgrad.frontend.site import call_site


class Rebound(TraceError):
    """A step binds a variable to another part of an array than it named before."""

    def __init__(self, key: Key, name: str) -> None:
        super().__init__(
            f"{name} becomes another name of an array from outside",
            location=call_site().location,
            hint="bind a .copy(), or write x[...] = y",
        )
        self.key = key


def is_unbound(first: Any) -> bool:
    """Whether a variable, of an inner function too, has no value."""
    return first is UNBOUND or (type(first) is list and len(first) == 1 and first[0] is UNBOUND)


def blanks(state: State, key: Key, leaves: list[Any], level: int) -> list[Any] | None:
    """What stands before a loop for the leaves that a step, traced at a `level`, binds a variable
    to that has no value yet; None where it is of each step alone: row = A[i]. What is returned from
    within the step is there after the loop.
    """
    kinds = kinds_of(leaves)
    if state.is_result(key):
        if any(isinstance(x, Alias) and x.handle.builder.level >= level for x in leaves):
            raise Rebound(key, state.name(key))
        pairs = zip(leaves, kinds, strict=True)
        return [handle(x) if kind is None or x is not now(x) else _blank(x) for x, kind in pairs]
    if any(isinstance(leaf, Alias) for leaf in leaves):
        return None
    if any(kind is None and x is not None for x, kind in zip(leaves, kinds, strict=True)):
        return None
    return [_blank(leaf) for leaf in leaves]


def _blank(leaf: Any) -> Any:
    """Zeros like what a step makes of a variable that has no value before the loop."""
    return None if leaf is None else blank(*array_leaf(now(leaf)))
