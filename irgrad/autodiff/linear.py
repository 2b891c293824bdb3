"""Graph -> Graph: a function near a point as a linear map, apart from what the point decides."""

from __future__ import annotations

from collections.abc import Sequence

from irgrad.autodiff.graphs import pushforward
from irgrad.ir.builder import substitute
from irgrad.ir.bulk import paused_gc
from irgrad.ir.graph import Graph, Node, Value, input_value


@paused_gc()
def linearized(graph: Graph, wrt: Sequence[Value], count: int) -> tuple[Graph, Graph]:
    """The pushforward of the first `count` outputs of `graph` in two parts.

    The first has the outputs of `graph`, then the residuals: values that do not depend on tangents
    and that the second reads. The second takes residuals and tangents of `wrt` to tangents of the
    outputs; every node in it depends on a tangent."""
    joint = pushforward(graph, wrt)
    arguments = len(graph.inputs) - graph.captured
    tangents = joint.inputs[arguments : len(joint.inputs) - graph.captured]
    dependent = {value.node for value in tangents}
    early: list[Node] = []
    late: list[Node] = []
    for node in joint.nodes:
        if any(operand.node in dependent for operand in node.operands):
            dependent.add(node)
            late.append(node)
        else:
            early.append(node)
    named = list(zip(joint.output_names, joint.outputs, strict=True))
    own, results = dict(named[: len(graph.outputs)]), dict(named[len(graph.outputs) :][:count])
    read = [operand for node in late for operand in node.operands] + list(results.values())
    residuals = [
        value
        for value in dict.fromkeys(read)
        if value.node not in dependent and value.constant is None
    ]
    saved = {f"residual_{i}": value for i, value in enumerate(residuals)}
    first = Graph(graph.name, graph.inputs, early, own | saved, graph.captured)
    leaves = [*residuals, *tangents]
    inputs = [input_value(joint.names[value], value.type) for value in leaves]
    body: list[Node] = []
    name = f"{graph.name}_linear"
    outputs = substitute(Graph(name, leaves, late, results), inputs, body.append)
    return first, Graph(name, inputs, body, dict(zip(results, outputs, strict=True)))
