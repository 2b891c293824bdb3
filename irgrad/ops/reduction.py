"""Reductions over axes: sum, prod, max, min, any, all, argmax, argmin; and the running ones:
cumsum, cumprod.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from irgrad.errors import ShapeError
from irgrad.ir.op import Array, register
from irgrad.ir.types import ArrayType, drop_axes, keep_axes
from irgrad.ops.base import Linear, broadcast_to
from irgrad.ops.shape import reshape


def check_axes(name: str, axes: tuple[int, ...], x: ArrayType) -> None:
    """A `ShapeError` unless `axes` are distinct axes of `x` in increasing order."""
    if list(axes) != sorted(set(axes)) or any(not 0 <= axis < x.ndim for axis in axes):
        raise ShapeError(f"{name}: axes {axes} are not distinct axes of {x} in increasing order")


def restored(reduced: Any, axes: tuple[int, ...], shape: tuple[int, ...]) -> Any:
    """`reduced` with the reduced axes back, repeated to `shape`."""
    leading = axes == tuple(range(len(axes)))
    return broadcast_to(reduced if leading else reshape(reduced, keep_axes(shape, axes)), shape)


@register("sum")
class Sum(Linear):
    """The sum over `axes`, which are dropped; transposed by a broadcast."""

    axes: tuple[int, ...]

    def result_types(self, *operands: ArrayType) -> tuple[ArrayType, ...]:
        (x,) = operands
        check_axes("sum", self.axes, x)
        return (ArrayType(x.dtype, drop_axes(x.shape, self.axes)),)

    def reference(self, *operands: Array) -> Array:
        return np.asarray(np.sum(operands[0], self.axes, dtype=operands[0].dtype))

    def transpose(self, operand: int, cotangent: Any, primals: Sequence[Any]) -> Any:
        return restored(cotangent, self.axes, primals[0].shape)
