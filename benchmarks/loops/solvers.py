"""Factorisations and recurrences, in place (PolyBench; NPBench, Ziogas et al. 2021).

The ports to JAX keep the outermost loop and replace what is inside by masked arrays."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.loops.program import program
from benchmarks.workload import Arguments


def lu(A: Any) -> Any:
    """A = L U, both in the place of A."""
    A = A.copy()
    for i in range(A.shape[0]):
        for j in range(i):
            A[i, j] -= A[i, :j] @ A[:j, j]
            A[i, j] /= A[j, j]
        for j in range(i, A.shape[0]):
            A[i, j] -= A[i, :i] @ A[:i, j]
    return np.sum(A)


def lu_loops(A: Any) -> Any:
    """Number by number."""
    A = A.copy()
    n = A.shape[0]
    for i in range(n):
        for j in range(i):
            for k in range(j):
                A[i, j] -= A[i, k] * A[k, j]
            A[i, j] /= A[j, j]
        for j in range(i, n):
            for k in range(i):
                A[i, j] -= A[i, k] * A[k, j]
    return np.sum(A)


def eliminated(A: Any) -> Any:
    """L U by columns of L and rows of U, for JAX."""
    import jax.numpy as jnp
    from jax.lax import fori_loop

    index = jnp.arange(A.shape[0])

    def step(k: Any, A: Any) -> Any:
        below = index > k
        factor = jnp.where(below, A[:, k] / A[k, k], 0.0)
        A = A - factor[:, None] * jnp.where(below, A[k], 0.0)
        return A.at[:, k].set(jnp.where(below, factor, A[:, k]))

    return fori_loop(0, A.shape[0], step, A)


def lu_jax(A: Any) -> Any:
    """Right-looking: an outer product a step."""
    return eliminated(A).sum()


def ludcmp(A: Any, b: Any) -> Any:
    """A x = b by the factorisation and two substitutions."""
    A, n = A.copy(), A.shape[0]
    x, y = np.zeros(n), np.zeros(n)
    for i in range(n):
        for j in range(i):
            A[i, j] = (A[i, j] - A[i, :j] @ A[:j, j]) / A[j, j]
        for j in range(i, n):
            A[i, j] -= A[i, :i] @ A[:i, j]
    for i in range(n):
        y[i] = b[i] - A[i, :i] @ y[:i]
    for i in range(n - 1, -1, -1):
        x[i] = (y[i] - A[i, i + 1 :] @ x[i + 1 :]) / A[i, i]
    return np.sum(x)


def ludcmp_loops(A: Any, b: Any) -> Any:
    """Number by number."""
    A, n = A.copy(), A.shape[0]
    x, y = np.zeros(n), np.zeros(n)
    for i in range(n):
        for j in range(i):
            w = A[i, j]
            for k in range(j):
                w -= A[i, k] * A[k, j]
            A[i, j] = w / A[j, j]
        for j in range(i, n):
            w = A[i, j]
            for k in range(i):
                w -= A[i, k] * A[k, j]
            A[i, j] = w
    for i in range(n):
        w = b[i]
        for j in range(i):
            w -= A[i, j] * y[j]
        y[i] = w
    for i in range(n - 1, -1, -1):
        w = y[i]
        for j in range(i + 1, n):
            w -= A[i, j] * x[j]
        x[i] = w / A[i, i]
    return np.sum(x)


def ludcmp_jax(A: Any, b: Any) -> Any:
    """Three loops of masked rows."""
    import jax.numpy as jnp
    from jax.lax import fori_loop

    A, n = eliminated(A), A.shape[0]
    L, U, zero = jnp.tril(A, -1), jnp.triu(A, 1), jnp.zeros(n)
    y = fori_loop(0, n, lambda i, y: y.at[i].set(b[i] - L[i] @ y), zero)

    def back(step: Any, x: Any) -> Any:
        i = n - 1 - step
        return x.at[i].set((y[i] - U[i] @ x) / A[i, i])

    return fori_loop(0, n, back, zero).sum()


def trisolv(L: Any, b: Any) -> Any:
    """L x = b for a triangle L."""
    x = np.zeros(len(b))
    for i in range(len(b)):
        x[i] = (b[i] - L[i, :i] @ x[:i]) / L[i, i]
    return np.sum(x)


def trisolv_loops(L: Any, b: Any) -> Any:
    """Number by number."""
    x = np.zeros(len(b))
    for i in range(len(b)):
        total = b[i]
        for j in range(i):
            total -= L[i, j] * x[j]
        x[i] = total / L[i, i]
    return np.sum(x)


def trisolv_jax(L: Any, b: Any) -> Any:
    """Whole rows: what x lacks is zero."""
    import jax.numpy as jnp
    from jax.lax import fori_loop

    def step(i: Any, x: Any) -> Any:
        return x.at[i].set((b[i] - L[i] @ x) / L[i, i])

    return fori_loop(0, len(b), step, jnp.zeros(len(b))).sum()


def durbin(r: Any) -> Any:
    """Levinson and Durbin's recursion for a Toeplitz system."""
    y = np.empty_like(r)
    alpha, beta = -r[0], 1.0
    y[0] = -r[0]
    for k in range(1, len(r)):
        beta *= 1.0 - alpha * alpha
        alpha = -(r[k] + np.dot(np.flip(r[:k]), y[:k])) / beta
        y[:k] += alpha * np.flip(y[:k])
        y[k] = alpha
    return np.sum(y)


