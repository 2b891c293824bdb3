"""NumPy integers as arguments that decide sizes: numbers of the program, as Python ints are."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import irgrad
from irgrad.errors import UnsupportedError

X = np.arange(1.0, 10.0)


def zeros(x: Any, n: Any) -> Any:
    y = np.zeros(n)
    for i in range(n):
        y[i] = x[i] ** 2
    return y


def reshaped(x: Any, n: Any) -> Any:
    return np.eye(n) @ np.reshape(x, (n, n))


def line(x: Any, n: Any) -> Any:
    return np.linspace(0, 1, n) * x[:n] + np.arange(n)


def inside(x: Any, n: Any) -> Any:
    total = x[0] * 0.0
    for i in range(40):
        y = np.ones(n)
        y[i % n] = x[i % n]
        total = total + np.sum(y)
    return total


def computed(x: Any, n: Any) -> Any:
    return np.full((n - 1) // 2 + 1, x[0]) * x[: (n - 1) // 2 + 1]


@pytest.mark.parametrize("backend", ["numpy", "numba"])
@pytest.mark.parametrize("kind", [int, np.int64, np.int32, np.uint8, np.array])
@pytest.mark.parametrize("function", [zeros, reshaped, line, inside, computed])
def test_sizes(function: Any, kind: Any, backend: str) -> None:
    ours = irgrad.compile(function, backend=backend)
    slope = irgrad.compile(irgrad.grad(lambda x, n: np.sum(function(x, n) ** 2)), backend=backend)
    for n in (3, 3, 2):
        x = X[: n * n]
        result = ours(x, kind(n))
        np.testing.assert_allclose(result, function(x, n), rtol=1e-12)
        if function is zeros:
            wanted = np.where(np.arange(x.size) < n, 4 * x**3, 0.0)
            np.testing.assert_allclose(slope(x, kind(n)), wanted, rtol=1e-12)


def test_without_numbers_at_hand_the_error_says_what_to_pass() -> None:
    with pytest.raises(UnsupportedError, match="pass a Python int"):
        irgrad.vmap(zeros)(np.ones((2, 4)), np.array([2, 3]))
