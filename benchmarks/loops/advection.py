"""Vertical advection of the weather code COSMO: a tridiagonal system in every column of air
(NPBench, Ziogas et al. 2021)."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.loops.program import program
from benchmarks.workload import Arguments

STEP = 3.0 / 20.0


def vadv(stage: Any, u: Any, w: Any, pos: Any, tend: Any) -> Any:
    """Thomas's algorithm along the last axis."""
    K = stage.shape[2]
    stage = stage.copy()
    ccol, dcol = np.empty(stage.shape), np.empty(stage.shape)
    data = np.empty(stage.shape[:2])
    for k in range(K):
        rhs = STEP * pos[:, :, k] + tend[:, :, k] + stage[:, :, k]
        if k == 0:
            cs = 0.125 * (w[1:, :, 1] + w[:-1, :, 1])
            divided = 1.0 / (STEP - cs)
            ccol[:, :, 0] = cs * divided
            dcol[:, :, 0] = (rhs - cs * (u[:, :, 1] - u[:, :, 0])) * divided
        elif k < K - 1:
            a = -0.125 * (w[1:, :, k] + w[:-1, :, k])
            cs = 0.125 * (w[1:, :, k + 1] + w[:-1, :, k + 1])
            flux = a * (u[:, :, k - 1] - u[:, :, k]) + cs * (u[:, :, k + 1] - u[:, :, k])
            divided = 1.0 / (STEP - a - cs - ccol[:, :, k - 1] * a)
            ccol[:, :, k] = cs * divided
            dcol[:, :, k] = (rhs - flux - dcol[:, :, k - 1] * a) * divided
        else:
            a = -0.125 * (w[1:, :, k] + w[:-1, :, k])
            divided = 1.0 / (STEP - a - ccol[:, :, k - 1] * a)
            flux = a * (u[:, :, k - 1] - u[:, :, k])
            dcol[:, :, k] = (rhs - flux - dcol[:, :, k - 1] * a) * divided
    data[:] = dcol[:, :, -1]
    stage[:, :, -1] = STEP * (data - pos[:, :, -1])
    for k in range(K - 2, -1, -1):
        data[:] = dcol[:, :, k] - ccol[:, :, k] * data
        stage[:, :, k] = STEP * (data - pos[:, :, k])
    return np.sum(stage)


def vadv_loops(stage: Any, u: Any, w: Any, pos: Any, tend: Any) -> Any:
    """Column by column of air."""
    I, J, K = stage.shape  # noqa: E741
    stage = stage.copy()
    ccol, dcol = np.empty(K), np.empty(K)
    for i in range(I):
        for j in range(J):
            for k in range(K):
                rhs = STEP * pos[i, j, k] + tend[i, j, k] + stage[i, j, k]
                under = STEP
                if k > 0:
                    a = -0.125 * (w[i + 1, j, k] + w[i, j, k])
                    rhs -= a * (u[i, j, k - 1] - u[i, j, k]) + dcol[k - 1] * a
                    under -= a + ccol[k - 1] * a
                if k < K - 1:
                    cs = 0.125 * (w[i + 1, j, k + 1] + w[i, j, k + 1])
                    rhs -= cs * (u[i, j, k + 1] - u[i, j, k])
                    under -= cs
                    ccol[k] = cs / under
                dcol[k] = rhs / under
            data = dcol[K - 1]
            stage[i, j, K - 1] = STEP * (data - pos[i, j, K - 1])
            for k in range(K - 2, -1, -1):
                data = dcol[k] - ccol[k] * data
                stage[i, j, k] = STEP * (data - pos[i, j, k])
    return np.sum(stage)


def vadv_jax(stage: Any, u: Any, w: Any, pos: Any, tend: Any) -> Any:
    """Two scans over levels; what does not wait for the level below is computed before."""
    import jax.numpy as jnp
    from jax.lax import scan

    def levels(x: Any) -> Any:
        return jnp.moveaxis(x, 2, 0)

    zero = jnp.zeros_like(stage[:, :, :1])
    slope = u[:, :, 1:] - u[:, :, :-1]
    rise = 0.125 * (w[1:, :, 1 : stage.shape[2]] + w[:-1, :, 1 : stage.shape[2]])
    a, cs = jnp.concatenate([zero, -rise], 2), jnp.concatenate([rise, zero], 2)
    below, above = jnp.concatenate([zero, slope], 2), jnp.concatenate([slope, zero], 2)
    rhs = STEP * pos + tend + stage + a * below - cs * above

    def forwards(state: Any, given: Any) -> Any:
        c, d = state
        a, cs, rhs = given
        divided = 1.0 / (STEP - a - cs - c * a)
        state = cs * divided, (rhs - d * a) * divided
        return state, state

    def backwards(data: Any, given: Any) -> Any:
        data = given[1] - given[0] * data
        return data, data

    start = zero[:, :, 0], zero[:, :, 0]
    _, columns = scan(forwards, start, (levels(a), levels(cs), levels(rhs)))
    _, data = scan(backwards, start[0], columns, reverse=True)
    return (STEP * (data - levels(pos))).sum()


def air(n: int, levels: int) -> Arguments:
    """Fields over n x n columns; the wind has one point more."""
    rng = np.random.default_rng(0)
    stage, u, pos, tend = (rng.random((n, n, levels)) for _ in range(4))
    return stage, u, 0.1 * rng.random((n + 1, n, levels)), pos, tend


PROGRAMS = {
    "vadv": program(
        vadv, air, {"60 x 60 x 40": (60, 40), "60 x 60 x 80": (60, 80)}, (3, 5),
        by_loops=vadv_loops, jax=vadv_jax, argnums=(0, 1, 2, 3, 4),
    ),
}  # fmt: skip
