"""`if`, `while`, `for` and truth in rewritten code: Python's where the values are known while the
function is lowered, else the control-flow ops."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Iterable
from itertools import islice
from typing import Any

import numpy as np

from irgrad.errors import IrgradError, TraceError
from irgrad.frontend.capture.branching import branch
from irgrad.frontend.capture.exchange import Exchanged
from irgrad.frontend.capture.generators import is_handed
from irgrad.frontend.capture.inner import REACHED, Inner
from irgrad.frontend.capture.iteration import Positions, lists_of, positions, rest
from irgrad.frontend.capture.looping import (
    Grows,
    counted,
    counted_until,
    looked_at,
    repeated_while,
)
from irgrad.frontend.capture.maybe import is_open, length, refuse_open
from irgrad.frontend.capture.nests import is_several
from irgrad.frontend.capture.parts import taken_apart
from irgrad.frontend.capture.raising import forget
from irgrad.frontend.capture.rebinding import Rebound
from irgrad.frontend.capture.settings import most_nodes, unrolled
from irgrad.frontend.capture.sizes import NO_SIZE
from irgrad.frontend.capture.state import UNBOUND, State, Variables, value
from irgrad.frontend.capture.unrolling import watch
from irgrad.frontend.guards import fixed
from irgrad.frontend.integers import interval
from irgrad.frontend.known import known
from irgrad.frontend.lost import refuse_lost
from irgrad.ir.builder import CURRENT, Traced
from irgrad.ir.graph import node_count

Body = Callable[[], Any]


def truth(test: Any) -> bool | None:
    """Python's truth of a value; None where it is known only when the program runs."""
    if not isinstance(test, Traced):
        refuse_open(test)
        refuse_lost(test)
        return bool(fixed(test))
    numbers = known(test)
    return None if numbers is None else bool(numbers)


# expressions


def choose(test: Any, then: Body, other: Body) -> Any:
    """`then() if test else other()`."""
    test = _asked(test)
    certain = truth(test)
    if certain is None:
        reached = Variables(tuple, lambda values: None, lambda: (then, other), ())
        return branch(test, then, other, State(reached), lenient=False)
    return (then if certain else other)()


def and_(first: Any, *rest: Body) -> Any:
    """`first and ...`: the first value that is not true, or else the last one."""
    for later in rest:
        certain = truth(first)
        if certain is False:
            return first
        first = later() if certain else choose(first, later, _kept(first, np.False_))
    return first


def or_(first: Any, *rest: Body) -> Any:
    """`first or ...`: the first value that is true, or else the last one."""
    for later in rest:
        certain = truth(first)
        if certain:
            return first
        first = later() if certain is False else choose(first, _kept(first, np.True_), later)
    return first


def _kept(first: Any, known: Any) -> Body:
    """A traced operand that decides an `and` or an `or`; if it is a bool, it is known which."""
    return lambda: known if first.dtype.kind == "b" else first


def both(first: Any, *rest: Body) -> Any:
    """The truth of `first and ...`, whose operands may be of any types."""
    return and_(_true(first), *map(_truth_of, rest))


def either(first: Any, *rest: Body) -> Any:
    """The truth of `first or ...`, whose operands may be of any types."""
    return or_(_true(first), *map(_truth_of, rest))


def _truth_of(later: Body) -> Body:
    return lambda: _true(later())


def _asked(test: Any) -> Any:
    """A condition; of a list of unknown length, whether anything is in it."""
    return length(test) > 0 if is_open(test) else test


def _true(value: Any) -> Any:
    value = _asked(value)
    certain = truth(value)
    if certain is not None:
        return np.bool_(certain)  # the same object for the same truth
    return value if value.dtype.kind == "b" else np.not_equal(value, 0)


def negated(test: Any) -> Any:
    """`not test`."""
    test = _asked(test)
    certain = truth(test)
    return np.logical_not(test) if certain is None else not certain


def chained(first: Any, compare: Callable[..., Any], operand: Body, *steps: Any) -> Any:
    """`first < b < c ...`, which is `first < b and b < c ...`: a comparison and an operand for each
    step, each taken only if what stands before it holds.
    """
    second = operand()
    fits = compare(first, second)
    return and_(fits, lambda: chained(second, *steps)) if steps else fits


# statements


def if_(
    test: Any,
    then: Body,
    other: Body,
    get: Any,
    set: Any,
    seen: Any,
    names: tuple[str, ...],
    lenient: bool = False,
    last: bool = False,
) -> Any:
    """`if test`; what both sides return, where they do, which is the `last` of a function."""
    test = _asked(test)
    certain = truth(test)
    if certain is not None:
        return (then if certain else other)()
    return branch(test, then, other, State(Variables(get, set, seen, names)), lenient, last)


