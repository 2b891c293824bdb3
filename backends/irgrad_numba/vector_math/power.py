"""Powers and roots: x^y = e^(y log x) with log x as a sum of two numbers, cube roots, lengths."""

from __future__ import annotations

from irgrad_numba.llvm import Value, copysign, fabs, fma, rounded, sqrt
from irgrad_numba.vector_math.coefficients import (
    ATANH,
    CBRT,
    CBRT_2,
    EXP2_SHORT,
    LN2,
    LOG2_SHORT,
    THIRD,
)
from irgrad_numba.vector_math.exponential import exp_of_pair
from irgrad_numba.vector_math.floating import (
    INF,
    NAN,
    Pair,
    clamped,
    exponent_and_mantissa,
    float_of,
    normal_parts,
    polynomial,
    power_of_two,
    product_of,
    quotient_of,
    rounded_product,
    sum_of_ordered,
)
from irgrad_numba.vector_math.function import call, rarely


def _log(x: Value) -> Pair:
    """log x of finite x > 0 to 2^-66: 2 atanh s + n ln 2 with s = (m - 1) / (m + 1)."""
    n, m = exponent_and_mantissa(x)
    high, low = quotient_of((m - 1.0, m.lift(0.0)), sum_of_ordered(m.lift(1.0), m))
    z = high * high
    z_low = fma(high, high, -z) + 2.0 * high * low
    third, third_low = THIRD[x.type.element]
    w, w_low = product_of(z, third)
    w_low = w_low + fma(z, third_low, fma(z_low, third, z * z * polynomial(z, ATANH)))
    part, part_low = product_of(high, w)
    part_low = part_low + fma(high, w_low, low * w)
    k = float_of(n, x)
    a, b = LN2[x.type.element]
    whole, whole_low = product_of(k, a)
    total, lost = sum_of_ordered(whole, 2.0 * high)
    total, more = sum_of_ordered(total, 2.0 * part)
    rest = fma(k, b, whole_low) + (lost + more) + 2.0 * (part_low + low)
    return sum_of_ordered(total, rest)


def _positive_power(a: Value, y: Value) -> Value:
    """a^y of a > 0."""
    if a.type.element == "f32":
        return _short_power(a.cast("f64"), y.cast("f64")).cast("f32")
    high, low = _log(a)
    product, rest = product_of(high, y)
    return exp_of_pair((product, fma(low, y, rest)))


def _short_power(a: Value, y: Value) -> Value:
    """2^(y log2 a) to single precision; a has the exponent of a single number."""
    n, m = normal_parts(a)
    f = m - 1.0
    exponent = clamped(y * fma(f, polynomial(f, LOG2_SHORT), float_of(n, a)), -200.0, 200.0)
    k, n = rounded_product(exponent, 1.0)
    return polynomial(exponent - k, EXP2_SHORT) * power_of_two(n, a)


def power(x: Value, y: Value) -> Value:
    """x^y as C's pow: real, nan for negative x unless y is an integer."""
    grown = _positive_power(fabs(x), y)
    usual = (x > 0) & (x < INF) & (fabs(y) < INF)
    return rarely(~usual, grown, lambda: _special_power(x, y, grown))


def _special_power(x: Value, y: Value, grown: Value) -> Value:
    """x^y from |x|^y, which is wrong for 0, infinities and nan."""
    a, half = fabs(x), 0.5 * y
    integer = rounded(y, "rint") == y
    odd = integer & (rounded(half, "rint") != half) & (fabs(y) < INF)
    up = (y > 0).where(x.lift(INF), 0.0)
    down = (y > 0).where(x.lift(0.0), INF)
    endless = (a > 1).where(up, (a == 1).where(x.lift(1.0), down))
    grown = (fabs(y) == INF).where(endless, grown)
    grown = (a == 0).where(down, (a == INF).where(up, grown))
    grown = (odd & (x.bits() < 0)).where(-grown, grown)
    outside = (x < 0) & (a < INF) & ~integer
    grown = (outside | x.is_nan() | y.is_nan()).where(x.lift(NAN), grown)
    return ((y == 0) | (x == 1)).where(x.lift(1.0), grown)


