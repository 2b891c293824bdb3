"""What no later step overwrites of an array that steps carry: the last version of the array has it
still, so that an adjoint step reads it there, and neither keeps it nor runs again what made it.

A factorisation reads the columns before the one at hand, which are as they will stay; a recurrence
reads what it wrote in the steps before. This holds for a loop in a loop, too: what the steps around
it write later counts, and the last version is the one after all of them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

from irgrad.autodiff.inequalities import Linear, number, plus
from irgrad.autodiff.parts import Numbers, Part, Write, apart, writes
from irgrad.autodiff.reads import Reads
from irgrad.autodiff.residuals import is_cheap
from irgrad.ir.graph import Graph, Node, Value, input_value

LARGEST = 32
"""Of arrays to which more parts are written nothing is known,"""
MOST = 1000
"""and after so many comparisons of parts no further ones are looked at."""


class Carried(NamedTuple):
    """An array that changes from step to step: what it is after a step, the writes of a step, and
    all that is written to it in later steps and after the last. `last` is the input of an adjoint
    step that has its last version; that is `outer` in an adjoint step around, or (None) what the
    loop gives.
    """

    number: int
    own: list[Write]
    later: list[Part]
    last: Value
    outer: Value | None


class Course:
    """A region in the course of the steps around it (None: of a graph around which there are none):
    its integers, and the arrays of which all is known that is written to them later.
    """

    def __init__(
        self, graph: Graph, numbers: Numbers | None = None, carried: Sequence[Carried] | None = None
    ) -> None:
        self.graph, self.carried = graph, carried
        self._numbers = numbers

    @property
    def numbers(self) -> Numbers:
        """The integers, in linear forms."""
        if self._numbers is None:
            self._numbers = Numbers(self.graph, {})
        return self._numbers

    @property
    def is_alone(self) -> bool:
        """Whether its adjoint reads nothing of an adjoint step around it."""
        return all(array.outer is None for array in self.carried or ())

    def inside(self, node: Node) -> Course:
        """The body of a loop that is a node of the region."""
        op: Any = node.op
        body: Graph = op.body
        numbers, steady = self.numbers.inside(op, node.operands)
        here: Linear = {body.inputs[0]: 1}
        there: Linear = {("later", body.inputs[0]): 1}
        on = plus(*((here, there) if op.backward else (there, here)), -1)
        found: list[Carried] = []
        for k, source in enumerate(body.inputs[1 : 1 + op.carried]):
            after = self._after(Value(node, k)) if source.type.shape else None
            own = after and writes(body, numbers, source, body.outputs[k])
            if not own or after is None:
                continue
            again = [
                part.renamed(steady, "later").within(plus(on, number(-1)))
                for write in own
                for part in write.parts
            ]
            if len(again) + len(after[0]) > LARGEST:
                continue
            last = input_value(f"{body.names[source]}.last", source.type)
            found.append(Carried(k, own, [*again, *after[0]], last, after[1]))
        return Course(body, numbers, found)

    def _after(self, version: Value) -> tuple[list[Part], Value | None] | None:
        """What is written to an array after a version of it, and the last one; None where that is
        not known.
        """
        if self.carried is None:
            return [], None
        for array in self.carried:
            for place, write in enumerate(array.own, 1):
                if write.value == version:
                    return _parts(array, place), array.last
        return None


def _parts(array: Carried, place: int) -> list[Part]:
    """What is written after so many writes of a step."""
    return [*(part for write in array.own[place:] for part in write.parts), *array.later]


class Lasting:
    """The values of a region that an adjoint step may read from the last versions of arrays, each
    with the nodes that do: the values are for `backward` nodes and `results`, which may need just
    a part of them, and what the nodes read else is made of `free` values.
    """

    def __init__(
        self,
        course: Course,
        region: Graph,
        backward: Sequence[Node],
        results: Sequence[Value],
        free: Collection[Value],
    ) -> None:
        self.nodes: dict[Value, tuple[Node, ...]] = {}
        self.of: dict[Value, int] = {}
        """Of which carried value each is a part."""
        self._compared = 0
        if not course.carried:
            return
        wanted = _reached(region, {v for node in backward for v in node.operands}, results)
        self._numbers = Numbers(region, course.numbers.given, course.numbers.facts)
        self._reads = Reads(region, self._numbers, _at_hand(region, free))
        for array in course.carried:
            source, result = region.inputs[1 + array.number], region.outputs[array.number]
            own = writes(region, self._numbers, source, result)
            if own is not None:
                self._find(array._replace(own=own), source, wanted)

    def _find(self, array: Carried, source: Value, wanted: Collection[Value]) -> None:
        for place, version in enumerate([source, *(write.value for write in array.own)]):
            later = _parts(array, place)
            waiting = self._reads.of(version, array.last)
            while waiting:
                read = waiting.pop()
                value = read.value
                if value in wanted and self._lasts(read.shown.part, later):
                    self.nodes[value] = read.nodes
                    self.of[value] = array.number
                else:
                    waiting += self._reads.narrower(read)

    def _lasts(self, part: Part, later: Sequence[Part]) -> bool:
        self._compared += len(later)
        return self._compared <= MOST and all(apart(part, other) for other in later)

    def drop(self, numbers: Collection[int]) -> None:
        """Read nothing from some arrays."""
        self.nodes = {v: node for v, node in self.nodes.items() if self.of[v] not in numbers}

    def keep(self, values: Collection[Value]) -> None:
        """Read nothing but some values."""
        self.nodes = {v: node for v, node in self.nodes.items() if v in values}

    @property
    def operands(self) -> list[Value]:
        """What must be known of a step: indices and masks."""
        nodes = [node for chain in self.nodes.values() for node in chain]
        return [v for node in nodes for v in node.operands]


def _reached(region: Graph, read: Collection[Value], results: Sequence[Value]) -> set[Value]:
    """What of a region an adjoint may come to read, where it computes again what is cheap."""
    own, found = set(region.nodes), {*read, *results}
    waiting = list(found)
    while waiting:
        node = waiting.pop().node
        if node in own and is_cheap(node):
            new = [v for v in node.operands if v not in found and v.constant is None]
            found.update(new)
            waiting += new
    return found


def _at_hand(region: Graph, free: Collection[Value]) -> set[Value]:
    """What is computed of free values for nothing."""
    found = set(free)
    for node in region.nodes:
        if is_cheap(node) and all(v in found or v.constant is not None for v in node.operands):
            found.update(node.outputs)
    return found
