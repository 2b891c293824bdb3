"""The adjoint of `x[i] = f(x[i])` sets the adjoint of x to zero at i and then adds to it there,
with additions at other places between. Here it is set once, to what is added, or left alone where
that is what was there; likewise `where(mask, 0, x) + where(mask, y, 0)` is `where(mask, y, x)`.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any, NamedTuple

from irgrad.ir.builder import rebuilt
from irgrad.ir.graph import Graph, Node, Value
from irgrad.ir.op import Op
from irgrad.ops.elementwise import Elementwise
from irgrad.ops.index import Gather, UpdateAt
from irgrad.ops.linear import BroadcastTo
from irgrad.ops.select import WHERE, Where
from irgrad_numba.updates import AddAt


class Pair(NamedTuple):
    """A write of zeros, the addition to the same places, and the first node that reads between."""

    zeros: Node
    addition: Node
    reader: Node


def rejoined(graph: Graph) -> Graph:
    """`graph` with what adjoint rules took apart in one piece again."""
    pairs = _pairs(graph)
    zeros = {pair.zeros for pair in pairs}
    before = {pair.reader: pair for pair in pairs}
    additions = {pair.addition for pair in pairs}
    values: dict[Value, Value] = {}
    nodes: list[Node] = []

    def emit(like: Node, operands: tuple[Value, ...], op: Op | None = None) -> None:
        image = rebuilt(like, operands, {}, op)
        nodes.append(image)
        values.update(zip(like.outputs, image.outputs, strict=True))

    def moved(node: Node) -> tuple[Value, ...]:
        return tuple(values.get(v, v) for v in node.operands)

    for node in graph.nodes:
        if node in before:
            write, addition, _ = before[node]
            x, _, *indices = moved(write)
            y = values.get(addition.operands[1], addition.operands[1])
            if _is_read_from(write, addition.operands[1]):
                values[Value(write, 0)] = x
            else:
                emit(write, (x, y, *indices))
        if node in additions:
            values[Value(node, 0)] = moved(node)[0]
        elif node not in zeros:
            chosen = _chosen(node)
            operands = tuple(values.get(v, v) for v in chosen or node.operands)
            if chosen is None and operands == node.operands:
                nodes.append(node)
            else:
                emit(node, operands, None if chosen is None else WHERE)
    if not values:
        return graph
    named = [values.get(v, v) for v in graph.outputs]
    return graph.replace(nodes=nodes, outputs=dict(zip(graph.output_names, named, strict=True)))


def _pairs(graph: Graph) -> list[Pair]:
    users: dict[Value, list[Node | None]] = defaultdict(list)
    place = {node: k for k, node in enumerate(graph.nodes)}
    for node in graph.nodes:
        for v in node.operands:
            users[v].append(node)
    for v in graph.outputs:
        users[v].append(None)
    found: list[Pair] = []
    for node in graph.nodes:
        op: Any = node.op
        if isinstance(op, UpdateAt) and op.distinct and is_zero(node.operands[1]):
            addition = _addition(node, users)
            reader = users[Value(node, 0)][0]
            if addition is None or reader is None:
                continue
            if place.get(addition.operands[1].node, -1) < place[reader]:
                found.append(Pair(node, addition, reader))
    return found


def _addition(write: Node, users: dict[Value, list[Node | None]]) -> Node | None:
    """What adds to the places of a write, with nothing but other additions between."""
    value = Value(write, 0)
    while len(users[value]) == 1:
        (user,) = users[value]
        if user is None or not isinstance(user.op, AddAt) or user.operands[0] != value:
            return None
        same = user.op.axes == write.op.parameters["axes"]
        if same and user.operands[2:] == write.operands[2:]:
            return user if user.operands[1].type == write.operands[1].type else None
        value = Value(user, 0)
    return None


def _is_read_from(write: Node, value: Value) -> bool:
    """Whether a value is what stood in the places of a write before."""
    op: Any = value.node.op if value.constant is None and not value.node.is_input else None
    x, _, *indices = write.operands
    return (
        isinstance(op, Gather)
        and op.axes == write.op.parameters["axes"]
        and value.node.operands == (x, *indices)
    )


def _chosen(node: Node) -> tuple[Value, ...] | None:
    """The operands of the choice that a sum of two choices is."""
    if not isinstance(node.op, Elementwise) or node.op.name != "add":
        return None
    for one, other in (node.operands, node.operands[::-1]):
        if one.type == other.type == node.types[0] and _is_choice(one) and _is_choice(other):
            (mask, zero, x), (same, y, nothing) = one.node.operands, other.node.operands
            if mask == same and is_zero(zero) and is_zero(nothing):
                return mask, y, x
    return None


def _is_choice(value: Value) -> bool:
    return value.constant is None and not value.node.is_input and isinstance(value.node.op, Where)


def is_zero(value: Value) -> bool:
    """Whether a value is known to be zero."""
    while value.constant is None:
        if value.node.is_input or not isinstance(value.node.op, BroadcastTo):
            return False
        value = value.node.operands[0]
    return not value.constant.any()
