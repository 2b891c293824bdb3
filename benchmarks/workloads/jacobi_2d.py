"""Jacobi's iteration on a plane, two grids taking turns (PolyBench; NPBench, Ziogas et al. 2021):
every inner point becomes the mean of itself and its four neighbours. Value: |A|^2 / 2."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.workload import Arguments, Size, Workload, no_assignment


def mean(A: Any) -> Any:
    """Of every inner point and its neighbours."""
    return 0.2 * (A[1:-1, 1:-1] + A[1:-1, :-2] + A[1:-1, 2:] + A[2:, 1:-1] + A[:-2, 1:-1])


def function(np: Any, A: Any, B: Any, steps: int) -> Any:
    """In place."""
    A, B = np.copy(A), np.copy(B)
    for _ in range(1, steps):
        B[1:-1, 1:-1] = mean(A)
        A[1:-1, 1:-1] = mean(B)
    return 0.5 * np.sum(A * A)


def jax(np: Any, A: Any, B: Any, steps: int) -> Any:
    """`lax.scan` over functional updates."""
    from jax.lax import scan

    def step(state: Any, _: None) -> Any:
        A, B = state
        B = B.at[1:-1, 1:-1].set(mean(A))
        return (A.at[1:-1, 1:-1].set(mean(B)), B), None

    (A, _), _ = scan(step, (A, B), None, steps - 1)
    return 0.5 * np.sum(A * A)


def spread(source: Any, target: Any) -> None:
    """The transpose of target[inner] = mean(source), in place: the adjoint moves to source."""
    part = 0.2 * target[1:-1, 1:-1]
    target[1:-1, 1:-1] = 0.0
    source[1:-1, 1:-1] += part
    source[1:-1, :-2] += part
    source[1:-1, 2:] += part
    source[2:, 1:-1] += part
    source[:-2, 1:-1] += part


def gradient(A: Any, B: Any, steps: int) -> tuple[Any, ...]:
    """A linear program needs no tape: the transposed steps in reverse order."""
    d_A, d_B = A.copy(), B.copy()
    for _ in range(1, steps):
        d_B[1:-1, 1:-1] = mean(d_A)
        d_A[1:-1, 1:-1] = mean(d_B)
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
                total = A[i, j] + A[i, j - 1] + A[i, j + 1] + A[i + 1, j] + A[i - 1, j]
                B[i, j] = 0.2 * total

    @numba.njit(cache=True)
    def backwards(source: Any, target: Any) -> None:
        for i in range(1, target.shape[0] - 1):
            for j in range(1, target.shape[1] - 1):
                part = 0.2 * target[i, j]
                target[i, j] = 0.0
                source[i, j] += part
                source[i, j - 1] += part
                source[i, j + 1] += part
                source[i + 1, j] += part
                source[i - 1, j] += part

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
            for source, target in ((A, B), (B, A)):
                for i in range(1, A.shape[0] - 1):
                    for j in range(1, A.shape[1] - 1):
                        around = source[i, j - 1] + source[i, j + 1]
                        around += source[i + 1, j] + source[i - 1, j]
                        target[i, j] = 0.2 * (source[i, j] + around)
        return 0.5 * np.sum(A * A)

    return compiled


def make(steps: int, n: int) -> Arguments:
    """Two n x n grids."""
    rng = np.random.default_rng(0)
    return rng.standard_normal((n, n)), rng.standard_normal((n, n)), steps


WORKLOAD = Workload(
    function,
    make,
    sizes=[
        Size("50 steps, 150 x 150", (50, 150), ahead={"jax": 1.0}),
        Size("100 steps", (100, 150), only_first_result=True),
    ],
    tiny=(3, 5),
    argnums=(0, 1),
    gradient=gradient,
    loops=loops,
    primal=primal,
    variants={**no_assignment("torch"), "jax": jax},
)
