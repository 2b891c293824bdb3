"""Parts of arrays: at which elements a step reads or writes, in linear forms of the integers that
the step knows.

`A[i, :j]` is read at the elements (x, y) with x = i and 0 <= y < j. A part may be said to be larger
than it is: two parts that have no element in common are apart."""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Mapping, Sequence
from typing import Any, NamedTuple

from irgrad.autodiff.inequalities import Linear, number, plus, possible
from irgrad.ir.graph import Graph, Node, Value
from irgrad.ir.types import I64, Shape
from irgrad.ops.arithmetic import ADD, MULTIPLY, SUBTRACT
from irgrad.ops.cast import Astype
from irgrad.ops.create import Iota
from irgrad.ops.index import Gather, UpdateAt
from irgrad.ops.linear import BroadcastTo, Reshape
from irgrad.ops.loop import Loop
from irgrad.ops.select import WHERE
from irgrad.ops.shape import Slice, Transpose, UpdateSlice

FAR = 2**31
"""Larger factors may wrap around."""
COMPARED: dict[str, Callable[[Linear, Linear], Linear]] = {
    "less": lambda x, y: plus(plus(y, x, -1), number(-1)),
    "less_equal": lambda x, y: plus(y, x, -1),
    "greater": lambda x, y: plus(plus(x, y, -1), number(-1)),
    "greater_equal": lambda x, y: plus(x, y, -1),
}
"""What is not negative where a comparison holds."""


class Place(NamedTuple):
    """The unknown that is the place along an axis, which is counted from the last, -1."""

    axis: int


class Part(NamedTuple):
    """The elements, whose places are unknowns, where all of `zero` are 0 and none of `least` is
    negative, for any integers in the place of the other unknowns.
    """

    zero: tuple[Linear, ...] = ()
    least: tuple[Linear, ...] = ()

    def renamed(self, kept: Collection[Hashable], tag: Hashable) -> Part:
        """The same part in terms of other integers but those that are `kept`."""

        def of(form: Linear) -> Linear:
            return {
                x if x is None or isinstance(x, Place) or x in kept else (tag, x): factor
                for x, factor in form.items()
            }

        return Part(tuple(map(of, self.zero)), tuple(map(of, self.least)))

    def within(self, *least: Linear) -> Part:
        """The part of it where these are not negative."""
        return Part(self.zero, (*self.least, *least))


def apart(one: Part, other: Part) -> bool:
    """Whether no element is in both parts."""
    return not possible((*one.zero, *other.zero), (*one.least, *other.least))


