"""Along which axis each value of a group of nodes is made of independent rows: row r of a value is
computed from rows r of others, and from values that are the same for all rows.

Each op links axes of its operands and results. From one known axis those of all other values
follow, in regions too, or it turns out that rows are mixed somewhere."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from irgrad.ir.graph import Graph, Node, Value
from irgrad.ops.call import Barrier
from irgrad.ops.cast import Astype
from irgrad.ops.cond import Cond
from irgrad.ops.contract import Contract, split_spec
from irgrad.ops.create import Iota
from irgrad.ops.elementwise import Elementwise
from irgrad.ops.index import Gather, ScatterAdd, UpdateAt
from irgrad.ops.linear import BroadcastTo, Reshape, Sum
from irgrad.ops.loop import Loop
from irgrad.ops.reduction import All, Any_, Max, Min, Prod
from irgrad.ops.select import Where
from irgrad.ops.shape import Concatenate, Flip, Pad, Slice, Transpose, UpdateSlice
from irgrad.ops.stop import StopGradient
from irgrad_numba.families import exits
from irgrad_numba.updates import Copy

Axes = Mapping[int, int | None]
"""What axes of one value are in another; None where this is the same for all rows. An axis that is
not there is mixed."""


class Link(NamedTuple):
    """Axes of one value in another."""

    one: Value
    other: Value
    axes: Axes


Links = Iterator[Link]


class MixedError(Exception):
    """Rows are not independent."""


class Rows:
    """Values of so many rows, with the axis along which these lie."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.axis: dict[Value, int] = {}
        self.same: dict[Value, None] = {}
        """Values that must be the same for all rows."""
        self.links: dict[Value, list[Link]] = {}

    def take(self, node: Node, seed: tuple[Value, int] | None = None) -> bool:
        """Whether a node computes row by row too, given the axis of a value of its own; it is
        forgotten where not.
        """
        found = list(links_of(node))
        for link in found:
            self.links.setdefault(link.one, []).append(link)
        axes, same = len(self.axis), len(self.same)
        try:
            waiting = [link.one for link in found if link.one in self.axis]
            if seed is not None:
                self._set(*seed, waiting)
            self._spread(waiting)
            return True
        except MixedError:
            for known, count in ((self.axis, axes), (self.same, same)):
                while len(known) > count:
                    known.popitem()
            for link in reversed(found):
                self.links[link.one].pop()
            return False

    def _set(self, value: Value, axis: int, waiting: list[Value]) -> None:
        known = self.axis.get(value)
        if known == axis:
            return
        wrong = known is not None or value in self.same or value.type.shape[axis] != self.count
        if wrong:
            raise MixedError
        self.axis[value] = axis
        waiting.append(value)

    def _spread(self, waiting: list[Value]) -> None:
        while waiting:
            value = waiting.pop()
            for link in self.links.get(value, ()):
                if self.axis[value] not in link.axes:
                    raise MixedError
                there = link.axes[self.axis[value]]
                if there is not None:
                    self._set(link.other, there, waiting)
                elif link.other in self.axis:
                    raise MixedError
                else:
                    self.same.setdefault(link.other)


def links_of(node: Node) -> Links:
    """What axes are which, of the values of a node and of what is in it."""
    op: Any = node.op
    result = Value(node, 0)
    rule = RULES.get(Elementwise if isinstance(op, Elementwise) else type(op))
    if isinstance(op, Loop):
        yield from _loop(node, op)
    elif isinstance(op, Cond):
        for branch in op.branches:
            yield from _same(zip(node.operands[1:], branch.inputs, strict=True))
            yield from _region(branch)
        yield from _same(exits(node))
    elif rule is None:
        yield from _mixed([*node.operands, *node.outputs])
    else:
        yield from rule(op, node.operands, result)


def _region(graph: Graph) -> Links:
    for node in graph.nodes:
        yield from _mixed(v for v in node.operands if v.constant is not None and v.type.size > 1)
        yield from links_of(node)


def _loop(node: Node, op: Any) -> Links:
    groups = op.groups(node.operands)
    inside = op.body.inputs[1:]
    scanned = inside[op.carried : op.carried + op.scanned]
    yield from _same(zip(groups.carried, inside, strict=False))
    yield from _same(zip(inside, op.body.outputs[: op.carried], strict=False))
    yield from _same(zip(groups.fixed, inside[op.carried + op.scanned :], strict=True))
    yield from _same(exits(node))
    rows = zip(op.body.outputs[op.carried :], node.outputs[op.carried :], strict=True)
    for row, stack in (*zip(scanned, groups.scanned, strict=True), *rows):
        yield from _both(row, stack, {a: a + 1 for a in range(row.type.ndim)})
    yield from _region(op.body)


def _mixed(values: Iterable[Value]) -> Links:
    return (Link(v, v, {}) for v in values)


def _both(one: Value, other: Value, axes: Axes) -> Links:
    yield Link(one, other, axes)
    yield Link(other, one, {b: a for a, b in axes.items() if b is not None})


def _same(pairs: Iterable[tuple[Value, Value]]) -> Links:
    for one, other in pairs:
        yield from _both(one, other, {a: a for a in range(one.type.ndim)})


