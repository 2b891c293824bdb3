"""`if`, `while`, `for` and truth in rewritten code: Python's where the values are known while the
function is lowered, else the control-flow ops."""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager
from typing import Any

import numpy as np

from irgrad.errors import IrgradError, TraceError
from irgrad.frontend.branches import cond
from irgrad.frontend.capture.naming import called
from irgrad.frontend.capture.settings import unrolled
from irgrad.frontend.capture.state import (
    UNBOUND,
    Trial,
    Variables,
    changed,
    is_outside,
    snapshot,
    value,
)
from irgrad.frontend.known import known
from irgrad.frontend.loops import fori_loop, while_loop
from irgrad.frontend.pytree import map_leaves
from irgrad.frontend.region import trace_region
from irgrad.frontend.site import call_site
from irgrad.ir.builder import CURRENT, Traced

Body = Callable[[], Any]


def truth(test: Any) -> bool | None:
    """Python's truth of a value; None where it is known only when the program runs."""
    if not isinstance(test, Traced):
        return bool(test)
    numbers = known(test)
    return None if numbers is None else bool(numbers)


# expressions


def choose(test: Any, then: Body, other: Body) -> Any:
    """`then() if test else other()`."""
    certain = truth(test)
    return cond(test, then, other) if certain is None else (then if certain else other)()


def both(first: Any, *rest: Body) -> Any:
    """`first and ...`."""
    for later in rest:
        certain = truth(first)
        if certain is False:
            return first
        first = later() if certain else _joined(np.logical_and, first, later)
    return first


def either(first: Any, *rest: Body) -> Any:
    """`first or ...`."""
    for later in rest:
        certain = truth(first)
        if certain:
            return first
        first = later() if certain is False else _joined(np.logical_or, first, later)
    return first


def _joined(combine: Any, first: Any, later: Body) -> Any:
    """The truth of an `and` or `or` whose first value is traced; the second is asked for only where
    it counts.
    """
    if combine is np.logical_and:
        return cond(first, lambda: np.logical_and(True, later()), lambda: np.False_)
    return cond(first, lambda: np.True_, lambda: np.logical_or(False, later()))


def negated(test: Any) -> Any:
    """`not test`."""
    certain = truth(test)
    return np.logical_not(test) if certain is None else not certain


def chained(first: Any, *steps: Callable[..., Any]) -> Any:
    """`first < b < c ...`: a comparison and an operand for each step, taken in turn."""
    result: Any = True
    for compare, operand in zip(steps[::2], steps[1::2], strict=True):
        second = operand()
        fits = compare(first, second)
        certain = truth(result)
        result = fits if certain else np.logical_and(result, fits)
        if truth(result) is False:
            return result
        first = second
    return result


# statements


def if_(
    test: Any, then: Body, other: Body, get: Any, set: Any, seen: Any, names: tuple[str, ...]
) -> Any:
    """`if test`; what both sides return, where they do."""
    certain = truth(test)
    if certain is not None:
        return (then if certain else other)()
    trial = Trial(Variables(get, set, seen, names))
    ends = [_look(trial, arm, "an if") for arm in (then, other)]
    places = sorted({i for end in ends for i in changed(trial.before, end)})
    lost = [i for i in places if any(end[i] is UNBOUND for end in ends)]
    kept = [i for i in places if i not in lost]

    def finish(arm: Body) -> Any:
        set(trial.before)
        with trial.lent(trial.versions()):
            result = map_leaves(snapshot, arm())
            return trial.ends(kept), trial.versions(), result

    with _by_name(trial, kept):
        found, versions, result = trial.settle(
            lambda: cond(test, lambda: finish(then), lambda: finish(other))
        )
    _bind(trial, [*lost, *kept], [*[UNBOUND] * len(lost), *found])
    trial.keep(versions)
    return result


def while_(test: Body, body: Body, get: Any, set: Any, seen: Any, names: tuple[str, ...]) -> None:
    """`while test()`: steps of Python as long as the test is known, then a loop op."""
    certain = truth(test())
    while certain:
        body()
        certain = truth(test())
    if certain is None:
        trial = Trial(Variables(get, set, seen, names))
        carried = _carried(trial, body)

        def holds() -> Any:
            found = test()
            return found if not isinstance(found, Traced) or found.dtype == bool else found != 0  # pyright: ignore[reportAttributeAccessIssue]

        with _by_name(trial, [i for i, _ in carried]):
            found, versions = trial.settle(
                lambda: while_loop(
                    lambda carry: _step(trial, carried, carry, holds)[0],
                    lambda carry: _step(trial, carried, carry, body)[1],
                    ([initial for _, initial in carried], trial.versions()),
                )
            )
        _bind(trial, [i for i, _ in carried], found)
        trial.keep(versions)


