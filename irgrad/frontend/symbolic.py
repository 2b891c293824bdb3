"""SymPy expressions as functions. SymPy is imported only where one is given; irgrad never needs it.

A formula's nodes are visited once each, in an order without recursion, and computed with NumPy's
and scipy.special's functions, so that it runs on arrays and on traced values alike, elementwise in
its symbols.
"""

from __future__ import annotations

import functools
import inspect
import operator
from collections.abc import Callable, Sequence
from functools import cached_property, lru_cache
from typing import Any

import numpy as np

from irgrad.errors import ArgumentError, IrgradError, Location, UnsupportedError, with_article
from irgrad.frontend.identifiers import identifiers
from irgrad.frontend.polygamma import polygamma
from irgrad.frontend.promote import any_traced, innermost, stacked
from irgrad.ir.builder import Builder
from irgrad.ir.types import broadcast_shapes

FILE = "<sympy>"


class Formula(Location):
    """A place in a SymPy expression: its source is the sub-expression."""

    text: str

    @property
    def source(self) -> str:
        """The sub-expression."""
        return self.text


def is_sympy(target: Any) -> bool:
    """Whether `target` is an object of SymPy's; it is not imported for that.

    >>> is_sympy(3.0)
    False
    """
    modules = (getattr(kind, "__module__", None) or "" for kind in type(target).__mro__)
    return any(module.partition(".")[0] == "sympy" for module in modules)


class Symbolic:
    """A SymPy expression, or a matrix of them, as a function of its symbols.

    The arguments are `args`, or the free symbols in the order of their names. A matrix gives an
    array of its shape.
    """

    def __init__(self, formula: Any, args: Sequence[Any] | None = None) -> None:
        self.formula = formula
        symbols = sorted(formula.free_symbols, key=str) if args is None else list(args)
        if missing := sorted(map(str, set(formula.free_symbols) - set(symbols))):
            raise ArgumentError(f"the symbols {', '.join(missing)} are not among args")
        self.symbols = symbols
        self.names = tuple(identifiers([str(symbol) for symbol in symbols]))
        self.__signature__ = inspect.Signature(
            [
                inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD)
                for name in self.names
            ]
        )
        self.__name__ = self.__qualname__ = "formula"
        self.__doc__ = _cropped(formula)
        self._steps  # noqa: B018 -- unsupported nodes are found now, not at the first call

    def __call__(self, /, *args: Any, **kwargs: Any) -> Any:
        """The value for these arguments."""
        try:
            bound = self.__signature__.bind(*args, **kwargs)
        except TypeError as error:
            raise ArgumentError(
                f"{self!r} takes the arguments {', '.join(self.names)}: {error}"
            ) from None
        arguments = [bound.arguments[name] for name in self.names]
        with np.errstate(all="ignore"):
            if not any(map(any_traced, arguments)):
                return self._run(arguments, None)
            builder = innermost(arguments)
            with builder.emitting(builder.provenance.location, builder.provenance.origin):
                return self._run(arguments, builder)

    @cached_property
    def _steps(self) -> list[tuple[Any, Callable[..., Any]]]:
        """Every distinct sub-expression with its meaning, operands before users."""
        steps: dict[Any, Callable[..., Any]] = {}
        work: list[tuple[Any, Callable[..., Any] | None]] = [(self.formula, None)]
        while work:
            node, act = work.pop()
            if node in steps or node in self.symbols:
                continue
            if act is not None:
                steps[node] = act
            else:
                work.append((node, meaning(node)))
                work.extend((operand, None) for operand in reversed(_operands(node)))
        return list(steps.items())

    def _run(self, arguments: Sequence[Any], builder: Builder | None) -> Any:
        known: dict[Any, Any] = dict(zip(self.symbols, arguments, strict=True))
        for node, act in self._steps:
            operands = [known[operand] for operand in _operands(node)]
            if builder is not None:
                builder.provenance.location = _place(node)
            try:
                known[node] = act(*operands)
            except IrgradError as error:
                raise error.at(_place(node)) from None
        return known[self.formula]

    def __repr__(self) -> str:
        return f"from_sympy({_cropped(self.formula)})"


