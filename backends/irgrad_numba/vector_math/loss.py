"""Losses between squares and absolute values."""

from __future__ import annotations

from irgrad_numba.llvm import Value, fabs, fma
from irgrad_numba.vector_math.floating import INF


def huber(delta: Value, r: Value) -> Value:
    """r^2 / 2 up to delta, delta (|r| - delta / 2) beyond; infinite for negative delta."""
    a = fabs(r)
    y = (a <= delta).where((0.5 * a) * a, delta * fma(delta, -0.5, a))
    return (delta < 0).where(INF, y)
