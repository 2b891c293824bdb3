"""Sums of adjoints: `add`, and for stacks of dynamic extent, which nothing but loops reads, an op
of its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from irgrad.errors import DTypeError
from irgrad.ir.op import Array, register_instance
from irgrad.ir.types import ArrayType
from irgrad.ops.base import bind
from irgrad.ops.linear import Linear


class AddStacks(Linear):
    """The sum of two stacks of rows, of one loop's adjoint."""

    name = "add_stacks"

    def result_types(self, *operands: ArrayType) -> tuple[ArrayType, ...]:
        x, y = operands
        if x != y:
            raise DTypeError(f"add_stacks: {x} and {y} differ")
        return (x,)

    def reference(self, *operands: Array) -> Array:
        return np.asarray(operands[0] + operands[1])

    def jvp(
        self, primals: Sequence[Any], outputs: Sequence[Any], tangents: Sequence[Any]
    ) -> Sequence[Any]:
        given = [tangent for tangent in tangents if tangent is not None]
        return [add(*given) if len(given) == 2 else given[0]]

    def transpose(self, operand: int, cotangent: Any, primals: Sequence[Any]) -> Any:
        return cotangent


ADD_STACKS = register_instance(AddStacks())


def add(x: Any, y: Any) -> Any:
    """x + y, of equal types."""
    return bind(ADD_STACKS, x, y) if x.value.type.is_dynamic else x + y
