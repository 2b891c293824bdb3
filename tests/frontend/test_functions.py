"""Activations: values against SciPy and plain formulas, far out too, and derivatives."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import special

import irgrad
from irgrad.frontend import functions
from tests.frontend.against_numpy import array, same_as_numpy

X = array(3, 4)
FAR = np.array([[-1000.0, -30.0, 0.0, 30.0], [1000.0, 999.0, -np.inf, 500.0]])
EXPECTED: dict[str, tuple[Callable[..., Any], Callable[..., Any]]] = {
    "sigmoid": (functions.sigmoid, special.expit),
    "relu": (functions.relu, lambda x: np.where(x > 0, x, 0)),
    "leaky_relu": (functions.leaky_relu, lambda x: np.where(x > 0, x, 0.1 * x)),
    "leaky_relu of a slope": (
        lambda x: functions.leaky_relu(x, slope=0.3),
        lambda x: np.where(x > 0, x, 0.3 * x),
    ),
    "softplus": (
        functions.softplus,
        lambda x: np.where(x > 30, x, np.log1p(np.exp(np.fmin(x, 30)))),
    ),
    "silu": (functions.silu, lambda x: x / (1 + np.exp(-x))),
    "gelu": (functions.gelu, lambda x: x * (1 + special.erf(x / np.sqrt(2))) / 2),
    "softmax": (functions.softmax, lambda x: special.softmax(x, axis=-1)),
    "softmax over columns": (
        lambda x: functions.softmax(x, axis=0),
        lambda x: special.softmax(x, axis=0),
    ),
    "softmax over all": (lambda x: functions.softmax(x, axis=None), special.softmax),
    "log_softmax": (functions.log_softmax, lambda x: special.log_softmax(x, axis=-1)),
    "logsumexp": (functions.logsumexp, special.logsumexp),
    "logsumexp over rows": (
        lambda x: functions.logsumexp(x, axis=1),
        lambda x: special.logsumexp(x, axis=1),
    ),
    "logsumexp kept": (
        lambda x: functions.logsumexp(x, axis=(0, 1), keepdims=True),
        lambda x: special.logsumexp(x, axis=(0, 1), keepdims=True),
    ),
}


@pytest.mark.parametrize(("f", "plain"), EXPECTED.values(), ids=EXPECTED)
def test_values(f: Any, plain: Any) -> None:
    same_as_numpy(f, X)
    same_as_numpy(f, X.astype(np.float32), rtol=1e-6)
    np.testing.assert_allclose(f(X), plain(X), rtol=1e-12)
    compiled = irgrad.compile(f)
    with np.errstate(over="ignore", invalid="ignore"):
        finite = FAR if "sum" in f.__name__ or "soft" in f.__name__ else FAR[:1]
        np.testing.assert_allclose(f(finite), plain(finite), rtol=1e-12, atol=1e-12)
        np.testing.assert_allclose(compiled(finite), plain(finite), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("f", [f for f, _ in EXPECTED.values()], ids=EXPECTED)
def test_derivatives(f: Any) -> None:
    irgrad.check_grads(f, (X,))
    gradient = irgrad.grad(lambda x: np.sum(f(x)[..., :1]) if np.ndim(f(x)) else f(x))
    with np.errstate(all="ignore"):
        assert np.isfinite(gradient(FAR[:1])).all()


def test_gelu_by_tanh() -> None:
    np.testing.assert_allclose(functions.gelu(X, approximate=True), functions.gelu(X), atol=1e-3)
    irgrad.check_grads(lambda x: functions.gelu(x, approximate=True), (X,))


def test_shares_far_apart() -> None:
    """The derivative of logsumexp is softmax, also where the exponentials would overflow."""
    x = np.array([1000.0, 999.0, -1000.0, -np.inf])
    gradient = irgrad.grad(functions.logsumexp)(x)
    np.testing.assert_allclose(gradient, special.softmax(x), rtol=1e-12)
    np.testing.assert_allclose(irgrad.compile(functions.softmax)(x), special.softmax(x), rtol=1e-12)


def test_sums_of_nothing_but_minus_infinity() -> None:
    x = np.full(3, -np.inf)
    assert functions.logsumexp(x) == -np.inf
    assert irgrad.compile(functions.logsumexp)(x) == -np.inf
    assert irgrad.compile(functions.logsumexp)(np.array([1.0, np.inf])) == np.inf


def test_plain_numbers_and_lists() -> None:
    assert functions.relu(-2.0) == 0
    assert functions.sigmoid(0) == 0.5
    np.testing.assert_allclose(functions.softmax([0, 0]), [0.5, 0.5])
