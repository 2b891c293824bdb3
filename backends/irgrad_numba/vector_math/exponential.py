"""exp and its kin: x = k ln 2 + r with |r| <= ln(2) / 2, and e^x = 2^k e^r.

The reduction is W. J. Cody and W. Waite's (Software Manual for the Elementary Functions, 1980,
chapter 6) with ln 2 as a sum of two numbers; the first fused product is exact. Then
e^r = cosh r + sinh r, where cosh r = 1 + z q(z), sinh r = r + r z p(z), z = r^2."""

from __future__ import annotations

from typing import NamedTuple

from irgrad_numba.llvm import Value, copysign, fabs, fma
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
    INF,
    Pair,
    clamped,
    format_of,
    moved,
    polynomial,
    power_of_two,
    product_of,
    rounded_product,
    scaled,
    sum_of_ordered,
)
from irgrad_numba.vector_math.function import rarely

FINITE = {"f64": (-746.0, 710.0), "f32": (-104.5, 89.0)}
"""Beyond these e^x is 0 or infinite."""
FINITE_2 = {"f64": (-1076.0, 1025.0), "f32": (-151.0, 129.0)}
NORMAL, NORMAL_2 = {"f64": 707.0, "f32": 86.0}, {"f64": 1020.0, "f32": 124.0}
"""Up to here e^x, e^-x and 2^x, 2^-x are normal numbers."""
FINITE_10 = {"f64": (-324.5, 309.0), "f32": (-46.0, 39.0)}
BEYOND = 8.0
"""So much further (e^x - 1) / x is finite."""
Bounds = tuple[float, float]


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


def parts(x: Value, times: int = 1) -> tuple[Value, Value]:
    """(n, w): e^(times x) = 2^n (1 + w), for 1 or 2 times an x that is not large."""
    k, n = rounded_product(x, times * INVERSE_LN2[x.type.element][0])
    high, low = LN2[x.type.element]
    return n, _grown(fma(-k, low, fma(-k, high, x if times == 1 else x + x)))


def _grown(r: Value) -> Value:
    """e^r - 1 of small r."""
    z = r * r
    return fma(z, fma(r, polynomial(z, SINH), polynomial(z, COSH)), r)


def _scaled_usually(y: Value, n: Value, x: Value, normal: float, bounds: Bounds) -> Value:
    """y 2^n, the power of x: quickly where |x| <= normal; 0 and infinite beyond the bounds."""

    def otherwise() -> Value:
        bottom, top = bounds
        inside = (x > top).where(x.lift(INF), scaled(y, n))
        return (x < bottom).where(0.0, inside)

    return rarely(~(fabs(x) <= normal), moved(y, n), otherwise)


def exp(x: Value) -> Value:
    """e^x."""
    element = x.type.element
    n, w = parts(x)
    return _scaled_usually(1.0 + w, n, x, NORMAL[element], FINITE[element])


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
    element = x.type.element
    k, n = rounded_product(x, 1.0)
    y = 1.0 + _grown((x - k) * LN2[element][0])
    return _scaled_usually(y, n, x, NORMAL_2[element], FINITE_2[element])


def exp10(x: Value) -> Value:
    """10^x: here r = (x - k log10(2)) ln 10."""
    x = clamped(x, *FINITE_10[x.type.element])
    k, n = rounded_product(x, LOG2_10[x.type.element][0])
    a, b = LOG10_2[x.type.element]
    fraction, tail = sum_of_ordered(fma(-k, a, x), -k * b)
    c, d = LN10[x.type.element]
    high, low = product_of(fraction, c)
    return of_sum(n, high, fma(fraction, d, fma(tail, c, low)))


def _expm1_parts(x: Value) -> Pair:
    """(y, u): e^x - 1 = (2^n - 1) + 2^n r + 2^n (odd + even) = y u, where u is 1 as long as 2^n is
    finite.
    """
    _, high = FINITE[x.type.element]
    at = reduced(clamped(x, -50.0, high + BEYOND))
    n, most = at.n, format_of(x).bias
    within = (n > most).where(n.lift(most), n)
    s = power_of_two(within, x)
    return fma(s, at.odd + at.even, fma(s, at.r, s - 1.0)), power_of_two(n - within, x)


def expm1(x: Value) -> Value:
    """e^x - 1."""
    y, u = _expm1_parts(x)
    return copysign(y * u, x)


def exprel(x: Value) -> Value:
    """(e^x - 1) / x; 1 at 0."""
    y, u = _expm1_parts(x)
    result = (x == 0).where(x.lift(1.0), fabs(y / x) * u)
    return (x > FINITE[x.type.element][1] + BEYOND).where(INF, result)
