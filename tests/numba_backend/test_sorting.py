"""Sorting in machine code, beside NumPy's stable sort."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import irgrad
from irgrad.ir.types import DTYPES

FLOATS = [np.nan, -np.nan, np.inf, -np.inf, 0.0, -0.0, 5e-324, -5e-324, 1.5, -1.5]
KINDS = [dtype for dtype in DTYPES.values() if dtype.kind != "c"]


def numbers(dtype: Any, shape: tuple[int, ...], many: bool, seed: int) -> Any:
    """Numbers with ties, the extreme ones among them."""
    rng = np.random.default_rng(seed)
    if dtype.kind == "f":
        x = rng.normal(size=shape).round(4 if many else 1)
        return np.where(rng.random(shape) < 0.2, rng.choice(FLOATS, shape), x).astype(dtype)
    ends = (0, 1) if dtype.kind == "b" else (np.iinfo(dtype).min, np.iinfo(dtype).max)
    x = rng.integers(*ends, shape, dtype if dtype.kind != "b" else int, endpoint=True)
    return (x if many else x % 5).astype(dtype)


SORTS = irgrad.compile(lambda x: (np.sort(x), np.argsort(x, stable=True)), backend="numba")
SHAPES = st.one_of(
    st.tuples(st.sampled_from([0, 1, 2, 11, 12, 13, 24, 25, 47, 48, 49, 96, 200, 1000])),
    st.tuples(st.sampled_from([1, 2, 3]), st.sampled_from([1, 5, 24, 50])),
)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(KINDS), SHAPES, st.booleans(), st.integers(0, 99), st.integers(0, 4))
def test_rows(dtype: Any, shape: tuple[int, ...], many: bool, seed: int, order: int) -> None:
    x = numbers(dtype, shape, many, seed)
    if order:  # already in order, backwards, in two runs, strided
        x = np.sort(x)
        x = [x, x[..., ::-1], np.roll(x, 7, -1), np.repeat(x, 2, -1)[..., ::2]][order - 1]
    found, places = SORTS(x)
    np.testing.assert_array_equal(found, np.sort(x))
    np.testing.assert_array_equal(places, np.argsort(x, stable=True))


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_axes_gradients_and_loops(axis: int) -> None:
    x = np.random.default_rng(axis).normal(size=(5, 13, 4))

    def f(x: Any) -> Any:
        y = x
        for k in range(20):
            y = np.sort(y + 0.1 * k * x, axis=axis) + np.argsort(x, axis=axis)
        return np.sum(y * np.cos(np.arange(x.size)).reshape(x.shape)), np.median(x, axis=axis)

    compiled = irgrad.compile(irgrad.value_and_grad(f, has_aux=True), backend="numba")
    assert "in Python" not in compiled.kernels(x)
    (value, middle), x_bar = compiled(x)
    (expected, _), expected_bar = irgrad.compile(compiled.target, backend="numpy")(x)
    np.testing.assert_allclose(value, expected, rtol=1e-12)
    np.testing.assert_array_equal(middle, np.median(x, axis=axis))
    np.testing.assert_allclose(x_bar, expected_bar, rtol=1e-12)
