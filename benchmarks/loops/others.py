"""Loop programs of other kinds: a fluid in a cavity (Barba, Forsyth 2018), shortest paths, a trace,
bodies that attract one another (NPBench, Ziogas et al. 2021)."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.loops.program import program
from benchmarks.workload import Arguments

RHO, NU, DT = 1.0, 0.1, 0.001


def cavity_flow(u: Any, v: Any, p: Any, steps: int, inner: int) -> Any:
    """The Navier-Stokes equations under a moving lid."""
    h = 2.0 / (len(u) - 1)
    u, v, p, b = u.copy(), v.copy(), p.copy(), np.zeros(u.shape)
    for _ in range(steps):
        un, vn = u.copy(), v.copy()
        ux, vx = (x[1:-1, 2:] - x[1:-1, :-2] for x in (u, v))
        uy, vy = (x[2:, 1:-1] - x[:-2, 1:-1] for x in (u, v))
        b[1:-1, 1:-1] = RHO * (
            (ux + vy) / (2 * h * DT) - (ux**2 + 2 * uy * vx + vy**2) / (4 * h * h)
        )
        for _ in range(inner):
            pn = p.copy()
            around = pn[1:-1, 2:] + pn[1:-1, :-2] + pn[2:, 1:-1] + pn[:-2, 1:-1]
            p[1:-1, 1:-1] = 0.25 * (around - h * h * b[1:-1, 1:-1])
            p[:, -1] = p[:, -2]
            p[0, :] = p[1, :]
            p[:, 0] = p[:, 1]
            p[-1, :] = 0
        px, py = p[1:-1, 2:] - p[1:-1, :-2], p[2:, 1:-1] - p[:-2, 1:-1]
        for new, old, push in ((u, un, px), (v, vn, py)):
            mid, west, south = old[1:-1, 1:-1], old[1:-1, :-2], old[:-2, 1:-1]
            carried = un[1:-1, 1:-1] * (mid - west) + vn[1:-1, 1:-1] * (mid - south)
            spread = old[1:-1, 2:] + west + old[2:, 1:-1] + south - 4 * mid
            new[1:-1, 1:-1] = (
                mid - DT / h * carried - DT / (2 * RHO * h) * push + NU * DT / h**2 * spread
            )
            new[0, :] = new[:, 0] = new[:, -1] = 0
            new[-1, :] = 1 if new is u else 0
    return np.sum(u) + np.sum(v) + np.sum(p)


def cavity_flow_loops(u: Any, v: Any, p: Any, steps: int, inner: int) -> Any:
    """Point by point."""
    n, h = len(u), 2.0 / (len(u) - 1)
    u, v, p, b = u.copy(), v.copy(), p.copy(), np.zeros(u.shape)
    un, vn, pn = np.empty(u.shape), np.empty(u.shape), np.empty(u.shape)
    for _ in range(steps):
        un[:], vn[:] = u, v
        for i in range(1, n - 1):
            for j in range(1, n - 1):
                ux, vx = u[i, j + 1] - u[i, j - 1], v[i, j + 1] - v[i, j - 1]
                uy, vy = u[i + 1, j] - u[i - 1, j], v[i + 1, j] - v[i - 1, j]
                square = ux * ux + 2 * uy * vx + vy * vy
                b[i, j] = RHO * ((ux + vy) / (2 * h * DT) - square / (4 * h * h))
        for _ in range(inner):
            pn[:] = p
            for i in range(1, n - 1):
                for j in range(1, n - 1):
                    around = pn[i, j + 1] + pn[i, j - 1] + pn[i + 1, j] + pn[i - 1, j]
                    p[i, j] = 0.25 * (around - h * h * b[i, j])
            p[:, n - 1] = p[:, n - 2]
            p[0, :] = p[1, :]
            p[:, 0] = p[:, 1]
            p[n - 1, :] = 0
        for i in range(1, n - 1):
            for j in range(1, n - 1):
                here, there = un[i, j], vn[i, j]
                carried = here * (here - un[i, j - 1]) + there * (here - un[i - 1, j])
                spread = un[i, j + 1] + un[i, j - 1] + un[i + 1, j] + un[i - 1, j] - 4 * here
                push = DT / (2 * RHO * h) * (p[i, j + 1] - p[i, j - 1])
                u[i, j] = here - DT / h * carried - push + NU * DT / h**2 * spread
                carried = here * (there - vn[i, j - 1]) + there * (there - vn[i - 1, j])
                spread = vn[i, j + 1] + vn[i, j - 1] + vn[i + 1, j] + vn[i - 1, j] - 4 * there
                push = DT / (2 * RHO * h) * (p[i + 1, j] - p[i - 1, j])
                v[i, j] = there - DT / h * carried - push + NU * DT / h**2 * spread
        for new in (u, v):
            new[0, :] = 0
            new[:, 0] = 0
            new[:, n - 1] = 0
            new[n - 1, :] = 0
        u[n - 1, :] = 1
    return np.sum(u) + np.sum(v) + np.sum(p)


def cavity_flow_jax(u: Any, v: Any, p: Any, steps: int, inner: int) -> Any:
    """`fori_loop` over functional updates."""
    from jax.lax import fori_loop

    h = 2.0 / (len(u) - 1)

    def relax(p: Any, b: Any) -> Any:
        around = p[1:-1, 2:] + p[1:-1, :-2] + p[2:, 1:-1] + p[:-2, 1:-1]
        p = p.at[1:-1, 1:-1].set(0.25 * (around - h * h * b))
        p = p.at[:, -1].set(p[:, -2])
        p = p.at[0, :].set(p[1, :])
        p = p.at[:, 0].set(p[:, 1])
        return p.at[-1, :].set(0.0)

    def moved(old: Any, u: Any, v: Any, push: Any, lid: float) -> Any:
        mid, west, south = old[1:-1, 1:-1], old[1:-1, :-2], old[:-2, 1:-1]
        carried = u[1:-1, 1:-1] * (mid - west) + v[1:-1, 1:-1] * (mid - south)
        spread = old[1:-1, 2:] + west + old[2:, 1:-1] + south - 4 * mid
        inside = mid - DT / h * carried - DT / (2 * RHO * h) * push + NU * DT / h**2 * spread
        new = old.at[1:-1, 1:-1].set(inside).at[0, :].set(0.0)
        return new.at[:, 0].set(0.0).at[:, -1].set(0.0).at[-1, :].set(lid)

    def step(_: Any, state: Any) -> Any:
        u, v, p = state
        ux, vx = (x[1:-1, 2:] - x[1:-1, :-2] for x in (u, v))
        uy, vy = (x[2:, 1:-1] - x[:-2, 1:-1] for x in (u, v))
        square = ux**2 + 2 * uy * vx + vy**2
        b = RHO * ((ux + vy) / (2 * h * DT) - square / (4 * h * h))
        p = fori_loop(0, inner, lambda _, p: relax(p, b), p)
        px, py = p[1:-1, 2:] - p[1:-1, :-2], p[2:, 1:-1] - p[:-2, 1:-1]
        return moved(u, u, v, px, 1.0), moved(v, u, v, py, 0.0), p

    return sum(x.sum() for x in fori_loop(0, steps, step, (u, v, p)))


def grids(n: int, steps: int, inner: int) -> Arguments:
    """A slow flow at random."""
    rng = np.random.default_rng(0)
    return *(0.1 * rng.random((n, n)) for _ in range(3)), steps, inner


def floyd_warshall(path: Any) -> Any:
    """All shortest paths."""
    path = path.copy()
    for k in range(len(path)):
        path[:] = np.minimum(path, np.add.outer(path[:, k], path[k, :]))
    return np.sum(path)


def floyd_warshall_loops(path: Any) -> Any:
    """Edge by edge."""
    path, n = path.copy(), len(path)
    for k in range(n):
        for i in range(n):
            for j in range(n):
                path[i, j] = min(path[i, j], path[i, k] + path[k, j])
    return np.sum(path)


def floyd_warshall_jax(path: Any) -> Any:
    """`fori_loop` over whole matrices."""
    import jax.numpy as jnp
    from jax.lax import fori_loop

    def step(k: Any, path: Any) -> Any:
        return jnp.minimum(path, path[:, k][:, None] + path[k])

    return fori_loop(0, len(path), step, path).sum()


def go_fast(a: Any) -> Any:
    """Numba's own example: a trace of hyperbolic tangents, added to all."""
    trace = 0.0
    for i in range(a.shape[0]):
        trace += np.tanh(a[i, i])
    return np.sum(a + trace)


