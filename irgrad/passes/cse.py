"""Common subexpression elimination: one node for equal ops on equal operands."""

from __future__ import annotations

from typing import Any

from irgrad.ir.builder import rebuilt
from irgrad.ir.graph import Graph, Node, Value

COMMUTATIVE = frozenset(
    {
        "add",
        "multiply",
        "equal",
        "not_equal",
        "logical_and",
        "logical_or",
        "logical_xor",
        "bitwise_and",
        "bitwise_or",
        "bitwise_xor",
    }
)


def cse(graph: Graph) -> Graph:
    """Merge each node into the first equal one; equal constants become one leaf.

    Operands of commutative ops are compared without their order, which for floats is exact too.
    """
    first: dict[Any, Node] = {}
    images: dict[Node, Node] = {}
    kept: list[Node] = []
    changed = False

    def moved(value: Value) -> Value:
        if value.node.is_constant:
            return Value(first.setdefault(value.node.op, value.node), 0)
        image = images.get(value.node)
        return value if image is None else Value(image, value.index)

    for node in graph.nodes:
        operands = tuple(map(moved, node.operands))
        same = all(a.node is b.node for a, b in zip(operands, node.operands, strict=True))
        key = (node.op, frozenset(operands) if node.op.name in COMMUTATIVE else operands)
        known = first.get(key)
        if known is not None:
            images[node] = known
            changed = True
            continue
        copy = node
        if not same or (node.origin is not None and node.origin.of in images):
            copy = rebuilt(node, operands, images)
            images[node] = copy
            changed = True
        first[key] = copy
        kept.append(copy)
    if not changed:
        return graph
    outputs = dict(zip(graph.output_names, map(moved, graph.outputs), strict=True))
    return graph.replace(nodes=kept, outputs=outputs)
