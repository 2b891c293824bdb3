"""A recurrent network, unrolled: h_t = tanh(W h_{t-1} + U x_t + b), loss
sum_t |h_t - y_t|^2 / 2."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.workload import Arguments, Call, Size, Workload


def function(np: Any, W: Any, U: Any, b: Any, h: Any, xs: Any, ys: Any) -> Any:
    """A Python loop over the rows of xs and ys."""
    loss = 0.0
    for t in range(np.length(xs)):
        h = np.tanh(W @ h + U @ xs[t] + b)
        loss = loss + 0.5 * np.sum((h - ys[t]) ** 2)
    return loss


def casadi(np: Any, W: Any, U: Any, b: Any, h: Any, xs: Any, ys: Any) -> Any:
    """Rows are matrices."""
    loss = 0.0
    for t in range(xs.shape[0]):
        h = np.tanh(W @ h + U @ xs[t, :].T + b)
        loss = loss + 0.5 * np.sum((h - ys[t, :].T) ** 2)
    return loss


def gradient(W: Any, U: Any, b: Any, h: Any, xs: Any, ys: Any) -> tuple[Any, ...]:
    """Backpropagation through time; what is no part of the recurrence is one product."""
    steps = len(xs)
    inputs = xs @ U.T + b
    hs = np.empty((steps + 1, h.size))
    hs[0] = h
    for t in range(steps):
        hs[t + 1] = np.tanh(W @ hs[t] + inputs[t])
    errors = hs[1:] - ys
    slopes = 1.0 - hs[1:] ** 2
    d_zs = np.empty_like(errors)
    d_h = np.zeros_like(h)
    for t in reversed(range(steps)):
        d_zs[t] = (d_h + errors[t]) * slopes[t]
        d_h = d_zs[t] @ W
    return 0.5 * np.vdot(errors, errors), d_zs.T @ hs[:-1], d_zs.T @ xs, d_zs.sum(axis=0)


def loops() -> Callable[..., Any]:
    """The same, compiled."""
    import numba

    @numba.njit(cache=True)
    def compiled(W: Any, U: Any, b: Any, h: Any, xs: Any, ys: Any) -> Any:
        steps, n = ys.shape
        inputs = np.dot(xs, U.T) + b
        hs, d_zs = np.empty((steps + 1, n)), np.empty((steps, n))
        hs[0] = h
        for t in range(steps):
            hs[t + 1] = np.tanh(np.dot(W, hs[t]) + inputs[t])
        d_h = np.zeros(n)
        value = 0.0
        for t in range(steps - 1, -1, -1):
            error = hs[t + 1] - ys[t]
            value += 0.5 * np.dot(error, error)
            d_zs[t] = (d_h + error) * (1.0 - hs[t + 1] ** 2)
            d_h = np.dot(d_zs[t], W)
        return value, np.dot(d_zs.T, hs[:-1]), np.dot(d_zs.T, xs), d_zs.sum(axis=0)

    return compiled


def limits(W: Any, U: Any, b: Any, h: Any, xs: Any, ys: Any) -> dict[str, Call]:
    """Two products a step that wait for each other, and three for all steps, by BLAS."""
    from benchmarks.limits import multiplying

    forwards, backwards = multiplying((W, h)), multiplying((h, W))
    whole = multiplying((xs, U.T), (ys.T, ys), (ys.T, xs))

    def run() -> None:
        for _ in range(len(xs)):
            forwards()
            backwards()
        whole()

    return {"BLAS calls alone": run}


def make(steps: int, n: int) -> Arguments:
    """All extents n but the number of steps."""
    rng = np.random.default_rng(0)
    shapes = [(n, n), (n, n), (n,), (n,), (steps, n), (steps, n)]
    W, U, b, h, xs, ys = (rng.standard_normal(shape) for shape in shapes)
    return W / n**0.5, U / n**0.5, b, h, xs, ys


WORKLOAD = Workload(
    function,
    make,
    sizes=[Size("60 steps of 64", (60, 64), {"jax": 1.5}, first_ahead={"jax": 2.0}, quick=True)],
    tiny=(4, 3),
    argnums=(0, 1, 2),
    gradient=gradient,
    loops=loops,
    limits=limits,
    variants={"casadi": casadi},
)