def from_sympy(formula: Any, args: Sequence[Any] | None = None) -> Symbolic:
    """A SymPy expression or matrix as a function; its arguments are `args`, or the free symbols
    sorted by name.

    Raises an `UnsupportedError` that names a part of the formula that has no meaning here.

    >>> import irgrad, pytest
    >>> sympy = pytest.importorskip("sympy")
    >>> x, y = sympy.symbols("x y")
    >>> f = from_sympy(sympy.sin(x) * y, args=[y, x])
    >>> f.names, round(float(irgrad.grad(f)(2.0, 1.0)), 6)
    (('y', 'x'), 0.841471)
    """
    if not is_sympy(formula):
        raise ArgumentError(f"not a SymPy expression: {with_article(type(formula).__name__)}")
    if not hasattr(formula, "free_symbols"):
        raise UnsupportedError(f"a SymPy {type(formula).__name__} is not an expression")
    _check_symbols(formula)
    if getattr(formula, "is_Matrix", False):
        formula = _explicit(formula)
    return _symbolic(formula, None if args is None else tuple(args))


def _check_symbols(formula: Any) -> None:
    """Refuse symbols that stand for arrays or their parts: MatrixSymbol, IndexedBase, Indexed."""
    for symbol in sorted(formula.free_symbols, key=str):
        kind = type(symbol)
        if getattr(symbol, "is_Matrix", False) or kind.__module__.startswith("sympy.tensor"):
            raise UnsupportedError(
                f"SymPy's {kind.__name__} {symbol} is no scalar, which the symbols of a formula "
                f"are here, in {_shortened(str(formula))}",
                hint="write it with sympy.symbols and sympy.Matrix([[...]]), or as an expression "
                'of arrays: irgrad.expression("A @ x")',
            )


def _explicit(matrix: Any) -> Any:
    """A matrix, or an expression of matrices, as the matrix of its elements."""
    if not getattr(matrix, "is_MatrixExpr", False):
        return matrix.as_immutable()
    try:
        return matrix.as_explicit().as_immutable()
    except ValueError as error:
        raise UnsupportedError(f"SymPy's {type(matrix).__name__}: {error}") from None


@lru_cache(maxsize=256)
def _symbolic(formula: Any, args: tuple[Any, ...] | None) -> Symbolic:
    return Symbolic(formula, args)


def _place(node: Any) -> Formula:
    place = Formula(FILE, 1)
    place.text = _cropped(node)
    return place


@lru_cache(maxsize=4096)
def _cropped(node: Any) -> str:
    try:
        text = str(node)
    except RecursionError:  # SymPy prints by recursion
        return f"a deep {type(node).__name__}"
    return _shortened(text)


def _shortened(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:57]}..."


def _operands(node: Any) -> tuple[Any, ...]:
    """The sub-expressions that the value of `node` is computed from."""
    name = type(node).__name__
    if name == "Piecewise":
        return tuple(part for pair in node.args for part in pair.args)
    if getattr(node, "is_Matrix", False):
        return tuple(node)
    if node.is_Pow and node.exp.is_Rational:
        return (node.base,)
    return node.args


def meaning(node: Any) -> Callable[..., Any]:
    """What one SymPy node computes from the values of its operands."""
    name = type(node).__name__
    if getattr(node, "is_Matrix", False):
        return functools.partial(_array, node.shape)
    if name in _CONSTANT:
        value = _CONSTANT[name]
        return lambda: value
    if node.is_Integer and abs(int(node)) < 2**53:
        number = float(int(node))
        return lambda: number
    if getattr(node, "is_number", False) and not _operands(node) and node.is_finite:
        value = complex(node)
        number = value if value.imag else value.real
        return lambda: number
    if node.is_Pow and node.exp.is_Rational:
        return functools.partial(_power, exponent=node.exp)
    found = _MEANINGS.get(name) or _special().get(name)
    if found is None:
        raise UnsupportedError(
            f"SymPy's {name} has no meaning in irgrad, in {_cropped(node)}",
            hint="rewrite it with sympy's .rewrite(...), .doit() or .evalf()",
        )
    return found