def while_(
    test: Body,
    body: Body,
    get: Any,
    set: Any,
    seen: Any,
    names: tuple[str, ...],
    stop: Body | None = None,
    forever: bool = False,
) -> None:
    """`while test()`, until `stop()`: steps of Python as long as that is known, then a loop op."""
    variables = Variables(get, set, seen, names)

    def holds() -> Any:
        if stop is None:
            return test()
        return negated(stop()) if forever else both(negated(stop()), test)

    answer, steps, refused = holds(), 0, None
    while certain := truth(answer):
        steps += 1
        if stop is not None or steps > unrolled():
            refused = _KNOWN
            if _is_traced(variables, body, stop):
                refused = _not_a_while(variables, test, holds, body, answer)
                if refused is None:
                    return
                forget(refused)
            steps = -sys.maxsize
        body()
        watch(refused)
        answer = holds()
    if certain is None:
        _repeat(variables, test, holds, body, answer)


def _repeat(
    variables: Variables, test: Body, holds: Body, body: Any, answer: Any, certain: bool = False
) -> None:
    """A while op. A condition that writes to something is asked where Python does, at the end of
    each step: before the first one it has been, with this `answer`.
    """
    if not _writes(variables, test):
        repeated_while(State(variables), holds, body, body.__code__, certain)
        return
    answers = [answer]

    def step() -> None:
        body()
        answers[0] = holds()

    state = State(variables._replace(seen=lambda: (*variables.seen(), answers)))
    repeated_while(state, lambda: answers[0], step, body.__code__, certain)


def _writes(variables: Variables, test: Body) -> bool:
    """Whether asking a condition changes anything."""
    inner = Inner(State(variables), lends=True, repeats=True)
    inner.run(test)
    inner.builder.closed = True
    return any(key != REACHED for key in inner.changes)


_KNOWN = TraceError(
    "its condition is known while the function is lowered, and so is all that it changes",
    hint="pass a number that it starts from as an array: np.array(n)",
)


def _not_a_while(
    variables: Variables, test: Body, holds: Body, body: Any, answer: Any
) -> Exception | None:
    """Why no while op can take the place of the steps; None where it has."""
    try:
        _repeat(variables, test, holds, body, answer, certain=True)
    except NEEDS_NUMBERS as error:
        return error
    return None


def _is_traced(variables: Variables, body: Body, stop: Body | None) -> bool:
    """Whether what a step changes, or whether it ends a loop, depends on traced values."""
    inner = Inner(State(variables), lends=True, repeats=True)
    try:
        inner.run(lambda: (body(), stop and stop()))
    except NEEDS_NUMBERS as error:
        forget(error)
        return False  # which comes again, from the step itself
    found = [inner.result[1]] if stop else list(inner.changes.values())
    leaves = [leaf for item in found for leaf in taken_apart(item, lambda _: False)[0]]
    traced = any(isinstance(leaf, Traced) and known(leaf) is None for leaf in leaves)
    inner.builder.closed = True
    return traced


NEEDS_NUMBERS = (IrgradError, TypeError, ValueError, IndexError, KeyError, NameError)
"""What a body raises that needs the number of a traced index: our refusals, and those of Python and
NumPy where such an index is a slice's bound, a dict's key, a list's element, or decides whether a
variable has a value.
"""


def for_(
    items: Iterable[Any],
    bind: Callable[[Any], None],
    body: Body,
    get: Any,
    set: Any,
    seen: Any,
    names: tuple[str, ...],
    stop: Body | None = None,
) -> None:
    """`for`: a loop op where only the running program knows how many items there are, and for many
    if the body allows, that is, if it needs no number of the index (a slice up to it, a list's
    element); else step by step. Where the variables are not yet what a step makes of them, the
    first steps stand before the loop.
    """
    if is_handed(items, bind, body, stop):
        return
    lists = lists_of(items)
    variables = Variables(get, set, (lambda: (*seen(), *lists)) if lists else seen, names)
    if CURRENT.get() is not None and is_several(for_, variables, items, bind, body, stop):
        return
    if not is_open(items):
        refuse_lost(items)
    found = positions(items) if CURRENT.get() is not None else None
    skipped, refused = 0, None
    if found is not None and not isinstance(found.count, int):
        _loop(variables, found, bind, body, stop)
        return
    if found is not None and _is_long(variables, found, bind, body):
        refused = _not_a_loop(variables, found, bind, body, stop)
        if refused is None:
            return
        forget(refused)
        for skipped in range(1, min(_WARM_UP + 1, found.count)):
            bind(next(islice(items, skipped - 1, None)))
            body()
            if truth(stop is not None and stop()) is not False:
                break
            if skipped.bit_count() == 1:
                refused = _not_a_loop(variables, rest(found, skipped), bind, body, stop)
                if refused is None:
                    return
                forget(refused)
    for item in islice(items, skipped, None):
        left = stop is not None and stop()
        certain = truth(left)
        if certain:
            return
        if certain is False:
            bind(item)
            body()
        else:
            one = functools.partial(_one, bind, item, body)
            branch(left, _nothing, one, State(variables), lenient=True)
        watch(refused)


