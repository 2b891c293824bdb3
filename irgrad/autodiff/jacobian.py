"""Graph -> Graph: Jacobians, as pushforwards of all unit tangents at once, or pullbacks of all unit
cotangents.

Each pair of an output and a value has a batch of its own, so that what is zero by structure costs
nothing; and a single direction needs no batch."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from irgrad.autodiff.batch import Batching
from irgrad.autodiff.graphs import pullback, pushforward
from irgrad.frontend.tracer import Tracer
from irgrad.ir.builder import Builder
from irgrad.ir.bulk import paused_gc
from irgrad.ir.graph import Graph, Origin, Value
from irgrad.ir.types import I64, ArrayType
from irgrad.ops.cast import astype
from irgrad.ops.create import iota
from irgrad.ops.linear import broadcast_to, full, reshape
from irgrad.ops.shape import transpose


@paused_gc()
def jacobian(graph: Graph, outputs: Sequence[int], wrt: Sequence[Value], forward: bool) -> Graph:
    """`graph` with a further output `d_out_x` for each of `outputs` and, under it, each value in
    `wrt`: the derivative of shape out.shape + x.shape.
    """
    builder = Builder.extending(graph, Tracer)
    blocks: dict[tuple[int, int], Any] = {}
    if forward:
        for column, value in enumerate(wrt):
            for row, block in zip(outputs, _columns(builder, graph, outputs, value), strict=True):
                blocks[row, column] = block
    else:
        for row in outputs:
            for column, block in enumerate(_rows(builder, graph, row, wrt)):
                blocks[row, column] = block
    results = dict(zip(graph.output_names, graph.outputs, strict=True))
    for row in outputs:
        for column, value in enumerate(wrt):
            name = f"d_{graph.output_names[row]}_{graph.names[value]}"
            while name in results:
                name += "_"
            results[name] = builder.lift(blocks[row, column])
    return graph.replace(nodes=builder.nodes, outputs=results)


def _columns(builder: Builder, graph: Graph, outputs: Sequence[int], value: Value) -> list[Any]:
    """The derivatives of `outputs` with respect to one value, by forward mode."""
    chosen = {graph.output_names[row]: graph.outputs[row] for row in outputs}
    joint = pushforward(graph.replace(outputs=chosen), [value], beside=True)
    seed = joint.inputs[len(graph.inputs) - graph.captured]
    start = Origin("seed", value.node)
    tangents = _for_each_unit(builder, graph, joint, seed, joint.outputs[len(outputs) :], start)
    columns: list[Any] = []
    for row, tangent in zip(outputs, tangents, strict=True):
        output = graph.outputs[row]
        inside, outside = value.type.ndim, output.type.ndim
        with builder.emitting(output.node.location, Origin("jacobian", output.node)):
            block = reshape(tangent, (*value.type.shape, *output.type.shape))
            order = [*range(inside, inside + outside), *range(inside)]
            columns.append(transpose(block, order))
    return columns


def _rows(builder: Builder, graph: Graph, row: int, wrt: Sequence[Value]) -> list[Any]:
    """The derivatives of one output with respect to each value in `wrt`, by reverse mode."""
    output = graph.outputs[row]
    joint = pullback(graph.replace(outputs={graph.output_names[row]: output}), wrt)
    seed = joint.inputs[len(graph.inputs) - graph.captured]
    start = Origin("seed", output.node)
    cotangents = _for_each_unit(builder, graph, joint, seed, joint.outputs[1:], start)
    with builder.emitting(output.node.location, Origin("jacobian", output.node)):
        return [
            reshape(cotangent, (*output.type.shape, *value.type.shape))
            for cotangent, value in zip(cotangents, wrt, strict=True)
        ]


def _for_each_unit(
    builder: Builder,
    graph: Graph,
    joint: Graph,
    seed: Value,
    wanted: Sequence[Value],
    start: Origin,
) -> list[Any]:
    """The values that a linear map, the part of `joint` beyond `graph`, has for each unit array in
    place of `seed`, along a new first axis. The nodes go to `builder`.
    """
    size = seed.type.size
    location = next((value.node.location for value in graph.outputs), None)
    with builder.emitting(location, start):
        units = _units(builder, seed.type, size)
    walk = Batching(builder, {seed: units.value}, size)
    if size == 1:
        walk.batched = set()
    present = set(builder.nodes)
    for node in joint.nodes:
        if node not in present:
            walk.visit(node)
    found = [Tracer(builder, walk.values.get(value, value)) for value in wanted]
    with builder.emitting(location, start):
        return [
            x if size == 1 or x.value in walk.batched else broadcast_to(x, (size, *x.shape))
            for x in found
        ]


def _units(builder: Builder, type: ArrayType, size: int) -> Any:
    """The arrays of `type` that are one in a single place, along a new first axis; the only such
    array itself where it has one place.
    """
    like: Any = Tracer(builder, builder.constant(np.zeros((), type.dtype)))
    if size == 1:
        return full(like, type.shape, np.ones((), type.dtype)[()])
    square = (size, math.prod(type.shape))
    unit = np.equal(iota(like, I64, square, 0), iota(like, I64, square, 1))
    return reshape(astype(unit, type.dtype), (size, *type.shape))
