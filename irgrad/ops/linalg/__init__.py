"""Linear algebra on stacks of matrices: the last two axes are a matrix, those before them a batch.

The rules follow M. Giles, *Collected matrix derivative results for forward and reverse mode
algorithmic differentiation* (2008), extended to complex matrices and to irgrad's pairing
Re(sum y_bar * y_dot), in which the transpose of X -> A X B is Y -> A^T Y B^T, without conjugation,
and that of X -> A X^H B is Y -> conj(B) Y^H conj(A)."""

from irgrad.ops.linalg import (
    cholesky,
    determinant,
    eigen,
    lu,
    pseudoinverse,
    qr,
    solve,
    svd,
    triangular,
)

__all__ = [
    "cholesky",
    "determinant",
    "eigen",
    "lu",
    "pseudoinverse",
    "qr",
    "solve",
    "svd",
    "triangular",
]
