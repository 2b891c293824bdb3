"""Singular values and vectors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from irgrad.ir.op import Array, register_instance
from irgrad.ir.types import ArrayType
from irgrad.ops.cast import astype, conjugate
from irgrad.ops.linalg.eigen import inverse_gaps
from irgrad.ops.linalg.matrix import (
    Stacked,
    adjoint,
    check_matrix,
    diagonal,
    diagonal_matrix,
    imaginary,
    real_part,
    real_type,
    reciprocal,
    transposed,
)


def _inverse_gaps_of_squares(s: Any) -> Any:
    """F_ij = 1 / (s_j^2 - s_i^2), as a product: where singular values are equal the difference is
    exactly 0, however a compiler fuses multiplications and additions.
    """
    return inverse_gaps(s) * reciprocal(s[..., None, :] + s[..., :, None])


def _turn(p: Any, s: Any) -> Any:
    """The diagonal matrix i Im(p_kk) / s_k: the phase that complex vectors take up."""
    return diagonal_matrix(imaginary(np.imag(diagonal(p)) * reciprocal(s)), p.dtype)


def singular_parts(a: Array) -> tuple[Array, Array, Array]:
    """U, s and V^H; nan for a matrix with an infinite number, as NumPy's singular values are: asked
    for vectors of such a matrix, LAPACK may go on for ever.
    """
    over = (-2, -1)
    infinite: Any = np.isinf(a).any(axis=over, keepdims=True)
    infinite &= ~np.isnan(a).any(axis=over, keepdims=True)
    u, s, vh = np.linalg.svd(np.where(infinite, np.zeros_like(a), a), full_matrices=False)
    for part, where in ((u, infinite), (s, infinite[..., 0]), (vh, infinite)):
        part[np.broadcast_to(where, part.shape)] = np.nan
    return u, s, vh


class SVD(Stacked):
    """A = U diag(s) V^H for A (..., m, n): U (..., m, k), s (..., k) decreasing, V^H (..., k, n),
    with k = min(m, n).

    With P = U^H A_dot V, S = diag(s) and F_ij = 1 / (s_j^2 - s_i^2): s_dot = Re diag(P),
    U_dot = U (F * (P S + S P^H)) + (1 - U U^H) A_dot V S^-1, V_dot = V (F * (S P + P^H S)) +
    (1 - V V^H) A_dot^H U S^-1 (Giles 2008, 3.2; Townsend, *Differentiating the singular value
    decomposition*, 2016). Vectors of equal or zero singular values have no derivative: F and S^-1
    are 0 there. The free phase of complex vectors is put into U alone: differentiate what does not
    depend on it."""

    name = "svd"

    def result_types(self, *operands: ArrayType) -> tuple[ArrayType, ...]:
        (a,) = operands
        check_matrix("svd", a)
        lead, (rows, columns) = a.shape[:-2], a.shape[-2:]
        count = min(rows, columns)
        return (
            ArrayType(a.dtype, (*lead, rows, count)),
            ArrayType(real_type(a), (*lead, count)),
            ArrayType(a.dtype, (*lead, count, columns)),
        )

    def reference(self, *operands: Array) -> tuple[Array, ...]:
        return singular_parts(operands[0])

    def jvp(
        self, primals: Sequence[Any], outputs: Sequence[Any], tangents: Sequence[Any]
    ) -> Sequence[Any]:
        (u, s, vh), (a_dot,) = outputs, tangents
        v, uh = adjoint(vh), adjoint(u)
        p = uh @ a_dot @ v
        gaps = astype(_inverse_gaps_of_squares(s), p.dtype)
        columns = astype(s, p.dtype)[..., None, :]
        weights = astype(reciprocal(s), p.dtype)[..., None, :]
        right = p * columns
        inside = gaps * (right + adjoint(right))
        if p.dtype.kind == "c":
            inside = inside + _turn(p, s)
        a_dot_v, a_dot_u = a_dot @ v, adjoint(a_dot) @ u
        u_dot = u @ inside + (a_dot_v - u @ p) * weights
        left = adjoint(p) * columns
        v_dot = v @ (gaps * (left + adjoint(left))) + (a_dot_u - v @ adjoint(p)) * weights
        return [u_dot, real_part(diagonal(p)), adjoint(v_dot)]

    def vjp(
        self,
        primals: Sequence[Any],
        outputs: Sequence[Any],
        cotangents: Sequence[Any],
        wanted: Sequence[bool],
    ) -> Sequence[Any]:
        (u, s, vh), (u_bar, s_bar, vh_bar) = outputs, cotangents
        conj_u, conj_vh = conjugate(u), conjugate(vh)
        gaps = astype(_inverse_gaps_of_squares(s), u.dtype)
        columns = astype(s, u.dtype)[..., None, :]
        weights = astype(reciprocal(s), u.dtype)[..., None, :]
        inner: list[Any] = [] if s_bar is None else [diagonal_matrix(s_bar, u.dtype)]
        outer: list[Any] = []
        if u_bar is not None:
            y = transposed(u) @ u_bar
            f = gaps * y
            inner.append((f + adjoint(f)) * columns)
            if u.dtype.kind == "c":
                inner.append(_turn(y, s))
            outer.append(((u_bar - conj_u @ y) * weights) @ conj_vh)
        if vh_bar is not None:
            v_bar = adjoint(vh_bar)
            z = conj_vh @ v_bar
            f = gaps * z
            inner.append(transposed(columns) * (f + adjoint(f)))
            rest = (v_bar - transposed(vh) @ z) * weights
            outer.append(conj_u @ adjoint(rest))
        return [_total([conj_u @ _total(inner) @ conj_vh, *outer])]


def _total(terms: Sequence[Any]) -> Any:
    total = terms[0]
    for term in terms[1:]:
        total = total + term
    return total


SVD_OP = register_instance(SVD())