def go_fast_jax(a: Any) -> Any:
    """`fori_loop` along the diagonal."""
    import jax.numpy as jnp
    from jax.lax import fori_loop

    trace = fori_loop(0, len(a), lambda i, trace: trace + jnp.tanh(a[i, i]), 0.0)
    return (a + trace).sum()


def nbody(mass: Any, x: Any, v: Any, steps: int) -> Any:
    """Leapfrog under gravity, softened; the kinetic energy at the end."""
    x, v = x.copy(), v.copy()
    for _ in range(steps):
        d = x[None, :, :] - x[:, None, :]
        inverse = (np.sum(d * d, axis=2) + 0.01) ** -1.5
        v += 0.01 * np.sum(d * (inverse * mass)[:, :, None], axis=1)
        x += 0.01 * v
    return 0.5 * np.sum(mass * np.sum(v * v, axis=1))


def nbody_loops(mass: Any, x: Any, v: Any, steps: int) -> Any:
    """Pair by pair."""
    x, v, n = x.copy(), v.copy(), len(mass)
    for _ in range(steps):
        for i in range(n):
            a, b, c = 0.0, 0.0, 0.0
            for j in range(n):
                d, e, f = x[j, 0] - x[i, 0], x[j, 1] - x[i, 1], x[j, 2] - x[i, 2]
                square = d * d + e * e + f * f + 0.01
                pull = mass[j] / (square * np.sqrt(square))
                a += pull * d
                b += pull * e
                c += pull * f
            v[i, 0] += 0.01 * a
            v[i, 1] += 0.01 * b
            v[i, 2] += 0.01 * c
        x += 0.01 * v
    return 0.5 * np.sum(mass * np.sum(v * v, axis=1))


