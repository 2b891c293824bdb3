"""`while` and `for` as ops: what a step changes is carried from step to step.

What that is, is found by tracing a step. It is traced again with inputs for what is carried, until
these keep their types; the next time at the same place in the code, the first of these is saved."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import islice
from typing import Any, NamedTuple

import numpy as np

from irgrad.errors import ArgumentError, DTypeError, Location, ShapeError, TraceError
from irgrad.frontend.capture.branching import reach
from irgrad.frontend.capture.growth import EARLIER, Growing, filled, growth, regrown
from irgrad.frontend.capture.handles import repeated
from irgrad.frontend.capture.inner import REACHED, Inner
from irgrad.frontend.capture.jumps import is_skip
from irgrad.frontend.capture.naming import called
from irgrad.frontend.capture.parts import Alias, Shape, kinds_of, put_together, same, taken_apart
from irgrad.frontend.capture.raising import tied
from irgrad.frontend.capture.state import UNBOUND, Key, State
from irgrad.frontend.lower import Argument
from irgrad.frontend.promote import innermost, lift
from irgrad.frontend.region import apply, array_leaf, joined, operand_types, with_inputs
from irgrad.frontend.site import call_site
from irgrad.frontend.tracer import Tracer
from irgrad.frontend.view import OuterWrite, write
from irgrad.ir.builder import CURRENT
from irgrad.ir.graph import Graph, Value, input_value
from irgrad.ir.printer import clean_name
from irgrad.ir.types import BOOL, I64, ArrayType
from irgrad.ops.loop import Loop
from irgrad.ops.while_loop import While

Body = Callable[[], Any]
Step = Callable[[Any], Any]
_INDEX = Argument(ArrayType(I64, ()), weak=True)
_MOST = 12
"""Traces of one step after which something is wrong."""


class Slot(NamedTuple):
    """A leaf of what changes: what it is at first, and its kind; None where it stays the same."""

    first: Any
    kind: Argument | None


class Changing(NamedTuple):
    """A variable, container or array that a step changes."""

    shape: Shape
    slots: list[Slot]


class Carry:
    """What a loop carries."""

    def __init__(self, state: State) -> None:
        self.state = state
        self.changing: dict[Key, Changing] = {}
        self.roots: dict[int, Any] = {}
        self.lost: set[Key] = set()
        self.growing: dict[int, Growing] = {}

    def grow(self, inner: Inner) -> bool:
        """Take in what a trace of a step has changed -> whether that is more than was known."""
        grown = False
        for number, root in inner.roots.items():
            grown |= self.take_root(number, root)
        for key, end in inner.changes.items():
            if key[0] == "array" or key in self.lost:
                continue
            if key[0] == "contents" and self._grows(key[1], end):
                seen = self.growing[key[1]].seen
                key, end = ("tail", key[1]), end[len(end) - seen :]
                if not seen:
                    continue
            made = self._changing(key, end)
            if made is None:
                self.lost.add(key)
            elif made != self.changing.get(key):
                self.changing[key], grown = made, True
        return grown

    def _grows(self, number: int, end: Any) -> bool:
        """Whether a list grows in each step."""
        known = self.growing.get(number)
        if known is None:
            found = (
                None if ("contents", number) in self.changing else growth(self.state, number, end)
            )
        else:
            found = regrown(self.state, end, known)
        if found is not None:
            self.growing[number] = found
        return found is not None

    def _first(self, key: Key) -> Any:
        """What there is before the loop."""
        if key == REACHED:
            return True
        if key[0] != "tail":
            return self.state.get(key)
        before = self.state.held[key[1]][1]
        return before[len(before) - self.growing[key[1]].seen :]

    def take_root(self, number: int, root: Any) -> bool:
        """Carry an array that is written to -> whether it was not carried before."""
        if number in self.roots:
            return False
        self.roots[number] = root
        slot = Slot(root, Argument(root.version.type))
        self.changing["array", number] = Changing(taken_apart(0, _no)[1], [slot])
        return True

    def _changing(self, key: Key, end: Any) -> Changing | None:
        """How a variable or container is carried; None where it need not or cannot be, and has no
        value after the loop.
        """
        state, known = self.state, self.changing.get(key)
        if end is UNBOUND or (key[0] == "variable" and is_skip(state.variables.names[key[1]])):
            return None
        leaves, shape = taken_apart(end, state.is_whole)
        if known is not None:
            firsts, own = [slot.first for slot in known.slots], known.shape
        elif self._first(key) is UNBOUND:
            if any(isinstance(leaf, Alias) for leaf in leaves):  # of each step alone: row = A[i]
                return None
            kinds = kinds_of(leaves)
            if any(k is None and leaf is not None for k, leaf in zip(kinds, leaves, strict=True)):
                return None
            firsts, own = [_blank(leaf) for leaf in leaves], shape
        else:
            firsts, own = taken_apart(self._first(key), state.is_whole)
        if own != shape:
            self._refuse_shape(key, own, shape, leaves)
        slots: list[Slot] = []
        for k, (first, leaf) in enumerate(zip(firsts, leaves, strict=True)):
            before = known.slots[k].kind if known else None
            slots.append(Slot(first, self._kind(key, shape, k, first, before, leaf)))
        return Changing(shape, slots)

    def _kind(
        self, key: Key, shape: Shape, k: int, first: Any, before: Argument | None, leaf: Any
    ) -> Argument | None:
        """The kind of one carried leaf, given what it is before a step and after."""
        if key[0] == "tail" and isinstance(leaf, Alias):
            leaf = leaf.now
        if before is None and same(first, leaf.handle if isinstance(leaf, Alias) else leaf):
            return None
        name = f"'{shape.place(k, self.state.name(key).strip(chr(39)))}'"
        if key[0] in ("contents", "tail"):
            name = f"what is in {self.state.name(key)}"
        line = line_of(leaf) or call_site().location
        if isinstance(leaf, Alias):
            raise TraceError(
                f"{name} becomes another name of an array from outside",
                location=call_site().location,
                hint="bind a .copy(), or write x[...] = y",
            )
        one, other = before or kinds_of([first])[0], kinds_of([leaf])[0]
        if one is None or other is None:
            types = [
                repr(x) if kind is None else kind.type for x, kind in ((first, one), (leaf, other))
            ]
            raise ArgumentError(
                f"{name} is {types[0]} before a step of the loop and {types[1]} after",
                location=line,
                hint="only numbers and arrays can change in a loop that is not unrolled",
            )
        return settled_kind(name, one, other, line)

    def _refuse_shape(self, key: Key, before: Shape, after: Shape, leaves: list[Any]) -> None:
        raise ArgumentError(
            f"{self.state.name(key)} changes its structure in a loop: {before} before a step, "
            f"{after} after",
            location=next((line_of(leaf) for leaf in leaves if line_of(leaf)), None),
            hint="keep the same tuples, lists, dicts and classes from step to step",
        )

    @property
    def slots(self) -> list[Slot]:
        """The leaves that are carried, in order."""
        return [slot for one in self.changing.values() for slot in one.slots if slot.kind]

    def named_slots(self) -> list[tuple[str, Argument]]:
        """The name and the kind of each."""
        named: list[tuple[str, Argument]] = []
        for key, one in self.changing.items():
            if key[0] == "variable":
                name = self.state.variables.names[key[1]]
            elif key[0] == "array":
                name = self.roots[key[1]].version.node.name or "array"
            else:
                name = "item"
            name = clean_name(name if name.isidentifier() else "value")
            named += [(name, slot.kind) for slot in one.slots if slot.kind]
        return named

    def bind(
        self,
        values: Sequence[Any],
        inner: Inner | None = None,
        stacks: Sequence[Any] = (),
        steps: int = 0,
    ) -> None:
        """Give everything these values: for a trace of a step, or after the loop."""
        given, rows = iter(values), iter(stacks)
        changes: dict[Key, Any] = {}
        for number, growing in self.growing.items():
            own = list(islice(rows, len(growing.kinds)))
            before = self.state.held[number][1]
            kept = [EARLIER] if inner else filled(before, growing, own, steps)
            changes["contents", number] = kept
        if inner is None:
            changes.update((key, UNBOUND) for key in self.lost if key[0] == "variable")
        for key, one in self.changing.items():
            leaves = [next(given) if slot.kind else slot.first for slot in one.slots]
            if key[0] == "array":
                root = self.roots[key[1]]
                if inner is None:
                    write(root, leaves[0])
                else:
                    inner.lend(root, leaves[0].value)
                continue
            made = put_together(one.shape, iter(leaves))
            if key == REACHED:
                if inner is None:
                    reach(made)
                else:
                    inner.builder.reached = made
                continue
            if key[0] == "tail":
                changes["contents", key[1]] += made if inner else []
                continue
            changes[key] = made
            if key[0] == "variable":
                called(made, self.state.variables.names[key[1]])
        self.state.put(changes)

    def ends(self, inner: Inner) -> list[Any]:
        """What a step gives for each carried leaf."""
        ends: list[Any] = []
        for key, one in self.changing.items():
            if key[0] == "tail":
                end = inner.changes["contents", key[1]]
                seen = self.growing[key[1]].seen
                leaves = taken_apart(end[len(end) - seen :], self.state.is_whole)[0]
            elif key in inner.changes:
                leaves = taken_apart(inner.changes[key], self.state.is_whole)[0]
            else:
                leaves = [None] * len(one.slots)
            ends += [leaf for leaf, slot in zip(leaves, one.slots, strict=True) if slot.kind]
        return ends

    def rows(self, inner: Inner) -> list[Any]:
        """What a step appends to lists."""
        found: list[Any] = []
        for number, growing in self.growing.items():
            end = inner.changes["contents", number]
            found += taken_apart(end[1 + growing.seen :], self.state.is_whole)[0]
        return found

    def check_fixed(self) -> None:
        """Refuse lists that grow, where the number of steps is not known."""
        if self.growing:
            raise TraceError(
                "a list grows in a loop whose number of steps is known only when it runs",
                location=call_site().location,
                hint="write into an array with a row for each step that there may be, and count",
            )


def _no(item: Any) -> bool:
    return False


def line_of(leaf: Any) -> Location | None:
    """The user's line that made a value."""
    now = leaf.now if isinstance(leaf, Alias) else leaf
    version = getattr(now, "version", None)
    return None if version is None else version.node.location


