"""Batching of ops with regions: a loop for many examples is a loop, of its body for many.

Which carried values differ between examples is found by fixed point. Where examples differ in how
long they run, or in the branch they take, all of them go through a region together, and a mask
says for which of them it counts:

- Outputs of the others are not taken: `where(mask, new, old)`.
- Inputs of the others come through `where(mask, x, stand_in)`. A derivative of the region
  therefore leaves it through a `where` too, whichever the mode and the order, so that a nan made
  for an example that does not count is dropped before it meets anything else.
- In a region that could raise an error or run for ever, the stand-in is what the first example
  that counts has. A region that counts for nobody does not run at all.

A stack of dynamic extent has its batch axis behind the axis of the steps."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from irgrad.autodiff.batch import RULES, batch
from irgrad.autodiff.composed import Outputs, composed, inlined
from irgrad.frontend.tracer import Tracer
from irgrad.ir.builder import Builder
from irgrad.ir.graph import Graph, Value
from irgrad.ir.types import BOOL, I64, ArrayType, is_inexact
from irgrad.ops.accumulate import AddStacks
from irgrad.ops.base import bind, bind_all
from irgrad.ops.batching import spread
from irgrad.ops.call import Call
from irgrad.ops.cast import astype
from irgrad.ops.cond import Cond
from irgrad.ops.linear import broadcast_to, reshape
from irgrad.ops.loop import Groups, Loop
from irgrad.ops.region import INDEX
from irgrad.ops.select import where
from irgrad.ops.stop import stop_gradient
from irgrad.ops.while_loop import While
from irgrad.passes.hoist import movable


def _loop(op: Loop, operands: Sequence[Any], batched: Sequence[bool], size: int) -> Sequence[Any]:
    groups, flags = op.groups(operands), op.groups(batched)
    if any(flags.trips):
        return _counted(op, groups, flags, size)
    body, carried = _settled(op.body, 1, flags, size)
    state = _spread(groups.carried, flags.carried, carried, size)
    known = op.length is not None
    scanned = _swapped(groups.scanned, flags.scanned) if known else groups.scanned
    given = [*groups.trips, *state, *scanned, *groups.fixed]
    found = bind_all(dataclasses.replace(op, body=body), *given)
    rows = found[op.carried :]
    if known:
        types = zip(body.output_types, op.body.output_types, strict=True)
        differ = [new.ndim > old.ndim for new, old in types]
        rows = _swapped(rows, differ[op.carried :])
    return [*found[: op.carried], *rows]


def _counted(op: Loop, groups: Groups, flags: Groups, size: int) -> Sequence[Any]:
    """A loop with a number of steps for each example: as many as the most, in each of which the
    examples count whose number is larger than the position.
    """
    (trips,) = groups.trips
    n = op.carried
    differ = [False, *_changing(op.body, 1, flags.carried), *flags.scanned, *flags.fixed]

    def step(*given: Any) -> Outputs:
        *inputs, counts = given
        many = Masked(op.body, differ, inputs[0] < counts, size)
        results = many(inputs)
        state = many.merged(results[:n], inputs[1 : n + 1])
        return list(zip(op.body.output_names, [*state, *results[n:]], strict=True))

    inputs = [*_inputs_of_many(op.body, differ, size), ("counts", ArrayType(I64, (size,)))]
    body = composed(op.body.name, inputs, trips.builder, step)
    carried = _spread(groups.carried, flags.carried, differ[1:], size)
    given = [np.max(trips, initial=0), *carried, *groups.scanned, *groups.fixed, trips]
    return bind_all(dataclasses.replace(op, body=body), *given)


def _while(op: While, operands: Sequence[Any], batched: Sequence[bool], size: int) -> Sequence[Any]:
    n = op.carried
    flags = Groups([], list(batched[:n]), [], list(batched[n:]))
    body, carried = _settled(op.body, 0, flags, size)
    condition, (depends,) = batch(op.condition, [*carried, *flags.fixed], size)
    if depends:
        return _until_all_end(op, operands, flags, size)
    state = _spread(operands[:n], flags.carried, carried, size)
    return bind_all(While(n, condition, body), *state, *operands[n:])


def _until_all_end(op: While, operands: Sequence[Any], flags: Groups, size: int) -> Sequence[Any]:
    """A loop for as long as any example goes on. It carries which ones do, and the number of steps
    of each.
    """
    n = op.carried
    differ = [*_changing(op.body, 0, flags.carried), *flags.fixed]
    test = batch(op.condition, differ, size, [True])[0]

    def step(alive: Any, steps: Any, *inputs: Any) -> Outputs:
        many = Masked(op.body, differ, alive, size)
        results = many(inputs)
        state = many.merged(results[:n], inputs[:n])
        (goes_on,) = inlined(alive.builder, test, [*state, *inputs[n:]])
        values = [goes_on, steps + astype(alive, I64), *state, *results[n:]]
        return list(zip(["alive", "steps", *op.body.output_names], values, strict=True))

    def condition(alive: Any, *_: Any) -> Outputs:
        return [("go", np.any(alive))]

    builder = operands[0].builder
    counted = [("alive", ArrayType(BOOL, (size,))), ("steps", ArrayType(I64, (size,)))]
    inputs = [*counted, *_inputs_of_many(op.body, differ, size)]
    first = composed(op.condition.name, inputs, builder, condition)
    second = composed(op.body.name, inputs, builder, step)
    given = [*_spread(operands[:n], flags.carried, differ, size), *operands[n:]]
    (alive,) = inlined(builder, test, given)
    none = broadcast_to(_number(builder, I64), (size,))
    _, steps, *found = bind_all(While(n + 2, first, second), alive, none, *given)
    return [*found[:n], steps, *found[n + 1 :]]


def _cond(op: Cond, operands: Sequence[Any], batched: Sequence[bool], size: int) -> Sequence[Any]:
    if batched[0]:
        return _selected(op, operands, batched, size)
    count = len(op.branches[0].outputs)
    found = [batch(branch, batched[1:], size)[1] for branch in op.branches]
    differ = [any(column) for column in zip(*found, strict=True)] if count else []
    branches = tuple(batch(branch, batched[1:], size, differ)[0] for branch in op.branches)
    return bind_all(Cond(branches), *operands)


def _selected(
    op: Cond, operands: Sequence[Any], batched: Sequence[bool], size: int
) -> Sequence[Any]:
    """A branch for each example: all of them for all examples, and a choice between the results."""
    selector, *given = operands
    last = len(op.branches) - 1
    if selector.dtype == BOOL:
        masks = [np.logical_not(selector), selector]
    else:
        number = np.clip(selector, 0, last)
        masks = [number == k for k in range(last + 1)]
    result: list[Any] = []
    for k, (branch, mask) in enumerate(zip(op.branches, masks, strict=True)):
        many = Masked(branch, batched[1:], mask, size)
        found = many(given) if many.harmless else _if_any(many, given)
        result = many.merged(found, result) if k else found
    return result


def _if_any(many: Masked, operands: Sequence[Any]) -> list[Any]:
    """The outputs of a region for many, and zeros where it counts for nobody."""
    region, builder = many.region, many.mask.builder
    inputs = _inputs_of_many(region, many.flags, many.size)
    inputs = [("mask", ArrayType(BOOL, (many.size,))), *inputs]

    def taken(mask: Any, *given: Any) -> Outputs:
        found = Masked(region, many.flags, mask, many.size)(given)
        return list(zip(region.output_names, found, strict=True))

    def other(mask: Any, *_: Any) -> Outputs:
        zeros = [broadcast_to(_number(mask.builder, t.dtype), t.shape) for t in some.output_types]
        return list(zip(region.output_names, zeros, strict=True))

    some = composed(region.name, inputs, builder, taken)
    none = composed(f"{region.name}_for_none", inputs, builder, other)
    return bind_all(Cond((none, some)), np.any(many.mask), many.mask, *operands)


class Masked:
    """A region for many examples, which counts for those in `mask`. `flags` says which inputs
    differ between examples.
    """

    def __init__(self, region: Graph, flags: Sequence[bool], mask: Any, size: int) -> None:
        self.region, self.flags, self.mask, self.size = region, list(flags), mask, size
        self.harmless = not size or all(movable(node, False) for node in region.nodes)

    def __call__(self, inputs: Sequence[Any]) -> list[Any]:
        """The outputs, all with a batch axis, whatever they are where it does not count.

        In a harmless region, which has no stand-ins that count, floats that all examples share are
        repeated, so that their cotangents are dropped for each example apart."""
        first = None if self.harmless else np.argmax(self.mask)
        given: list[Any] = []
        inside: list[bool] = []
        for x, differs in zip(inputs, self.flags, strict=True):
            repeated = not differs and self.harmless and is_inexact(x.dtype)
            x = broadcast_to(x, (self.size, *x.shape)) if repeated else x
            inside.append(differs or repeated)
            given.append(self._entering(x, first) if inside[-1] else x)
        every = [True] * len(self.region.outputs)
        return inlined(self.mask.builder, batch(self.region, inside, self.size, every)[0], given)

    def _entering(self, x: Any, first: Any) -> Any:
        if first is not None:
            return where(self._along(x), x, stop_gradient(broadcast_to(x[first], x.shape)))
        return where(self._along(x), x, stop_gradient(x)) if is_inexact(x.dtype) else x

    def merged(self, new: Sequence[Any], old: Sequence[Any]) -> list[Any]:
        """`new` where it counts, `old` elsewhere; what has no batch axis never changes."""
        return [
            where(self._along(b), a, b) if a.ndim == b.ndim else b
            for a, b in zip(new, old, strict=True)
        ]

    def _along(self, x: Any) -> Any:
        """The mask as it broadcasts to x."""
        return reshape(self.mask, (self.size, *(1,) * (x.ndim - 1)))


def _changing(body: Graph, lead: int, carried: Sequence[bool]) -> list[bool]:
    """The carried values that differ between examples, where these end at different steps."""
    state = body.inputs[lead : lead + len(carried)]
    return [
        flag or after != before
        for flag, before, after in zip(carried, state, body.outputs, strict=False)
    ]


def _settled(region: Graph, lead: int, flags: Groups, size: int) -> tuple[Graph, list[bool]]:
    """A body for many examples, and which of its carried values differ between them."""
    carried = list(flags.carried)
    while True:
        given = [*(False,) * lead, *carried, *flags.scanned, *flags.fixed]
        body, differ = batch(region, given, size, carried)
        grown = [a or b for a, b in zip(carried, differ, strict=False)]
        if grown == carried:
            return body, carried
        carried = grown


def _inputs_of_many(region: Graph, flags: Sequence[bool], size: int) -> list[tuple[str, ArrayType]]:
    types = [
        ArrayType(type.dtype, (size, *type.shape)) if flag else type
        for type, flag in zip(region.input_types, flags, strict=True)
    ]
    return list(zip((region.names[value] for value in region.inputs), types, strict=True))


def _number(builder: Builder, dtype: Any) -> Any:
    """Zero, as a traced value."""
    return Tracer(builder, builder.constant(np.zeros((), dtype)))


def _spread(
    operands: Sequence[Any], flags: Sequence[bool], wanted: Sequence[bool], size: int
) -> list[Any]:
    """Operands with a batch axis where one is wanted."""
    return [
        broadcast_to(x, (size, *x.shape)) if want and not flag else x
        for x, flag, want in zip(operands, flags, wanted, strict=False)
    ]


def _swapped(arrays: Sequence[Any], flags: Sequence[bool]) -> list[Any]:
    """The axes of the batch and of the steps exchanged."""
    return [np.swapaxes(x, 0, 1) if flag else x for x, flag in zip(arrays, flags, strict=True)]


def _call(op: Call, operands: Sequence[Any], batched: Sequence[bool], size: int) -> Sequence[Any]:
    found = op.batch(operands, batched)
    if found is None:  # read from text
        found = bind_all(Call(batch(op.body, batched, size)[0], op.label), *operands)
    return found


def _add_stacks(
    op: AddStacks, operands: Sequence[Any], batched: Sequence[bool], size: int
) -> Sequence[Any]:
    if all(batched) or not operands[0].value.type.is_dynamic:
        return [bind(op, *spread(operands, batched))]
    one, other = operands if batched[0] else reversed(operands)

    def step(i: Any, x: Any, y: Any) -> Outputs:
        return [("row", x + broadcast_to(y, x.shape))]

    rows = [type._replace(shape=type.shape[1:]) for type in (one.value.type, other.value.type)]
    inputs = [("i", INDEX), ("x", rows[0]), ("y", rows[1])]
    body = composed("add", inputs, one.builder, step)
    steps = Tracer(one.builder, _extent(one.value))
    return bind_all(Loop(0, 2, None, False, False, body), steps, one, other)


def _extent(stack: Value) -> Value:
    """The number of rows of a stack."""
    op: Any = stack.node.op
    if isinstance(op, AddStacks):
        return _extent(stack.node.operands[0])
    return Value(stack.node, op.carried) if isinstance(op, While) else stack.node.operands[0]


RULES.update({Loop: _loop, While: _while, Cond: _cond, Call: _call, AddStacks: _add_stacks})