def nbody_jax(mass: Any, x: Any, v: Any, steps: int) -> Any:
    """`fori_loop` over the steps."""
    from jax.lax import fori_loop

    def step(_: Any, state: Any) -> Any:
        x, v = state
        d = x[None, :, :] - x[:, None, :]
        inverse = ((d * d).sum(axis=2) + 0.01) ** -1.5
        v = v + 0.01 * (d * (inverse * mass)[:, :, None]).sum(axis=1)
        return x + 0.01 * v, v

    _, v = fori_loop(0, steps, step, (x, v))
    return 0.5 * (mass * (v * v).sum(axis=1)).sum()


def bodies(n: int, steps: int) -> Arguments:
    """n bodies at random."""
    rng = np.random.default_rng(0)
    return rng.random(n), rng.standard_normal((n, 3)), rng.standard_normal((n, 3)), steps


def square(n: int) -> Arguments:
    """An n x n matrix of numbers between 1 and 9."""
    return (np.random.default_rng(0).uniform(1.0, 9.0, (n, n)),)


PROGRAMS = {
    "cavity_flow": program(
        cavity_flow, grids,
        {"61 x 61, 25 steps of 5": (61, 25, 5), "50 steps of 20": (61, 50, 20)}, (6, 2, 3),
        by_loops=cavity_flow_loops, jax=cavity_flow_jax, argnums=(0, 1, 2),
    ),
    "floyd_warshall": program(
        floyd_warshall, square, {"n = 100": (100,), "n = 200": (200,)}, (5,),
        by_loops=floyd_warshall_loops, jax=floyd_warshall_jax,
    ),
    "go_fast": program(
        go_fast, square, {"n = 1,000": (1000,), "n = 2,000": (2000,)}, (5,),
        by_loops=go_fast, jax=go_fast_jax,
    ),
    "nbody": program(
        nbody, bodies, {"25 bodies, 50 steps": (25, 50), "100 steps": (25, 100)}, (4, 3),
        by_loops=nbody_loops, jax=nbody_jax, argnums=(0, 1, 2),
    ),
}  # fmt: skip
