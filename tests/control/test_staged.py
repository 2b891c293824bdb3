"""Arrays to which each step writes at several places of its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import irgrad

X = np.random.default_rng(0).uniform(0.5, 1.5, (6, 6))


def row_and_column(x: Any) -> Any:
    k = x.copy()
    for i in range(6):
        v = x[i] @ x[:, i:]
        k[i, i:] = v
        k[i:, i] = v * 2.0
    return k


def copied_over(x: Any) -> Any:
    k = np.ones((6, 6))
    for i in range(6):
        k[i:, i] = x[:, i] @ x[:, i:] / x[i, i]
        k[i, i:] = k[i:, i]
    return k


def number_by_number(x: Any) -> Any:
    k = np.empty((6, 6))
    for i in range(6):
        for j in range(i + 1):
            k[i, j] = x[i] @ x[j]
            k[j, i] = k[i, j]
    return k


def three_places(x: Any) -> Any:
    k = np.zeros((3, 6))
    for i in range(6):
        k[0, i] = x[i, 0]
        k[1, i] = k[0, i] * x[i, 1]
        k[2, i] = k[1, i] * x[i, 2]
    return k


def written_by_the_next_step(x: Any) -> Any:
    k = x.copy()
    for i in range(5):
        k[i, i:] = x[i] @ x[:, i:]
        k[i:, i + 1] = x[i:, i] * 2.0
    return k


def read_as_it_was(x: Any) -> Any:
    k = x.copy()
    for i in range(6):
        k[i, i:] = x[i, i:] + 0.1 * k[i, 0]
        k[i:, i] = 2.0 * k[i, i:]
    return k


def rows_over_columns(x: Any) -> Any:
    k = x.copy()
    for i in range(6):
        k[:, i] = x[i]
        k[i] = 2.0 * x[:, i]
    return k


PROGRAMS: dict[Callable[[Any], Any], int] = {
    row_and_column: 0, copied_over: 0, number_by_number: 0, three_places: 0,
    written_by_the_next_step: 1, read_as_it_was: 1, rows_over_columns: 1,
}  # fmt: skip
"""And how many loops stay."""


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda f: f.__name__)
def test_values_and_derivatives(program: Callable[[Any], Any]) -> None:
    def f(x: Any) -> Any:
        made = program(x)
        return np.sum(np.sin(made) * np.cos(np.arange(float(made.size)).reshape(made.shape)))

    assert irgrad.compile(f, unroll=0).dump(X).count("= loop(") == PROGRAMS[program]
    value, wanted = irgrad.compile(irgrad.value_and_grad(f), "numpy", unroll=100)(X)
    np.testing.assert_allclose(value, f(X), rtol=1e-12)
    for backend in irgrad.backends():
        found = irgrad.compile(irgrad.value_and_grad(f), backend, unroll=0)(X)
        np.testing.assert_allclose(found[0], value, rtol=1e-12)
        np.testing.assert_allclose(found[1], wanted, rtol=1e-10, atol=1e-12)
