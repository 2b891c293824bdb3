"""Linear algebra by loops: products, factorisations, sparse rows."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.programs.kernels.case import case


def matrices(rng: Any, *shapes: tuple[int, ...]) -> tuple[Any, ...]:
    return tuple(rng.random(shape) / max(shape) for shape in shapes)


@case(
    lambda rng, n: (1.5, 1.2, *matrices(rng, (n, n), *[(n,)] * 8)),
    small=(6,),
    large=(200,),
)
def gemver(
    alpha: Any, beta: Any, A: Any,
    u1: Any, v1: Any, u2: Any, v2: Any, w: Any, x: Any, y: Any, z: Any,
) -> None:  # fmt: skip
    A += np.outer(u1, v1) + np.outer(u2, v2)
    x += beta * y @ A + z
    w += alpha * A @ x


@case(lambda rng, n: (1.5, 1.2, *matrices(rng, (n, n), (n, n), (n,))), small=(6,), large=(200,))
def gesummv(alpha: Any, beta: Any, A: Any, B: Any, x: Any) -> Any:
    return alpha * A @ x + beta * B @ x


@case(
    lambda rng, n: matrices(rng, (n, n + 1), (n + 1, n + 2), (n + 2, n + 3), (n + 3, n)),
    small=(4,),
    large=(80,),
)
def k3mm(A: Any, B: Any, C: Any, D: Any) -> Any:
    return A @ B @ C @ D


@case(
    lambda rng, m, n: (1.5, 1.2, *matrices(rng, (m, n), (m, m), (m, n))),
    small=(18, 4),
    large=(40, 50),
)
def symm(alpha: Any, beta: Any, C: Any, A: Any, B: Any) -> None:
    temp2 = np.empty((C.shape[1],), dtype=C.dtype)
    C *= beta
    for i in range(C.shape[0]):
        for j in range(C.shape[1]):
            C[:i, j] += alpha * B[i, j] * A[i, :i]
            temp2[j] = B[:i, j] @ A[i, :i]
        C[i, :] += alpha * B[i, :] * A[i, i] + alpha * temp2


@case(
    lambda rng, n, m: (1.5, 1.2, *matrices(rng, (n, n), (n, m), (n, m))),
    small=(18, 4),
    large=(50, 40),
)
def syr2k(alpha: Any, beta: Any, C: Any, A: Any, B: Any) -> None:
    for i in range(A.shape[0]):
        C[i, : i + 1] *= beta
        for k in range(A.shape[1]):
            C[i, : i + 1] += A[: i + 1, k] * alpha * B[i, k] + B[: i + 1, k] * alpha * A[i, k]


@case(lambda rng, m, n: (1.5, *matrices(rng, (m, m), (m, n))), small=(18, 4), large=(40, 50))
def trmm(alpha: Any, A: Any, B: Any) -> None:
    for i in range(B.shape[0]):
        for j in range(B.shape[1]):
            B[i, j] += np.dot(A[i + 1 :, i], B[i + 1 :, j])
    B *= alpha


@case(lambda rng, m, n: (rng.random((m, n)) + np.eye(m, n),), small=(8, 5), large=(60, 40))
def gramschmidt(A: Any) -> Any:
    Q = np.zeros_like(A)
    R = np.zeros((A.shape[1], A.shape[1]), dtype=A.dtype)
    for k in range(A.shape[1]):
        nrm = np.dot(A[:, k], A[:, k])
        R[k, k] = np.sqrt(nrm)
        Q[:, k] = A[:, k] / R[k, k]
        for j in range(k + 1, A.shape[1]):
            R[k, j] = np.dot(Q[:, k], A[:, j])
            A[:, j] -= Q[:, k] * R[k, j]
    return Q, R


def definite(rng: Any, n: int) -> Any:
    B = rng.random((n, n))
    return B @ B.T / n + np.eye(n)


@case(lambda rng, n: (definite(rng, n),), small=(6,), large=(100,))
def cholesky2(A: Any) -> None:
    A[:] = np.linalg.cholesky(A) + np.triu(A, k=1)


@case(lambda rng, n: (definite(rng, n), rng.random(n)), small=(6,), large=(60,))
def conjugate_gradients(A: Any, b: Any) -> Any:
    A = 0.5 * (A + A.T)  # so that differences keep to what the method is for
    x = np.zeros_like(b)
    r = b - A @ x
    p = r.copy()
    rs = r @ r
    for _ in range(len(b)):
        Ap = A @ p
        alpha = rs / (p @ Ap)
        x += alpha * p
        r -= alpha * Ap
        new = r @ r
        if np.sqrt(new) < 1e-10:
            break
        p = r + (new / rs) * p
        rs = new
    return x


@case(lambda rng, n: (definite(rng, n), rng.random(n)), small=(20,), large=(60,))
def gauss_elimination(A: Any, b: Any) -> Any:
    n = b.size
    for k in range(n - 1):
        p = k + np.argmax(np.abs(A[k:, k]))
        if p != k:
            A[[k, p]] = A[[p, k]]
            b[k], b[p] = b[p], b[k]
        for i in range(k + 1, n):
            factor = A[i, k] / A[k, k]
            A[i, k:] -= factor * A[k, k:]
            b[i] -= factor * b[k]
    x = np.zeros(n, dtype=A.dtype)
    for i in reversed(range(n)):
        x[i] = (b[i] - np.sum(A[i, i + 1 :] * x[i + 1 :])) / A[i, i]
    return x


def sparse_rows(rng: Any, n: int, per_row: int) -> tuple[Any, ...]:
    counts = rng.integers(0, per_row, n)
    rows = np.concatenate([[0], np.cumsum(counts)]).astype(np.uint32)
    columns = rng.integers(0, n, rows[-1]).astype(np.uint32)
    return rows, columns, rng.random(rows[-1]), rng.random(n)


@case(sparse_rows, small=(20, 5), large=(2000, 20))
def spmv(A_row: Any, A_col: Any, A_val: Any, x: Any) -> Any:
    y = np.empty(A_row.size - 1, A_val.dtype)
    for i in range(A_row.size - 1):
        cols = A_col[A_row[i] : A_row[i + 1]]
        vals = A_val[A_row[i] : A_row[i + 1]]
        y[i] = vals @ x[cols]
    return y


@case(sparse_rows, small=(20, 5), large=(500, 20))
def spmv_by_element(indptr: Any, indices: Any, data: Any, x: Any) -> Any:
    y = np.zeros(len(indptr) - 1)
    for row in range(len(y)):
        for k in range(indptr[row], indptr[row + 1]):
            y[row] += data[k] * x[indices[k]]
    return y


@case(lambda rng, n: (*matrices(rng, (n, n), (n,)), 50), small=(6,), large=(60,))
def power_iteration(A: Any, x: Any, steps: Any) -> Any:
    for _ in range(steps):
        x = A @ x
        x /= np.linalg.norm(x)
    return x @ A @ x, x


@case(lambda rng, n: (rng.random((n, n)) + n * np.eye(n), rng.random(n)), small=(6,), large=(60,))
def jacobi_solver(A: Any, b: Any) -> Any:
    D = np.diag(A)
    R = A - np.diagflat(D)
    x = np.zeros(len(A[0]))
    for _ in range(60):
        x = (b - np.dot(R, x)) / D
    return x


@case(lambda rng, n: (definite(rng, n),), small=(5,), large=(30,))
def unshifted_qr(A: Any) -> Any:
    T = np.copy(A)
    for _ in range(3):
        Q, R = np.linalg.qr(T)
        T = R @ Q
    return np.diag(T)


@case(
    lambda rng, n, k: (
        rng.integers(0, n, 3 * n),
        rng.integers(0, n, 3 * n),
        rng.random((3 * n, k, k)),
        rng.random((n, k)),
    ),
    small=(8, 3),
    large=(300, 6),
)
def block_spmv(rows: Any, cols: Any, blocks: Any, x: Any) -> Any:
    """Blocks in coordinate form, as in DBCSR."""
    y = np.zeros_like(x)
    for b in range(rows.shape[0]):
        y[rows[b]] += blocks[b] @ x[cols[b]]
    return y