def settled_kind(name: str, before: Argument, after: Argument, line: Location | None) -> Argument:
    """The kind of a carried value, given its kinds before a step and after."""
    if before.type.shape != after.type.shape:
        raise ShapeError(
            f"{name} changes its shape in a loop: expected {before.type}, got {after.type}",
            location=line,
            hint=f"start with an array of shape {after.type.shape}, or keep the shape "
            f"{before.type.shape} in every step",
        )
    dtype = joined(before, after)
    if dtype is None:
        raise DTypeError(
            f"{name} changes its dtype in a loop: expected {before.type}, got {after.type}",
            location=line,
            hint=f"start with .astype(np.{after.type.dtype}), or convert in the step with "
            f".astype(np.{before.type.dtype})",
        )
    weak = before.weak and after.weak and dtype == before.type.dtype
    return Argument(ArrayType(dtype, before.type.shape), weak)


def _blank(leaf: Any) -> Any:
    """Zeros like what a step makes of a variable that has no value before the loop."""
    if leaf is None:
        return None
    kind = array_leaf(leaf.now if isinstance(leaf, Alias) else leaf)
    zero = kind.type.dtype.type(0)
    if kind.weak or not kind.type.shape:
        return zero.item() if kind.weak else zero
    return repeated(np.asarray(zero), kind.type.shape)


