"""Constant folding: ops on constants are computed now, by their reference.

Captured arrays are inputs, never constants, so they are never folded. A result is folded only where
it is small, or no larger than its operands; a broadcast constant stays a broadcast, which costs
nothing and shows its scalar to the rules."""

from __future__ import annotations

import numpy as np

from irgrad.ir.builder import rebuilt
from irgrad.ir.graph import Graph, Node, Value, constant_value
from irgrad.ir.op import Array
from irgrad.ops.linear import BroadcastTo
from irgrad.ops.region import Structured

SMALL = 64


def fold(graph: Graph) -> Graph:
    """Replace nodes whose operands are all constants by constants."""
    values: dict[Value, Value] = {}
    images: dict[Node, Node] = {}
    kept: list[Node] = []
    for node in graph.nodes:
        operands = tuple(values.get(operand, operand) for operand in node.operands)
        array = folded(node, operands)
        if array is not None:
            values[Value(node, 0)] = constant_value(array)
            continue
        if operands != node.operands:
            copy = rebuilt(node, operands, images)
            images[node] = copy
            values.update(zip(node.outputs, copy.outputs, strict=True))
            node = copy
        kept.append(node)
    if not values:
        return graph
    outputs = [values.get(value, value) for value in graph.outputs]
    return graph.replace(nodes=kept, outputs=dict(zip(graph.output_names, outputs, strict=True)))


def folded(node: Node, operands: tuple[Value, ...]) -> Array | None:
    """The constant that a node computes, or None where it is not one (or not worth holding)."""
    arrays = [array for operand in operands if (array := operand.constant) is not None]
    if not arrays or len(node.types) != 1 or len(arrays) < len(operands):
        return None
    if isinstance(node.op, Structured) or node.types[0].is_dynamic:
        return None  # a loop may take any time
    size, largest = node.types[0].size, max(array.size for array in arrays)
    if size > largest and (size > SMALL or isinstance(node.op, BroadcastTo)):
        return None
    try:
        with np.errstate(all="ignore"):
            result = node.op.reference(*arrays)
    except (ArithmeticError, ValueError, IndexError):
        return None  # the same error is due when the graph runs
    array = np.asarray(result, node.types[0].dtype)
    return array if array.shape == node.types[0].shape else None
