"""Floor division and remainder of floats, as NumPy's npy_divmod defines them."""

from __future__ import annotations

from irgrad_numba.llvm import Value, copysign, fabs, fma, rounded
from irgrad_numba.vector_math.floating import format_of
from irgrad_numba.vector_math.function import rarely
from irgrad_numba.vector_math.libm import by_lane


def fmod(x: Value, y: Value) -> Value:
    """The remainder with the sign of the dividend, exactly.

    For a quotient of fewer bits than a fraction has, x - q y is a floating-point number, and q is
    at most one too large."""
    whole = rounded(x / y, "trunc")
    rest = fma(-whole, y, x)
    above = (rest != 0) & ((rest < 0) ^ (x < 0))
    rest = above.where(fabs(y) - fabs(rest), rest)
    rest = (whole == 0).where(x, copysign(rest, x))
    many = fabs(whole) >= 2.0 ** format_of(x).digits
    return rarely(many, rest, lambda: by_lane("fmod")(x, y))


def _opposite(rest: Value, y: Value) -> Value:
    """Whether a remainder has not the sign of the divisor, and is not 0."""
    return (rest != 0) & ((y < 0) ^ (rest < 0))


def remainder(x: Value, y: Value) -> Value:
    """The remainder with the sign of the divisor."""
    rest = fmod(x, y)
    zero = (rest == 0).where(copysign(x.lift(0.0), y), rest)
    return _opposite(rest, y).where(rest + y, zero)


def floor_divide(x: Value, y: Value) -> Value:
    """The quotient rounded down; x / y where y is 0."""
    rest = fmod(x, y)
    quotient = (x - rest) / y
    quotient = _opposite(rest, y).where(quotient - 1.0, quotient)
    floor = rounded(quotient, "floor")
    floor = (quotient - floor > 0.5).where(floor + 1.0, floor)
    floor = (quotient == 0).where(copysign(x.lift(0.0), x / y), floor)
    return (y == 0).where(x / y, floor)