def _alike(op: Any, operands: Sequence[Value], result: Value) -> Links:
    """Operands are broadcast to the result."""
    for v in operands:
        if v.constant is not None and v.type.size == 1:
            continue
        more = result.type.ndim - v.type.ndim
        axes = {
            a: a + more for a, extent in enumerate(v.type.shape)
            if extent == result.type.shape[a + more]
        }  # fmt: skip
        yield Link(v, result, axes)
        none = dict.fromkeys(range(result.type.ndim))
        yield Link(result, v, {**none, **{b: a for a, b in axes.items()}})


def _all_but(axes: Iterable[int], ndim: int) -> Axes:
    return {a: a for a in range(ndim) if a not in {*axes}}


def _transpose(op: Any, operands: Sequence[Value], result: Value) -> Links:
    yield from _both(operands[0], result, {a: k for k, a in enumerate(op.axes)})


def _reshape(op: Any, operands: Sequence[Value], result: Value) -> Links:
    old, new = operands[0].type.shape, result.type.shape
    there = {(math.prod(new[:b]), extent): b for b, extent in enumerate(new) if extent > 1}
    axes = {a: there.get((math.prod(old[:a]), extent)) for a, extent in enumerate(old)}
    yield from _both(operands[0], result, {a: b for a, b in axes.items() if b is not None})


def _slice(op: Any, operands: Sequence[Value], result: Value) -> Links:
    shape = operands[0].type.shape
    whole = zip(op.start, op.step, shape, result.type.shape, strict=True)
    cut = [a for a, (start, step, old, new) in enumerate(whole) if start or step > 1 or old != new]
    yield from _both(operands[0], result, _all_but(cut, len(shape)))


def _pad(op: Any, operands: Sequence[Value], result: Value) -> Links:
    widths = zip(op.low, op.high, op.inside, strict=True)
    longer = [a for a, width in enumerate(widths) if any(width)]
    yield from _both(operands[0], result, _all_but(longer, result.type.ndim))


def _flip(op: Any, operands: Sequence[Value], result: Value) -> Links:
    yield from _both(operands[0], result, _all_but(op.axes, result.type.ndim))


def _concatenate(op: Any, operands: Sequence[Value], result: Value) -> Links:
    for v in operands:
        yield from _both(v, result, _all_but([op.axis], result.type.ndim))


def _iota(op: Any, operands: Sequence[Value], result: Value) -> Links:
    yield Link(result, result, _all_but([op.axis], result.type.ndim))


def _reduction(op: Any, operands: Sequence[Value], result: Value) -> Links:
    rest = [a for a in range(operands[0].type.ndim) if a not in op.axes]
    yield from _both(operands[0], result, {a: k for k, a in enumerate(rest)})


def _update_slice(op: Any, operands: Sequence[Value], result: Value) -> Links:
    x, y = operands
    both = zip(op.start, op.step, x.type.shape, y.type.shape, strict=True)
    part = [a for a, (start, step, old, new) in enumerate(both) if start or step > 1 or old != new]
    for v in operands:
        yield from _both(v, result, _all_but(part, result.type.ndim))


def _indexed(axes: Sequence[int], array: Value, part: Value, indices: Sequence[Value]) -> Links:
    """The axes of an array that are not indexed stand last in a part of it."""
    front = indices[0].type.ndim
    rest = [a for a in range(array.type.ndim) if a not in axes]
    yield from _both(array, part, {a: front + k for k, a in enumerate(rest)})
    yield from _mixed(indices)


def _gather(op: Any, operands: Sequence[Value], result: Value) -> Links:
    yield from _indexed(op.axes, operands[0], result, operands[1:])


def _scatter_add(op: Any, operands: Sequence[Value], result: Value) -> Links:
    yield from _indexed(op.axes, result, operands[0], operands[1:])


def _update_at(op: Any, operands: Sequence[Value], result: Value) -> Links:
    x, y, *indices = operands
    yield from _both(x, result, _all_but(op.axes, x.type.ndim))
    yield from _indexed(op.axes, result, y, indices)


def _contract(op: Any, operands: Sequence[Value], result: Value) -> Links:
    left, right, made = split_spec(op.spec)
    for v, letters in zip(operands, (left, right), strict=True):
        axes = {a: made.index(c) for a, c in enumerate(letters) if c in made}
        yield Link(v, result, axes)
        none = dict.fromkeys(range(result.type.ndim))
        yield Link(result, v, {**none, **{b: a for a, b in axes.items()}})


RULES: dict[type, Callable[[Any, Sequence[Value], Value], Links]] = {
    **dict.fromkeys(
        (Elementwise, Where, Astype, BroadcastTo, Copy, Barrier, StopGradient), _alike
    ),
    **dict.fromkeys((Sum, Prod, Max, Min, All, Any_), _reduction),
    Transpose: _transpose,
    Reshape: _reshape,
    Slice: _slice,
    Pad: _pad,
    Flip: _flip,
    Concatenate: _concatenate,
    Iota: _iota,
    UpdateSlice: _update_slice,
    Gather: _gather,
    ScatterAdd: _scatter_add,
    UpdateAt: _update_at,
    Contract: _contract,
}  # fmt: skip
