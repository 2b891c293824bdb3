"""A loop of which only the running program knows the number of steps, as one over all places along
an axis: `for j in range(i, n)` with a place of its own for each j runs through the whole axis, and
writes where j is in its range.

Elsewhere it reads zeros, and makes nothing but sums and products of them: what is thrown away there
has no derivative that is not a number. No index may be outside its axis, not even where there is no
step."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

import numpy as np

from irgrad.autodiff.inequalities import Linear, number, plus, possible
from irgrad.autodiff.parts import COMPARED, Numbers
from irgrad.ir.graph import Graph, Node, Value, constant_value, input_value
from irgrad.ir.op import Op
from irgrad.ir.types import I64
from irgrad.ops.arithmetic import ADD, SUBTRACT
from irgrad.ops.cast import Astype
from irgrad.ops.contract import Contract
from irgrad.ops.create import Iota
from irgrad.ops.elementwise import UFUNCS, Elementwise
from irgrad.ops.index import Gather, UpdateAt
from irgrad.ops.linear import BroadcastTo, Reshape, Sum
from irgrad.ops.loop import Loop
from irgrad.ops.region import INDEX
from irgrad.ops.select import WHERE
from irgrad.ops.shape import Slice, Transpose, UpdateSlice

SAFE = (
    Astype, BroadcastTo, Contract, Gather, Iota, Reshape, Slice, Sum, Transpose, UpdateAt,
    UpdateSlice,
)  # fmt: skip
SAFE_FUNCTIONS = {"add", "subtract", "multiply", "negative", "logical_and", *COMPARED}
"""What a step may be made of."""


class Axis(NamedTuple):
    """Where the steps have their places: at `form`, which is `place`, of `extent` places; from the
    first place or up to the last, where that is known.
    """

    form: Linear
    place: Value
    extent: int
    from_first: bool = False
    to_last: bool = False


def over_an_axis(
    op: Loop, operands: Sequence[Value], outer: Numbers
) -> tuple[Loop, list[int]] | None:
    """The loop so, with a known number of steps, and which operands it has; None where its steps
    have no such axis, or are of another kind.
    """
    if not is_of_products(op):
        return None
    axis = _axis(op, operands, outer)
    if axis is None:
        return None
    body = _Masked(op, axis).body()
    if body is None:
        return None
    numbers = [*range(1, len(operands)), 0, *range(1, 1 + op.carried)]
    return dataclasses.replace(op, length=axis.extent, backward=False, body=body), numbers


def is_of_products(op: Loop) -> bool:
    """Whether the steps of a loop give nothing but what they carry, by sums and products alone."""
    alone = not op.scanned and len(op.body.outputs) == op.carried
    return alone and all(map(_is_safe, op.body.nodes))


def _is_safe(node: Node) -> bool:
    named = isinstance(node.op, Elementwise) and node.op.name in SAFE_FUNCTIONS
    return named or node.op is WHERE or isinstance(node.op, SAFE)


def _axis(op: Loop, operands: Sequence[Value], outer: Numbers) -> Axis | None:
    """The axis along which the steps have their places."""
    inner, steady = outer.inside(op, operands)
    position, trips = op.body.inputs[0], outer.of(operands[0])
    varying = dependent(op.body, [position])
    found: Axis | None = None
    for node in op.body.nodes:
        if not isinstance(node.op, (Gather, UpdateAt)):
            continue
        shape = node.operands[0].type.shape
        for a, index in zip(node.op.axes, indices_of(node), strict=True):
            form = inner.of(index)
            if form is None or index.type.shape or set(form) - steady - {None, position}:
                return None
            if index not in varying:
                if not _is_inside(form, shape[a], outer.facts):
                    return None
            elif found is None:
                found = Axis(form, index, shape[a])
            elif found.form == form:
                found = found._replace(extent=min(found.extent, shape[a]))
            else:
                return None
    if found is None or trips is None or abs(found.form.get(position, 0)) != 1:
        return None
    facts = [*outer.facts, plus(trips, number(-1))]
    start = {x: factor for x, factor in found.form.items() if x is not position}
    end = plus(start, plus(trips, number(-1)), found.form[position])
    if not all(_is_inside(x, found.extent, facts, 0) for x in (start, end)):
        return None
    ends = {}, number(found.extent - 1)
    return found._replace(from_first=start in ends, to_last=end in ends)


def _is_inside(
    form: Linear, extent: int, facts: Sequence[Linear], least: int | None = None
) -> bool:
    """Whether an index is always inside an axis, and at least so much."""
    low = -extent if least is None else least
    below, above = plus(number(low - 1), form, -1), plus(form, number(-extent))
    return not (possible([], [*facts, below]) or possible([], [*facts, above]))


def indices_of(node: Node) -> Sequence[Value]:
    """The indices of a gather or an update."""
    return node.operands[2 if isinstance(node.op, UpdateAt) else 1 :]


def dependent(body: Graph, sources: Collection[Value]) -> set[Value]:
    """The values that depend on any of `sources`, these included."""
    found = set(sources)
    for node in body.nodes:
        if any(v in found for v in node.operands):
            found.update(node.outputs)
    return found


class _Masked:
    """The body of such a loop: its fixed values are those of before, the number of steps there
    were, and what was carried at the start.
    """

    def __init__(self, op: Loop, axis: Axis) -> None:
        self.op, self.axis, self.old = op, axis, op.body
        self.state = op.body.inputs[1 : 1 + op.carried]
        self.place = input_value(op.body.inputs[0].name or "i", INDEX)
        self.trips = input_value("trips", INDEX)
        self.start = [input_value(f"{v.name or 'x'}.start", v.type) for v in self.state]
        self.nodes: list[Node] = []
        self.values: dict[Value, Value] = {}

    def body(self) -> Graph | None:
        """The body; None where the last step is needed of what is not made of integers."""
        old, position = self.old, self.old.inputs[0]
        forward = self.axis.form[position] > 0
        self.varying = dependent(old, [position])
        changing = dependent(old, self.state)
        first = self._at(self.axis.place, constant_value(np.asarray(0, I64)))
        end = self._emit(ADD if forward else SUBTRACT, first, self.trips)
        before, after = ("greater_equal", "less") if forward else ("less_equal", "greater")
        bounds: list[Value] = []
        if not self.axis.from_first:
            bounds.append(self._emit(_named(before), self.place, first))
        if not self.axis.to_last or not bounds:
            bounds.append(self._emit(_named(after), self.place, end))
        self.mask = bounds[0]
        for bound in bounds[1:]:
            self.mask = self._emit(_named("logical_and"), self.mask, bound)
        pair = (self.place, first) if forward else (first, self.place)
        self.values[position] = self._emit(SUBTRACT, *pair)
        for node in old.nodes:
            self._visit(node)
        outputs: dict[str, Value] = {}
        for k, (name, output) in enumerate(zip(old.output_names, old.outputs, strict=True)):
            if output == self.state[k] or self._is_updated(output, self.state[k]):
                outputs[name] = self._moved(output)
            elif output in changing:
                outputs[name] = self._emit(WHERE, self.mask, self._moved(output), self.state[k])
            elif output.type == INDEX:
                outputs[name] = self._last(output, self.start[k])
            else:
                return None
        inputs = [self.place, *old.inputs[1:], self.trips, *self.start]
        return Graph(old.name, inputs, self.nodes, outputs)

    def _visit(self, node: Node) -> None:
        value, operands = Value(node, 0), list(map(self._moved, node.operands))
        if value.type == INDEX and value == self.axis.place:
            self.values[value] = self.place
            return
        if isinstance(node.op, (Gather, UpdateAt)):
            at = node.op.axes
            first = 2 if isinstance(node.op, UpdateAt) else 1
            operands[first:] = [
                self.place if v in self.varying else self._moved(v) for v in indices_of(node)
            ]
            if isinstance(node.op, UpdateAt):
                there = self._emit(Gather(at), operands[0], *operands[2:], like=node)
                operands[1] = self._emit(WHERE, self.mask, operands[1], there, like=node)
        made = self._emit(node.op, *operands, like=node)
        if isinstance(node.op, Gather) and any(v in self.varying for v in indices_of(node)):
            zero = constant_value(np.zeros((), made.type.dtype))
            made = self._emit(WHERE, self.mask, made, zero, like=node)
        self.values[value] = made

    def _is_updated(self, output: Value, start: Value) -> bool:
        """Whether a value comes from what is carried by writes alone, which are masked."""
        while output != start and isinstance(output.node.op, UpdateAt):
            output = output.node.operands[0]
        return output == start

    def _last(self, output: Value, start: Value) -> Value:
        """What the last step makes, if there is one."""
        one = constant_value(np.asarray(1, I64))
        made = self._at(output, self._emit(SUBTRACT, self.trips, one))
        some = self._emit(_named("greater_equal"), self.trips, one)
        return self._emit(WHERE, some, made, start)

    def _at(self, value: Value, position: Value) -> Value:
        """An integer of the body at some position."""
        images = {self.old.inputs[0]: position}
        needed = {value.node}
        for node in reversed(self.old.nodes):
            if node in needed:
                needed.update(v.node for v in node.operands)
        for node in self.old.nodes:
            if node in needed and Value(node, 0) in self.varying:
                operands = [images.get(v, self._moved(v)) for v in node.operands]
                images[Value(node, 0)] = self._emit(node.op, *operands, like=node)
        return images.get(value, self._moved(value))

    def _moved(self, value: Value) -> Value:
        return self.values.get(value, value)

    def _emit(self, op: Op, *operands: Value, like: Node | None = None) -> Value:
        types = op.result_types(*(v.type for v in operands))
        same = like is not None and types == like.types and type(op) is type(like.op)
        names = like.names if like is not None and same else (None,)
        location = None if like is None else like.location
        origin = None if like is None else like.origin
        self.nodes.append(Node(op, operands, types, names=names, location=location, origin=origin))
        return Value(self.nodes[-1], 0)


def _named(name: str) -> Any:
    return UFUNCS[getattr(np, name)]
