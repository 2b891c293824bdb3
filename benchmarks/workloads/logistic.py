"""Negative log likelihood of logistic regression: sum_i log(1 + exp(-y_i x_i w)), y_i = 1 or -1."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.special import expit

from benchmarks.workload import Arguments, Call, Size, Workload


def function(np: Any, w: Any, X: Any, y: Any) -> Any:
    """Overflow-free through logaddexp."""
    return np.sum(np.logaddexp(0.0, -y * (X @ w)))


def torch(np: Any, w: Any, X: Any, y: Any) -> Any:
    """The same by softplus."""
    from torch.nn.functional import softplus

    return np.sum(softplus(-y * (X @ w)))


def gradient(w: Any, X: Any, y: Any) -> tuple[Any, Any]:
    """By hand."""
    z = -y * (X @ w)
    return np.sum(np.logaddexp(0.0, z)), (-y * expit(z)) @ X


def loops() -> Callable[..., Any]:
    """Row by row, so that X is read once; each thread sums into its own gradient."""
    import numba

    @numba.njit(parallel=True, fastmath={"reassoc", "contract"})
    def compiled(w: Any, X: Any, y: Any) -> Any:
        n, m = X.shape
        parts = 2 * numba.get_num_threads()
        values, d_w = np.zeros(parts), np.zeros((parts, m))
        for part in numba.prange(parts):
            for i in range(n * part // parts, n * (part + 1) // parts):
                z = 0.0
                for j in range(m):
                    z -= y[i] * X[i, j] * w[j]
                e = np.exp(-abs(z))
                values[part] += max(z, 0.0) + np.log1p(e)
                slope = -y[i] * (1.0 if z > 0 else e) / (1.0 + e)
                for j in range(m):
                    d_w[part, j] += slope * X[i, j]
        return values.sum(), d_w.sum(axis=0)

    return compiled


def limits(w: Any, X: Any, y: Any) -> dict[str, Call]:
    """X read twice, as two matrix-vector products must; once, as a loop over rows can."""
    from benchmarks.limits import multiplying, reading, together

    return {
        "X read twice": together(reading(X), reading(X)),
        "X read once": reading(X),
        "BLAS calls alone": multiplying((X, w), (y, X)),
    }


def make(n: int, m: int) -> Arguments:
    """n samples of m features."""
    rng = np.random.default_rng(0)
    labels = np.sign(rng.standard_normal(n))
    return rng.standard_normal(m) / m**0.5, rng.standard_normal((n, m)), labels


WORKLOAD = Workload(
    function,
    make,
    sizes=[
        Size(
            "10^5 x 50",
            (10**5, 50),
            ahead={"torch": 1.2, "jax": 5},
            within={"X read twice": 1.3},
            quick=True,
        )
    ],
    tiny=(7, 3),
    gradient=gradient,
    loops=loops,
    limits=limits,
    variants={"torch": torch, "torch-compile": torch},
)
