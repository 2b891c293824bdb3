"""The C library's functions, called lane by lane: where there is no vector form, and for the
arguments that a vector form leaves out."""

from __future__ import annotations

from irgrad_numba.llvm import Type, Value
from irgrad_numba.vector_math.function import Rule


def by_lane(symbol: str) -> Rule:
    """The C function `symbol` of doubles, in each lane; single precision is computed in double."""

    def rule(*args: Value) -> Value:
        code, type = args[0].code, args[0].type
        wide = [x.cast("f64") for x in args]
        lanes = [
            code.call(Type("f64"), symbol, *(x.lane(number) for x in wide))
            for number in range(type.width)
        ]
        return lanes[0].joined(lanes[1:]).cast(type.element)

    return rule
