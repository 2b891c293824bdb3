"""log and its kin: x = 2^n m with sqrt(1/2) <= m < sqrt(2), and log x = n ln 2 + log m.

With f = m - 1 and s = f / (2 + f), log m = 2 atanh s = f - f^2/2 + s (f^2/2 + z p(z)), z = s^2: the
form of fdlibm's e_log.c (Sun Microsystems, 1993), in which what is rounded is small."""

from __future__ import annotations

from irgrad_numba.llvm import Value, copysign, fma
from irgrad_numba.vector_math.coefficients import (
    INVERSE_LN2,
    INVERSE_LN10,
    LN2,
    LOG,
    LOG10_2,
)
from irgrad_numba.vector_math.floating import (
    INF,
    NAN,
    Pair,
    chosen,
    exponent_and_mantissa,
    float_of,
    polynomial,
    power_of_two,
    product_of,
    quotient_of,
    sum_of,
    sum_of_ordered,
)


def with_special(x: Value, y: Value) -> Value:
    """y, but the logarithm's values at x of 0, negative numbers, inf and nan."""
    outside = (x == 0).where(x.lift(-INF), NAN)
    return (x > 0).where((x < INF).where(y, x), outside)


def _rest(f: Value) -> Value:
    """log(1 + f) - (f - f^2/2)."""
    s = f / (f + 2.0)
    z = s * s
    return s * fma(z, polynomial(z, LOG), 0.5 * f * f)


def log(x: Value) -> Value:
    """The natural logarithm."""
    n, m = exponent_and_mantissa(x)
    k, f = float_of(n, x), m - 1.0
    a, b = LN2[x.type.element]
    rest = fma(k, b, _rest(f))
    return with_special(x, fma(k, a, f - fma(0.5 * f, f, -rest)))


def _pair(f: Value) -> Pair:
    """log(1 + f) with a few more digits."""
    half = -0.5 * f
    high = fma(half, f, f)
    return high, fma(half, f, f - high) + _rest(f)


def _times(x: Pair, factor: tuple[float, ...]) -> Pair:
    high, low = product_of(x[0], factor[0])
    return high, fma(x[1], factor[0], fma(x[0], factor[1], low))


def log2(x: Value) -> Value:
    """The logarithm to base 2; exact at powers of two."""
    n, m = exponent_and_mantissa(x)
    f = m - 1.0
    a, b = INVERSE_LN2[x.type.element]
    y = f - fma(0.5 * f, f, -_rest(f))
    return with_special(x, fma(y, a, fma(y, b, float_of(n, x))))


def log10(x: Value) -> Value:
    """The logarithm to base 10."""
    n, m = exponent_and_mantissa(x)
    k = float_of(n, x)
    high, low = _times(_pair(m - 1.0), INVERSE_LN10[x.type.element])
    a, b = LOG10_2[x.type.element]
    whole, lost = product_of(k, a)
    total, error = sum_of_ordered(whole, high)
    return with_special(x, total + (error + (low + fma(k, b, lost))))


def log_of_pair(u: Value, c: Value, more: Value | None = None) -> Value:
    """log((u + c) 2^more) for finite u > 0 and |c| at most an ulp of u and 1, accurate near 1."""
    n, m = exponent_and_mantissa(u)
    far = (n + 100).cast("u" + n.type.element[1:]) > 200  # there c is nothing
    c = c * power_of_two(-far.where(n.lift(100), n), u)
    exact = m - 1.0
    f = exact + c
    tail = (exact - f) + c
    tail = fma(-tail, f, tail)  # tail / (1 + f)
    k = float_of(n if more is None else n + more, u)
    a, b = LN2[u.type.element]
    rest = fma(k, b, tail) + _rest(f)
    return fma(k, a, f - fma(0.5 * f, f, -rest))


def log_of_ratio(x: Value, y: Value) -> Value:
    """log(x / y) for finite x, y > 0, accurate near 1."""
    n, a = exponent_and_mantissa(x)
    k, b = exponent_and_mantissa(y)
    one = x.lift(1.0), x.lift(0.0)
    ratio = quotient_of((a, a.lift(0.0)), (b, b.lift(0.0)))
    return log_of_pair(*chosen(a == b, one, ratio), n - k)


def log1p_of_pair(x: Value, low: Value) -> Value:
    """log(1 + x + low) for x > -1."""
    u, c = sum_of(x.lift(1.0), x)
    return log_of_pair(u, c + low)


def log1p(x: Value) -> Value:
    """log(1 + x)."""
    u, c = sum_of(x.lift(1.0), x)
    result = with_special(u, log_of_pair(u, c))
    return copysign(result, x)
