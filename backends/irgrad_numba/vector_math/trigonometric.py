"""sin, cos and tan: x = n pi / 2 + r with |r| <= pi / 4 by Cody and Waite's reduction, pi / 2 being
a sum of three numbers, of which the first fused product is exact; then polynomials in r.

Arguments beyond `NEAR` go to the C library."""

from __future__ import annotations

from typing import NamedTuple

from irgrad_numba.llvm import Value, fabs, fma
from irgrad_numba.vector_math.coefficients import COS, HALF_PI, SIN, TWO_OVER_PI
from irgrad_numba.vector_math.floating import (
    chosen,
    format_of,
    negated,
    polynomial,
    quotient_of,
    rounded_product,
    sum_of_ordered,
)
from irgrad_numba.vector_math.function import rarely
from irgrad_numba.vector_math.libm import by_lane

NEAR = {"f64": 2.0**30, "f32": 2.0**15}
"""Up to here the integer nearest to x * 2 / pi is right, or wrong by little more than 1 / 2."""


class Turned(NamedTuple):
    """x = n pi / 2 + r + tail, sin r = r + odd, cos r = 1 + z even with z = r^2."""

    n: Value
    r: Value
    tail: Value
    odd: Value
    z: Value
    even: Value

    def sin(self) -> Value:
        """sin r."""
        return self.r + self.odd

    def cos(self) -> Value:
        """cos r."""
        return fma(self.z, self.even, 1.0)


def turned(x: Value) -> Turned:
    """The reduction of x, and both polynomials."""
    k, n = rounded_product(x, TWO_OVER_PI[x.type.element][0])
    first, second, third = HALF_PI[x.type.element]
    exact = fma(-k, first, x)
    part = fma(-k, second, exact)
    r, tail = sum_of_ordered(part, fma(-k, third, fma(-k, second, exact - part)))
    z = r * r
    return Turned(n, r, tail, r * z * polynomial(z, SIN), z, fma(z, polynomial(z, COS), -0.5))


def with_sign(y: Value, quarter: Value) -> Value:
    """y, or -y in the third and fourth quarter of a turn."""
    flip = (quarter & 2) << (format_of(y).digits + format_of(y).bias.bit_length())
    return (y.bits() ^ flip).reinterpret(y.type.element)


def _odd(n: Value) -> Value:
    return (n & 1) != 0


def sin(x: Value) -> Value:
    """The sine."""
    at = turned(x)
    y = with_sign(_odd(at.n).where(at.cos(), at.sin()), at.n)
    y = (x == 0).where(x, y)
    return rarely(fabs(x) > NEAR[x.type.element], y, lambda: by_lane("sin")(x))


def cos(x: Value) -> Value:
    """The cosine."""
    at = turned(x)
    y = with_sign(_odd(at.n).where(at.sin(), at.cos()), at.n + 1)
    return rarely(fabs(x) > NEAR[x.type.element], y, lambda: by_lane("cos")(x))


def tan(x: Value) -> Value:
    """The tangent: sin r / cos r, or -cos r / sin r."""
    at = turned(x)
    odd = _odd(at.n)
    sin = sum_of_ordered(at.r, at.odd + at.tail)
    cos = sum_of_ordered(x.lift(1.0), fma(at.z, at.even, -at.r * at.tail))
    high, low = quotient_of(chosen(odd, negated(cos), sin), chosen(odd, sin, cos))
    y = high + low
    y = (x == 0).where(x, y)
    return rarely(fabs(x) > NEAR[x.type.element], y, lambda: by_lane("tan")(x))
