"""Complex numbers in machine code: what the NumPy backend gives, to a few units in the last place
of the number."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import irgrad

Array = np.ndarray[Any, Any]
EDGES = [0.0, -0.0, 1.0, -2.5, np.inf, -np.inf, np.nan, 1e-3, 1e3]


def agree(f: Callable[..., Any], *args: Any, tolerance: float | None = None) -> None:
    """Both backends give the same, and nothing runs in Python."""
    compiled = irgrad.compile(f, backend="numba")
    found, expected = compiled(*args), irgrad.compile(f, backend="numpy")(*args)
    assert "in Python" not in compiled.kernels(*args), compiled.kernels(*args)
    found, expected = (x if isinstance(x, tuple) else (x,) for x in (found, expected))
    for x, y in zip(found, expected, strict=True):
        assert x.dtype == y.dtype
        assert np.shape(x) == np.shape(y)
        eps = float(np.finfo(y.dtype).eps) if y.dtype.kind in "fc" else 0.0
        rtol = 16 * eps if tolerance is None else tolerance
        np.testing.assert_allclose(x, y, rtol=rtol, atol=rtol)


def numbers(shape: tuple[int, ...], dtype: str, seed: int = 0) -> Array:
    rng = np.random.default_rng([seed, *shape])
    return (rng.normal(size=shape) + 1j * rng.normal(size=shape)).astype(dtype)


shapes = st.lists(st.sampled_from([0, 1, 2, 3, 9]), max_size=3).map(tuple)
dtypes = st.sampled_from(["c8", "c16"])


@settings(max_examples=30, deadline=None)
@given(shapes, dtypes)
def test_elementwise(shape: tuple[int, ...], dtype: str) -> None:
    x, y = numbers(shape, dtype), numbers(shape[1:], dtype, 1)
    agree(lambda x, y: (x + y, x - y, x * y, x / y, -x, x**2), x, y)
    agree(lambda x, y: (np.conj(x), x.real, y.imag, np.abs(x), np.exp(y)), x, y)
    agree(lambda x, y: (x == y, x != y, np.isfinite(x), np.where(np.isnan(y), x, y)), x, y)
    agree(lambda x, y: x * 2.0 + (1 - 3j) * y.real.astype(y.dtype), x, y)


@settings(max_examples=30, deadline=None)
@given(shapes.filter(len), dtypes)
def test_movement_and_sums(shape: tuple[int, ...], dtype: str) -> None:
    x = numbers(shape, dtype)
    agree(lambda x: (x.T[::-1], x.reshape(-1)[::2] * 1j, np.concatenate([x, 2 * x])), x)
    agree(lambda x: (np.sum(x, axis=0), np.sum(x * x), np.mean(x.real)), x)
    agree(lambda x: np.cumsum(x, axis=0), x)
    if shape[0]:
        i = np.array([0, -1])
        agree(lambda x, i: x[i] + 1, x, i)

        def written(x: Any, y: Any) -> Any:
            x = x.copy()
            x[::2] = y
            x[-1] += x[0]
            return x

        agree(written, x, numbers(shape[1:], dtype, 2))


@pytest.mark.parametrize("dtype", ["c8", "c16"])
def test_products(dtype: str) -> None:
    A, x = numbers((5, 7), dtype), numbers((7,), dtype, 1)
    agree(lambda A, x: (A @ x, x @ x, np.conj(x) @ x, A.T @ (A @ x), np.outer(x, x)), A, x)
    agree(lambda A: A @ A.T, A)


@pytest.mark.parametrize("dtype", ["c8", "c16"])
@pytest.mark.parametrize("n", [20, 90])
def test_products_by_blas(dtype: str, n: int) -> None:
    A, B = numbers((n, 30), dtype), numbers((30, n + 5), dtype, 1)
    f = irgrad.compile(lambda A, B: A @ B, backend="numba")
    assert "by BLAS" in f.kernels(A, B)
    close = 1e-4 if dtype == "c8" else 1e-12
    agree(lambda A, B: A @ B, A, B, tolerance=close)
    agree(lambda A, B: (B.T @ A.T, np.conj(A).T @ A, A @ B[:, ::-1]), A, B, tolerance=close)
    agree(
        lambda A, B: A @ B, np.asfortranarray(A), np.repeat(B, 2, axis=1)[:, ::2], tolerance=close
    )
    stack = numbers((4, n, 30), dtype, 2)
    agree(lambda S, B: S @ B, stack, B, tolerance=close)
    agree(lambda S, B: np.einsum("bij,bkj->bik", S, S), stack, B, tolerance=close)
    agree(irgrad.grad(lambda A, B: np.sum(np.abs(A @ B) ** 2), (0, 1)), A, B, tolerance=close)


@pytest.mark.parametrize("dtype", ["c8", "c16"])
def test_infinities_nans_and_zeros(dtype: str) -> None:
    x = np.array([complex(a, b) for a in EDGES for b in EDGES], dtype)
    y = x[::-1].copy()
    agree(lambda x, y: (x + y, x - y, -x, np.conj(x), np.abs(x)), x, y)
    agree(lambda x, y: (x == y, x != y, np.isnan(x), np.isinf(x), np.isfinite(x)), x, y)
    agree(lambda x, y: (x * y, x / y), x, y)


@pytest.mark.parametrize("dtype", ["c8", "c16"])
def test_exponentials_at_the_edges(dtype: str) -> None:
    edges = [*EDGES, -1e3, 88.9 if dtype == "c8" else 709.9, 30.0, -30.0]
    x = np.array([complex(a, b) for a in edges for b in [*EDGES, np.pi / 2]], dtype)
    found: Any = irgrad.compile(np.exp, backend="numba")(x)
    with np.errstate(all="ignore"):
        expected: Any = np.exp(x)
    for part, wanted in ((found.real, expected.real), (found.imag, expected.imag)):
        np.testing.assert_allclose(part, wanted, rtol=1e-5 if dtype == "c8" else 1e-13)


def test_gradients_of_complex_functions() -> None:
    A, x = numbers((6, 6), "c16"), numbers((6,), "c16", 1)

    def f(A: Any, x: Any) -> Any:
        return np.sum(np.abs(np.exp(A @ x / 10) - x) ** 2)

    agree(irgrad.grad(f, (0, 1)), A, x, tolerance=1e-12)


def test_large_arrays_in_chunks_and_strided() -> None:
    x = numbers((300_000,), "c16")
    agree(lambda x: (np.sum(x * x), np.exp(x)), x, tolerance=1e-9)
    agree(lambda x: np.sum(x.reshape(300, 1000) * 2.0, axis=0), x, tolerance=1e-12)
    agree(lambda x: x * x, x[::-3])