class Settled(NamedTuple):
    """A step whose carried values keep their types, its inputs, and what it gives for each."""

    inner: Inner
    inputs: list[Any]
    ends: list[Any]


def settled(carry: Carry, step: Step, indexed: bool, memory: Any) -> Settled:
    """Trace a step until what is carried is known."""
    here = CURRENT.get()
    assert here is not None
    known = here.notes.pop(memory, None)
    if known is None or not _recall(carry, known):
        _look(carry, step)
    for _ in range(_MOST):
        found = _attempt(carry, step, indexed)
        if found is not None:
            if not carry.growing:
                here.notes[memory] = dict(carry.changing), dict(carry.roots)
            return found
    message = "the types of what a loop carries do not settle"
    raise DTypeError(message, location=call_site().location)


def _look(carry: Carry, step: Step) -> None:
    inner = Inner(carry.state, lends=True)
    index = inner.builder.input("i", _INDEX.type)
    index.weak = True
    inner.run(lambda: step(index))
    _check_goes_on(inner)
    carry.grow(inner)
    inner.builder.closed = True


def _check_goes_on(inner: Inner) -> None:
    if inner.raised:
        raise TraceError(
            "the first step of a loop raises an exception whatever happens",
            location=call_site().location,
            hint="raise it under a condition",
        )


