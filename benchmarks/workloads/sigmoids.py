"""A sum of sigmoids of linear functions: sum_i 1 / (1 + exp(-(w_i x + b_i)))."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.special import expit

from benchmarks.workload import Arguments, Call, Size, Workload


def function(np: Any, W: Any, x: Any, b: Any) -> Any:
    """One row of W a sigmoid."""
    return np.sum(np.sigmoid(W @ x + b))


def gradient(W: Any, x: Any, b: Any) -> tuple[Any, ...]:
    """By hand."""
    s = expit(W @ x + b)
    d_b = s * (1.0 - s)
    return np.sum(s), np.outer(d_b, x), d_b @ W, d_b


def loops() -> Callable[..., Any]:
    """Row by row: W is read once."""
    import numba

    @numba.njit(cache=True, fastmath={"reassoc", "contract"})
    def compiled(W: Any, x: Any, b: Any) -> Any:
        n, m = W.shape
        d_W, d_x, d_b = np.empty((n, m)), np.zeros(m), np.empty(n)
        value = 0.0
        for i in range(n):
            z = b[i]
            for j in range(m):
                z += W[i, j] * x[j]
            s = 1.0 / (1.0 + np.exp(-z))
            value += s
            d_b[i] = s * (1.0 - s)
            for j in range(m):
                d_W[i, j] = d_b[i] * x[j]
                d_x[j] += d_b[i] * W[i, j]
        return value, d_W, d_x, d_b

    return compiled


def limits(W: Any, x: Any, b: Any) -> dict[str, Call]:
    """W read once, its gradient written; the products by BLAS."""
    from benchmarks.limits import copying, multiplying, together, writing

    products = multiplying((W, x), (b, W))
    return {
        "W read once, gradient written": copying(W),
        "BLAS calls alone": together(products, writing(W)),
    }


def make(n: int, m: int) -> Arguments:
    """n sigmoids of m inputs."""
    rng = np.random.default_rng(0)
    return rng.standard_normal((n, m)) / m**0.5, rng.standard_normal(m), rng.standard_normal(n)


WORKLOAD = Workload(
    function,
    make,
    sizes=[Size("1,000 of 100 inputs", (1000, 100), ahead={"best peer": 1.0})],
    tiny=(4, 3),
    argnums=(0, 1, 2),
    gradient=gradient,
    loops=loops,
    limits=limits,
)
