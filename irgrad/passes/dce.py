"""Dead code elimination: nodes that no output depends on."""

from __future__ import annotations

from irgrad.ir.graph import Graph, Node


def dce(graph: Graph) -> Graph:
    """Keep the nodes that the outputs depend on."""
    live: set[Node] = {value.node for value in graph.outputs}
    kept: list[Node] = []
    for node in reversed(graph.nodes):
        if node in live:
            kept.append(node)
            live.update(operand.node for operand in node.operands)
    if len(kept) == len(graph.nodes):
        return graph
    kept.reverse()
    return graph.replace(nodes=kept)
