"""Programs called from machine code: by Numba's nopython mode, and by SciPy's integrators."""

from __future__ import annotations

import threading
from typing import Any

import numba
import numpy as np
import pytest
from scipy import ndimage
from scipy.integrate import nquad, quad

import irgrad
from irgrad.errors import ArgumentError, BackendError, OptionError


def loss(W: Any, x: Any, s: Any) -> Any:
    return np.sum(np.tanh(W @ x) ** 2) * s


def test_a_gradient_inside_njit() -> None:
    W, x = np.linspace(-1, 1, 12).reshape(3, 4), np.linspace(0, 1, 4)
    gradient = irgrad.compile(irgrad.value_and_grad(loss, (0, 1)), backend="numba")
    inner = gradient.njit(W, x, 2.0)

    @numba.njit
    def descend(W: Any, x: Any, steps: int) -> Any:
        total = 0.0
        for _ in range(steps):
            value, (W_bar, _) = inner(W, x, 2.0)
            total += value
            W = W - 0.1 * W_bar
        return W, total

    found, total = descend(W, x, 5)
    expected, expected_total = W, 0.0
    for _ in range(5):
        value, (W_bar, _) = gradient(expected, x, 2.0)
        expected_total += value
        expected = expected - 0.1 * W_bar
    np.testing.assert_allclose(found, expected, rtol=1e-14)
    np.testing.assert_allclose(total, expected_total, rtol=1e-14)


@pytest.mark.parametrize("dtype", ["bool", "i1", "u4", "i8", "f4", "f8", "c8", "c16"])
def test_dtypes_and_layouts(dtype: str) -> None:
    f = irgrad.compile(lambda x, n: (x[::-1] + x, (x + n).T), backend="numba")
    x = np.arange(6).reshape(2, 3).astype(dtype)
    inner = f.njit(x, x[0, 0])
    read_only = x.view()
    read_only.flags.writeable = False
    for given in (x, np.asfortranarray(x), np.repeat(x, 2, axis=1)[:, ::2], read_only):
        for found, expected in zip(inner(given, x[1, 1]), f(x, x[1, 1]), strict=True):
            assert found.dtype == expected.dtype
            np.testing.assert_array_equal(found, expected)


def test_errors_inside_njit() -> None:
    x = np.ones((2, 3))
    inner = irgrad.compile(lambda x, i: x[:, i], backend="numba").njit(x, np.array([0]))
    np.testing.assert_array_equal(inner(x, np.array([-1])), [[1], [1]])
    with pytest.raises(IndexError, match="out of bounds"):
        inner(x, np.array([3]))
    with pytest.raises(ValueError, match=r"x: expected an array of shape \(2, 3\)"):
        inner(x.T, np.array([0]))
    with pytest.raises(TypeError):
        inner(x.astype("f4"), np.array([0]))
    np.testing.assert_array_equal(inner(x, np.array([2])), [[1], [1]])


def test_parameters_have_the_users_names() -> None:
    f = irgrad.compile(lambda x0, np, call: x0 + 2 * np + 3 * call, backend="numba")
    inner = f.njit(1.0, 1.0, 1.0)
    assert numba.njit(lambda: inner(call=1.0, x0=2.0, np=3.0))() == 11.0


