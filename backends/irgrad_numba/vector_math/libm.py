"""The C library's functions, called lane by lane: where there is no vector form, and for the
arguments that a vector form leaves out."""

from __future__ import annotations

from irgrad_numba.llvm import Type, Value
from irgrad_numba.vector_math.function import Rule, each_lane


def by_lane(symbol: str) -> Rule:
    """The C function `symbol` of doubles, in each lane; single precision is computed in double."""

    def called(*args: Value) -> list[Value]:
        wide = [x.cast("f64") for x in args]
        return [args[0].code.call(Type("f64"), symbol, *wide).cast(args[0].type.element)]

    def rule(x: Value, *others: Value) -> Value:
        return each_lane(x, called, *others)[0]

    return rule
