"""The LU factorisation of square matrices, with row pivots as LAPACK has them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import scipy

from irgrad.errors import DTypeError
from irgrad.ir.op import Array, register_instance
from irgrad.ir.types import DTYPES, I64, ArrayType
from irgrad.ops.base import Flat, bind
from irgrad.ops.linalg.matrix import (
    Stacked,
    check_square,
    diagonal_part,
    strictly_lower,
    strictly_upper,
    transposed,
)
from irgrad.ops.linalg.qr import right_solve
from irgrad.ops.linalg.triangular import solve_triangular

I32 = DTYPES["i32"]


def upper(x: Any) -> Any:
    """The upper triangles, the diagonals included."""
    return strictly_upper(x) + diagonal_part(x)


class LU(Stacked):
    """A[p] = L U for A (..., n, n): L below the diagonal, where it has ones, and U in one matrix;
    and the row that each row in turn was exchanged with, from which `permutation` makes p.

    With M = L^-1 A_dot[p] U^-1: L_dot = L tril(M, -1), U_dot = triu(M) U, as p does not change
    (Walter and Lehmann, *Algorithmic differentiation of linear algebra functions*, 2010)."""

    name = "lu"

    def result_types(self, *operands: ArrayType) -> tuple[ArrayType, ...]:
        (a,) = operands
        check_square("lu", a)
        return a, ArrayType(I32, a.shape[:-1])

    def reference(self, *operands: Array) -> tuple[Array, ...]:
        (a,) = operands
        factors, pivots = np.empty_like(a, order="C"), np.empty(a.shape[:-1], I32)
        (factor,) = scipy.linalg.get_lapack_funcs(("getrf",), (a,))
        for place in np.ndindex(a.shape[:-2]):
            if a.size:
                factors[place], pivots[place], _ = factor(a[place])
        return factors, pivots

    def jvp(
        self, primals: Sequence[Any], outputs: Sequence[Any], tangents: Sequence[Any]
    ) -> Sequence[Any]:
        factors, pivots = outputs
        moved = rows(tangents[0], permutation(pivots))
        m = right_solve(solve_triangular(factors, moved, lower=True, unit=True), factors)
        below = strictly_lower(m)
        return [below + strictly_lower(factors) @ below + upper(m) @ upper(factors), None]

    def vjp(
        self,
        primals: Sequence[Any],
        outputs: Sequence[Any],
        cotangents: Sequence[Any],
        wanted: Sequence[bool],
    ) -> Sequence[Any]:
        (factors, pivots), (bar, _) = outputs, cotangents
        below = strictly_lower(bar)
        m_bar = strictly_lower(below + transposed(strictly_lower(factors)) @ below)
        m_bar = m_bar + upper(upper(bar) @ transposed(upper(factors)))
        flow = right_solve(m_bar, factors, transpose=True)
        moved = solve_triangular(transposed(factors), flow, lower=False, unit=True)
        return [rows(moved, np.argsort(permutation(pivots), axis=-1))]


class Permutation(Flat, Stacked):
    """The order p of the rows (..., n) after the exchanges that LAPACK's pivots name."""

    name = "permutation"

    def result_types(self, *operands: ArrayType) -> tuple[ArrayType, ...]:
        (pivots,) = operands
        if pivots.dtype.kind != "i" or not pivots.ndim:
            raise DTypeError(
                f"permutation takes pivots, integers along the last axis, got {pivots}"
            )
        return (ArrayType(I64, pivots.shape),)

    def reference(self, *operands: Array) -> Array:
        (pivots,) = operands
        order = np.broadcast_to(np.arange(pivots.shape[-1]), pivots.shape).copy()
        for place in np.ndindex(pivots.shape[:-1]):
            row = order[place]
            for i, j in enumerate(pivots[place]):
                row[[i, j]] = row[[j, i]]
        return order


def permutation(pivots: Any) -> Any:
    """The order of the rows after LAPACK's exchanges."""
    return bind(PERMUTATION, pivots)


def rows(x: Any, order: Any) -> Any:
    """The rows of matrices in another order, each stack's own."""
    return np.take_along_axis(x, order[..., None], axis=-2)


LU_OP = register_instance(LU())
PERMUTATION = register_instance(Permutation())
