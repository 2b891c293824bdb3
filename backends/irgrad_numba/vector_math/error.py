"""The error function and the normal distribution.

Near 0, erf x = x + x p(x^2). Elsewhere, for x >= 0, erfc x = e^(-x^2) p(u) / (1 + 2 x) with
u = (x - c) / (x + c) = 1 - 2 c / (x + c) (M. M. Shepherd, J. G. Laframboise, Chebyshev
approximation of (1 + 2x) exp(x^2) erfc x, Mathematics of Computation 36 (1981)). The exponent is a
sum of two numbers, since its rounding error would be multiplied by up to 700."""

from __future__ import annotations

from irgrad_numba.llvm import Value, copysign, fabs, fma
from irgrad_numba.vector_math.coefficients import ERF, ERFCX, ERFCX_CENTRE, SQRT_HALF
from irgrad_numba.vector_math.exponential import exp, exp_of_pair, near_zero, reduced_pair
from irgrad_numba.vector_math.floating import (
    Pair,
    at_most,
    chosen,
    horner,
    in_halves,
    product_of,
    scaled,
    sum_of_ordered,
)
from irgrad_numba.vector_math.function import rarely
from irgrad_numba.vector_math.logarithm import log_of_pair

HUGE = {"f64": 2.0**500, "f32": 2.0**60}
"""Beyond this log_ndtr is -x^2 / 2, or 0, and erfcx 1 / (x sqrt pi)."""
ONE_OVER_SQRT_PI = 0.5641895835477563
NEAR = 0.7
"""Up to here the polynomial of erf serves."""


def _erf_near(x: Value) -> Value:
    """erf x - x."""
    return x * horner(x * x, ERF[x.type.element])


def erfcx_of_pair(x: Value, low: Value) -> Pair:
    """e^(x^2) erfc x for x + low >= 0, with a few more digits."""
    (centre,) = ERFCX_CENTRE[x.type.element]
    d = fma(x, 2.0, 1.0)
    both = 1.0 / (d * (x + centre))
    t, s = both * (x + centre), both * d
    rest = t * fma(-t, fma(x, 2.0, 1.0 - d) + 2.0 * low, fma(-t, d, 1.0))
    s = fma(s, fma(-s, x + centre, 1.0), s)
    u = fma(s, -2.0 * centre, 1.0)
    first, *others = ERFCX[x.type.element]
    p, p_low = sum_of_ordered(x.lift(first), u * in_halves(u, others))
    high, error = product_of(p, t)
    return high, fma(p, rest, fma(p_low, t, error))


def _times_exp(factor: Pair, exponent: Pair) -> Pair:
    """factor e^exponent."""
    n, r, tail = reduced_pair(exponent)
    at = near_zero(n, r, tail)
    grown = r + (at.odd + at.even)
    f, low = factor
    high, low = sum_of_ordered(f, fma(f, grown, fma(low, grown, low)))
    return scaled(high, n), scaled(low, n)


def _upper_near(b: Value, low: Value) -> Pair:
    """erfc(b + low) for 0 <= b <= NEAR."""
    high, error = sum_of_ordered(b.lift(1.0), -b)
    return sum_of_ordered(high, error - (_erf_near(b) + low))


def _upper(b: Value, low: Value, square: Pair) -> Pair:
    """erfc(b + low) for b >= 0, given (b + low)^2."""
    far = _times_exp(erfcx_of_pair(b, low), (-square[0], -square[1]))
    return chosen(b <= NEAR, _upper_near(b, low), far)


def erf(x: Value) -> Value:
    """The error function."""
    a = fabs(x)
    b = at_most(a, 30.0)
    tail, low = erfcx_of_pair(b, b.lift(0.0))
    e = exp(-b * b)
    far = 1.0 - fma(tail, e, low * e)
    return copysign((a <= NEAR).where(a + _erf_near(a), far), x)


def erfc(x: Value) -> Value:
    """1 - erf x."""
    b = at_most(fabs(x), 30.0)
    high, low = _upper(b, b.lift(0.0), product_of(b, b))
    return (x < 0).where((2.0 - high) - low, high)


def erfcx(x: Value) -> Value:
    """e^(x^2) erfc x; below 0, 2 e^(x^2) minus the value at -x."""
    a = fabs(x)
    b, zero = at_most(a, HUGE[x.type.element]), x.lift(0.0)
    square = product_of(b, b)
    high, low = erfcx_of_pair(b, zero)
    near, _ = _times_exp(_upper_near(b, zero), square)
    y = (a <= NEAR).where(near, high + low)
    y = (x < 0).where(fma(exp_of_pair(square), 2.0, -y), y)
    return rarely(x > HUGE[x.type.element], y, lambda: ONE_OVER_SQRT_PI / x)


def _over_sqrt_2(x: Value) -> Pair:
    high, low = SQRT_HALF[x.type.element]
    b, error = product_of(x, high)
    return b, fma(x, low, error)


def ndtr(x: Value) -> Value:
    """The normal distribution function, erfc(-x / sqrt 2) / 2."""
    a = at_most(fabs(x), 40.0)
    square, error = product_of(a, a)
    high, low = _upper(*_over_sqrt_2(a), (0.5 * square, 0.5 * error))
    return (x < 0).where(0.5 * high, fma(high, -0.5, 1.0) - 0.5 * low)


def log_ndtr(x: Value) -> Value:
    """log of `ndtr`: with a = |x| / sqrt 2, log(1 - erfc(a) / 2) from 0 on, and below
    log(erfcx(a) / 2) - a^2, or log(erfc(a) / 2) near 0.
    """
    huge = fabs(x) > HUGE[x.type.element]
    a = huge.where(x.lift(1.0), fabs(x))
    b, low = _over_sqrt_2(a)
    near, below = b <= NEAR, x < 0
    square, error = product_of(a, a)
    factor = erfcx_of_pair(b, low)
    far = _times_exp(factor, (-0.5 * square, -0.5 * error))
    upper = chosen(near, _upper_near(b, low), far)
    u, c = sum_of_ordered(x.lift(1.0), -0.5 * upper[0])
    above = u, fma(upper[1], -0.5, c)
    high, low = chosen(near, upper, factor)
    y = log_of_pair(*chosen(below, (0.5 * high, 0.5 * low), above))
    y = (below & ~near).where(fma(error, -0.5, y) - 0.5 * square, y)
    return -fabs(huge.where(below.where(-0.5 * x * x, 0.0), y))
