"""Passes look at a region that many ops share once, and it stays shared."""

from __future__ import annotations

from typing import Any

import numpy as np

import irgrad
from irgrad.ir.graph import Graph, regions
from irgrad.passes.pipeline import optimise
from irgrad.passes.regions import everywhere


def every_region(graph: Graph) -> list[Graph]:
    found: list[Graph] = []
    for node in graph.nodes:
        for region in regions(node.op).values():
            found += [region, *every_region(region)]
    return found


def nested(x: Any) -> Any:
    """Two `while` loops in each other."""

    def twice(c: Any) -> Any:
        return irgrad.while_loop(
            lambda s: s[0] < 3, lambda s: (s[0] + 1, np.sin(s[1]) * x), (0, c)
        )[1]

    return irgrad.while_loop(lambda s: s[0] < 3, lambda s: (s[0] + 1, twice(s[1])), (0, x))[1]


def test_a_shared_region_is_looked_at_once_and_stays_shared() -> None:
    seen: list[Graph] = []

    def look(graph: Graph) -> Graph:
        seen.append(graph)
        return graph.replace(outputs=dict(zip(graph.output_names, graph.outputs, strict=True)))

    with irgrad.tape_budget(1000):
        graph = irgrad.trace(irgrad.grad(irgrad.grad(nested)), 0.7)
    before = every_region(graph)
    different = len({id(region) for region in before})
    assert 2 * different < len(before)
    after = every_region(everywhere(look)(graph))
    assert len(seen) == different + 1
    assert len(after) == len(before) and len({id(region) for region in after}) == different
    small = every_region(optimise(graph))
    assert len({id(region) for region in small}) < len(small)
    np.testing.assert_allclose(optimise(graph)(0.7), irgrad.grad(irgrad.grad(nested))(0.7))
