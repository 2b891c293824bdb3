"""Constant folding: ops on constants are computed now, by their reference.

Captured arrays are inputs, never constants, so they are never folded. A result is folded only where
it is small, or no larger than its operands; a broadcast constant stays a broadcast, which costs
nothing and shows its scalar to the rules, and so do positions; a sum or an extreme of them is
folded, and so is whether any or all of them compare."""

from __future__ import annotations

from typing import cast

import numpy as np

from irgrad.ir.builder import rebuilt
from irgrad.ir.graph import Graph, Node, Value, constant_value
from irgrad.ir.op import Array
from irgrad.ops.create import Iota
from irgrad.ops.linear import BroadcastTo, Reshape
from irgrad.ops.region import Structured

SMALL = 64
"""A result of no more elements may be larger than the constants that it comes from."""
REDUCTIONS = ("sum", "prod", "max", "min", "argmax", "argmin", "any", "all")
OF_PLACES = ("add", "subtract", "less", "less_equal", "greater", "greater_equal")
"""What is made of positions, and folded with what reduces it, by at most so many nodes less one:"""
DEEPEST = 4
MOST = 2**15
"""So many elements at most of a spread constant are reduced now."""


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
    if not operands or len(node.types) != 1:
        return None
    if isinstance(node.op, Structured) or node.types[0].is_dynamic:
        return None  # a loop may take any time
    size, largest = node.types[0].size, max(operand.type.size for operand in operands)
    if size > largest and (size > SMALL or isinstance(node.op, BroadcastTo)):
        return None
    depth = DEEPEST if node.op.name in REDUCTIONS else 0
    arrays = [_numbers(operand, depth) for operand in operands]
    if any(array is None for array in arrays):
        return None
    try:
        with np.errstate(all="ignore"):
            result = node.op.reference(*cast("list[Array]", arrays))
    except (ArithmeticError, ValueError, IndexError):
        return None  # the same error is due when the graph runs
    array = np.asarray(result, node.types[0].dtype)
    return array if array.shape == node.types[0].shape else None


def _numbers(value: Value, depth: int) -> Array | None:
    """The numbers of a constant; where they are to be reduced, also of one that is spread, or of
    what positions make in at most `depth` nodes.
    """
    if value.constant is not None or not depth or value.type.size > MOST:
        return value.constant
    node = value.node
    if node.is_input:
        return None
    if not (isinstance(node.op, (BroadcastTo, Iota, Reshape)) or node.op.name in OF_PLACES):
        return None
    arrays = [_numbers(operand, depth - 1) for operand in node.operands]
    known = [array for array in arrays if array is not None]
    return np.asarray(node.op.reference(*known)) if len(known) == len(arrays) else None