_POWERS: dict[tuple[int, int], Callable[[Any], Any]] = {
    (2, 1): np.square,
    (1, 2): np.sqrt,
    (-1, 1): lambda x: 1 / x,
    (-1, 2): lambda x: 1 / np.sqrt(x),
}


def _power(base: Any, exponent: Any) -> Any:
    """`base` to a rational power, by the cheapest function that is exact for it."""
    act = _POWERS.get((int(exponent.p), int(exponent.q)))
    return np.power(base, float(exponent)) if act is None else act(base)


def _array(shape: tuple[int, ...], *elements: Any) -> Any:
    """A matrix of scalars, or of arrays of one shape, which then make further axes at the end."""
    extents = broadcast_shapes(*(getattr(element, "shape", ()) for element in elements))
    spread = [np.broadcast_to(element, extents) for element in elements]
    flat = stacked(innermost(spread), spread) if any_traced(spread) else np.stack(spread)
    return np.reshape(flat, (*shape, *extents))


def _piecewise(*parts: Any) -> Any:
    """The first value whose condition holds; nan where none does."""
    result: Any = np.nan
    for value, condition in reversed(list(zip(parts[::2], parts[1::2], strict=True))):
        result = value if condition is True else np.where(condition, value, result)
    return result


def _fold(ufunc: np.ufunc) -> Callable[..., Any]:
    return lambda *operands: functools.reduce(ufunc, operands)


_CONSTANT: dict[str, Any] = {
    "Pi": np.pi,
    "Exp1": np.e, "ImaginaryUnit": 1j, "Infinity": np.inf, "NegativeInfinity": -np.inf,
    "NaN": np.nan, "EulerGamma": float(np.euler_gamma), "GoldenRatio": (1 + 5**0.5) / 2,
    "BooleanTrue": True, "BooleanFalse": False,
}  # fmt: skip
_MEANINGS: dict[str, Callable[..., Any]] = {
    "Add": lambda *terms: functools.reduce(operator.add, terms),
    "Mul": lambda *factors: functools.reduce(operator.mul, factors), "Pow": np.power, "exp": np.exp,
    "log": np.log, "Abs": np.abs, "sign": np.sign, "floor": np.floor, "ceiling": np.ceil,
    "sin": np.sin, "cos": np.cos, "tan": np.tan, "asin": np.arcsin, "acos": np.arccos,
    "atan": np.arctan, "atan2": np.arctan2, "sinh": np.sinh, "cosh": np.cosh, "tanh": np.tanh,
    "asinh": np.arcsinh, "acosh": np.arccosh, "atanh": np.arctanh, "sec": lambda x: 1 / np.cos(x),
    "csc": lambda x: 1 / np.sin(x), "cot": lambda x: 1 / np.tan(x),
    "sech": lambda x: 1 / np.cosh(x), "csch": lambda x: 1 / np.sinh(x),
    "coth": lambda x: 1 / np.tanh(x), "sinc": lambda x: np.sinc(x / np.pi),
    "Heaviside": np.heaviside, "Mod": np.remainder, "re": np.real, "im": np.imag,
    "conjugate": np.conj, "Max": _fold(np.maximum), "Min": _fold(np.minimum),
    "Piecewise": _piecewise, "StrictLessThan": np.less, "LessThan": np.less_equal,
    "StrictGreaterThan": np.greater, "GreaterThan": np.greater_equal, "Equality": np.equal,
    "Unequality": np.not_equal, "And": _fold(np.logical_and), "Or": _fold(np.logical_or),
    "Not": np.logical_not, "Xor": _fold(np.logical_xor),
}  # fmt: skip


@lru_cache(maxsize=1)
def _special() -> dict[str, Callable[..., Any]]:
    from scipy import special

    return {
        "erf": special.erf, "erfc": special.erfc, "erfinv": special.erfinv, "gamma": special.gamma,
        "loggamma": special.gammaln, "digamma": special.digamma, "beta": special.beta,
        "polygamma": polygamma,
    }  # fmt: skip
