"""The arrays that rules of custom functions close over: inputs by reference, as those of the
functions themselves.

What a rule reads is known once it is lowered, for a derivative of the graph in which its function
is a call, and has to be among the operands of the call by then. So where a rule reads arrays that
its call does not have, all is lowered once more, and the call, the same one in the order of calls,
gets them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextvars import ContextVar
from typing import Any, TypeVar

from irgrad.frontend.decisions import decide_anew
from irgrad.frontend.guards import Guard
from irgrad.ir.op import Array

T = TypeVar("T")
Place = tuple[Any, ...]
MOST = 8
"""So many times at most something is lowered: once more for each rule inside a rule."""


def place_of(array: Array) -> Place:
    """What two views of the same elements share."""
    return array.__array_interface__["data"][0], array.dtype, array.shape, array.strides


class RuleArrays:
    """The arrays that the rule of one call reads: those `known` before, which are operands of the
    call, and those `missed`, which are constants this time; and those whose numbers became part of
    what it computes.
    """

    def __init__(self, known: Iterable[Array] = ()) -> None:
        self.known = tuple(known)
        self.read: dict[Place, Array] = {}
        self.missed: dict[Place, Array] = {}
        self.guards: list[Guard] = []

    def place(self, array: Array, lasts: bool) -> int | None:
        """Take notice that the rule reads an array -> which of those that are known it is. What no
        longer `lasts` once the rule has run is a constant.
        """
        at = place_of(array)
        found = next((k for k, x in enumerate(self.known) if place_of(x) == at), None)
        if found is not None:
            self.read[at] = array
        elif lasts:
            self.missed[at] = array
        return found

    @property
    def progress(self) -> bool:
        """Whether another time more will be known: not where the function makes the arrays anew
        each time, and so those that were known are not read.
        """
        return len(self.missed) > len(self.known) - len(self.read)

    def next(self) -> RuleArrays:
        """For the next time."""
        return RuleArrays((*self.read.values(), *self.missed.values()))


_CALLS: ContextVar[tuple[list[RuleArrays], list[RuleArrays]] | None] = ContextVar(
    "irgrad_rule_arrays", default=None
)
"""For the calls in what is being lowered, in order: those of the last time, those of this one."""


def arrays_of_next_call() -> RuleArrays:
    """The arrays of the call of a custom function that is about to be emitted."""
    calls = _CALLS.get()
    if calls is None:
        return RuleArrays()
    before, now = calls
    now.append(before[len(now)].next() if len(now) < len(before) else RuleArrays())
    return now[-1]


def with_rule_arrays(make: Callable[[], T]) -> tuple[T, tuple[Guard, ...]]:
    """What `make` lowers and differentiates, with the arrays that rules read as inputs, and those
    whose numbers became part of it in a rule.
    """
    if _CALLS.get() is not None:
        return make(), ()
    before: list[RuleArrays] = []
    left = MOST
    while True:
        now: list[RuleArrays] = []
        token = _CALLS.set((before, now))
        try:
            made = make()
        finally:
            _CALLS.reset(token)
        left -= 1
        if not left or not any(call.progress for call in now):
            return made, tuple(guard for call in now for guard in call.guards)
        before = now
        decide_anew()
