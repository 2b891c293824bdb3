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
from irgrad_numba.vector_math import exponential, function, logarithm
from irgrad_numba.vector_math.libm import by_lane

RULES: dict[str, function.Rule] = {
    "exp": exponential.exp,
    "exp2": exponential.exp2,
    "exp10": exponential.exp10,
    "expm1": exponential.expm1,
    "log": logarithm.log,
    "log2": logarithm.log2,
    "log10": logarithm.log10,
    "log1p": logarithm.log1p,
    "sin": by_lane("sin"),
    "cos": by_lane("cos"),
    "tan": by_lane("tan"),
    "arcsin": by_lane("asin"),
    "arccos": by_lane("acos"),
    "arctan": by_lane("atan"),
    "arctan2": by_lane("atan2"),
    "sinh": by_lane("sinh"),
    "cosh": by_lane("cosh"),
    "tanh": by_lane("tanh"),
    "arcsinh": by_lane("asinh"),
    "arccosh": by_lane("acosh"),
    "arctanh": by_lane("atanh"),
    "hypot": by_lane("hypot"),
    "cbrt": by_lane("cbrt"),
    "power": by_lane("pow"),
    "erf": by_lane("erf"),
    "erfc": by_lane("erfc"),
    "gamma": by_lane("tgamma"),
}


def call(name: str, *args: Value) -> Value:
    """The function of that name at `args`, which are of one type."""
    return function.call(name, RULES[name], *args)


MATH: dict[str, Callable[..., Value]] = {name: partial(call, name) for name in RULES}
"""By the name of the op."""