def _recall(carry: Carry, known: Any) -> bool:
    """Begin with what the loop carried the last time that its code was reached -> whether all of
    that is there again.
    """
    changing, roots = known
    if any(root.owner.closed for root in roots.values()):
        return False
    found: dict[Key, Changing] = {}
    for key, one in changing.items():
        if key[0] == "array" or key == REACHED:
            continue
        before = carry.state.get_or_unbound(key)
        if before is UNBOUND:
            return False
        leaves, shape = taken_apart(before, carry.state.is_whole)
        if shape != one.shape:
            return False
        kinds = [_recalled(x, slot) for x, slot in zip(leaves, one.slots, strict=True)]
        found[key] = Changing(one.shape, list(map(Slot, leaves, kinds)))
    carry.changing.update(found)
    for number, root in roots.items():
        carry.take_root(number, root)
    return True


def _recalled(leaf: Any, slot: Slot) -> Argument | None:
    own = kinds_of([leaf])[0]
    if slot.kind is None or own is None or own.type.shape != slot.kind.type.shape:
        return own if slot.kind else None
    dtype = joined(own, slot.kind)
    if dtype is None:
        return own
    return Argument(ArrayType(dtype, own.type.shape), own.weak and slot.kind.weak)


def _attempt(carry: Carry, step: Step, indexed: bool) -> Settled | None:
    """Trace a step with inputs for what is carried; None where more turns out to be."""
    inner = Inner(carry.state, lends=False)
    index = inner.builder.input("i", _INDEX.type) if indexed else None
    if index is not None:
        index.weak = True
    inputs = _inputs(inner, carry)

    def run() -> Any:
        carry.bind(inputs, inner)
        return step(index)

    try:
        inner.run(run)
    except OuterWrite as stop:
        if id(stop.root) in carry.roots:
            raise
        carry.take_root(id(stop.root), stop.root)
        return None
    _check_goes_on(inner)
    if carry.grow(inner):
        inner.builder.closed = True
        return None
    ends = [x if end is None else end for x, end in zip(inputs, carry.ends(inner), strict=True)]
    return Settled(inner, inputs, ends)


def _inputs(inner: Inner, carry: Carry) -> list[Any]:
    inputs: list[Any] = []
    for name, kind in carry.named_slots():
        made = inner.builder.input(name, kind.type)
        made.weak = kind.weak
        inputs.append(made)
    return inputs


def _closed(inner: Inner, ends: Sequence[Any], named: Sequence[tuple[str, Argument]]) -> Any:
    """The region that gives these."""
    outputs: dict[str, Value] = {}
    with inner.open():
        for end, (name, kind) in zip(ends, named, strict=True):
            now = end.now if isinstance(end, Alias) else end
            unique, count = name, 1
            while unique in outputs:
                count += 1
                unique = f"{name}_{count}"
            outputs[unique] = inner.builder.lift(lift(inner.builder, now, kind.type.dtype))
    return inner.close("body", outputs)


