"""Loops keep the masks that the derivatives of `minimum`, `where` and the like decide by, not the
numbers that these compare."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import irgrad

X = np.random.default_rng(0).uniform(1.0, 9.0, (6, 6))


def shortest(path: Any) -> Any:
    path = path.copy()
    for k in range(len(path)):
        path[:] = np.minimum(path, np.add.outer(path[:, k], path[k, :]))
    return path


def rectified(x: Any) -> Any:
    """Networks of rectifiers, of one weight."""
    for k in range(30):
        x = np.maximum(0.9 * x[::-1] - 0.1 * k, 0.1 * x.T)
        x = np.where(x > 3.0, 3.0 + 0.5 * (x - 3.0), x)
    return x


def until_small(x: Any) -> Any:
    while np.sum(x) > 40.0:
        x = np.where(np.abs(x - 4.0) < 2.0, 0.8 * x, np.clip(0.9 * x, 0.5, 6.0))
    return x


def under_a_condition(x: Any) -> Any:
    for k in range(30):
        if x[k % 6, 0] > 2.0:
            x = 0.95 * np.maximum(x, x.T)
        else:
            x = np.minimum(x + 0.1, 1.05 * x[:, ::-1])
    return x


PROGRAMS = [shortest, rectified, until_small, under_a_condition]


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda f: f.__name__)
def test_values_and_derivatives(program: Callable[..., Any]) -> None:
    weights, along = np.random.default_rng(1).standard_normal((2, *X.shape))

    def total(x: Any) -> Any:
        return np.sum(weights * program(x) ** 2)

    near = 1e-6 * along
    slope = (total(X + near) - total(X - near)) / 2e-6
    for backend in ("numpy", "numba"):
        with irgrad.use_backend(backend):
            gradient = irgrad.compile(irgrad.grad(total))
            np.testing.assert_allclose(np.sum(gradient(X) * along), slope, rtol=1e-6)
            np.testing.assert_allclose(irgrad.jvp(total, (X,), (along,))[1], slope, rtol=1e-6)
            second = (gradient(X + near) - gradient(X - near)) / 2e-6
            hvp = irgrad.compile(irgrad.hvp(total))(X, along)
            np.testing.assert_allclose(hvp, second, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("program", [shortest, rectified, until_small], ids=lambda f: f.__name__)
def test_masks_are_what_is_kept(program: Callable[..., Any]) -> None:
    dump = irgrad.compile(irgrad.grad(lambda x: np.sum(program(x))), unroll=0).dump(X)
    tapes = re.findall(r"%\S+\.tape\S*: (\w+\[[\d,?]*\])", dump)
    assert tapes
    assert all(tape.startswith("bool") for tape in tapes), tapes


def test_numbers_that_are_kept_anyway_are_compared_again() -> None:
    def squares(x: Any) -> Any:
        for _ in range(30):
            x = np.maximum(x, 2.0) ** 2 / 9.0
        return np.sum(x)

    dump = irgrad.compile(irgrad.grad(squares)).dump(X)
    assert set(re.findall(r"\.tape\S*: (\w+)\[", dump)) == {"f64"}
