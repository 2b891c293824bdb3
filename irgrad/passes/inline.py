"""Inlining: the bodies of calls in their places. Derivatives have been taken, so that their rules
have had their say.
"""

from __future__ import annotations

from irgrad.ir.graph import Graph
from irgrad.ops.call import inlined


def inline(graph: Graph) -> Graph:
    """The graph without calls."""
    return inlined(graph)
