"""What is not written to memory: what its own kernel alone reads, and what is next to nothing of
another array."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

import irgrad

DATA = np.random.default_rng(0).standard_normal((30, 20))


def covariance(data: Any) -> Any:
    """A product with a column, of which a symmetric matrix is made, at each step."""
    n, m = data.shape
    cov = np.zeros((m, m))
    for i in range(m):
        cov[i:m, i] = data[:, i] @ data[:, i:m] / n
        cov[i, i:m] = cov[i:m, i]
    return np.sum(cov**2)


def limited(x: Any) -> Any:
    """Differences of a Laplacian, whose adjoint is read at five places."""
    lap = 4.0 * x[1:-1, 1:-1] - (x[2:, 1:-1] + x[:-2, 1:-1] + x[1:-1, 2:] + x[1:-1, :-2])
    d, e = lap[1:] - lap[:-1], lap[:, 1:] - lap[:, :-1]
    return np.sum(np.where(d > 0, d, 0.5) ** 2) + np.sum(np.where(e > 0, e, 0.1) ** 2)


def diffused(x: Any) -> Any:
    """Fluxes, which are little of a Laplacian that lies in memory, needed at two places."""
    lap = 4.0 * x[1:-1, 1:-1] - (x[2:, 1:-1] + x[:-2, 1:-1] + x[1:-1, 2:] + x[1:-1, :-2])
    d, e = lap[1:, 1:-1] - lap[:-1, 1:-1], lap[1:-1, 1:] - lap[1:-1, :-1]
    f = np.where(d * (x[2:-1, 2:-2] - x[1:-2, 2:-2]) > 0, 0, d)
    g = np.where(e * (x[2:-2, 2:-1] - x[2:-2, 1:-2]) > 0, 0, e)
    return np.sum(x[2:-2, 2:-2] * (f[1:] - f[:-1] + g[:, 1:] - g[:, :-1]))


def alike(program: Any, x: Any) -> None:
    v = np.random.default_rng(1).standard_normal(x.shape)
    for make in (
        irgrad.value_and_grad(program),
        lambda x: irgrad.jvp(program, (x,), (v,)),
        lambda x: irgrad.hvp(program)(x, v),
    ):
        found, wanted = (irgrad.compile(make, b, unroll=0)(x) for b in ("numba", "numpy"))
        for one, other in zip(found, wanted, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-11, atol=1e-11)


def test_products_of_a_column_are_added_where_they_go() -> None:
    alike(covariance, DATA)
    text = irgrad.compile(irgrad.grad(covariance), "numba", unroll=0).kernels(DATA)
    backward = text.partition("in reversed(range(20)):")[2]
    large = re.findall(r"t\d+\[20\*i0 \+ i1\] = ", backward.partition("\n# ")[0])
    assert not large, text


def test_what_is_little_of_another_array_is_computed_from_it() -> None:
    alike(limited, DATA)
    text = irgrad.compile(irgrad.grad(limited), "numba").kernels(DATA)
    assert "negative, kept: needed" not in text


def test_what_costs_little_from_what_is_stored_is_not() -> None:
    alike(diffused, DATA)
    text = irgrad.compile(diffused, "numba").kernels(DATA)
    assert re.findall(r"%(\w+) = \w+, kept: needed", text) == ["lap"]


def test_a_value_that_another_kernel_or_the_caller_reads_is_kept() -> None:
    def program(x: Any) -> Any:
        y = np.sin(x) * x
        total = np.sum(y, axis=0)
        return y, total, np.exp(y - total), y[::-1] + y

    run = irgrad.compile(program, "numba")
    for found, wanted in zip(run(DATA), program(DATA), strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-13)
