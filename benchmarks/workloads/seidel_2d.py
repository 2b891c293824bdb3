"""Gauss-Seidel on a plane (PolyBench, NPBench): every inner point in turn becomes the mean of its
neighbourhood, the new values of those before it included. Value: |A|^2 / 2."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.workload import Arguments, Size, Workload, no_assignment


def function(np: Any, A: Any, steps: int, n: int) -> Any:
    """In place, rows as slices where no point waits for another, as NPBench has it."""
    A = np.copy(A)
    for _ in range(steps - 1):
        for i in range(1, n - 1):
            A[i, 1:-1] += (
                A[i - 1, :-2] + A[i - 1, 1:-1] + A[i - 1, 2:] + A[i, 2:]
                + A[i + 1, :-2] + A[i + 1, 1:-1] + A[i + 1, 2:]
            )  # fmt: skip
            for j in range(1, n - 1):
                A[i, j] += A[i, j - 1]
                A[i, j] /= 9.0
    return 0.5 * np.sum(A * A)


def jax(np: Any, A: Any, steps: int, n: int) -> Any:
    """Scans over sweeps, rows and points; a row needs the new one above and two old ones."""
    from jax.lax import scan

    def point(left: Any, part: Any) -> Any:
        new = (left + part) / 9.0
        return new, new

    def row(above: Any, rows: Any) -> Any:
        here, below = rows
        three = above[:-2] + above[1:-1] + above[2:] + below[:-2] + below[1:-1] + below[2:]
        _, inner = scan(point, here[0], three + here[1:-1] + here[2:])
        new = np.concatenate([here[:1], inner, here[-1:]])
        return new, new

    def sweep(A: Any, _: None) -> Any:
        _, inner = scan(row, A[0], (A[1:-1], A[2:]))
        return np.concatenate([A[:1], inner, A[-1:]]), None

    A, _ = scan(sweep, A, None, steps - 1)
    return 0.5 * np.sum(A * A)


def casadi(np: Any, A: Any, steps: int, n: int) -> Any:
    """Point by point."""
    A = type(A)(A)
    for _ in range(steps - 1):
        for i in range(1, n - 1):
            for j in range(1, n - 1):
                rows = [A[k, j - 1] + A[k, j] + A[k, j + 1] for k in (i - 1, i, i + 1)]
                A[i, j] = (rows[0] + rows[1] + rows[2]) / 9.0
    return 0.5 * np.sum(A * A)


def loops() -> Callable[..., Any]:
    """The transposed steps in reverse order."""
    import numba

    @numba.njit(cache=True)
    def compiled(A: Any, steps: int, n: int) -> Any:
        d_A = A.copy()
        for _ in range(steps - 1):
            for i in range(1, n - 1):
                for j in range(1, n - 1):
                    total = 0.0
                    for k in range(i - 1, i + 2):
                        total += d_A[k, j - 1] + d_A[k, j] + d_A[k, j + 1]
                    d_A[i, j] = total / 9.0
        value = 0.5 * np.sum(d_A * d_A)
        for _ in range(steps - 1):
            for i in range(n - 2, 0, -1):
                for j in range(n - 2, 0, -1):
                    part = d_A[i, j] / 9.0
                    d_A[i, j] = 0.0
                    for k in range(i - 1, i + 2):
                        d_A[k, j - 1] += part
                        d_A[k, j] += part
                        d_A[k, j + 1] += part
        return value, d_A

    return compiled


def primal() -> Callable[..., Any]:
    """The function alone, point by point."""
    import numba

    @numba.njit(cache=True)
    def compiled(A: Any, steps: int, n: int) -> Any:
        A = A.copy()
        for _ in range(steps - 1):
            for i in range(1, n - 1):
                for j in range(1, n - 1):
                    above = A[i - 1, j - 1] + A[i - 1, j] + A[i - 1, j + 1]
                    here = A[i, j - 1] + A[i, j] + A[i, j + 1]
                    below = A[i + 1, j - 1] + A[i + 1, j] + A[i + 1, j + 1]
                    A[i, j] = (above + here + below) / 9.0
        return 0.5 * np.sum(A * A)

    return compiled


def make(steps: int, n: int) -> Arguments:
    """An n x n grid."""
    return np.random.default_rng(0).standard_normal((n, n)), steps, n


WORKLOAD = Workload(
    function,
    make,
    sizes=[
        Size("8 steps, 50 x 50", (8, 50), ahead={"jax": 1.0}),
        Size("16 steps, 100 x 100", (16, 100), only_first_result=True),
    ],
    tiny=(3, 5),
    loops=loops,
    primal=primal,
    variants={**no_assignment(), "jax": jax, "casadi": casadi},
)
