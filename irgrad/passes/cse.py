"""Common subexpression elimination: one node for equal ops on equal operands. A product that is
another one turned, B A^T of A B^T, is that one's transpose."""

from __future__ import annotations

from typing import Any

from irgrad.ir.builder import rebuilt
from irgrad.ir.graph import Graph, Node, Value
from irgrad.ops.contract import Contract, split_spec
from irgrad.ops.shape import Transpose

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
        if known is None and isinstance(node.op, Contract):
            turned = _turned(node, operands, first)
            if turned is not None:
                images[node] = turned
                kept.append(turned)
                changed = True
                continue
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
        if isinstance(node.op, Contract):
            first.setdefault(_pattern(operands, node.op.spec), copy)
        kept.append(copy)
    if not changed:
        return graph
    outputs = dict(zip(graph.output_names, map(moved, graph.outputs), strict=True))
    return graph.replace(nodes=kept, outputs=outputs)


def _pattern(operands: tuple[Value, ...], spec: str) -> Any:
    """A contraction, whatever its letters are called and in whatever order those of its result."""
    left, right, result = split_spec(spec)
    name = {c: k for k, c in enumerate(dict.fromkeys(left + right))}
    letters = [tuple(name[c] for c in side) for side in (left, right)]
    return ("contract", *operands, *letters, frozenset(name[c] for c in result))


def _turned(node: Node, operands: tuple[Value, ...], first: dict[Any, Node]) -> Node | None:
    """The transpose of a known contraction that a contraction, which is a sum, is."""
    left, right, result = split_spec(node.op.parameters["spec"])
    known = first.get(_pattern(operands[::-1], f"{right},{left}->{result}"))
    if known is None or set(left + right) == set(result):
        return None
    one, other, order = split_spec(known.op.parameters["spec"])
    name = dict(zip(one + other, right + left, strict=True))
    letters = [name[c] for c in order]
    axes = tuple(letters.index(c) for c in result)
    return Node(
        Transpose(axes), (Value(known, 0),), node.types,
        names=node.names, location=node.location, origin=node.origin,
    )  # fmt: skip
