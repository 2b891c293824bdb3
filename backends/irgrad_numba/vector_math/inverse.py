"""arctan, arcsin, arccos and arctan2: an odd polynomial near 0, other arguments reduced to it by
identities, with the multiple of pi as a sum of two numbers."""

from __future__ import annotations

from irgrad_numba.llvm import Value, copysign, fabs, fma, sqrt
from irgrad_numba.vector_math.coefficients import ARCSIN, ARCTAN, QUARTER_PI, Table
from irgrad_numba.vector_math.floating import INF, polynomial

TAN_EIGHTH, TAN_THREE_EIGHTHS = 0.4142135623730950, 2.4142135623730950
"""Of pi / 8 and 3 pi / 8."""
BIG = {"f64": 2.0**1000, "f32": 2.0**120}


def _odd(t: Value, table: Table) -> Value:
    """t z p(z) with z = t^2."""
    z = t * t
    return (t * z) * polynomial(z, table)


def _angle(quarters: Value, t: Value) -> Value:
    """quarters * pi / 4 + arctan t."""
    high, low = QUARTER_PI[t.type.element]
    rest = fma(quarters, low, _odd(t, ARCTAN))
    return _sum(quarters * high, t, rest)


def _sum(x: Value, y: Value, rest: Value) -> Value:
    """x + y + rest with one rounding, nearly: x is 0, or larger than y."""
    total = x + y
    return total + (((x - total) + y) + rest)


def arctan(x: Value) -> Value:
    """The arctangent: arctan a = pi / 4 + arctan((a - 1) / (a + 1)) = pi / 2 - arctan(1 / a)."""
    a = fabs(x)
    near, far = a <= TAN_EIGHTH, a > TAN_THREE_EIGHTHS
    above = near.where(a, far.where(a.lift(-1.0), a - 1.0))
    below = near.where(a.lift(1.0), far.where(a, a + 1.0))
    quarters = near.where(a.lift(0.0), far.where(a.lift(2.0), 1.0))
    return copysign(_angle(quarters, above / below), x)


def arctan2(y: Value, x: Value) -> Value:
    """The angle of the point (x, y), between -pi and pi."""
    a, b = fabs(y), fabs(x)
    both = (a == INF) & (b == INF)
    a, b = both.where(a.lift(1.0), a), both.where(b.lift(1.0), b)
    big = BIG[x.type.element]
    shrink = ((a > big) | (b > big)).where(a.lift(0.25), 1.0)
    a, b = a * shrink, b * shrink
    near, far = a <= b * TAN_EIGHTH, a > b * TAN_THREE_EIGHTHS
    above = near.where(a, far.where(-b, a - b))
    below = near.where(b, far.where(a, a + b))
    below = (below == 0).where(below.lift(1.0), below)
    quarters = near.where(a.lift(0.0), far.where(a.lift(2.0), 1.0))
    left = x.bits() < 0
    t = above / below
    t = left.where(-t, t)
    quarters = left.where(4.0 - quarters, quarters)
    return copysign(_angle(quarters, t), y)


def _half(a: Value) -> tuple[Value, Value, Value]:
    """(near, s, odd): arcsin a = s + odd where a <= 1/2, elsewhere pi / 2 - 2 (s + odd)."""
    near = a <= 0.5
    s = near.where(a, sqrt(fma(a, -0.5, 0.5)))
    return near, s, _odd(s, ARCSIN)


def arcsin(x: Value) -> Value:
    """The arcsine: arcsin a = pi / 2 - 2 arcsin sqrt((1 - a) / 2)."""
    near, s, odd = _half(fabs(x))
    high, low = QUARTER_PI[x.type.element]
    reflected = _sum(x.lift(2.0 * high), -2.0 * s, fma(odd, -2.0, 2.0 * low))
    return copysign(near.where(s + odd, reflected), x)


def arccos(x: Value) -> Value:
    """The arccosine: pi / 2 - arcsin x, 2 arcsin sqrt((1 - x) / 2), or pi minus that of -x."""
    near, s, odd = _half(fabs(x))
    high, low = QUARTER_PI[x.type.element]
    negative = x < 0
    sign = negative.where(x.lift(1.0), -1.0)
    times = near.where(sign, -2.0 * sign)
    quarters = near.where(x.lift(2.0), negative.where(x.lift(4.0), 0.0))
    return _sum(quarters * high, times * s, fma(times, odd, quarters * low))
