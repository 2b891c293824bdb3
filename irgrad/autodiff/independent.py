"""Which loops have steps that do not wait for each other, and what their carried values are then.

Every carried value must be of one of these kinds, and no other value of a step may depend on it:

- an array of which a step reads and writes one place only, another one at each step: `own`,
- a sum, to which each step adds: `totals`,
- what each step makes anew, of which the last stays.

An array that all steps read and write at the same place is first replaced by that place."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from irgrad.ir.builder import rebuilt
from irgrad.ir.graph import Node, Value, constant_value, input_value
from irgrad.ir.types import I64, Shape
from irgrad.ops.arithmetic import ADD, MULTIPLY, SUBTRACT
from irgrad.ops.cast import Astype
from irgrad.ops.create import Iota
from irgrad.ops.index import Gather, UpdateAt
from irgrad.ops.loop import Loop
from irgrad.ops.select import WHERE

COMPARISONS = ("less", "less_equal", "greater", "greater_equal")


class Place(NamedTuple):
    """Where a step reads or writes an array of some shape: at `at` on `axes`."""

    axes: tuple[int, ...]
    at: tuple[Value, ...]
    shape: Shape

    @classmethod
    def of(cls, node: Node) -> Place:
        """The place of a gather or an update."""
        op: Any = node.op
        at = node.operands[2 if isinstance(op, UpdateAt) else 1 :]
        return cls(op.axes, at, node.operands[0].type.shape)


class Term(NamedTuple):
    """What a step adds to a sum: `value`, or minus it, at a place or everywhere."""

    value: Value
    negated: bool
    place: Place | None


@dataclass
class Total:
    """What is added to a carried value; where `mask` does not hold, it stays."""

    mask: Value | None = None
    terms: list[Term] = field(default_factory=list[Term])


class Steps:
    """The body of a loop, with carried arrays of which it uses one place replaced by that place,
    and the kinds of what it carries.
    """

    def __init__(self, op: Loop) -> None:
        self.op = op
        body = op.body
        self.position = body.inputs[0]
        self.state = list(body.inputs[1 : 1 + op.carried])
        self.scanned = list(body.inputs[1 + op.carried : 1 + op.carried + op.scanned])
        self.fixed = list(body.inputs[1 + op.carried + op.scanned :])
        self.users = _users(body.nodes)
        self.varying = _dependent(body.nodes, {self.position, *self.scanned})
        self.slopes = _slopes(body.nodes, self.position, self.varying)
        self.waiting = _dependent(body.nodes, set(self.state))
        self.places = {k: place for k in range(op.carried) if (place := self._place(k))}
        self.own = {k: place for k, place in self.places.items() if self._is_own(place)}
        """The places that no other step uses."""
        self._replace()
        self._classify()

    def _place(self, k: int) -> Place | None:
        """The one place at which carried value k is read and written, the same for all steps or
        another one for each.
        """
        version, outputs, found = self.state[k], Counter(self.op.body.outputs), None
        while True:
            following = None
            for node, slot in self.users[version]:
                if slot or not isinstance(node.op, (Gather, UpdateAt)):
                    return None
                writes, here = isinstance(node.op, UpdateAt), Place.of(node)
                if found not in (None, here) or (writes and following is not None):
                    return None
                found, following = here, Value(node, 0) if writes else following
            if following is None or outputs[version]:
                break
            version = following
        if found is None or version != self.op.body.outputs[k] or outputs[version] > 1:
            return None
        if any(v.type.shape or v in self.waiting for v in found.at):
            return None
        steady = not any(v in self.varying for v in found.at)
        return found if steady or self._is_own(found) else None

    def _is_own(self, place: Place) -> bool:
        """Whether no two steps have the same place: on one axis, it moves on by a constant."""
        assert self.op.length is not None
        for axis, index in zip(place.axes, place.at, strict=True):
            by = self.slopes.get(index)
            if by and abs(by) * (self.op.length - 1) < place.shape[axis]:
                return True
        return False

    def spans_unknown(self) -> bool:
        """Whether a step looks at a part of an array whose ends do not move on by a constant: all
        steps at once would each go through the whole array.
        """
        slopes = _slopes(self.nodes, self.position, self.varying)
        return any(
            isinstance(place.node.op, Iota) and end in self.varying and end not in slopes
            for node in self.nodes
            if node.op.name in COMPARISONS
            for place, end in (node.operands, node.operands[::-1])
        )

    def _replace(self) -> None:
        """Read and write the places as values of their own."""
        body, values = self.op.body, dict[Value, Value]()
        self.rows: dict[int, Value] = {}
        for k, place in self.places.items():
            whole = self.state[k]
            kept = [e for a, e in enumerate(whole.type.shape) if a not in place.axes]
            self.rows[k] = input_value(whole.name or "x", whole.type._replace(shape=tuple(kept)))
        held = {self.state[k]: row for k, row in self.rows.items()}
        self.nodes: list[Node] = []
        images: dict[Node, Node] = {}
        for node in body.nodes:
            operands = tuple(values.get(v, v) for v in node.operands)
            if node.operands and node.operands[0] in held:
                row = held[node.operands[0]]
                if isinstance(node.op, UpdateAt):
                    held[Value(node, 0)] = operands[1]
                else:
                    values[Value(node, 0)] = row
                continue
            image = node
            if operands != node.operands:
                image = images[node] = rebuilt(node, operands, images)
                values.update(zip(node.outputs, image.outputs, strict=True))
            self.nodes.append(image)
        self.users = _users(self.nodes)
        now = values | held
        self.outputs = [now.get(v, v) for v in body.outputs]
        self.places = {
            k: place._replace(at=tuple(now.get(v, v) for v in place.at))
            for k, place in self.places.items()
        }

    def _classify(self) -> None:
        """Sort the carried values; `independent` says whether that was possible for all."""
        count = self.op.carried
        self.inner = [self.rows.get(k, self.state[k]) for k in range(count)]
        self.same = {
            k for k in range(count) if self.outputs[k] == self.inner[k] and k not in self.own
        }
        chained = {self.inner[k] for k in range(count) if k not in self.own and k not in self.same}
        self.waiting = _dependent(self.nodes, chained)
        sources = {self.position, *self.scanned, *(self.rows[k] for k in self.own)}
        self.varying = _dependent(self.nodes, sources)
        self.totals: dict[int, Total] = {}
        free = set(self.outputs[count:])
        for k in range(count):
            if k in self.own:
                free.add(self.outputs[k])
            elif k not in self.same:
                total = self._total(self.outputs[k], self.inner[k])
                if total is None:
                    free.add(self.outputs[k])
                else:
                    self.totals[k] = total
        free.update(v for place in self.places.values() for v in place.at)
        for total in self.totals.values():
            free.update(term.value for term in total.terms)
            free.update(v for term in total.terms if term.place for v in term.place.at)
            free.update([total.mask] if total.mask else [])
        self.free = free
        self.independent = not any(v in self.waiting for v in free)

    def _total(self, output: Value, start: Value) -> Total | None:
        """`output` as what is added to `start`."""
        if output.type.dtype.kind not in "iufc":
            return None
        op, operands = output.node.op, output.node.operands
        if op is WHERE and operands[2] == start and operands[0] not in self.varying:
            terms = self._terms(operands[1], start)
            return None if terms is None else Total(operands[0], terms)
        terms = self._terms(output, start)
        return None if terms is None else Total(None, terms)

    def _terms(self, value: Value, start: Value) -> list[Term] | None:
        """What is added to `start`, one term after the other, to give a value."""
        found: list[tuple[list[Term], int]] = []
        """From the last term back, each with the number of masks around it."""
        masks: list[Value] = []
        while value != start:
            if value not in self.waiting or value.type != start.type:
                return None
            node = value.node
            if node.op is WHERE and node.operands[2] == start:
                masks.append(node.operands[0])
                value = node.operands[1]
                if masks[-1] in self.waiting:
                    return None
                continue
            added = self._placed(node) if isinstance(node.op, UpdateAt) else self._added(node)
            if added is None or (masks and added[1][0].place):
                return None
            value = added[0]
            found.append((added[1], len(masks)))
        terms: list[Term] = []
        for group, around in reversed(found):
            for term in group:
                for mask in reversed(masks[:around]):
                    term = self._masked(mask, term)
                terms.append(term)
        return terms

    def _added(self, node: Node) -> tuple[Value, list[Term]] | None:
        """What a sum adds, and to what: that alone waits for the steps before."""
        if node.op not in (ADD, SUBTRACT):
            return None
        before, term = node.operands
        if node.op is ADD and before not in self.waiting:
            before, term = term, before
        if term in self.waiting:
            return None
        return before, self._addends(Term(term, node.op is SUBTRACT, None))

    def _addends(self, term: Term) -> list[Term]:
        """A term apart, where that is a sum of products: each becomes a contraction."""
        found: list[Term] = []
        rest = [term]
        while rest:
            term = rest.pop()
            op, operands = term.value.node.op, term.value.node.operands
            apart = op in (ADD, SUBTRACT) and len(self.users[term.value]) <= 1
            if apart and all(v.node.op in (ADD, SUBTRACT, MULTIPLY) for v in operands):
                one, other = operands
                rest.append(term._replace(value=other, negated=term.negated ^ (op is SUBTRACT)))
                rest.append(term._replace(value=one))
            else:
                found.append(term)
        return found

    def _placed(self, node: Node) -> tuple[Value, list[Term]] | None:
        """What an update adds at a place to what stands there, and to what array."""
        before, new = node.operands[:2]
        place = Place.of(node)
        if any(v.type.shape or v in self.waiting for v in place.at):
            return None
        mask: Value | None = None
        if new.node.op is WHERE and self._reads(new.node.operands[2], before, place):
            mask, new = new.node.operands[:2]
        if mask in self.waiting or new.node.op not in (ADD, SUBTRACT):
            return None
        pairs = [new.node.operands, new.node.operands[::-1]][: 2 if new.node.op is ADD else 1]
        for old, added in pairs:
            if self._reads(old, before, place) and added not in self.waiting:
                term = Term(added, new.node.op is SUBTRACT, place)
                shaped = added.type.shape == old.type.shape
                masked = self._masked(mask, term) if mask is not None else term
                return (before, [masked]) if shaped or mask is not None else None
        return None

    def _reads(self, value: Value, array: Value, place: Place) -> bool:
        """Whether a value is what stands at a place of an array."""
        node = value.node
        return isinstance(node.op, Gather) and node.operands[0] == array and Place.of(node) == place

    def _masked(self, mask: Value, term: Term) -> Term:
        zero = constant_value(np.zeros((), term.value.type.dtype))
        operands = (mask, term.value, zero)
        types = WHERE.result_types(*(v.type for v in operands))
        node = Node(WHERE, operands, types, location=term.value.node.location)
        self.nodes.append(node)
        return term._replace(value=Value(node, 0))


def _users(nodes: Sequence[Node]) -> dict[Value, list[tuple[Node, int]]]:
    """Who reads each value, as which operand."""
    users: dict[Value, list[tuple[Node, int]]] = defaultdict(list)
    for node in nodes:
        for slot, operand in enumerate(node.operands):
            users[operand].append((node, slot))
    return users


def _dependent(nodes: Sequence[Node], sources: Collection[Value]) -> set[Value]:
    """The values that depend on any of `sources`, these included."""
    found = set(sources)
    for node in nodes:
        if any(v in found for v in node.operands):
            found.update(node.outputs)
    return found


def _slopes(nodes: Sequence[Node], position: Value, varying: Collection[Value]) -> dict[Value, int]:
    """By how much integers grow from one position to the next, where that is always the same."""
    found = {position: 1}
    for node in nodes:
        value, op = Value(node, 0), node.op
        if value not in varying or len(node.types) > 1 or value.type.dtype != I64:
            continue
        slopes = [found.get(v) if v in varying else 0 for v in node.operands]
        if op is MULTIPLY:
            factors = [v.constant for v in node.operands][::-1]
            pairs = zip(slopes, factors, strict=True)
            slopes = [by * int(k) for by, k in pairs if by is not None and k is not None][:1]
        elif not (isinstance(op, Astype) or op in (ADD, SUBTRACT)):
            continue
        known = [by for by in slopes if by is not None]
        if known and len(known) == len(slopes):
            found[value] = known[0] - known[1] if op is SUBTRACT else sum(known)
    return found
