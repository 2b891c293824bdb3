"""Rewriting a sum of products into a contraction keeps the accuracy of NumPy's pairwise sum."""

from __future__ import annotations

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
