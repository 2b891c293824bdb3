"""Which loops unroll, and what may not run once for all steps."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest

import irgrad
from irgrad.errors import TraceError
from irgrad.ir.graph import node_count
from tests.frontend.against_numpy import assert_same


def _draws(steps: int) -> Any:
    def draws(x: Any) -> Any:
        rng, ranks, state = np.random.default_rng(0), iter(range(100)), random.Random(1)
        for _ in range(steps):
            for k in range(4):
                x = np.sin(x + rng.random() * k) * np.cos(x - next(ranks)) + state.random()
                x = x / (1 + x**2) + np.exp(-x) * state.gauss(0, 1) - np.tanh(np.cosh(x))
        return x

    return draws


@pytest.mark.parametrize("steps", [2, 20])
def test_each_step_has_its_own_draw(steps: int) -> None:
    draws = _draws(steps)
    assert_same(irgrad.compile(draws)(0.5), draws(0.5))


def test_draws_in_a_loop_that_cannot_unroll_are_refused() -> None:
    def walk(x: Any, n: Any) -> Any:
        rng = np.random.default_rng(0)
        for _ in range(n):
            x = x + rng.random()
        return x

    with pytest.raises(TraceError, match=r"random\(\) in a loop would run once for all steps"):
        irgrad.compile(walk)(0.5, np.array(3))


def test_draws_in_a_branch_of_a_step_are_refused_too() -> None:
    def walk(x: Any, n: Any) -> Any:
        rng = np.random.default_rng(0)
        for _ in range(n):
            if x < 5:
                x = x + rng.random()
        return x

    with pytest.raises(TraceError, match=r"random\(\) in a loop would run once for all steps"):
        irgrad.compile(walk)(0.5, np.array(3))


def test_a_loop_that_unrolls_into_very_many_nodes_is_told_of_with_the_reason() -> None:
    def program(x: Any) -> Any:
        table = {i: x * i for i in range(50)}
        for i in range(100):
            for j in range(50):
                x = np.sin(x) * np.cos(x) + table[j] * table[i % 50]
        return x

    match = r"test_unrolling.py:\d+ unrolls, 20,.*a dict.*\(line"
    with pytest.warns(UserWarning, match=match) as told:
        irgrad.trace(program, 0.5)
    assert len(told) == 1


def test_short_loops_of_many_nodes_are_loop_ops() -> None:
    def inner(x: Any) -> Any:
        for k in range(6):
            for i in range(1, 8):
                x[i] += np.sin(x[i - 1]) * np.cos(x[i] * k) + np.exp(-x[i])
        return x

    def program(x: Any) -> Any:
        x = x.copy()
        for _ in range(5):
            x = inner(x)
        return np.sum(x)

    def sizes(unroll: Any) -> int:
        return node_count(irgrad.compile(program, unroll=unroll).graph(np.ones(9)).nodes)

    assert sizes(None) < 150 < 2000 < sizes(16)
    irgrad.check_grads(program, (np.linspace(0, 1, 9),), order=1)


def test_a_copy_made_in_a_loop_belongs_to_it() -> None:
    def swept(u: Any) -> Any:
        u, difference = u.copy(), 1.0
        while difference > 1e-3:
            old = u.copy()
            u[1:-1] = 0.5 * (old[:-2] + old[2:])
            difference = np.max(np.abs(u - old))
        for _ in range(20):
            old = u.copy()
            u[1:] += old[:-1]
        return u, old

    u = np.linspace(0, 1, 7) ** 2
    graph = irgrad.trace(swept, u)
    assert {"while", "loop"} <= {node.op.name for node in graph.nodes}
    for ours, theirs in zip(irgrad.compile(swept)(u), swept(u), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-12)


def test_the_deviation_of_a_slice_with_traced_bounds_where_all_is_the_same() -> None:
    def spreads(A: Any) -> Any:
        total = 0.0
        for k in range(1, 20):
            total += np.std(A[0, :k]) + np.sum(np.std(A[1:k, :k], axis=1))
        return total

    irgrad.check_grads(spreads, (np.random.default_rng(2).standard_normal((20, 20)),), order=1)
    assert not irgrad.grad(spreads)(np.ones((20, 20))).any()


def test_derivatives_lower_loops_as_the_compiled_function_does() -> None:
    def steps(x: Any) -> Any:
        for _ in range(40):
            x = np.sin(x)
        return x

    unrolled = irgrad.compile(steps, unroll=100), irgrad.compile(steps, capture=False)
    for transform in (irgrad.grad, irgrad.jacobian, irgrad.hessian, irgrad.checkpoint):
        expected = transform(steps)(1.0)
        for compiled in unrolled:
            derivative = irgrad.compile(transform(compiled))
            np.testing.assert_allclose(derivative(1.0), expected, rtol=1e-12)
            assert "loop" not in {node.op.name for node in derivative.graph(1.0).nodes}