def counted(state: State, count: Any, step: Step, memory: Any) -> None:
    """`step(i)` for i = 0, ..., count - 1."""
    carry = Carry(state)
    inner, _, ends = settled(carry, step, True, memory)
    named = carry.named_slots()
    length = max(0, int(count)) if isinstance(count, int) else None
    if length is None:
        carry.check_fixed()
    kinds = [kind for growing in carry.growing.values() for kind in growing.kinds]
    rows = [("row", kind) for kind in kinds]
    graph, captured = _closed(inner, [*ends, *carry.rows(inner)], [*named, *rows])
    trips = [] if length is not None else [_count(count)]
    op = Loop(len(named), 0, length, False, False, graph)
    operands = [*trips, *(slot.first for slot in carry.slots), *captured]
    types = operand_types(trips, [kind for _, kind in named], captured)
    results = apply(op, operands, types) if named or rows else []
    carry.bind(results[: len(named)], None, results[len(named) :], length or 0)


def _count(count: Any) -> Any:
    builder = innermost([count])
    with builder.emitting(call_site().location, None):
        return lift(builder, count, I64)


def counted_until(state: State, count: Any, step: Step, stop: Body, memory: Any) -> None:
    """`step(i)` for i = 0, ..., count - 1, but none any more once `stop()` holds."""
    carry = Carry(state)
    found = settled(carry, step, True, memory)
    given = found.inner.builder.inputs[0]
    with found.inner.open():
        index = found.inner.builder.wrap(found.inner.builder, given)
        following = index + 1

    def holds(i: Any) -> Any:
        return np.logical_and(i < count, np.logical_not(stop()))

    _emit(carry, found, holds, [("i", _INDEX)], [0], [following])


def repeated_while(state: State, test: Body, step: Body, memory: Any) -> None:
    """`step()` while `test()` holds."""
    carry = Carry(state)
    found = settled(carry, lambda index: step(), False, memory)
    _emit(carry, found, lambda: test(), [], [], [])


def _emit(
    carry: Carry,
    found: Settled,
    test: Any,
    more: list[tuple[str, Argument]],
    firsts: list[Any],
    nexts: list[Any],
) -> None:
    """The `while` op: it carries what the steps change, and before that something of its own."""
    carry.check_fixed()
    named = [*more, *carry.named_slots()]
    condition = Inner(carry.state, lends=True)
    own = [condition.builder.input(name, kind.type) for name, kind in more]
    inputs = _inputs(condition, carry)

    def run() -> Any:
        carry.bind(inputs, condition)
        holds = tied(condition.builder, test(*own))
        return holds if not isinstance(holds, Tracer) or holds.dtype.kind == "b" else holds != 0

    condition.run(run)
    _check_goes_on(condition)
    _check_condition(condition.result)
    test_graph, test_captured = _closed(condition, [condition.result], [("holds", _TRUTH)])
    body_graph, body_captured = _closed(found.inner, [*nexts, *found.ends], named)
    count = len(named)
    body, test = _together(body_graph, test_graph, count)
    operands = [*firsts, *(slot.first for slot in carry.slots), *body_captured, *test_captured]
    types = operand_types([kind for _, kind in named], body_captured, test_captured)
    results = apply(While(count, test, body), operands, types)
    carry.bind(results[len(more) : count])


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
        [input_value(v.node.name or "x", v.type) for v in graph.inputs[count:]]
        for graph in (body, test)
    ]
    return (
        with_inputs(body, [*body.inputs, *fresh[1]]),
        with_inputs(test, [*test.inputs[:count], *fresh[0], *test.inputs[count:]]),
    )


__all__ = ["counted", "counted_until", "repeated_while"]