def durbin_loops(r: Any) -> Any:
    """Number by number."""
    y, z = np.empty_like(r), np.empty_like(r)
    alpha, beta = -r[0], 1.0
    y[0] = -r[0]
    for k in range(1, len(r)):
        beta *= 1.0 - alpha * alpha
        total = r[k]
        for i in range(k):
            total += r[k - i - 1] * y[i]
        alpha = -total / beta
        for i in range(k):
            z[i] = y[i] + alpha * y[k - i - 1]
        for i in range(k):
            y[i] = z[i]
        y[k] = alpha
    return np.sum(y)


def durbin_jax(r: Any) -> Any:
    """Whole rows: y is zero beyond k, and turned by a roll."""
    import jax.numpy as jnp
    from jax.lax import fori_loop

    n = len(r)

    def step(k: Any, state: Any) -> Any:
        y, alpha, beta = state
        beta = beta * (1.0 - alpha * alpha)
        turned = jnp.roll(y[::-1], k - n)
        alpha = -(r[k] + r @ turned) / beta
        return (y + alpha * turned).at[k].set(alpha), alpha, beta

    start = (jnp.zeros(n).at[0].set(-r[0]), -r[0], jnp.ones(()))
    return fori_loop(1, n, step, start)[0].sum()


def dominant(n: int) -> Any:
    """A matrix with a large diagonal."""
    return np.random.default_rng(0).standard_normal((n, n)) + n * np.eye(n)


def with_right_side(n: int) -> Arguments:
    """A system of equations."""
    return dominant(n), np.random.default_rng(1).standard_normal(n)


def correlations(n: int) -> Arguments:
    """Small ones, so that the recursion is stable."""
    return (np.random.default_rng(0).uniform(-1.0, 1.0, n) / n,)


PROGRAMS = {
    "lu": program(
        lu, lambda n: (dominant(n),), {"n = 60": (60,), "n = 120": (120,)}, (5,),
        by_loops=lu_loops, jax=lu_jax,
    ),
    "ludcmp": program(
        ludcmp, with_right_side, {"n = 60": (60,), "n = 120": (120,)}, (5,),
        by_loops=ludcmp_loops, jax=ludcmp_jax, argnums=(0, 1),
    ),
    "trisolv": program(
        trisolv, with_right_side, {"n = 1,000": (1000,), "n = 2,000": (2000,)}, (5,),
        by_loops=trisolv_loops, jax=trisolv_jax, argnums=(0, 1),
    ),
    "durbin": program(
        durbin, correlations, {"n = 1,000": (1000,), "n = 2,000": (2000,)}, (5,),
        by_loops=durbin_loops, jax=durbin_jax,
    ),
}  # fmt: skip