LARGEST_HALF = 17
"""Powers of up to so many halves are products: eight factors and a root, computed with their
rounding errors."""


def is_product(y: float) -> bool:
    """Whether x^y is computed as a product of x and its root."""
    return (2.0 * y).is_integer() and 0 < abs(2.0 * y) <= LARGEST_HALF


def fixed_power(y: float, x: Value) -> Value:
    """x^y for a number y of halves: x^k sqrt(x)^r = p + e, or 1 / (p + e) by a Newton step from
    1 / p. What might leave the normal numbers on the way is left to `power`.
    """
    halves = int(abs(2.0 * y))
    q, low = (x, x.lift(0.0)) if halves > 1 else (x.lift(1.0), x.lift(0.0))
    for _ in range(halves // 2 - 1):
        q, low = _times(q, low, x)
    if halves % 2:
        q, low = _times(q, low, sqrt(x)) if halves > 1 else (sqrt(x), low)
    found = q + low
    if y < 0:
        found = 1.0 / q
        error = fma(-found, q, found.lift(1.0)) - found * low
        found = fma(found, error, found)
    far = 2.0 ** (FAR[x.type.element] / max(1.0, abs(y)))
    usual = (fabs(x) > 1.0 / far) & (fabs(x) < far)
    return rarely(~usual, found, lambda: call("power", power, x, x.lift(y)))


FAR = {"f64": 900.0, "f32": 90.0}
"""Powers of 2 whose rounding errors are normal numbers."""


def _times(q: Value, low: Value, x: Value) -> Pair:
    """(q + low) x."""
    product, rest = product_of(q, x)
    return product, fma(low, x, rest)


def cbrt(x: Value) -> Value:
    """The cube root: 2^q cbrt(2^r m) for x = 2^(3 q + r) m, by v near m^(-1/3) and m v^2."""
    a = fabs(x)
    n, m = exponent_and_mantissa(a)
    _, q = rounded_product(float_of(n, x), THIRD[x.type.element][0])
    r = n - q * 3
    up, down = r > 0, r < 0
    root = CBRT_2[x.type.element][0]
    v = polynomial(m, CBRT) * up.where(x.lift(1.0 / root), down.where(x.lift(root), 1.0))
    m = m * up.where(x.lift(2.0), down.where(x.lift(0.5), 1.0))
    e = fma(-(m * v), v * v, 1.0)
    v = fma(v * e, 1.0 / 3.0, v)
    y = m * v * v
    square, low = product_of(y, y)
    error = fma(-square, y, m) - low * y
    y = fma(error, v * v * (1.0 / 3.0), y) * power_of_two(q, x)
    return copysign(((a == 0) | ~(a < INF)).where(a, y), x)


LARGE = {"f64": (2.0**500, 2.0**-600), "f32": (2.0**60, 2.0**-80)}
SMALL = {"f64": (2.0**-400, 2.0**600), "f32": (2.0**-40, 2.0**80)}
"""Where squares might not be normal numbers, and a factor for the arguments."""


def hypot(x: Value, y: Value) -> Value:
    """sqrt(x^2 + y^2)."""
    a, b = fabs(x), fabs(y)
    larger, smaller = (a > b).where(a, b), (a > b).where(b, a)
    high, shrink = LARGE[x.type.element]
    low, grow = SMALL[x.type.element]
    is_large, is_small = larger > high, larger < low
    factor = is_large.where(x.lift(shrink), is_small.where(x.lift(grow), 1.0))
    back = is_large.where(x.lift(1.0 / shrink), is_small.where(x.lift(1.0 / grow), 1.0))
    larger, smaller = larger * factor, smaller * factor
    length = sqrt(fma(larger, larger, smaller * smaller)) * back
    return ((a == INF) | (b == INF)).where(x.lift(INF), length)
