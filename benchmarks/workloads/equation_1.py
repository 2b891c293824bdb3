"""Equation (1) of the sheet: 0.5 |W2 tanh(W1 x + b) - y|^2, gradients to x, W1, W2 and b."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.workload import Arguments, Call, Size, Workload


def function(np: Any, x: Any, W1: Any, W2: Any, b: Any, y: Any) -> Any:
    """The loss of one sample."""
    return 0.5 * np.sum((W2 @ np.tanh(W1 @ x + b) - y) ** 2)


def gradient(x: Any, W1: Any, W2: Any, b: Any, y: Any) -> tuple[Any, ...]:
    """Backpropagation by hand."""
    h = np.tanh(W1 @ x + b)
    r = W2 @ h - y
    d_b = (r @ W2) * (1.0 - h * h)
    return 0.5 * np.vdot(r, r), d_b @ W1, np.outer(d_b, x), np.outer(r, h), d_b


def loops() -> Callable[..., Any]:
    """The same, compiled; the products are BLAS's."""
    import numba

    @numba.njit(cache=True)
    def compiled(x: Any, W1: Any, W2: Any, b: Any, y: Any) -> Any:
        h = np.tanh(np.dot(W1, x) + b)
        r = np.dot(W2, h) - y
        d_b = np.dot(r, W2) * (1.0 - h * h)
        return 0.5 * np.dot(r, r), np.dot(d_b, W1), np.outer(d_b, x), np.outer(r, h), d_b

    return compiled


def limits(x: Any, W1: Any, W2: Any, b: Any, y: Any) -> dict[str, Call]:
    """Four matrix-vector products and two matrices written; each matrix moved once."""
    from benchmarks.limits import bare_call, copying, multiplying, together, writing

    if x.size < 100:
        return {"bare Numba call": bare_call(x, W1, W2, b, y)}
    products = multiplying((W1, x), (W2, x), (x, W2), (x, W1))
    return {
        "BLAS calls alone": together(products, writing(W1, W2)),
        "W1, W2 read once, gradients written": copying(W1, W2),
    }


def make(d: int) -> Arguments:
    """All extents d."""
    rng = np.random.default_rng(0)
    shapes = [(d,), (d, d), (d, d), (d,), (d,)]
    x, W1, W2, b, y = (rng.standard_normal(shape) for shape in shapes)
    return x, W1 / d**0.5, W2 / d**0.5, b, y


CLOSE = {"best peer": 1.0}
BLAS = {"BLAS calls alone": 1.1}
WORKLOAD = Workload(
    function,
    make,
    sizes=[
        Size("d = 16", (16,), ahead={"jax": 5, "pytensor": 3}, seconds=4e-6, quick=True),
        Size("d = 256", (256,), ahead=CLOSE, within=BLAS, quick=True),
        Size("d = 2048", (2048,), ahead=CLOSE, within=BLAS),
    ],
    tiny=(3,),
    argnums=(0, 1, 2, 3),
    gradient=gradient,
    loops=loops,
    limits=limits,
)
