"""Steps that use one part of a carried array, a column say, and places inside of it: as reads and
writes of the part, and of places in that.

`B[i, j] += A[i + 1:, i] @ B[i + 1:, j]` uses B at (i, j) and at (:, j). Where j is the number of
the step, each step has a column of its own, whatever it does there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from irgrad.ir.exchange import Exchange
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
    walk = Exchange(body)
    for node in body.nodes:
        common = places.get(node.operands[0]) if node.operands else None
        if common is None:
            walk.keep(node)
        else:
            _take_apart(walk, node, common)
    return walk.result()


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


def _take_apart(walk: Exchange, node: Node, common: At) -> None:
    """Put a read or write in two in the place of one."""
    at = _at(node) or {}
    rest = {a: i for a, i in at.items() if a not in common}
    axes = tuple(axis - sum(c < axis for c in common) for axis in rest)
    x, *others = map(walk.moved, node.operands)
    here, inside = ([walk.moved(v) for v in group.values()] for group in (common, rest))
    read = Gather(tuple(common))
    if isinstance(node.op, Gather):
        part = _like(node, read, x, *here)
        image = _like(node, Gather(axes), _emitted(walk, part), *inside) if rest else part
    else:
        new = others[0]
        if rest:
            part = _emitted(walk, _like(node, read, x, *here))
            new = _emitted(walk, _like(node, UpdateAt(axes, True), part, new, *inside))
        image = _like(node, UpdateAt(tuple(common), True), x, new, *here)
    walk.replace(node, image, [0])


def _emitted(walk: Exchange, node: Node) -> Value:
    walk.nodes.append(node)
    return Value(node, 0)


def _like(node: Node, op: Op, *operands: Value) -> Node:
    """A node of another op where `node` is, which has its name if it has its type."""
    types = op.result_types(*(v.type for v in operands))
    names = node.names if types == node.types else (None,)
    return Node(op, operands, types, names=names, location=node.location, origin=node.origin)
