"""Runge-Kutta of y0' = x0, y_i' = x_i y_(i-1) to t = 2 (GradBench): the last component and its
gradient, of many steps with a budget for what the adjoint keeps."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.workload import Arguments, Call, Size, Workload

BUDGET = 2**20


def stepping(np: Any, x: Any, steps: int) -> Any:
    """The start, and a function from one state to the next."""
    h = 2.0 / steps

    def slope(y: Any) -> Any:
        return x * np.concatenate([0 * y[:1] + 1, y[:-1]])

    def step(y: Any) -> Any:
        k1 = slope(y)
        k2 = slope(y + h / 2 * k1)
        k3 = slope(y + h / 2 * k2)
        k4 = slope(y + h * k3)
        return y + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)

    return 0 * x, step


def function(np: Any, x: Any, steps: int) -> Any:
    """A Python loop."""
    y, step = stepping(np, x, steps)
    for _ in range(steps):
        y = step(y)
    return y[-1]


def irgrad(np: Any, x: Any, steps: int) -> Call:
    """The plain program, compiled under a budget."""
    import irgrad

    with irgrad.tape_budget(BUDGET):
        compiled = irgrad.compile(irgrad.value_and_grad(lambda x: function(np, x, steps)))
        compiled(x)

    def run() -> Any:
        value, slope = compiled(x)
        return value, (slope,)

    return run


def jax(np: Any, x: Any, steps: int) -> Call:
    """A scan of scans, the inner ones computed again."""
    import jax

    inner = next(k for k in range(int(steps**0.5), 0, -1) if steps % k == 0)

    def last(x: Any) -> Any:
        y, step = stepping(np, x, steps)
        one = lambda y, _: (step(y), None)  # noqa: E731
        several = jax.checkpoint(lambda y, _: jax.lax.scan(one, y, None, inner))
        return jax.lax.scan(several, y, None, steps // inner)[0][-1]

    x, compiled = jax.numpy.asarray(x), jax.jit(jax.value_and_grad(last))

    def run() -> Any:
        value, slope = jax.block_until_ready(compiled(x))
        return value, (slope,)

    return run


def gradient(x: Any, steps: int) -> tuple[Any, ...]:
    """By complex step, all directions at once."""
    h = 1e-200
    y = function(np, x[:, None] + 1j * h * np.eye(x.size), steps)
    return y[0].real, y.imag / h


def make(n: int, steps: int) -> Arguments:
    """Numbers around 1."""
    return np.random.default_rng(0).uniform(0.5, 1.5, n), steps


WORKLOAD = Workload(
    function,
    make,
    sizes=[
        Size("10 unknowns, 1,000 steps", (10, 1000), {"jax": 1.0}),
        Size("10 unknowns, 100,000 steps", (10, 100_000), {"jax": 1.0}),
    ],
    tiny=(4, 12),
    gradient=gradient,
    calls={"irgrad": irgrad, "jax": jax},
)
