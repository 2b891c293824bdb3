"""SymPy formulas: their values, gradients and refusals, against SymPy's own."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

import irgrad
from irgrad.errors import ArgumentError, UnsupportedError
from irgrad.frontend.symbolic import from_sympy, is_sympy

sympy = pytest.importorskip("sympy", reason="SymPy is optional: pip install irgrad[sympy]")
x, y = sympy.symbols("x y", real=True)
POINT = {x: 1.3, y: 0.7}

FORMULAS = [
    x**2 + y,
    x - y / 3 + 5,
    sympy.sqrt(x) + 1 / sympy.sqrt(y) + 1 / x,
    x ** sympy.Rational(1, 3) * y**-2,
    x**y,
    sympy.exp(-x) * sympy.log(y),
    sympy.sin(x) * sympy.cos(y) + sympy.tan(x),
    sympy.asin(y) + sympy.acos(y) + sympy.atan(x) + sympy.atan2(y, x),
    sympy.sinh(x) + sympy.cosh(y) + sympy.tanh(x * y),
    sympy.asinh(x) + sympy.acosh(x) + sympy.atanh(y),
    sympy.Abs(y - x) * sympy.sign(x),
    sympy.Max(x, y, 1) - sympy.Min(x, y),
    sympy.Piecewise((x**2, x > y), (y, sympy.And(x < 0, y > 1)), (0, True)),
    sympy.erf(x) + sympy.gamma(x) + sympy.loggamma(y) + sympy.digamma(x),
    sympy.pi * x + sympy.E * y + sympy.Rational(2, 7) + sympy.EulerGamma,
    (x + y) ** 3 + (x + y) * sympy.exp(x + y),
]
NAMES = [str(formula) for formula in FORMULAS]


@pytest.mark.parametrize("formula", FORMULAS, ids=NAMES)
def test_value(formula) -> None:
    function = from_sympy(formula, [x, y])
    expected = float(formula.subs(POINT))
    assert function(1.3, 0.7) == pytest.approx(expected, rel=1e-13)
    assert irgrad.compile(function)(1.3, 0.7) == pytest.approx(expected, rel=1e-13)
    both = function(np.full(3, 1.3), np.full(3, 0.7))
    np.testing.assert_allclose(both, expected, rtol=1e-13)


@pytest.mark.parametrize("formula", FORMULAS, ids=NAMES)
def test_gradient_is_sympys(formula) -> None:
    function = from_sympy(formula, [x, y])
    got = irgrad.grad(function, (0, 1))(1.3, 0.7)
    expected = [float(formula.diff(symbol).subs(POINT)) for symbol in (x, y)]
    np.testing.assert_allclose(got, expected, rtol=1e-12, atol=1e-14)


def test_entry_points_take_formulas_themselves() -> None:
    formula = y * sympy.sin(x)
    assert irgrad.compile(formula)(1.0, 2.0) == pytest.approx(2 * np.sin(1.0))
    assert irgrad.grad(formula, "y")(1.0, 2.0) == pytest.approx(np.sin(1.0))
    assert irgrad.grad(formula) == irgrad.grad(y * sympy.sin(x))


def test_arguments_are_symbols_sorted_by_name_or_as_given() -> None:
    assert from_sympy(y * x).names == ("x", "y")
    assert from_sympy(y * x, [y, x]).names == ("y", "x")
    assert from_sympy(sympy.Symbol("x_{1}") + sympy.Symbol("lambda")).names == ("lambda_", "x__1_")
    with pytest.raises(ArgumentError, match="the symbols y are not among args"):
        from_sympy(x * y, [x])
    with pytest.raises(ArgumentError, match="takes the arguments x, y: missing"):
        from_sympy(x * y)(1.0)


def test_matrix_is_an_array() -> None:
    matrix = sympy.Matrix([[x, y, 1], [x * y, x**2, 0]])
    assert irgrad.compile(matrix)(2.0, 3.0).tolist() == [[2.0, 3.0, 1.0], [6.0, 4.0, 0.0]]
    assert from_sympy(matrix)(np.ones(4), 2.0).shape == (2, 3, 4)


def test_equal_sub_expressions_are_one_node() -> None:
    inner = sympy.sin(x) + y
    graph = irgrad.trace(inner * sympy.exp(inner), 1.0, 2.0)
    assert sum(node.op.name == "sin" for node in graph.nodes) == 1


def test_deep_formulas_need_no_recursion() -> None:
    formula = x
    for _ in range(300):
        formula = sympy.sin(formula, evaluate=False)
    assert 0 < from_sympy(formula)(1.0) < 0.2


@pytest.mark.parametrize(
    ("formula", "name"),
    [
        (sympy.Integral(sympy.exp(x**x), (x, 0, y)), "Integral"),
        (sympy.besselj(0, x), "besselj"),
        (sympy.IndexedBase("a"), "IndexedBase"),
        (sympy.Function("f")(x), "f"),
        (sympy.zoo * x, "ComplexInfinity"),
        (sympy.Derivative(sympy.Function("g")(x), x), "Derivative"),
    ],
)
def test_unsupported_part_is_named(formula, name: str) -> None:
    with pytest.raises(UnsupportedError, match=f"SymPy's {name} has no meaning"):
        irgrad.compile(formula)


A = sympy.MatrixSymbol("A", 2, 2)
a = sympy.IndexedBase("a")


@pytest.mark.parametrize(
    "formula",
    [
        A, A.T, A * A, x * A[0, 1], sympy.Trace(A), sympy.Determinant(A), sympy.Eq(A, A.T),
        a[0] * 2, a[sympy.Idx("i")], sympy.Sum(a[sympy.Idx("i")], (sympy.Idx("i"), 0, 3)),
        sympy.Matrix([[x, A[0, 0]]]), sympy.MatrixSymbol("N", x, x),
    ],
    ids=str,
)  # fmt: skip
def test_symbols_of_arrays_are_refused(formula) -> None:
    for call in (from_sympy, irgrad.compile, irgrad.grad):
        with pytest.raises(
            UnsupportedError, match=r"is no scalar.*\n(.*\n)?.*sympy\.symbols.*A @ x"
        ):
            call(formula)


def test_matrices_without_elements_written_out() -> None:
    two = sympy.Identity(2)
    for formula in (two, x * two, sympy.OneMatrix(2, 2), sympy.BlockMatrix([[x * two, two]])):
        function = from_sympy(formula)
        expected = np.array(formula.as_explicit().subs(x, 3), float)
        np.testing.assert_array_equal(function(*[3.0 for _ in function.names]), expected)
    with pytest.raises(UnsupportedError, match="Identity"):
        from_sympy(sympy.Identity(sympy.Symbol("n")))


def test_error_shows_the_formula() -> None:
    with pytest.raises(irgrad.errors.ShapeError, match=r"at <sympy>:1    x \+ y"):
        irgrad.trace(from_sympy(sympy.sin(x + y)), np.ones(2), np.ones(3))


def test_what_is_no_formula_is_refused() -> None:
    assert not is_sympy("x") and is_sympy(x)
    with pytest.raises(ArgumentError, match="not a SymPy expression: a str"):
        from_sympy("x")


def test_sympy_is_not_imported_by_irgrad() -> None:
    code = "import irgrad, sys; irgrad.grad('x**2')(1.0); sys.exit('sympy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