class TracedRange:
    """`range` with bounds that are known only when the program runs."""

    def __init__(self, *bounds: Any) -> None:
        self.start, self.stop = (0, bounds[0]) if len(bounds) == 1 else bounds[:2]
        self.step = bounds[2] if len(bounds) > 2 else 1
        if truth(self.step == 0) is not False:
            raise TraceError(
                "range: the step must be a known number, not 0", location=call_site().location
            )

    @property
    def count(self) -> Any:
        """How many numbers there are."""
        ahead = self.stop - self.start
        return np.maximum((ahead + self.step - (1 if self.step > 0 else -1)) // self.step, 0)

    def __iter__(self) -> Any:
        raise TraceError(
            "iteration over a range with a traced bound",
            location=call_site().location,
            hint="a for statement without break, continue, return and else can",
        )


_NEEDS_NUMBERS = (IrgradError, TypeError, ValueError, IndexError, KeyError)
"""What a body raises that needs the number of a traced index: our refusals, and those of Python and
NumPy where such an index is a slice's bound, a dict's key, a list's element.
"""


def for_(
    items: Iterable[Any],
    bind: Callable[[Any], None],
    body: Body,
    get: Any,
    set: Any,
    seen: Any,
    names: tuple[str, ...],
) -> None:
    """`for`: a loop op for a range with traced bounds, and for a long one if its body allows, that
    is, if it needs no number of the index (a slice up to it, a list's element) and changes no list
    or object; else step by step. Where the variables are not yet what a step makes of them, the
    first step stands before the loop.
    """
    variables = Variables(get, set, seen, names)
    if isinstance(items, TracedRange):
        _loop(Trial(variables), items.start, items.step, items.count, bind, body)
        return
    if isinstance(items, range) and len(items) > unrolled() and CURRENT.get() is not None:
        if _becomes_loop(variables, items, bind, body):
            return
        bind(items[0])
        body()
        items = items[1:]
        if _becomes_loop(variables, items, bind, body):
            return
    for item in items:
        bind(item)
        body()


def _becomes_loop(variables: Variables, items: range, bind: Any, body: Body) -> bool:
    """Whether a loop op has taken the place of the steps."""
    try:
        _loop(Trial(variables), items.start, items.step, len(items), bind, body)
    except _NEEDS_NUMBERS:
        # Nothing is lost: what the body has against a traced index is no error, and an error of
        # its own comes again, from the step in which it is one.
        return False
    return True


def _loop(trial: Trial, start: Any, step: Any, count: Any, bind: Any, body: Body) -> None:
    def at(i: Any) -> Body:
        def run() -> None:
            bind(i * step + start)
            body()

        return run

    here = CURRENT.get()
    assert here is not None
    carried = _carried(trial, at(here.wrap(here, here.constant(np.asarray(0)))))
    with _by_name(trial, [i for i, _ in carried]):
        found, versions = trial.settle(
            lambda: fori_loop(
                0,
                count,
                lambda i, carry: _step(trial, carried, carry, at(i))[1],
                ([initial for _, initial in carried], trial.versions()),
            )
        )
    _bind(trial, [i for i, _ in carried], found)
    trial.keep(versions)


@contextmanager
def _by_name(trial: Trial, places: list[int]) -> Generator[None]:
    """Errors about values that a body gives speak of the user's variables."""
    names = trial.variables.names
    try:
        yield
    except IrgradError as error:
        error.message = re.sub(
            r"the (?:result|carried value)\[0\]\[(\d+)\]",
            lambda found: f"'{names[places[int(found[1])]]}'",
            error.message,
        )
        raise


def _look(trial: Trial, body: Body, what: str) -> tuple[Any, ...]:
    """The variables after a body, which is traced and thrown away."""
    ends: list[tuple[Any, ...]] = []

    def run() -> None:
        with trial.lent(trial.versions()):
            body()
            ends.append(trial.variables.get())
            trial.check_contents(f"{what} that depends on traced values")

    trial.settle(lambda: trace_region(run, (), (), contains=True))
    return ends[-1]


def _carried(trial: Trial, body: Body) -> list[tuple[int, Any]]:
    """The variables that a step binds anew, and what they hold at first."""
    end = _look(trial, body, "a loop")
    carried: list[tuple[int, Any]] = []
    for i in changed(trial.before, end):
        if end[i] is UNBOUND:
            continue
        if is_outside(end[i]):
            raise TraceError(
                f"'{trial.variables.names[i]}' becomes another name of an array from outside",
                location=call_site().location,
                hint="bind a .copy(), or write x[...] = y",
            )
        initial = trial.before[i]
        carried.append((i, map_leaves(_blank, end[i]) if initial is UNBOUND else initial))
    return carried


def _blank(leaf: Any) -> Any:
    """Zeros like what a step makes of a variable that has no value before the loop."""
    if not isinstance(leaf, Traced):
        return leaf
    zero, here = leaf.value.type.dtype.type(0), CURRENT.get()
    assert here is not None
    if leaf.weak:  # pyright: ignore[reportAttributeAccessIssue]
        return zero.item()
    shape = leaf.value.type.shape
    return (
        np.broadcast_to(here.wrap(here, here.constant(np.asarray(zero))), shape) if shape else zero
    )


def _step(trial: Trial, carried: list[tuple[int, Any]], carry: Any, body: Body) -> tuple[Any, Any]:
    """What a body gives for carried values, and those after it."""
    values, versions = carry
    _bind(trial, [i for i, _ in carried], values)
    with trial.lent(versions):
        result = map_leaves(snapshot, body())
        return result, (trial.ends([i for i, _ in carried]), trial.versions())


def _bind(trial: Trial, places: list[int], values: Any) -> None:
    """Set the variables at some places, and the others to what they were."""
    every = list(trial.before)
    for i, new in zip(places, values, strict=True):
        every[i] = new
        called(new, trial.variables.names[i])
    trial.variables.set(every)


__all__ = [
    "UNBOUND",
    "TracedRange",
    "both",
    "chained",
    "choose",
    "either",
    "for_",
    "if_",
    "negated",
    "value",
    "while_",
]
