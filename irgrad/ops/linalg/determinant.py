"""Determinants: `det`, whose derivative is `cofactor`, and `slogdet`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from irgrad.ir.op import Array, register_instance
from irgrad.ir.types import ArrayType
from irgrad.ops.base import bind
from irgrad.ops.cast import astype
from irgrad.ops.linalg.matrix import (
    Stacked,
    check_square,
    imaginary,
    real_part,
    real_type,
    transposed,
)
from irgrad.ops.linalg.solve import inv
from irgrad.ops.linalg.svd import singular_parts


def _over_matrix(x: Any) -> Any:
    """The sum over the last two axes, which stay with extent 1."""
    return np.sum(x, axis=(x.ndim - 2, x.ndim - 1), keepdims=True)


class Cofactor(Stacked):
    """The cofactors C of A: det(A) A^-T, also where A is singular, by singular values.

    Its own derivative, C_dot = tr(A^-1 A_dot) C - A^-T A_dot^T C, needs the inverse."""

    name = "cofactor"

    def result_types(self, *operands: ArrayType) -> tuple[ArrayType, ...]:
        check_square("cofactor", operands[0])
        return operands

    def reference(self, *operands: Array) -> Array:
        (a,) = operands
        if not a.size:
            return a.copy()
        u, s, vh = singular_parts(a)
        sign = np.asarray(np.linalg.det(u) * np.linalg.det(vh))[..., None, None]
        before, after = np.ones_like(s), np.ones_like(s)
        np.cumprod(s[..., :-1], axis=-1, out=before[..., 1:])
        after[..., :-1] = np.cumprod(s[..., :0:-1], axis=-1)[..., ::-1]
        scaled = np.conj(u) * (before * after)[..., None, :]
        return (sign * (scaled @ np.conj(vh))).astype(a.dtype, copy=False)

    def jvp(
        self, primals: Sequence[Any], outputs: Sequence[Any], tangents: Sequence[Any]
    ) -> Sequence[Any]:
        (c,), (a_dot,) = outputs, tangents
        y = transposed(inv(primals[0]))
        return [_over_matrix(y * a_dot) * c - y @ transposed(a_dot) @ c]

    def vjp(
        self,
        primals: Sequence[Any],
        outputs: Sequence[Any],
        cotangents: Sequence[Any],
        wanted: Sequence[bool],
    ) -> Sequence[Any]:
        (c,), (c_bar,) = outputs, cotangents
        y = transposed(inv(primals[0]))
        return [_over_matrix(c * c_bar) * y - c @ transposed(c_bar) @ y]


class Det(Stacked):
    """The determinant d of each matrix.

    d_dot = sum C * A_dot and A_bar = d_bar C, with the cofactors C (Jacobi's formula), which
    singular matrices have too."""

    name = "det"

    def result_types(self, *operands: ArrayType) -> tuple[ArrayType, ...]:
        (a,) = operands
        check_square("det", a)
        return (ArrayType(a.dtype, a.shape[:-2]),)

    def reference(self, *operands: Array) -> Array:
        return np.asarray(np.linalg.det(operands[0]))

    def jvp(
        self, primals: Sequence[Any], outputs: Sequence[Any], tangents: Sequence[Any]
    ) -> Sequence[Any]:
        (a,) = primals
        return [np.sum(bind(COFACTOR, a) * tangents[0], axis=(a.ndim - 2, a.ndim - 1))]

    def vjp(
        self,
        primals: Sequence[Any],
        outputs: Sequence[Any],
        cotangents: Sequence[Any],
        wanted: Sequence[bool],
    ) -> Sequence[Any]:
        return [cotangents[0][..., None, None] * bind(COFACTOR, primals[0])]


class Slogdet(Stacked):
    """The sign (a unit complex number) and the logarithm of the size of each determinant.

    With w = tr(A^-1 A_dot): the logarithm's tangent is Re w, and that of the sign i Im(w) sign."""

    name = "slogdet"

    def result_types(self, *operands: ArrayType) -> tuple[ArrayType, ...]:
        (a,) = operands
        check_square("slogdet", a)
        return ArrayType(a.dtype, a.shape[:-2]), ArrayType(real_type(a), a.shape[:-2])

    def reference(self, *operands: Array) -> tuple[Array, ...]:
        sign, logarithm = np.linalg.slogdet(operands[0])
        return np.asarray(sign), np.asarray(logarithm)

    def jvp(
        self, primals: Sequence[Any], outputs: Sequence[Any], tangents: Sequence[Any]
    ) -> Sequence[Any]:
        (a,) = primals
        w = np.sum(transposed(inv(a)) * tangents[0], axis=(a.ndim - 2, a.ndim - 1))
        turn = imaginary(np.imag(w)) * outputs[0] if w.dtype.kind == "c" else None
        return [turn, real_part(w)]

    def vjp(
        self,
        primals: Sequence[Any],
        outputs: Sequence[Any],
        cotangents: Sequence[Any],
        wanted: Sequence[bool],
    ) -> Sequence[Any]:
        (a,), (sign_bar, logarithm_bar) = primals, cotangents
        weight = None if logarithm_bar is None else astype(logarithm_bar, a.dtype)
        if a.dtype.kind == "c" and sign_bar is not None:
            turn = imaginary(np.imag(sign_bar * outputs[0]))
            weight = turn if weight is None else weight + turn
        return [None if weight is None else weight[..., None, None] * transposed(inv(a))]


COFACTOR, DET, SLOGDET = map(register_instance, (Cofactor(), Det(), Slogdet()))

__all__ = ["COFACTOR", "DET", "SLOGDET"]
