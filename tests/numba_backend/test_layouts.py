"""Arrays that lie in memory in any way: strided, turned, transposed, broadcast, read-only,
unaligned and overlapping ones give what copies of them give, on both backends."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import irgrad
from irgrad.ir.types import DTYPES

Array = np.ndarray[Any, Any]
KINDS = ["plain", "steps", "back", "fortran", "broadcast", "window", "unaligned", "swapped"]


@st.composite
def arrays(draw: st.DrawFn, shape: tuple[int, ...], dtype: Any) -> Array:
    """An array of numbers that lies in memory in one of many ways, read-only or not."""
    kind = draw(st.sampled_from(KINDS))
    rng = np.random.default_rng(draw(st.integers(0, 9)))
    x = rng.integers(0, 5, tuple(2 * n + 1 for n in shape)).astype(dtype)
    if kind == "steps":
        x = x[tuple(slice(1, 2 * n + 1, 2) for n in shape)]
    elif kind == "back":
        x = x[tuple(slice(n, 0, -1) if n else slice(0, 0) for n in shape)]
    else:
        x = x[tuple(slice(n) for n in shape)]
    if kind == "plain":
        x = np.ascontiguousarray(x).reshape(shape)  # which makes one axis of none
    elif kind == "fortran":
        x = np.asfortranarray(x).reshape(shape)
    elif kind == "broadcast" and shape:
        x = np.broadcast_to(x[..., :1], shape)
    elif kind == "unaligned":
        raw = np.zeros(x.nbytes + 1, np.uint8)[1:].view(x.dtype).reshape(shape)
        raw[...] = x
        x = raw
    elif kind == "swapped":
        x = x.astype(x.dtype.newbyteorder())
    x = np.asarray(x).view()
    x.flags.writeable = draw(st.booleans()) and x.flags.writeable
    return x


def agree(f: Callable[..., Any], *args: Any, rtol: float = 1e-6) -> None:
    """Three calls (first sight, known layout, copies) give what the interpreter gives."""
    compiled = irgrad.compile(f, backend="numba")
    expected = irgrad.compile(f, backend="numpy")(*args)
    copies = [np.array(x, x.dtype.newbyteorder("="), order="C") for x in args]
    kept = [np.array(x) for x in args]
    for given_args in (args, args, copies, args):
        found = compiled(*given_args)
        assert type(found) is type(expected)
        assert np.asarray(found).dtype == np.asarray(expected).dtype
        np.testing.assert_allclose(found, expected, rtol=rtol)
    for x, before in zip(args, kept, strict=True):
        np.testing.assert_array_equal(x, before)


shapes = st.lists(st.sampled_from([0, 1, 2, 3, 5]), max_size=4).map(tuple)


@settings(max_examples=40, deadline=None)
@given(
    shapes, st.sampled_from(list(DTYPES.values())), st.sampled_from(["f8", "f4", "i4"]), st.data()
)
def test_elementwise_work_and_sums(
    shape: tuple[int, ...], dtype: Any, other: str, data: Any
) -> None:
    x = data.draw(arrays(shape, dtype))
    y = data.draw(arrays(shape[len(shape) // 2 :], np.dtype(other)))
    agree(lambda x, y: x * y + np.sum(x, axis=-1, keepdims=True) if x.ndim else x * y, x, y)
    agree(lambda x, y: np.concatenate([x.ravel()[::-1], y.ravel()]), x, y)
    agree(lambda x, y: x, x, y)


@settings(max_examples=30, deadline=None)
@given(st.tuples(*[st.sampled_from([1, 2, 17])] * 3), st.data())
def test_products(extents: tuple[int, int, int], data: Any) -> None:
    n, m, k = extents
    A, B = data.draw(arrays((n, m), np.dtype("f8"))), data.draw(arrays((m, k), np.dtype("f8")))
    agree(lambda A, B: A @ B, A, B)
    agree(irgrad.grad(lambda A, B: np.sum((A @ B) ** 2), (0,)), A, B)


@settings(max_examples=20, deadline=None)
@given(shapes.filter(len), st.data())
def test_sorting_and_indexing(shape: tuple[int, ...], data: Any) -> None:
    x = data.draw(arrays(shape, np.dtype("f8")))
    agree(lambda x: np.sort(x, axis=0) + np.cumsum(x, axis=0), x)
    if x.shape[0]:
        i = data.draw(arrays((2, 2), np.dtype("i8"))) % x.shape[0]
        agree(lambda x, i: x[i], x, i)


@pytest.mark.parametrize("backend", ["numpy", "numba"])
def test_overlapping_arguments(backend: str) -> None:
    memory = np.arange(10.0)
    x, y = memory[:8], memory[2:]
    f = irgrad.compile(irgrad.grad(lambda x, y: np.sum(x * np.sin(y)), (0, 1)), backend=backend)
    for _ in range(3):
        x_bar, y_bar = f(x, y)
        np.testing.assert_allclose(x_bar, np.sin(y))
        np.testing.assert_allclose(y_bar, x * np.cos(y))
    np.testing.assert_array_equal(memory, np.arange(10.0))


def test_a_known_layout_is_not_copied(monkeypatch: pytest.MonkeyPatch) -> None:
    from irgrad.runtime import compiled

    f = irgrad.compile(lambda x: np.sum(x * x, axis=0), backend="numba")
    x = np.arange(24.0).reshape(4, 6)[::-2, 1::2]
    expected = np.sum(x * x, axis=0)
    f(x)

    def refuse(*args: Any) -> Any:
        raise AssertionError("left machine code")

    monkeypatch.setattr(compiled, "flat_key", refuse)
    np.testing.assert_allclose(f(x), expected)


def test_more_layouts_than_are_kept() -> None:
    f = irgrad.compile(lambda x: x + 1.0, backend="numba")
    for step in range(1, 50):
        x = np.arange(500.0)[::step][:3]
        np.testing.assert_array_equal(f(x), x + 1.0)


@pytest.mark.parametrize("backend", ["numpy", "numba"])
def test_captured_arrays_lie_anyhow(backend: str) -> None:
    A = np.arange(24.0).reshape(4, 6)[::2, ::-2]
    f = irgrad.compile(lambda x: A @ x, backend=backend)
    for _ in range(3):
        A[...] += 1.0
        np.testing.assert_allclose(f(np.ones(3)), A @ np.ones(3))
