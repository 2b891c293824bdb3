"""The meaning of a graph: each op's reference on arrays, in order. Backends are tested against
this.
"""

from __future__ import annotations

from collections.abc import Sequence

from irgrad.ir.graph import Graph, Value
from irgrad.ir.op import Array


def evaluate(graph: Graph, arrays: Sequence[Array]) -> list[Array]:
    """The outputs of `graph` for `arrays` in place of all its inputs, captured ones included."""
    known: dict[Value, Array] = dict(zip(graph.inputs, arrays, strict=True))

    def read(value: Value) -> Array:
        return known[value] if value.constant is None else value.constant

    for node in graph.nodes:
        result = node.op.reference(*map(read, node.operands))
        results = result if isinstance(result, tuple) else (result,)
        known.update(zip(node.outputs, results, strict=True))
    return [read(value) for value in graph.outputs]
