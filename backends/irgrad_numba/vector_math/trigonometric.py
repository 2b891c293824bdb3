"""sin, cos and tan: x = n pi / 2 + r with |r| <= pi / 4 by Cody and Waite's reduction, pi / 2 being
a sum of three numbers, of which the first fused product is exact; then polynomials in r.

For arguments beyond `NEAR` the reduction is `far_angle`'s, lane by lane."""

from __future__ import annotations

from typing import NamedTuple

from irgrad_numba.llvm import Value, fabs, fma
from irgrad_numba.vector_math.coefficients import COS, HALF_PI, SIN, TWO_OVER_PI
from irgrad_numba.vector_math.far_angle import quarters
from irgrad_numba.vector_math.floating import (
    INF,
    NAN,
    chosen,
    format_of,
    negated,
    polynomial,
    product_of,
    quotient_of,
    rounded_product,
    sum_of,
    sum_of_ordered,
)
from irgrad_numba.vector_math.function import rarely_all

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
    far = fabs(x) > NEAR[x.type.element]
    n, r, tail = rarely_all(far, _near(x), lambda: _far(x))
    z = r * r
    return Turned(n, r, tail, r * z * polynomial(z, SIN), z, fma(z, polynomial(z, COS), -0.5))


def _near(x: Value) -> tuple[Value, Value, Value]:
    k, n = rounded_product(x, TWO_OVER_PI[x.type.element][0])
    first, second, third = HALF_PI[x.type.element]
    exact = fma(-k, first, x)
    r = fma(-k, third, fma(-k, second, exact))
    high, lost = product_of(-k, second)
    total, error = sum_of(exact, high)
    return n, r, (total - r) + fma(-k, third, error + lost)


def _far(x: Value) -> tuple[Value, Value, Value]:
    """nan for infinity."""
    element = x.type.element
    n, (high, low) = quarters(x)
    r = high.cast(element)
    tail = ((high - r.cast("f64")) + low).cast(element)
    return n.cast(x.bits().type.element), (fabs(x) < INF).where(r, NAN), tail


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
    return (x == 0).where(x, y)


def cos(x: Value) -> Value:
    """The cosine."""
    at = turned(x)
    return with_sign(_odd(at.n).where(at.sin(), at.cos()), at.n + 1)


def tan(x: Value) -> Value:
    """The tangent: sin r / cos r, or -cos r / sin r."""
    at = turned(x)
    odd = _odd(at.n)
    sin = sum_of_ordered(at.r, at.odd + at.tail)
    cos = sum_of_ordered(at.r.lift(1.0), fma(at.z, at.even, -at.r * at.tail))
    high, low = quotient_of(chosen(odd, negated(cos), sin), chosen(odd, sin, cos))
    return (x == 0).where(x, high + low)
