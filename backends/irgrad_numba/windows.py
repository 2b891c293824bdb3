"""Parts of rows, written where they are: a row that is read, changed in a window and written back
is a write into the window, and adding a row that is zero but for a window adds to that.

`A[i, 1:-1] = y` and the adjoint of reading `A[i, 1:-1]` are such rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from irgrad.ir.builder import rebuilt
from irgrad.ir.graph import Graph, Node, Value
from irgrad.ir.op import Op
from irgrad.ops.index import Gather, UpdateAt
from irgrad.ops.shape import Pad, UpdateSlice
from irgrad_numba.updates import AddAt, AddWindow, UpdateWindow, is_update

Write = tuple[Op, Value]
"""Into a window, and what is written there."""


def in_windows(graph: Graph) -> Graph:
    """`graph` with such rows as writes into windows."""
    uses = Counter(v for node in graph.nodes for v in node.operands)
    uses.update(graph.outputs)
    found = {node: writes for node in graph.nodes if (writes := _writes(node, uses))}
    rows = {v.node for node in found for v in _rows(node, uses)}
    if not found:
        return graph
    nodes: list[Node] = []
    values: dict[Value, Value] = {}
    for node in graph.nodes:
        operands = tuple(values.get(v, v) for v in node.operands)
        if node in rows:
            continue
        if node not in found:
            image = node if operands == node.operands else rebuilt(node, operands, {})
            nodes.append(image)
            values.update(zip(node.outputs, image.outputs, strict=True))
            continue
        x, _, *indices = operands
        for op, y in found[node]:
            nodes.append(rebuilt(node, (x, values.get(y, y), *indices), {}, op))
            x = Value(nodes[-1], 0)
        values[Value(node, 0)] = x
    named = [values.get(v, v) for v in graph.outputs]
    return graph.replace(nodes=nodes, outputs=dict(zip(graph.output_names, named, strict=True)))


def _rows(node: Node, uses: Counter[Value]) -> Sequence[Value]:
    """The rows, each made of the next one, that nothing but a write of the first one uses."""
    kind = UpdateSlice if isinstance(node.op, UpdateAt) else Pad
    row, rows = node.operands[1], list[Value]()
    while isinstance(row.node.op, kind) and uses[row] == 1:
        rows.append(row)
        row = row.node.operands[0]
    return rows[: None if kind is UpdateSlice else 1]


def _writes(node: Node, uses: Counter[Value]) -> list[Write]:
    """The writes into windows that a node is."""
    if not isinstance(node.op, (UpdateAt, AddAt)) or not is_update(node):
        return []
    x, _, *indices = node.operands
    axes, rows = node.op.axes, _rows(node, uses)
    if not rows or indices[0].type.shape:
        return []
    if isinstance(node.op, AddAt):
        pad = rows[0].node
        low, inside = pad.op.parameters["low"], pad.op.parameters["inside"]
        return [(AddWindow(axes, low, tuple(k + 1 for k in inside)), pad.operands[0])]
    first = rows[-1].node.operands[0].node
    if first.op != Gather(axes) or first.operands != (x, *indices):
        return []
    made = [(row.node.op.parameters, row.node.operands[1]) for row in reversed(rows)]
    return [(UpdateWindow(axes, window["start"], window["step"]), y) for window, y in made]
