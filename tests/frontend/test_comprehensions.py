"""Comprehensions, and Python's functions of lists and arrays: they are what they are in Python, and
take one loop however long the lists are."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import irgrad
from irgrad.errors import TraceError
from irgrad.ir.graph import node_count
from tests.frontend.against_python import check_like_python

NUMBERS = np.linspace(0.1, 2.0, 40)


def differences(x: Any) -> Any:
    values = x * NUMBERS**2
    steps = [values[i + 1] - values[i] for i in range(len(values) - 1)]
    slopes = [0.0] * len(steps)
    for i in range(1, len(steps)):
        slopes[i] = (steps[i] - steps[i - 1]) * slopes[i - 1] + steps[i]
    return np.array(slopes), steps[-1]


def reductions(x: Any) -> Any:
    values = x * NUMBERS
    squares = [v * v for v in values]
    largest = max(np.sin(3 * v) for v in values)
    dot = sum(a * b for a, b in zip(values, squares, strict=True))
    return largest, min(squares), dot, sum(values), max(values), sum(list(values)[3:9], 1.0)


def targets_and_conditions(x: Any) -> Any:
    values = x * NUMBERS
    pairs = [(k, v) for k, v in enumerate(values)]
    odd = [v * k for k, (i, v) in enumerate(pairs) if i % 2]
    table = [[v * j for j in range(3)] for v in values]
    products = [a * b for i, a in enumerate(values[:6]) for b in values[:i] if i != 3]
    return sum(odd), np.array(table), pairs[1], sum(products)


def what_is_known_stays_known(x: Any) -> Any:
    places = [2 * k for k in range(20)]
    names = {f"{k}": v for k, v in zip(places, x * NUMBERS, strict=False)}
    return np.zeros(places[1]) + names["8"], (x * NUMBERS)[places[3:5]]


def rows(x: Any) -> Any:
    table = x * np.outer(NUMBERS, [1.0, 2.0])
    norms = [np.sqrt(row @ row) for row in table]
    parts = [table[i] for i in range(len(table))]
    parts[2][:] = x
    return table, np.stack([row / norm for row, norm in zip(table, norms, strict=True)])


def membership(x: Any) -> Any:
    total = 0.0
    for k in np.floor(NUMBERS * abs(x)):
        if k in (0, 2):
            total += x
        if k not in [1.0, 2] and k in range(0, 4, 3):
            total += x * k
    return total, 3 in range(2)


FUNCTIONS = [
    differences, reductions, targets_and_conditions, what_is_known_stays_known, rows, membership
]  # fmt: skip


@pytest.mark.parametrize("backend", ["numpy", "numba"])
@pytest.mark.parametrize("function", FUNCTIONS)
def test_as_python_means_it(function: Any, backend: str) -> None:
    check_like_python(function, backend, (0.6, -1.3))


@pytest.mark.parametrize("function", [differences, reductions, membership])
def test_graphs_do_not_grow_with_the_lists(function: Any) -> None:
    assert node_count(irgrad.trace(function, 0.6).nodes) < 100


def test_views_that_a_loop_appends_are_views_or_refused() -> None:
    def appended(x: Any) -> Any:
        table, parts = x * np.outer(NUMBERS, [1.0, 2.0]), []
        for i in range(len(table)):
            parts.append(table[i])  # noqa: PERF401
        return table, parts

    def read(x: Any) -> Any:
        table, parts = appended(x)
        return np.array(parts) + table

    def written(x: Any) -> Any:
        table, parts = appended(x)
        parts[3][:] = 0.0
        return table

    def read_after_a_write(x: Any) -> Any:
        table, parts = appended(x)
        table[3] = 0.0
        return parts[3]

    np.testing.assert_array_equal(irgrad.compile(read)(0.6), read(0.6))
    for function in (written, read_after_a_write):
        with pytest.raises(TraceError, match=r"(?s)views of one array.*test_comp.*append copies"):
            irgrad.trace(function, 0.6)
