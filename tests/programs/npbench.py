"""Programs of NPBench from their definitions, in the NumPy of their users: loops, arrays written in
place, arguments overwritten."""

from __future__ import annotations

from typing import Any

import numpy as np


def gemm(alpha: Any, beta: Any, C: Any, A: Any, B: Any) -> None:
    C[:] = alpha * A @ B + beta * C


def k2mm(alpha: Any, beta: Any, A: Any, B: Any, C: Any, D: Any) -> None:
    D[:] = alpha * A @ B @ C + beta * D


def atax(A: Any, x: Any) -> Any:
    return (A @ x) @ A


def bicg(A: Any, p: Any, r: Any) -> Any:
    return r @ A, A @ p


def mvt(x1: Any, x2: Any, y_1: Any, y_2: Any, A: Any) -> None:
    x1 += A @ y_1
    x2 += y_2 @ A


def syrk(alpha: Any, beta: Any, C: Any, A: Any) -> None:
    for i in range(A.shape[0]):
        C[i, : i + 1] *= beta
        for k in range(A.shape[1]):
            C[i, : i + 1] += alpha * A[i, k] * A[: i + 1, k]


def jacobi_1d(TSTEPS: int, A: Any, B: Any) -> None:
    for _ in range(1, TSTEPS):
        B[1:-1] = 0.33333 * (A[:-2] + A[1:-1] + A[2:])
        A[1:-1] = 0.33333 * (B[:-2] + B[1:-1] + B[2:])


def jacobi_2d(TSTEPS: int, A: Any, B: Any) -> None:
    def relax(target: Any, source: Any) -> None:
        target[1:-1, 1:-1] = 0.2 * (
            source[1:-1, 1:-1]
            + source[1:-1, :-2]
            + source[1:-1, 2:]
            + source[2:, 1:-1]
            + source[:-2, 1:-1]
        )

    for _ in range(1, TSTEPS):
        relax(B, A)
        relax(A, B)


def heat_3d(TSTEPS: int, A: Any, B: Any) -> None:
    inner = (slice(1, -1),) * 3

    def relax(target: Any, source: Any) -> None:
        mid = source[inner]
        total = mid.copy()
        for axis in range(3):
            low, high = list(inner), list(inner)
            low[axis], high[axis] = slice(0, -2), slice(2, None)
            total += 0.125 * (source[tuple(high)] - 2.0 * mid + source[tuple(low)])
        target[inner] = total

    for _ in range(1, TSTEPS):
        relax(B, A)
        relax(A, B)


def cholesky(A: Any) -> None:
    for i in range(A.shape[0]):
        for j in range(i):
            A[i, j] -= np.dot(A[i, :j], A[j, :j])
            A[i, j] /= A[j, j]
        A[i, i] -= np.dot(A[i, :i], A[i, :i])
        A[i, i] = np.sqrt(A[i, i])


def lu(A: Any) -> None:
    n = A.shape[0]
    for i in range(n):
        for j in range(i):
            for k in range(j):
                A[i, j] -= A[i, k] * A[k, j]
            A[i, j] /= A[j, j]
        for j in range(i, n):
            for k in range(i):
                A[i, j] -= A[i, k] * A[k, j]


def trisolv(L: Any, x: Any, b: Any) -> None:
    for i in range(L.shape[0]):
        x[i] = (b[i] - L[i, :i] @ x[:i]) / L[i, i]


def ludcmp(A: Any, b: Any) -> Any:
    n = A.shape[0]
    x, y = np.zeros_like(b), np.zeros(n)
    for i in range(n):
        for j in range(i):
            A[i, j] = (A[i, j] - A[i, :j] @ A[:j, j]) / A[j, j]
        for j in range(i, n):
            A[i, j] -= A[i, :i] @ A[:i, j]
    for i in range(n):
        y[i] = b[i] - A[i, :i] @ y[:i]
    for i in range(n - 1, -1, -1):
        x[i] = (y[i] - A[i, i + 1 :] @ x[i + 1 :]) / A[i, i]
    return x, y


