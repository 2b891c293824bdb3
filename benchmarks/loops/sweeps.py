"""Sweeps along an axis, each column from those before it (PolyBench; NPBench, Ziogas et al. 2021):
implicit steps by Thomas's algorithm, a recursive filter."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.loops.program import program
from benchmarks.workload import Arguments


def adi(u: Any, steps: int) -> Any:
    """The heat equation by alternating directions."""
    n = len(u)
    u, v, p, q = u.copy(), np.empty(u.shape), np.empty(u.shape), np.empty(u.shape)
    a, d = -n * n / steps, -n * n / (2.0 * steps)
    b, e = 1.0 - 2.0 * a, 1.0 - 2.0 * d
    for _ in range(steps):
        v[0, 1:-1] = 1.0
        p[1:-1, 0] = 0.0
        q[1:-1, 0] = v[0, 1:-1]
        for j in range(1, n - 1):
            p[1:-1, j] = -a / (a * p[1:-1, j - 1] + b)
            q[1:-1, j] = (
                -d * u[j, :-2] + (1.0 + 2.0 * d) * u[j, 1:-1] - d * u[j, 2:] - a * q[1:-1, j - 1]
            ) / (a * p[1:-1, j - 1] + b)
        v[-1, 1:-1] = 1.0
        for j in range(n - 2, 0, -1):
            v[j, 1:-1] = p[1:-1, j] * v[j + 1, 1:-1] + q[1:-1, j]
        u[1:-1, 0] = 1.0
        p[1:-1, 0] = 0.0
        q[1:-1, 0] = u[1:-1, 0]
        for j in range(1, n - 1):
            p[1:-1, j] = -d / (d * p[1:-1, j - 1] + e)
            q[1:-1, j] = (
                -a * v[:-2, j] + (1.0 + 2.0 * a) * v[1:-1, j] - a * v[2:, j] - d * q[1:-1, j - 1]
            ) / (d * p[1:-1, j - 1] + e)
        u[1:-1, -1] = 1.0
        for j in range(n - 2, 0, -1):
            u[1:-1, j] = p[1:-1, j] * u[1:-1, j + 1] + q[1:-1, j]
    return np.sum(u)


def adi_loops(u: Any, steps: int) -> Any:
    """Point by point, row after row."""
    n = len(u)
    u, v, p, q = u.copy(), np.zeros(u.shape), np.zeros(u.shape), np.zeros(u.shape)
    a, d = -n * n / steps, -n * n / (2.0 * steps)
    b, e = 1.0 - 2.0 * a, 1.0 - 2.0 * d
    for _ in range(steps):
        for i in range(1, n - 1):
            v[0, i] = 1.0
            p[i, 0] = 0.0
            q[i, 0] = 1.0
            for j in range(1, n - 1):
                under = a * p[i, j - 1] + b
                p[i, j] = -a / under
                three = -d * u[j, i - 1] + (1.0 + 2.0 * d) * u[j, i] - d * u[j, i + 1]
                q[i, j] = (three - a * q[i, j - 1]) / under
            v[n - 1, i] = 1.0
            for j in range(n - 2, 0, -1):
                v[j, i] = p[i, j] * v[j + 1, i] + q[i, j]
        for i in range(1, n - 1):
            u[i, 0] = 1.0
            p[i, 0] = 0.0
            q[i, 0] = 1.0
            for j in range(1, n - 1):
                under = d * p[i, j - 1] + e
                p[i, j] = -d / under
                three = -a * v[i - 1, j] + (1.0 + 2.0 * a) * v[i, j] - a * v[i + 1, j]
                q[i, j] = (three - d * q[i, j - 1]) / under
            u[i, n - 1] = 1.0
            for j in range(n - 2, 0, -1):
                u[i, j] = p[i, j] * u[i, j + 1] + q[i, j]
    return np.sum(u)


def adi_jax(u: Any, steps: int) -> Any:
    """`scan` over steps and columns; the recurrence of p needs no grid, for its rows are alike."""
    import jax.numpy as jnp
    from jax.lax import scan

    n = len(u)
    a, d = -n * n / steps, -n * n / (2.0 * steps)
    ones = jnp.ones(n - 2)

    def sweep(grid: Any, outer: float, inner: float, middle: float) -> Any:
        """Solve along the first axis: one row of inner points after the other."""
        three = -outer * grid[1:-1, :-2] - outer * grid[1:-1, 2:]
        three += (1.0 + 2.0 * outer) * grid[1:-1, 1:-1]

        def forwards(state: Any, row: Any) -> Any:
            p, q = state
            under = inner * p + middle
            state = -inner / under, (row - inner * q) / under
            return state, state

        def backwards(after: Any, pair: Any) -> Any:
            here = pair[0] * after + pair[1]
            return here, here

        _, pairs = scan(forwards, (jnp.zeros(()), ones), three)
        found = scan(backwards, ones, pairs, reverse=True)[1]
        return jnp.concatenate([ones[None], found, ones[None]])

    def step(u: Any, _: None) -> Any:
        v = jnp.zeros((n, n)).at[:, 1:-1].set(sweep(u, d, a, 1.0 - 2.0 * a))
        found = sweep(v.T, a, d, 1.0 - 2.0 * d)
        return u.at[1:-1, :].set(found.T), None

    return scan(step, u, None, steps)[0].sum()


def recursive(x: Any, now: Any, before: Any, b1: Any, b2: Any) -> Any:
    """Both ways along the rows: the coefficients of x, then those of the result."""
    forward, backward = np.empty_like(x), np.empty_like(x)
    forward[:, 0] = now[0] * x[:, 0]
    forward[:, 1] = now[0] * x[:, 1] + now[1] * x[:, 0] + b1 * forward[:, 0]
    for j in range(2, x.shape[1]):
        forward[:, j] = (
            now[0] * x[:, j]
            + now[1] * x[:, j - 1]
            + b1 * forward[:, j - 1]
            + b2 * forward[:, j - 2]
        )
    backward[:, -1] = 0.0
    backward[:, -2] = before[0] * x[:, -1]
    for j in range(x.shape[1] - 3, -1, -1):
        backward[:, j] = (
            before[0] * x[:, j + 1]
            + before[1] * x[:, j + 2]
            + b1 * backward[:, j + 1]
            + b2 * backward[:, j + 2]
        )
    return forward + backward


def coefficients(alpha: float) -> tuple[Any, Any, float, float]:
    """Deriche's, for a smoothing of width 1 / alpha."""
    decay = np.exp(-alpha)
    k = (1.0 - decay) ** 2 / (1.0 + alpha * decay - np.exp(2.0 * alpha))
    now = k, k * decay * (alpha - 1.0)
    before = k * decay * (alpha + 1.0), -k * np.exp(-2.0 * alpha)
    return now, before, 2.0**-alpha, -np.exp(-2.0 * alpha)


