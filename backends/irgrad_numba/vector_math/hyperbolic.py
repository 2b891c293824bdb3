"""Hyperbolic functions and their inverses.

With x = n ln 2 + r: cosh x = p cosh r + m sinh r and sinh x = m cosh r + p sinh r, where
p, m = (2^n + 2^-n) / 2, (2^n - 2^-n) / 2. The inverses are logarithms of 1 + something small."""

from __future__ import annotations

from irgrad_numba.llvm import Value, copysign, fabs, fma, sqrt
from irgrad_numba.vector_math.coefficients import TANH
from irgrad_numba.vector_math.exponential import parts, reduced
from irgrad_numba.vector_math.floating import (
    INF,
    NAN,
    Pair,
    at_most,
    format_of,
    polynomial,
    power_of_two,
    quotient_of,
    sum_of,
    sum_of_ordered,
)
from irgrad_numba.vector_math.logarithm import log1p_of_pair, log_of_pair

INFINITE = {"f64": 711.0, "f32": 90.0}
"""From here on sinh x and cosh x are infinite."""
ONE = {"f64": 20.0, "f32": 10.0}
"""From here on tanh x is 1."""
HUGE = {"f64": 2.0**54, "f32": 2.0**25}
"""From here on x^2 + 1 is x^2."""


def _powers(n: Value, like: Value) -> tuple[Pair, Pair]:
    """p / 8 and m / 8 for n >= 0: divided, since 2^n may be beyond the largest number."""
    digits = format_of(like).digits
    up = power_of_two(n - 4, like)
    down = power_of_two(-4 - (n > digits).where(n.lift(2 * digits), n), like)
    return sum_of_ordered(up, down), sum_of_ordered(up, -down)


def sinh(x: Value) -> Value:
    """The hyperbolic sine."""
    a = fabs(x)
    at = reduced(at_most(a, INFINITE[x.type.element]))
    (plus, _), (minus, lost) = _powers(at.n, x)
    y = fma(plus, at.r, minus) + fma(plus, at.odd, fma(minus, at.even, lost))
    tiny = a < 2.0 ** -(format_of(x).digits // 2 + 2)
    return copysign(tiny.where(a, 8.0 * y), x)


def cosh(x: Value) -> Value:
    """The hyperbolic cosine."""
    at = reduced(at_most(fabs(x), INFINITE[x.type.element]))
    (plus, lost), (minus, _) = _powers(at.n, x)
    return 8.0 * (fma(minus, at.r, plus) + fma(minus, at.odd, fma(plus, at.even, lost)))


def tanh(x: Value) -> Value:
    """The hyperbolic tangent: a polynomial near 0, elsewhere 1 - 2 / (e^(2 |x|) + 1) as far as that
    is not 1. In a recurrence each waits for the one before: bounds are looked at beside the rest.
    """
    a, one = fabs(x), ONE[x.type.element]
    z = a * a
    near = fma(a * z, polynomial(z, TANH), a)
    n, grown = parts(a, 2)
    s = power_of_two(n, x)
    far = 1.0 - 2.0 / fma(s, grown, s + 1.0)
    edge = (a >= one).where(1.0, near)
    return copysign(((a >= 0.55) & (a < one)).where(far, edge), x)


def arcsinh(x: Value) -> Value:
    """log(a + sqrt(a^2 + 1)) = log(1 + a + a^2 / (1 + sqrt(a^2 + 1))) of a = |x|."""
    a = fabs(x)
    huge = a >= HUGE[x.type.element]
    b = huge.where(a.lift(1.0), a)
    square = b * b
    high, low = sum_of_ordered(b, square / (1.0 + sqrt(1.0 + square)))
    u, c = sum_of(x.lift(1.0), high)
    return copysign(_log_or_huge(huge, a, u, c + low), x)


def _log_or_huge(huge: Value, a: Value, u: Value, c: Value) -> Value:
    """log(u + c), but log(2 a) where a is huge."""
    more = huge.zext(a.bits().type.element)
    y = log_of_pair(huge.where(a, u), huge.where(a.lift(0.0), c), more)
    return (a < INF).where(y, a)


def arccosh(x: Value) -> Value:
    """log(x + sqrt(x^2 - 1)) = log(1 + t + sqrt(t^2 + 2 t)) with t = x - 1."""
    huge = x >= HUGE[x.type.element]
    t = huge.where(x.lift(1.0), x) - 1.0
    root = sqrt(fma(t, t, 2.0 * t))
    larger = t > root
    high, low = sum_of_ordered(larger.where(t, root), larger.where(root, t))
    u, c = sum_of(x.lift(1.0), high)
    y = _log_or_huge(huge, x, u, c + low)
    return (x >= 1).where(y, NAN)


def arctanh(x: Value) -> Value:
    """log((1 + a) / (1 - a)) / 2 = log(1 + 2 a / (1 - a)) / 2 of a = |x|."""
    a = fabs(x)
    below = sum_of(x.lift(1.0), -a)
    high, low = quotient_of((2.0 * a, a.lift(0.0)), below)
    y = 0.5 * log1p_of_pair(high, low)
    outside = (a == 1).where(x.lift(INF), NAN)
    return copysign((a < 1).where(y, outside), x)
