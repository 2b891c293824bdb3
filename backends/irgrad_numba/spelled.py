"""How a loop's text says an elementwise op, so that Numba's own compiler computes what NumPy does.

Numba's functions are not NumPy's everywhere: it computes powers and remainders of integers in
another way, widens small integers, and makes a float of an unsigned number beside a signed one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from irgrad.ir.types import DTYPES
from irgrad_numba.listing import INFIX

PLAIN = {
    **{name: f"{{0}} {infix} {{1}}" for name, infix in INFIX.items()},
    "where": "({1} if {0} else {2})", "square": "{0} * {0}", "negative": "-{0}",
    "positive": "{0}", "bitwise_and": "{0} & {1}", "bitwise_or": "{0} | {1}",
    "bitwise_xor": "{0} ^ {1}", "invert": "~{0}",
    "logical_and": "({0} != 0 and {1} != 0)", "logical_or": "({0} != 0 or {1} != 0)",
    "logical_xor": "(({0} != 0) != ({1} != 0))", "logical_not": "({0} == 0)",
}  # fmt: skip
"""The same for all dtypes, unless a table below has the op."""
FLOAT = {
    "sign": "({0} if {0} != {0} else 1.0 if {0} > 0 else -1.0 if {0} < 0 else 0.0)",
    "heaviside": "({0} if {0} != {0} else {1} if {0} == 0 else 1.0 if {0} > 0 else 0.0)",
    "maximum": "({0} if {0} >= {1} or {0} != {0} else {1})",
    "minimum": "({0} if {0} <= {1} or {0} != {0} else {1})",
    "fmax": "({0} if {0} >= {1} or {1} != {1} else {1})",
    "fmin": "({0} if {0} <= {1} or {1} != {1} else {1})",
    "floor_divide": "numpy_floor_divide({0}, {1})",
    "remainder": "numpy_modulo({0}, {1})",
    "reciprocal": "1.0 / {0}",
    "root": "np.sqrt({0})", "erf": "math.erf({0})", "erfc": "math.erfc({0})",
    "ratio": "({0} / {1} if {0} != 0 or {1} != 0 else 0.0)",
    "scale": "({0} * {1} if {0} * {1} == 0 or ({0} != 0 and {1} != 0) "
             "else {0} if {0} == 0 else {1})",
}  # fmt: skip
INTEGER = {
    "maximum": "({0} if {0} > {1} else {1})", "minimum": "({0} if {0} < {1} else {1})",
    "fmax": "({0} if {0} > {1} else {1})", "fmin": "({0} if {0} < {1} else {1})",
    "isnan": "False", "isinf": "False", "isfinite": "True",
    "floor": "{0}", "ceil": "{0}", "trunc": "{0}", "rint": "{0}",
    "power": "numpy_power({0}, {1}, {one})",
}  # fmt: skip
UNSIGNED = {
    **INTEGER,
    "sign": "(1 if {0} > 0 else 0)",
    "absolute": "{0}",
    "left_shift": "({0} << {1} if {1} < {bits} else {zero})",
    "right_shift": "({0} >> {1} if {1} < {bits} else {zero})",
    "floor_divide": "({0} // {1} if {1} != 0 else {1})",
    "remainder": "({0} % {1} if {1} != 0 else {1})",
    "fmod": "({0} % {1} if {1} != 0 else {1})",
}
SIGNED = {
    **INTEGER,
    "sign": "(1 if {0} > 0 else -1 if {0} < 0 else 0)",
    "absolute": "(-{0} if {0} < 0 else {0})",
    "signbit": "({0} < 0)",
    "left_shift": "({0} << {1} if 0 <= {1} < {bits} else {zero})",
    "right_shift": "({0} >> {1} if 0 <= {1} < {bits} else {0} >> {last})",
    "floor_divide": "numpy_quotient({0}, {1})",
    "remainder": "numpy_remainder({0}, {1})",
    "fmod": "numpy_fmod({0}, {1})",
}
LOGICAL = {
    **INTEGER,
    "add": "({0} or {1})", "multiply": "({0} and {1})",
    "maximum": "({0} or {1})", "minimum": "({0} and {1})",
    "fmax": "({0} or {1})", "fmin": "({0} and {1})",
    "absolute": "{0}", "invert": "(not {0})", "logical_not": "(not {0})",
    "logical_and": "({0} and {1})", "logical_or": "({0} or {1})", "logical_xor": "{0} != {1}",
}  # fmt: skip
TABLES = {"f": FLOAT, "i": SIGNED, "u": UNSIGNED, "b": LOGICAL}
"""By the kind of the dtype."""
INDEX = {"quotient": "floor_divide", "modulo": "remainder"}
"""The integer divisions of index arithmetic."""
NUMPY = frozenset({
    "sin", "cos", "tan", "arcsin", "arccos", "arctan", "sinh", "cosh", "tanh", "arcsinh", "arccosh",
    "arctanh", "exp", "exp2", "expm1", "log", "log2", "log10", "log1p", "sqrt", "cbrt", "absolute",
    "fabs", "floor", "ceil", "trunc", "rint", "power", "arctan2", "hypot", "copysign", "fmod",
    "isnan", "isinf", "isfinite", "deg2rad", "rad2deg", "radians", "degrees", "logaddexp",
    "logaddexp2", "signbit", "nextafter",
})  # fmt: skip
"""Ufuncs of floats that Numba compiles for scalars, and that are NumPy's."""

