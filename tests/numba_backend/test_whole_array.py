"""Indexing by arrays, running folds, positions and conversions: machine code does what the NumPy
backend does, and no step goes back to Python."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import irgrad
from irgrad.errors import ShapeError

Array = np.ndarray[Any, Any]
NUMBERS = ["bool", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f4", "f8"]
INDICES = ["i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8"]


def agree(f: Callable[..., Any], *args: Any, exact: bool = True) -> None:
    """Both backends give the same, and nothing runs in Python."""
    compiled = irgrad.compile(f, backend="numba")
    found, expected = compiled(*args), irgrad.compile(f, backend="numpy")(*args)
    assert "in Python" not in compiled.kernels(*args)
    found, expected = (x if isinstance(x, tuple) else (x,) for x in (found, expected))
    for x, y in zip(found, expected, strict=True):
        assert x.dtype == y.dtype
        if exact:
            np.testing.assert_array_equal(x, y)
        else:
            np.testing.assert_allclose(x, y, rtol=1e-12)


def numbers(shape: tuple[int, ...], dtype: str, seed: int = 0) -> Array:
    rng = np.random.default_rng(seed)
    x = rng.integers(-4, 5, shape).astype(dtype)
    if x.dtype.kind == "f" and x.size:
        x = x / x.dtype.type(3)
        x.flat[:: max(1, x.size // 3)] = [np.nan, np.inf, -0.0][seed % 3]
    return x


shapes = st.lists(st.integers(0, 4), min_size=1, max_size=4).map(tuple)


@settings(max_examples=30, deadline=None)
@given(shapes, st.sampled_from(NUMBERS), st.sampled_from(INDICES), st.data())
def test_gather_and_scatter(shape: tuple[int, ...], dtype: str, kind: str, data: Any) -> None:
    axis = data.draw(st.integers(0, len(shape) - 1))
    places = data.draw(st.lists(st.integers(0, 3), max_size=2).map(tuple))
    extent = shape[axis]
    if not extent:
        places = (0, *places)
    rng = np.random.default_rng(len(shape))
    low = 0 if kind.startswith("u") else -extent
    index = rng.integers(low, max(extent, low + 1), places).astype(kind)
    x = numbers(shape, dtype, axis)
    agree(lambda x, i: np.take(x, i, axis), x, index)
    y = np.take(x, index, axis)[::-1].copy() if places else np.take(x, index, axis)

    def update(x: Any, y: Any, i: Any) -> Any:
        x = x.copy()
        x[(slice(None),) * axis + (i,)] = y
        return x

    agree(update, x, y, index)
    if x.dtype.kind == "f":
        agree(irgrad.grad(lambda x, i: np.sum(np.take(x, i, axis) * 3.0)), x, index)


def test_several_index_arrays_and_what_is_computed_between() -> None:
    x, i, j = numbers((5, 6, 3), "f8") + 1, np.array([[0, 4], [-1, 2]]), np.array([5, -6])
    x = np.nan_to_num(x)
    agree(
        lambda x, i, j: np.exp(x)[i, j] + np.sin(x)[:, 1][i, j % 3][..., None], x, i, j, exact=False
    )
    agree(lambda x, i, j: x[:, i, 2].T[::-1], x, i, j)
    agree(irgrad.grad(lambda x, i, j: np.sum(np.exp(x)[i, j] ** 2)), x, i, j, exact=False)
    agree(lambda x, k: np.take_along_axis(x, k, 1), x, np.array([[[0], [-1]]]))


def test_chains_of_updates() -> None:
    def f(x: Any, y: Any) -> Any:
        z = x.copy()
        for k in range(20):
            z[k % 5, 1::2] = y[k, :2] * k
            z[:, k % 4] += z[k % 5]
        return z

    agree(f, numbers((5, 5), "i8"), numbers((20, 3), "i8", 1))


@pytest.mark.parametrize("index", [[0, 5], [-6], [[1], [7]]])
@pytest.mark.parametrize("kind", ["i1", "i8", "u8"])
@pytest.mark.parametrize("backend", ["numpy", "numba"])
def test_an_index_outside_is_numpys_error(index: Any, kind: str, backend: str) -> None:
    i = np.array(index).astype(kind)
    x = np.arange(20.0).reshape(4, 5)

    def gathers(x: Any, i: Any) -> Any:
        return np.sum(x[1:, i])

    def writes(x: Any, i: Any) -> Any:
        x = x.copy()
        x[:, i] = 1.0
        return x

    for f in (gathers, irgrad.grad(gathers), writes):
        compiled = irgrad.compile(f, backend=backend)
        compiled(x, np.zeros_like(i))
        with pytest.raises(IndexError, match=r"out of bounds for axis 1 with size 5"):
            compiled(x, i)
        compiled(x, np.zeros_like(i))


def test_the_error_shows_the_users_line() -> None:
    compiled = irgrad.compile(lambda x, i: x[i] + 1.0, backend="numba")
    with pytest.raises(IndexError, match=r"(?s)index 3 .*test_whole_array.py:\d+ .*x\[i\]"):
        compiled(np.ones(3), np.array([3]))


def test_indices_known_to_fit_are_not_looked_at() -> None:
    x = np.ones((3, 4))
    f = irgrad.compile(lambda x: x[np.argmax(x, axis=1)], backend="numba")
    assert "place(" in f.kernels(x)  # places of four columns, but three rows
    f = irgrad.compile(lambda x: x[np.argmax(x, axis=0), np.arange(4)], backend="numba")
    assert "place(" not in f.kernels(x)


@settings(max_examples=30, deadline=None)
@given(shapes, st.sampled_from(NUMBERS), st.booleans(), st.data())
def test_running_folds(shape: tuple[int, ...], dtype: str, back: bool, data: Any) -> None:
    axis = data.draw(st.integers(0, len(shape) - 1))
    x = numbers(shape, dtype, axis)
    for fold in (np.cumsum, np.cumprod):
        agree(lambda x, fold=fold: fold(np.flip(x, axis) if back else x, axis, dtype=x.dtype), x)
    for fold in (np.maximum, np.minimum):
        agree(lambda x, fold=fold: fold.accumulate(x, axis), x)
    if dtype == "f8":
        for fold in (np.cumsum, np.cumprod):
            agree(irgrad.grad(lambda x, fold=fold: np.sum(fold(x, axis) * x)), x, exact=False)


@settings(max_examples=30, deadline=None)
@given(shapes, st.sampled_from(NUMBERS), st.data())
def test_positions(shape: tuple[int, ...], dtype: str, data: Any) -> None:
    axis = data.draw(st.integers(0, len(shape) - 1))
    if not shape[axis]:
        return
    x = numbers(shape, dtype, len(shape))
    agree(lambda x: np.argmax(x, axis), x)
    agree(lambda x: np.argmin(x[..., ::-1], axis), x)


@pytest.mark.parametrize("dtype", NUMBERS)
@pytest.mark.parametrize("count", [31, 32, 64, 333])
def test_positions_in_long_rows(dtype: str, count: int) -> None:
    rng = np.random.default_rng(count)
    x = rng.integers(0, 3, (7, count)).astype(dtype)
    if x.dtype.kind == "f":
        x[1, count // 2] = x[2, -1] = x[3, 9] = x[3, 17] = np.nan
    x[4, -1], x[5, :] = np.max(x) + (x.dtype.kind != "b"), x[0, 0]
    agree(lambda x: (np.argmax(x, axis=1), np.argmin(x, axis=1), np.argmax(x, axis=0)), x)


@pytest.mark.parametrize("dtype", NUMBERS)
@pytest.mark.parametrize("side", ["left", "right"])
def test_searchsorted(dtype: str, side: Any) -> None:
    for count in (0, 1, 2, 5, 16, 33):
        edges = np.sort(numbers((count,), dtype))
        x = numbers((3, 7), dtype, 2)
        agree(lambda a, x: np.searchsorted(a, x, side), edges, x)


@pytest.mark.parametrize("to", NUMBERS)
@pytest.mark.parametrize("of", ["f4", "f8"])
def test_floats_become_integers(of: str, to: str) -> None:
    edges = [0.0, -0.0, 0.5, -0.5, 1.5, -1.9, 126.9, -127.9, 100.0]
    if to != "u4":  # NumPy's own result depends on the length of the array
        edges += [np.nan, np.inf, -np.inf, 300.7, 65536.5, 3e9, -3e9, 1e10, 1e19, 1.5e19, 2e20]
    x = np.resize(np.array(edges, of), 50)
    agree(lambda x: x.astype(to), x)


@pytest.mark.parametrize(
    "spec", ["ijk,nkj->nki", "ijk,jlk->ilk", "kij,nkj->nik", "ji,jkl->lki", "aibj,jbk->aik"]
)
@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_products_in_any_order_of_axes_are_blas(spec: str, dtype: str) -> None:
    left, right, _ = spec.replace("->", ",").split(",")
    extent = dict(zip("abijkln", (3, 2, 17, 18, 19, 20, 21), strict=True))
    x, y = (np.sin(np.arange(np.prod(s)).reshape(s)).astype(dtype)
            for s in (tuple(extent[c] for c in letters) for letters in (left, right)))  # fmt: skip

    def f(x: Any, y: Any) -> Any:
        return np.einsum(spec, 2.0 * x, y)

    compiled = irgrad.compile(f, backend="numba")
    np.testing.assert_allclose(
        compiled(x, y),
        f(x, y),
        rtol=1e-4 if dtype == "f4" else 1e-11,
        atol=1e-3 if dtype == "f4" else 1e-11,
    )
    assert "in Python" not in compiled.kernels(x, y)
    assert "in Python" not in irgrad.compile(
        irgrad.grad(lambda x, y: np.sum(np.tanh(f(x, y))), (0, 1)), backend="numba"
    ).kernels(x, y)


@pytest.mark.parametrize("share", [0.0, 0.4, 1.0])
def test_the_true_places_of_a_mask(share: float) -> None:
    mask = np.random.default_rng(0).random((4, 7)) < share
    for m in (mask, mask.T[::-1], mask[:0]):
        agree(
            lambda x, m=m: (x[m], np.stack(np.nonzero(m))),
            np.arange(float(m.size)).reshape(m.shape),
        )
    compiled = irgrad.compile(lambda x: x[mask], backend="numba")
    compiled(np.ones((4, 7)))
    before = mask[2, 3]
    mask[2, 3] = not before  # the program was compiled for another number of places
    with pytest.raises(ShapeError, match="true places, the program was compiled for"):
        compiled(np.ones((4, 7)))
