"""Reductions and running reductions: NumPy's values, dtypes, shapes and errors, and derivatives."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import irgrad
from irgrad.errors import IrgradError, UnsupportedError
from tests.frontend.against_numpy import array, assert_same, fails_as_numpy, same_as_numpy

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")

DTYPES = ["bool", "uint8", "int32", "int64", "float32", "float64", "complex64", "complex128"]
SHAPES: list[tuple[int, ...]] = [(), (5,), (2, 3, 4), (0,), (2, 0), (0, 2)]
ADDING: dict[str, Callable[..., Any]] = {"sum": np.sum, "prod": np.prod}
CHOOSING: dict[str, Callable[..., Any]] = {"max": np.max, "min": np.min}
TRUTH: dict[str, Callable[..., Any]] = {"any": np.any, "all": np.all}
PLACES: dict[str, Callable[..., Any]] = {"argmax": np.argmax, "argmin": np.argmin}
OTHERS: dict[str, Callable[..., Any]] = {
    "mean": np.mean,
    "var": np.var,
    "std": np.std,
    "ptp": np.ptp,
    "count_nonzero": np.count_nonzero,
}
NAN: dict[str, Callable[..., Any]] = {
    f"nan{name}": getattr(np, f"nan{name}")
    for name in ("sum", "prod", "max", "min", "mean", "var", "std", "median")
}
REDUCTIONS = {**ADDING, **CHOOSING, **TRUTH, **OTHERS, **NAN, "median": np.median}
RUNNING: dict[str, Callable[..., Any]] = {
    "cumsum": np.cumsum,
    "cumprod": np.cumprod,
    "nancumsum": np.nancumsum,
    "nancumprod": np.nancumprod,
}
ORDERED = {*CHOOSING, *PLACES, "ptp", "nanmax", "nanmin"}
"""What goes by the order of numbers."""


def numbers(shape: tuple[int, ...], dtype: str) -> np.ndarray[Any, Any]:
    """Small numbers with ties, zeros and, among floats, a nan in places."""
    count = int(np.prod(shape))
    whole = np.random.default_rng([count, *shape]).integers(-3, 5, count)
    x = (abs(whole) if dtype in ("bool", "uint8") else whole).astype(dtype)
    if x.dtype.kind in "fc" and count > 8:
        x[[3, 7]] = np.nan
    return (x * (1 - 0.5j) if x.dtype.kind == "c" else x).astype(dtype).reshape(shape)


def axes_for(x: np.ndarray[Any, Any]) -> list[Any]:
    """Every way to name axes, and one that is wrong; fewer in three dimensions."""
    if x.ndim < 3:
        return [None, (), *range(-x.ndim, x.ndim + 1)]
    some = [None, 1, (0, -1)]
    return [*some, (), 0, -1, -2, (0, 1), (2, 1), (0, -1, 1), (1, -2)] if x.dtype == float else some


def agree(function: Callable[..., Any], *args: Any, **options: Any) -> None:
    """The same result, or an error where NumPy raises one."""

    def called(*args: Any) -> Any:
        return function(*args, **options)

    try:
        expected = called(*args)
    except (TypeError, ValueError):
        with pytest.raises((ValueError, TypeError)) as raised:
            irgrad.compile(called)(*args)
        assert isinstance(raised.value, IrgradError)
        return
    rough = any(np.asarray(x).dtype in (np.float32, np.complex64) for x in (*args, expected))
    assert_same(irgrad.compile(called)(*args), expected, 1e-5 if rough else 1e-12)


def arrays(name: str) -> Iterator[np.ndarray[Any, Any]]:
    """Of each dtype and of each shape some, other ones for other names, and all of float64."""
    first = sum(map(ord, name))
    for k, (dtype, shape) in enumerate(itertools.product(DTYPES, SHAPES)):
        if dtype == "float64" or (first + k + k // len(SHAPES)) % 4 == 0:
            yield numbers(shape, dtype)


@pytest.mark.parametrize("name", REDUCTIONS)
def test_axes_and_keepdims(name: str) -> None:
    for x in arrays(name):
        for axis, keepdims in itertools.product(axes_for(x), (False, True)):
            if "median" not in name or axis != ():  # where NumPy fails on its own
                agree(REDUCTIONS[name], x, axis=axis, keepdims=keepdims)


@pytest.mark.parametrize("name", PLACES)
def test_positions(name: str) -> None:
    for x in arrays(name):
        for axis, keepdims in itertools.product((None, *range(-x.ndim, x.ndim + 1)), (False, True)):
            agree(PLACES[name], x, axis=axis, keepdims=keepdims)


@pytest.mark.parametrize("name", RUNNING)
def test_running(name: str) -> None:
    for x in arrays(name):
        for axis in (None, *range(-x.ndim, x.ndim + 1)):
            agree(RUNNING[name], x, axis=axis)


@pytest.mark.parametrize("name", [*ADDING, *CHOOSING, "nansum", "nanprod", "nanmax", "nanmin"])
def test_where_and_initial(name: str) -> None:
    function = REDUCTIONS[name]
    for x in arrays(name):
        mask = numbers(x.shape, "int64") > 0
        start = x.dtype.type(2)
        for axis in axes_for(x):
            agree(function, x, axis=axis, initial=2, where=mask)
            agree(function, x, axis=axis, initial=start, keepdims=True)
            agree(function, x, axis=axis, where=mask)


@pytest.mark.parametrize("name", [*TRUTH, "mean", "var", "std", "nanmean", "nanvar", "nanstd"])
def test_where(name: str) -> None:
    function = REDUCTIONS[name]
    for x in arrays(name):
        mask = numbers(x.shape, "int64") > 0
        for axis in axes_for(x):
            agree(lambda x, mask, axis: function(x, axis, where=mask), x, mask, axis)
            agree(function, x, axis=axis, where=mask[..., :1] if mask.ndim else mask, keepdims=True)


SPREADS = {"var": np.var, "std": np.std, "nanvar": np.nanvar, "nanstd": np.nanstd}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", [*ADDING, "mean", "nansum", "nanmean", *RUNNING])
def test_dtype(name: str, dtype: str) -> None:
    function = {**REDUCTIONS, **RUNNING}[name]
    for x in arrays(name):
        if x.ndim and (x.dtype.kind != "c" or np.dtype(dtype).kind == "c"):
            agree(function, x, axis=0, dtype=dtype)


@pytest.mark.parametrize("name", SPREADS)
def test_spreads(name: str) -> None:
    for x in arrays(name):
        for ddof in (1, 2, 0.5, 6):
            agree(SPREADS[name], x, ddof=ddof)
            agree(SPREADS[name], x, correction=ddof, keepdims=True)
        if x.dtype.kind != "c":
            agree(SPREADS[name], x, dtype=np.float32)
            agree(SPREADS[name], x, dtype=np.float64)


METHODS = ["sum", "prod", "max", "min", "any", "all", "mean", "var", "std", "argmax", "argmin"]


@pytest.mark.parametrize("name", [*METHODS, "cumsum", "cumprod"])
def test_methods(name: str) -> None:
    x = array(3, 4)
    for axis in (None, 0, -1):
        agree(lambda x, axis: getattr(x, name)(axis), x, axis)
        agree(lambda x, **options: getattr(x, name)(**options), x, axis=axis)
    same_as_numpy(lambda x: getattr(x, name)(), x > 0)


FAILURES: dict[str, tuple[Callable[..., Any], str]] = {
    "max of nothing": (lambda x: np.max(x[:0]), "nothing to choose from"),
    "argmin of nothing": (lambda x: np.argmin(x[:, :0], axis=1), "nothing to choose from"),
    "no such axis": (lambda x: np.sum(x, axis=2), "axis 2 is out of bounds"),
    "an axis twice": (lambda x: np.prod(x, axis=(0, -2)), "stands twice"),
    "where without initial": (lambda x: np.max(x, where=x > 0), "needs initial="),
    "a mask of ints": (lambda x: np.sum(x, where=np.ones((3, 4), int)), "must be of bools"),
    "a wide mask": (lambda x: np.sum(x, where=np.ones((2, 3, 4), bool)), "does not fit"),
    "ddof and correction": (lambda x: np.var(x, ddof=1, correction=1), "ddof and correction"),
    "weights": (lambda x: np.average(x, axis=1, weights=[1, 2]), "weights must have the shape"),
    "weights of what": (lambda x: np.average(x, weights=[1, 2]), "Axis must be specified"),
    "scalars": (lambda x: np.add.accumulate(x[0, 0]), "cannot accumulate on a scalar"),
    "quantiles": (lambda x: np.quantile(x, 1.5), r"must be in the range \[0, 1\]"),
    "percentages": (lambda x: np.percentile(x, [50, 150]), r"must be in the range \[0, 100\]"),
    "a way to interpolate": (lambda x: np.quantile(x, 0.5, method="cubic"), "must be one of"),
}


@pytest.mark.parametrize("name", FAILURES)
def test_fails_as_numpy(name: str) -> None:
    function, message = FAILURES[name]
    fails_as_numpy(function, array(3, 4), match=message)


@pytest.mark.parametrize("name", [*ADDING, *CHOOSING, *TRUTH, *PLACES, *RUNNING, "mean", "std"])
def test_out(name: str) -> None:
    function, held = getattr(np, name), np.zeros(4)
    with pytest.raises(UnsupportedError, match="out= is not supported") as raised:
        irgrad.compile(lambda x: function(x, axis=0, out=held))(array(3, 4))
    assert "use the result" in str(raised.value)


Z = np.array([1 + 2j, 1 - 1j, 0, -1, 3 + 0j, 3 - 0.5j])
COMPLEX: dict[str, Callable[..., Any]] = {
    **{name: getattr(np, name) for name in sorted(ORDERED)},
    "axis": lambda z: np.max(np.stack([z, z[::-1]]), axis=0),
    "initial": lambda z: np.min(z, initial=-0.5j),
    "maximum": lambda z: np.maximum(z, z[::-1] * 1j),
    "minimum": lambda z: np.minimum(z, 0.5),
    "fmax": lambda z: np.fmax(z, z[::-1]),
    "fmin": lambda z: np.fmin(z, z[::-1]),
    "clip": lambda z: np.clip(z, -1 + 0j, 1j),
    "cummax": np.maximum.accumulate,
    "cummin": np.minimum.accumulate,
    "sign": np.sign,
    "sign at zero": lambda z: np.sign(z * 0),
}


@pytest.mark.parametrize("backend", irgrad.backends())
@pytest.mark.parametrize("name", COMPLEX)
def test_complex_numbers_have_numpys_order(name: str, backend: str) -> None:
    function = COMPLEX[name]
    special = np.array([complex(np.inf, 1), complex(np.nan, 0), complex(0, -np.inf)])
    for z in (Z, Z.astype(np.complex64), np.append(Z, special), np.append(special, Z)):
        with np.errstate(all="ignore"):
            got, expected = irgrad.compile(function, backend=backend)(z), function(z)
        np.testing.assert_array_equal(got, expected)
        assert got.dtype == expected.dtype
    if not name.startswith(("arg", "nanarg", "sign at")):
        shifted = Z + 0.2j + np.linspace(0.1, 0.4, 6)
        with irgrad.use_backend(backend):
            irgrad.check_grads(function, (shifted,))
            irgrad.check_grads(lambda z: np.sum(np.abs(function(z) - 0.3j) ** 2), (shifted,))


SMOOTH: dict[str, Callable[..., Any]] = {
    "sum": lambda x: np.sum(x, axis=0),
    "sum where": lambda x: np.sum(x, axis=1, where=x > 0, initial=2.0),
    "sum from": lambda x: np.sum(x * x, initial=x[0, 0]),
    "prod": np.prod,
    "prod of two axes": lambda x: np.prod(x[None], axis=(0, 2)),
    "prod where": lambda x: np.prod(x, axis=1, where=x > 0, initial=x[0, 1]),
    "max": lambda x: np.max(x, axis=0) ** 2,
    "max from": lambda x: np.max(x, axis=0, initial=x[1, 1], where=x < 1) ** 2,
    "min": lambda x: np.min(x**2, axis=(0, 1), keepdims=True),
    "ptp": lambda x: np.ptp(x, axis=1),
    "mean": lambda x: np.mean(x * x, axis=-1, keepdims=True),
    "mean where": lambda x: np.mean(x * x, axis=0, where=x > -2),
    "average": lambda x: np.average(x, axis=0, weights=np.exp(x[:, 0])),
    "var": lambda x: np.var(x, axis=0, ddof=1),
    "var from": lambda x: np.var(x, axis=0, mean=x[:1]),
    "std": lambda x: np.std(x, axis=1, keepdims=True),
    "cov": np.cov,
    "cov weighted": lambda x: np.cov(x, aweights=np.exp(x[0]), fweights=[1, 2, 1, 3]),
    "corrcoef": np.corrcoef,
    "cumsum": lambda x: np.cumsum(x * x, axis=1),
    "cumprod": lambda x: np.cumprod(x, axis=0),
    "cumulative_sum": lambda x: np.cumulative_sum(x * x, axis=1, include_initial=True),
    "trapezoid": lambda x: np.trapezoid(x * x, np.exp(x), axis=0),
    "nanprod": lambda x: np.nanprod(np.where(x > 1, np.nan, x), axis=0),
    "nanmean": lambda x: np.nanmean(np.where(x > 1, np.nan, x * x), axis=1),
    "nanstd": lambda x: np.nanstd(np.where(x > 1, np.nan, x * x), axis=1),
    "nanmax": lambda x: np.nanmax(np.where(x > 1, np.nan, x * x), axis=1),
    "median": lambda x: np.median(x * x, axis=1),
    "nanmedian": lambda x: np.nanmedian(np.where(x > 1, np.nan, x), axis=1) ** 2,
    "quantile": lambda x: np.quantile(x, [0.1, 0.65], axis=1) ** 2,
    "quantile of x": lambda x: np.quantile(x * x, 0.3 + 0.1 * np.sin(x[0, :2]), axis=0),
    "nanpercentile": lambda x: np.nanpercentile(np.where(x > 1, np.nan, x), 35, axis=1) ** 2,
    "maximum.accumulate": lambda x: np.maximum.accumulate(x, axis=1) ** 2,
    "logaddexp.reduce": lambda x: np.logaddexp.reduce(x, axis=1),
    "multiply.outer": lambda x: np.multiply.outer(x[0], x[:, 1]),
}


@pytest.mark.parametrize("name", SMOOTH)
def test_derivatives(name: str) -> None:
    x = array(3, 4)
    same_as_numpy(SMOOTH[name], x)
    irgrad.check_grads(SMOOTH[name], (x,), order=2)


def hessian(f: Callable[..., Any], x: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """The second derivatives, one column at a time."""
    return np.stack([irgrad.jvp(irgrad.grad(f), (x,), (v,))[1] for v in np.eye(x.size)])


def test_zeros_in_products() -> None:
    """The derivative of a product in a factor is the product of the others, zeros or not."""
    others = irgrad.grad(np.prod)
    np.testing.assert_array_equal(others(np.array([2.0, 0.0, 3.0])), [0, 6, 0])
    np.testing.assert_array_equal(others(np.array([2.0, 0.0, 0.0])), [0, 0, 0])
    second = hessian(np.prod, np.array([2.0, 0.0, 0.0]))
    np.testing.assert_array_equal(second, [[0, 0, 0], [0, 0, 2], [0, 2, 0]])
    irgrad.check_grads(np.cumprod, (np.array([2.0, 0.0, 3.0, 0.0, 1.5]),), order=3)


def test_ties_go_to_the_first() -> None:
    ties = np.array([[1.0, 3.0], [3.0, 3.0]])
    np.testing.assert_array_equal(irgrad.grad(np.max)(ties), [[0, 1], [0, 0]])
    np.testing.assert_array_equal(irgrad.grad(np.min)(-ties), [[0, 1], [0, 0]])
    np.testing.assert_array_equal(irgrad.grad(np.max)(np.array([1.0, np.nan, np.nan])), [0, 1, 0])
    running = irgrad.grad(lambda x: np.sum(np.maximum.accumulate(x)))
    np.testing.assert_array_equal(running(np.array([2.0, 1.0, 2.0, 3.0, 3.0])), [3, 0, 0, 2, 0])


def test_std_of_equal_elements() -> None:
    same = np.full(4, 1.5)
    np.testing.assert_array_equal(irgrad.grad(np.std)(same), np.zeros(4))
    assert not np.isnan(hessian(np.std, same)).any()


def test_captured_masks_are_read_at_each_call() -> None:
    mask = np.array([True, False, True])
    f = irgrad.compile(lambda x: np.sum(x, where=mask))
    x = np.array([1.0, 2.0, 4.0])
    assert f(x) == 5
    mask[1] = True
    assert f(x) == 7
