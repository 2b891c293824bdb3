"""Passes inside regions: a pass on a graph becomes one on all graphs in it, innermost first."""

from __future__ import annotations

import functools
from collections.abc import Callable

from irgrad.ir.exchange import Exchange
from irgrad.ir.graph import Graph, region_fields, with_regions

Pass = Callable[[Graph], Graph]


def has_regions(graph: Graph) -> bool:
    """Whether any node has one."""
    return any(map(region_fields, {type(node.op) for node in graph.nodes}))


def everywhere(run: Pass) -> Pass:
    """`run` on the regions of a graph, and then on the graph. A region that many ops share, as the
    loops of segments inside segments do, is looked at once, and shared still; one that it has left
    as it was, it leaves alone.
    """

    @functools.wraps(run)
    def recursive(graph: Graph) -> Graph:
        done: dict[int, tuple[Graph, Graph]] = {}

        def each(region: Graph) -> Graph:
            if run in region.settled:
                return region
            if id(region) not in done:
                changed = inside(region, each) if has_regions(region) else region
                result = run(changed)
                if result is region:
                    region.settled.add(run)
                done[id(region)] = region, result
            return done[id(region)][1]

        return each(graph)

    return recursive


def inside(graph: Graph, change: Pass) -> Graph:
    """`graph` with `change` applied to its regions."""
    walk = Exchange(graph)
    for node in graph.nodes:
        op = with_regions(node.op, change) if region_fields(type(node.op)) else node.op
        walk.keep(node, None if op is node.op else op)
    return walk.result()
