"""Graph -> Graph: a function near a point as a linear map, apart from what the point decides."""

from __future__ import annotations

from collections.abc import Sequence

from irgrad.autodiff.graphs import pushforward
from irgrad.autodiff.partial import Halves
from irgrad.autodiff.residuals import extracted, kept_static
from irgrad.ir.bulk import paused_gc
from irgrad.ir.graph import Graph, Value
from irgrad.passes.pipeline import optimise

FIRST = ("fold", "simplify", "cse", "hoist")
"""Passes on both parts together: what they find equal, needless or the same in all steps is no
residual.
"""


@paused_gc()
def linearized(graph: Graph, wrt: Sequence[Value], count: int) -> tuple[Graph, Graph]:
    """The pushforward of the first `count` outputs of `graph` in two parts.

    The first has the outputs of `graph`, then the residuals: values that do not depend on tangents
    and that the second reads. The second takes residuals and tangents of `wrt` to tangents of the
    outputs; what depends on no tangent is in it only where its extent is not known before, or
    where a loop would keep more than the tape budget."""
    joint = optimise(pushforward(graph, wrt), FIRST)
    arguments = len(graph.inputs) - graph.captured
    tangents = joint.inputs[arguments : len(joint.inputs) - graph.captured]
    halves = Halves(joint, tangents)
    named = list(zip(joint.output_names, map(halves.moved, joint.outputs), strict=True))
    own, results = dict(named[: len(graph.outputs)]), dict(named[len(graph.outputs) :][:count])
    residuals, again = kept_static(halves.early, halves.needed(list(results.values())))
    saved = {f"residual_{i}": value for i, value in enumerate(residuals)}
    first = Graph(graph.name, graph.inputs, halves.early, own | saved, graph.captured)
    leaves = [*residuals, *tangents]
    return first, extracted(f"{graph.name}_linear", joint, leaves, [*again, *halves.late], results)
