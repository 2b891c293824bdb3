"""Derivatives in whichever mode the rules of the calls in a graph serve: a `custom_vjp` rule has
reverse mode only.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from irgrad.autodiff.calls import only_new, settled, with_residuals
from irgrad.autodiff.graphs import pullback, pushforward
from irgrad.errors import UnsupportedError
from irgrad.ir.builder import substitute
from irgrad.ir.graph import Graph, Node, Value, constant_value


def first_supported(*ways: Callable[[], Graph]) -> Graph:
    """What the first of some ways gives that the rules allow; the error of the first where none
    does.
    """
    refused: UnsupportedError | None = None
    for way in ways:
        try:
            return way()
        except UnsupportedError as error:
            refused = refused or error
    assert refused is not None, "there is a way"
    raise refused


def pulled_back(graph: Graph, wrt: Sequence[Value]) -> Graph:
    """The cotangents of `wrt`: a graph of the inputs of `graph` and the cotangents of its outputs,
    by the rules of the calls in it.
    """
    ready, places = with_residuals(graph)
    moved = [places.get(value, value) for value in wrt]
    return only_new(ready, settled(pullback(ready, moved)))


def pushed_forward(graph: Graph, along: Sequence[Value]) -> Graph:
    """The tangents of the outputs: a graph of the inputs of `graph` and the tangents of `along`.
    Where a rule has reverse mode only, it is the transpose of the pullback in its cotangents.
    """
    return first_supported(
        lambda: only_new(graph, pushforward(graph, along)), lambda: _transposed(graph, along)
    )


def _transposed(graph: Graph, along: Sequence[Value]) -> Graph:
    back = pulled_back(graph, along)
    first, count = len(graph.inputs) - graph.captured, len(graph.outputs)
    again = pulled_back(back, back.inputs[first : first + count])
    again = at_zero(again, again.inputs[first : first + count])
    names = [f"{name}.dot" for name in graph.output_names]
    outputs = dict(zip(names, again.outputs, strict=True))
    return Graph(graph.name, again.inputs, again.nodes, outputs, graph.captured)


def at_zero(graph: Graph, gone: Sequence[Value]) -> Graph:
    """`graph` without some inputs, which are zeros."""
    given = {v: constant_value(np.zeros(v.type.shape, v.type.dtype)) for v in gone}
    nodes: list[Node] = []
    outputs = substitute(graph, [given.get(v, v) for v in graph.inputs], nodes.append)
    inputs = [v for v in graph.inputs if v not in given]
    named = dict(zip(graph.output_names, outputs, strict=True))
    return Graph(graph.name, inputs, nodes, named, graph.captured)
