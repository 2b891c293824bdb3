"""What a step overwrites of an array that it carries: places at which what stood there before can
be kept, instead of the whole array, and put back afterwards.

A step of a factorisation writes to one row of a matrix, one of a recurrence to one element. Walking
back through the steps, the array before a step is the array after it with that row put back."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from irgrad.ir.builder import rebuilt
from irgrad.ir.graph import Graph, Location, Node, Value, constant_value, input_value
from irgrad.ir.op import Op
from irgrad.ir.types import I64
from irgrad.ops.cond import Cond
from irgrad.ops.elementwise import UFUNCS
from irgrad.ops.index import Gather, UpdateAt
from irgrad.ops.loop import Loop
from irgrad.ops.shape import Slice, UpdateSlice
from irgrad.ops.while_loop import While


class Place(NamedTuple):
    """Where an update writes: the op, its index operands, and the shape of what it writes. Unless
    `sure`, a step may never come to it: the indices may then be outside of the array.
    """

    op: Any
    indices: tuple[Value, ...]
    shape: tuple[int, ...]
    location: Location | None
    sure: bool = True

    def read(self, x: Value) -> Node:
        """What stands there in an array."""
        if isinstance(self.op, UpdateSlice):
            return self._node(Slice(*self.op.window(self.shape)), x)
        return self._node(Gather(self.op.axes), x, *self.indices)

    def write(self, x: Value, old: Value) -> Node:
        """An array with something else there."""
        return self._node(self.op, x, old, *self.indices)

    def turned(self, index: Value, extent: int) -> Node:
        """An index from the start of an axis, inside of it."""
        return self._node(UFUNCS[np.remainder], index, constant_value(np.asarray(extent, I64)))

    def _node(self, op: Op, *operands: Value) -> Node:
        types = op.result_types(*[v.type for v in operands])
        return Node(op, operands, types, location=self.location)


class Chain(NamedTuple):
    """The versions of an array, the last one first, up to `source`, and where these differ."""

    source: Value
    versions: list[Value]
    places: list[Place]


def chain(graph: Graph, result: Value) -> Chain | None:
    """How a result of a graph comes from one of its inputs by updates at known places."""
    versions: list[Value] = []
    places: list[Place] = []
    value = result
    while not (value.node.is_input or value.constant is not None):
        found = _written(value)
        if found is None:
            return None
        versions.append(value)
        value, written = found
        places += written
    if value not in graph.inputs:
        return None
    return Chain(value, versions, _merged(places))


def _written(value: Value) -> tuple[Value, list[Place]] | None:
    """The version that a value is made from, and where the two differ."""
    node, operands = value.node, value.node.operands
    op: Any = node.op
    if isinstance(op, (UpdateAt, UpdateSlice)):
        return operands[0], [Place(op, operands[2:], operands[1].type.shape, node.location)]
    if isinstance(op, (Loop, While)) and value.index < op.carried:
        first, lead = (op.first, 1) if isinstance(op, Loop) else (0, 0)
        scanned = op.scanned if isinstance(op, Loop) else 0
        start = lead + op.carried + scanned
        fixed = operands[first + op.carried + scanned :]
        given = dict(zip(op.body.inputs[start:], fixed, strict=True))
        found = chain(op.body, op.body.outputs[value.index])
        if found is None or found.source != op.body.inputs[lead + value.index]:
            return None
        places = _outside(found.places, given, value)
        return None if places is None else (operands[first + value.index], places)
    return _of_branches(value, op) if isinstance(op, Cond) else None


def _of_branches(value: Value, op: Cond) -> tuple[Value, list[Place]] | None:
    places: list[Place] = []
    sources: set[Value] = set()
    for branch in op.branches:
        given = dict(zip(branch.inputs, value.node.operands[1:], strict=True))
        found = chain(branch, branch.outputs[value.index])
        inside = None if found is None else _outside(found.places, given, value)
        if found is None or inside is None:
            return None
        places += inside
        sources.add(given[found.source])
    return (sources.pop(), places) if len(sources) == 1 else None


def _outside(
    places: Sequence[Place], given: dict[Value, Value], array: Value
) -> list[Place] | None:
    """Places of a region, which may never be run, as places around it: on an axis whose index is
    known in the region alone, all of them. None where that is the whole array.
    """
    found: list[Place] = []
    for place in places:
        if isinstance(place.op, UpdateSlice):
            found.append(place)
            continue
        if any(index.type.shape for index in place.indices):
            return None
        known = {
            axis: given.get(index, index)
            for axis, index in zip(place.op.axes, place.indices, strict=True)
            if (index in given or index.constant is not None) and index.type.dtype == I64
        }
        if not known:
            return None
        rest = tuple(e for axis, e in enumerate(array.type.shape) if axis not in known)
        op = UpdateAt(tuple(known), True)
        found.append(Place(op, tuple(known.values()), rest, array.node.location, False))
    return found


def _merged(places: Sequence[Place]) -> list[Place]:
    """The places without those that lie in others."""
    found: list[Place] = []
    for place in places:
        if not any(_inside(place, other) for other in found):
            found = [*(p for p in found if not _inside(p, place)), place]
    return found


def _inside(place: Place, other: Place) -> bool:
    if isinstance(other.op, UpdateSlice) or isinstance(place.op, UpdateSlice):
        return place[:3] == other[:3]
    if any(index.type.shape for index in (*place.indices, *other.indices)):
        return place[:3] == other[:3]
    own = dict(zip(place.op.axes, place.indices, strict=True))
    outer = zip(other.op.axes, other.indices, strict=True)
    return all(own.get(axis) == index for axis, index in outer)


class Undo:
    """How an array before a step, `source`, comes from the one after it, an input `after` of the
    adjoint step: what stood in the places is kept (`olds`), where that takes less than half of the
    array's bytes, and put back.
    """

    def __init__(self, name: str, found: Chain, steps: int | None, at: Value | None) -> None:
        self.source, self.versions = found.source, found.versions
        self.indices = [index for place in found.places for index in place.indices]
        """What must be known of a step."""
        self.after = input_value(name, self.source.type)
        self.turns: list[Node] = []
        self.places = [self._within(place, steps, at) for place in found.places]
        self.reads = [place.read(self.source) for place in self.places]
        for node in self.reads:
            node.names = (f"{name}.old",)
        self.olds = [Value(node, 0) for node in self.reads]

    @staticmethod
    def of(
        body: Graph, source: Value, result: Value, steps: int | None, carried: Collection[Value]
    ) -> Undo | None:
        """For an array that a step, one of `steps` if that is known, makes `result` of `source`."""
        found = chain(body, result)
        if found is None or found.source != source or not found.places:
            return None
        changing = {*found.versions, *(v for v in carried if v.type.shape)}
        if any(_depends(index, changing) for place in found.places for index in place.indices):
            return None
        size = sum(math.prod(place.shape) for place in found.places)
        if 2 * size >= source.type.size:
            return None
        return Undo(body.names[source], found, steps, None if steps is None else body.inputs[0])

    def _within(self, place: Place, steps: int | None, at: Value | None) -> Place:
        """A place with indices inside of the array, whatever they were: those of places to which
        the step comes are, or raise an error there.
        """
        if place.sure or isinstance(place.op, UpdateSlice):
            return place
        inside: list[Value] = []
        for axis, index in zip(place.op.axes, place.indices, strict=True):
            extent = self.source.type.shape[axis]
            if not (index == at and steps is not None and steps <= extent):
                self.turns.append(place.turned(index, extent))
                index = Value(self.turns[-1], 0)
            inside.append(index)
        return place._replace(indices=tuple(inside))

    def keeping(self, body: Graph) -> Graph:
        """The body of the forward steps, which also gives what stood in the places."""
        nodes, waiting = list(body.nodes), {v.node for v in self.indices}
        place = max((k for k, node in enumerate(nodes, 1) if node in waiting), default=0)
        nodes[place:place] = [*self.turns, *self.reads]
        return body.replace(nodes=nodes)

    def back(self, x: Value, nodes: list[Node]) -> Value:
        """The array before the step: a version of it with what stood in the places."""
        for place, old in zip(self.places, self.olds, strict=True):
            nodes.append(place.write(x, old))
            x = Value(nodes[-1], 0)
        return x


def restored(
    undo: Sequence[Undo],
    again: Sequence[Node],
    backward: Sequence[Node],
    read: Mapping[Value, Sequence[Node]],
) -> tuple[list[Node], dict[Value, Value], list[Value]]:
    """The nodes of an adjoint step on arrays that are put back at its start, with values that nodes
    `read` elsewhere: the nodes, what old values have become, and the arrays at its end.

    Where the steps that run again have written to an array, what stood there is put back in what
    these leave, so that all of them can have the same memory."""
    if not undo and not read:
        return [*again, *backward], {}, []
    first = [index for one in undo for index in one.indices]
    reads = [node for chain in read.values() for node in chain]
    first += [operand for node in reads for operand in node.operands]
    early = _needed(again, first)
    ran = set(again)
    nodes = [*(node for node in again if node in early), *reads]
    values = {value: Value(chain[-1], 0) for value, chain in read.items()}
    for one in undo:
        if one.versions[0].node not in ran:
            values[one.versions[0]] = one.after
        nodes += one.turns
        values[one.source] = one.back(one.after, nodes)
    images: dict[Node, Node] = {}
    for node in (*(node for node in again if node not in early), *backward):
        operands = tuple(values.get(v, v) for v in node.operands)
        if operands == node.operands:
            nodes.append(node)
            continue
        images[node] = image = rebuilt(node, operands, images)
        nodes.append(image)
        values.update(zip(node.outputs, image.outputs, strict=True))
    ends: list[Value] = []
    for one in undo:
        written = next((v for v in one.versions if v.node in ran), None)
        end = values[one.source]
        ends.append(end if written is None else one.back(values.get(written, written), nodes))
    return nodes, values, ends


def _needed(nodes: Sequence[Node], values: Sequence[Value]) -> set[Node]:
    """The nodes by which values are computed."""
    found = {value.node for value in values}
    for node in reversed(nodes):
        if node in found:
            found.update(v.node for v in node.operands)
    return found


def _depends(value: Value, on: Collection[Value]) -> bool:
    waiting, seen = [value], set[Value]()
    while waiting:
        v = waiting.pop()
        if v in on:
            return True
        if v not in seen:
            seen.add(v)
            waiting += v.node.operands
    return False
