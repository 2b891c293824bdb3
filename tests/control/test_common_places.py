"""Loops whose steps have a column or row of an array each, and use places in it: all steps at
once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import irgrad
from irgrad.errors import IndexOutOfBounds

RNG = np.random.default_rng(0)
A, B = RNG.standard_normal((6, 6)) + 6.0 * np.eye(6), RNG.standard_normal((6, 5))


def triangular_product(A: Any, B: Any) -> Any:
    B = B.copy()
    for i in range(B.shape[0]):
        for j in range(B.shape[1]):
            B[i, j] += np.dot(A[i + 1 :, i], B[i + 1 :, j])
    return B


def substituted(A: Any, B: Any) -> Any:
    """A X = B for a triangle, number by number."""
    X = np.zeros_like(B)
    for i in range(B.shape[0]):
        for j in range(B.shape[1]):
            X[i, j] = (B[i, j] - A[i, :i] @ X[:i, j]) / A[i, i]
    return X


def along_rows(A: Any, B: Any) -> Any:
    """The row is the step's own, from the last one."""
    C = A.copy()
    for k in range(1, A.shape[1]):
        for i in range(A.shape[0] - 1, -1, -1):
            C[i, k] = C[i, k] * np.sum(C[i]) + C[i, k - 1]
    return C @ B


def smoothed(A: Any, B: Any) -> Any:
    """In three dimensions, places on both sides of the common axis."""
    C = np.stack([A, 2.0 * A, A**2], axis=2)
    for t in range(3):
        for j in range(A.shape[1]):
            C[t, j, 0] += np.tanh(C[2 * t, j, 1])
            C[-1, j] = np.sin(C[t, j] + C[1, j, ::-1])
    return np.einsum("ijk,il->jkl", C, B)


PROGRAMS = [triangular_product, substituted, along_rows, smoothed]


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda f: f.__name__)
def test_values_and_derivatives(program: Callable[..., Any]) -> None:
    weights = RNG.standard_normal(program(A, B).shape)
    along = RNG.standard_normal(A.shape)

    def total(A: Any, B: Any) -> Any:
        return np.sum(weights * program(A, B) ** 2) / 10

    def gradient(A: Any, B: Any) -> Any:
        return irgrad.compile(irgrad.grad(total, (0, 1)), "numpy")(A, B)

    near = 1e-5 * along
    slope = (total(A + near, B) - total(A - near, B)) / 2e-5
    turn = (gradient(A + near, B)[0] - gradient(A - near, B)[0]) / 2e-5
    np.testing.assert_allclose(np.sum(gradient(A, B)[0] * along), slope, rtol=1e-6)
    for backend in ("numpy", "numba"):
        for unroll in (0, 100):
            run = irgrad.compile(program, backend, unroll=unroll)
            np.testing.assert_allclose(run(A, B), program(A, B), rtol=1e-12)
            found = irgrad.compile(irgrad.grad(total, (0, 1)), backend, unroll=unroll)(A, B)
            for one, other in zip(found, gradient(A, B), strict=True):
                np.testing.assert_allclose(one, other, rtol=1e-10, atol=1e-10)
        with irgrad.use_backend(backend):
            np.testing.assert_allclose(
                irgrad.jvp(lambda A: total(A, B), (A,), (along,))[1], slope, rtol=1e-6
            )
            hvp = irgrad.compile(irgrad.hvp(total), unroll=0)(A, B, along)
            np.testing.assert_allclose(hvp, turn, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda f: f.__name__)
def test_one_loop_is_left(program: Callable[..., Any]) -> None:
    dump = irgrad.compile(program, unroll=0).dump(A, B)
    assert dump.count("= loop(") == 1


@pytest.mark.parametrize("backend", ["numpy", "numba"])
def test_an_index_outside_is_told_as_the_user_wrote_it(backend: str) -> None:
    def program(B: Any, k: Any) -> Any:
        B = B.copy()
        for i in range(B.shape[0]):
            B[i, 0] += np.sum(B[i]) * B[i, k]
        return B

    run = irgrad.compile(program, backend, unroll=0)
    np.testing.assert_allclose(run(B, 2), program(B, 2), rtol=1e-12)
    with pytest.raises(IndexOutOfBounds, match=r"index 7 .*axis 1 .*size 5"):
        run(B, np.int64(7))


def test_other_steps_places_keep_the_loop() -> None:
    def recurrence(B: Any) -> Any:
        B = B.copy()
        for j in range(1, B.shape[1]):
            B[2, j] += np.sum(B[:, j]) * B[2, j - 1] + B[2, 0]
        return B

    run = irgrad.compile(recurrence, unroll=0)
    np.testing.assert_allclose(run(B), recurrence(B), rtol=1e-12)
    assert "= loop(" in run.dump(B)
