"""Gram and Schmidt's orthogonalisation (PolyBench, NPBench). Value: sum of Q plus sum of R."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.workload import Arguments, Size, Workload, no_assignment


def function(np: Any, A: Any, m: int, n: int) -> Any:
    """NPBench's loops, in place."""
    A, Q, R = np.copy(A), np.zeros((m, n)), np.zeros((n, n))
    for k in range(n):
        R[k, k] = np.sqrt(A[:, k] @ A[:, k])
        Q[:, k] = A[:, k] / R[k, k]
        for j in range(k + 1, n):
            R[k, j] = Q[:, k] @ A[:, j]
            A[:, j] -= Q[:, k] * R[k, j]
    return np.sum(Q) + np.sum(R)


def jax(np: Any, A: Any, m: int, n: int) -> Any:
    """All later columns at once, masked, in a `lax.scan`."""
    import jax.numpy as jnp
    from jax.lax import scan

    def step(A: Any, k: Any) -> Any:
        norm = np.sqrt(A[:, k] @ A[:, k])
        q = A[:, k] / norm
        r = np.where(jnp.arange(n) > k, q @ A, 0.0)
        return A - q[:, None] * r, np.sum(q) + np.sum(r) + norm

    return np.sum(scan(step, A, jnp.arange(n))[1])


def casadi(np: Any, A: Any, m: int, n: int) -> Any:
    """Column by column."""
    columns, total = [A[:, j] for j in range(n)], 0.0
    for k in range(n):
        norm = np.sqrt(columns[k].T @ columns[k])
        q = columns[k] / norm
        total += norm + np.sum(q)
        for j in range(k + 1, n):
            r = q.T @ columns[j]
            total += r
            columns[j] = columns[j] - q * r
    return total


def primal() -> Callable[..., Any]:
    """The function alone."""
    import numba

    @numba.njit(cache=True)
    def compiled(A: Any, m: int, n: int) -> Any:
        A, total = A.T.copy(), 0.0
        for k in range(n):
            norm = np.sqrt(np.sum(A[k] * A[k]))
            q = A[k] / norm
            total += norm + np.sum(q)
            for j in range(k + 1, n):
                r = np.sum(q * A[j])
                total += r
                A[j] -= q * r
        return total

    return compiled


def make(m: int, n: int) -> Arguments:
    """n columns of m normal numbers."""
    return np.random.default_rng(0).standard_normal((m, n)), m, n


WORKLOAD = Workload(
    function,
    make,
    sizes=[
        Size("30 x 20", (30, 20), ahead={"jax": 1.0}),
        Size("60 x 40", (60, 40), only_first_result=True),
    ],
    tiny=(4, 3),
    primal=primal,
    variants={**no_assignment(), "jax": jax, "casadi": casadi},
)
