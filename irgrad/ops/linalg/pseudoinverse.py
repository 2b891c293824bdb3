"""The Moore-Penrose inverse."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from irgrad.ir.op import Array, register
from irgrad.ir.types import ArrayType
from irgrad.ops.cast import conjugate
from irgrad.ops.linalg.matrix import Stacked, adjoint, check_matrix, transposed


@register("pinv")
class Pinv(Stacked):
    """Y = A^+ with singular values up to `rcond` times the largest taken as zero.

    Where the rank does not change, Y_dot = -Y A_dot Y + Y Y^H A_dot^H (1 - A Y) +
    (1 - Y A) A_dot^H Y^H Y (Golub and Pereyra, *The differentiation of pseudo-inverses and
    nonlinear least squares problems whose variables separate*, 1973)."""

    rcond: float

    def result_types(self, *operands: ArrayType) -> tuple[ArrayType, ...]:
        (a,) = operands
        check_matrix("pinv", a)
        rows, columns = a.shape[-2:]
        return (ArrayType(a.dtype, (*a.shape[:-2], columns, rows)),)

    def reference(self, *operands: Array) -> Array:
        (a,) = operands
        if np.isinf(a).any():  # LAPACK may go on for ever
            raise np.linalg.LinAlgError("SVD did not converge")
        return np.linalg.pinv(a, self.rcond)

    def jvp(
        self, primals: Sequence[Any], outputs: Sequence[Any], tangents: Sequence[Any]
    ) -> Sequence[Any]:
        (a,), (y,), (a_dot,) = primals, outputs, tangents
        yh, back = adjoint(y), adjoint(a_dot)
        left, right = y @ yh @ back, back @ yh @ y
        return [left - left @ a @ y + right - y @ a @ right - y @ a_dot @ y]

    def vjp(
        self,
        primals: Sequence[Any],
        outputs: Sequence[Any],
        cotangents: Sequence[Any],
        wanted: Sequence[bool],
    ) -> Sequence[Any]:
        (a,), (y,), (y_bar,) = primals, outputs, cotangents
        yt, back = transposed(y), adjoint(y_bar)
        conj_a, conj_y = conjugate(a), conjugate(y)
        left, right = back @ conj_y @ yt, yt @ conj_y @ back
        return [left - conj_a @ conj_y @ left + right - right @ conj_y @ conj_a - yt @ y_bar @ yt]
