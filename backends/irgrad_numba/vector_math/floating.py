"""Floating-point numbers taken apart and put together, by format; polynomials; sums and products
as unevaluated pairs (high, low).

Sources: T. J. Dekker, A floating-point technique for extending the available precision, Numerische
Mathematik 18 (1971); J.-M. Muller et al., Handbook of Floating-Point Arithmetic, 2nd edition,
chapters 4 and 14."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from irgrad_numba.llvm import Operand, Value, fma
from irgrad_numba.vector_math.coefficients import Table

LONG = 9
"""Coefficients from which a polynomial is long."""

INF, NAN = float("inf"), float("nan")
Pair = tuple[Value, Value]


class Format(NamedTuple):
    """What differs between the two precisions."""

    digits: int
    """Bits of the fraction that are stored."""
    bias: int
    """Of the exponent."""
    magic: float
    """1.5 * 2^digits: a number added to it is rounded to an integer, which its last bits are."""
    magic_bits: int
    least: float
    """The least positive normal number."""
    root_half_bits: int
    """The bits of sqrt(1/2)."""


FORMATS = {
    "f64": Format(52, 1023, 1.5 * 2**52, 0x4338000000000000, 2.0**-1022, 0x3FE6A09E667F3BCD),
    "f32": Format(23, 127, 1.5 * 2**23, 0x4B400000, 2.0**-126, 0x3F3504F3),
}


def format_of(x: Value) -> Format:
    """The format of a value."""
    return FORMATS[x.type.element]


def clamped(x: Value, low: float, high: float) -> Value:
    """x between bounds; nan stays."""
    return (x < low).where(low, at_most(x, high))


def at_most(x: Value, high: float) -> Value:
    """x up to a bound; nan stays."""
    return (x > high).where(high, x)


def rounded_product(x: Value, factor: float) -> Pair:
    """The integer nearest to x * factor, as a float and as an integer; it must be small."""
    f = format_of(x)
    shifted = fma(x, factor, f.magic)
    return shifted - f.magic, shifted.bits() - f.magic_bits


def float_of(n: Value, like: Value) -> Value:
    """An integer of at most `digits - 1` bits as a float."""
    f = format_of(like)
    return (n + f.magic_bits).reinterpret(like.type.element) - f.magic


def power_of_two(n: Value, like: Value) -> Value:
    """2^n for the exponent n of a normal number."""
    f = format_of(like)
    return ((n + f.bias) << f.digits).reinterpret(like.type.element)


def scaled(x: Value, n: Value) -> Value:
    """x * 2^n, rounded once; for x near 1 and n up to twice the largest exponent."""
    half = n >> 1
    return x * power_of_two(half, x) * power_of_two(n - half, x)


def moved(x: Value, n: Value) -> Value:
    """x * 2^n where both are normal numbers."""
    return (x.bits() + (n << format_of(x).digits)).reinterpret(x.type.element)


def normal_parts(x: Value) -> Pair:
    """(n, m): positive normal x = m * 2^n and sqrt(1/2) <= m < sqrt(2)."""
    f = format_of(x)
    bits = x.bits()
    n = (bits - f.root_half_bits) >> f.digits
    return n, (bits - (n << f.digits)).reinterpret(x.type.element)


def exponent_and_mantissa(x: Value) -> Pair:
    """(n, m): positive x = m * 2^n and sqrt(1/2) <= m < sqrt(2)."""
    f = format_of(x)
    subnormal = x < f.least
    n, m = normal_parts(subnormal.where(x * 2.0 ** (f.digits + 2), x))
    return subnormal.where(n - (f.digits + 2), n), m


def polynomial(x: Value, table: Table) -> Value:
    """The polynomial with these coefficients."""
    return in_halves(x, table[x.type.element])


def in_halves(x: Value, coefficients: Sequence[float]) -> Value:
    """The polynomial with these coefficients; where it is long, odd and even powers apart, so that
    the processor does both at once.
    """
    if len(coefficients) < LONG:
        return horner(x, coefficients)
    z = x * x
    return fma(horner(z, coefficients[1::2]), x, horner(z, coefficients[::2]))


def horner(x: Value, coefficients: Sequence[float]) -> Value:
    """The polynomial with these coefficients, the lowest power first, in fused operations."""
    *lower, last = coefficients
    result = x.lift(last)
    for coefficient in reversed(lower):
        result = fma(result, x, coefficient)
    return result


def sum_of(x: Value, y: Value) -> Pair:
    """x + y and its rounding error (Knuth)."""
    high = x + y
    part = high - x
    return high, (x - (high - part)) + (y - part)


def sum_of_ordered(x: Value, y: Value) -> Pair:
    """x + y and its rounding error where |x| >= |y| or x = 0 (Dekker)."""
    high = x + y
    return high, (x - high) + y


def product_of(x: Value, y: Operand) -> Pair:
    """x * y and its rounding error."""
    high = x * y
    return high, fma(x, y, -high)


def quotient_of(x: Pair, y: Pair) -> Pair:
    """x / y to nearly twice the precision, with one division."""
    inverse = 1.0 / y[0]
    high = x[0] * inverse
    remainder = fma(-high, y[0], x[0]) + (x[1] - high * y[1])
    return high, remainder * inverse


def chosen(condition: Value, x: Pair, y: Pair) -> Pair:
    """x where the condition holds, else y."""
    return condition.where(x[0], y[0]), condition.where(x[1], y[1])


def negated(x: Pair) -> Pair:
    """-x."""
    return -x[0], -x[1]
