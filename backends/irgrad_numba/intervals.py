"""What integers a value can hold: least and greatest, where the program says it.

An index whose interval lies inside its axis needs no check when the program runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from irgrad.ir.graph import Graph, Node, Value
from irgrad.ops.cast import Astype
from irgrad.ops.create import Iota
from irgrad.ops.elementwise import Elementwise
from irgrad.ops.index import Gather
from irgrad.ops.intervals import FAR, RULES, Interval, union
from irgrad.ops.linear import BroadcastTo, Reshape
from irgrad.ops.reduction import Argmax, Argmin
from irgrad.ops.select import Where
from irgrad.ops.shape import Flip, Slice, Transpose
from irgrad.ops.sorting import Argsort
from irgrad_numba.updates import Copy

PLACES = (Argmax, Argmin, Argsort)
SAME = (BroadcastTo, Reshape, Transpose, Slice, Flip, Gather, Copy)


def intervals(graph: Graph, inputs: Mapping[Value, Interval]) -> dict[Value, Interval]:
    """The intervals of the integers of a graph, from those of its inputs."""
    known = dict(inputs)
    for node in graph.nodes:
        value = Value(node, 0)
        if node.types[0].dtype.kind not in "iu":
            continue
        found = _of(node, [interval_of(v, known) for v in node.operands])
        if found is not None and found[0] > -FAR and found[1] < FAR:
            info = np.iinfo(node.types[0].dtype)
            if info.min <= found[0] and found[1] <= info.max:
                known[value] = found
    return known


def interval_of(value: Value, known: Mapping[Value, Interval]) -> Interval | None:
    """The interval of a value; of a constant, that of its numbers."""
    array = value.constant
    if array is None:
        return known.get(value)
    if array.dtype.kind not in "iu" or not array.size:
        return None
    return int(array.min()), int(array.max())


def _of(node: Node, operands: Sequence[Interval | None]) -> Interval | None:
    if isinstance(node.op, Iota):
        return 0, max(0, node.types[0].shape[node.op.axis] - 1)
    if isinstance(node.op, (*SAME, Astype)):
        return operands[0]
    if isinstance(node.op, PLACES):
        return 0, max(0, node.operands[0].type.shape[node.op.axis] - 1)
    if isinstance(node.op, Where):
        a, b = operands[1:]
        return None if a is None or b is None else union(a, b)
    rule = RULES.get(node.op.name) if isinstance(node.op, Elementwise) else None
    if rule is None:
        return None
    given = [x for x in operands if x is not None]
    return rule(*given) if len(given) == len(operands) else None
