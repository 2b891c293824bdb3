"""check_grads accepts right derivatives in any dtype and at any scale, and no wrong ones."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import irgrad
from irgrad.errors import GradientMismatch
from irgrad.ops.elementwise import UFUNCS

W = np.linspace(-1, 1, 12).reshape(3, 4)
RIGHT: dict[str, Callable[[Any], Any]] = {
    "reciprocal": lambda x: np.sum(1 / x),
    "log": lambda x: np.sum(np.log(x)),
    "sqrt": lambda x: np.sqrt(x),
    "arcsin": lambda x: np.sum(np.arcsin(x / (1.02 * np.max(x)))),
    "tanh": lambda x: np.sum(np.tanh(W.astype(x.dtype) @ x) ** 2),
    "power": lambda x: x**3.5,
    "quotient": lambda x: x / (1 + np.sum(x * x)),
    "logsumexp": lambda x: irgrad.functions.logsumexp(x),
    "constant": lambda x: np.sum(0 * x) + 1,
    "single inside": lambda x: np.sum(np.sin(x.astype(np.float32)) ** 2),
}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("scale", [1e-6, 1e-2, 1.0, 1e2])
@pytest.mark.parametrize("name", RIGHT)
def test_right_derivatives_of_any_scale(name: str, scale: float, dtype: Any) -> None:
    x = (scale * np.array([0.31, 0.92, 0.57, 0.45])).astype(dtype)
    with irgrad.use_backend("numpy"):
        irgrad.check_grads(RIGHT[name], (x,), order=1)
        if dtype == np.float64 and name != "single inside":
            irgrad.check_grads(RIGHT[name], (x,), order=2)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("scale", [1e-6, 1e-2, 1.0, 10.0])
@pytest.mark.parametrize("modes", [("fwd",), ("rev",)])
def test_wrong_derivatives_of_any_scale(modes: Any, scale: float, dtype: Any, monkeypatch) -> None:
    x = (scale * np.array([0.31, 0.92, 0.57, 0.45])).astype(dtype)
    by = 1.05 if dtype == np.float32 else 1.0001
    for ufunc, given_by, slope in (
        (np.sin, "partials", lambda x, y: by * np.cos(x)),
        (np.log, "partials", lambda x, y: by / x),
        (np.sqrt, "partials", lambda x, y: by * 0.5 / y),
    ):
        monkeypatch.setattr(UFUNCS[ufunc], given_by, (slope,))
        with irgrad.use_backend("numpy"), pytest.raises(GradientMismatch, match="disagrees"):
            irgrad.check_grads(lambda x, f=ufunc: np.sum(f(x)), (x,), order=1, modes=modes)


def test_the_step_of_a_kink_is_wrong() -> None:
    relu = lambda x: np.sum(np.maximum(x, 0.0))  # noqa: E731 -- used once
    with pytest.raises(GradientMismatch, match="not smooth"):
        irgrad.check_grads(relu, (np.array([0.0, 1.0]),), order=1)


def test_python_floats_stay_weak() -> None:
    x = np.array([0.3, 0.6], np.float32)
    seen: list[Any] = []

    def f(x: Any, s: Any) -> Any:
        seen.append((x * s).dtype)
        return np.sum(np.sin(x * s))

    irgrad.check_grads(f, (x, 0.7))
    assert set(seen) == {np.dtype(np.float32)}
