"""The backend as irgrad sees it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from irgrad.ir.bulk import paused_gc
from irgrad.ir.evaluate import planned
from irgrad.ir.graph import Graph
from irgrad.ir.op import Array
from irgrad_numba.program import Program
from irgrad_numba.stacks import is_known


class NumbaBackend:
    """Compiles graphs to machine code."""

    name = "numba"

    @paused_gc()
    def compile(self, graph: Graph) -> Program | Referenced:
        """A function from the arrays of all inputs to the arrays of all outputs."""
        return Program(graph) if all(map(is_known, graph.nodes)) else Referenced(graph)


class Referenced:
    """A graph in which other ops than loops take stacks of an unknown number of rows: the ops'
    references compute it.
    """

    def __init__(self, graph: Graph) -> None:
        self.plan = planned(graph)

    def __call__(self, arrays: Sequence[Array]) -> list[Array]:
        """The outputs: fresh, writeable arrays."""
        with np.errstate(all="ignore"):
            return [np.array(result) for result in self.plan(arrays)]
