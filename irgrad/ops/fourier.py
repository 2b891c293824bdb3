"""The discrete Fourier transform."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from irgrad.errors import DTypeError, ShapeError
from irgrad.ir.op import Array, register
from irgrad.ir.types import ArrayType
from irgrad.ops.base import AlongAxes, bind
from irgrad.ops.linear import Linear


@register("fft")
class FFT(AlongAxes, Linear):
    """y_k = sum_j x_j e^(-2 pi i j k / n) along `axis`; with `inverse`, e^(2 pi i j k / n), without
    the factor 1/n. The matrix of either is symmetric, so that each is its own transpose.
    """

    axis: int
    inverse: bool

    def result_types(self, *operands: ArrayType) -> tuple[ArrayType, ...]:
        (x,) = operands
        if x.dtype.kind != "c":
            raise DTypeError(f"fft takes complex numbers, got {x}", hint="insert astype")
        if not 0 <= self.axis < x.ndim or not x.shape[self.axis]:
            raise ShapeError(f"fft: {x} has no elements along axis {self.axis}")
        return (x,)

    def reference(self, *operands: Array) -> Array:
        (x,) = operands
        if self.inverse:
            return np.fft.ifft(x, axis=self.axis, norm="forward")
        return np.fft.fft(x, axis=self.axis)

    def transpose(self, operand: int, cotangent: Any, primals: Sequence[Any]) -> Any:
        return bind(self, cotangent)
