"""Averages, covariances, quantiles, norms and methods of ufuncs: NumPy's values and derivatives."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import irgrad
from irgrad.errors import IrgradError, TraceError, UnsupportedError
from tests.frontend.against_numpy import array, fails_as_numpy, same_as_numpy
from tests.frontend.test_reductions import agree, hessian, numbers

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning", "ignore::DeprecationWarning")

X, Z = array(3, 4), array(3, 4, dtype=complex) * (1 - 0.3j)
HALF, WHOLE, TRUTHS = array(3, 4, dtype=np.float32), array(3, 4, dtype=int), array(3, 4) > 0
GAPS = np.where(X > 1.5, np.nan, X)
SORTS = {"f64": X, "c128": Z, "f32": HALF, "i64": WHOLE, "bool": TRUTHS}

STATISTICS: dict[str, Callable[..., Any]] = {
    "average": np.average,
    "average of rows": lambda x: np.average(x, axis=1),
    "average by weights": lambda x: np.average(x, axis=0, weights=[1, 2, 4], keepdims=True),
    "average and weight": lambda x: np.average(x, axis=1, weights=np.arange(4), returned=True),
    "average and count": lambda x: np.average(x, axis=1, returned=True),
    "average by all weights": lambda x: np.average(x, weights=np.arange(12).reshape(3, 4)),
    "average over two": lambda x: np.average(
        x[None], axis=(2, 1), weights=np.arange(12).reshape(4, 3)
    ),
    "cov": np.cov,
    "cov of columns": lambda x: np.cov(x, rowvar=False, bias=True),
    "cov of two": lambda x: np.cov(x[0], x[1], ddof=0),
    "cov of one": lambda x: np.cov(x[0]),
    "cov by counts": lambda x: np.cov(x, fweights=[1, 2, 1, 2]),
    "cov by weights": lambda x: np.cov(x, aweights=[1, 2, 0.5, 2]),
    "cov by both": lambda x: np.cov(x, fweights=[1, 2, 1, 2], aweights=[1, 2, 0.5, 2], ddof=2),
    "corrcoef": np.corrcoef,
    "corrcoef of two": lambda x: np.corrcoef(x[0], x[1]),
    "trapezoid": np.trapezoid,
    "trapezoid by steps": lambda x: np.trapezoid(x, dx=0.5, axis=0),
    "trapezoid over a line": lambda x: np.trapezoid(x, np.array([0.0, 1.0, 3.0]), axis=0),
    "trapezoid over arrays": lambda x: np.trapezoid(x, x * x),
    "cumulative_sum": lambda x: np.cumulative_sum(x, axis=1, include_initial=True),
    "cumulative_prod": lambda x: np.cumulative_prod(x[0], include_initial=True),
}


@pytest.mark.parametrize("name", STATISTICS)
@pytest.mark.parametrize("sort", SORTS)
def test_statistics(name: str, sort: str) -> None:
    if sort != "bool" or not name.startswith("trapezoid over"):
        same_as_numpy(STATISTICS[name], SORTS[sort], rtol=2e-6 if sort == "f32" else 1e-12)


METHODS = (
    *("linear", "lower", "higher", "nearest", "midpoint", "inverted_cdf", "averaged_inverted_cdf"),
    *("closest_observation", "interpolated_inverted_cdf", "hazen", "weibull"),
    *("median_unbiased", "normal_unbiased"),
)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("function", [np.quantile, np.nanquantile])
def test_quantiles(function: Callable[..., Any], method: str) -> None:
    for x in (X, HALF, WHOLE, GAPS, array(7)):
        for q in (0.5, 1.0, 0.37, [0.1, 0.9], np.array([[0.0, 0.5], [0.25, 1.0]])):
            for axis in (None, -1):
                agree(lambda x, q, axis: function(x, q, axis, method=method), x, q, axis)
                agree(function, x, q=q, axis=axis, method=method, keepdims=True)


@pytest.mark.parametrize("function", [np.percentile, np.nanpercentile])
def test_percentiles(function: Callable[..., Any]) -> None:
    for x, q in itertools.product((X, HALF, WHOLE, GAPS), (0, 50, 100.0, [10, 35.5])):
        agree(function, x, q=q)
        agree(function, x, q=q, axis=0)


ORDERS: tuple[Any, ...] = (None, 2, 1, 0, 3, 0.5, 2.5, -1, -2.5, np.inf, -np.inf, "fro", "f")


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("sort", [sort for sort in SORTS if sort != "bool"])
def test_norms(order: Any, sort: str) -> None:
    for x in (SORTS[sort], SORTS[sort][0]):
        axes = [None, 0, -1, *([(0, 1), (1, 0)] if x.ndim == 2 else [])]
        for axis, keepdims in itertools.product(axes, (False, True)):
            if order != 2 or x.ndim == 1 or isinstance(axis, int):
                agree(np.linalg.norm, x, ord=order, axis=axis, keepdims=keepdims)
            if not isinstance(order, str) and order is not None:
                agree(np.linalg.vector_norm, x, ord=order, axis=axis, keepdims=keepdims)
        if x.ndim == 2 and order not in (None, 2, "f"):
            agree(np.linalg.matrix_norm, x[None], ord=order, keepdims=True)


VECTOR_ORDERS: tuple[Any, ...] = (None, 2, 1, 3, 2.5, 1.5, 0.5, np.inf, -np.inf, -1)


@pytest.mark.parametrize("order", VECTOR_ORDERS)
def test_derivatives_of_norms(order: Any) -> None:
    irgrad.check_grads(lambda x: np.linalg.norm(x, order, axis=0), (X,), order=2)
    irgrad.check_grads(lambda z: np.linalg.norm(z, order, axis=1), (Z,), order=1)
    if order in (None, 1, np.inf):
        irgrad.check_grads(lambda x: np.linalg.norm(x, order, axis=(0, 1)), (X,), order=2)


@pytest.mark.parametrize("order", [order for order in VECTOR_ORDERS if order != -1])
def test_norm_of_the_zero_vector(order: Any) -> None:
    zero = np.zeros(3)
    gradient = irgrad.grad(lambda x: np.linalg.norm(x, order))(zero)
    np.testing.assert_array_equal(gradient, np.zeros(3))
    np.testing.assert_array_equal(
        hessian(lambda x: np.linalg.norm(x, order), zero), np.zeros((3, 3))
    )


HELD = np.zeros((3, 4, 3, 4))
REFUSED: dict[str, tuple[Callable[..., Any], type[IrgradError], str]] = {
    "traced order": (lambda x: np.linalg.norm(x, x[0, 0]), TraceError, "norm of a traced order"),
    "weighted quantile": (
        lambda x: np.quantile(x[0], 0.5, weights=[1, 2, 3, 4], method="inverted_cdf"),
        UnsupportedError,
        "quantile with weights=",
    ),
    "a masked fold": (
        lambda x: np.hypot.reduce(x, where=x > 1, initial=0),
        UnsupportedError,
        "hypot.reduce with where=",
    ),
    "outer into": (
        lambda x: np.add.outer(x, x, out=HELD),
        UnsupportedError,
        "out= is not supported",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused_says_what_to_do(name: str) -> None:
    function, error, message = REFUSED[name]
    with pytest.raises(error, match=message) as raised:
        irgrad.compile(function)(X)
    assert raised.value.hint


@pytest.mark.parametrize("order", [3, "nuke", 0])
def test_norms_that_are_none(order: Any) -> None:
    fails_as_numpy(lambda x: np.linalg.norm(x, order), X, match="invalid order")
    fails_as_numpy(lambda x: np.linalg.norm(x[None], 1), X, match="name one or two axes")


REDUCE = (np.add, np.multiply, np.maximum, np.minimum, np.logical_and, np.logical_or)


@pytest.mark.parametrize("ufunc", [*REDUCE, np.fmax, np.fmin, np.logaddexp, np.logaddexp2])
def test_reduce(ufunc: np.ufunc) -> None:
    for dtype, shape in itertools.product(("bool", "uint8", "int32", "float64"), ((5,), (2, 3, 4))):
        x = numbers(shape, dtype)
        if x.itemsize == 1 and "logaddexp" in ufunc.__name__:  # where NumPy answers in float16
            continue
        agree(ufunc.reduce, x)
        for axis in (0, -1, None, (0, len(shape) - 1) if len(shape) > 1 else 0):
            agree(ufunc.reduce, x, axis=axis, keepdims=True)
            agree(ufunc.reduce, x, axis=axis, initial=2, where=x > 1)
            if "logical" not in ufunc.__name__:
                agree(ufunc.reduce, x, axis=axis, dtype=np.float64)
    agree(ufunc.reduce, np.zeros((0, 2)))
    agree(ufunc.reduce, np.full(3, np.inf))


@pytest.mark.parametrize("ufunc", REDUCE)
def test_accumulate(ufunc: np.ufunc) -> None:
    for dtype in ("bool", "uint8", "int32", "float64"):
        for axis in (0, -1, 1):
            agree(ufunc.accumulate, numbers((2, 3, 4), dtype), axis=axis)
        agree(ufunc.accumulate, numbers((5,), dtype))
        agree(ufunc.accumulate, numbers((), dtype))


@pytest.mark.parametrize("ufunc", [np.add, np.subtract, np.power, np.maximum, np.less, np.hypot])
def test_outer(ufunc: np.ufunc) -> None:
    same_as_numpy(lambda x: ufunc.outer(np.abs(x), x[0]), X)
    same_as_numpy(lambda x: ufunc.outer(x[0], 2.0), np.abs(X))
    same_as_numpy(lambda x: ufunc.outer([1.0, 2.0], x), X)


@pytest.mark.parametrize("ufunc", [np.hypot, np.subtract, np.bitwise_or, np.logaddexp, np.fmax])
def test_other_ufuncs_are_unrolled(ufunc: np.ufunc) -> None:
    whole = ufunc is np.bitwise_or
    x = WHOLE if whole else X
    for axis in (0, -1):
        agree(ufunc.reduce, x, axis=axis, keepdims=True)
        agree(ufunc.accumulate, x, axis=axis)
    agree(ufunc.reduce, x[0], initial=3, axis=None)
    if not whole:
        irgrad.check_grads(lambda x: ufunc.accumulate(x, axis=1), (X,), order=2)
