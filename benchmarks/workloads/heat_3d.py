"""The heat equation in space, explicit, two grids taking turns (PolyBench, NPBench).

A point gains an eighth of its second difference along each axis. Value: |A|^2 / 2."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.workload import Arguments, Size, Workload, no_assignment


def flow(A: Any) -> Any:
    """The new values of the inner points: 6/8 cancel to 2/8."""
    return 0.25 * A[1:-1, 1:-1, 1:-1] + 0.125 * (
        A[2:, 1:-1, 1:-1]
        + A[:-2, 1:-1, 1:-1]
        + A[1:-1, 2:, 1:-1]
        + A[1:-1, :-2, 1:-1]
        + A[1:-1, 1:-1, 2:]
        + A[1:-1, 1:-1, :-2]
    )


def function(np: Any, A: Any, B: Any, steps: int) -> Any:
    """In place."""
    A, B = np.copy(A), np.copy(B)
    for _ in range(1, steps):
        B[1:-1, 1:-1, 1:-1] = flow(A)
        A[1:-1, 1:-1, 1:-1] = flow(B)
    return 0.5 * np.sum(A * A)


def jax(np: Any, A: Any, B: Any, steps: int) -> Any:
    """`lax.scan` over functional updates."""
    from jax.lax import scan

    def step(state: Any, _: None) -> Any:
        A, B = state
        B = B.at[1:-1, 1:-1, 1:-1].set(flow(A))
        return (A.at[1:-1, 1:-1, 1:-1].set(flow(B)), B), None

    (A, _), _ = scan(step, (A, B), None, steps - 1)
    return 0.5 * np.sum(A * A)


def spread(source: Any, target: Any) -> None:
    """The transpose of target[inner] = flow(source), in place."""
    part = 0.125 * target[1:-1, 1:-1, 1:-1]
    target[1:-1, 1:-1, 1:-1] = 0.0
    source[1:-1, 1:-1, 1:-1] += 2.0 * part
    source[2:, 1:-1, 1:-1] += part
    source[:-2, 1:-1, 1:-1] += part
    source[1:-1, 2:, 1:-1] += part
    source[1:-1, :-2, 1:-1] += part
    source[1:-1, 1:-1, 2:] += part
    source[1:-1, 1:-1, :-2] += part


def gradient(A: Any, B: Any, steps: int) -> tuple[Any, ...]:
    """The transposed steps in reverse order."""
    d_A, d_B = A.copy(), B.copy()
    for _ in range(1, steps):
        d_B[1:-1, 1:-1, 1:-1] = flow(d_A)
        d_A[1:-1, 1:-1, 1:-1] = flow(d_B)
    value = 0.5 * np.vdot(d_A, d_A)
    d_B[...] = 0.0
    for _ in range(1, steps):
        spread(d_B, d_A)
        spread(d_A, d_B)
    return value, d_A, d_B


def loops() -> Callable[..., Any]:
    """`gradient`, point by point."""
    import numba

    @numba.njit(cache=True)
    def forwards(A: Any, B: Any) -> None:
        for i in range(1, A.shape[0] - 1):
            for j in range(1, A.shape[1] - 1):
                for k in range(1, A.shape[2] - 1):
                    total = A[i - 1, j, k] + A[i + 1, j, k] + A[i, j - 1, k] + A[i, j + 1, k]
                    total += A[i, j, k - 1] + A[i, j, k + 1] + 2.0 * A[i, j, k]
                    B[i, j, k] = 0.125 * total

    @numba.njit(cache=True)
    def backwards(source: Any, target: Any) -> None:
        for i in range(1, target.shape[0] - 1):
            for j in range(1, target.shape[1] - 1):
                for k in range(1, target.shape[2] - 1):
                    part = 0.125 * target[i, j, k]
                    target[i, j, k] = 0.0
                    source[i, j, k] += 2.0 * part
                    source[i - 1, j, k] += part
                    source[i + 1, j, k] += part
                    source[i, j - 1, k] += part
                    source[i, j + 1, k] += part
                    source[i, j, k - 1] += part
                    source[i, j, k + 1] += part

    @numba.njit(cache=True)
    def compiled(A: Any, B: Any, steps: int) -> Any:
        d_A, d_B = A.copy(), B.copy()
        for _ in range(1, steps):
            forwards(d_A, d_B)
            forwards(d_B, d_A)
        value = 0.0
        for x in d_A.flat:
            value += 0.5 * x * x
        d_B[...] = 0.0
        for _ in range(1, steps):
            backwards(d_B, d_A)
            backwards(d_A, d_B)
        return value, d_A, d_B

    return compiled


def primal() -> Callable[..., Any]:
    """The function alone, point by point."""
    import numba

    @numba.njit(cache=True)
    def compiled(A: Any, B: Any, steps: int) -> Any:
        A, B = A.copy(), B.copy()
        for _ in range(1, steps):
            for x, y in ((A, B), (B, A)):
                for i in range(1, x.shape[0] - 1):
                    for j in range(1, x.shape[1] - 1):
                        for k in range(1, x.shape[2] - 1):
                            around = x[i - 1, j, k] + x[i + 1, j, k] + x[i, j - 1, k]
                            around += x[i, j + 1, k] + x[i, j, k - 1] + x[i, j, k + 1]
                            y[i, j, k] = 0.25 * x[i, j, k] + 0.125 * around
        return 0.5 * np.sum(A * A)

    return compiled


def make(steps: int, n: int) -> Arguments:
    """Two n x n x n grids."""
    rng = np.random.default_rng(0)
    return rng.standard_normal((n, n, n)), rng.standard_normal((n, n, n)), steps


WORKLOAD = Workload(
    function,
    make,
    sizes=[
        Size("25 steps, 25 x 25 x 25", (25, 25), ahead={"jax": 1.0}),
        Size("50 steps", (50, 25), only_first_result=True),
    ],
    tiny=(3, 4),
    argnums=(0, 1),
    gradient=gradient,
    loops=loops,
    primal=primal,
    variants={**no_assignment("torch"), "jax": jax},
)
