"""exp and its kin: x = k ln 2 + r with |r| <= ln(2) / 2, and e^x = 2^k e^r.

The reduction is W. J. Cody and W. Waite's (Software Manual for the Elementary Functions, 1980,
chapter 6) with ln 2 as a sum of two numbers; the first fused product is exact. Then
e^r = cosh r + sinh r, where cosh r = 1 + z q(z), sinh r = r + r z p(z), z = r^2."""

from __future__ import annotations

from typing import NamedTuple

from irgrad_numba.llvm import Value, copysign, fma
from irgrad_numba.vector_math.coefficients import (
    COSH,
    INVERSE_LN2,
    LN2,
    LN10,
    LOG2_10,
    LOG10_2,
    SINH,
)
from irgrad_numba.vector_math.floating import (
    Pair,
    clamped,
    format_of,
    polynomial,
    power_of_two,
    product_of,
    rounded_product,
    scaled,
    sum_of_ordered,
)

FINITE = {"f64": (-746.0, 710.0), "f32": (-104.5, 89.0)}
"""Beyond these e^x is 0 or infinite."""
FINITE_2 = {"f64": (-1076.0, 1025.0), "f32": (-151.0, 129.0)}
FINITE_10 = {"f64": (-324.5, 309.0), "f32": (-46.0, 39.0)}


class Reduced(NamedTuple):
    """x = n ln 2 + r + tail, sinh r = r + odd and cosh r = 1 + even."""

    n: Value
    r: Value
    odd: Value
    even: Value


def reduced(x: Value) -> Reduced:
    """The reduction of x, which is not large."""
    k, n = rounded_product(x, INVERSE_LN2[x.type.element][0])
    high, low = LN2[x.type.element]
    exact = fma(-k, high, x)
    r = fma(-k, low, exact)
    return near_zero(n, r, fma(-k, low, exact - r))


def near_zero(n: Value, r: Value, tail: Value) -> Reduced:
    """sinh and cosh of the small r + tail."""
    z = r * r
    odd = fma(r * z, polynomial(z, SINH), tail)
    return Reduced(n, r, odd, fma(r, tail, z * polynomial(z, COSH)))


def of_sum(n: Value, high: Value, low: Value) -> Value:
    """2^n e^(high + low), for |high| <= ln(2) / 2 and `low` of the size of its rounding."""
    z = high * high
    rest = fma(z, fma(high, polynomial(z, SINH), polynomial(z, COSH)), low)
    return scaled(1.0 + (high + rest), n)


def exp_parts(x: Value) -> tuple[Value, Value]:
    """(n, w): e^x = 2^n (1 + w)."""
    x = clamped(x, *FINITE[x.type.element])
    k, n = rounded_product(x, INVERSE_LN2[x.type.element][0])
    high, low = LN2[x.type.element]
    r = fma(-k, low, fma(-k, high, x))
    z = r * r
    return n, fma(z, fma(r, polynomial(z, SINH), polynomial(z, COSH)), r)


def exp(x: Value) -> Value:
    """e^x."""
    n, w = exp_parts(x)
    return scaled(1.0 + w, n)


def reduced_pair(x: Pair) -> tuple[Value, Value, Value]:
    """(n, r, tail): high + low = n ln 2 + r + tail; beyond the range of e^x, e^high is meant."""
    high, low = x
    bottom, top = FINITE[high.type.element]
    inside = (high > bottom) & (high < top)
    high, low = clamped(high, bottom, top), inside.where(low, 0.0)
    k, n = rounded_product(high, INVERSE_LN2[high.type.element][0])
    a, b = LN2[high.type.element]
    r, tail = sum_of_ordered(fma(-k, a, high), fma(-k, b, low))
    return n, r, tail


def exp_of_pair(x: Pair) -> Value:
    """e^(high + low)."""
    return of_sum(*reduced_pair(x))


def exp2(x: Value) -> Value:
    """2^x: here r = (x - k) ln 2."""
    x = clamped(x, *FINITE_2[x.type.element])
    k, n = rounded_product(x, 1.0)
    a, b = LN2[x.type.element]
    fraction = x - k
    high, low = product_of(fraction, a)
    return of_sum(n, high, fma(fraction, b, low))


def exp10(x: Value) -> Value:
    """10^x: here r = (x - k log10(2)) ln 10."""
    x = clamped(x, *FINITE_10[x.type.element])
    k, n = rounded_product(x, LOG2_10[x.type.element][0])
    a, b = LOG10_2[x.type.element]
    fraction, tail = sum_of_ordered(fma(-k, a, x), -k * b)
    c, d = LN10[x.type.element]
    high, low = product_of(fraction, c)
    return of_sum(n, high, fma(fraction, d, fma(tail, c, low)))


def within_range(n: Value, like: Value) -> tuple[Value, Value]:
    """(s, u): 2^n = s u, where u is 2 for the exponent beyond the largest and 1 below."""
    most = format_of(like).bias
    beyond = n > most
    return power_of_two(beyond.where(n.lift(most), n), like), beyond.where(like.lift(2.0), 1.0)


def expm1(x: Value) -> Value:
    """e^x - 1 = (2^k - 1) + 2^k r + 2^k (odd + even)."""
    _, high = FINITE[x.type.element]
    at = reduced(clamped(x, -50.0, high))
    s, u = within_range(at.n, x)
    result = fma(s, at.odd + at.even, fma(s, at.r, s - 1.0)) * u
    return copysign(result, x)
