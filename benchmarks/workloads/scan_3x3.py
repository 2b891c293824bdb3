"""A recurrence of three numbers over 10,000 steps: h_t = tanh(W h_{t-1} + b + x_t), loss
sum_t |h_t|^2 / 2. A step is next to nothing, so that whatever a system adds to it shows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.workload import Arguments, Size, Workload


def function(np: Any, W: Any, b: Any, h: Any, xs: Any) -> Any:
    """A Python loop."""
    loss = 0.0
    for t in range(np.length(xs)):
        h = np.tanh(W @ h + b + xs[t])
        loss = loss + 0.5 * np.sum(h * h)
    return loss


def irgrad(np: Any, W: Any, b: Any, h: Any, xs: Any) -> Any:
    """`irgrad.scan`, where there is one."""
    if np.scan is None:
        return function(np, W, b, h, xs)

    def step(h: Any, x: Any) -> Any:
        h = np.tanh(W @ h + b + x)
        return h, 0.5 * np.sum(h * h)

    return np.sum(np.scan(step, h, xs)[1])


def jax(np: Any, W: Any, b: Any, h: Any, xs: Any) -> Any:
    """`lax.scan`."""
    from jax.lax import scan

    def step(h: Any, x: Any) -> Any:
        h = np.tanh(W @ h + b + x)
        return h, 0.5 * np.sum(h * h)

    return np.sum(scan(step, h, xs)[1])


def pytensor(np: Any, W: Any, b: Any, h: Any, xs: Any) -> Any:
    """`pytensor.scan`."""
    import pytensor

    hs = pytensor.scan(
        lambda x, h, W, b: np.tanh(W @ h + b + x), xs, h, [W, b], return_updates=False
    )
    return 0.5 * np.sum(hs * hs)


def casadi(np: Any, W: Any, b: Any, h: Any, xs: Any) -> Any:
    """A Python loop; rows are matrices."""
    loss = 0.0
    for t in range(xs.shape[0]):
        h = np.tanh(W @ h + b + xs[t, :].T)
        loss = loss + 0.5 * np.sum(h * h)
    return loss


def gradient(W: Any, b: Any, h: Any, xs: Any) -> tuple[Any, ...]:
    """Backpropagation through time."""
    hs, inputs = np.empty((len(xs) + 1, h.size)), xs + b
    hs[0] = h
    for t in range(len(xs)):
        hs[t + 1] = np.tanh(W @ hs[t] + inputs[t])
    slopes, d_zs = 1.0 - hs[1:] ** 2, np.empty_like(xs)
    d_h = np.zeros_like(h)
    for t in reversed(range(len(xs))):
        d_zs[t] = (d_h + hs[t + 1]) * slopes[t]
        d_h = d_zs[t] @ W
    return 0.5 * np.vdot(hs[1:], hs[1:]), d_zs.T @ hs[:-1], d_zs.sum(axis=0)


def loops() -> Callable[..., Any]:
    """Backpropagation through time, number by number."""
    import numba

    @numba.njit(cache=True)
    def compiled(W: Any, b: Any, h: Any, xs: Any) -> Any:
        steps, n = xs.shape
        hs, d_W, d_b = np.empty((steps + 1, n)), np.zeros((n, n)), np.zeros(n)
        hs[0] = h
        for t in range(steps):
            for i in range(n):
                z = b[i] + xs[t, i]
                for j in range(n):
                    z += W[i, j] * hs[t, j]
                hs[t + 1, i] = np.tanh(z)
        value, d_h, before = 0.0, np.zeros(n), np.zeros(n)
        for t in range(steps - 1, -1, -1):
            before[:] = 0.0
            for i in range(n):
                y = hs[t + 1, i]
                value += 0.5 * y * y
                d_z = (d_h[i] + y) * (1.0 - y * y)
                d_b[i] += d_z
                for j in range(n):
                    d_W[i, j] += d_z * hs[t, j]
                    before[j] += d_z * W[i, j]
            d_h[:] = before
        return value, d_W, d_b

    return compiled


def make(steps: int) -> Arguments:
    """W of norm about 1."""
    rng = np.random.default_rng(0)
    shapes = [(3, 3), (3,), (3,), (steps, 3)]
    W, b, h, xs = (rng.standard_normal(shape) for shape in shapes)
    return W / 2.5, b, h, xs


WORKLOAD = Workload(
    function,
    make,
    sizes=[Size("10,000 steps", (10_000,), ahead={"jax": 10})],
    tiny=(5,),
    argnums=(0, 1),
    gradient=gradient,
    loops=loops,
    variants={
        "irgrad": irgrad,
        "jax": jax,
        "pytensor": pytensor,
        "casadi": casadi,
        "torch-compile": "a loop of 10,000 steps",
    },
)