class Numbers:
    """The integers of a region, and masks of places, in linear forms: `given` are forms of inputs,
    `facts` are not negative at any step.
    """

    def __init__(
        self, graph: Graph, given: Mapping[Value, Linear], facts: Sequence[Linear] = ()
    ) -> None:
        self.given, self.facts = given, tuple(facts)
        self.forms = dict(given)
        self._places: dict[tuple[Value, int], Linear | None] = {}
        self.masks: dict[Value, tuple[Linear, ...]] = {}
        """None is negative where a mask holds."""
        for node in graph.nodes:
            if len(node.types) == 1 and node.types[0].dtype == I64:
                form = self._form(node)
                if form is not None:
                    self.forms[Value(node, 0)] = form
            elif len(node.types) == 1 and node.types[0].dtype.kind == "b":
                self.masks[Value(node, 0)] = self._mask(node)

    def of(self, value: Value) -> Linear | None:
        """The form of an integer, or of places along axes; None where it has none."""
        if value.constant is not None:
            same = value.constant.size == 1 and value.constant.dtype == I64
            return number(int(value.constant.reshape(-1)[0])) if same else None
        if value in self.forms:
            return self.forms[value]
        return {value: 1} if not value.type.shape and value.type.dtype == I64 else None

    def _form(self, node: Node) -> Linear | None:
        op: Any = node.op
        if isinstance(op, Iota):
            along: Linear = {Place(op.axis - len(op.shape)): 1}
            return along if op.shape[op.axis] > 1 else {}
        forms = [self.of(v) for v in node.operands]
        known = [form for form in forms if form is not None]
        if not known or len(known) < len(forms):
            return None
        if op is ADD or op is SUBTRACT:
            return plus(known[0], known[1], 1 if op is ADD else -1)
        if op is MULTIPLY:
            for form, factor in (known, known[::-1]):
                by = factor.get(None, 0)
                if set(factor) <= {None} and abs(by) < FAR:
                    return plus({}, form, by)
        return self._moved(node, known[0])

    def _mask(self, node: Node) -> tuple[Linear, ...]:
        if node.op.name == "logical_and":
            return tuple(form for v in node.operands for form in self.masks.get(v, ()))
        if node.op.name not in COMPARED:
            known = self.masks.get(node.operands[0], ()) if node.operands else ()
            moved = [self._moved(node, form) for form in known]
            return tuple(form for form in moved if form is not None)
        x, y = map(self.of, node.operands)
        return () if x is None or y is None else (COMPARED[node.op.name](x, y),)

    def _moved(self, node: Node, form: Linear) -> Linear | None:
        """A form of places along axes after a node that moves elements to others."""
        if isinstance(node.op, (Astype, BroadcastTo)):
            return form
        axes = axes_after(node)
        if axes is None:
            return None
        shape = node.operands[0].type.shape
        place = {
            Place(old - len(shape)): Place(k - len(axes))
            for k, old in enumerate(axes)
            if old is not None
        }
        return {place.get(x, x) if isinstance(x, Place) else x: f for x, f in form.items()}

    def inside(self, op: Loop, operands: Sequence[Value]) -> tuple[Numbers, set[Hashable]]:
        """The integers of the body of a loop, and those of them that are the same at all steps."""
        groups, body = op.groups(operands), op.body
        given: dict[Value, Linear] = {}
        for x, v in zip(body.inputs[1 + op.carried + op.scanned :], groups.fixed, strict=True):
            form = self.of(v)
            if form is not None:
                given[x] = form
        count = self.of(groups.trips[0]) if groups.trips else number(op.length or 0)
        position: Linear = {body.inputs[0]: 1}
        facts = [*self.facts, position]
        if count is not None:
            facts.append(plus(plus(count, position, -1), number(-1)))
        steady = {x for form in (*given.values(), *self.facts, count or {}) for x in form}
        return Numbers(body, given, facts), steady

    def shown(self, axes: Sequence[int], indices: Sequence[Value], shape: Shape) -> Shown:
        """What stands at `indices` on `axes` of an array of some shape."""
        at = dict(zip(axes, indices, strict=True))
        zero: list[Linear] = []
        least = list(self.facts)
        for axis, extent in enumerate(shape):
            place: Linear = {Place(axis - len(shape)): 1}
            index = self._index(at[axis], extent) if axis in at else None
            if index is not None:
                zero.append(plus(place, index, -1))
            else:
                least += [place, plus(number(extent - 1), place, -1)]
        part = Part(tuple(zero), tuple(least))
        if any(index.type.shape for index in indices):
            return Shown(part, None)
        rest = [(axis - len(shape), 0) for axis in range(len(shape)) if axis not in at]
        return Shown(part, tuple(rest))

    def _index(self, value: Value, extent: int) -> Linear | None:
        """Which element an index means, from the start of its axis."""
        if (value, extent) not in self._places:
            form = None if value.type.shape else self.of(value)
            if form and possible([], [*self.facts, plus(number(-1), form, -1)]):
                negative = not possible([], [*self.facts, form])
                form = plus(form, number(extent)) if negative else None
            self._places[value, extent] = form
        return self._places[value, extent]

    def written(self, node: Node) -> Part:
        """What an `update_at` may change: not where it writes what was there."""
        op: Any = node.op
        x, y, *indices = node.operands
        shown = self.shown(op.axes, indices, x.type.shape)
        new: Any = None if y.constant is not None or y.node.is_input else y.node
        if new is not None and new.op is WHERE and _is_read_there(new.operands[2], node):
            shown = shown.limited(self.masks.get(new.operands[0], ()))
        elif new and isinstance(new.op, UpdateSlice) and _is_read_there(new.operands[0], node):
            shown = shown.limited(_inside(*new.op.window(new.operands[1].type.shape)[:2]))
        return shown.part


