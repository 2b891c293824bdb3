"""Generators in the head of a `for`: they run between the steps as in Python, and their loops stay
loops."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import irgrad
from irgrad.errors import TraceError
from irgrad.ir.graph import node_count
from tests.frontend.against_python import check_like_python

N = np.arange(20)


class Grid:
    def __init__(self, values: Any) -> None:
        self.values, self.visits = values, 0

    def row(self, i: int) -> Iterator[Any]:
        for j in range(1, 20):
            self.visits += 1
            yield i, j

    def places(self) -> Iterator[Any]:
        for i in range(1, 20):
            yield from self.row(i)

    def __iter__(self) -> Iterator[Any]:
        for i in range(20):
            yield self.values[i]


def pairs(count: int) -> Iterator[Any]:
    for i in range(count):
        for j in range(i):
            yield i, j


def of_functions(x: Any) -> Any:
    total = 0.0
    for i, j in pairs(20):
        total += np.sin(x * i) * j
    return total


def of_methods(x: Any) -> Any:
    grid, out = Grid(x * np.outer(N, N)), np.zeros((20, 20))
    for i, j in grid.places():
        if grid.values[i - 1, j] > 50:
            continue
        out[i, j] = grid.values[i, j - 1] * 0.1
    total = 0.0
    for row in grid:
        total += row @ row * 1e-3
    return out, total, grid.visits


def with_state_on_both_sides(x: Any) -> Any:
    state = {"sum": x}

    def sums(values: Any) -> Iterator[Any]:
        kept = 1.0
        for value in values:
            state["sum"] += value * kept
            kept = 0.9 * kept + 0.01 * state["sum"]
            yield state["sum"]
        yield 0.5

    log = []
    for k, each in enumerate(sums(x * N), start=1):
        log.append(each * k)
        state["sum"] *= 0.5
    return log, state["sum"]


def left_early(x: Any) -> Any:
    def halves(value: Any) -> Iterator[Any]:
        while abs(value) > 1e-3:
            yield value
            value = value / 2

    def first(limit: float) -> Any:
        for value in halves(x):
            if abs(value) < limit:
                return value * 3
        return 0.0

    for count, value in enumerate(halves(x)):
        last = value * count
        if abs(value) < 0.1:
            break
    else:
        last = 7.0
    return first(0.2), first(1e-9), last


@pytest.mark.parametrize(
    "function", [of_functions, of_methods, with_state_on_both_sides, left_early]
)
def test_as_python_means_it(function: Any) -> None:
    check_like_python(function, "numpy", (0.6, -1.3))
    assert node_count(irgrad.trace(function, 0.6).nodes) < 120


def test_in_machine_code() -> None:
    compiled = irgrad.compile(of_methods, backend="numba")
    for one, other in zip(compiled(0.6), of_methods(0.6), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12)


def test_generators_that_are_sent_something_run_step_by_step() -> None:
    def means() -> Any:
        total, count = 0.0, 0
        while True:
            total, count = total + (yield total / max(count, 1)), count + 1

    def mean(x: Any, steps: int) -> Any:
        running, last = means(), 0.0
        next(running)
        for i in range(steps):
            last = running.send(x * i)
        return last

    assert irgrad.grad(mean)(2.0, 30) == pytest.approx(14.5)

    def in_a_loop_that_cannot_unroll(x: Any) -> Any:
        running = means()
        next(running)
        while x < 5:
            x = x + running.send(1.0)
        return x

    with pytest.raises(TraceError, match=r"(?s)send\(\) in a loop.*test_generators.*before the"):
        irgrad.trace(in_a_loop_that_cannot_unroll, 0.5)