def deriche(image: Any, alpha: float) -> Any:
    """Deriche's recursive edge filter, along rows and then along columns."""
    given = coefficients(alpha)
    return np.sum(recursive(recursive(image, *given).T, *given))


def deriche_loops(image: Any, alpha: float) -> Any:
    """Point by point, with the columns in the inner loop of the second half."""
    decay = np.exp(-alpha)
    k = (1.0 - decay) ** 2 / (1.0 + alpha * decay - np.exp(2.0 * alpha))
    a1, a2 = k, k * decay * (alpha - 1.0)
    a3, a4 = k * decay * (alpha + 1.0), -k * np.exp(-2.0 * alpha)
    b1, b2 = 2.0**-alpha, -np.exp(-2.0 * alpha)
    m, n = image.shape
    y, z = np.empty((m, n)), np.empty((m, n))
    for i in range(m):
        y1, y2, x1 = 0.0, 0.0, 0.0
        for j in range(n):
            y[i, j] = a1 * image[i, j] + a2 * x1 + b1 * y1 + b2 * y2
            x1, y1, y2 = image[i, j], y[i, j], y1
        y1, y2, x1, x2 = 0.0, 0.0, 0.0, 0.0
        for j in range(n - 1, -1, -1):
            here = a3 * x1 + a4 * x2 + b1 * y1 + b2 * y2
            x1, x2, y1, y2 = image[i, j], x1, here, y1
            y[i, j] += here
    total = 0.0
    for i in range(m):
        for j in range(n):
            z[i, j] = a1 * y[i, j]
            if i > 0:
                z[i, j] += a2 * y[i - 1, j] + b1 * z[i - 1, j]
            if i > 1:
                z[i, j] += b2 * z[i - 2, j]
            total += z[i, j]
    for i in range(m - 1, -1, -1):
        for j in range(n):
            z[i, j] = 0.0
            if i < m - 1:
                z[i, j] += a3 * y[i + 1, j] + b1 * z[i + 1, j]
            if i < m - 2:
                z[i, j] += a4 * y[i + 2, j] + b2 * z[i + 2, j]
            total += z[i, j]
    return total


def deriche_jax(image: Any, alpha: float) -> Any:
    """Two scans an axis over the columns."""
    import jax.numpy as jnp
    from jax.lax import scan

    now, before, b1, b2 = coefficients(alpha)

    def both(x: Any) -> Any:
        zero = jnp.zeros(x.shape[1])

        def forwards(state: Any, here: Any) -> Any:
            x1, y1, y2 = state
            y = now[0] * here + now[1] * x1 + b1 * y1 + b2 * y2
            return (here, y, y1), y

        def backwards(state: Any, here: Any) -> Any:
            x1, x2, y1, y2 = state
            y = before[0] * x1 + before[1] * x2 + b1 * y1 + b2 * y2
            return (here, x1, y, y1), y

        back = scan(backwards, (zero,) * 4, x, reverse=True)[1]
        return scan(forwards, (zero,) * 3, x)[1] + back

    return both(both(image.T).T).sum()


def square(steps: int, n: int) -> Arguments:
    """An n x n grid."""
    return np.random.default_rng(0).random((n, n)), steps


PROGRAMS = {
    "adi": program(
        adi, square, {"5 steps, 100 x 100": (5, 100), "10 steps, 200 x 200": (10, 200)}, (2, 5),
        by_loops=adi_loops, jax=adi_jax,
    ),
    "deriche": program(
        deriche, lambda m, n: (np.random.default_rng(0).random((m, n)), 0.25),
        {"400 x 200": (400, 200), "800 x 400": (800, 400)}, (6, 5),
        by_loops=deriche_loops, jax=deriche_jax,
    ),
}  # fmt: skip
