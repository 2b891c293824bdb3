"""`np.linalg`: Cholesky, QR, eigenvalues of Hermitian matrices, singular values."""

from __future__ import annotations

from typing import Any

import numpy as np

from irgrad.errors import OptionError, ShapeError, UnsupportedError
from irgrad.frontend.numpy_api.reductions import array_of
from irgrad.frontend.registry import implements
from irgrad.ir.types import F64
from irgrad.ops.base import bind
from irgrad.ops.cast import astype
from irgrad.ops.linalg.cholesky import CHOLESKY
from irgrad.ops.linalg.eigen import Eigh
from irgrad.ops.linalg.matrix import adjoint
from irgrad.ops.linalg.qr import QR_OP
from irgrad.ops.linalg.svd import SVD_OP

EighResult: Any = type(np.linalg.eigh([[1.0]]))
QRResult: Any = type(np.linalg.qr([[1.0]]))
SVDResult: Any = type(np.linalg.svd([[1.0]]))


def matrix_of(name: str, x: Any) -> Any:
    """A traced stack of matrices of floats or complex numbers."""
    x = array_of(x)
    if x.ndim < 2:
        raise ShapeError(
            f"{name} takes matrices in the last two axes, got {x.value!r}",
            hint="a matrix has two axes or more: x[None, :] is a row, np.diag(x) a diagonal matrix",
        )
    return astype(x, F64) if x.dtype.kind in "biu" else x


@implements(np.linalg.cholesky)
def cholesky(a: Any, /, *, upper: bool = False) -> Any:
    """`np.linalg.cholesky`, which reads one triangle only."""
    x = matrix_of("cholesky", a)
    return adjoint(bind(CHOLESKY, adjoint(x))) if upper else bind(CHOLESKY, x)


@implements(np.linalg.eigh)
def eigh(a: Any, UPLO: str = "L") -> Any:
    """`np.linalg.eigh`, which reads one triangle only."""
    x = matrix_of("eigh", a)
    if UPLO.upper() not in ("L", "U"):
        raise OptionError(f"eigh: UPLO must be 'L' or 'U', got {UPLO!r}")
    return EighResult(*bind(Eigh(UPLO.upper() == "L"), x))


@implements(np.linalg.eigvalsh)
def eigvalsh(a: Any, UPLO: str = "L") -> Any:
    """`np.linalg.eigvalsh`; with a nan in the matrix, values of `eigh`, which may be nan where
    NumPy's raises LinAlgError.
    """
    return eigh(a, UPLO)[0]


@implements(np.linalg.qr)
def qr(a: Any, mode: str = "reduced") -> Any:
    """`np.linalg.qr` of matrices of full rank. Of a wide matrix, the leading square block decides
    Q, and R = Q^H A.
    """
    x = matrix_of("qr", a)
    rows, columns = x.shape[-2:]
    if mode == "complete" and rows <= columns:
        mode = "reduced"
    if mode not in ("reduced", "r"):
        raise UnsupportedError(
            f"qr: mode {mode!r} is not supported on traced values of this shape",
            hint="mode='reduced' has the columns of Q that A decides",
        )
    q, r = bind(QR_OP, x[..., :rows])
    if rows < columns:
        r = np.concatenate([r, adjoint(q) @ x[..., rows:]], axis=-1)
    return r if mode == "r" else QRResult(q, r)


@implements(np.linalg.svd)
def svd(
    a: Any, full_matrices: bool = True, compute_uv: bool = True, hermitian: bool = False
) -> Any:
    """`np.linalg.svd`, with the singular vectors that the matrix decides."""
    x = matrix_of("svd", a)
    if not compute_uv:
        return singular_values(x)
    if full_matrices and x.shape[-1] != x.shape[-2]:
        raise UnsupportedError(
            f"svd: full_matrices=True is not supported on traced {x.value!r}: the matrix does not "
            "decide all of these vectors",
            hint="pass full_matrices=False",
        )
    return SVDResult(*bind(SVD_OP, x))


@implements(np.linalg.svdvals)
def svdvals(x: Any, /) -> Any:
    """`np.linalg.svdvals`."""
    return singular_values(matrix_of("svdvals", x))


def singular_values(x: Any) -> Any:
    """The singular values of traced matrices, decreasing."""
    return bind(SVD_OP, x)[1]
