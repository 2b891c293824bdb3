"""Graphs that are made when somebody looks at them: what is derived from another graph need not be
there for its machine code to be found on disk."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

from irgrad.ir.graph import Graph, Value
from irgrad.ir.types import ArrayType


class Delayed(Graph):
    """The graph that `make` gives, which has the inputs of `source`.

    What it is follows from the structure of `source` and from `recipe` alone: equal ones make equal
    graphs. Its inputs and the types of its outputs are known; nodes, outputs and their names come
    into being when they are first asked for."""

    def __init__(
        self,
        source: Graph,
        recipe: str,
        output_types: Sequence[ArrayType],
        make: Callable[[], Graph],
    ) -> None:
        self.source = source
        self.recipe = recipe
        self.name = source.name
        self.inputs = source.inputs
        self.captured = source.captured
        self._types = tuple(output_types)
        self._make = make
        self._lock = threading.RLock()
        self._graph: Graph | None = None

    @property
    def output_types(self) -> tuple[ArrayType, ...]:
        return self._types

    @property
    def made(self) -> Graph:
        """The graph itself."""
        with self._lock:
            if self._graph is None:
                graph = self._make()
                assert graph.inputs == self.inputs
                assert graph.output_types == self._types
                self._graph = graph
            return self._graph

    def choosing(self, outputs: Sequence[int]) -> Delayed:
        """The graph with these of its outputs, in this order."""
        types = [self._types[k] for k in outputs]
        recipe = f"{self.recipe}, outputs {list(outputs)}"
        return Delayed(self.source, recipe, types, lambda: choosing(self.made, outputs))

    def __getattr__(self, name: str) -> Any:
        if name in ("nodes", "outputs", "output_names", "settled"):
            return getattr(self.made, name)
        raise AttributeError(name)


def choosing(graph: Graph, outputs: Sequence[int]) -> Graph:
    """`graph` with these of its outputs, in this order."""
    if isinstance(graph, Delayed):
        return graph.choosing(outputs)
    chosen: dict[str, Value] = {graph.output_names[k]: graph.outputs[k] for k in outputs}
    return graph.replace(outputs=chosen)


def made(graph: Graph) -> Graph:
    """`graph`, with its nodes."""
    return graph.made if isinstance(graph, Delayed) else graph
