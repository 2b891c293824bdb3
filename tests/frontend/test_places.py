"""Lists and tuples of numbers indexed by what only the running program knows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import irgrad
from irgrad.errors import IrgradError
from irgrad.ir.graph import node_count
from tests.frontend.against_python import check_like_python

POINTS = (0.5, 1.7, -0.6)


def read_in_two_loops(x: Any) -> Any:
    values = [x * k for k in range(30)]
    for i in range(30):
        for j in range(30):
            x = 0.5 * x + values[j] * 0.01 + values[-j] * values[i] * 0.1
    return x


def written_under_a_condition(x: Any) -> Any:
    values = [x * k * 0.01 for k in range(30)]
    for i in range(30):
        for j in range(30):
            values[j] = 0.5 * values[j] + values[i] * 0.1
            if values[j] > 0.03:
                values[j] = np.sin(values[j])
    return sum(values), values[3]


def binned(x: Any) -> Any:
    counts, sums = [0] * 10, [0.0] * 10
    for v in np.linspace(0.011, 0.987, 100):
        k = int(min(abs(np.sin(x)) * 3.3 * v, 9))
        counts[k] += 1
        sums[k] += v * x
    return [s / (c + 1) for s, c in zip(sums, counts, strict=True)], counts[1] * 1.0


def sorted_by_exchange(x: Any) -> Any:
    values = [x, 0.3, -x, 2 * x, 0.1, 0.05, 3.0]
    for i in range(len(values)):
        for j in range(len(values) - 1 - i):
            if values[j] > values[j + 1]:
                values[j], values[j + 1] = values[j + 1], values[j]
    return [v * k for k, v in enumerate(values)]


def heap(x: Any) -> Any:
    values = [x * ((k * 7) % 23) for k in range(23)]
    for start in range(10, -1, -1):
        i = start
        while 2 * i + 1 < len(values):
            c = 2 * i + 1
            if c + 1 < len(values) and values[c + 1] > values[c]:
                c += 1
            if values[i] >= values[c]:
                break
            values[i], values[c] = values[c], values[i]
            i = c
    return values


def written_in_one_branch(x: Any) -> Any:
    k = int(abs(2.1 * x)) % 3
    values: list[Any] = [1, 2.0, x]
    other = values
    if x > 0:
        values[k - 1] = 3.0 * x
    else:
        values[0] = x
    if x > 1:
        values[k] += x
    return other[0], 10 * values[1], 100 * values[2], (x, 2 * x, 1)[k - 1]


FUNCTIONS = (
    read_in_two_loops, written_under_a_condition, binned, sorted_by_exchange, heap,
    written_in_one_branch,
)  # fmt: skip


@pytest.mark.parametrize("backend", ["numpy", "numba"])
@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda f: f.__name__)
def test_as_python_means_it(function: Any, backend: str) -> None:
    check_like_python(function, backend, POINTS)


def test_such_loops_are_loop_ops_that_carry_one_array() -> None:
    graph = irgrad.compile(written_under_a_condition).graph(0.5)
    assert [node.op.name for node in graph].count("loop") == 1
    assert node_count(graph.nodes) < 200


def test_a_place_outside_is_an_index_error() -> None:
    def function(x: Any, n: Any) -> Any:
        values = [x, 1.0]
        values[n] = 3.0
        return values[0]

    compiled = irgrad.compile(function)
    assert compiled(1.0, np.array(-2)) == 3.0
    for n in (2, -3):
        with pytest.raises(IndexError, match="out of bounds") as error:
            compiled(1.0, np.array(n))
        assert isinstance(error.value, IrgradError)


def test_what_is_indexed_may_stand_on_several_lines() -> None:
    def f(x: Any, i: Any) -> Any:
        for _ in range(2):
            x = (
                np.sin(x),
                np.cos(x),
            )[i]
            x = [
                x + 1, x,
              ][
                  i
        ]  # fmt: skip
        return x

    for i in range(2):
        assert irgrad.compile(f)(0.5, i) == pytest.approx(f(0.5, i), rel=1e-14)
        assert irgrad.compile(f)(0.5, np.int64(i)) == pytest.approx(f(0.5, i), rel=1e-14)
