"""Writes of a constant with which each step of a loop ends, at the start of the next step, where
loops over the whole array take them along; and once after the loop.

The adjoint of `A[1:-1] = f(B)` ends in zeros in the window. Where the loop starts with zeros there
too, the first step may set them just as well."""

from __future__ import annotations

import dataclasses
from collections import Counter
from typing import Any

from irgrad.ir.builder import rebuilt
from irgrad.ir.exchange import Exchange
from irgrad.ir.graph import Graph, Node, Value, constant_value, regions, with_regions
from irgrad.ir.op import Array, Op
from irgrad.ops.linear import BroadcastTo
from irgrad.ops.loop import Loop
from irgrad.ops.shape import UpdateSlice
from irgrad_numba.patched import goes_through


def deferred(graph: Graph) -> Graph:
    """`graph` with such writes of its loops, and of those in them, at the starts of steps."""
    if not any(regions(node.op) for node in graph.nodes):
        return graph
    walk = Exchange(graph)
    for node in graph.nodes:
        op: Any = with_regions(node.op, deferred)
        writes = {k: found for k in range(_carried(op)) if (found := _writes(node, op, k))}
        if writes:
            op = dataclasses.replace(op, body=_begun(op.body, writes))
        image = walk.keep(node, None if op is node.op else op)
        for k, nodes in writes.items():
            walk.values[Value(node, k)] = _written(walk, nodes, Value(image, k))
    return walk.result()


def _carried(op: Op) -> int:
    return op.carried if isinstance(op, Loop) else 0


def _writes(node: Node, op: Loop, k: int) -> list[Node]:
    """The writes of a constant that make carried value k at the end of a step, the last one first,
    where it starts as that constant everywhere and no part of it is read by itself.
    """
    body, start = op.body, _number(node.operands[op.first + k])
    state, value = body.inputs[1 + k], body.outputs[k]
    readers = [inner for inner in body.nodes if state in inner.operands]
    through = readers and all(goes_through(reader, state) for reader in readers)
    if start is None or not through or state in body.outputs:
        return []
    uses = Counter(v for inner in body.nodes for v in inner.operands) + Counter(body.outputs)
    found: list[Node] = []
    while isinstance(value.node.op, UpdateSlice) and uses[value] == 1:
        number = _number(value.node.operands[1])
        if number is None or number.tobytes() != start.tobytes():
            break
        found.append(value.node)
        value = value.node.operands[0]
    return found


def _number(value: Value) -> Array | None:
    """The number that an array is full of, where that is a constant."""
    while value.constant is None:
        if value.node.is_input or not isinstance(value.node.op, BroadcastTo):
            return None
        value = value.node.operands[0]
    return value.constant.reshape(()) if value.constant.size == 1 else None


def _begun(body: Graph, writes: dict[int, list[Node]]) -> Graph:
    """The body with these writes at its start."""
    walk = Exchange(body)
    for k, nodes in writes.items():
        state = body.inputs[1 + k]
        walk.values[state] = _written(walk, nodes, state)
    gone = {node for nodes in writes.values() for node in nodes}
    for node in body.nodes:
        if node not in gone:
            walk.keep(node)
    outputs = list(map(walk.moved, body.outputs))
    for k, nodes in writes.items():
        outputs[k] = walk.moved(nodes[-1].operands[0])
    named = dict(zip(body.output_names, outputs, strict=True))
    return body.replace(nodes=walk.nodes, outputs=named)


def _written(walk: Exchange, writes: list[Node], value: Value) -> Value:
    """A value after the writes."""
    for write in reversed(writes):
        _, window = write.operands
        number = _number(window)
        assert number is not None
        full = Node(BroadcastTo(window.type.shape), (constant_value(number),), (window.type,))
        image = rebuilt(write, (value, Value(full, 0)), walk.images)
        walk.nodes += [full, image]
        value = Value(image, 0)
    return value
