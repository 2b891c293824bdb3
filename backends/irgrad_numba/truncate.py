"""Floats as integers, rounded towards zero. Where the integer type does not hold the number, the
result is what processors of x86 give, on which NumPy leaves it to them: the least integer of 32 or
64 bits, of which smaller types keep the low bits."""

from __future__ import annotations

from irgrad_numba.llvm import BITS, Type, Value


def cast(x: Value, element: str) -> Value:
    """`x` as NumPy's astype converts it."""
    to = x.type.of(element)
    if not x.type.is_float or to.is_float or element == "bool":
        return x.cast(element)
    if element == "u64":
        beyond = x >= 2.0**63
        return (_truncated(beyond.where(x - 2.0**63, x), "i64").cast("u64")) ^ (
            beyond.where(_top(x), x.code.constant(to, 0))
        )
    wide = "i64" if BITS[element] == 64 or element == "u32" else "i32"
    return _truncated(x, wide).cast(element)


def _top(x: Value) -> Value:
    return x.code.constant(x.type.of("u64"), 1 << 63)


def _truncated(x: Value, element: str) -> Value:
    limit = 2.0 ** (BITS[element] - 1)
    inside = (x >= -limit) & (x < limit)
    safe, to = inside.where(x, 0.0), Type(element, x.type.width)
    number = x.code.value(to, f"fptosi {safe.type.text} {safe.text} to {to.text}")
    return inside.where(number, x.code.constant(to, -int(limit)))
