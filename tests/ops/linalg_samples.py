"""Samples of linear algebra: well-conditioned stacks of matrices, real and complex."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.ops.samples import C128, F32, F64, Array, draw, sampled


def matrices(*shape: int, dtype: Any = F64, seed: int = 0) -> Array:
    """Random matrices."""
    return draw(shape, dtype, -1.5, 1.5, seed)


def regular(*shape: int, dtype: Any = F64, seed: int = 0) -> Array:
    """Square matrices far from singular ones."""
    return matrices(*shape, dtype=dtype, seed=seed) + (2.5 * np.eye(shape[-1])).astype(dtype)


def definite(*shape: int, dtype: Any = F64, seed: int = 0) -> Array:
    """Positive definite Hermitian matrices."""
    x = matrices(*shape, dtype=dtype, seed=seed)
    return (x @ np.conj(np.swapaxes(x, -1, -2)) + np.eye(shape[-1])).astype(dtype)


def spread(*shape: int, dtype: Any = F64) -> Array:
    """Matrices with singular values 1, 2, 3, ..."""
    u, s, vh = np.linalg.svd(matrices(*shape, dtype=dtype), full_matrices=False)
    values = np.arange(s.shape[-1], 0, -1)
    return ((u * values) @ vh).astype(dtype)


LEADS: tuple[tuple[int, ...], ...] = ((), (2,), (2, 1))
for dtype in (F64, F32, C128):
    for lead in LEADS if dtype == F64 else LEADS[:1]:
        for size in (1, 3):
            square = regular(*lead, size, size, dtype=dtype)
            sampled("inv", square)
            sampled("det", square)
            sampled("slogdet", square)
            sampled("cofactor", square)
            sampled("lu", square)
            sampled("solve", square, matrices(*lead, size, 2, dtype=dtype, seed=1))
            sampled("cholesky", definite(*lead, size, size, dtype=dtype))
            # the phase of complex eigenvectors is LAPACK's choice: tests/ops/test_linalg.py
            phase = () if dtype == C128 else None
            for low in (True, False):
                sampled("eigh", definite(*lead, size, size, dtype=dtype), wrt=phase, lower=low)
            for low, unit in ((True, False), (False, False), (True, True), (False, True)):
                right = matrices(*lead, size, 2, dtype=dtype, seed=1)
                sampled("solve_triangular", square, right, lower=low, unit=unit)
        for rows, columns in ((3, 3), (4, 2), (2, 4), (1, 3)):
            x = spread(*lead, rows, columns, dtype=dtype)
            sampled("svd", x, wrt=phase)
            sampled("pinv", x, rcond=1e-15)
            if rows >= columns:
                sampled("qr", x)

EMPTY = np.zeros((0, 0))
for name in ("inv", "cofactor", "cholesky", "qr", "svd", "lu"):
    sampled(name, EMPTY, order=0, wrt=())
sampled("det", EMPTY, wrt=())
sampled("slogdet", EMPTY, wrt=())
sampled("eigh", EMPTY, wrt=(), lower=True)
sampled("pinv", EMPTY, wrt=(), rcond=1e-15)
sampled("inv", np.zeros((0, 2, 2)))
sampled("solve", EMPTY, np.zeros((0, 3)))
sampled("solve", regular(2, 2), np.zeros((2, 0)))
sampled("solve_triangular", EMPTY, np.zeros((0, 3)), lower=True, unit=False)
sampled("permutation", np.array([[2, 1, 2], [0, 2, 2]], np.int32), wrt=())
sampled("permutation", np.zeros((0,), np.int32), wrt=())
singular = np.array([[1.0, 2.0, 3.0], [2.0, 4.0, 6.0], [1.0, 0.0, 1.0]])
sampled("det", singular, order=1)
sampled("cofactor", singular, wrt=())
