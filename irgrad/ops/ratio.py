"""`ratio`, a quotient in which 0 / 0 is 0, and the ops that have a vertical tangent."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from irgrad.ir.op import Array, register_instance
from irgrad.ops.base import bind
from irgrad.ops.elementwise import Elementwise, Partial


class Steep(Elementwise):
    """An op that is finite where its slope is infinite, as sqrt is at 0.

    Its slopes are quotients, functions that give (numerator, divisor), or a partial derivative
    where there is no such place. Where the divisor is 0 a tangent or cotangent of 0 stays 0, where
    0 * inf would be nan: what has no influence on the result has derivative 0."""

    def __init__(self, name: str, ufunc: np.ufunc, *slopes: Callable[..., Any]) -> None:
        super().__init__(name, ufunc, *map(_partial, slopes))
        self.slopes = slopes

    def scaled(self, value: Any, operand: int, primals: Sequence[Any], output: Any) -> Any:
        slope = self.slopes[operand](*primals, output)
        if not isinstance(slope, tuple):
            return value * slope
        numerator, divisor = slope
        return ratio(value * numerator, divisor)


def _partial(slope: Callable[..., Any]) -> Partial:
    def partial(*primals_and_output: Any) -> Any:
        found = slope(*primals_and_output)
        return found[0] / found[1] if isinstance(found, tuple) else found

    return partial


class Ratio(Steep):
    """x / y, and 0 where both are 0."""

    def reference(self, *operands: Array) -> Array:
        x, y = operands
        return np.where((x == 0) & (y == 0), np.zeros((), x.dtype), np.divide(x, y))


RATIO = register_instance(
    Ratio("ratio", np.divide, lambda x, y, q: (1, y), lambda x, y, q: (-q, y))
)


def ratio(x: Any, y: Any) -> Any:
    """x / y, and 0 where both are 0."""
    return bind(RATIO, x, y)
