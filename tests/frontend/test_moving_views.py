"""Variables that name one row or column of an array after another: loops carry the place, branches
choose it, and what is written through the name is in the array, as in Python."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import irgrad
from irgrad.ir.graph import node_count
from tests.frontend.against_python import check_like_python

WEIGHTS = np.cos(np.arange(80.0)).reshape(20, 4)


def row_before_it(x: Any) -> Any:
    table = x * WEIGHTS
    before = table[0]
    for i in range(1, 20):
        here = table[i]
        here += 0.5 * before
        before = here
    before *= 2.0
    return table, before


def columns_and_parts(x: Any) -> Any:
    table = (x * WEIGHTS).T
    column, part = table[:, 0], table[0, 1:3]
    for j in range(1, 20):
        column = table[:, j]
        column -= x * column.sum()
        part = table[j % 4, 1:3]
    column[0] = x
    return table, part


def chosen_row(x: Any) -> Any:
    table = x * WEIGHTS
    for i in range(20):
        row = table[0]
        if table[i, 1] > 0.2:
            row = table[i]
            if x > 1:
                row = table[i - 1]
        row += 0.1
        row[1:] *= 0.9
    return table


def chosen_array(x: Any) -> Any:
    table, spare = x * WEIGHTS, np.zeros(4)
    for i in range(20):
        row = spare
        if table[i, 1] > 0.2:
            row = table[i]
        row += x
    return table, spare


def best_row(x: Any) -> Any:
    table = x * WEIGHTS
    best, row = -10.0, table[0]
    for i, each in enumerate(table):
        score = np.sin(each) @ WEIGHTS[3]
        if score > best:
            best, row = score, table[i]
    row *= 2
    return best, row, table


def accepted_steps(x: Any) -> Any:
    start = x * WEIGHTS[0]
    state, time, step = start, 0.0, 0.4
    while time < 1.0:
        tried = state + step * np.sin(state)
        if np.abs(tried - state).max() < 0.2:
            state = tried
            time += step
        else:
            step *= 0.5
    return state, start


def place_known_to_a_branch(x: Any) -> Any:
    table, row = x * WEIGHTS, np.zeros(3)
    if x > 0.2:
        k = 2 if table[1, 1] > x else 3
        row = table[k, 1:] if table[0, 0] > 9 else table[k + 1, :3]
    table *= 2
    row[1:] += x
    return table, row


FUNCTIONS = (
    row_before_it, columns_and_parts, chosen_row, chosen_array, best_row,
    accepted_steps, place_known_to_a_branch,
)  # fmt: skip


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda f: f.__name__)
def test_as_python_means_it(function: Any) -> None:
    check_like_python(function, "numpy", (0.6, 1.7))
    assert node_count(irgrad.trace(function, 0.6).nodes) < 100


def test_in_machine_code() -> None:
    def every(x: Any) -> Any:
        return *row_before_it(x), *chosen_array(x), *best_row(x)

    compiled = irgrad.compile(every, backend="numba")
    for one, other in zip(compiled(0.6), every(0.6), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12)


def test_names_that_may_be_exchanged_many_times() -> None:
    def exchanged(x: Any) -> Any:
        one, other = np.array([x, 0.5]), np.array([0.1, x])
        for k in range(16):
            if np.sin(k * x) > one[0]:
                one, other = other, one
            x = 0.9 * x + 0.1 * other[k % 2]
        return one, other, x

    made = irgrad.trace(exchanged, 0.6)
    assert node_count(made.nodes) < 2_000
    for one, other in zip(irgrad.compile(made)(0.6), exchanged(0.6), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12)
