"""Arrays that the steps of a loop hand on among its variables: `a, b = b, a`.

After as many steps as the exchange has a period, everything has its name again. So where the number
of steps is known, a step of the loop op is that many of the program, and nothing is copied. Where
it is not, the variables carry the numbers; which array a variable names afterwards depends on the
steps that there were."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from irgrad.errors import TraceError
from irgrad.frontend.capture.parts import Alias
from irgrad.frontend.site import call_site
from irgrad.frontend.tracer import Tracer
from irgrad.frontend.view import one_of, write
from irgrad.ops.select import where


class Exchange:
    """Which array the variable that named each of `handles` names one step later."""

    def __init__(self, handles: Sequence[Any], following: Sequence[int]) -> None:
        self.handles, self.following = handles, following
        self.period = math.lcm(*map(len, _cycles(following)))

    def position(self, first: Any) -> int | None:
        """The number of what a variable names before the loop, if it is part of the exchange."""
        return next((k for k, each in enumerate(self.handles) if each is first), None)

    def goes_on(self, first: Any, end: Any, given: Sequence[Any]) -> bool:
        """Whether a step that was given `given` hands on the same way as the first did."""
        place = self.position(first)
        return place is not None and end is given[self.following[place]]

    def after(self, values: Sequence[Any], steps: Any) -> list[Any]:
        """What the variables name after so many steps, given the numbers that they carry."""
        turn = steps % self.period
        here = list(range(len(self.handles)))
        arms: list[list[tuple[Any, Any]]] = [[] for _ in here]
        ends = list(self.handles)
        for k in range(self.period):
            for variable, place in enumerate(here):
                arms[variable].append((turn == k, self.handles[place]))
                ends[place] = where(turn == k, values[variable], ends[place])
            here = [self.following[place] for place in here]
        for each, end in zip(self.handles, ends, strict=True):
            write(each, end)
        return [one_of(value, own) for value, own in zip(values, arms, strict=True)]


def _cycles(following: Sequence[int]) -> list[list[int]]:
    cycles: list[list[int]] = []
    for start in range(len(following)):
        if not any(start in cycle for cycle in cycles):
            cycle = [start]
            while following[cycle[-1]] != start:
                cycle.append(following[cycle[-1]])
            cycles.append(cycle)
    return cycles


def exchange(pairs: Sequence[tuple[Any, Any]]) -> Exchange | None:
    """The exchange among leaves of what a step changes, each before and after the step."""
    moves = [(x, y.handle) for x, y in pairs if isinstance(y, Alias) and y.handle is not x]
    places = {id(first): k for k, (first, _) in enumerate(moves)}
    following = [places.get(id(end), -1) for _, end in moves]
    types = {first.version.type for first, _ in moves if isinstance(first, Tracer)}
    if len(types) != 1 or sorted(following) != list(range(len(moves))):
        return None
    return Exchange([first for first, _ in moves], following)


class Exchanged(TraceError):
    """A loop whose steps exchange arrays; after `period` of them all is as before."""

    def __init__(self, period: int) -> None:
        super().__init__("the steps of a loop exchange arrays", location=call_site().location)
        self.period = period


SHARED = "an array that a loop exchanges with others is used in the loop by another name too"
LEFT = "an array is used after a loop that wrote to it by a name which then came to name another"


class Elsewhere:
    """In place of the owner of an array whose numbers a loop carries under another name."""

    def __init__(self, message: str) -> None:
        self.message = message

    def __getattr__(self, name: str) -> Any:
        raise TraceError(
            self.message,
            location=call_site().location,
            hint="bind one of the names to a .copy() before the loop",
        )


__all__ = ["LEFT", "SHARED", "Elsewhere", "Exchange", "Exchanged", "exchange"]