HELPERS = {
    "numpy_floor_divide": '''
def numpy_floor_divide(x, y):
    """x // y of floats as NumPy rounds it."""
    if y == 0:
        return x / y
    rest = np.fmod(x, y)
    quotient = (x - rest) / y
    if rest != 0 and (y < 0) != (rest < 0):
        quotient = quotient - 1
    if quotient == 0:
        return np.copysign(quotient, x / y)
    whole = np.floor(quotient)
    return whole + 1 if quotient - whole > 0.5 else whole
''',
    "numpy_modulo": '''
def numpy_modulo(x, y):
    """x % y of floats, whose zero has the sign of y."""
    rest = np.fmod(x, y)
    if rest == 0:
        return np.copysign(rest, y)
    return rest + y if (y < 0) != (rest < 0) else rest
''',
    "numpy_quotient": '''
def numpy_quotient(x, y):
    """x // y of signed integers: 0 where y is, and the least number by -1 is itself."""
    if y == 0:
        return y
    return -x if y == -1 else x // y
''',
    "numpy_remainder": '''
def numpy_remainder(x, y):
    """x % y of signed integers: 0 where y is."""
    return x - x if y == 0 or y == -1 else x % y
''',
    "numpy_fmod": '''
def numpy_fmod(x, y):
    """The remainder of signed integers with the sign of x: 0 where y is."""
    rest = x - x if y == 0 or y == -1 else x % y
    return rest - y if rest != 0 and (x < 0) != (y < 0) else rest
''',
    "numpy_power": '''
def numpy_power(x, y, one):
    """x ** y of integers, which wraps around."""
    if y < 0:
        raise ValueError("Integers to negative integer powers are not allowed.")
    power = one
    while y > 0:
        if y & one:
            power = power * x
        x = x * x
        y = y >> one
    return power
''',
}  # fmt: skip
"""Functions that a module of loops brings along, by their names."""


def spelled(name: str, types: Sequence[str], args: Sequence[str]) -> str | None:
    """The text of an op on operands of these types; None where Numba has none that is NumPy's."""
    type = types[-1] if types else "f64"
    dtype, name = DTYPES[type], INDEX.get(name, name)
    text = TABLES[dtype.kind].get(name) or PLAIN.get(name)
    if text is not None:
        bits = 8 * dtype.itemsize
        zero, one = f"{dtype_text(type)}(0)", f"{dtype_text(type)}(1)"
        return text.format(*args, bits=bits, last=bits - 1, zero=zero, one=one)
    known = dtype.kind == "f" and name in NUMPY
    return f"np.{name}({', '.join(args)})" if known else None


def helpers(lines: Iterable[str]) -> dict[str, str]:
    """The functions that lines call, by their names."""
    text = "\n".join(lines)
    return {
        name: f'@numba.njit(error_model="numpy")\n{source.strip()}'
        for name, source in HELPERS.items()
        if f"{name}(" in text
    }


def dtype_text(type: str) -> str:
    """A dtype as an expression."""
    return f"np.{'bool_' if type == 'bool' else np.dtype(DTYPES[type]).name}"
