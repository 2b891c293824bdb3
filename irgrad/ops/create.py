"""Arrays from nothing but a shape: iota."""

from __future__ import annotations

from typing import Any

import numpy as np

from irgrad.errors import ShapeError
from irgrad.ir.builder import Traced
from irgrad.ir.op import Array, register
from irgrad.ir.types import ArrayType, DType
from irgrad.ops.base import Flat


@register("iota")
class Iota(Flat):
    """0, 1, 2, ... along `axis`, the same along the others."""

    dtype: DType
    shape: tuple[int, ...]
    axis: int

    def result_types(self, *operands: ArrayType) -> tuple[ArrayType, ...]:
        if not 0 <= self.axis < len(self.shape) or min(self.shape) < 0:
            raise ShapeError(f"iota: no axis {self.axis} in shape {self.shape}")
        return (ArrayType(self.dtype, self.shape),)

    def reference(self, *operands: Array) -> Array:
        line = np.arange(self.shape[self.axis], dtype=self.dtype)
        column = line.reshape([-1 if axis == self.axis else 1 for axis in range(len(self.shape))])
        return np.array(np.broadcast_to(column, self.shape))


def iota(like: Any, dtype: DType, shape: tuple[int, ...], axis: int) -> Any:
    """Indices along `axis`, traced where `like` is."""
    op = Iota(np.dtype(dtype), tuple(shape), axis)
    return like.builder.bind(op, []) if isinstance(like, Traced) else op.reference()
