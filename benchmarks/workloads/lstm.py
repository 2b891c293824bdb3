"""An LSTM (Hochreiter, Schmidhuber 1997) over a sequence: loss sum_t |h_t - y_t|^2 / 2."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.workload import Arguments, Size, Workload


def cell(np: Any, W: Any, U: Any, b: Any, h: Any, c: Any, x: Any) -> tuple[Any, Any]:
    """One step; rows of W, U and b are input, forget and output gate, then candidate."""
    n = np.length(h)
    z = W @ x + U @ h + b
    i, f, o = np.sigmoid(z[:n]), np.sigmoid(z[n : 2 * n]), np.sigmoid(z[2 * n : 3 * n])
    c = f * c + i * np.tanh(z[3 * n :])
    return o * np.tanh(c), c


def function(np: Any, W: Any, U: Any, b: Any, h: Any, c: Any, xs: Any, ys: Any) -> Any:
    """A Python loop."""
    loss = 0.0
    for t in range(np.length(xs)):
        h, c = cell(np, W, U, b, h, c, xs[t])
        loss = loss + 0.5 * np.sum((h - ys[t]) ** 2)
    return loss


def irgrad(np: Any, W: Any, U: Any, b: Any, h: Any, c: Any, xs: Any, ys: Any) -> Any:
    """`irgrad.scan`, where there is one."""
    if np.scan is None:
        return function(np, W, U, b, h, c, xs, ys)
    return scanned(np, np.scan, W, U, b, h, c, xs, ys)


def jax(np: Any, W: Any, U: Any, b: Any, h: Any, c: Any, xs: Any, ys: Any) -> Any:
    """`lax.scan`."""
    from jax.lax import scan

    return scanned(np, scan, W, U, b, h, c, xs, ys)


def scanned(np: Any, scan: Any, W: Any, U: Any, b: Any, h: Any, c: Any, xs: Any, ys: Any) -> Any:
    """The loop as a scan over pairs of rows."""

    def step(state: Any, pair: Any) -> Any:
        h, c = cell(np, W, U, b, *state, pair[0])
        return (h, c), 0.5 * np.sum((h - pair[1]) ** 2)

    return np.sum(scan(step, (h, c), (xs, ys))[1])


def pytensor(np: Any, W: Any, U: Any, b: Any, h: Any, c: Any, xs: Any, ys: Any) -> Any:
    """`pytensor.scan`."""
    import pytensor

    hs, _ = pytensor.scan(
        lambda x, h, c, W, U, b: cell(np, W, U, b, h, c, x),
        xs,
        [h, c],
        [W, U, b],
        return_updates=False,
    )
    return 0.5 * np.sum((hs - ys) ** 2)


def casadi(np: Any, W: Any, U: Any, b: Any, h: Any, c: Any, xs: Any, ys: Any) -> Any:
    """A Python loop; rows are matrices."""
    loss = 0.0
    for t in range(xs.shape[0]):
        h, c = cell(np, W, U, b, h, c, xs[t, :].T)
        loss = loss + 0.5 * np.sum((h - ys[t, :].T) ** 2)
    return loss


def primal() -> Callable[..., Any]:
    """The function alone."""
    import numba

    @numba.njit(cache=True)
    def compiled(W: Any, U: Any, b: Any, h: Any, c: Any, xs: Any, ys: Any) -> Any:
        n, loss = h.size, 0.0
        for t in range(len(xs)):
            z = np.dot(W, xs[t]) + np.dot(U, h) + b
            gates = 1.0 / (1.0 + np.exp(-z[: 3 * n]))
            c = gates[n : 2 * n] * c + gates[:n] * np.tanh(z[3 * n :])
            h = gates[2 * n :] * np.tanh(c)
            error = h - ys[t]
            loss += 0.5 * np.dot(error, error)
        return loss

    return compiled


def limits(W: Any, U: Any, b: Any, h: Any, c: Any, xs: Any, ys: Any) -> dict[str, Any]:
    """Two products a step that wait for each other, and three for all steps, by BLAS."""
    from benchmarks.limits import multiplying

    forwards, backwards = multiplying((U, h)), multiplying((b, U))
    z = np.ones((len(xs), b.size))
    whole = multiplying((xs, W.T), (z.T, ys), (z.T, xs))

    def run() -> None:
        for _ in range(len(xs)):
            forwards()
            backwards()
        whole()

    return {"BLAS calls alone": run}


def make(steps: int, inputs: int, n: int) -> Arguments:
    """`inputs` numbers a step, n cells."""
    rng = np.random.default_rng(0)
    shapes = [(4 * n, inputs), (4 * n, n), (4 * n,), (n,), (n,), (steps, inputs), (steps, n)]
    W, U, *rest = (rng.standard_normal(shape) for shape in shapes)
    return W / inputs**0.5, U / n**0.5, *rest


WORKLOAD = Workload(
    function,
    make,
    sizes=[Size("128 steps, 16 inputs, 32 cells", (128, 16, 32), {"torch": 20}, {"function": 3.5})],
    tiny=(3, 2, 4),
    argnums=(0, 1, 2),
    primal=primal,
    limits=limits,
    variants={"irgrad": irgrad, "jax": jax, "pytensor": pytensor, "casadi": casadi},
)
