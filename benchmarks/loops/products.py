"""Products of triangular, symmetric and sparse matrices row by row (PolyBench; NPBench, Ziogas et
al. 2021). The ports to JAX keep the loop over rows."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.loops.program import program
from benchmarks.workload import Arguments


def syrk(C: Any, A: Any, alpha: float, beta: float) -> Any:
    """The lower triangle of alpha A A^T + beta C."""
    C = C.copy()
    for i in range(A.shape[0]):
        C[i, : i + 1] *= beta
        for k in range(A.shape[1]):
            C[i, : i + 1] += alpha * A[i, k] * A[: i + 1, k]
    return np.sum(C)


def syrk_loops(C: Any, A: Any, alpha: float, beta: float) -> Any:
    """Number by number."""
    C = C.copy()
    for i in range(A.shape[0]):
        for j in range(i + 1):
            C[i, j] *= beta
        for k in range(A.shape[1]):
            for j in range(i + 1):
                C[i, j] += alpha * A[i, k] * A[j, k]
    return np.sum(C)


def syrk_jax(C: Any, A: Any, alpha: float, beta: float) -> Any:
    """A matrix-vector product a row."""
    import jax.numpy as jnp
    from jax.lax import scan

    index = jnp.arange(len(C))

    def row(_: Any, given: Any) -> Any:
        i, c, a = given
        return None, jnp.where(index <= i, beta * c + alpha * (A @ a), c)

    return scan(row, None, (index, C, A))[1].sum()


def syr2k(C: Any, A: Any, B: Any, alpha: float, beta: float) -> Any:
    """The lower triangle of alpha (A B^T + B A^T) + beta C."""
    C = C.copy()
    for i in range(A.shape[0]):
        C[i, : i + 1] *= beta
        for k in range(A.shape[1]):
            C[i, : i + 1] += A[: i + 1, k] * alpha * B[i, k] + B[: i + 1, k] * alpha * A[i, k]
    return np.sum(C)


def syr2k_loops(C: Any, A: Any, B: Any, alpha: float, beta: float) -> Any:
    """Number by number."""
    C = C.copy()
    for i in range(A.shape[0]):
        for j in range(i + 1):
            C[i, j] *= beta
        for k in range(A.shape[1]):
            for j in range(i + 1):
                C[i, j] += A[j, k] * alpha * B[i, k] + B[j, k] * alpha * A[i, k]
    return np.sum(C)


def syr2k_jax(C: Any, A: Any, B: Any, alpha: float, beta: float) -> Any:
    """Two matrix-vector products a row."""
    import jax.numpy as jnp
    from jax.lax import scan

    index = jnp.arange(len(C))

    def row(_: Any, given: Any) -> Any:
        i, c, a, b = given
        return None, jnp.where(index <= i, beta * c + alpha * (A @ b + B @ a), c)

    return scan(row, None, (index, C, A, B))[1].sum()


def trmm(A: Any, B: Any, alpha: float) -> Any:
    """alpha A^T B for a triangle A with ones on its diagonal, in place."""
    B = B.copy()
    for i in range(B.shape[0]):
        for j in range(B.shape[1]):
            B[i, j] += np.dot(A[i + 1 :, i], B[i + 1 :, j])
    B *= alpha
    return np.sum(B)


def trmm_loops(A: Any, B: Any, alpha: float) -> Any:
    """Number by number."""
    B = B.copy()
    for i in range(B.shape[0]):
        for j in range(B.shape[1]):
            for k in range(i + 1, B.shape[0]):
                B[i, j] += A[k, i] * B[k, j]
            B[i, j] *= alpha
    return np.sum(B)


def trmm_jax(A: Any, B: Any, alpha: float) -> Any:
    """A matrix-vector product a row."""
    import jax.numpy as jnp
    from jax.lax import fori_loop

    below = jnp.tril(A, -1)
    B = fori_loop(0, len(B), lambda i, B: B.at[i].add(below[:, i] @ B), B)
    return alpha * B.sum()


def symm(C: Any, A: Any, B: Any, alpha: float, beta: float) -> Any:
    """alpha A B + beta C for a symmetric A, of which the lower triangle is stored."""
    C, part = beta * C, np.empty(C.shape[1])
    for i in range(C.shape[0]):
        for j in range(C.shape[1]):
            C[:i, j] += alpha * B[i, j] * A[i, :i]
            part[j] = B[:i, j] @ A[i, :i]
        C[i, :] += alpha * B[i, :] * A[i, i] + alpha * part
    return np.sum(C)


def symm_loops(C: Any, A: Any, B: Any, alpha: float, beta: float) -> Any:
    """Number by number."""
    C = C.copy()
    for i in range(C.shape[0]):
        for j in range(C.shape[1]):
            part = 0.0
            for k in range(i):
                C[k, j] += alpha * B[i, j] * A[i, k]
                part += B[k, j] * A[i, k]
            C[i, j] = beta * C[i, j] + alpha * B[i, j] * A[i, i] + alpha * part
    return np.sum(C)


def symm_jax(C: Any, A: Any, B: Any, alpha: float, beta: float) -> Any:
    """An outer product and a matrix-vector product a row."""
    import jax.numpy as jnp
    from jax.lax import fori_loop

    below = jnp.tril(A, -1)

    def row(i: Any, C: Any) -> Any:
        C = C + alpha * below[i][:, None] * B[i]
        return C.at[i].add(alpha * (B[i] * A[i, i] + below[i] @ B))

    return fori_loop(0, len(C), row, beta * C).sum()


def covariance(data: Any) -> Any:
    """Of the columns, row by row of the result."""
    n, m = data.shape
    data = data - np.mean(data, axis=0)
    cov = np.zeros((m, m))
    for i in range(m):
        cov[i:m, i] = data[:, i] @ data[:, i:m] / (n - 1.0)
        cov[i, i:m] = cov[i:m, i]
    return np.sum(cov)


def covariance_loops(data: Any) -> Any:
    """Number by number."""
    n, m = data.shape
    data, cov = data.copy(), np.zeros((m, m))
    for j in range(m):
        mean = 0.0
        for i in range(n):
            mean += data[i, j]
        mean /= n
        for i in range(n):
            data[i, j] -= mean
    for i in range(m):
        for k in range(n):
            for j in range(i, m):
                cov[i, j] += data[k, i] * data[k, j]
        for j in range(i, m):
            cov[i, j] /= n - 1.0
            cov[j, i] = cov[i, j]
    return np.sum(cov)


def covariance_jax(data: Any) -> Any:
    """A matrix-vector product a row."""
    import jax.numpy as jnp
    from jax.lax import fori_loop

    n, m = data.shape
    data = data - data.mean(axis=0)
    index = jnp.arange(m)

    def row(i: Any, cov: Any) -> Any:
        found = data[:, i] @ data / (n - 1.0)
        cov = cov.at[:, i].set(jnp.where(index >= i, found, cov[:, i]))
        return cov.at[i].set(jnp.where(index >= i, found, cov[i]))

    return fori_loop(0, m, row, jnp.zeros((m, m))).sum()


def spmv(values: Any, x: Any, columns: Any, starts: Any) -> Any:
    """A sparse matrix, stored by rows, times a vector."""
    y = np.empty(len(starts) - 1)
    for i in range(len(starts) - 1):
        cols = columns[starts[i] : starts[i + 1]]
        y[i] = values[starts[i] : starts[i + 1]] @ x[cols]
    return np.sum(y)


def spmv_loops(values: Any, x: Any, columns: Any, starts: Any) -> Any:
    """Number by number."""
    y = np.empty(len(starts) - 1)
    for i in range(len(starts) - 1):
        total = 0.0
        for k in range(starts[i], starts[i + 1]):
            total += values[k] * x[columns[k]]
        y[i] = total
    return np.sum(y)


def spmv_jax(values: Any, x: Any, columns: Any, starts: Any) -> Any:
    """A sum over segments; there is no row of a length that only the run knows."""
    import jax.numpy as jnp
    from jax.ops import segment_sum

    rows = jnp.searchsorted(starts, jnp.arange(len(values)), side="right") - 1
    return segment_sum(values * x[columns], rows, len(starts) - 1).sum()


def scaled(*shapes: tuple[int, int]) -> Arguments:
    """Normal numbers over the longer extent."""
    rng = np.random.default_rng(0)
    return tuple(rng.standard_normal(shape) / max(shape) for shape in shapes)


def sparse(n: int, a_row: int) -> Arguments:
    """n rows of `a_row` numbers on average, at random places."""
    rng = np.random.default_rng(0)
    counts = rng.integers(0, 2 * a_row + 1, n)
    starts = np.concatenate([[0], np.cumsum(counts)])
    columns = rng.integers(0, n, starts[-1])
    return rng.standard_normal(starts[-1]), rng.standard_normal(n), columns, starts


PROGRAMS = {
    "syrk": program(
        syrk, lambda n, m: (*scaled((n, n), (n, m)), 1.5, 1.2),
        {"70 x 50": (70, 50), "140 x 100": (140, 100)}, (5, 4),
        by_loops=syrk_loops, jax=syrk_jax, argnums=(0, 1),
    ),
    "syr2k": program(
        syr2k, lambda n, m: (*scaled((n, n), (n, m), (n, m)), 1.5, 1.2),
        {"50 x 35": (50, 35), "100 x 70": (100, 70)}, (5, 4),
        by_loops=syr2k_loops, jax=syr2k_jax, argnums=(0, 1, 2),
    ),
    "trmm": program(
        trmm, lambda m, n: (*scaled((m, m), (m, n)), 1.5),
        {"65 x 80": (65, 80), "130 x 160": (130, 160)}, (5, 4),
        by_loops=trmm_loops, jax=trmm_jax, argnums=(0, 1),
    ),
    "symm": program(
        symm, lambda m, n: (*scaled((m, n), (m, m), (m, n)), 1.5, 1.2),
        {"40 x 50": (40, 50), "80 x 100": (80, 100)}, (5, 4),
        by_loops=symm_loops, jax=symm_jax, argnums=(0, 1, 2),
    ),
    "covariance": program(
        covariance, lambda n, m: (np.random.default_rng(0).standard_normal((n, m)),),
        {"600 x 100": (600, 100), "600 x 200": (600, 200)}, (6, 4),
        by_loops=covariance_loops, jax=covariance_jax,
    ),
    "spmv": program(
        spmv, sparse, {"4,096 rows of 4": (4096, 4), "8,192 rows": (8192, 4)}, (6, 2),
        by_loops=spmv_loops, jax=spmv_jax, argnums=(0, 1),
    ),
}  # fmt: skip
