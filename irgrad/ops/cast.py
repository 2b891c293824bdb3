"""Between dtypes: astype, real, imag, conjugate."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from irgrad.errors import DTypeError
from irgrad.ir.op import Array, register, register_instance
from irgrad.ir.types import ArrayType, DType, is_inexact, real_dtype
from irgrad.ops.base import Pointwise, bind
from irgrad.ops.linear import Linear


@register("astype")
class Astype(Pointwise, Linear):
    """NumPy's conversion of dtype. Complex to real is refused: say `.real`."""

    dtype: DType

    def result_types(self, *operands: ArrayType) -> tuple[ArrayType, ...]:
        (x,) = operands
        if x.dtype.kind == "c" and self.dtype.kind not in "cb":
            raise DTypeError(
                f"astype from {x.dtype} to {self.dtype} drops the imaginary part", hint="use .real"
            )
        return (ArrayType(self.dtype, x.shape),)

    def reference(self, *operands: Array) -> Array:
        return operands[0].astype(self.dtype)

    def differentiable(self, operand: int) -> bool:
        return is_inexact(self.dtype)

    def transpose(self, operand: int, cotangent: Any, primals: Sequence[Any]) -> Any:
        wanted = primals[0].dtype
        if cotangent.dtype.kind == "c" and wanted.kind != "c":
            cotangent = bind(REAL, cotangent)
        return astype(cotangent, wanted)


class _Part(Pointwise, Linear):
    """The real or the imaginary part of a complex array."""

    def result_types(self, *operands: ArrayType) -> tuple[ArrayType, ...]:
        (x,) = operands
        if x.dtype.kind != "c":
            raise DTypeError(f"{self.name} takes a complex array, got {x}")
        return (ArrayType(real_dtype(x.dtype), x.shape),)


class Real(_Part):
    """The real part."""

    name = "real"
    is_view = is_window = True

    def reference(self, *operands: Array) -> Array:
        return np.real(operands[0])

    def transpose(self, operand: int, cotangent: Any, primals: Sequence[Any]) -> Any:
        return astype(cotangent, primals[0].dtype)

    def overwrite(self, x: Any, y: Any, *places: Any) -> Any:
        return _complex(y, bind(IMAG, x), x.dtype)


class Imag(_Part):
    """The imaginary part: Im x = Re(-i x), hence the transpose."""

    name = "imag"
    is_view = is_window = True

    def reference(self, *operands: Array) -> Array:
        return np.imag(operands[0])

    def transpose(self, operand: int, cotangent: Any, primals: Sequence[Any]) -> Any:
        return astype(cotangent, primals[0].dtype) * primals[0].dtype.type(-1j)

    def overwrite(self, x: Any, y: Any, *places: Any) -> Any:
        return _complex(bind(REAL, x), y, x.dtype)


class Conjugate(Pointwise, Linear):
    """The complex conjugate; its own transpose under Re(sum y_bar * y_dot)."""

    name = "conjugate"

    def result_types(self, *operands: ArrayType) -> tuple[ArrayType, ...]:
        return operands

    def reference(self, *operands: Array) -> Array:
        return np.asarray(np.conjugate(operands[0]))

    def transpose(self, operand: int, cotangent: Any, primals: Sequence[Any]) -> Any:
        return bind(CONJUGATE, cotangent)


REAL, IMAG, CONJUGATE = map(register_instance, (Real(), Imag(), Conjugate()))


def _complex(real: Any, imag: Any, dtype: Any) -> Any:
    """The complex array of these parts."""
    return astype(real, dtype) + astype(imag, dtype) * dtype.type(1j)


def astype(x: Any, dtype: Any) -> Any:
    """`x` converted; `x` itself where it has that dtype."""
    return x if x.dtype == dtype else bind(Astype(np.dtype(dtype)), x)


def conjugate(x: Any) -> Any:
    """The complex conjugate; `x` itself where it is real."""
    return bind(CONJUGATE, x) if x.dtype.kind == "c" else x
