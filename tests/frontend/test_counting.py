"""bincount of known numbers, its weights traced."""

from __future__ import annotations

import numpy as np
import pytest

import irgrad
from irgrad.errors import DTypeError, IndexingError, ShapeError, TraceError, UnsupportedError

I = np.array([0, 3, 3, 1])  # noqa: E741 -- the name that such numbers have
W = np.array([0.5, 1.5, -2.0, 4.0])


@pytest.mark.parametrize("backend", irgrad.backends())
@pytest.mark.parametrize("numbers", [I, I.tolist(), I.astype(np.uint8), I > 0, np.array([], int)])
@pytest.mark.parametrize("minlength", [0, 2, 7])
def test_bincount(numbers, minlength, backend) -> None:
    weights = W[: len(numbers)]
    f = irgrad.compile(lambda w: np.bincount(numbers, w, minlength), backend=backend)
    expected = np.bincount(numbers, weights, minlength)
    result = f(weights)
    assert result.dtype == expected.dtype
    np.testing.assert_allclose(result, expected)
    if len(numbers):
        irgrad.check_grads(lambda w: np.sum(np.bincount(numbers, weights=w) ** 2), (weights,))


@pytest.mark.parametrize("backend", irgrad.backends())
def test_traced_numbers_below_minlength(backend) -> None:
    def f(x, w):
        return np.bincount(x, w, minlength=5), np.bincount(x, minlength=6)

    for result, expected in zip(irgrad.compile(f, backend=backend)(I, W), f(I, W), strict=True):
        assert result.dtype == expected.dtype
        np.testing.assert_allclose(result, expected)
    irgrad.check_grads(lambda w: np.sum(np.cos(w)[0] * f(np.int64(w > 1), w)[0] ** 2), (W,))


@pytest.mark.parametrize("dtype", [np.float32, np.int32, bool])
def test_weights_become_float64(dtype) -> None:
    result = irgrad.compile(lambda w: np.bincount(I, w))(W.astype(dtype))
    np.testing.assert_allclose(result, np.bincount(I, W.astype(dtype)))
    assert result.dtype == np.float64


def test_numbers_that_change() -> None:
    numbers = I.copy()
    f = irgrad.compile(lambda w: np.bincount(numbers, w))
    for new in (I, I + 2, I * 0):
        numbers[:] = new
        np.testing.assert_allclose(f(W), np.bincount(new, W))


def test_numbers_made_inside() -> None:
    def f(w):
        places = np.zeros(4, int)
        places[1:] = 2
        return np.bincount(places, w) + np.bincount(places, minlength=3)

    np.testing.assert_allclose(irgrad.compile(f)(W), [1.5, 0.0, 6.5])


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda w: np.bincount(w.astype(int), w), TraceError, "bincount of traced numbers"),
        (lambda w: np.bincount(abs(w).astype(int), w[:2], 9), ShapeError, "4 numbers and weights"),
        (lambda w: np.bincount(w.astype(int), w, minlength=9), IndexingError, "out of bounds"),
        (lambda w: np.bincount(abs(w).astype(int), minlength=4), IndexingError, "out of bounds"),
        (lambda w: np.bincount(W, w), DTypeError, "takes a 1-D array of ints"),
        (lambda w: np.bincount(I - 1, w), IndexingError, "must not be negative, got -1"),
        (lambda w: np.bincount(I[:3], w), ShapeError, "3 numbers and weights of shape"),
    ],
)
def test_refusals(call, error, message) -> None:
    with pytest.raises(error, match=message) as caught:
        irgrad.compile(call)(W)
    assert "test_counting.py" in str(caught.value)


@pytest.mark.parametrize("backend", ["numpy", "numba"])
@pytest.mark.parametrize(
    "places",
    [
        lambda mask: np.where(mask)[0],
        lambda mask: np.nonzero(mask)[0],
        lambda mask: mask.nonzero()[0],
        np.flatnonzero,
        lambda mask: np.argwhere(mask)[:, 0],
    ],
)
def test_the_places_of_known_numbers(backend, places) -> None:
    def f(x):
        mask = np.array([1, 0, 1])
        return x[places(mask)] ** 2

    x = np.array([1.0, -2.0, 3.0])
    np.testing.assert_array_equal(irgrad.compile(f, backend=backend)(x), [1.0, 9.0])
    slope = irgrad.grad(lambda x: np.sum(f(x)))
    np.testing.assert_array_equal(slope(x), [2.0, 0.0, 6.0])
    with pytest.raises(UnsupportedError, match="known only when the program runs"):
        irgrad.compile(lambda x: x[places(x > 0)], backend=backend)(x)
