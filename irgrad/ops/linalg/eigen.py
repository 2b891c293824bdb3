"""Eigenvalues and eigenvectors of Hermitian matrices."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from irgrad.ir.op import Array, register
from irgrad.ir.types import ArrayType
from irgrad.ops.cast import astype, conjugate
from irgrad.ops.linalg.matrix import (
    Stacked,
    adjoint,
    check_square,
    diagonal,
    diagonal_matrix,
    from_lower,
    real_part,
    real_type,
    reciprocal,
    to_lower,
    transposed,
)


def inverse_gaps(w: Any) -> Any:
    """F_ij = 1 / (w_j - w_i), and 0 where they are equal."""
    return reciprocal(w[..., None, :] - w[..., :, None])


@register("eigh")
class Eigh(Stacked):
    """The eigenvalues w, in increasing order, and eigenvectors V of the Hermitian matrix H(A) whose
    lower (or upper) triangle is that of A; the derivative is to that triangle, and zero to the
    other.

    With E = V^H H(A_dot) V: w_dot = Re diag(E), V_dot = V (F * E), F_ij = 1 / (w_j - w_i) (Giles
    2008, 3.1). The vectors of equal eigenvalues have no derivative: F is 0 there, which is right
    for what does not depend on their choice. Complex eigenvectors have a free phase, here that for
    which V^H V_dot has no diagonal: differentiate what does not depend on it."""

    lower: bool

    def result_types(self, *operands: ArrayType) -> tuple[ArrayType, ...]:
        (a,) = operands
        check_square("eigh", a)
        return ArrayType(real_type(a), a.shape[:-1]), a

    def reference(self, *operands: Array) -> tuple[Array, ...]:
        return tuple(np.linalg.eigh(operands[0], "L" if self.lower else "U"))

    def jvp(
        self, primals: Sequence[Any], outputs: Sequence[Any], tangents: Sequence[Any]
    ) -> Sequence[Any]:
        w, v = outputs
        a_dot = tangents[0] if self.lower else adjoint(tangents[0])
        e = adjoint(v) @ from_lower(a_dot) @ v
        return [real_part(diagonal(e)), v @ (astype(inverse_gaps(w), v.dtype) * e)]

    def vjp(
        self,
        primals: Sequence[Any],
        outputs: Sequence[Any],
        cotangents: Sequence[Any],
        wanted: Sequence[bool],
    ) -> Sequence[Any]:
        (w, v), (w_bar, v_bar) = outputs, cotangents
        e_bar = None if w_bar is None else diagonal_matrix(w_bar, v.dtype)
        if v_bar is not None:
            turn = astype(inverse_gaps(w), v.dtype) * (transposed(v) @ v_bar)
            e_bar = turn if e_bar is None else e_bar + turn
        a_bar = to_lower(conjugate(v) @ e_bar @ transposed(v))
        return [a_bar if self.lower else adjoint(a_bar)]
