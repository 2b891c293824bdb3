"""Points in space: loops over pairs of them run along the points, not along their coordinates."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import irgrad

X = np.random.default_rng(0).standard_normal((17, 3))
W = np.random.default_rng(1).standard_normal((17, 17))


def distances(x: Any) -> Any:
    return np.sum((x[None, :, :] - x[:, None, :]) ** 2, axis=-1)


def forces(x: Any) -> Any:
    """Sums over every axis, with a mask, a number, and a matrix."""
    d = x[None, :, :] - x[:, None, :]
    near = np.where(np.abs(d) < 1.5, d, 1.5 * np.sign(d))
    f = near * (1.0 / (np.sum(d * d, axis=2) + 0.1) * W)[:, :, None] * 2.0
    return np.sum(f, axis=0) + np.sum(f, axis=1) * x + np.max(np.sum(f, axis=(1, 2)))


def moved(x: Any) -> Any:
    x = x.copy()
    for _ in range(20):
        d = x[None, :, :] - x[:, None, :]
        x += 0.001 * np.sum(d * np.exp(-np.sum(d * d, axis=2))[:, :, None], axis=1)
    return x


def projected(x: Any) -> Any:
    """Products over the coordinates, and over the points."""
    d = x[None, :, :] - np.tanh(x)[:, None, :]
    return np.einsum("abc,ac->b", d, x) @ np.einsum("abc,abc->a", d, np.sin(d))


def itself(x: Any) -> Any:
    """What is asked for is left as it is."""
    return np.cos(x[None, :, :] - x[:, None, :])


def of_other_ranks(x: Any) -> Any:
    """Pairs of pairs, a coordinate with a weight, and the largest difference."""
    y = x[:5]
    d = (x[None, None] - y[None, :, None]) * y[:, None, None] * np.array([1.0, 2.0, -1.0])
    return np.sum(d**3, axis=(0, 3)) + np.max(d, axis=(0, 1))[:, 0]


PROGRAMS = [distances, forces, moved, projected, itself, of_other_ranks]


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda f: f.__name__)
@pytest.mark.parametrize("columns", [2, 3])
def test_values_and_derivatives(program: Callable[..., Any], columns: int) -> None:
    x = X[:, :columns] if program is not of_other_ranks else X
    weights = np.random.default_rng(2).standard_normal(np.shape(program(x)))

    def loss(x: Any) -> Any:
        return np.sum(weights * program(x))

    np.testing.assert_allclose(irgrad.compile(program, "numba")(x), program(x), rtol=1e-11)
    v = np.cos(x)
    for make in (
        irgrad.grad(loss),
        lambda x: irgrad.jvp(program, (x,), (v,))[1],
        lambda x: irgrad.hvp(loss)(x, v),
    ):
        found, wanted = (irgrad.compile(make, backend)(x) for backend in ("numba", "numpy"))
        np.testing.assert_allclose(found, wanted, rtol=1e-10, atol=1e-10)


def test_loops_run_along_the_points() -> None:
    text = irgrad.compile(moved, "numba").kernels(X)
    assert text.count("loops over 3 x 17 x 17") == 2
    assert "loops over 17 x 17 x 3" not in text
    assert "loops over 17 x 17 x 3" in irgrad.compile(itself, "numba").kernels(X)
