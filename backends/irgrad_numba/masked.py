"""Writes under masks of places, as updates of the array that they leave alone elsewhere: a slice
with traced bounds that is written to, and the adjoint of one that is read."""

from __future__ import annotations

from collections.abc import Collection

from irgrad.ir.builder import rebuilt
from irgrad.ir.graph import Graph, Node, Value
from irgrad.ir.op import Op
from irgrad.ops.elementwise import Elementwise
from irgrad.ops.select import Where
from irgrad.ops.shape import UpdateSlice
from irgrad_numba.spans import Known
from irgrad_numba.updates import AddSlice, is_update


def in_parts(graph: Graph, owned: Collection[Value]) -> Graph:
    """`graph` with `where(mask, new, old)` and `old + where(mask, new, 0)` as updates of `old`,
    where that lies in memory which can be written to: the `owned` inputs, and what updates give.
    """
    known = Known(graph)
    if not known.inside:
        return graph
    nodes: list[Node] = []
    values: dict[Value, Value] = {}

    def emit(like: Node, operands: tuple[Value, ...], op: Op | None = None) -> Value:
        image = rebuilt(like, operands, {}, op)
        nodes.append(image)
        values.update(zip(like.outputs, image.outputs, strict=True))
        return Value(image, 0)

    for node in graph.nodes:
        old, new = _parts(known, node)
        operands = tuple(values.get(v, v) for v in node.operands)
        home = None if old is None else values.get(old, old)
        if home is None or new is None or not (old in owned or is_update(home.node)):
            if operands == node.operands:
                nodes.append(node)
            else:
                emit(node, operands)
            continue
        zeros, ones = (0,) * home.type.ndim, (1,) * home.type.ndim
        if new == Value(node, 0):
            new = emit(node, operands)
            emit(node, (home, new), UpdateSlice(zeros, ones))
        else:
            emit(node, (home, values.get(new, new)), AddSlice(zeros, ones))
    named = [values.get(v, v) for v in graph.outputs]
    return graph.replace(nodes=nodes, outputs=dict(zip(graph.output_names, named, strict=True)))


def _parts(known: Known, node: Node) -> tuple[Value | None, Value | None]:
    """The array that a node leaves alone outside of a span, and what it writes there (a `where`
    itself) or adds; None where there is none.
    """
    type, op = node.types[0], node.op
    if type.dtype.kind == "c" or not type.size:
        return None, None
    if isinstance(op, Where):
        mask, _, old = node.operands
        if mask in known.inside and old.type == type and old.constant is None:
            return old, Value(node, 0)
    elif isinstance(op, Elementwise) and op.name == "add":
        for part, old in (node.operands[::-1], node.operands):
            if known.span(part) and part.type == old.type == type and old.constant is None:
                return old, part
    return None, None
