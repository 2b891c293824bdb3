"""Parts of rows are written where they are, whatever else is read of their array."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import irgrad

A = np.random.default_rng(0).standard_normal((40, 48))


def implicit(A: Any) -> Any:
    """Each row from the one before, its ends left alone, and back again."""
    p, q = A.copy(), A.copy()
    for j in range(1, 40):
        p[j, 1:-1] = 0.5 / (2.0 + np.sin(p[j - 1, 1:-1]))
        q[j, 2:40:3] += p[j, 1:14] * q[j - 1, 2:40:3]
    for j in range(38, -1, -1):
        q[j, 1:-1] = p[j, 1:-1] * q[j + 1, :-2] + q[j, 2:]
    return p + q


def turned(A: Any) -> Any:
    """The row before the first one is the last; and two windows of one row."""
    B = A.copy()
    for j in range(40):
        B[j, 1:-1] = B[j - 1, 1:-1] * 0.5 + B[j, 1:-1]
        B[-j, ::2], B[-j, 1::2] = B[-j, 1::2].copy(), np.cos(B[-j, ::2])
    return B


def among_themselves(A: Any) -> Any:
    """A row is made of a number and of other places of its own."""
    B = A.copy()
    for j in range(40):
        B[j, 3:] = B[j, :-3] * B[j, 5] + B[j, 3:]
        B[39 - j, 4] = B[j, 7] * B[39 - j, 4]
    return B


@pytest.mark.parametrize("program", [implicit, turned, among_themselves], ids=lambda f: f.__name__)
def test_values_and_gradients(program: Callable[..., Any]) -> None:
    weights = np.random.default_rng(1).standard_normal(A.shape)
    both = irgrad.value_and_grad(lambda A: np.sum(weights * program(A)))
    value, slope = irgrad.compile(both, "numba")(A)
    np.testing.assert_allclose(value, np.sum(weights * program(A)), rtol=1e-12)
    wanted = irgrad.compile(both, "numpy")(A)[1]
    np.testing.assert_allclose(slope, wanted, rtol=1e-10, atol=1e-12)


def test_a_row_of_another_makes_no_copy() -> None:
    text = irgrad.compile(implicit, "numba").kernels(A).partition("for step in")[2]
    assert text.count("update_window, in place") == 3
    assert "gather, kept" not in text and "update_slice" not in text
    assert text.count("kept: the write reads other places of its array") == 1  # q[j, 2:]


def test_a_number_and_places_are_one_array() -> None:
    """The number everywhere, then what is added in places: no array of zeros in between."""

    def traced(A: Any) -> Any:
        return np.sum(A) * 2.0 + np.sum(np.tanh(A[np.arange(40), np.arange(40)]))

    gradient = irgrad.compile(irgrad.grad(traced), "numba")
    wanted = np.full(A.shape, 2.0)
    wanted[np.arange(40), np.arange(40)] += 1.0 - np.tanh(np.diag(A)) ** 2
    np.testing.assert_allclose(gradient(A), wanted, rtol=1e-14)
    assert gradient.kernels(A).count("loops over 40 x 48") == 1
