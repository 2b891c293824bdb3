"""Programs called from machine code: by Numba's nopython mode, and by SciPy's integrators."""

from __future__ import annotations

import threading
from collections import deque
from typing import Any, NamedTuple

import numba
import numpy as np
import pytest
from numba.core.errors import TypingError
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


@pytest.mark.parametrize("dtype", ["bool", "u4", "i8", "f4", "f8", "c16"])
def test_dtypes_and_layouts(dtype: str) -> None:
    f = irgrad.compile(lambda x, n: (x[::-1] + x, (x + n).T), backend="numba")
    x = np.arange(6).reshape(2, 3).astype(dtype)
    inner = f.njit(x, x[0, 0])
    read_only = x.view()
    read_only.flags.writeable = False
    layouts = [np.asfortranarray(x), np.repeat(x, 2, axis=1)[:, ::2], read_only]
    for given in layouts if dtype == "f8" else layouts[:1]:
        for found, expected in zip(inner(given, x[1, 1]), f(x, x[1, 1]), strict=True):
            assert found.dtype == expected.dtype
            np.testing.assert_array_equal(found, expected)


def test_errors_inside_njit() -> None:
    x = np.ones((2, 3))
    inner = irgrad.compile(lambda x, i: x[:, i], backend="numba").njit(x, np.array([0]))
    np.testing.assert_array_equal(inner(x, np.array([-1])), [[1], [1]])
    with pytest.raises(IndexError, match="index 3 is out of bounds for axis 1 with size 3"):
        inner(x, np.array([3]))
    with pytest.raises(ValueError, match=r"x: expected an array of shape \(2, 3\)"):
        inner(x.T, np.array([0]))
    with pytest.raises(TypingError, match=r"x: expected f64\[2,3\], got array\(float32, 2d, C\)"):
        inner(x.astype("f4"), np.array([0]))
    with pytest.raises(TypingError, match=r"i: expected i64\[1\], got float64"):
        inner(x, 0.0)
    np.testing.assert_array_equal(inner(x, np.array([2])), [[1], [1]])


def rooted(x: Any) -> Any:
    if x < 0:
        raise ValueError(f"no root of {x:.1f}")
    return np.sqrt(x)


def test_the_users_exception_comes_out_of_njit() -> None:
    inner = irgrad.compile(rooted, backend="numba").njit(1.0)
    for nogil in (False, True):
        outer = numba.njit(lambda x: inner(x) + 1.0, nogil=nogil)
        with pytest.raises(ValueError, match=r"^no root of -2\.0"):
            outer(-2.0)
        assert outer(4.0) == 3.0


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


class Point(NamedTuple):
    at: Any
    weight: Any


def test_arguments_and_results_that_hold_several() -> None:
    """Tuples, named tuples, lists, 0-d arrays, numbers of other dtypes, and static values."""

    def f(p: Any, layers: Any, n: int, flag: bool, other: Any) -> Any:
        x = p.at * n if flag else p.at
        for W, b in layers:
            x = np.tanh(W @ x + b)
        return Point(x, (p.weight, [x[0], x[1]])), other

    W, b = np.eye(2), np.zeros(2)
    example = (Point(np.ones(2), np.float32(2.0)), [(W, b), (W + 1, b)], 3, True, None)
    compiled = irgrad.compile(f, backend="numba")
    inner, expected = compiled.njit(*example), compiled(*example)[0]

    @numba.njit
    def call(p: Any, W: Any, b: Any, n: int, more: bool) -> Any:
        layers = [(W, b), (W + 1, b)]
        if more:
            layers.append((W, b))
        return inner(p, layers, n, True, None)

    for weight in (np.array(2.0, "f4"), 2):
        found, other = call(Point(np.ones(2), weight), W, b, 3, False)
        assert type(found) is Point
        assert other is None
        np.testing.assert_array_equal(found.at, expected.at)
        assert found.weight == (expected.weight[0], list(expected.weight[1]))
    with pytest.raises(ValueError, match="n: the program was made for 3"):
        call(Point(np.ones(2), 2), W, b, 2, False)
    with pytest.raises(ValueError, match="layers: expected 2 parts"):
        call(Point(np.ones(2), 2), W, b, 3, True)


@pytest.mark.parametrize(
    ("result", "args", "expected"),
    [
        (lambda x, k: x * len(k), (range(2),), "njit: k is a range, part of the program"),
        (lambda x: {"y": x}, (), "njit: a dict in the result"),
        (lambda x: [x, x[0]], (), "njit: a list in the result has parts of several types"),
        (lambda p: p[0], (deque([1.0]),), "njit: p is a deque, which nopython code cannot have"),
    ],
)
def test_what_njit_refuses(result: Any, args: Any, expected: str) -> None:
    given = args if expected.startswith("njit: p") else (np.ones(2), *args)
    with pytest.raises(ArgumentError, match=expected):
        irgrad.compile(result, backend="numba").njit(*given)


def test_a_backend_without_machine_code_has_no_njit() -> None:
    with pytest.raises(BackendError, match="'numpy' has no njit"):
        irgrad.compile(lambda x: x, backend="numpy").njit(np.ones(2))


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


def test_nopython_code_takes_what_a_program_raises() -> None:
    """A `try` there, in many threads at once, and what it lets through comes out as it is."""

    def picky(x: Any, k: Any) -> Any:
        if x[0] > 1:
            raise KeyError("large")
        return np.linalg.cholesky(np.eye(2) * x)[0, 0] + x[k]

    f = irgrad.compile(picky, backend="numba").njit(np.ones(2), 1)

    @numba.njit(nogil=True)
    def failures(xs: Any, k: int) -> Any:
        count = 0
        for x in xs:
            try:
                f(x, k)
            except Exception:
                count += 1
        return count

    xs = np.array([[1.0, 1.0], [2.0, 1.0], [1.0, -1.0], [3.0, -1.0], [0.5, 0.5]])
    found: list[int] = []
    threads = [
        threading.Thread(target=lambda k=k: found.append(failures(np.tile(xs, (50, 1)), k)))
        for k in (1, 1, 7)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == [150, 150, 250]
    for x, error in (([2.0, 1.0], KeyError), ([1.0, -1.0], np.linalg.LinAlgError)):
        assert failures(np.array([x]), 1) == 1
        for _ in range(2):
            with pytest.raises(error):
                f(np.array(x), 1)
    assert f(np.ones(2), 1) == 2.0


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
    with pytest.raises(BackendError, match="a window of numbers, and it was made for one number"):
        f.low_level_callable(caller="generic_filter")
