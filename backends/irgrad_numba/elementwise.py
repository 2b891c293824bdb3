"""One row for each elementwise op: how LLVM computes it, for scalars and vectors alike.

A row is a function of `Value`s, all of the dtypes that NumPy's loop takes; it means what NumPy
means, integer division by zero and wide shifts included. Operands of ops that NumPy computes with
its libraries are in `vector_math`."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from irgrad.ir.types import DTYPES
from irgrad_numba import ufunc_loop
from irgrad_numba.llvm import BITS, Value, copysign, fabs, rounded, sqrt
from irgrad_numba.vector_math import MATH

Row = Callable[..., Value]


def _zero(x: Value) -> Value:
    return x.code.constant(x.type, 0)


def _absolute(x: Value) -> Value:
    if x.type.is_float:
        return fabs(x)
    return (x < 0).where(-x, x) if x.type.is_signed else x


def _sign(x: Value) -> Value:
    if not x.type.is_float:
        positive = (x > 0).where(x.lift(1), _zero(x))
        return (x < 0).where(x.lift(-1), positive) if x.type.is_signed else positive
    flat = (x == 0).where(_zero(x), copysign(x.lift(1.0), x))
    return x.is_nan().where(x, flat)


def _is_positive(y: Value) -> bool:
    return y.type.is_signed and y.number is not None and y.number > 0


def _quotient(x: Value, y: Value) -> Value:
    """Integer division towards minus infinity; 0 where y is 0, and x where it overflows."""
    if _is_positive(y):
        towards_zero = x.integer_division(y)
        return (x < towards_zero * y).where(towards_zero - 1, towards_zero)
    safe = (y == 0).where(x.lift(1), y)
    if not x.type.is_signed:
        return (y == 0).where(_zero(x), x.integer_division(safe))
    least = x.lift(-(1 << (BITS[x.type.element] - 1)))
    overflows = (x == least) & (y == -1)
    safe = overflows.where(x.lift(1), safe)
    towards_zero = x.integer_division(safe)
    inexact = (towards_zero * safe) != x
    down = inexact & ((x < 0) ^ (safe < 0))
    return (y == 0).where(_zero(x), down.where(towards_zero - 1, towards_zero))


def _modulo(x: Value, y: Value) -> Value:
    """The remainder with the sign of the divisor; 0 where y is 0."""
    if _is_positive(y):
        remainder = x.integer_division(y, remainder=True)
        return (remainder < 0).where(remainder + y, remainder)
    safe = (y == 0).where(x.lift(1), y)
    if x.type.is_signed:  # -1 divides everything, and the least number overflows on it
        safe = (y == -1).where(x.lift(1), safe)
    remainder = x.integer_division(safe, remainder=True)
    if not x.type.is_signed:
        return (y == 0).where(_zero(x), remainder)
    wrong = (remainder != 0) & ((remainder < 0) ^ (safe < 0))
    return (y == 0).where(_zero(x), wrong.where(remainder + safe, remainder))


def _fmod(x: Value, y: Value) -> Value:
    """The remainder with the sign of the dividend; 0 where y is 0."""
    safe = (y == 0).where(x.lift(1), y)
    if x.type.is_signed:
        safe = (y == -1).where(x.lift(1), safe)
    return (y == 0).where(_zero(x), x.integer_division(safe, remainder=True))


def _maximum(x: Value, y: Value) -> Value:
    """The larger; nan where either is nan; the first where they are equal."""
    if x.type.is_float:
        return ((x >= y) | x.is_nan()).where(x, y)
    return x | y if x.is_bool else (x > y).where(x, y)


def _minimum(x: Value, y: Value) -> Value:
    """The smaller; nan where either is nan; the first where they are equal."""
    if x.type.is_float:
        return ((x <= y) | x.is_nan()).where(x, y)
    return x & y if x.is_bool else (x < y).where(x, y)


def _fmax(x: Value, y: Value) -> Value:
    return ((x >= y) | y.is_nan()).where(x, y) if x.type.is_float else _maximum(x, y)


def _fmin(x: Value, y: Value) -> Value:
    return ((x <= y) | y.is_nan()).where(x, y) if x.type.is_float else _minimum(x, y)


def _shift(left: bool) -> Row:
    def row(x: Value, y: Value) -> Value:
        bits = BITS[x.type.element]
        wide = y.cast("u" + y.type.element[1:]) >= bits
        safe = wide.where(y.lift(0), y)
        if left:
            return wide.where(_zero(x), x << safe)
        beyond = (x >> (bits - 1)) if x.type.is_signed else _zero(x)
        return wide.where(beyond, x >> safe)

    return row


def _logical(combine: Callable[[Value, Value], Value]) -> Row:
    return lambda x, y: combine(x.cast("bool"), y.cast("bool"))


def _is_infinite(x: Value) -> Value:
    return fabs(x) == float("inf")


def _is_finite(x: Value) -> Value:
    return fabs(x) < float("inf")


def _signbit(x: Value) -> Value:
    return x.bits() < 0


def _floats_only(row: Row, otherwise: Row) -> Row:
    return lambda *args: (row if args[0].type.is_float else otherwise)(*args)


def _never(x: Value) -> Value:
    return x.code.constant(x.type.of("bool"), False)


def _per_half_turn(x: Value, one: float, other: float) -> float:
    """The quotient of two angles, rounded as NumPy does in the dtype of `x`."""
    number = DTYPES[x.type.element].type
    return float(number(one) / number(other))


def _add(x: Value, y: Value) -> Value:
    return x | y if x.is_bool else x + y


def _multiply(x: Value, y: Value) -> Value:
    return x & y if x.is_bool else x * y


MIRRORED = {"lt": "gt", "le": "ge", "gt": "lt", "ge": "le", "eq": "eq", "ne": "ne"}


def _relation(relation: str) -> Row:
    """A comparison; of a signed and an unsigned integer, that of the numbers they stand for."""

    def row(x: Value, y: Value) -> Value:
        if x.type == y.type:
            return x.compare(relation, y)
        if not x.type.is_signed:
            return _relation(MIRRORED[relation])(y, x)
        same_sign = x.cast(y.type.element).compare(relation, y)
        smaller = x.code.constant(same_sign.type, relation in ("lt", "le", "ne"))
        return (x < 0).where(smaller, same_sign)

    return row


def _heaviside(x: Value, half: Value) -> Value:
    step = (x < 0).where(_zero(x), x.lift(1.0))
    return x.is_nan().where(x, (x == 0).where(half, step))


def _ratio(x: Value, y: Value) -> Value:
    return ((x == 0) & (y == 0)).where(_zero(x), x / y)


def _scale(x: Value, y: Value) -> Value:
    product = x * y
    zero = (x == 0).where(x, (y == 0).where(y, product))
    return product.is_nan().where(zero, product)  # selects alone are the fastest form


TABLE: dict[str, Row] = {
    "add": _add,
    "subtract": lambda x, y: x - y,
    "multiply": _multiply,
    "divide": lambda x, y: x / y,
    "ratio": _ratio,
    "scale": _scale,
    "negative": lambda x: -x,
    "positive": lambda x: x,
    "reciprocal": lambda x: x.lift(1.0) / x,
    "square": lambda x: x * x,
    "sqrt": sqrt,
    "root": sqrt,
    "absolute": _absolute,
    "fabs": fabs,
    "sign": _sign,
    "copysign": copysign,
    "heaviside": _heaviside,
    "maximum": _maximum,
    "minimum": _minimum,
    "fmax": _fmax,
    "fmin": _fmin,
    "equal": _relation("eq"),
    "not_equal": _relation("ne"),
    "less": _relation("lt"),
    "less_equal": _relation("le"),
    "greater": _relation("gt"),
    "greater_equal": _relation("ge"),
    "logical_and": _logical(lambda x, y: x & y),
    "logical_or": _logical(lambda x, y: x | y),
    "logical_xor": _logical(lambda x, y: x ^ y),
    "logical_not": lambda x: ~x.cast("bool"),
    "bitwise_and": lambda x, y: x & y,
    "bitwise_or": lambda x, y: x | y,
    "bitwise_xor": lambda x, y: x ^ y,
    "invert": lambda x: ~x,
    "left_shift": _shift(left=True),
    "right_shift": _shift(left=False),
    "isnan": _floats_only(lambda x: x.is_nan(), _never),
    "isinf": _floats_only(_is_infinite, _never),
    "isfinite": _floats_only(_is_finite, lambda x: ~_never(x)),
    "signbit": _signbit,
    "floor": _floats_only(lambda x: rounded(x, "floor"), lambda x: x),
    "ceil": _floats_only(lambda x: rounded(x, "ceil"), lambda x: x),
    "trunc": _floats_only(lambda x: rounded(x, "trunc"), lambda x: x),
    "rint": _floats_only(lambda x: rounded(x, "rint"), lambda x: x),
    "deg2rad": lambda x: x * _per_half_turn(x, np.pi, 180),
    "radians": lambda x: x * _per_half_turn(x, np.pi, 180),
    "rad2deg": lambda x: x * _per_half_turn(x, 180, np.pi),
    "degrees": lambda x: x * _per_half_turn(x, 180, np.pi),
    "where": lambda condition, x, y: condition.where(x, y),
    "quotient": _quotient,
    "modulo": _modulo,
}
"""By the name of the op; `quotient` and `modulo` are the integer divisions of index arithmetic."""

INTEGER_ONLY: dict[str, Row] = {"floor_divide": _quotient, "remainder": _modulo, "fmod": _fmod}
"""Rows for integers alone: floats go to the library functions."""

FLOAT_ONLY = frozenset({"reciprocal"})
"""Ops whose rows do not mean what NumPy means for integers."""

COST: dict[str, int] = {
    "scale": 2, "divide": 4, "ratio": 5, "sqrt": 5, "root": 5, "quotient": 25, "modulo": 25,
}  # fmt: skip
"""In additions; library functions cost `LIBRARY_COST`, inner loops of ufuncs `LOOP_COST`,
the rest 1."""
LIBRARY_COST, LOOP_COST = 15, 150


def row_of(name: str, dtypes: list[str]) -> Row | None:
    """The row for an op on operands of these dtypes; None where there is none."""
    if any(dtype.startswith("c") for dtype in dtypes):
        return None
    floats = bool(dtypes) and dtypes[0] in ("f32", "f64")
    if name in INTEGER_ONLY and not floats:
        return INTEGER_ONLY[name]
    if name in MATH and all(dtype in ("f32", "f64") for dtype in dtypes):
        return MATH[name]
    if name in TABLE and (floats or name not in FLOAT_ONLY):
        return TABLE[name]
    return ufunc_loop.row_of(name, dtypes)


def cost_of(name: str) -> int:
    """What an op costs, in additions."""
    if name in MATH:
        return LIBRARY_COST
    if name not in TABLE and ufunc_loop.ufunc_of(name) is not None:
        return LOOP_COST
    return COST.get(name, 1)
