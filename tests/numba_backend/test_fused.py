"""Kernels in loops that run as one loop, point by point, do what they do one after the other."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import irgrad

ROWS, COLUMNS = 9, 37


def steps(A: Any, moves: Any, n: int) -> Any:
    """Writes into rows and parts of rows, of what was written before, at near and far places."""
    A, B = A.copy(), np.cos(A)
    for k in range(1, n - 1):
        for move in moves:
            if move == 0:
                A[k, 1:-1] = B[k - 1, 1:-1] * A[k, 1:-1] + 0.5
            elif move == 1:
                B[k + 1] = np.sin(A[k]) + B[k]
            elif move == 2:
                A[k, :-1] = A[k, :-1] + 0.25 * B[k - 1, 1:]
            elif move == 3:
                B[k, 2:] = B[k, 2:] * A[k - 1, :-2]
            elif move == 4:
                A[k - 1] = 0.5 * A[k - 1] - B[k + 1]
            elif move == 5:
                B[k] = B[k] / (2.0 + A[k] * A[k]) + A[k, 3]
            else:
                A[n - k, ::2] = B[k, ::2] - A[k, ::2]
    return A * B


def tripled(A: Any) -> Any:
    """An integer and a truth value are carried beside."""
    A, last, count = A.copy(), np.zeros(COLUMNS), np.zeros(COLUMNS, dtype=np.int64)
    above = np.zeros(COLUMNS, dtype=bool)
    for k in range(ROWS):
        count[:] = count + above
        last[:] = np.where(above, A[k], last)
        above[:] = A[k] > last
        A[k] = 0.5 * last + count
    return A


def checked(program: Any, *arguments: Any) -> None:
    weights = np.random.default_rng(1).standard_normal((ROWS, COLUMNS))
    both = irgrad.value_and_grad(lambda A: np.sum(weights * program(A, *arguments)))
    A = np.random.default_rng(2).standard_normal((ROWS, COLUMNS))
    value, slope = irgrad.compile(both, "numba")(A)
    wanted, gradient = irgrad.compile(both, "numpy")(A)
    np.testing.assert_allclose(value, wanted, rtol=1e-11)
    np.testing.assert_allclose(slope, gradient, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("seed", range(8))
def test_random_steps(seed: int) -> None:
    moves = tuple(np.random.default_rng(seed).integers(0, 7, 5).tolist())
    checked(steps, moves, ROWS)


def test_other_types() -> None:
    checked(tripled)


def test_threads_share_what_is_fused() -> None:
    """No chunk of a loop overwrites what others are yet to read in the loop before."""

    def program(A: Any) -> Any:
        A, B, C = A.copy(), np.cos(A), np.sin(A)
        for _ in range(7):
            A[1:-1] = 0.25 * A[1:-1] + 0.5 * B[1:-1]
            C[1:-1] = np.sin(A[2:]) * B[1:-1]
            A[1:-1] = A[1:-1] - 0.25 * C[1:-1]
            B[1:-1] = 0.5 * B[1:-1] + np.cos(A[1:-1])
        return A * B + C

    A = np.linspace(-1.0, 1.0, 40_000)
    both = irgrad.value_and_grad(lambda A: np.sum(program(A)))
    for found, wanted in zip(
        irgrad.compile(both, "numba")(A), irgrad.compile(both, "numpy")(A), strict=True
    ):
        np.testing.assert_allclose(found, wanted, rtol=1e-10)
