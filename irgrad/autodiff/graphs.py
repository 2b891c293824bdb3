"""Graph -> Graph: the gradient, pullback and pushforward of a whole graph."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from irgrad.autodiff.budget import within_budget
from irgrad.autodiff.forward import push_forward
from irgrad.autodiff.lasting import Course
from irgrad.autodiff.parallel import at_once
from irgrad.autodiff.residuals import extracted, kept_static
from irgrad.autodiff.reverse import Prepared, backpropagate, prepare, zero_of
from irgrad.frontend.tracer import Tracer
from irgrad.ir.builder import Builder
from irgrad.ir.bulk import paused_gc
from irgrad.ir.graph import Graph, Origin, Value
from irgrad.ir.names import numbered
from irgrad.ops.linear import full
from irgrad.passes.hoist import hoisted
from irgrad.passes.regions import has_regions


@paused_gc()
def gradient(graph: Graph, output: int, wrt: Sequence[Value]) -> Graph:
    """`graph` with a further output `d_x` for the gradient of one scalar output to each value in
    `wrt`.
    """
    names = [f"d_{graph.names[value]}" for value in wrt]
    prepared, wrt = _prepared(graph, [output], wrt)
    graph = prepared.graph
    builder = Builder.extending(graph, Tracer)
    target = graph.outputs[output]
    with builder.emitting(target.node.location, Origin("seed", target.node)):
        one = full(Tracer(builder, target), target.type.shape, np.ones((), target.type.dtype)[()])
    cotangents = backpropagate(builder, prepared, {target: one}, wrt)
    return _with_outputs(graph, builder, names, _zeros_for_none(builder, wrt, cotangents))


@paused_gc()
def pullback(graph: Graph, wrt: Sequence[Value], beside: bool = False) -> Graph:
    """`graph` with an input `out.bar` for the cotangent of each output, and an output `d_x` for
    each value in `wrt`. With `beside`, its first nodes are those of `graph`, which is `ready`.

    The new inputs stand between the arguments and the captured inputs.
    """
    names = [f"d_{graph.names[value]}" for value in wrt]
    if beside:
        prepared = prepare(graph, graph.outputs, wrt, course=Course(graph))
    else:
        prepared, wrt = _prepared(graph, range(len(graph.outputs)), wrt)
    graph = prepared.graph
    builder = Builder.extending(graph, Tracer)
    seeds: dict[Value, Any] = {}
    new: list[Value] = []
    for name, output in zip(graph.output_names, graph.outputs, strict=True):
        seed = builder.input(f"{name}.bar", output.type)
        new.append(seed.value)
        with builder.emitting(output.node.location, Origin("adjoint", output.node)):
            seeds[output] = seeds[output] + seed if output in seeds else seed
    cotangents = backpropagate(builder, prepared, seeds, wrt)
    filled = _zeros_for_none(builder, wrt, cotangents)
    return _with_outputs(graph, builder, names, filled, new)


@paused_gc()
def ready(graph: Graph) -> tuple[Graph, Callable[[Value], Value]]:
    """`graph` as reverse mode to its arguments needs it, with what adjoints of loops and branches
    keep, and where its values have gone. Captured inputs take no cotangents: a rule of a custom
    function that reads one has none to give.
    """
    if not has_regions(graph):
        return graph, lambda value: value
    graph, joining = at_once(graph)
    graph, hoisting = hoisted(graph)
    wanted = graph.inputs[: len(graph.inputs) - graph.captured]
    graph, cutting = within_budget(graph, graph.outputs, wanted)
    prepared = prepare(graph, graph.outputs, wanted, course=Course(graph))
    return prepared.graph, lambda value: prepared.moved(cutting(hoisting(joining(value))))


def _prepared(
    graph: Graph, outputs: Iterable[int], wrt: Sequence[Value]
) -> tuple[Prepared, list[Value]]:
    """`graph` ready to be swept from some outputs, and where the values of `wrt` have gone.

    Loops whose steps can be taken at once go first, and what is the same in every step leaves the
    others: adjoints would keep it in every step."""
    numbers = list(outputs)
    for change in (at_once, hoisted):
        graph, moved = change(graph)
        wrt = list(map(moved, wrt))
    graph, moved = within_budget(graph, [graph.outputs[k] for k in numbers], wrt)
    wrt = list(map(moved, wrt))
    prepared = prepare(graph, [graph.outputs[k] for k in numbers], wrt, course=Course(graph))
    return prepared, list(map(prepared.moved, wrt))


@paused_gc()
def pushforward(graph: Graph, along: Sequence[Value], beside: bool = False) -> Graph:
    """`graph` with an input `x.dot` for the tangent of each value in `along`, and an output
    `out.dot` for each output. With `beside`, its first nodes are those of `graph`.

    The new inputs stand between the arguments and the captured inputs.
    """
    builder = Builder.extending(graph, Tracer)
    if not beside:
        builder.nodes = []
    seeds = {value: builder.input(f"{graph.names[value]}.dot", value.type) for value in along}
    outputs, tangents = push_forward(builder, graph, seeds, beside)
    names = [f"{name}.dot" for name in graph.output_names]
    graph = graph.replace(outputs=dict(zip(graph.output_names, outputs, strict=True)))
    filled = _zeros_for_none(builder, outputs, tangents)
    return _with_outputs(graph, builder, names, filled, [seed.value for seed in seeds.values()])


def _zeros_for_none(builder: Builder, like: Sequence[Value], given: Sequence[Any]) -> list[Any]:
    return [
        zero_of(builder, value) if x is None else x for value, x in zip(like, given, strict=True)
    ]


def _with_outputs(
    graph: Graph,
    builder: Builder,
    names: Sequence[str],
    more: Sequence[Any],
    inputs: Sequence[Value] = (),
) -> Graph:
    values = [*graph.outputs, *map(builder.lift, more)]
    outputs = dict(zip(numbered([*graph.output_names, *names]), values, strict=True))
    arguments = len(graph.inputs) - graph.captured
    merged = [*graph.inputs[:arguments], *inputs, *graph.inputs[arguments:]]
    return Graph(graph.name, merged, builder.nodes, outputs, graph.captured)


def partition(graph: Graph, joint: Graph) -> tuple[Graph, Graph]:
    """Split a pullback (or pushforward) of `graph` in two: the forward part, and the linear part
    that runs later. The first nodes of `joint` are those of `graph`.

    The forward graph has the outputs of `graph` and then the residuals: the values that the linear
    part reads. The linear graph has the residuals as inputs, then the cotangents (tangents); its
    outputs are those that the pullback added. What has a dynamic extent stays inside one of the
    two: the linear part computes it again."""
    if any(a is not b for a, b in zip(graph.nodes, joint.nodes, strict=False)):
        raise RuntimeError("the joint graph does not begin with the nodes of the graph")
    arguments = len(graph.inputs) - graph.captured
    cotangents = joint.inputs[arguments : len(joint.inputs) - graph.captured]
    linear = joint.nodes[len(graph.nodes) :]
    results = dict(list(zip(joint.output_names, joint.outputs, strict=True))[len(graph.outputs) :])
    own = set(graph.nodes) | {value.node for value in graph.inputs}
    read = [operand for node in linear for operand in node.operands] + list(results.values())
    needed = dict.fromkeys(value for value in read if value.node in own)
    residuals, again = kept_static(graph.nodes, needed)
    saved = {f"residual_{i}": value for i, value in enumerate(residuals)}
    named = dict(zip(graph.output_names, graph.outputs, strict=True))
    forward = graph.replace(outputs={**named, **saved})
    leaves = [*residuals, *cotangents]
    name = f"{graph.name}_pullback"
    return forward, extracted(name, joint, leaves, [*again, *linear], results)
