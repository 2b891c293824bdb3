"""Explicit stencils on grids (PolyBench; NPBench, Ziogas et al. 2021)."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.loops.program import program
from benchmarks.workload import Arguments


def jacobi_1d(A: Any, B: Any, steps: int) -> Any:
    """Two rows that take turns."""
    A, B = A.copy(), B.copy()
    for _ in range(1, steps):
        B[1:-1] = 0.33333 * (A[:-2] + A[1:-1] + A[2:])
        A[1:-1] = 0.33333 * (B[:-2] + B[1:-1] + B[2:])
    return np.sum(A)


def jacobi_1d_loops(A: Any, B: Any, steps: int) -> Any:
    """Point by point."""
    A, B = A.copy(), B.copy()
    for _ in range(1, steps):
        for i in range(1, A.shape[0] - 1):
            B[i] = 0.33333 * (A[i - 1] + A[i] + A[i + 1])
        for i in range(1, A.shape[0] - 1):
            A[i] = 0.33333 * (B[i - 1] + B[i] + B[i + 1])
    return np.sum(A)


def jacobi_1d_jax(A: Any, B: Any, steps: int) -> Any:
    """`fori_loop` over functional updates."""
    from jax.lax import fori_loop

    def step(_: Any, state: Any) -> Any:
        A, B = state
        B = B.at[1:-1].set(0.33333 * (A[:-2] + A[1:-1] + A[2:]))
        return A.at[1:-1].set(0.33333 * (B[:-2] + B[1:-1] + B[2:])), B

    return fori_loop(1, steps, step, (A, B))[0].sum()


def rows(steps: int, n: int) -> Arguments:
    """Two rows of n numbers."""
    rng = np.random.default_rng(0)
    return rng.standard_normal(n), rng.standard_normal(n), steps


def fdtd_2d(ex: Any, ey: Any, hz: Any, source: Any) -> Any:
    """Maxwell's equations by finite differences in time."""
    ex, ey, hz = ex.copy(), ey.copy(), hz.copy()
    for t in range(len(source)):
        ey[0, :] = source[t]
        ey[1:, :] -= 0.5 * (hz[1:, :] - hz[:-1, :])
        ex[:, 1:] -= 0.5 * (hz[:, 1:] - hz[:, :-1])
        hz[:-1, :-1] -= 0.7 * (ex[:-1, 1:] - ex[:-1, :-1] + ey[1:, :-1] - ey[:-1, :-1])
    return np.sum(hz)


def fdtd_2d_loops(ex: Any, ey: Any, hz: Any, source: Any) -> Any:
    """Point by point."""
    ex, ey, hz = ex.copy(), ey.copy(), hz.copy()
    m, n = hz.shape
    for t in range(len(source)):
        for j in range(n):
            ey[0, j] = source[t]
        for i in range(1, m):
            for j in range(n):
                ey[i, j] -= 0.5 * (hz[i, j] - hz[i - 1, j])
        for i in range(m):
            for j in range(1, n):
                ex[i, j] -= 0.5 * (hz[i, j] - hz[i, j - 1])
        for i in range(m - 1):
            for j in range(n - 1):
                hz[i, j] -= 0.7 * (ex[i, j + 1] - ex[i, j] + ey[i + 1, j] - ey[i, j])
    return np.sum(hz)


def fdtd_2d_jax(ex: Any, ey: Any, hz: Any, source: Any) -> Any:
    """`scan` over the source."""
    from jax.lax import scan

    def step(state: Any, now: Any) -> Any:
        ex, ey, hz = state
        ey = ey.at[0, :].set(now).at[1:, :].add(-0.5 * (hz[1:, :] - hz[:-1, :]))
        ex = ex.at[:, 1:].add(-0.5 * (hz[:, 1:] - hz[:, :-1]))
        curl = ex[:-1, 1:] - ex[:-1, :-1] + ey[1:, :-1] - ey[:-1, :-1]
        return (ex, ey, hz.at[:-1, :-1].add(-0.7 * curl)), None

    return scan(step, (ex, ey, hz), source)[0][2].sum()


def fields(steps: int, m: int, n: int) -> Arguments:
    """Three m x n fields and a source."""
    rng = np.random.default_rng(0)
    return *(rng.standard_normal((m, n)) for _ in range(3)), rng.standard_normal(steps)