def test_steps_that_go_back_to_python_and_large_scratch() -> None:
    A = np.random.default_rng(0).normal(size=(100, 100))
    f = irgrad.compile(lambda x: np.real(np.fft.fft(A @ np.exp(A @ x))[:3]), backend="numba")
    inner = f.njit(A)

    @numba.njit(nogil=True)
    def many(x: Any, out: Any) -> None:
        for k in range(3):
            out[k] = inner(x)

    outs = [np.empty((3, 3, 100)) for _ in range(4)]
    threads = [threading.Thread(target=many, args=(A / 30, out)) for out in outs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    A += 0.0
    for out in outs:
        np.testing.assert_array_equal(out, np.broadcast_to(f(A / 30), (3, 3, 100)))


def test_captured_arrays_are_read_at_the_call() -> None:
    A = np.arange(6.0).reshape(2, 3).T[::-1]
    inner = irgrad.compile(lambda x: A @ x, backend="numba").njit(np.ones(2))
    A[...] = 2.0
    np.testing.assert_array_equal(inner(np.ones(2)), [4, 4, 4])


def test_what_njit_refuses() -> None:
    x = np.ones(2)
    with pytest.raises(ArgumentError, match="arrays and floats alone"):
        irgrad.compile(lambda p: p["x"], backend="numba").njit({"x": x})
    with pytest.raises(ArgumentError, match="arrays and floats alone"):
        irgrad.compile(lambda x, n: x * n, backend="numba").njit(x, 2)
    with pytest.raises(ArgumentError, match="tuples"):
        irgrad.compile(lambda x: {"y": x}, backend="numba").njit(x)
    with pytest.raises(BackendError, match="'numpy' has no njit"):
        irgrad.compile(lambda x: x, backend="numpy").njit(x)


def test_quad_and_nquad() -> None:
    f = irgrad.compile(irgrad.grad(lambda x: np.exp(-x) * np.sin(x)), backend="numba")
    low = f.low_level_callable()
    assert low.signature == "double (double, void *)"
    found = quad(low, 0.0, 2.0)[0]
    np.testing.assert_allclose(found, np.exp(-2.0) * np.sin(2.0), rtol=1e-12)
    g = irgrad.compile(lambda x, y, z: x * y**2 + z, backend="numba")
    found = nquad(g.low_level_callable(), [[0, 1], [0, 2], [0, 3]])[0]
    np.testing.assert_allclose(found, 3 * (0.5 * 8 / 3) + 2 * 4.5, rtol=1e-12)
    h = irgrad.compile(lambda x: x[0] * x[1] ** 2, backend="numba")
    found = nquad(h.low_level_callable(irgrad.spec("f64[2]")), [[0, 1], [0, 2]])[0]
    np.testing.assert_allclose(found, 0.5 * 8 / 3, rtol=1e-12)


def test_image_filters() -> None:
    image = np.random.default_rng(0).normal(size=(5, 6))
    f = irgrad.compile(lambda w: np.sum(np.tanh(w) ** 2), backend="numba")
    low = f.low_level_callable(np.ones(9), caller="generic_filter")
    found = ndimage.generic_filter(image, low, size=3)
    np.testing.assert_allclose(found, ndimage.generic_filter(image, f, size=3), rtol=1e-12)
    with pytest.raises(RuntimeError):
        ndimage.generic_filter(image, low, size=2)
    g = irgrad.compile(lambda line: line[2:] - line[:-2], backend="numba")
    low = g.low_level_callable(np.ones(8), caller="generic_filter1d")
    found = ndimage.generic_filter1d(image, low, 3, mode="wrap")
    np.testing.assert_allclose(found, np.roll(image, -1, 1) - np.roll(image, 1, 1), rtol=1e-12)
    h = irgrad.compile(lambda w: w[np.int64(w[0])], backend="numba")
    low = h.low_level_callable(np.ones(3), caller="generic_filter")
    with pytest.raises(IndexError, match="index 7 is out of bounds"):
        ndimage.generic_filter(np.full(4, 7.0), low, size=3)


def test_what_low_level_callables_refuse() -> None:
    x = np.ones(2)
    with pytest.raises(OptionError, match="no caller 'quad'; there are integrate, generic_filter"):
        irgrad.compile(lambda x: np.sum(x)).low_level_callable(x, caller="quad")
    with pytest.raises(BackendError, match="returns one float64, got f64"):
        irgrad.compile(lambda x: x * 2.0, backend="numba").low_level_callable(x)
    f = irgrad.compile(lambda x: np.sum(x.astype(float)), backend="numba")
    with pytest.raises(BackendError, match=r"takes float64 numbers, got f32\[2\]"):
        f.low_level_callable(x.astype("f4"))
    with pytest.raises(BackendError, match="cannot go back to Python"):
        irgrad.compile(lambda x: np.fft.fft(x)[0].real, backend="numba").low_level_callable(x)
