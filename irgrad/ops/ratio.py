"""Products and quotients for derivatives at places where a slope is infinite: in `scale` 0 times
anything is 0, in `ratio` 0 / 0. They are what the chain rule of ops with a vertical tangent is made
of, to every order: their own derivatives are made of them, too.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from irgrad.ir.op import Array, register_instance
from irgrad.ops.base import bind
from irgrad.ops.elementwise import Elementwise


class Steep(Elementwise):
    """An op that is finite where its slope is infinite, as sqrt is at 0.

    A tangent or cotangent of 0 stays 0 there, where 0 * inf would be nan: what has no influence on
    the result has derivative 0."""

    def scaled(self, value: Any, operand: int, primals: Sequence[Any], output: Any) -> Any:
        partial = self.partials[operand]
        if callable(partial):
            return scale(value, partial(*primals, output))
        return super().scaled(value, operand, primals, output)


class Scale(Steep):
    """x * y, and 0 where one of them is, whatever the other."""

    def reference(self, *operands: Array) -> Array:
        x, y = operands
        product = np.multiply(x, y)
        zero = np.where(x == 0, x, np.where(y == 0, y, product))
        return np.where(np.isnan(product), zero, product)


class Ratio(Steep):
    """x / y, and 0 where both are 0."""

    def reference(self, *operands: Array) -> Array:
        x, y = operands
        return np.where((x == 0) & (y == 0), np.zeros((), x.dtype), np.divide(x, y))


SCALE = register_instance(Scale("scale", np.multiply, lambda x, y, p: y, lambda x, y, p: x))
RATIO = register_instance(
    Ratio("ratio", np.divide, lambda x, y, q: ratio(1, y), lambda x, y, q: -ratio(q, y))
)


def scale(x: Any, y: Any) -> Any:
    """x * y, and 0 where one of them is, whatever the other."""
    return bind(SCALE, x, y)


def ratio(x: Any, y: Any) -> Any:
    """x / y, and 0 where both are 0."""
    return bind(RATIO, x, y)