def hdiff(x: Any, coeff: Any) -> Any:
    """Horizontal diffusion with a flux limiter (COSMO): no loop, large intermediate arrays."""
    m, n = coeff.shape[:2]
    lap = 4.0 * x[1 : m + 3, 1 : n + 3] - (
        x[2 : m + 4, 1 : n + 3]
        + x[0 : m + 2, 1 : n + 3]
        + x[1 : m + 3, 2 : n + 4]
        + x[1 : m + 3, 0 : n + 2]
    )
    d = lap[1:, 1 : n + 1] - lap[:-1, 1 : n + 1]
    flx = np.where(d * (x[2 : m + 3, 2 : n + 2] - x[1 : m + 2, 2 : n + 2]) > 0, 0, d)
    d = lap[1 : m + 1, 1:] - lap[1 : m + 1, :-1]
    fly = np.where(d * (x[2 : m + 2, 2 : n + 3] - x[2 : m + 2, 1 : n + 2]) > 0, 0, d)
    out = np.zeros(coeff.shape)
    out[:] = x[2 : m + 2, 2 : n + 2] - coeff * (flx[1:] - flx[:-1] + fly[:, 1:] - fly[:, :-1])
    return np.sum(out)


def hdiff_loops(x: Any, coeff: Any) -> Any:
    """Point by point, the Laplacian and the two fluxes in arrays."""
    m, n, levels = coeff.shape
    lap = np.empty((m + 2, n + 2, levels))
    flx, fly = np.empty((m + 1, n, levels)), np.empty((m, n + 1, levels))
    total = 0.0
    for i in range(m + 2):
        for j in range(n + 2):
            for k in range(levels):
                around = x[i + 2, j + 1, k] + x[i, j + 1, k] + x[i + 1, j + 2, k] + x[i + 1, j, k]
                lap[i, j, k] = 4.0 * x[i + 1, j + 1, k] - around
    for i in range(m + 1):
        for j in range(n):
            for k in range(levels):
                d = lap[i + 1, j + 1, k] - lap[i, j + 1, k]
                up = d * (x[i + 2, j + 2, k] - x[i + 1, j + 2, k]) > 0
                flx[i, j, k] = 0.0 if up else d
    for i in range(m):
        for j in range(n + 1):
            for k in range(levels):
                d = lap[i + 1, j + 1, k] - lap[i + 1, j, k]
                up = d * (x[i + 2, j + 2, k] - x[i + 2, j + 1, k]) > 0
                fly[i, j, k] = 0.0 if up else d
    for i in range(m):
        for j in range(n):
            for k in range(levels):
                net = flx[i + 1, j, k] - flx[i, j, k] + fly[i, j + 1, k] - fly[i, j, k]
                total += x[i + 2, j + 2, k] - coeff[i, j, k] * net
    return total


def hdiff_jax(x: Any, coeff: Any) -> Any:
    """As in NumPy."""
    import jax.numpy as jnp

    m, n = coeff.shape[:2]
    around = x[2:, 1:-1] + x[:-2, 1:-1] + x[1:-1, 2:] + x[1:-1, :-2]
    lap = 4.0 * x[1:-1, 1:-1] - around
    d = lap[1:, 1:-1] - lap[:-1, 1:-1]
    flx = jnp.where(d * (x[2:-1, 2:-2] - x[1:-2, 2:-2]) > 0, 0, d)
    d = lap[1:-1, 1:] - lap[1:-1, :-1]
    fly = jnp.where(d * (x[2:-2, 2:-1] - x[2:-2, 1:-2]) > 0, 0, d)
    net = flx[1:] - flx[:-1] + fly[:, 1:] - fly[:, :-1]
    return (x[2 : m + 2, 2 : n + 2] - coeff * net).sum()


def weather(n: int, levels: int) -> Arguments:
    """A field with a margin of two points, and a coefficient."""
    rng = np.random.default_rng(0)
    return rng.random((n + 4, n + 4, levels)), rng.random((n, n, levels))


PROGRAMS = {
    "jacobi_1d": program(
        jacobi_1d, rows, {"800 steps of 3,200": (800, 3200), "1,600 steps": (1600, 3200)}, (3, 6),
        by_loops=jacobi_1d_loops, jax=jacobi_1d_jax, argnums=(0, 1),
    ),
    "fdtd_2d": program(
        fdtd_2d, fields, {"20 steps, 200 x 220": (20, 200, 220), "40 steps": (40, 200, 220)},
        (3, 4, 5), by_loops=fdtd_2d_loops, jax=fdtd_2d_jax, argnums=(0, 1, 2, 3),
    ),
    "hdiff": program(
        hdiff, weather, {"64 x 64 x 60": (64, 60)}, (4, 3),
        by_loops=hdiff_loops, jax=hdiff_jax, argnums=(0, 1),
    ),
}  # fmt: skip
