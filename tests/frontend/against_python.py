"""Programs run by irgrad against the same programs in Python: values, derivatives in both modes and
to second order, and their graphs through text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import optree

import irgrad
from irgrad.ir.graph import Graph

POINTS = (0.5, 3.0, -1.5, 0.25)


def listed(result: Any) -> list[Any]:
    """The numbers of a result."""
    tree: Any = optree
    return [np.asarray(leaf) for leaf in tree.tree_leaves(result) if leaf is not None]


def total(result: Any) -> Any:
    """One number of a result."""
    tree: Any = optree
    return sum(np.sum(leaf * 1.0) for leaf in tree.tree_leaves(result) if leaf is not None)


def check_like_python(
    function: Any, backend: str, points: Sequence[float], second: bool = False
) -> None:
    """Values, the gradient, the tangent and the text of a function of one number."""
    with irgrad.use_backend(backend):
        compiled = irgrad.compile(function)

        def summed(x: Any) -> Any:
            return total(function(x))

        slope = irgrad.grad(summed)
        push = irgrad.compile(lambda x: irgrad.jvp(summed, (x,), (1.0,)))
        for x in points:
            wanted = listed(function(x))
            for one, other in zip(wanted, listed(compiled(x)), strict=True):
                np.testing.assert_allclose(other, one, rtol=1e-12, atol=1e-14)
            difference = (summed(x + 1e-6) - summed(x - 1e-6)) / 2e-6
            np.testing.assert_allclose(slope(x), difference, rtol=1e-5, atol=1e-6)
            np.testing.assert_allclose(push(x)[1], slope(x), rtol=1e-9, atol=1e-12)
        if second:
            twice = irgrad.grad(slope)
            for x in points:
                difference = (slope(x + 1e-6) - slope(x - 1e-6)) / 2e-6
                np.testing.assert_allclose(twice(x), difference, rtol=1e-4, atol=1e-4)
    for stage in ("lowered", "optimised"):
        graph = compiled.graph(points[0], stage=stage)
        read = irgrad.parse(str(graph))
        assert read == graph
        assert str(read) == str(graph)
        assert isinstance(read, Graph)
