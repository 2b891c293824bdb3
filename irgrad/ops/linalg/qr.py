"""The QR factorisation of tall matrices."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from irgrad.errors import ShapeError
from irgrad.ir.op import Array, register_instance
from irgrad.ir.types import ArrayType
from irgrad.ops.cast import conjugate
from irgrad.ops.linalg.matrix import (
    Stacked,
    adjoint,
    check_matrix,
    real_diagonal,
    strictly_lower,
    strictly_upper,
    transposed,
)
from irgrad.ops.linalg.triangular import solve_triangular


def right_solve(x: Any, r: Any, transpose: bool = False) -> Any:
    """X R^-1, or X R^-T, for upper triangular R."""
    if transpose:
        return transposed(solve_triangular(r, transposed(x), lower=False))
    return transposed(solve_triangular(transposed(r), transposed(x), lower=True))


class QR(Stacked):
    """A = Q R for A (..., m, n) with m >= n and full rank: Q^H Q = 1, R upper triangular.

    With C = A_dot R^-1, M = Q^H C and N the upper triangular part of M + M^H, half on the diagonal:
    Q_dot = C - Q N, R_dot = N R (Walter and Lehmann, *Algorithmic differentiation of linear algebra
    functions*, 2010)."""

    name = "qr"

    def result_types(self, *operands: ArrayType) -> tuple[ArrayType, ...]:
        (a,) = operands
        check_matrix("qr", a)
        rows, columns = a.shape[-2:]
        if rows < columns:
            raise ShapeError(f"qr takes matrices with at least as many rows as columns, got {a}")
        return a, ArrayType(a.dtype, (*a.shape[:-2], columns, columns))

    def reference(self, *operands: Array) -> tuple[Array, ...]:
        return tuple(np.linalg.qr(operands[0]))

    def jvp(
        self, primals: Sequence[Any], outputs: Sequence[Any], tangents: Sequence[Any]
    ) -> Sequence[Any]:
        q, r = outputs
        c = right_solve(tangents[0], r)
        m = adjoint(q) @ c
        n = strictly_upper(m) + adjoint(strictly_lower(m)) + real_diagonal(m)
        return [c - q @ n, n @ r]

    def vjp(
        self,
        primals: Sequence[Any],
        outputs: Sequence[Any],
        cotangents: Sequence[Any],
        wanted: Sequence[bool],
    ) -> Sequence[Any]:
        (q, r), (q_bar, r_bar) = outputs, cotangents
        n_bar = None if r_bar is None else r_bar @ transposed(r)
        if q_bar is not None:
            flow = transposed(q) @ q_bar
            n_bar = -flow if n_bar is None else n_bar - flow
        above = strictly_upper(n_bar)
        c_bar = conjugate(q) @ (above + adjoint(above) + real_diagonal(n_bar))
        return [right_solve(c_bar if q_bar is None else q_bar + c_bar, r, transpose=True)]


QR_OP = register_instance(QR())
