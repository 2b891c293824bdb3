"""What the rules of linear algebra are written in: type checks, adjoints, triangles, diagonals."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from irgrad.errors import DTypeError, ShapeError
from irgrad.ir.op import Op
from irgrad.ir.types import I64, ArrayType, real_dtype
from irgrad.ops.base import bind, bind_all
from irgrad.ops.batching import spread
from irgrad.ops.cast import REAL, astype, conjugate
from irgrad.ops.create import iota
from irgrad.ops.linear import reshape, zeros_like
from irgrad.ops.select import where
from irgrad.ops.shape import transpose


class Stacked(Op):
    """An op on stacks of matrices: a batch of examples is one more axis of the stack."""

    def batch(self, operands: Sequence[Any], batched: Sequence[bool]) -> Sequence[Any]:
        return bind_all(self, *spread(operands, batched))


class System(Stacked):
    """An op on systems A X = B: where A is the same for all examples, theirs are further columns of
    one B, and A is factored once.
    """

    def batch(self, operands: Sequence[Any], batched: Sequence[bool]) -> Sequence[Any]:
        if batched[0]:
            return super().batch(operands, batched)
        a, b = operands
        size, columns = b.shape[0], b.shape[-1]
        beside = np.moveaxis(b, 0, -1)
        x = bind(self, a, reshape(beside, (*beside.shape[:-2], columns * size)))
        return [np.moveaxis(reshape(x, beside.shape), -1, 0)]


def check_matrix(name: str, x: ArrayType) -> None:
    """A stack of matrices of floats or complex numbers."""
    if x.ndim < 2:
        raise ShapeError(
            f"{name} takes matrices in the last two axes, got {x}",
            hint="a matrix has two axes or more: x[None, :] is a row, np.diag(x) a diagonal matrix",
        )
    if x.dtype.kind not in "fc":
        raise DTypeError(f"{name} takes floats or complex numbers, got {x}", hint="insert astype")


def check_square(name: str, x: ArrayType) -> None:
    """A stack of square matrices of floats or complex numbers."""
    check_matrix(name, x)
    if x.shape[-1] != x.shape[-2]:
        raise ShapeError(
            f"{name} takes square matrices, got {x}",
            hint="np.linalg.pinv, qr and svd take any, and np.linalg.pinv(a) @ b solves "
            "least squares",
        )


def check_system(name: str, a: ArrayType, b: ArrayType) -> None:
    """Square matrices and as many right-hand sides, of one dtype, with equal leading axes."""
    check_square(name, a)
    check_matrix(name, b)
    if a.dtype != b.dtype:
        raise DTypeError(f"{name}: {a} and {b} differ in dtype", hint="insert astype")
    if a.shape[:-1] != b.shape[:-1]:
        raise ShapeError(
            f"{name}: {a} and {b} do not fit",
            hint="the rows of both and the axes before must agree",
        )


def transposed(x: Any) -> Any:
    """X^T, for each matrix."""
    return transpose(x, [*range(x.ndim - 2), x.ndim - 1, x.ndim - 2])


def adjoint(x: Any) -> Any:
    """X^H, for each matrix."""
    return conjugate(transposed(x))


def real_part(x: Any) -> Any:
    """Re x, as a real array."""
    return bind(REAL, x) if x.dtype.kind == "c" else x


def imaginary(x: Any) -> Any:
    """i x for a real x, in the complex dtype that goes with it."""
    dtype = np.result_type(x.dtype, np.complex64)
    return astype(x, dtype) * dtype.type(1j)


def _difference(x: Any) -> Any:
    """Column less row, for every place of the matrices in `x`."""
    shape = x.shape[-2:]
    return iota(x, I64, shape, 1) - iota(x, I64, shape, 0)


def _kept(kept: Any, x: Any) -> Any:
    return where(kept, x, zeros_like(x))


def lower(x: Any) -> Any:
    """The lower triangles, the diagonals included."""
    return _kept(_difference(x) <= 0, x)


def strictly_lower(x: Any) -> Any:
    """The lower triangles without the diagonals."""
    return _kept(_difference(x) < 0, x)


def strictly_upper(x: Any) -> Any:
    """The upper triangles without the diagonals."""
    return _kept(_difference(x) > 0, x)


def diagonal_part(x: Any) -> Any:
    """The matrices with all but the diagonals zero."""
    return _kept(_difference(x) == 0, x)


def real_diagonal(x: Any) -> Any:
    """The real part of the diagonals, as matrices of the dtype of `x`."""
    return astype(real_part(diagonal_part(x)), x.dtype)


def diagonal(x: Any) -> Any:
    """The diagonals, as vectors."""
    return np.diagonal(x, 0, x.ndim - 2, x.ndim - 1)


def diagonal_matrix(v: Any, dtype: Any) -> Any:
    """Matrices with the vectors `v` on their diagonals."""
    v = astype(v, dtype)
    rows = v[..., None, :]
    spread = np.broadcast_to(rows, (*v.shape, v.shape[-1]))
    return diagonal_part(spread)


def reciprocal(x: Any) -> Any:
    """1/x, and 0 where x is 0."""
    zero = x == 0
    return np.where(zero, np.zeros_like(x), 1 / np.where(zero, np.ones_like(x), x))


def from_lower(x: Any) -> Any:
    """The Hermitian matrices whose lower triangles those of `x` are, imaginary parts of the
    diagonal dropped.
    """
    below = strictly_lower(x)
    return below + adjoint(below) + real_diagonal(x)


def to_lower(y: Any) -> Any:
    """The transpose of `from_lower`, as a map of matrices."""
    return strictly_lower(y + adjoint(y)) + real_diagonal(y)


def real_type(x: ArrayType) -> Any:
    """The dtype of singular values and of eigenvalues of Hermitian matrices."""
    return real_dtype(x.dtype)
