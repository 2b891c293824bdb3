"""Sums over rows, which are added up several rows at a time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import irgrad

CASES: dict[str, Callable[[Any, Any], Any]] = {
    "sum": lambda x, y: np.sum(x, axis=0),
    "several": lambda x, y: (np.sum(x, axis=0), np.max(x, axis=0), np.prod(x, axis=0), x + y),
    "weighted": lambda x, y: x.T @ np.exp(y),
    "with a fold of all": lambda x, y: (np.sum(x * y, axis=0), np.sum(x)),
    "with a fold of rows": lambda x, y: (np.sum(x, axis=0), np.sum(x, axis=1)),
    "reversed": lambda x, y: np.sum(x[::-1, ::-1] * y, axis=0),
    "middle": lambda x, y: np.sum(x[:, :, None] * y[None], axis=1),
    "bools": lambda x, y: np.any(x > 1, axis=0),
}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("rows", [1, 3, 4, 7, 8, 41])
@pytest.mark.parametrize("columns", [1, 2, 9, 50, 300])
def test_sums_over_rows(name: str, rows: int, columns: int):
    rng = np.random.default_rng(rows * columns)
    x, y = rng.standard_normal((rows, columns)), rng.standard_normal((rows, 1))
    if name == "middle":
        y = rng.standard_normal((columns, 3))
    expected = irgrad.compile(CASES[name], backend="numpy")(x, y)
    found = irgrad.compile(CASES[name], backend="numba")(x, y)
    if not isinstance(expected, tuple):
        expected, found = (expected,), (found,)
    for a, b in zip(expected, found, strict=True):
        np.testing.assert_allclose(b, a, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("dtype", ["i1", "u2", "i8", "f4", "c16"])
def test_sums_over_rows_of_every_kind_of_number(dtype: str):
    x = (np.arange(7 * 21).reshape(7, 21) % 11).astype(dtype)
    f = lambda x: np.sum(x * x[:, :1], axis=0)  # noqa: E731
    found = irgrad.compile(f, backend="numba")(x)
    np.testing.assert_array_equal(found, f(x))
    assert found.dtype == f(x).dtype


def test_nan_and_signed_zeros_of_a_row_stay_in_their_column():
    x = np.full((9, 20), -0.0)
    x[5, 3], x[7, 4] = np.nan, np.inf
    found = irgrad.compile(lambda x: np.sum(x, axis=0), backend="numba")(x)
    assert np.isnan(found[3]) and found[4] == np.inf
    np.testing.assert_array_equal(np.delete(found, [3, 4]), np.zeros(18))
