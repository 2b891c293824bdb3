"""Stencils, dynamic programming and statistics of PolyBench's list."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.programs.kernels.case import case


@case(lambda rng, t, n: (t, n, rng.random((n, n))), small=(2, 7), large=(20, 60))
def adi(TSTEPS: Any, N: Any, u: Any) -> None:
    v = np.empty(u.shape, dtype=u.dtype)
    p = np.empty(u.shape, dtype=u.dtype)
    q = np.empty(u.shape, dtype=u.dtype)
    DX = 1.0 / N
    DY = 1.0 / N
    DT = 1.0 / TSTEPS
    B1 = 2.0
    B2 = 1.0
    mul1 = B1 * DT / (DX * DX)
    mul2 = B2 * DT / (DY * DY)
    a = -mul1 / 2.0
    b = 1.0 + mul1
    c = a
    d = -mul2 / 2.0
    e = 1.0 + mul2
    f = d
    for _ in range(1, TSTEPS + 1):
        v[0, 1 : N - 1] = 1.0
        p[1 : N - 1, 0] = 0.0
        q[1 : N - 1, 0] = v[0, 1 : N - 1]
        for j in range(1, N - 1):
            p[1 : N - 1, j] = -c / (a * p[1 : N - 1, j - 1] + b)
            q[1 : N - 1, j] = (
                -d * u[j, 0 : N - 2]
                + (1.0 + 2.0 * d) * u[j, 1 : N - 1]
                - f * u[j, 2:N]
                - a * q[1 : N - 1, j - 1]
            ) / (a * p[1 : N - 1, j - 1] + b)
        v[N - 1, 1 : N - 1] = 1.0
        for j in range(N - 2, 0, -1):
            v[j, 1 : N - 1] = p[1 : N - 1, j] * v[j + 1, 1 : N - 1] + q[1 : N - 1, j]
        u[1 : N - 1, 0] = 1.0
        p[1 : N - 1, 0] = 0.0
        q[1 : N - 1, 0] = u[1 : N - 1, 0]
        for j in range(1, N - 1):
            p[1 : N - 1, j] = -f / (d * p[1 : N - 1, j - 1] + e)
            q[1 : N - 1, j] = (
                -a * v[0 : N - 2, j]
                + (1.0 + 2.0 * a) * v[1 : N - 1, j]
                - c * v[2:N, j]
                - d * q[1 : N - 1, j - 1]
            ) / (d * p[1 : N - 1, j - 1] + e)
        u[1 : N - 1, N - 1] = 1.0
        for j in range(N - 2, 0, -1):
            u[1 : N - 1, j] = p[1 : N - 1, j] * u[1 : N - 1, j + 1] + q[1 : N - 1, j]


@case(lambda rng, n: (rng.uniform(-0.1, 0.1, n),), small=(20,), large=(600,))
def durbin(r: Any) -> Any:
    y = np.empty_like(r)
    alpha = -r[0]
    beta = 1.0
    y[0] = -r[0]
    for k in range(1, r.shape[0]):
        beta *= 1.0 - alpha * alpha
        alpha = -(r[k] + np.dot(np.flip(r[:k]), y[:k])) / beta
        y[:k] += alpha * np.flip(y[:k])
        y[k] = alpha
    return y


@case(
    lambda rng, t, m, n: (t, *(rng.random((m, n)) for _ in range(3)), rng.random(t)),
    small=(5, 6, 7),
    large=(60, 100, 120),
)
def fdtd_2d(TMAX: Any, ex: Any, ey: Any, hz: Any, _fict_: Any) -> None:
    for t in range(TMAX):
        ey[0, :] = _fict_[t]
        ey[1:, :] -= 0.5 * (hz[1:, :] - hz[:-1, :])
        ex[:, 1:] -= 0.5 * (hz[:, 1:] - hz[:, :-1])
        hz[:-1, :-1] -= 0.7 * (ex[:-1, 1:] - ex[:-1, :-1] + ey[1:, :-1] - ey[:-1, :-1])


@case(lambda rng, n: (rng.uniform(1.0, 9.0, (n, n)),), small=(7,), large=(100,))
def floyd_warshall(path: Any) -> None:
    for k in range(path.shape[0]):
        path[:] = np.minimum(path[:], np.add.outer(path[:, k], path[k, :]))


@case(
    lambda rng, n: (rng.uniform(1.0, 9.0, (n, n)),),
    small=(6,),
    large=(60,),
)
def floyd_warshall_rows(path: Any) -> None:
    for k in range(path.shape[0]):
        for i in range(path.shape[0]):
            tmp = path[i, k] + path[k, :]
            cond = path[i, :] >= tmp
            path[i, cond] = tmp[cond]


def match(b1: Any, b2: Any) -> Any:
    if b1 + b2 == 3:
        return 1
    return 0


@case(lambda rng, n: (n, rng.integers(0, 4, n).astype(np.int32)), small=(18,), large=(60,))
def nussinov(N: Any, seq: Any) -> Any:
    table = np.zeros((N, N), np.int32)
    for i in range(N - 1, -1, -1):
        for j in range(i + 1, N):
            if j - 1 >= 0:
                table[i, j] = np.maximum(table[i, j], table[i, j - 1])
            if i + 1 < N:
                table[i, j] = np.maximum(table[i, j], table[i + 1, j])
            if j - 1 >= 0 and i + 1 < N:
                if i < j - 1:
                    table[i, j] = np.maximum(
                        table[i, j], table[i + 1, j - 1] + match(seq[i], seq[j])
                    )
                else:
                    table[i, j] = np.maximum(table[i, j], table[i + 1, j - 1])
            for k in range(i + 1, j):
                table[i, j] = np.maximum(table[i, j], table[i, k] + table[k + 1, j])
    return table


@case(lambda rng, n, m: (m, float(n), rng.random((n, m))), small=(9, 5), large=(200, 80))
def covariance(M: Any, float_n: Any, data: Any) -> Any:
    mean = np.mean(data, axis=0)
    data -= mean
    cov = np.zeros((M, M), dtype=data.dtype)
    for i in range(M):
        cov[i:M, i] = data[:, i] @ data[:, i:M] / (float_n - 1.0)
        cov[i, i:M] = cov[i:M, i]
    return cov


@case(lambda rng, n, m: (float(n), rng.random((n, m))), small=(9, 20), large=(200, 80))
def covariance2(float_n: Any, data: Any) -> Any:
    mean = np.sum(data, axis=0) / float_n
    data -= mean
    cov = np.zeros((data.shape[1], data.shape[1]), dtype=data.dtype)
    for i in range(data.shape[1]):
        for j in range(i, data.shape[1]):
            cov[i, j] = np.dot(data[:, i], data[:, j])
            cov[i, j] /= float_n - 1.0
            cov[j, i] = cov[i, j]
    return cov


@case(lambda rng, t, n: (t, n, rng.random((n, n))), small=(4, 6), large=(10, 60))
def seidel_2d(TSTEPS: Any, N: Any, A: Any) -> None:
    for _ in range(TSTEPS - 1):
        for i in range(1, N - 1):
            A[i, 1:-1] += (
                A[i - 1, :-2]
                + A[i - 1, 1:-1]
                + A[i - 1, 2:]
                + A[i, 2:]
                + A[i + 1, :-2]
                + A[i + 1, 1:-1]
                + A[i + 1, 2:]
            )
            for j in range(1, N - 1):
                A[i, j] += A[i, j - 1]
                A[i, j] /= 9.0


@case(lambda rng, t, n: (t, rng.random((n, n))), small=(20, 5), large=(20, 60))
def seidel_by_element(steps: np.int64, A: np.ndarray) -> None:
    """The sweep cell by cell, as in C."""
    n = len(A)
    for _ in range(steps):
        for i in range(1, n - 1):
            for j in range(1, n - 1):
                A[i, j] = (
                    A[i - 1, j - 1]
                    + A[i - 1, j]
                    + A[i - 1, j + 1]
                    + A[i, j - 1]
                    + A[i, j]
                    + A[i, j + 1]
                    + A[i + 1, j - 1]
                    + A[i + 1, j]
                    + A[i + 1, j + 1]
                ) / 9.0


@case(
    lambda rng, q, p: (q, q, p, rng.random((q, q, p)), rng.random((p, p))),
    small=(3, 4),
    large=(30, 40),
)
def doitgen(NR: Any, NQ: Any, NP: Any, A: Any, C4: Any) -> None:
    A[:] = np.reshape(np.reshape(A, (NR, NQ, 1, NP)) @ C4, (NR, NQ, NP))


@case(lambda rng, q, p: (rng.random((q, q, p)), rng.random((p, p))), small=(3, 4), large=(30, 40))
def doitgen_rows(A: Any, C4: Any) -> None:
    total = np.zeros(A.shape[2], dtype=A.dtype)
    for r in range(A.shape[0]):
        for q in range(A.shape[1]):
            for p in range(A.shape[2]):
                total[p] = 0.0
                total[p] += np.dot(A[r, q, :], C4[:, p])
            A[r, q, :] = total
