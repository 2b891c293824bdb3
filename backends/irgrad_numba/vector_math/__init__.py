"""Library functions as vector code: a rule over `Value`s for each, for scalars and vectors of
float64 and float32.

A rule is a function of `Value`s that returns one, for example

    def expit(x: Value) -> Value:
        ...

To add a function, write its rule in the file of its family and give it a row in `RULES`; the tests
(tests/numba_backend/test_vector_math.py) compare every row with mpmath, at most 2 units in the last
place in both precisions, and with NumPy's or SciPy's special values."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from irgrad_numba.llvm import Value
from irgrad_numba.vector_math import (
    division,
    error,
    exponential,
    function,
    hyperbolic,
    inverse,
    logarithm,
    logistic,
    loss,
    power,
    trigonometric,
)

RULES: dict[str, function.Rule] = {
    "exp": exponential.exp,
    "exp2": exponential.exp2,
    "exp10": exponential.exp10,
    "expm1": exponential.expm1,
    "exprel": exponential.exprel,
    "log": logarithm.log,
    "log2": logarithm.log2,
    "log10": logarithm.log10,
    "log1p": logarithm.log1p,
    "sin": trigonometric.sin,
    "cos": trigonometric.cos,
    "tan": trigonometric.tan,
    "arcsin": inverse.arcsin,
    "arccos": inverse.arccos,
    "arctan": inverse.arctan,
    "arctan2": inverse.arctan2,
    "sinh": hyperbolic.sinh,
    "cosh": hyperbolic.cosh,
    "tanh": hyperbolic.tanh,
    "arcsinh": hyperbolic.arcsinh,
    "arccosh": hyperbolic.arccosh,
    "arctanh": hyperbolic.arctanh,
    "power": power.power,
    "cbrt": power.cbrt,
    "hypot": power.hypot,
    "fmod": division.fmod,
    "floor_divide": division.floor_divide,
    "remainder": division.remainder,
    "erf": error.erf,
    "erfc": error.erfc,
    "erfcx": error.erfcx,
    "ndtr": error.ndtr,
    "log_ndtr": error.log_ndtr,
    "expit": logistic.expit,
    "log_expit": logistic.log_expit,
    "logit": logistic.logit,
    "logaddexp": logistic.logaddexp,
    "logaddexp2": logistic.logaddexp2,
    "xlogy": logistic.xlogy,
    "xlog1py": logistic.xlog1py,
    "entr": logistic.entr,
    "rel_entr": logistic.rel_entr,
    "huber": loss.huber,
}


def call(name: str, *args: Value) -> Value:
    """The function of that name at `args`, which are of one type."""
    return function.call(name, RULES[name], *args)


def power_of(x: Value, y: float) -> Value:
    """x to a power that is known: products and roots where it is some halves."""
    if power.is_product(y):
        name = f"power_{'under_' * (y < 0)}{abs(2 * y):.0f}"
        return function.call(name, partial(power.fixed_power, y), x)
    return call("power", x, x.lift(y))


MATH: dict[str, Callable[..., Value]] = {name: partial(call, name) for name in RULES}
"""By the name of the op."""
