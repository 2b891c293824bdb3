"""Identities of arithmetic."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from irgrad.ir.graph import Value
from irgrad.ir.op import Op
from irgrad.ops.arithmetic import ADD, DIVIDE, MULTIPLY, NEGATIVE, SQUARE, SUBTRACT
from irgrad.ops.select import WHERE
from irgrad.passes.rewrite import Rewriter, Rules, rule

ARITHMETIC: Rules = {}


def scalar(value: Value) -> Any:
    """The number that a constant holds in every place, else None."""
    array = value.constant
    if array is None or not array.size:
        return None
    if array.ndim == 0:
        return array[()]
    first = array.ravel()[0]
    return (
        first
        if array.size <= 64 and array.tobytes() == np.full_like(array, first).tobytes()
        else None
    )


def is_scalar(value: Value, number: float) -> bool:
    """Whether `value` is the constant `number` (0.0 and -0.0 differ)."""
    found = scalar(value)
    return found is not None and found == number and (number != 0 or not np.signbit(np.real(found)))


def made_by(value: Value, op: Op) -> bool:
    """Whether `value` comes from `op`."""
    return value.node.op is op


def is_power_of_two(number: Any) -> bool:
    """Whether multiplying by a float is exact: a power of two, of moderate size, of either sign."""
    if not isinstance(number, np.floating) or not np.isfinite(number) or number == 0:
        return False
    mantissa, exponent = math.frexp(float(number))
    return abs(mantissa) == 0.5 and abs(exponent) < 64


@rule(ARITHMETIC, "multiply")
def multiply_by_one(r: Rewriter, op: Op, x: Value, y: Value) -> Value | None:
    """1 x = x, -1 x = -x."""
    for factor, other in ((x, y), (y, x)):
        if is_scalar(factor, 1):
            return other
        if is_scalar(factor, -1) and other.type.dtype.kind in "fi":
            return r.emit(NEGATIVE, other)
    return None


@rule(ARITHMETIC, "multiply")
def multiply_powers_of_two(r: Rewriter, op: Op, x: Value, y: Value) -> Value | None:
    """a (b z) = (a b) z, exact when one of a and b is a power of two and both are scalars."""
    for factor, product in ((x, y), (y, x)):
        if factor.type.shape or not made_by(product, MULTIPLY):
            continue
        for inner, rest in (product.node.operands, product.node.operands[::-1]):
            exact = is_power_of_two(scalar(factor)) or is_power_of_two(scalar(inner))
            folded = scalar(factor) is not None and scalar(inner) is not None
            if exact and not inner.type.shape and (folded or rest.type.shape):
                return r.emit(MULTIPLY, product_of_scalars(r, factor, inner), rest)
    return None


def product_of_scalars(r: Rewriter, x: Value, y: Value) -> Value:
    """x y, as a constant where both are."""
    a, b = x.constant, y.constant
    return r.emit(MULTIPLY, x, y) if a is None or b is None else r.constant(a * b)


@rule(ARITHMETIC, "multiply", "divide")
def hoist_negative(r: Rewriter, op: Op, x: Value, y: Value) -> Value | None:
    """(-x) y = -(x y) and (-x) / y = -(x / y), so that negatives meet and cancel; a (-x) = (-a)
    x.
    """
    if x.type.dtype.kind not in "fc":
        return None
    if made_by(x, NEGATIVE) and made_by(y, NEGATIVE):
        return r.emit(op, x.node.operands[0], y.node.operands[0])
    for slot, (one, other) in enumerate(((x, y), (y, x))):
        if made_by(one, NEGATIVE) and (r.used_once(one) or scalar(other) is not None):
            number = scalar(other)
            inner = one.node.operands[0]
            if number is not None and other.type.dtype.kind == "f":
                negated = r.constant(-number)
                return r.emit(op, *((inner, negated) if slot == 0 else (negated, inner)))
            return r.emit(NEGATIVE, r.emit(op, *((inner, other) if slot == 0 else (other, inner))))
    return None


@rule(ARITHMETIC, "sum")
def sum_of_negative(r: Rewriter, op: Op, x: Value) -> Value | None:
    """sum(-x) = -sum(x); 0 - sum(x) where the user wrote it, since a sum is never -0.0."""
    if not made_by(x, NEGATIVE) or not r.used_once(x):
        return None
    total = r.emit(op, x.node.operands[0])
    if r.current is not None and r.current.origin is not None:
        return r.emit(NEGATIVE, total)
    return r.emit(SUBTRACT, r.constant(np.zeros((), x.type.dtype)), total)


@rule(ARITHMETIC, "multiply")
def multiply_reciprocal(r: Rewriter, op: Op, x: Value, y: Value) -> Value | None:
    """x (1 / y) = x / y, where the quotient has no other use (rounds once instead of twice) and is
    not one for many elements of x.
    """
    for other, quotient in ((x, y), (y, x)):
        if not r.used_once(quotient) or other.type.dtype.kind not in "fc":
            continue
        if other.type.size > quotient.type.size > 1:
            continue
        if made_by(quotient, DIVIDE) and is_scalar(quotient.node.operands[0], 1):
            return r.emit(DIVIDE, other, quotient.node.operands[1])
    return None


@rule(ARITHMETIC, "multiply")
def multiply_by_itself(r: Rewriter, op: Op, x: Value, y: Value) -> Value | None:
    """x x = x^2."""
    return r.emit(SQUARE, x) if x == y and x.type.dtype.kind in "fciu" else None


@rule(ARITHMETIC, "add")
def add_negative(r: Rewriter, op: Op, x: Value, y: Value) -> Value | None:
    """x + (-y) = x - y."""
    if x.type.dtype.kind not in "fciu":
        return None
    if made_by(y, NEGATIVE):
        return r.emit(SUBTRACT, x, y.node.operands[0])
    return r.emit(SUBTRACT, y, x.node.operands[0]) if made_by(x, NEGATIVE) else None


@rule(ARITHMETIC, "add")
def add_nothing(r: Rewriter, op: Op, x: Value, y: Value) -> Value | None:
    """x + 0 = x for integers, x + (-0.0) = x for floats."""
    for nothing, other in ((x, y), (y, x)):
        number = scalar(nothing)
        integer = isinstance(number, np.integer) and number == 0
        if integer or (isinstance(number, np.floating) and number == 0 and np.signbit(number)):
            return other
    return None


@rule(ARITHMETIC, "subtract")
def subtract_simply(r: Rewriter, op: Op, x: Value, y: Value) -> Value | None:
    """x - 0 = x, x - (-y) = x + y."""
    if is_scalar(y, 0) and y.type.dtype.kind in "fiu":
        return x
    return r.emit(ADD, x, y.node.operands[0]) if made_by(y, NEGATIVE) else None


@rule(ARITHMETIC, "divide")
def divide_simply(r: Rewriter, op: Op, x: Value, y: Value) -> Value | None:
    """x / 1 = x, x / -1 = -x, x / 2^k = 2^-k x."""
    if is_scalar(y, 1):
        return x
    number = scalar(y)
    if is_power_of_two(number):
        return r.emit(MULTIPLY, x, r.constant(1 / number))
    return None


@rule(ARITHMETIC, "ratio")
def ratio_is_quotient(r: Rewriter, op: Op, x: Value, y: Value) -> Value | None:
    """ratio(a, y) = a / y for a number a that is not 0."""
    number = scalar(x)
    return None if number is None or number == 0 else r.emit(DIVIDE, x, y)


@rule(ARITHMETIC, "scale")
def scale_is_product(r: Rewriter, op: Op, x: Value, y: Value) -> Value | None:
    """scale(a, y) = a y for a finite number a that is not 0."""
    for factor in (x, y):
        number = scalar(factor)
        if number is not None and number != 0 and np.isfinite(number):
            return r.emit(MULTIPLY, x, y)
    return None


@rule(ARITHMETIC, "negative")
def negative_simply(r: Rewriter, op: Op, x: Value) -> Value | None:
    """-(-x) = x, -(a x) = (-a) x for a constant a."""
    if made_by(x, NEGATIVE):
        return x.node.operands[0]
    if made_by(x, MULTIPLY) and r.used_once(x):
        for factor, other in (x.node.operands, x.node.operands[::-1]):
            number = scalar(factor)
            if number is not None and factor.type.dtype.kind == "f":
                return r.emit(MULTIPLY, r.constant(-number), other)
    return None


@rule(ARITHMETIC, "power")
def power_of_small_integer(r: Rewriter, op: Op, x: Value, p: Value) -> Value | None:
    """x^0 = 1, x^1 = x, x^2, x^-1, x^3 = x x^2, x^4 = (x^2)^2 (the last two may differ in the last
    bit).
    """
    number = scalar(p)
    if not isinstance(number, (np.floating, np.complexfloating)) or number not in (
        0,
        1,
        2,
        3,
        4,
        -1,
    ):
        return None
    one = r.constant(np.ones((), x.type.dtype))
    if number in (0, 1):
        return x if number else one
    if number == -1:
        return r.emit(DIVIDE, one, x)
    square = r.emit(SQUARE, x)
    if number == 2:
        return square
    return r.emit(MULTIPLY, x, square) if number == 3 else r.emit(SQUARE, square)


@rule(ARITHMETIC, "where")
def where_decided(r: Rewriter, op: Op, condition: Value, x: Value, y: Value) -> Value | None:
    """A constant condition, or equal branches."""
    truth = condition.constant
    if x == y or (truth is not None and truth.all()):
        return x
    return y if truth is not None and not truth.any() else None


@rule(ARITHMETIC, "where")
def where_in_where(r: Rewriter, op: Op, condition: Value, x: Value, y: Value) -> Value | None:
    """where(m, where(m, a, b) + c, y) = where(m, a + c, y) and the like, where nothing else reads
    the sums: what the inner choice drops, the outer one drops too.

    Only sums are looked through, so that derivatives do not meet what was dropped either."""
    if condition.constant is not None:
        return None
    chosen = [_decided(r, v, condition, side, DEEPEST) for side, v in ((1, x), (2, y))]
    return None if chosen == [x, y] else r.emit(op, condition, *chosen)


def _decided(r: Rewriter, value: Value, condition: Value, side: int, depth: int) -> Value:
    """`value` as it is where the condition holds (`side` 1) or does not (2)."""
    node = value.node
    if made_by(value, WHERE) and node.operands[0] == condition:
        return _decided(r, node.operands[side], condition, side, depth)
    if not depth or node.op not in (ADD, SUBTRACT, NEGATIVE, WHERE) or not r.used_once(value):
        return value
    operands = [_decided(r, v, condition, side, depth - 1) for v in node.operands]
    return value if operands == list(node.operands) else r.emit(node.op, *operands)


DEEPEST = 4
"""So many operations below a choice, those that repeat it are looked for."""


@rule(ARITHMETIC, "astype", "conjugate", "real")
def cast_simply(r: Rewriter, op: Op, x: Value) -> Value | None:
    """A conversion to the dtype at hand; conjugate of conjugate; the real part of a real made
    complex.
    """
    if op.name == "astype":
        return x if x.type.dtype == op.parameters["dtype"] else None
    inner = x.node.op
    if op.name == "conjugate":
        return x if x.type.dtype.kind != "c" else x.node.operands[0] if inner is op else None
    made_complex = inner.name == "astype" and x.node.operands[0].type.dtype.kind == "f"
    source = x.node.operands[0] if made_complex else None
    return (
        source
        if source is not None and source.type.dtype == np.dtype(f"f{x.type.dtype.itemsize // 2}")
        else None
    )
