"""The logistic function, sums of exponentials in logarithms, and entropies."""

from __future__ import annotations

from irgrad_numba.llvm import Value, fabs, fma
from irgrad_numba.vector_math.coefficients import INVERSE_LN2, LN2
from irgrad_numba.vector_math.exponential import FINITE, exp, exp2, parts
from irgrad_numba.vector_math.floating import (
    INF,
    NAN,
    Pair,
    at_most,
    chosen,
    power_of_two,
    quotient_of,
    scaled,
    sum_of,
    sum_of_ordered,
)
from irgrad_numba.vector_math.function import rarely
from irgrad_numba.vector_math.logarithm import log, log1p, log_of_pair, log_of_ratio


def expit(x: Value) -> Value:
    """1 / (1 + e^-x), or e^x / (1 + e^x) below 0."""
    n, grown = parts(-at_most(fabs(x), -FINITE[x.type.element][0]))
    e, error = sum_of_ordered(x.lift(1.0), grown)
    s = power_of_two((n < -100).where(n.lift(-100), n), x)
    d, lost = sum_of_ordered(x.lift(1.0), s * e)
    below, one = x < 0, (x.lift(1.0), x.lift(0.0))
    high, low = quotient_of(chosen(below, (e, error), one), (d, fma(s, error, lost)))
    return scaled(high + low, below.where(n, 0))


def log_expit(x: Value) -> Value:
    """log of `expit`: min(x, 0) - log(1 + e^-|x|)."""
    small = (x < 0).where(x, 0.0)
    return -fabs(small - log1p(exp(-fabs(x))))


def logit(x: Value) -> Value:
    """log(x / (1 - x))."""
    high, low = quotient_of((x, x.lift(0.0)), sum_of(x.lift(1.0), -x))
    y = log_of_pair(high, low)
    outside = (x == 0).where(x.lift(-INF), (x == 1).where(x.lift(INF), NAN))
    return ((x > 0) & (x < 1)).where(y, outside)


def _larger(x: Value, y: Value) -> tuple[Value, Value, Pair]:
    """Whether x = y, the larger of both (nan where either is), and -|x - y|."""
    high, low = sum_of(x, -y)
    first = x > y
    larger = high.is_nan().where(high, first.where(x, y))
    low = (fabs(high) < INF).where(low, 0.0)
    return x == y, larger, chosen(first, (-high, -low), (high, low))


def logaddexp(x: Value, y: Value) -> Value:
    """log(e^x + e^y) = max(x, y) + log(1 + e^-|x - y|)."""
    equal, larger, (high, low) = _larger(x, y)
    e = exp(high)
    return equal.where(x + LN2[x.type.element][0], larger + log1p(fma(e, low, e)))


def logaddexp2(x: Value, y: Value) -> Value:
    """log2(2^x + 2^y)."""
    equal, larger, (high, low) = _larger(x, y)
    e = exp2(high)
    part = log1p(fma(e, low * LN2[x.type.element][0], e))
    a, b = INVERSE_LN2[x.type.element]
    return equal.where(x + 1.0, fma(part, a, fma(part, b, larger)))


def _unless_zero(x: Value, y: Value, product: Value) -> Value:
    return ((x == 0) & (y == y)).where(x.lift(0.0), product)


def xlogy(x: Value, y: Value) -> Value:
    """x log y; 0 where x is 0, unless y is nan."""
    return _unless_zero(x, y, x * log(y))


def xlog1py(x: Value, y: Value) -> Value:
    """x log(1 + y); 0 where x is 0, unless y is nan."""
    return _unless_zero(x, y, x * log1p(y))


def entr(x: Value) -> Value:
    """-x log x; 0 at 0 and -inf below."""
    y = -x * log(x)
    below = (x < 0).where(x.lift(-INF), y)
    return (x == 0).where(x.lift(0.0), below)


def rel_entr(x: Value, y: Value) -> Value:
    """x log(x / y); 0 where x is 0 and y >= 0, inf for other numbers that are not positive."""
    unbounded = (x == INF) | (y == INF)
    near = x * log_of_ratio(x, y)
    product = rarely(unbounded, near, lambda: x * (log(x) - log(y)))
    outside = ((x == 0) & (y >= 0)).where(x.lift(0.0), INF)
    result = ((x > 0) & (y > 0)).where(product, outside)
    return (x.is_nan() | y.is_nan()).where(x.lift(NAN), result)
