"""The Cholesky factor."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from irgrad.ir.op import Array, register_instance
from irgrad.ir.types import ArrayType
from irgrad.ops.linalg.matrix import (
    Stacked,
    adjoint,
    check_square,
    diagonal_part,
    from_lower,
    strictly_lower,
    to_lower,
    transposed,
)
from irgrad.ops.linalg.triangular import solve_triangular


def _halved(x: Any) -> Any:
    """The lower triangle with half the diagonal."""
    return strictly_lower(x) + diagonal_part(x) * x.dtype.type(0.5)


class Cholesky(Stacked):
    """The lower triangular L with L L^H = A. NumPy reads the lower triangle of A only, and so the
    derivative is to that: to the upper triangle it is zero.

    With H the Hermitian matrix of A_dot's lower triangle, L_dot = L P(L^-1 H L^-H), where P takes
    the lower triangle and half the diagonal (Murray, *Differentiation of the Cholesky
    decomposition*, 2016)."""

    name = "cholesky"

    def result_types(self, *operands: ArrayType) -> tuple[ArrayType, ...]:
        check_square("cholesky", operands[0])
        return operands

    def reference(self, *operands: Array) -> Array:
        return np.linalg.cholesky(operands[0])

    def jvp(
        self, primals: Sequence[Any], outputs: Sequence[Any], tangents: Sequence[Any]
    ) -> Sequence[Any]:
        (factor,), h = outputs, from_lower(tangents[0])
        left = solve_triangular(factor, h, lower=True)
        return [factor @ _halved(solve_triangular(factor, adjoint(left), lower=True))]

    def vjp(
        self,
        primals: Sequence[Any],
        outputs: Sequence[Any],
        cotangents: Sequence[Any],
        wanted: Sequence[bool],
    ) -> Sequence[Any]:
        (factor,) = outputs
        up = transposed(factor)
        s_bar = _halved(up @ cotangents[0])
        left = solve_triangular(up, s_bar, lower=False)
        return [to_lower(adjoint(solve_triangular(up, adjoint(left), lower=False)))]


CHOLESKY = register_instance(Cholesky())
