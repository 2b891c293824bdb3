"""Sums are as accurate as NumPy's pairwise sum, along whatever axes, and as contractions too."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

import irgrad


@pytest.mark.parametrize("dtype", [np.float32, np.complex64])
@pytest.mark.parametrize("size", [1000, 1024, 1025, 10**6 + 17])
def test_long_sums_of_products_in_single_precision(size: int, dtype: Any) -> None:
    rng = np.random.default_rng(0)
    wide = np.complex128 if dtype == np.complex64 else np.float64
    x, y = (rng.random(size).astype(dtype) for _ in range(2))
    y = y * dtype(1 + 1j) if dtype == np.complex64 else y
    for f in (lambda x, y: np.sum(x * y), lambda x, y: np.sum(x * x), np.dot):
        exact = f(x.astype(wide), y.astype(wide))
        for a, b in ((x, y), (x[::-1], y[::-1])):
            got = irgrad.compile(f, backend="numpy")(a, b)
            assert got.dtype == dtype
            assert abs(got - exact) <= 5e-7 * abs(exact)


EVERY = [axes for k in (1, 2, 3) for axes in itertools.combinations(range(3), k)]


def _means(x: Any) -> Any:
    return tuple(np.mean(x, axis=axes) for axes in EVERY)


def _squares(x: Any) -> Any:
    return tuple(np.sum(x * x, axis=axes) for axes in EVERY)


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("shape", [(3001, 1, 3), (3, 2000, 5), (40, 150, 2), (2, 3, 2000)])
def test_sums_along_any_axes_are_as_accurate_as_pairwise(shape: tuple[int, ...], order: Any):
    rng = np.random.default_rng(0)
    x = np.asarray(rng.random(shape), np.float32, order=order)
    for f in (_means, _squares):
        found = irgrad.compile(f, backend="numba")(x)
        for axes, got, exact in zip(EVERY, found, f(x.astype(np.float64)), strict=True):
            error = np.max(np.abs(got - exact) / exact)
            assert error < 4 * np.finfo(np.float32).eps, axes


@pytest.mark.parametrize("backend", ["numpy", "numba"])
def test_a_sum_of_negative_zeros_is_zero(backend: str):
    for shape in ((3, 5), (300, 3), (3, 300)):
        zeros = np.full(shape, -0.0)
        f = lambda x: (np.sum(x), np.sum(x, axis=0), np.sum(x[:, ::2], axis=1), np.mean(x))  # noqa: E731
        for found in irgrad.compile(f, backend=backend)(zeros):
            assert not np.any(np.signbit(found))


ZERO_SUMS = [
    lambda x: np.sum(x),
    lambda x: np.sum(x, axis=0),
    lambda x: np.sum(x, axis=1, keepdims=True),
    lambda x: np.sum(-(-x), axis=0),
    lambda x: np.sum(-abs(x)),
    lambda x: np.sum(-abs(x), axis=1),
    lambda x: np.sum(np.broadcast_to(x, (3, *x.shape)), axis=0),
    lambda x: np.sum(np.broadcast_to(x[:1], x.shape), axis=0),
    lambda x: np.mean(x, axis=0),
    lambda x: np.trace(x),
    lambda x: np.einsum("ij->i", x),
    lambda x: np.nansum(x, axis=1),
    lambda x: np.add.reduce(x),
    lambda x: np.sum(x, where=np.ones(x.shape, bool)),
]


@pytest.mark.parametrize("backend", ["numpy", "numba"])
@pytest.mark.parametrize("shape", [(1, 1), (1, 3), (3, 1), (2, 3)])
@pytest.mark.parametrize("dtype", ["f4", "f8", "c16"])
def test_sums_of_zeros_have_the_signs_of_numpy(shape: Any, dtype: str, backend: str) -> None:
    x = -np.zeros(shape, dtype)
    for number, f in enumerate(ZERO_SUMS):
        expected, got = f(x), irgrad.compile(f, backend=backend)(x)
        np.testing.assert_array_equal(got, expected)
        for part in (np.real, np.imag):
            signs = np.signbit(part(got)), np.signbit(part(expected))
            np.testing.assert_array_equal(*signs, err_msg=f"number {number}")
