"""Loops that store along one axis what they load along another turn tiles in registers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import irgrad


@pytest.mark.parametrize("shape", [(8, 8), (9, 23), (40, 17), (16, 7), (7, 40), (130, 65)])
@pytest.mark.parametrize("dtype", ["f8", "f4", "i8", "i4", "i2", "?", "c16"])
def test_transposes(shape: tuple[int, int], dtype: str) -> None:
    x = (np.random.default_rng(0).standard_normal(shape) * 5).astype(dtype)

    def turned(x: Any) -> Any:
        return x.T.copy()

    np.testing.assert_array_equal(irgrad.compile(turned, "numba")(x), x.T)


@pytest.mark.parametrize("turn", [(2, 0, 1), (1, 2, 0), (2, 1, 0), (0, 2, 1), (1, 0, 2)])
@pytest.mark.parametrize("shape", [(9, 10, 11), (20, 1, 9), (3, 40, 24), (70, 60, 11)])
def test_with_arithmetic_between(turn: tuple[int, int, int], shape: tuple[int, int, int]) -> None:
    """Several turned operands, some broadcast, reversed or with steps."""
    x, y = np.random.default_rng(0).standard_normal((2, *shape))
    small = [tuple(shape[a] for a in turn)[-1]]
    row = np.random.default_rng(1).standard_normal(small)

    def program(x: Any, y: Any, row: Any) -> tuple[Any, Any, Any]:
        a, b = np.transpose(x, turn), np.transpose(y[::-1], turn)
        return a * row + b, np.sin(a)[..., ::-1] - 2.0, (a + b[:, :, :1])[:, ::2]

    run = irgrad.compile(program, "numba")
    for found, wanted in zip(run(x, y, row), program(x, y, row), strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-14, atol=1e-14)


def test_columns_of_a_sweep_and_its_derivatives() -> None:
    """Both ways through a matrix in each of some steps."""

    def program(x: Any) -> Any:
        x = x.copy()
        for _ in range(3):
            for j in range(1, x.shape[1]):
                x[:, j] = 0.5 * x[:, j - 1] + np.sin(x[:, j])
            for i in range(x.shape[0] - 2, -1, -1):
                x[i] = 0.5 * x[i + 1] * x[i]
        return np.sum(x**2)

    x, v = np.random.default_rng(0).standard_normal((2, 33, 41))
    for make in (
        irgrad.grad(program),
        lambda x: irgrad.jvp(program, (x,), (v,))[1],
        lambda x: irgrad.hvp(program)(x, v),
    ):
        first, second = (irgrad.compile(make, b, unroll=0)(x) for b in ("numba", "numpy"))
        np.testing.assert_allclose(first, second, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("threads", ["1", "2"])
def test_large_matrices(threads: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IRGRAD_NUM_THREADS", threads)
    x = np.random.default_rng(0).standard_normal((509, 1003))
    found = irgrad.compile(lambda x: (x.T + 1.0, x.T[:, 5:] * x.T[:, :-5]), "numba")(x)
    np.testing.assert_array_equal(found[0], x.T + 1.0)
    np.testing.assert_array_equal(found[1], x.T[:, 5:] * x.T[:, :-5])


@pytest.mark.parametrize("dtype", ["f8", "f4", "i4"])
def test_columns_are_written_element_by_element(dtype: str) -> None:
    """Little work, much work, places that repeat and places outside of a triangle."""

    def program(A: Any, x: Any) -> Any:
        A = A.copy()
        for j in range(A.shape[1]):
            A[:, j] = A[:, j] + x
            A[:j, j] -= x[:j] * x[j]
            A[j:, j] = np.minimum(A[j:, j], 3) * (x[j:] - A[j, 0]) + A[0, j] * x[j:]
            A[::2, j] *= 2
        return A

    rng = np.random.default_rng(0)
    A, x = ((3 * rng.standard_normal(s)).astype(dtype) for s in ((21, 21), 21))
    found = irgrad.compile(program, "numba", unroll=0)(A, x)
    np.testing.assert_allclose(found, program(A, x), rtol=1e-4 if dtype == "f4" else 1e-12)
