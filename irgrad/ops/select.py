"""Choosing between values: `where`, linear in its two branches (so that 0 * inf makes no nan)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from irgrad.errors import DTypeError
from irgrad.ir.op import Array, register_instance
from irgrad.ir.types import BOOL, ArrayType, broadcast_shapes
from irgrad.ops.base import bind
from irgrad.ops.batching import aligned
from irgrad.ops.linear import Linear, sum_to, zeros_like


class Where(Linear):
    """`x` where the condition holds, else `y`, with NumPy's broadcasting."""

    name = "where"
    first_linear = 1

    def result_types(self, *operands: ArrayType) -> tuple[ArrayType, ...]:
        condition, x, y = operands
        if condition.dtype != BOOL or x.dtype != y.dtype:
            raise DTypeError(
                f"where takes a bool and two of one dtype, got {condition}, {x} and {y}"
            )
        return (ArrayType(x.dtype, broadcast_shapes(condition.shape, x.shape, y.shape)),)

    def reference(self, *operands: Array) -> Array:
        return np.where(*operands)

    def batch(self, operands: Sequence[Any], batched: Sequence[bool]) -> Sequence[Any]:
        return [bind(self, *aligned(operands, batched))]

    def jvp(
        self, primals: Sequence[Any], outputs: Sequence[Any], tangents: Sequence[Any]
    ) -> Sequence[Any]:
        from irgrad.ops.linear import broadcast_to

        (tangent,) = super().jvp(primals, outputs, tangents)
        return [broadcast_to(tangent, outputs[0].shape)]

    def transpose(self, operand: int, cotangent: Any, primals: Sequence[Any]) -> Any:
        branches = (
            (cotangent, zeros_like(cotangent))
            if operand == 1
            else (zeros_like(cotangent), cotangent)
        )
        return sum_to(bind(self, primals[0], *branches), primals[operand].shape)


WHERE = register_instance(Where())


def where(condition: Any, x: Any, y: Any) -> Any:
    """`np.where` on operands of one dtype."""
    return bind(WHERE, condition, x, y)
