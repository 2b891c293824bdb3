"""Graph -> Graph: the gradient, pullback and pushforward of a whole graph."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from irgrad.autodiff.forward import push_forward
from irgrad.autodiff.reverse import backpropagate
from irgrad.frontend.tracer import Tracer
from irgrad.ir.builder import Builder, substitute
from irgrad.ir.bulk import paused_gc
from irgrad.ir.graph import Graph, Node, Origin, Value, input_value
from irgrad.ops.linear import full


@paused_gc()
def gradient(graph: Graph, output: int, wrt: Sequence[Value]) -> Graph:
    """`graph` with a further output `d_x` for the gradient of one scalar output to each value in
    `wrt`.
    """
    builder = Builder.extending(graph, Tracer)
    target = graph.outputs[output]
    with builder.emitting(target.node.location, Origin("seed", target.node)):
        one = full(Tracer(builder, target), target.type.shape, np.ones((), target.type.dtype)[()])
    cotangents = backpropagate(builder, graph, {target: one}, wrt)
    return _with_outputs(
        graph,
        builder,
        [(f"d_{graph.names[value]}", c) for value, c in zip(wrt, cotangents, strict=True)],
    )


@paused_gc()
def pullback(graph: Graph, wrt: Sequence[Value]) -> Graph:
    """`graph` with an input `out.bar` for the cotangent of each output, and an output `d_x` for
    each value in `wrt`.

    The new inputs stand between the arguments and the captured inputs.
    """
    builder = Builder.extending(graph, Tracer)
    seeds: dict[Value, Any] = {}
    new: list[Value] = []
    for name, output in zip(graph.output_names, graph.outputs, strict=True):
        seed = builder.input(f"{name}.bar", output.type)
        new.append(seed.value)
        with builder.emitting(output.node.location, Origin("adjoint", output.node)):
            seeds[output] = seeds[output] + seed if output in seeds else seed
    cotangents = backpropagate(builder, graph, seeds, wrt)
    outputs = [(f"d_{graph.names[value]}", c) for value, c in zip(wrt, cotangents, strict=True)]
    return _with_outputs(graph, builder, outputs, new)


@paused_gc()
def pushforward(graph: Graph, along: Sequence[Value]) -> Graph:
    """`graph` with an input `x.dot` for the tangent of each value in `along`, and an output
    `out.dot` for each output.

    The new inputs stand between the arguments and the captured inputs.
    """
    builder = Builder.extending(graph, Tracer)
    seeds = {value: builder.input(f"{graph.names[value]}.dot", value.type) for value in along}
    tangents = push_forward(builder, graph, seeds, graph.outputs)
    outputs = [(f"{name}.dot", t) for name, t in zip(graph.output_names, tangents, strict=True)]
    return _with_outputs(graph, builder, outputs, [seed.value for seed in seeds.values()])


def _with_outputs(
    graph: Graph, builder: Builder, more: Sequence[tuple[str, Any]], inputs: Sequence[Value] = ()
) -> Graph:
    outputs = dict(zip(graph.output_names, graph.outputs, strict=True))
    for name, traced in more:
        key, count = name, 1
        while key in outputs:
            count += 1
            key = f"{name}_{count}"
        outputs[key] = builder.lift(traced)
    arguments = len(graph.inputs) - graph.captured
    merged = [*graph.inputs[:arguments], *inputs, *graph.inputs[arguments:]]
    return Graph(graph.name, merged, builder.nodes, outputs, graph.captured)


def partition(graph: Graph, joint: Graph) -> tuple[Graph, Graph]:
    """Split a pullback of `graph` in two: the forward part, and the backward part that runs later.

    The forward graph has the outputs of `graph` and then the residuals: the values that the
    backward part reads. The backward graph has the residuals as inputs, then the cotangents; its
    outputs are those that the pullback added."""
    arguments = len(graph.inputs) - graph.captured
    cotangents = joint.inputs[arguments : len(joint.inputs) - graph.captured]
    before = set(graph.nodes) | {value.node for value in graph.inputs}
    backward = joint.nodes[len(graph.nodes) :]
    results = dict(list(zip(joint.output_names, joint.outputs, strict=True))[len(graph.outputs) :])
    read = [operand for node in backward for operand in node.operands] + list(results.values())
    residuals = list(dict.fromkeys(value for value in read if value.node in before))
    saved = {f"residual_{i}": value for i, value in enumerate(residuals)}
    forward = graph.replace(
        outputs={**dict(zip(graph.output_names, graph.outputs, strict=True)), **saved}
    )
    body: list[Node] = []
    inputs = [input_value(joint.names[value], value.type) for value in (*residuals, *cotangents)]
    replaced = Graph(f"{graph.name}_pullback", [*residuals, *cotangents], backward, results)
    outputs = substitute(replaced, inputs, body.append)
    return forward, Graph(replaced.name, inputs, body, dict(zip(results, outputs, strict=True)))