def deriche(alpha: Any, imgIn: Any) -> Any:
    k = (1.0 - np.exp(-alpha)) ** 2 / (1.0 + alpha * np.exp(-alpha) - np.exp(2.0 * alpha))
    a1 = a5 = k
    a2 = a6 = k * np.exp(-alpha) * (alpha - 1.0)
    a3 = a7 = k * np.exp(-alpha) * (alpha + 1.0)
    a4 = a8 = -k * np.exp(-2.0 * alpha)
    b1, b2 = 2.0**-alpha, -np.exp(-2.0 * alpha)

    def recursive(x: Any, before: Any, after: Any) -> Any:
        columns = x.shape[1]
        forward, backward = np.empty_like(x), np.empty_like(x)
        forward[:, 0] = before[0] * x[:, 0]
        forward[:, 1] = before[0] * x[:, 1] + before[1] * x[:, 0] + b1 * forward[:, 0]
        for j in range(2, columns):
            forward[:, j] = (
                before[0] * x[:, j]
                + before[1] * x[:, j - 1]
                + b1 * forward[:, j - 1]
                + b2 * forward[:, j - 2]
            )
        backward[:, -1] = 0.0
        backward[:, -2] = after[0] * x[:, -1]
        for j in range(columns - 3, -1, -1):
            backward[:, j] = (
                after[0] * x[:, j + 1]
                + after[1] * x[:, j + 2]
                + b1 * backward[:, j + 1]
                + b2 * backward[:, j + 2]
            )
        return forward + backward

    horizontal = recursive(imgIn, (a1, a2), (a3, a4))
    return recursive(horizontal.T, (a5, a6), (a7, a8)).T


def hdiff(in_field: Any, out_field: Any, coeff: Any) -> None:
    rows, columns = out_field.shape[:2]
    lap = 4.0 * in_field[1 : rows + 3, 1 : columns + 3] - (
        in_field[2 : rows + 4, 1 : columns + 3]
        + in_field[0 : rows + 2, 1 : columns + 3]
        + in_field[1 : rows + 3, 2 : columns + 4]
        + in_field[1 : rows + 3, 0 : columns + 2]
    )
    res = lap[1:, 1 : columns + 1] - lap[:-1, 1 : columns + 1]
    flx = np.where(
        res * (in_field[2 : rows + 3, 2 : columns + 2] - in_field[1 : rows + 2, 2 : columns + 2])
        > 0,
        0,
        res,
    )
    res = lap[1 : rows + 1, 1:] - lap[1 : rows + 1, :-1]
    fly = np.where(
        res * (in_field[2 : rows + 2, 2 : columns + 3] - in_field[2 : rows + 2, 1 : columns + 2])
        > 0,
        0,
        res,
    )
    out_field[:] = in_field[2 : rows + 2, 2 : columns + 2] - coeff * (
        flx[1:] - flx[:-1] + fly[:, 1:] - fly[:, :-1]
    )


def go_fast(a: Any) -> Any:
    trace = 0.0
    for i in range(a.shape[0]):
        trace += np.tanh(a[i, i])
    return a + trace


def softmax(x: Any) -> Any:
    shifted = np.exp(x - np.max(x, axis=-1, keepdims=True))
    shifted /= np.sum(shifted, axis=-1, keepdims=True)
    return shifted


def correlation(M: int, float_n: Any, data: Any) -> Any:
    mean = np.mean(data, axis=0)
    stddev = np.std(data, axis=0)
    stddev[stddev <= 0.1] = 1.0
    data -= mean
    data /= np.sqrt(float_n) * stddev
    corr = np.eye(M)
    for i in range(M - 1):
        corr[i, i + 1 : M] = data[:, i] @ data[:, i + 1 : M]
        corr[i + 1 : M, i] = corr[i, i + 1 : M]
    return corr
