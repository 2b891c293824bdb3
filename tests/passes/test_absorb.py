"""Sums of adjoints in the loops and branches that add them up."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import irgrad
from irgrad.ir.graph import Graph, Node, regions
from irgrad.ops.cond import Cond
from irgrad.passes.absorb import absorb

A = np.random.default_rng(0).standard_normal((20, 6))


def nested(A: Any) -> Any:
    total = 0.0
    for i in range(20):
        for j in range(17):
            total = np.sin(total) + A[i, 0] * np.sin(A[j, 1])
    return total


def branching(A: Any) -> Any:
    out = np.zeros(20)
    for i in range(20):
        if i == 0:
            out[i] = A[i, 0] ** 2
        elif i < 19:
            out[i] = A[i - 1, 1] * A[i + 1, 2] + out[i - 1]
        else:
            out[i] = np.exp(A[i, 3]) * out[i - 1]
    return np.sum(out)


def nodes_of(graph: Graph) -> Iterator[Node]:
    for node in graph.nodes:
        yield node
        for region in regions(node.op).values():
            yield from nodes_of(region)


def adding(graph: Graph) -> list[Node]:
    """Sums over the whole array, of two that are not zero but for a few places."""
    return [
        node
        for node in nodes_of(graph)
        if node.op.name == "add"
        and node.types[0].shape == A.shape
        and not any(
            not v.node.is_input and v.node.op.name in ("scatter_add", "pad") for v in node.operands
        )
    ]


@pytest.mark.parametrize("backend", ["numpy", "numba"])
@pytest.mark.parametrize("program", [nested, branching], ids=lambda f: f.__name__)
def test_adjoints_touch_the_places_alone(program: Callable[..., Any], backend: str) -> None:
    run = irgrad.compile(irgrad.grad(program), backend)
    irgrad.check_grads(program, (A,))
    assert not adding(run.graph(A))
    assert adding(run.graph(A, stage="differentiated"))
    np.testing.assert_allclose(run(A), irgrad.grad(program)(A), rtol=1e-12)


def test_the_users_own_sums_stay() -> None:
    def program(x: Any) -> Any:
        total = np.zeros(6)
        for i in range(20):
            total += np.sin(x[i])
        return x[0] + total

    graph = irgrad.compile(program).graph(A)
    assert absorb(graph) is graph


def test_what_is_read_elsewhere_stays() -> None:
    graph = irgrad.compile(irgrad.value_and_grad(lambda x: np.sum(x * nested(x)))).graph(A)
    assert absorb(graph) is graph  # all that could be done was done


def test_branches_close_over_each_array_once() -> None:
    graph = irgrad.compile(branching).graph(A, stage="lowered")
    for node in nodes_of(graph):
        if isinstance(node.op, Cond):
            assert len(set(node.operands)) == len(node.operands)


def test_a_branch_in_a_loop_keeps_parts_of_arrays() -> None:
    graph = irgrad.compile(irgrad.grad(branching)).graph(A)
    loops = [node for node in graph.nodes if node.op.name == "loop"]
    kept = [type for type in loops[0].types if type.shape[:1] == (20,) and type.shape[1:]]
    assert kept == []
