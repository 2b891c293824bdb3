"""Graph -> Graph: a function near a point as a linear map, apart from what the point decides."""

from __future__ import annotations

from collections.abc import Sequence

from irgrad.autodiff.graphs import pushforward
from irgrad.autodiff.residuals import extracted, kept_static
from irgrad.ir.bulk import paused_gc
from irgrad.ir.graph import Graph, Node, Value


@paused_gc()
def linearized(graph: Graph, wrt: Sequence[Value], count: int) -> tuple[Graph, Graph]:
    """The pushforward of the first `count` outputs of `graph` in two parts.

    The first has the outputs of `graph`, then the residuals: values that do not depend on tangents
    and that the second reads. The second takes residuals and tangents of `wrt` to tangents of the
    outputs; what depends on no tangent is in it only where its extent is not known before."""
    joint = pushforward(graph, wrt, beside=True)
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
    needed = [v for v in dict.fromkeys(read) if v.node not in dependent]
    residuals, again = kept_static(early, needed)
    saved = {f"residual_{i}": value for i, value in enumerate(residuals)}
    first = Graph(graph.name, graph.inputs, early, own | saved, graph.captured)
    leaves = [*residuals, *tangents]
    return first, extracted(f"{graph.name}_linear", joint, leaves, [*again, *late], results)
