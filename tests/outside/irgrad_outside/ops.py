"""Two ops from outside: `softsign`, elementwise, and `repeat`, which holds a region."""

from typing import Any

import numpy as np

from irgrad.errors import ShapeError
from irgrad.ir.evaluate import evaluate
from irgrad.ir.graph import Graph
from irgrad.ir.op import Array, Op, register
from irgrad.ir.types import ArrayType
from irgrad.ops.base import bind
from irgrad.ops.elementwise import elementwise


class _Softsign:
    """What irgrad needs of a ufunc, for a function that is none."""

    nin, nout, __name__ = 1, 1, "softsign"

    def __call__(self, x: Array, out: Any = None) -> Array:
        return np.divide(x, 1 + np.abs(x), out=out)

    def resolve_dtypes(self, dtypes: tuple[Any, ...]) -> tuple[Any, ...]:
        return np.sqrt.resolve_dtypes(dtypes)


SOFTSIGN = elementwise("softsign", _Softsign(), lambda x, y: 1 / (1 + np.abs(x)) ** 2)


def softsign(x: Any) -> Any:
    """x / (1 + |x|)."""
    return bind(SOFTSIGN, x)


class _Slope:
    """Of two operands, also a ufunc's outside NumPy."""

    nin, nout, __name__ = 2, 1, "slope"

    def __call__(self, x: Array, y: Array, out: Any = None) -> Array:
        return np.divide(x, y, out=out)

    def resolve_dtypes(self, dtypes: tuple[Any, ...]) -> tuple[Any, ...]:
        return np.divide.resolve_dtypes(dtypes)


SLOPE = elementwise("slope", _Slope(), lambda x, y, s: 1 / y, lambda x, y, s: -s / y)


def slope(x: Any, y: Any) -> Any:
    """x / y."""
    return bind(SLOPE, x, y)


@register("halved")
class Halved(Op):
    """x / 2 of floats; integers become float32, because the class says so."""

    def promoted(self, *kinds: Any) -> tuple[Any, ...]:
        return tuple(np.dtype(k) if np.dtype(k).kind == "f" else np.dtype("f4") for k in kinds)

    def result_types(self, *operands: ArrayType) -> tuple[ArrayType, ...]:
        if operands[0].ndim > 2:
            raise ShapeError(f"halved takes two axes at most, got {operands[0]}")
        return operands

    def reference(self, *operands: Array) -> Array:
        return operands[0] / operands[0].dtype.type(2)


def halved(x: Any) -> Any:
    """x / 2."""
    return _in_two_steps(x)


def _in_two_steps(x: Any) -> Any:
    return bind(Halved(), x)


@register("repeat_body")
class RepeatBody(Op):
    """`body` applied `times` times to its operand."""

    body: Graph
    times: int

    def result_types(self, *operands: ArrayType) -> tuple[ArrayType, ...]:
        if self.body.input_types != operands or self.body.output_types != operands:
            raise ShapeError("repeat_body: the body must map the operand's type to itself")
        return operands

    def reference(self, *operands: Array) -> Array:
        (x,) = operands
        for _ in range(self.times):
            (x,) = evaluate(self.body, [x])
        return x


def repeat_body(body: Graph, times: int, x: Any) -> Any:
    """`body` applied `times` times to `x`."""
    return bind(RepeatBody(body, times), x)
