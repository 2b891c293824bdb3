"""The backend as irgrad sees it."""

from __future__ import annotations

from irgrad.ir.bulk import paused_gc
from irgrad.ir.graph import Graph
from irgrad_numba.program import Program


class NumbaBackend:
    """Compiles graphs to machine code."""

    name = "numba"

    @paused_gc()
    def compile(self, graph: Graph) -> Program:
        """A function from the arrays of all inputs to the arrays of all outputs."""
        return Program(graph)
