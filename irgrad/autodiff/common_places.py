"""Steps that use one part of a carried array, a column say, and places inside of it: as reads and
writes of the part, and of places in that.

`B[i, j] += A[i + 1:, i] @ B[i + 1:, j]` uses B at (i, j) and at (:, j). Where j is the number of
the step, each step has a column of its own, whatever it does there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from irgrad.ir.builder import rebuilt
from irgrad.ir.graph import Graph, Node, Value
from irgrad.ir.op import Op
from irgrad.ops.index import Gather, UpdateAt

At = Mapping[int, Value]
"""By axis, a single number at which an array is used."""


def with_common_places(body: Graph, carried: Sequence[Value]) -> Graph:
    """`body` with reads and writes of `carried` arrays in two: at the indices that all of them
    have, and at further ones in what stands there.
    """
    places: dict[Value, At] = {}
    for array in carried:
        versions, common = _uses(body, array)
        if common:
            places.update(dict.fromkeys(versions, common))
    return _Walk(body, places).result() if places else body


def _uses(body: Graph, array: Value) -> tuple[list[Value], At]:
    """The versions of an array, and the indices at which all of them are used, where some uses have
    more.
    """
    versions, used = [array], list[At]()
    known = {array}
    for node in body.nodes:
        here = [slot for slot, v in enumerate(node.operands) if v in known]
        if not here:
            continue
        at = _at(node)
        if here != [0] or at is None:
            return [], {}
        used.append(at)
        if isinstance(node.op, UpdateAt):
            versions.append(Value(node, 0))
            known.add(versions[-1])
    common = dict(sorted(used[0].items())) if used else {}
    for at in used:
        common = {axis: index for axis, index in common.items() if at.get(axis) == index}
    return versions, common if any(len(at) > len(common) for at in used) else {}


def _at(node: Node) -> At | None:
    """The place of a read or a write at single numbers."""
    op: Any = node.op
    if not isinstance(op, (Gather, UpdateAt)):
        return None
    indices = node.operands[2 if isinstance(op, UpdateAt) else 1 :]
    return None if indices[0].type.shape else dict(zip(op.axes, indices, strict=True))


class _Walk:
    def __init__(self, body: Graph, places: Mapping[Value, At]) -> None:
        self.body, self.places = body, places
        self.nodes: list[Node] = []
        self.values: dict[Value, Value] = {}

    def result(self) -> Graph:
        """The body."""
        images: dict[Node, Node] = {}
        for node in self.body.nodes:
            common = self.places.get(node.operands[0]) if node.operands else None
            if common is not None:
                self._apart(node, common)
                continue
            operands = tuple(self.values.get(v, v) for v in node.operands)
            image = node if operands == node.operands else rebuilt(node, operands, images)
            images[node] = image
            self.nodes.append(image)
            self.values.update(zip(node.outputs, image.outputs, strict=True))
        outputs = [self.values.get(v, v) for v in self.body.outputs]
        named = dict(zip(self.body.output_names, outputs, strict=True))
        return self.body.replace(nodes=self.nodes, outputs=named)

    def _apart(self, node: Node, common: At) -> None:
        """A read or write in two."""
        at = _at(node) or {}
        rest = {a: i for a, i in at.items() if a not in common}
        axes = tuple(axis - sum(c < axis for c in common) for axis in rest)
        x, *others = (self.values.get(v, v) for v in node.operands)
        here, inside = ([self.values.get(v, v) for v in group.values()] for group in (common, rest))
        part = self._emit(node, Gather(tuple(common)), x, *here)
        if isinstance(node.op, Gather):
            found = self._emit(node, Gather(axes), part, *inside) if rest else part
        else:
            new = others[0]
            if rest:
                new = self._emit(node, UpdateAt(axes, True), part, new, *inside)
            found = self._emit(node, UpdateAt(tuple(common), True), x, new, *here)
        self.values[Value(node, 0)] = found

    def _emit(self, like: Node, op: Op, *operands: Value) -> Value:
        types = op.result_types(*(v.type for v in operands))
        names = like.names if types == like.types else (None,)
        node = Node(op, operands, types, names=names, location=like.location, origin=like.origin)
        self.nodes.append(node)
        return Value(node, 0)
