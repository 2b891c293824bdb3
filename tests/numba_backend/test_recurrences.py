"""Elements that a step of a loop leaves to the next ones, and rows to which a step adds several
times: in registers, and once, with what plain Python computes."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest

import irgrad
from irgrad.errors import IndexOutOfBounds

X = np.random.default_rng(0).standard_normal(40)
A = np.random.default_rng(1).standard_normal((12, 50))


def first_order(x: Any) -> Any:
    x = x.copy()
    for i in range(1, 40):
        x[i] = np.sin(x[i] + x[i - 1]) * x[i - 1]
    return x


def backwards(x: Any) -> Any:
    x = x.copy()
    for i in range(38, -1, -1):
        x[i] -= 0.3 * x[i + 1] * x[i]
    return x


def second_order(x: Any) -> Any:
    """A filter: the last two results, and the one before them."""
    x = x.copy()
    for i in range(3, 40):
        x[i] += 0.5 * x[i - 1] - 0.25 * np.tanh(x[i - 2]) + 0.1 * x[i - 3]
    return x


def two_steps_back(x: Any) -> Any:
    """Even and odd places have nothing to do with each other."""
    x = x.copy()
    for i in range(2, 40):
        x[i] *= x[i - 2] + 0.5
    return x


def twice(x: Any) -> Any:
    """Two writes a step: the place before is written to once more, and read in between."""
    x = x.copy()
    for i in range(1, 39):
        x[i + 1] += 0.5 * x[i]
        x[i] = np.cos(x[i]) + x[i - 1]
        x[i - 1] = 0.5 * x[i] * x[i - 1]
    return x


def from_the_end(x: Any) -> Any:
    """The place before the first is the last one, which is overwritten at the end."""
    x = x.copy()
    for i in range(40):
        x[i] = 0.5 * x[i - 1] * x[i] + x[(i + 1) - 40]
    return x


def at_two_places(x: Any) -> Any:
    """Every step writes into a place that others read in their turn."""
    x = x.copy()
    for i in range(1, 39):
        x[i] += 0.5 * x[i - 1]
        x[7] = x[i] * x[8]
    return x


def every_third(x: Any) -> Any:
    x = x.copy()
    for i in range(12):
        x[3 * i + 3] += x[3 * i] * 0.5
    return x


def two_arrays(x: Any) -> Any:
    p, q = x.copy(), 0.5 * x
    for i in range(1, 40):
        p[i] = 0.5 / (2.0 + p[i - 1] ** 2)
        q[i] = p[i] * q[i - 1] + p[i - 1]
    for i in range(38, -1, -1):
        q[i] = q[i] - p[i] * q[i + 1]
    return p + q


def in_rows(x: Any) -> Any:
    """Gauss and Seidel: along rows, from the rows beside."""
    B = np.outer(x[:12], x[5:25])
    for i in range(1, 11):
        B[i, 1:-1] += B[i - 1, :-2] + B[i - 1, 2:] + B[i + 1, 1:-1] * B[i + 1, 2:] + B[i + 1, :-2]
        for j in range(1, 19):
            B[i, j] = (B[i, j] + B[i, j - 1]) / 3.0
    return B


def down_columns(x: Any) -> Any:
    B = np.outer(x[:12], x[5:25])
    for j in range(20):
        for i in range(1, 12):
            B[i, j] += B[i - 1, j] * B[i - 1, (j + 3) % 20]
    return B


PROGRAMS = [
    first_order, backwards, second_order, two_steps_back, twice, from_the_end, at_two_places,
    every_third, two_arrays, in_rows, down_columns,
]  # fmt: skip


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda f: f.__name__)
@pytest.mark.parametrize(("dtype", "far"), [(np.float64, 1e-11), (np.float32, 2e-3)])
def test_values_and_derivatives(program: Callable[..., Any], dtype: Any, far: float) -> None:
    x = X.astype(dtype)
    weights = np.random.default_rng(2).standard_normal(program(x).shape).astype(dtype)
    close = partial(np.testing.assert_allclose, rtol=far, atol=far)

    def loss(x: Any) -> Any:
        return np.sum(weights * program(x))

    value, slope = irgrad.compile(irgrad.value_and_grad(loss), "numba")(x)
    close(value, loss(x))
    close(irgrad.compile(program, "numba")(x), program(x))
    close(slope, irgrad.compile(irgrad.grad(loss), "numpy")(x))
    if dtype == np.float64:
        second = irgrad.hvp(loss)
        wanted = irgrad.compile(second, "numpy")(x, X)
        close(irgrad.compile(second, "numba")(x, X), wanted)


@pytest.mark.parametrize(
    ("program", "registers"),
    [(first_order, 1), (second_order, 3), (two_steps_back, 2), (at_two_places, 0), (two_arrays, 3)],
    ids=lambda f: getattr(f, "__name__", str(f)),
)
def test_registers(program: Callable[..., Any], registers: int) -> None:
    text = irgrad.compile(program, "numba").kernels(X)
    heads = [line for line in text.splitlines() if "machine code" in line]
    assert sum(line.partition("=")[0].count("%last.") for line in heads) == registers


def test_a_place_outside_is_an_error_of_its_line() -> None:
    def outside(x: Any) -> Any:
        x = x.copy()
        for i in range(40):
            x[i] += x[i - 41]
        return x

    for backend in ("numpy", "numba"):
        with pytest.raises(IndexOutOfBounds, match=r"x\[i\] \+= x\[i - 41\]"):
            irgrad.compile(outside, backend)(X)


def test_a_row_is_added_to_once() -> None:
    def loss(A: Any) -> Any:
        B = A.copy()
        for i in range(1, 11):
            B[i, 1:-1] = np.sin(B[i - 1, :-2] + B[i - 1, 1:-1] + B[i - 1, 2:] + B[i + 1, 1:-1])
            B[i, 3] += B[i, 5] * B[i, 7]
        return np.sum(B)

    slope = irgrad.grad(loss)
    text = irgrad.compile(slope, "numba").kernels(A).partition("reversed")[2]
    assert text.count("add_at, in place") + text.count("add_window, in place") <= 5
    wanted = irgrad.compile(slope, "numpy")(A)
    np.testing.assert_allclose(irgrad.compile(slope, "numba")(A), wanted, rtol=1e-12)
