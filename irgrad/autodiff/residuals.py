"""What a backward computation keeps of a forward one.

The backward part reads values of the forward part. Some it has anyway (what is the same in every
step, scanned arrays); others it can compute again from those; the rest is kept. Which are kept is
a minimum cut, in bytes, between what it has not and what it needs, with two kinds of values:
cheap ones, that may be computed again for nothing, and all others (reductions, products, loops,
library functions), that are never computed twice."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

from irgrad.autodiff.minimum_cut import Edge, far_side
from irgrad.ir.builder import substitute
from irgrad.ir.graph import Graph, Node, Value, input_for
from irgrad.ops.cast import Astype, Conjugate, Imag, Real
from irgrad.ops.create import Iota
from irgrad.ops.elementwise import Elementwise
from irgrad.ops.index import Gather
from irgrad.ops.linear import BroadcastTo, Reshape
from irgrad.ops.loop import Loop
from irgrad.ops.select import Where
from irgrad.ops.shape import Flip, Pad, Slice, Transpose
from irgrad.ops.stop import StopGradient

_MOVES = (
    Astype, BroadcastTo, Conjugate, Flip, Gather, Imag, Iota, Pad, Real, Reshape, Slice,
    StopGradient, Transpose, Where,
)  # fmt: skip
_CHEAP = frozenset({
    "positive", "negative", "add", "subtract", "multiply", "scale", "divide", "ratio", "reciprocal",
    "square", "sqrt", "absolute", "fabs", "sign", "maximum", "minimum", "fmax", "fmin", "floor",
    "ceil", "trunc", "rint", "copysign", "heaviside", "isfinite", "isinf", "isnan", "signbit",
    "equal", "not_equal", "less", "less_equal", "greater", "greater_equal", "logical_and",
    "logical_or", "logical_xor", "logical_not", "bitwise_and", "bitwise_or", "bitwise_xor",
    "invert", "floor_divide", "remainder", "fmod",
})  # fmt: skip
LARGEST = 3000
"""Bodies with more nodes than this keep all that is needed: the time that a cut takes
grows faster than they do."""


def is_cheap(node: Node) -> bool:
    """Whether computing a node again costs no more than loading what it gives, or is asked for."""
    if isinstance(node.op, Loop) and node.op.replay:
        return True
    if isinstance(node.op, Elementwise):
        return node.op.name in _CHEAP
    return isinstance(node.op, _MOVES)


def residuals_of(
    nodes: Sequence[Node], free: Collection[Value], needed: Iterable[Value]
) -> tuple[list[Value], list[Node]]:
    """The values of a forward part to keep, and its nodes to run again, in order, so that the
    `needed` values are at hand where the `free` ones are.
    """
    needed = [value for value in dict.fromkeys(needed) if value.constant is None]
    own = set(nodes)
    network, sinks = _network(own, set(free), needed)
    if len(nodes) > LARGEST:
        kept = {value for value in needed if value not in free and not value.type.is_dynamic}
    elif network is None:
        kept = set[Value]()
    else:
        kept = _cut(network)
    return _closure(nodes, own, set(free), sinks, kept)


def _network(
    own: Collection[Node], free: Collection[Value], needed: Sequence[Value]
) -> tuple[list[Edge] | None, list[Value]]:
    """Edges run from what is needed to what it is made of, so that of several smallest cuts the one
    with the least work done again is found first. None where nothing has to be kept.
    """
    waiting = [value for value in needed if value not in free]
    replayed = {value.node for value in needed if value.type.is_dynamic}
    """Nodes that run again, so that all that they give is there for nothing."""
    network: list[Edge] = [("needed", (value, "out"), None) for value in waiting]
    seen = set(waiting)
    costly = False
    while waiting:
        value = waiting.pop()
        node = value.node
        size = None if value.type.is_dynamic else value.type.nbytes
        network.append(((value, "out"), (value, "in"), size))
        again = is_cheap(node) or value.type.is_dynamic or node in replayed
        if node not in own or not again:
            network.append(((value, "in"), "absent", None))
            costly = True
            continue
        for operand in node.operands:
            if operand in free or operand.constant is not None:
                continue
            network.append(((value, "in"), (operand, "out"), None))
            if operand not in seen:
                seen.add(operand)
                waiting.append(operand)
    return (network if costly else None), list(needed)


def _cut(edges: Sequence[Edge]) -> set[Value]:
    far = far_side(edges, "needed", "absent")
    ends = (end for start, end, _ in edges if isinstance(start, tuple) and start not in far)
    return {end[0] for end in ends if isinstance(end, tuple) and end[1] == "in" and end in far}


def _closure(
    nodes: Sequence[Node],
    own: Collection[Node],
    free: Collection[Value],
    needed: Sequence[Value],
    kept: Collection[Value],
) -> tuple[list[Value], list[Node]]:
    """The kept values that are read, in the order of the program, and the nodes to run again."""
    again: set[Node] = set()
    read: dict[Value, None] = {}  # in an order that does not depend on where values lie in memory
    waiting = list(needed)
    while waiting:
        value = waiting.pop()
        if value in read or value.constant is not None:
            continue
        read[value] = None
        if value in free or value in kept or value.node in again:
            continue
        again.add(value.node)
        waiting.extend(value.node.operands)
    order = {node: place for place, node in enumerate(nodes)}
    found = [value for value in read if value in kept and value not in free]
    found.sort(key=lambda value: (order.get(value.node, -1), value.index))
    return found, [node for node in nodes if node in again]


def kept_static(nodes: Sequence[Node], needed: Iterable[Value]) -> tuple[list[Value], list[Node]]:
    """The needed values, in their order, those of dynamic extent replaced by what they are computed
    from; and the nodes that compute them.
    """
    again: set[Node] = set()
    kept: dict[Value, None] = {}
    waiting = list(needed)[::-1]
    while waiting:
        value = waiting.pop()
        if value.constant is not None:
            continue
        if not value.type.is_dynamic:
            kept[value] = None
        elif value.node not in again:
            again.add(value.node)
            waiting.extend(value.node.operands)
    return list(kept), [node for node in nodes if node in again]


def extracted(
    name: str,
    source: Graph,
    leaves: Sequence[Value],
    nodes: Sequence[Node],
    results: Mapping[str, Value],
) -> Graph:
    """A graph of its own from some nodes of another: `leaves` become its inputs."""
    inputs = [input_for(v, source.names) for v in leaves]
    body: list[Node] = []
    outputs = substitute(Graph(name, leaves, nodes, results), inputs, body.append)
    return Graph(name, inputs, body, dict(zip(results, outputs, strict=True)))