_WARM_UP = 4
"""Steps that may stand before a loop: those in which a list or queue fills."""


def _is_long(variables: Variables, items: Positions, bind: Any, body: Any) -> bool:
    """Whether a loop had better not unroll: for the number of its steps, or for that of the nodes
    of all of them. A step is traced to see its size, once for each place in the code; what is seen
    of one that does not unroll is kept for the loop.
    """
    most = most_nodes()
    if items.count > unrolled():
        return True
    if most is None or items.count < 2:
        return False
    here = CURRENT.get()
    assert here is not None
    key, inner = ("size", body.__code__), None
    if key not in here.notes:
        here.notes[key] = 0
        inner = _seen(variables, lambda i: _one(bind, items.at(i), body))
        here.notes[key] = node_count(inner.builder.nodes) if inner else 0
    if items.count * here.notes[key] > most:
        here.notes["seen", body.__code__] = inner
        return True
    if inner is not None:
        inner.builder.closed = True
    return False


def _seen(variables: Variables, step: Callable[[Any], None]) -> Inner | None:
    """A trace of a step; None where it needs the number of its index."""
    try:
        return looked_at(State(variables), step)
    except NEEDS_NUMBERS as error:
        forget(error)
        return None


def _nothing() -> None:
    pass


def _one(bind: Callable[[Any], None], item: Any, body: Body) -> None:
    bind(item)
    body()


def _not_a_loop(
    variables: Variables, items: Positions, bind: Any, body: Any, stop: Any
) -> Exception | None:
    """Why no loop op can take the place of the steps; None where it has."""
    try:
        _loop(variables, items, bind, body, stop)
    except Exchanged as several:
        return _not_longer(several.period, variables, items, bind, body)
    except Rebound as error:
        if stop is not None or not isinstance(items.count, int):
            return error
        return _not_but_the_last(error, variables, items, bind, body)
    except NEEDS_NUMBERS as error:
        # Nothing is lost: what the body has against a traced index is no error, and an error of
        # its own comes again, from the step in which it is one.
        return error
    return None


def _not_but_the_last(
    found: Rebound, variables: Variables, items: Positions, bind: Any, body: Any
) -> Exception | None:
    """Why no loop op can take the place of all steps but the last, where each binds variables to
    parts of arrays before it reads them; None where it has.
    """

    def at(i: Any) -> None:
        bind(items.at(i))
        body()

    own = {found.key}
    while True:
        try:
            counted(State(variables), items.count - 1, at, (body.__code__, "own"), own=own)
        except Rebound as another:
            if another.key in own:
                return another
            own.add(another.key)
        except NEEDS_NUMBERS as error:
            return error
        else:
            at(items.count - 1)
            return None


def _not_longer(
    period: int, variables: Variables, items: Positions, bind: Any, body: Any
) -> Exception | None:
    """Why no loop op each of whose steps is several of the program can; None where it has."""

    def several(i: Any) -> None:
        for k in range(period):
            bind(items.at(i * period + k))
            body()

    try:
        counted(State(variables), items.count // period, several, (body.__code__, period))
    except NEEDS_NUMBERS as error:
        return error
    for i in range(items.count - items.count % period, items.count):
        bind(items.at(i))
        body()
    return None


def _loop(variables: Variables, items: Positions, bind: Any, body: Any, stop: Any) -> None:
    def at(i: Any) -> None:
        bind(items.at(i))
        body()

    state, count = State(variables), items.count
    try:
        if stop is None:
            counted(state, count, at, body.__code__)
        else:
            counted_until(state, count, at, stop, body.__code__)
    except Grows:
        most = count if isinstance(count, int) else interval(count)[1]
        if most < NO_SIZE:
            _bounded_loop(variables, items, most, at, stop, body.__code__)
        elif stop is None:
            counted(state, count, at, body.__code__, open_ended=True)
        else:
            raise


def _bounded_loop(
    variables: Variables, items: Positions, most: int, at: Any, stop: Any, memory: Any
) -> None:
    """As many steps as there are at most, each under the condition that it is one: then it is
    known how long what the steps append to lists is at most.
    """

    def step(i: Any) -> None:
        goes_on = items.count > i
        if stop is not None:
            goes_on = both(negated(stop()), lambda: goes_on)
        if_(goes_on, lambda: at(i), _nothing, *variables, lenient=True)

    counted(State(variables), most, step, (memory, "bounded"))


__all__ = [
    "NEEDS_NUMBERS",
    "UNBOUND",
    "and_",
    "both",
    "chained",
    "choose",
    "either",
    "for_",
    "if_",
    "negated",
    "or_",
    "value",
    "while_",
]
