"""Additions to the same places of an array, one after the other, as one addition of their sum.

The adjoint of each read of `A[i + 1]` is such an addition: that of a stencil has several, and goes
through the row once then. Their order is that of differentiation, which nobody has written down."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from irgrad.ir.builder import rebuilt
from irgrad.ir.exchange import Exchange
from irgrad.ir.graph import Graph, Node, Value
from irgrad.ops.arithmetic import ADD
from irgrad.ops.shape import Pad
from irgrad_numba.spans import Known
from irgrad_numba.updates import ADDING, AddAt, is_update


class Places(NamedTuple):
    """Where an addition adds: axes, and numbers or arrays of numbers on them."""

    axes: tuple[int, ...]
    indices: tuple[Value, ...]


def summed(graph: Graph) -> Graph:
    """`graph` with such additions as the last of them, their sums where all summands are there."""
    groups = _groups(graph)
    if not groups:
        return graph
    place = {node: k for k, node in enumerate(graph.nodes)}
    due: dict[int, list[Node]] = defaultdict(list)
    for last, before in groups.items():
        due[max(place.get(n.operands[1].node, -1) for n in (*before, last))].append(last)
    walk, sums = Exchange(graph), dict[Node, Value]()
    early = {node for before in groups.values() for node in before}
    made: dict[tuple[Value, ...], Value] = {}
    for k in range(-1, len(graph.nodes)):
        if k >= 0:
            _exchange(walk, graph.nodes[k], early, sums)
        for last in due[k]:
            summands = tuple(walk.moved(n.operands[1]) for n in (*groups[last], last))
            if summands not in made:
                made[summands] = _sum(walk, last, summands)
            sums[last] = made[summands]
    return walk.result()


def _exchange(
    walk: Exchange, node: Node, early: Collection[Node], sums: Mapping[Node, Value]
) -> None:
    """Leave out an addition that a later one takes along, and give that one the sum."""
    if node in early:
        walk.values[Value(node, 0)] = walk.moved(node.operands[0])
    elif node in sums:
        x, _, *indices = map(walk.moved, node.operands)
        walk.replace(node, rebuilt(node, (x, sums[node], *indices), walk.images), [0])
    else:
        walk.keep(node)


def _sum(walk: Exchange, like: Node, summands: Sequence[Value]) -> Value:
    total, *others = summands
    for y in others:
        node = Node(ADD, (total, y), (y.type,), location=like.location, origin=like.origin)
        walk.nodes.append(node)
        total = Value(node, 0)
    return total


def _groups(graph: Graph) -> dict[Node, list[Node]]:
    """By an addition, those before it that it takes along."""
    before = _before(graph)
    found: dict[Node, list[Node]] = {}
    for node, other in before.items():
        found[node] = [*found.pop(other, []), other]
    return found


def _before(graph: Graph) -> dict[Node, Node]:
    """By an addition, the one before it that it takes along: nothing but additions in between, and
    nobody else reads what these make.
    """
    if sum(isinstance(node.op, AddAt) for node in graph.nodes) < 2:
        return {}
    uses = Counter(v for node in graph.nodes for v in node.operands)
    uses.update(graph.outputs)
    known: Known | None = None
    last: dict[Value, dict[Places, tuple[Node, int]]] = {}
    """Of an array, the last addition at some places, and how many elements that adds."""
    found: dict[Node, Node] = {}
    for node in graph.nodes:
        if not isinstance(node.op, ADDING) or not is_update(node):
            continue
        x, y, *indices = node.operands
        here = last.pop(x, {}) if uses[x] == 1 else {}
        last[Value(node, 0)] = here
        if not isinstance(node.op, AddAt) or not _is_adjoint(node):
            continue
        known = known or Known(graph)
        if known.span(y):  # loops go through the span alone, which a sum might not have
            continue
        places, count = Places(node.op.axes, tuple(indices)), _elements(y)
        other, others = here.get(places, (None, 0))
        if other is not None and other.operands[1].type == y.type and count + others >= y.type.size:
            found[node] = other
            count = y.type.size
        here[places] = node, count
    return found


def _is_adjoint(node: Node) -> bool:
    return node.origin is not None and node.origin.rule == "vjp"


def _elements(value: Value) -> int:
    """How many elements of what is added are not zeros put beside others."""
    op = None if value.constant is not None or value.node.is_input else value.node.op
    return math.prod((value.node.operands[0] if isinstance(op, Pad) else value).type.shape)
