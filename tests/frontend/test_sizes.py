"""NumPy integers as arguments that decide sizes: numbers of the program, as Python ints are."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import irgrad
from irgrad.errors import IRTextError, UnsupportedError

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


SHAPES: dict[str, Any] = {
    "zeros": lambda n, x: np.zeros(n),
    "ones": lambda n, x: np.ones((2, n)),
    "empty": lambda n, x: np.empty((n,)),
    "ndarray": lambda n, x: np.ndarray((n,)),
    "full": lambda n, x: np.full(n, 2.0),
    "full_traced": lambda n, x: np.full(n, x[0]),
    "eye": lambda n, x: np.eye(n),
    "identity": lambda n, x: np.identity(n),
    "tri": lambda n, x: np.tri(n),
    "arange": lambda n, x: np.arange(n),
    "linspace": lambda n, x: np.linspace(0, 1, n),
    "linspace_traced": lambda n, x: np.linspace(0, x[0], n),
    "zeros_like": lambda n, x: np.zeros_like(x, shape=n),
    "ones_like": lambda n, x: np.ones_like(np.ones(3), shape=(n,)),
    "full_like": lambda n, x: np.full_like(x, 2.0, shape=(n, 2)),
    "broadcast_to": lambda n, x: np.broadcast_to(x[0], n),
    "broadcast_rows": lambda n, x: np.broadcast_to(x, (n, len(x))),
    "tile": lambda n, x: np.tile(x, n),
    "resize": lambda n, x: np.resize(x, n),
    "vander": lambda n, x: np.vander(x, n),
    "repeat": lambda n, x: np.repeat(x, int(n)) if type(n) is int else np.tile(x, n),
}


@pytest.mark.parametrize("n", [3, 0, -3])
@pytest.mark.parametrize("name", SHAPES)
def test_sizes_of_every_sign_do_as_numpys(name: str, n: int) -> None:
    function, x = SHAPES[name], X[:3]
    for size in (n, np.int64(n)):
        compiled = irgrad.compile(lambda n, x: np.sum(function(n, x)))
        if name in ("empty", "ndarray") and n > 0:
            continue  # any numbers
        try:
            wanted = np.sum(function(size, x))
        except ValueError:
            with pytest.raises(ValueError, match=r"."):
                compiled(size, x)
        else:
            np.testing.assert_allclose(compiled(size, x), wanted)


@pytest.mark.parametrize("backend", ["numpy", "numba"])
def test_negative_sizes_in_loops(backend: str) -> None:
    def added(x: Any, low: int) -> Any:
        total = 0.0
        for i in range(20):
            if i >= low:
                row = np.zeros(i - 3)
                row[:] = x
                total += np.sum(row)
        return total

    ours = irgrad.compile(added, backend=backend)
    assert ours(1.5, 3) == added(1.5, 3)
    with pytest.raises(ValueError, match="negative dimensions are not allowed"):
        ours(1.5, 2)
    assert irgrad.grad(added)(1.5, 3) == added(1.0, 3)


def test_negative_extents_in_text_are_refused() -> None:
    for line in ("broadcast_to(%x) {shape=(-3,)}", "reshape(%x) {shape=(-1,)}"):
        with pytest.raises(IRTextError):
            irgrad.parse(
                f"graph @f(%x: f64[]) -> (out: f64[3]) {{\n%y: f64[3] = {line}\nreturn out=%y\n}}"
            )
