"""Every function of `math` on traced numbers: what it means there, or that it is refused."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest

import irgrad
from irgrad.errors import DTypeError, ShapeError, TraceError

ONE = (0.3, 0.999, 2.5, -0.7, -3.0, 0.0, math.inf, -math.inf, math.nan)
BINARY = ("atan2", "copysign", "fmod", "pow", "remainder", "isclose")
TWO = (0.3, -0.7, 2.0, 5.5, -math.inf, 0.0)
SAMPLES: dict[str, list[tuple[Any, ...]]] = {
    **{name: list(itertools.product(TWO, TWO)) for name in BINARY},
    "log": [(x,) for x in ONE] + [(x, base) for x in (0.3, 7.0) for base in (2, 0.5, 10.0)],
    "hypot": [(-0.7,), (0.3, -4.0), (2.0, 1.0, 0.7), (1.0, 2.0, 3.0, math.inf), (0.0, 0.0)],
    "dist": [([1.0, 2.0], [0.3, -0.7]), ((3.0,), (1.0,))],
    "lgamma": [(x,) for x in ONE if x != -math.inf],  # where SciPy's is -inf
    "prod": [([1.5, 2.0, 0.3],)],
    "fsum": [([0.1] * 10,), ([1.0, 1e100, 1.0, -1e100],), ([2.0, math.inf, 1.0],), ([0.3],)],
    "sumprod": [([1.5, 2.0], [0.3, 4.0])],
}  # fmt: skip
"""Arguments; a function that is not named here takes one number."""
REFUSED = {
    "comb", "factorial", "gcd", "isqrt", "lcm", "perm",  # of integers
    "frexp", "ldexp", "nextafter", "ulp", "fma",  # of bits
}  # fmt: skip
FUNCTIONS = sorted(name for name, f in vars(math).items() if callable(f) and name[0] != "_")
LOWERED = [name for name in FUNCTIONS if name not in REFUSED]


def calls(name: str) -> list[tuple[Any, ...]]:
    """The samples for which Python gives a result."""
    defined = []
    for args in SAMPLES.get(name, [(x,) for x in ONE]):
        try:
            getattr(math, name)(*args)
        except (ValueError, OverflowError):
            continue
        defined.append(args)
    return defined


@pytest.mark.parametrize("name", LOWERED)
@pytest.mark.parametrize("backend", irgrad.backends())
def test_functions_mean_what_they_mean_in_python(name: str, backend: str) -> None:
    function = getattr(math, name)
    compiled = irgrad.compile(lambda *given: function(*given), backend=backend)
    for args in calls(name):
        assert_close(compiled(*args), args, function)


@pytest.mark.parametrize("name", LOWERED)
def test_arguments_may_be_plain_numbers(name: str) -> None:
    function = getattr(math, name)
    for args in calls(name)[::5]:
        for plain in range(len(args)):
            before, given, after = args[:plain], args[plain], args[plain + 1 :]
            compiled = irgrad.compile(lambda *rest, b=before, g=given: function(*b, g, *rest))
            assert_close(compiled(*after), args, function)
            compiled = irgrad.compile(lambda *rest, g=given, a=after: function(*rest, g, *a))
            assert_close(compiled(*before), args, function)


def assert_close(got: Any, args: Any, function: Any) -> None:
    """The result for these arguments."""
    np.testing.assert_allclose(got, function(*args), rtol=1e-14, atol=1e-15, err_msg=str(args))


@pytest.mark.parametrize("name", sorted(REFUSED & set(FUNCTIONS)))
def test_others_are_refused(name: str) -> None:
    function = getattr(math, name)
    count = 3 if name == "fma" else 2 if name in ("gcd", "lcm", "ldexp", "nextafter", "comb") else 1

    def lowered(x: Any) -> Any:
        return function(*[x] * count)

    with pytest.raises((TraceError, TypeError), match=r"traced value|integer"):
        irgrad.compile(lowered)(2.0)


@pytest.mark.parametrize("name", sorted({*LOWERED} - {"hypot"}))
def test_nothing_is_taken_for_an_output(name: str) -> None:
    """More arguments than a function has are no results to write to, as they are for ufuncs."""
    most = 2 if name in {*BINARY, "log", "dist", "prod", "sumprod"} else 1
    function = getattr(math, name)
    with pytest.raises(TypeError):
        irgrad.compile(lambda x: function(*[x] * (most + 1)))(0.5)


@pytest.mark.parametrize(
    "name", ["hypot", "log", "remainder", "dist", "fmod", "modf", "erf", "lgamma", "fsum"]
)
def test_derivatives(name: str) -> None:
    function = getattr(math, name)

    def of(x: Any, y: Any) -> Any:
        if name == "fsum":
            return function([x, y, x * y, 1e17, x])
        if name == "dist":
            return function([x, 1.0], [y, x])
        result = function(x, y) if name in ("log", "remainder", "fmod") else function(x)
        if name == "hypot":
            result = function(y, 2.0, x)
        return result[0] if name == "modf" else result

    irgrad.check_grads(of, (3.3, 0.7), order=2)
    assert type(irgrad.grad(of)(3.3, 0.7)) is np.float64


def test_results_promote_as_python_numbers() -> None:
    single = np.ones(2, np.float32)
    for function in (math.sin, math.floor, math.trunc, lambda x: math.hypot(x, x), math.erf):
        got = irgrad.compile(lambda s, f=function: f(s) * single)(0.5)
        assert got.dtype == (function(0.5) * single).dtype
        assert (
            irgrad.compile(lambda s, f=function: f(s) * single)(np.float32(0.5)).dtype == got.dtype
        )


def test_only_real_numbers_are_taken() -> None:
    with pytest.raises(
        ShapeError, match=r"math\.erf takes numbers, got %x: f64\[3\][^$]*scipy\.special\.erf takes"
    ):
        irgrad.compile(lambda x: math.erf(x))(np.ones(3))
    with pytest.raises(ShapeError, match=r"np\.hypot takes arrays"):
        irgrad.compile(lambda x: math.hypot(x, 1.0))(np.ones(3))
    for function in (math.sin, float, int, math.floor):
        with pytest.raises(DTypeError, match=r"complex|floor") as error:
            irgrad.compile(lambda z, f=function: f(z))(1j)
        assert "astype" not in str(error.value)


@pytest.mark.parametrize("name", ["trunc", "floor", "ceil", "erf", "lgamma", "frexp", "remainder"])
def test_refused_without_capture(name: str) -> None:
    function, count = getattr(math, name), 2 if name == "remainder" else 1
    with irgrad.without_capture(), pytest.raises(TraceError) as error:
        irgrad.compile(lambda x: function(*[x] * count))(0.5)
    for wrong in ("np.remainder", "np.frexp takes", "Tracer"):
        assert wrong not in str(error.value)


def test_a_function_of_math_itself() -> None:
    for function in (math.sin, math.log, math.erf, abs):
        slope = irgrad.grad(function)(2.0)
        assert slope == irgrad.grad(lambda x, f=function: f(x))(2.0)
    assert irgrad.compile(math.hypot)(3.0, 4.0) == 5.0
