"""`stop_gradient`: the value itself, taken as a constant by derivatives."""

from __future__ import annotations

from typing import Any

from irgrad.ir.op import Array, register_instance
from irgrad.ir.types import ArrayType
from irgrad.ops.base import Flat, Pointwise, bind


class StopGradient(Pointwise, Flat):
    """The identity, whose derivative is taken to be zero."""

    name = "stop_gradient"
    is_view = True

    def result_types(self, *operands: ArrayType) -> tuple[ArrayType, ...]:
        return operands

    def reference(self, *operands: Array) -> Array:
        return operands[0]


STOP_GRADIENT = register_instance(StopGradient())


def stop_gradient(x: Any) -> Any:
    """The array `x`, constant for derivatives."""
    return bind(STOP_GRADIENT, x)