class Shown(NamedTuple):
    """What of an array a value shows: the part, and for each axis of the value the axis of the
    array and the place there where it begins; None for one of a single place. Where it is not known
    what goes along which axis, `axes` is None.
    """

    part: Part
    axes: tuple[tuple[int, int] | None, ...] | None

    def limited(self, least: Sequence[Linear]) -> Shown:
        """Where forms of places along the axes of the value are not negative."""
        if self.axes is None:
            return self
        forms = [form for x in least if (form := self._of_array(x)) is not None]
        return self._replace(part=self.part.within(*forms))

    def _of_array(self, form: Linear) -> Linear | None:
        found: Linear = {}
        for x, factor in form.items():
            if isinstance(x, Place):
                at = self.axes[x.axis] if self.axes is not None else None
                if at is not None:
                    found = plus(found, plus({Place(at[0]): 1}, number(at[1]), -1), factor)
            else:
                found = plus(found, {x: factor})
        return found

    def through(self, node: Node, numbers: Numbers) -> Shown | None:
        """What the result of a node shows that moves elements, or keeps those under a mask."""
        op: Any = node.op
        if self.axes is None:
            return None
        if op is WHERE and node.types[0].shape == node.operands[1].type.shape:
            return self.limited(numbers.masks.get(node.operands[0], ()))
        if isinstance(op, Slice) and set(op.step) <= {1}:
            limited = self.limited(_inside(op.start, op.stop))
            moved = zip(self.axes, op.start, strict=True)
            return limited._replace(axes=tuple(at and (at[0], at[1] + by) for at, by in moved))
        axes = axes_after(node)
        if axes is None:
            return None
        return self._replace(axes=tuple(k if k is None else self.axes[k] for k in axes))


def axes_after(node: Node) -> list[int | None] | None:
    """For each axis of a transposed or reshaped array, which it was, or None of a single place;
    None where axes are merged or cut.
    """
    if isinstance(node.op, Transpose):
        return list(node.op.axes)
    if not isinstance(node.op, Reshape):
        return None
    old, new = node.operands[0].type.shape, node.types[0].shape
    long = [k for k, extent in enumerate(old) if extent != 1]
    if [old[k] for k in long] != [extent for extent in new if extent != 1]:
        return None
    left = iter(long)
    return [None if extent == 1 else next(left) for extent in new]


def _inside(start: Sequence[int], stop: Sequence[int]) -> list[Linear]:
    """What is not negative from some places along all axes up to others."""
    ndim = len(start)
    places: list[Linear] = [{Place(axis - ndim): 1} for axis in range(ndim)]
    low = [plus(x, number(k), -1) for x, k in zip(places, start, strict=True)]
    return low + [plus(number(k - 1), x, -1) for x, k in zip(places, stop, strict=True)]


def _is_read_there(value: Value, update: Node) -> bool:
    """Whether a value is what stands where an update writes, before it does."""
    op: Any = update.op
    read = value.node
    return (
        value.constant is None
        and isinstance(read.op, Gather)
        and read.op.axes == op.axes
        and read.operands[0] == update.operands[0]
        and read.operands[1:] == update.operands[2:]
        and not update.operands[2].type.shape
    )


class Write(NamedTuple):
    """The version of an array that a write makes, and the parts in which it differs."""

    value: Value
    parts: tuple[Part, ...]


def writes(graph: Graph, numbers: Numbers, source: Value, result: Value) -> list[Write] | None:
    """The writes by which a result of a region comes from one of its inputs; None where it comes
    otherwise.
    """
    found: list[Write] = []
    value = result
    while value != source:
        node, op = value.node, value.node.op
        if node.is_input or node.is_constant:
            return None
        if isinstance(op, UpdateSlice):
            shown = numbers.shown((), (), value.type.shape)
            window = op.window(node.operands[1].type.shape)
            found.append(Write(value, (shown.limited(_inside(*window[:2])).part,)))
            value = node.operands[0]
        elif isinstance(op, UpdateAt):
            found.append(Write(value, (numbers.written(node),)))
            value = node.operands[0]
        elif isinstance(op, Loop) and value.index < op.carried:
            inner, steady = numbers.inside(op, node.operands)
            first, last = op.body.inputs[1 + value.index], op.body.outputs[value.index]
            inside = writes(op.body, inner, first, last)
            if inside is None:
                return None
            parts = tuple(p.renamed(steady, node) for write in inside for p in write.parts)
            found.append(Write(value, parts))
            value = node.operands[op.first + value.index]
        else:
            return None
    return found[::-1]
