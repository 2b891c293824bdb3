"""Derivatives at the points where formulas are tempted to give nan, and at kinks, in both modes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import special

import irgrad
from irgrad.frontend import functions

INF, NAN = np.inf, np.nan


def both_modes(f: Callable[..., Any], *point: float) -> tuple[list[float], list[float]]:
    """All partial derivatives of `f` at a point, by forward and by reverse mode."""
    unit = np.eye(len(point))
    with np.errstate(all="ignore"):
        forward = [float(irgrad.jvp(f, point, tuple(map(float, row)))[1]) for row in unit]
        reverse = irgrad.grad(f, tuple(range(len(point))))(*point)
    return forward, [float(x) for x in reverse]


EDGES: list[tuple[str, Callable[..., Any], tuple[float, ...], tuple[float, ...]]] = [
    # powers
    ("0 ** 2", lambda x: x**2, (0.0,), (0.0,)),
    ("0 ** 1", lambda x: x**1, (0.0,), (1.0,)),
    ("0 ** 0", lambda x: x**0, (0.0,), (0.0,)),
    ("0 ** 0.5", lambda x: x**0.5, (0.0,), (INF,)),
    ("(-2) ** 3", lambda x: x**3, (-2.0,), (12.0,)),
    ("(-2) ** -1", lambda x: x**-1, (-2.0,), (-0.25,)),
    ("(-2) ** traced 3", lambda x: np.power(x, np.float64(3)), (-2.0,), (12.0,)),
    ("0 ** p", np.power, (0.0, 2.0), (0.0, 0.0)),
    ("0 ** traced 1", np.power, (0.0, 1.0), (1.0, 0.0)),
    ("x ** traced 0", np.power, (3.0, 0.0), (0.0, np.log(3))),
    ("2 ** p", lambda p: 2.0**p, (3.0,), (8 * np.log(2),)),
    ("float_power", lambda x: np.float_power(x, 2), (0.0,), (0.0,)),
    ("sqrt at 0", np.sqrt, (0.0,), (INF,)),
    ("cbrt at 0", np.cbrt, (0.0,), (INF,)),
    ("square at 0", np.square, (0.0,), (0.0,)),
    # lengths and angles
    ("hypot at 0", np.hypot, (0.0, 0.0), (0.0, 0.0)),
    ("hypot on an axis", np.hypot, (0.0, -2.0), (0.0, -1.0)),
    ("hypot far out", np.hypot, (3e200, 4e200), (0.6, 0.8)),
    ("arctan2 on the positive axis", np.arctan2, (0.0, 2.0), (0.5, 0.0)),
    ("arctan2 on the other axis", np.arctan2, (2.0, 0.0), (0.0, -0.5)),
    ("arctan2 near 0", np.arctan2, (3e-200, 4e-200), (1.6e199, -1.2e199)),
    ("arcsin at 1", np.arcsin, (1.0,), (INF,)),
    ("arccosh at 1", np.arccosh, (1.0,), (INF,)),
    ("sinc at 0", np.sinc, (0.0,), (0.0,)),
    ("sinc at 1", np.sinc, (1.0,), (-1.0,)),
    # exponentials far out
    ("logaddexp of -inf", np.logaddexp, (-INF, 1.0), (0.0, 1.0)),
    ("logaddexp of equal infinities", np.logaddexp, (INF, INF), (0.5, 0.5)),
    ("logaddexp far apart", np.logaddexp, (1000.0, -1000.0), (1.0, 0.0)),
    ("logaddexp2", np.logaddexp2, (3.0, 3.0), (0.5, 0.5)),
    ("tanh far out", np.tanh, (500.0,), (0.0,)),
    ("expit far out", special.expit, (-800.0,), (0.0,)),
    ("log_expit far out", special.log_expit, (-800.0,), (1.0,)),
    ("log_ndtr far out", special.log_ndtr, (-1e8,), (1e8,)),
    ("log_ndtr far up", special.log_ndtr, (50.0,), (0.0,)),
    ("exprel at 0", special.exprel, (0.0,), (0.5,)),
    ("exprel far out", special.exprel, (-800.0,), (1 / 800.0**2,)),
    ("exprel far up", special.exprel, (800.0,), (INF,)),
    ("spence at 1", special.spence, (1.0,), (-1.0,)),
    ("boxcox of the power 0", special.boxcox, (2.0, 0.0), (0.5, np.log(2) ** 2 / 2)),
    ("huber inside", special.huber, (1.0, 0.5), (0.0, 0.5)),
    ("huber outside", special.huber, (1.0, -3.0), (2.0, -1.0)),
    ("ndtri_exp far out", special.ndtri_exp, (special.log_ndtr(-40.0),), (0.024984404205720571,)),
    ("softplus far out", functions.softplus, (1000.0,), (1.0,)),
    # x log y and kin
    ("xlogy at 0, 0", special.xlogy, (0.0, 2.0), (np.log(2), 0.0)),
    ("xlogy in y at 0, 0", lambda y: special.xlogy(0.0, y), (0.0,), (0.0,)),
    ("xlog1py in y at 0, -1", lambda y: special.xlog1py(0.0, y), (-1.0,), (0.0,)),
    ("rel_entr in y at 0, 0", lambda y: special.rel_entr(0.0, y), (0.0,), (0.0,)),
    ("kl_div in y at 0, 0", lambda y: special.kl_div(0.0, y), (0.0,), (1.0,)),
    ("kl_div at 0", lambda y: special.kl_div(0.0, y), (2.0,), (1.0,)),
    ("entr", special.entr, (1.0,), (-1.0,)),
    # signs and remainders
    ("copysign", np.copysign, (3.0, -0.0), (-1.0, 0.0)),
    ("heaviside at 0", np.heaviside, (0.0, 0.5), (0.0, 1.0)),
    ("heaviside", np.heaviside, (2.0, 0.5), (0.0, 0.0)),
    ("remainder of a negative", np.remainder, (-7.5, 2.0), (1.0, 4.0)),
    ("fmod of a negative", np.fmod, (-7.5, 2.0), (1.0, 3.0)),
    ("round", lambda x: np.round(x, 1) + x, (0.26,), (1.0,)),
    ("nan_to_num of nan", lambda x: np.nan_to_num(x), (NAN,), (0.0,)),
    ("i0e at 0", special.i0e, (0.0,), (0.0,)),
    # choices do not multiply by zero
    (
        "where without nan",
        lambda x: np.where(x > 0, np.sqrt(np.where(x > 0, x, 1)), 0),
        (0.0,),
        (0.0,),
    ),
    # what is not chosen has derivative 0, also where its slope is infinite
    *(
        (f"{name} not chosen", lambda x, f=f: np.where(x > 5, f(x), x), (edge,), (1.0,))
        for name, f, edge in (
            ("sqrt", np.sqrt, 0.0),
            ("cbrt", np.cbrt, 0.0),
            ("** 0.5", lambda x: x**0.5, 0.0),
            ("** (1 / 3)", lambda x: x ** (1 / 3), 0.0),
            ("arcsin", np.arcsin, 1.0),
            ("arcsin below", np.arcsin, -1.0),
            ("arccos", np.arccos, 1.0),
            ("arccosh", np.arccosh, 1.0),
        )
    ),
]


@pytest.mark.parametrize(
    ("f", "point", "expected"), [edge[1:] for edge in EDGES], ids=[edge[0] for edge in EDGES]
)
def test_edges(f: Callable[..., Any], point: Any, expected: Any) -> None:
    for got in both_modes(f, *point):
        np.testing.assert_allclose(got, expected, rtol=1e-12, atol=1e-300)


KINKS: list[tuple[str, Callable[..., Any], dict[float, float]]] = [
    ("max(x, -0.1 x)", lambda x: np.maximum(x, -0.1 * x), {-1.0: -0.1, 0.0: 1.0, 1.0: 1.0}),
    ("max(x, 0.1 x)", lambda x: np.maximum(x, 0.1 * x), {-1.0: 0.1, 0.0: 1.0, 1.0: 1.0}),
    ("max(-0.1 x, x)", lambda x: np.maximum(-0.1 * x, x), {-1.0: -0.1, 0.0: -0.1, 1.0: 1.0}),
    ("min(x, 2 x)", lambda x: np.minimum(x, 2 * x), {-1.0: 2.0, 0.0: 1.0, 1.0: 1.0}),
    ("fmax(x, 0)", lambda x: np.fmax(x, 0), {-1.0: 0.0, 0.0: 1.0, 1.0: 1.0}),
    ("fmin(0, x)", lambda x: np.fmin(0, x), {-1.0: 1.0, 0.0: 0.0, 1.0: 0.0}),
    ("max(0, x)", lambda x: np.maximum(0, x), {-1.0: 0.0, 0.0: 0.0, 1.0: 1.0}),
    ("relu", functions.relu, {-1.0: 0.0, 0.0: 1.0, 1.0: 1.0}),
    ("leaky_relu", functions.leaky_relu, {-2.0: 0.1, 0.0: 1.0, 2.0: 1.0}),
    ("abs", np.abs, {-2.0: -1.0, -1e-300: -1.0, 0.0: 0.0, 1e-300: 1.0, 2.0: 1.0}),
    ("fabs", np.fabs, {-2.0: -1.0, 0.0: 0.0, 2.0: 1.0}),
    ("abs(-0.0)", np.abs, {-0.0: 0.0}),
    ("clip", lambda x: np.clip(x, -1, 1), {-2.0: 0.0, -1.0: 1.0, 0.0: 1.0, 1.0: 1.0, 2.0: 0.0}),
    ("floor", lambda x: np.floor(x) + x, {-1.0: 1.0, 0.5: 1.0}),
    ("sign", lambda x: np.sign(x) * x, {-2.0: -1.0, 0.0: 0.0, 2.0: 1.0}),
]


@pytest.mark.parametrize(
    ("f", "slopes"), [kink[1:] for kink in KINKS], ids=[kink[0] for kink in KINKS]
)
def test_kinks(f: Callable[..., Any], slopes: dict[float, float]) -> None:
    for x, slope in slopes.items():
        assert both_modes(f, x) == ([slope], [slope])
        array = np.full(3, x)
        np.testing.assert_array_equal(irgrad.grad(lambda x: np.sum(f(x)))(array), np.full(3, slope))


def test_a_nan_operand_is_chosen_with_its_tangent() -> None:
    for f in (np.maximum, np.minimum):
        assert both_modes(f, NAN, 1.0) == ([1.0, 0.0], [1.0, 0.0])
        assert both_modes(f, 1.0, NAN) == ([0.0, 1.0], [0.0, 1.0])
    for f in (np.fmax, np.fmin):
        assert both_modes(f, NAN, 1.0) == ([0.0, 1.0], [0.0, 1.0])
        assert both_modes(f, 1.0, NAN) == ([1.0, 0.0], [1.0, 0.0])


SECOND: list[tuple[str, Callable[..., Any], tuple[float, ...], Any]] = [
    ("x ** 2 at 0", lambda x: x**2, (0.0,), [[2.0]]),
    ("x ** 1 at 0", lambda x: x**1, (0.0,), [[0.0]]),
    ("power at 0, 2", lambda x: np.power(x, np.float64(2)), (0.0,), [[2.0]]),
    ("xlogy at 0, 2", special.xlogy, (0.0, 2.0), [[0.0, 0.5], [0.5, 0.0]]),
    ("xlog1py at 0, 1", special.xlog1py, (0.0, 1.0), [[0.0, 0.5], [0.5, 0.0]]),
    ("kl_div at 1, 2", special.kl_div, (1.0, 2.0), [[1.0, -0.5], [-0.5, 0.25]]),
    ("sinc at 0", np.sinc, (0.0,), [[-(np.pi**2) / 3]]),
    ("logaddexp", np.logaddexp, (0.0, 0.0), [[0.25, -0.25], [-0.25, 0.25]]),
    ("log_ndtr", special.log_ndtr, (0.0,), [[-2 / np.pi]]),
    ("log_ndtr far out", special.log_ndtr, (-40.0,), [[-0.9993773316214086]]),
    ("log_ndtr far up", special.log_ndtr, (50.0,), [[0.0]]),
    ("max", lambda x: np.maximum(x, 0) ** 2, (0.0,), [[2.0]]),
    ("exp far out", np.exp, (-1000.0,), [[0.0]]),
]


@pytest.mark.parametrize(
    ("f", "point", "expected"), [edge[1:] for edge in SECOND], ids=[edge[0] for edge in SECOND]
)
def test_second_derivatives_at_edges(f: Any, point: Any, expected: Any) -> None:
    for i, row in enumerate(expected):
        first = irgrad.grad(f, i)
        for got in both_modes(first, *point):
            np.testing.assert_allclose(got, row, rtol=1e-12, atol=1e-15)


STEEP: dict[str, tuple[Callable[..., Any], float, float, float]] = {
    "x ** 1.5": (lambda x: x**1.5, 0.0, 0.0, INF),
    "x ** 2.5": (lambda x: x**2.5, 0.0, 0.0, 0.0),
    "x ** 0.5": (lambda x: x**0.5, 0.0, INF, -INF),
    "x ** -1": (lambda x: x**-1.0, 0.0, -INF, INF),
    "x ** traced 1.5": (lambda x: x ** (1.5 + 0 * x), 0.0, 0.0, INF),
    "sqrt": (np.sqrt, 0.0, INF, -INF),
    "cbrt": (np.cbrt, 0.0, INF, -INF),
    "arcsin": (np.arcsin, 1.0, INF, INF),
    "arccos": (np.arccos, 1.0, -INF, -INF),
    "arccosh": (np.arccosh, 1.0, INF, -INF),
    "hypot": (lambda x: np.hypot(x, 0 * x), 0.0, 0.0, INF),
    "no influence": (lambda x: np.where(x > 0, np.sqrt(x), 0.0), 0.0, 0.0, 0.0),
    "no influence of nan": (lambda x: np.where(x > 0, x**1.5, 0.0), -1.0, 0.0, 0.0),
}


@pytest.mark.parametrize("backend", irgrad.backends())
@pytest.mark.parametrize("name", STEEP)
def test_where_a_slope_is_infinite_elements_stay_apart(name: str, backend: str) -> None:
    """First and second derivatives of elementwise functions are diagonal, by all modes and their
    products, also where one element stands at the end of its domain; there they are the limits.
    """
    f, edge, first, second = STEEP[name]
    inside = 1.3 if name == "arccosh" else 0.3
    x = np.array([edge, inside])
    total = lambda x: np.sum(f(x))  # noqa: E731 -- differentiated below
    with irgrad.use_backend(backend), np.errstate(all="ignore"):
        for slopes in (irgrad.grad(total)(x), np.sum(irgrad.jacfwd(f)(x), 0)):
            assert slopes[0] == first
        alone = irgrad.grad(irgrad.grad(total))(np.array([inside])[0])
        expected = np.diag([second, alone])
        modes = (irgrad.jacfwd, irgrad.jacrev)
        for outer in modes if backend == "numpy" else modes[:1]:
            for inner in modes if backend == "numpy" else modes[1:]:
                np.testing.assert_allclose(outer(inner(total))(x), expected, rtol=1e-10)
        np.testing.assert_allclose(irgrad.hvp(total)(x, np.array([0.0, 1.0])), [0, alone])


def test_complex_absolute_value() -> None:
    z = np.array([3 + 4j, 0j, -2.0])
    _, pull = irgrad.vjp(np.abs, z)
    np.testing.assert_allclose(pull(np.ones(3))[0], [0.6 - 0.8j, 0, -1])
    _, tangent = irgrad.jvp(np.abs, (z,), (np.array([1, 1, 1j]),))
    np.testing.assert_allclose(tangent, [0.6, 0, 0], atol=1e-16)
    irgrad.check_grads(lambda z: np.sum(np.abs(z) ** 3), (np.array([1 + 2j, 0.3 - 1j]),))


def test_derivatives_that_have_no_closed_form_are_refused() -> None:
    for f in (special.jv, special.gammainc, special.zeta):
        with pytest.raises(irgrad.errors.UnsupportedError, match="parameter"):
            irgrad.grad(f)(2.0, 1.5)
        assert np.isfinite(irgrad.grad(f, 1)(2.0, 1.5))
    with pytest.raises(irgrad.errors.UnsupportedError, match="trigamma"):
        irgrad.grad(lambda z: np.sum(special.psi(z)), holomorphic=True)(np.array([1 + 1j]))
