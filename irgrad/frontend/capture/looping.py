"""`while` and `for` as ops: what a step changes is carried from step to step.

What that is, is found by tracing a step. It is traced again with inputs for what is carried, until
these keep their types; the next time at the same place in the code, the first of these is saved."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any, NamedTuple

import numpy as np

from irgrad.errors import DTypeError, TraceError
from irgrad.frontend.capture.carry import Carry, line_of
from irgrad.frontend.capture.exchange import Elsewhere
from irgrad.frontend.capture.growth import Grows
from irgrad.frontend.capture.inner import Inner
from irgrad.frontend.capture.parts import kinds_of, now
from irgrad.frontend.capture.raising import tied
from irgrad.frontend.capture.recall import recall, remembered
from irgrad.frontend.capture.state import Key, State
from irgrad.frontend.capture.steps import known_steps
from irgrad.frontend.capture.ties import ties
from irgrad.frontend.lower import Argument
from irgrad.frontend.promote import innermost, lift
from irgrad.frontend.region import apply, operand_types, with_inputs
from irgrad.frontend.site import call_site
from irgrad.frontend.tracer import Tracer
from irgrad.ir.builder import CURRENT
from irgrad.ir.graph import Graph, input_value
from irgrad.ir.names import numbered
from irgrad.ir.types import BOOL, I64, ArrayType
from irgrad.ops.loop import Loop
from irgrad.ops.while_loop import While

Body = Callable[[], Any]
Step = Callable[[Any], Any]
_INDEX = Argument(ArrayType(I64, ()), weak=True)
_MOST = 12
"""Traces of one step after which something is wrong."""


class Settled(NamedTuple):
    """A step whose carried values keep their types, its inputs, and what it gives for each."""

    inner: Inner
    inputs: list[Any]
    ends: list[Any]


def settled(carry: Carry, step: Step, indexed: bool, memory: Any) -> Settled:
    """Trace a step until what is carried is known."""
    here = CURRENT.get()
    assert here is not None
    known, seen = here.notes.pop(memory, None), here.notes.pop(("seen", memory), None)
    if known is None or not recall(carry, known):
        _look(carry, looked_at(carry.state, step) if seen is None else seen)
    for _ in range(_MOST):
        found = _attempt(carry, step, indexed)
        if found is not None:
            here.notes[memory] = remembered(carry)
            return found
    message = "the types of what a loop carries do not settle"
    raise DTypeError(message, location=call_site().location)


def looked_at(state: State, step: Step) -> Inner:
    """A trace of a step, to see what it does."""
    inner = Inner(state, lends=True, repeats=True)
    index = _index(inner)
    inner.run(lambda: step(index))
    return inner


def _look(carry: Carry, inner: Inner) -> None:
    """Carry what a trace of a step has changed."""
    try:
        _check_goes_on(inner)
        carry.grow(inner)
    finally:
        inner.builder.closed = True


def _index(inner: Inner) -> Any:
    """An input for the position of a step, a Python int to the code."""
    index = inner.builder.input("i", _INDEX.type)
    index.weak = True
    return index


def _check_goes_on(inner: Inner) -> None:
    if inner.raised:
        raise TraceError(
            "the first step of a loop raises an exception whatever happens",
            location=call_site().location,
            hint="raise it under a condition",
        )


def _attempt(carry: Carry, step: Step, indexed: bool) -> Settled | None:
    """Trace a step with inputs for what is carried; None where more turns out to be."""
    inner, found = Inner(carry.state, lends=False, repeats=True), None
    try:
        found = _attempted(carry, step, indexed, inner)
        return found
    finally:
        inner.builder.closed = found is None


def _attempted(carry: Carry, step: Step, indexed: bool, inner: Inner) -> Settled | None:
    index = _index(inner) if indexed else None
    inputs = _inputs(inner, carry)
    versions = [given.version for given in inputs]

    def run() -> Any:
        carry.bind(inputs, inner)
        return step(index)

    try:
        inner.run(run)
    except TraceError as stop:
        root = stop.written
        if root is None or id(root) in carry.roots:
            raise
        carry.take_root(id(root), root)
        return None
    _check_goes_on(inner)
    if carry.grow(inner):
        return None
    ends = [x if end is None else end for x, end in zip(inputs, carry.ends(inner), strict=True)]
    written = [_is_written(*each) for each in zip(inputs, versions, strict=True)]
    names = [name for name, _ in carry.named_slots()]
    before = None if carry.runs else [slot.first for slot in carry.slots]
    carry.ties = ties(names, [inner.handle(end) for end in ends], written, before)
    if carry.exchange is None and carry.leave(written):
        return None
    return Settled(inner, inputs, ends)


def _is_written(given: Any, then: Any) -> bool:
    exchanged = given.window is not None
    return exchanged or given.version is not then or isinstance(given.owner, Elsewhere)


def _inputs(inner: Inner, carry: Carry) -> list[Any]:
    inputs: list[Any] = []
    for name, kind in carry.named_slots():
        made = inner.builder.input(name, kind.type)
        made.weak = kind.weak
        inputs.append(made)
    return inputs


def _closed(inner: Inner, ends: Sequence[Any], named: Sequence[tuple[str, Argument]]) -> Any:
    """The region that gives these."""
    with inner.open():
        values = [
            inner.builder.lift(lift(inner.builder, now(end), kind.type.dtype))
            for end, (_, kind) in zip(ends, named, strict=True)
        ]
    names = numbered(name for name, _ in named)
    return inner.close("body", dict(zip(names, values, strict=True)))


def counted(
    state: State,
    count: Any,
    step: Step,
    memory: Any,
    open_ended: bool = False,
    own: Collection[Key] = (),
) -> None:
    """`step(i)` for i = 0, ..., count - 1; `Exchanged` where several steps are better one. If
    `open_ended`, of lists that grow in a number of steps that is not known the last items are.
    Variables that are each step's `own` have no value afterwards.
    """
    carry = Carry(state, isinstance(count, int), own)
    carry.runs = isinstance(count, int) and count > 0
    inner, _, ends = settled(carry, step, True, memory)
    named = carry.named_slots()
    length = max(0, int(count)) if isinstance(count, int) else None
    if length is None and open_ended:
        carry.leave_open()
    elif length is None:
        carry.check_fixed()
    stacked = () if carry.open_ended else carry.growing.values()
    rows = [("row", kind) for growing in stacked for kind in growing.kinds]
    made = carry.rows(inner) if rows else []
    graph, captured = _closed(inner, [*ends, *made], [*named, *rows])
    trips = [] if length is not None else [_count(count)]
    op = Loop(len(named), 0, length, False, False, graph)
    operands = [*trips, *(slot.first for slot in carry.slots), *captured]
    types = operand_types(trips, [kind for _, kind in named], captured)
    results = apply(op, operands, types) if named or rows else []
    carry.bind(
        results[: len(named)], None, results[len(named) :], count if length is None else length
    )


def _count(count: Any) -> Any:
    builder = innermost([count])
    with builder.emitting(call_site().location, None):
        return lift(builder, count, I64)


def counted_until(state: State, count: Any, step: Step, stop: Body, memory: Any) -> None:
    """`step(i)` for i = 0, ..., count - 1, but none any more once `stop()` holds."""
    carry = Carry(state)
    found = settled(carry, step, True, memory)

    def holds(i: Any) -> Any:
        return np.logical_and(i < count, np.logical_not(stop()))

    _emit_counting(carry, found, holds)


def repeated_while(
    state: State, test: Body, step: Body, memory: Any, certain: bool = False
) -> None:
    """`step()` while `test()` holds; where that is `certain` at first, a loop that ends by known
    numbers is counted.
    """
    carry = Carry(state)
    found = settled(carry, lambda index: step(), False, memory)
    if carry.growing and certain:
        firsts = [slot.first for slot in carry.slots]
        steps = known_steps(firsts, found.inner, found.ends, _condition(carry, test, []))
        if steps is None:
            carry.check_fixed()
        counted(state, steps, lambda index: step(), memory)
        return
    carry.leave_open()
    if carry.exchange is None:
        _emit(carry, found, lambda: test(), [], [], [])
    else:
        _emit_counting(carry, settled(carry, lambda index: step(), True, None), lambda i: test())


def _emit_counting(carry: Carry, found: Settled, test: Any) -> None:
    """The `while` op of steps that take their number."""
    given = found.inner.builder.inputs[0]
    with found.inner.open():
        index = found.inner.builder.wrap(found.inner.builder, given)
        following = index + 1
    _emit(carry, found, test, [("i", _INDEX)], [0], [following])


def _emit(
    carry: Carry,
    found: Settled,
    test: Any,
    more: list[tuple[str, Argument]],
    firsts: list[Any],
    nexts: list[Any],
) -> None:
    """The `while` op: it carries what the steps change, and before that something of its own."""
    if carry.open_ended is None:
        carry.check_fixed()
    named = [*more, *carry.named_slots()]
    condition = _condition(carry, test, more)
    test_graph, test_captured = _closed(condition, [condition.result], [("holds", _TRUTH)])
    body_graph, body_captured = _closed(found.inner, [*nexts, *found.ends], named)
    count = len(named)
    body, test = _together(body_graph, test_graph, count)
    operands = [*firsts, *(slot.first for slot in carry.slots), *body_captured, *test_captured]
    types = operand_types([kind for _, kind in named], body_captured, test_captured)
    results = apply(While(count, test, body), operands, types)
    carry.bind(results[len(more) : count], steps=results[0])


def _condition(carry: Carry, test: Any, more: list[tuple[str, Argument]]) -> Inner:
    """A trace of what a `while` asks for, on inputs for what it carries."""
    condition = Inner(carry.state, lends=True, repeats=True)
    own = [condition.builder.input(name, kind.type) for name, kind in more]
    inputs = _inputs(condition, carry)

    def run() -> Any:
        carry.bind(inputs, condition)
        holds = tied(condition.builder, test(*own))
        return holds if not isinstance(holds, Tracer) or holds.dtype.kind == "b" else holds != 0

    condition.run(run)
    _check_goes_on(condition)
    _check_condition(condition.result)
    return condition


_TRUTH = Argument(ArrayType(BOOL, ()))


def _check_condition(holds: Any) -> None:
    kind = kinds_of([holds])[0]
    if kind is None or kind.type != _TRUTH.type:
        raise DTypeError(
            f"the condition of a while must be a scalar, got {kind.type if kind else holds}",
            location=line_of(holds) or call_site().location,
            hint="compare, or reduce with np.any(...) or np.all(...)",
        )


def _together(body: Graph, test: Graph, count: int) -> tuple[Graph, Graph]:
    """Two regions on the same carried values, with inputs for all that either closes over."""
    fresh = [
        [input_value(v.name or "x", v.type) for v in graph.inputs[count:]] for graph in (body, test)
    ]
    return (
        with_inputs(body, [*body.inputs, *fresh[1]]),
        with_inputs(test, [*test.inputs[:count], *fresh[0], *test.inputs[count:]]),
    )


__all__ = ["Grows", "counted", "counted_until", "looked_at", "repeated_while"]
