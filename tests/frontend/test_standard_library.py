"""Functions of the standard library, and methods of lists, that look at numbers: what they mean of
traced ones."""

from __future__ import annotations

import cmath
import statistics
from typing import Any

import numpy as np
import pytest

import irgrad
from irgrad.errors import IrgradError, ShapeError, TraceError
from tests.frontend.against_python import check_like_python

COMPLEX = sorted(
    name for name, f in vars(cmath).items() if callable(f) and name[0] != "_" and name != "isclose"
)
OF_SAMPLES = (
    "mean", "fmean", "median", "pvariance", "variance", "pstdev", "stdev", "harmonic_mean",
    "geometric_mean",
)  # fmt: skip


def parts(result: Any) -> Any:
    """The real numbers of a result."""
    if isinstance(result, tuple):
        return result
    return (result,) if isinstance(result, (bool, np.bool_)) else (result.real, result.imag)


@pytest.mark.parametrize("backend", irgrad.backends())
@pytest.mark.parametrize("name", COMPLEX)
def test_functions_of_complex_numbers(name: str, backend: str) -> None:
    function = getattr(cmath, name)

    def program(x: Any) -> Any:
        if name == "rect":
            return parts(function(x + 2, x)), parts(function(2, x)), parts(function(x, 2))
        more = (complex(3 * x, 2.0),) if name == "log" else ()
        z = complex(x, 0.7 - x)
        return (
            parts(function(z)),
            parts(function(z, *more)),
            parts(function(2j)),
            parts(function(x)),
        )

    check_like_python(program, backend, (0.5, -1.3), second=backend == "numpy")


def test_complex_numbers_promote_as_pythons() -> None:
    single = np.ones(2, np.complex64)
    assert irgrad.compile(lambda x: cmath.exp(1j * x) * single)(0.5).dtype == np.complex64
    with pytest.raises(ShapeError, match=r"cmath\.exp takes numbers[^$]*np\.exp takes arrays"):
        irgrad.compile(lambda x: cmath.exp(x))(np.ones(3))


@pytest.mark.parametrize("backend", irgrad.backends())
@pytest.mark.parametrize("name", OF_SAMPLES)
def test_statistics(name: str, backend: str) -> None:
    function = getattr(statistics, name)

    def program(x: Any) -> Any:
        data = [2.0 + x, 5.0, 1 + x * x, np.exp(x), 7]
        return function(data), function(v * v for v in data[:4]), function([1, 2.5]) * x

    check_like_python(program, backend, (0.5, -0.4), second=backend == "numpy")


@pytest.mark.parametrize("backend", irgrad.backends())
def test_places_and_numbers_of_items(backend: str) -> None:
    def program(x: Any) -> Any:
        items = [x, 0.5, 2 * x, "a", 0.5, x * 1.0]
        numbers = [np.sin(k * x) for k in range(30)]
        out = [0.0] * 30
        out[numbers.index(max(numbers))] = x
        found = items.index(0.5, 1), items.index(x * 2), items.index(x, 3), items.index(x, 4, 6)
        return found, items.count(x), items.count(0.5), tuple(numbers).count(numbers[2]), out

    check_like_python(program, backend, (0.75, -1.5))
    with irgrad.use_backend(backend):
        for x in (0.5, 1.0):
            assert irgrad.compile(lambda x: [x, 1.0, "a"].index(1.0))(x) == [x, 1.0].index(1.0)
        with pytest.raises(ValueError, match=r"is not in list\n  at .*test_standard_library"):
            irgrad.compile(lambda x: [x, 1.0].index(3.0))(0.5)


def test_sums_of_lists_are_lists() -> None:
    def program(x: Any) -> Any:
        pairs = [[k * x, x] for k in range(4)]
        return sum(pairs, list[Any]()), sum(((v[0],) for v in pairs), ()), sum([[1.0, 2.0]], [x])

    check_like_python(program, "numpy", (0.5,))


def test_what_the_library_cannot_do_names_the_users_line() -> None:
    for function in (
        lambda x: statistics.fmean([x, 2.0], weights=[1, x]),
        lambda x: statistics.mode([x, 2.0, x]),
        lambda x: statistics.linear_regression([x, 2.0], [1.0, 2.0]),
    ):
        with pytest.raises((TraceError, IrgradError)) as error:
            irgrad.compile(function)(1.5)
        assert "test_standard_library.py" in str(error.value)
        assert "Row" not in str(error.value)
