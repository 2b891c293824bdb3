"""Nudging a node: one value of a graph is changed, and all that follows from it is run again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from irgrad.ir.graph import Graph, Value
from irgrad.ir.op import Array


class Run:
    """A graph run on `arrays` by the ops' references, with every value kept.

    >>> import irgrad
    >>> graph = irgrad.trace(lambda x: np.sin(x) * 2.0, 0.0)
    >>> run = Run(graph, [np.array(0.0)])
    >>> float(run.output), float(run.nudged(graph.value("0"), 0.5))
    (0.0, 1.0)
    """

    def __init__(self, graph: Graph, arrays: Sequence[Array]) -> None:
        self.graph = graph
        self.known: dict[Value, Array] = dict(zip(graph.inputs, arrays, strict=True))
        self._run(self.known, graph.nodes)

    @property
    def output(self) -> Array:
        """The first output."""
        return self._read(self.known, self.graph.outputs[0])

    def nudged(self, value: Value, by: Any) -> Array:
        """The first output when `by` is added to `value`, with what stands before it held fixed."""
        moved = self.known[value]
        changed = {value: np.asarray(moved + by, moved.dtype)}
        touched = {value}
        later = []
        for node in self.graph.nodes:
            if node is not value.node and any(operand in touched for operand in node.operands):
                touched.update(node.outputs)
                later.append(node)
        self._run(changed, later)
        return self._read(changed, self.graph.outputs[0])

    def _run(self, values: dict[Value, Array], nodes: Sequence[Any]) -> None:
        with np.errstate(all="ignore"):
            for node in nodes:
                result = node.op.reference(*[self._read(values, v) for v in node.operands])
                results = result if isinstance(result, tuple) else (result,)
                values.update(zip(node.outputs, map(np.asarray, results), strict=True))

    def _read(self, values: dict[Value, Array], value: Value) -> Array:
        if value.constant is not None:
            return value.constant
        return values[value] if value in values else self.known[value]


__all__ = ["Run"]
