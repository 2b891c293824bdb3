"""What adjoints of loops keep of arrays that steps overwrite: what stood there, not all of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import irgrad
from irgrad.errors import IndexOutOfBounds

X = np.random.default_rng(0).uniform(0.5, 1.5, (6, 5))


def element(x: Any) -> Any:
    for i in range(5):
        x[i, 1] = np.mean(np.cos(x)) * x[-1 - i, 2]
    return x


def rows_by_turns(x: Any) -> Any:
    for i in range(6):
        for j in range(i):
            x[i, j % 5] -= x[i, :] @ x[j, :] * 0.1
        x[i, 4] = np.sqrt(1.5 + np.mean(np.cos(x)))
    return x


def window(x: Any) -> Any:
    for i in range(4):
        x[2:4, 1:3] = np.sin(x[i : i + 1, 1:3] * np.mean(np.cos(x)))
    return x


def two_places(x: Any) -> Any:
    for i in range(4):
        x[i] = np.cos(x[i + 1] * np.mean(np.cos(x)))
        x[-i - 1, i] *= x[i, 0] * np.mean(np.cos(x[i]))
    return x


def overlapping(x: Any) -> Any:
    for i in range(3):
        x[i] = x[i] * np.mean(np.cos(x))
        x[i, 2] = x[i, 1] ** 2
        x[0, 2] *= np.mean(np.cos(x))
    return x


def under_a_condition(x: Any) -> Any:
    for i in range(6):
        if x[i, 0] > 1.0:
            x[i, 1] = np.mean(np.cos(x)) * x[i, 2]
        else:
            x[i] = np.exp(-x[i] * x[0, 0])
    return 0.1 * x


def never_outside(x: Any) -> Any:
    """The inner loop has no step where its row is not there."""
    for i in range(8):
        for j in range(max(0, 2 - i)):
            x[i, j] = np.mean(np.cos(x)) * x[i, j]
    return x


def picked_by_numbers(x: Any) -> Any:
    at, k = np.array([3, 0, 3, 1]), 0
    for i in range(4):
        k = (k + at[i]) % 5
        x[at[i], k] = np.mean(np.cos(x)) * x[k, 1]
    return x


def while_it_lasts(x: Any) -> Any:
    i = 0
    while x[i, 0] < 20.0 and i < 5:
        x[i, 1] = np.mean(np.cos(x)) * x[i, 3]
        i += 1
    return x


PROGRAMS = (
    element, rows_by_turns, window, two_places, overlapping, under_a_condition, never_outside,
    picked_by_numbers, while_it_lasts,
)  # fmt: skip


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda f: f.__name__)
def test_what_a_step_overwrites_is_put_back(program: Callable[[Any], Any]) -> None:
    def total(x: Any) -> Any:
        return np.sum(np.sin(program(x.copy())) * np.cos(np.arange(30.0).reshape(6, 5)))

    for backend in irgrad.backends():
        run = irgrad.compile(irgrad.value_and_grad(total), backend, unroll=0)
        for x in (X, X + 0.01):
            value, found = run(x)
            np.testing.assert_allclose(value, total(x), rtol=1e-12)
            along = np.random.default_rng(1).standard_normal(x.shape)
            slope = (total(x + 1e-6 * along) - total(x - 1e-6 * along)) / 2e-6
            np.testing.assert_allclose(np.sum(found * along), slope, rtol=1e-5, atol=1e-7)
        assert ".old" in run.dump(X)


def test_second_derivatives_through_what_is_put_back() -> None:
    def recurrence(x: Any) -> Any:
        x = x.copy()
        for i in range(1, 4):
            x[i] = np.mean(np.cos(x)) * np.sin(x[i - 1])
        return np.sum(x)

    irgrad.check_grads(recurrence, (X[0],), 2)


def test_an_index_outside_names_the_write() -> None:
    def outside(x: Any, k: Any) -> Any:
        x = x.copy()
        for i in range(4):
            x[k + i, 1] = np.mean(np.cos(x))
        return np.sum(x)

    with pytest.raises(IndexOutOfBounds, match=r"x\[k \+ i, 1\] = "):
        irgrad.compile(irgrad.grad(outside), unroll=0)(X, 4)
