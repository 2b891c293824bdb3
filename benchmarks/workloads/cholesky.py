"""Cholesky's factorisation, row by row and in place (PolyBench, NPBench). Value: the sum of A."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.workload import Arguments, Size, Workload, no_assignment


def function(np: Any, A: Any, n: int) -> Any:
    """NPBench's loops; what stands above the diagonal stays."""
    A = np.copy(A)
    A[0, 0] = np.sqrt(A[0, 0])
    for i in range(1, n):
        for j in range(i):
            A[i, j] -= A[i, :j] @ A[j, :j]
            A[i, j] /= A[j, j]
        A[i, i] -= A[i, :i] @ A[i, :i]
        A[i, i] = np.sqrt(A[i, i])
    return np.sum(A)


def jax(np: Any, A: Any, n: int) -> Any:
    """Column by column: a matrix-vector product a step, masked, in a `lax.scan`."""
    import jax.numpy as jnp
    from jax.lax import scan

    below = jnp.tril(jnp.ones((n, n)))

    def step(L: Any, j: Any) -> Any:
        column = (A[:, j] - L @ L[j]) * below[:, j]
        return L.at[:, j].set(column / np.sqrt(column[j])), None

    L, _ = scan(step, jnp.zeros((n, n)), jnp.arange(n))
    return np.sum(L) + np.sum(jnp.triu(A, 1))


def casadi(np: Any, A: Any, n: int) -> Any:
    """Number by number."""
    A = type(A)(A)
    for i in range(n):
        for j in range(i + 1):
            for k in range(j):
                A[i, j] -= A[i, k] * A[j, k]
            A[i, j] = np.sqrt(A[i, i]) if i == j else A[i, j] / A[j, j]
    return np.sum(A)


def primal() -> Callable[..., Any]:
    """The function alone."""
    import numba

    @numba.njit(cache=True)
    def compiled(A: Any, n: int) -> Any:
        A = A.copy()
        for i in range(n):
            for j in range(i + 1):
                total = A[i, j]
                for k in range(j):
                    total -= A[i, k] * A[j, k]
                A[i, j] = np.sqrt(total) if i == j else total / A[j, j]
        return np.sum(A)

    return compiled


def make(n: int) -> Arguments:
    """A positive definite matrix."""
    X = np.random.default_rng(0).standard_normal((n, n))
    return X @ X.T / n + np.eye(n), n


WORKLOAD = Workload(
    function,
    make,
    sizes=[
        Size("n = 40", (40,), ahead={"jax": 1.0}),
        Size("n = 80", (80,), only_first_result=True),
    ],
    tiny=(4,),
    primal=primal,
    variants={**no_assignment(), "jax": jax, "casadi": casadi},
)
