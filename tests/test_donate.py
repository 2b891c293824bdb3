"""`compile(f, donate=...)`: what a function writes to its arguments is in the caller's arrays."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import irgrad
from irgrad.errors import IrgradError

BACKENDS = ("numpy", "numba")


def smooth(steps: int, x: Any, y: Any) -> None:
    for _ in range(steps):
        y[1:-1] = (x[:-2] + x[1:-1] + x[2:]) / 3
        x[1:-1] = (y[:-2] + y[1:-1] + y[2:]) / 3


def take_first(state: Any, by: Any) -> Any:
    state["rows"][0][::2] += by
    state["scale"] *= 2.0
    return np.sum(state["rows"][1])


class Counter:
    def __init__(self) -> None:
        self.step = 2.0

    def advance(self, x: Any) -> Any:
        x += self.step
        return np.sum(x)

    donated = irgrad.compile(advance, donate="x")


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("donate", [("x", "y"), (1, 2), (-2, "y"), ["x", "y"]])
def test_the_callers_arrays_hold_what_the_function_wrote(backend: str, donate: Any) -> None:
    x, y = np.random.default_rng(0).random((2, 30))
    expected = x.copy(), y.copy()
    f = irgrad.compile(smooth, backend=backend, donate=donate)
    for _ in range(3):
        smooth(20, *expected)
        assert f(20, x, y) is None
        np.testing.assert_allclose((x, y), expected, rtol=1e-13)


@pytest.mark.parametrize("backend", BACKENDS)
def test_only_donated_arrays_change(backend: str) -> None:
    x, y = np.random.default_rng(0).random((2, 30))
    before, expected = y.copy(), x.copy()
    smooth(3, expected, y.copy())
    irgrad.compile(smooth, backend=backend, donate="x")(3, x, y=y)
    np.testing.assert_allclose(x, expected, rtol=1e-13)
    np.testing.assert_array_equal(y, before)


@pytest.mark.parametrize("backend", BACKENDS)
def test_pytrees_views_and_results(backend: str) -> None:
    def state() -> Any:
        return {"rows": [np.ones((3, 4)).T[::-1], np.full(2, 5.0)], "scale": np.array(1.5)}

    mine, expected, place = state(), state(), np.empty(())
    f = irgrad.compile(take_first, backend=backend, donate="state")
    for by in (2.0, np.arange(3.0)):
        assert f(mine, by) == take_first(expected, by)
        assert f(mine, by, out=place) is place
        take_first(expected, by)
        for got, wanted in zip(leaves_of(mine), leaves_of(expected), strict=True):
            np.testing.assert_array_equal(got, wanted)


def leaves_of(state: Any) -> list[Any]:
    return [*state["rows"], state["scale"]]


def test_methods_pickles_and_derivatives() -> None:
    x = np.ones(3)
    assert Counter().donated(x) == 9.0
    assert Counter.donated(Counter(), x) == 15.0
    np.testing.assert_array_equal(x, 5.0)

    f = pickle.loads(pickle.dumps(irgrad.compile(smooth, donate=("x", "y"))))
    x, y = np.random.default_rng(0).random((2, 9))

    def loss(g: Callable[..., None], x: Any, y: Any) -> Any:
        g(4, x, y)
        return np.sum(x * y)

    for g in (f, smooth):
        np.testing.assert_allclose(
            irgrad.grad(loss, argnums=1)(g, x.copy(), y.copy()),
            irgrad.grad(lambda x, y: loss(smooth, x, y))(x, y),
            rtol=1e-12,
        )
    assert "loop" in f.dump(40, x, y)


READ_ONLY = np.broadcast_to(1.0, 5)
ROW = np.ones(5)


@pytest.mark.parametrize(
    ("donate", "args", "message"),
    [
        ("z", (1, ROW, ROW), "donate='z' names no argument of the call; they are steps, x, y"),
        (3, (1, ROW, ROW), "donate=3 names no argument of the call"),
        ("steps", (1, ROW, ROW), "donate: steps must be an array, got an int"),
        ("x", (1, 2.0, ROW), "donate: x must be an array, got a float"),
        ("y", (1, ROW, READ_ONLY), "donate: y is read-only"),
        (("x", "y"), (1, ROW, ROW), "donate: y shares memory with another donated array"),
        ("x", (1, [ROW, 1.0], ROW), r"donate: x\[1\] must be an array, got a float"),
    ],
)
def test_what_cannot_be_donated(donate: Any, args: Any, message: str) -> None:
    with pytest.raises(IrgradError, match=message) as error:
        irgrad.compile(smooth, donate=donate)(*args)
    assert "at test_donate.py:" in str(error.value) and "hint: " in str(error.value)
