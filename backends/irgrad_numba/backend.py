"""The backend as irgrad sees it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from irgrad.ir.bulk import paused_gc
from irgrad.ir.evaluate import planned
from irgrad.ir.graph import Graph
from irgrad.ir.op import Array
from irgrad.runtime.backend import Argument, Executable, Template
from irgrad_numba import recall
from irgrad_numba.program import Program
from irgrad_numba.stacks import is_known


class NumbaBackend:
    """Compiles graphs to machine code."""

    name = "numba"

    @paused_gc()
    def compile(self, graph: Graph) -> Program | Referenced:
        """A function from the arrays of all inputs to the arrays of all outputs."""
        return Program(graph) if all(map(is_known, graph.nodes)) else Referenced(graph)

    def direct(
        self,
        graph: Graph,
        make: Callable[[], Executable],
        arguments: Sequence[Argument],
        result: Template,
        captured: Sequence[Array],
    ) -> Callable[..., Any] | None:
        """The direct call of a graph that is yet to be optimised, from disk where it is there."""

        def made() -> Program | None:
            executable = make()
            return executable if isinstance(executable, Program) else None

        way = recall.Way(graph, arguments, result, captured)
        key = way.key
        found = None if key is None else recall.recalled(key, way, made)
        if found is not None:
            return found
        program = made()
        return program and program.direct(arguments, result, captured, key)


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
