"""Histograms of traced numbers, against NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import irgrad
from irgrad.errors import ArgumentError, UnsupportedError

rng = np.random.default_rng(0)
X, W = rng.standard_normal(50), rng.standard_normal(50)
OPTIONS: dict[str, dict[str, Any]] = {
    "ten": {},
    "bins": {"bins": 4},
    "numpy_int": {"bins": np.int64(3)},
    "range": {"bins": 5, "range": (-0.5, 1.0)},
    "no_range": {"bins": 2, "range": (0.0, 0.0)},
    "edges": {"bins": np.array([-1.0, 0.0, 0.25, 2.0])},
    "density": {"bins": 4, "density": True},
}


@pytest.mark.parametrize("backend", ["numpy", "numba"])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("name", OPTIONS)
def test_counts_and_edges(name: str, weighted: bool, backend: str) -> None:
    def f(x: Any, w: Any) -> Any:
        return np.histogram(x, **OPTIONS[name], weights=w if weighted else None)

    on_edges = [np.round(X)] if name == "edges" else []  # where no edge is rounded
    for x in (X, X.reshape(5, 10), np.ones(3), X[:0], *on_edges):
        w = W[: x.size].reshape(x.shape)
        with np.errstate(all="ignore"):
            counts, edges = irgrad.compile(f, backend=backend)(x, w)
            wanted, at = f(x, w)
        assert counts.dtype == wanted.dtype
        np.testing.assert_allclose(counts, wanted, rtol=1e-12)
        np.testing.assert_allclose(edges, at, rtol=1e-15)


def test_derivatives_are_of_weights_and_edges() -> None:
    def f(x: Any, w: Any) -> Any:
        counts, edges = np.histogram(x, 4, weights=w)
        return counts @ edges[1:]

    dx, dw = irgrad.grad(f, (0, 1))(X, W)
    h, a, b = 1e-6, rng.standard_normal(50), rng.standard_normal(50)
    slope = (f(X + h * a, W + h * b) - f(X - h * a, W - h * b)) / (2 * h)
    np.testing.assert_allclose(dx @ a + dw @ b, slope, rtol=1e-6)


def test_refusals() -> None:
    with pytest.raises(UnsupportedError, match="number of bins"):
        irgrad.compile(lambda x: np.histogram(x, "auto")[0])(X)
    with pytest.raises(ArgumentError, match="positive"):
        irgrad.compile(lambda x: np.histogram(x, 0)[0])(X)
