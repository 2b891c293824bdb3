"""Operations of matrix factorisations, for each matrix of a stack.

Of the direct ones (LU with partial pivoting, Cholesky, substitution) they are exact. Of the
iterative ones (eigenvalues, singular values), whose number of steps depends on the matrix, and of
QR they are those of Golub and Van Loan (Matrix Computations, 4th edition, 2013, 5.2, 8.3 and 8.6).
"""

from __future__ import annotations

from collections.abc import Callable

from irgrad.inspect.cost import Types, operations
from irgrad.ops.linalg.cholesky import Cholesky
from irgrad.ops.linalg.determinant import Cofactor, Det, Slogdet
from irgrad.ops.linalg.eigen import Eigh
from irgrad.ops.linalg.lu import LU
from irgrad.ops.linalg.pseudoinverse import Pinv
from irgrad.ops.linalg.qr import QR
from irgrad.ops.linalg.solve import Inv, Solve
from irgrad.ops.linalg.svd import SVD
from irgrad.ops.linalg.triangular import SolveTriangular


def lu(n: int) -> int:
    """Elimination: in step k, n - k quotients and (n - k)^2 products and differences.

    >>> lu(1), lu(2), lu(3)
    (0, 3, 13)
    """
    return n * (n - 1) // 2 + n * (n - 1) * (2 * n - 1) // 3


def substitutions(n: int, columns: int) -> int:
    """Forwards with ones on the diagonal, n (n - 1), and backwards, n^2, for each column."""
    return (2 * n * n - n) * columns


def singular_values(m: int, n: int) -> int:
    """U, s and V of an m by n matrix: 14 m n^2 + 8 n^3 for m >= n."""
    m, n = max(m, n), min(m, n)
    return 14 * m * n * n + 8 * n**3


def householder(m: int, n: int) -> int:
    """R, and Q formed, of an m by n matrix: 4 (m - k) (n - k) operations each, for each column k.

    >>> householder(2, 1)
    16
    """
    return sum(8 * (m - k) * (n - k) for k in range(min(m, n)))


def _each(rule: Callable[[Types], int]) -> Callable[[object, Types, Types], int]:
    """The rule for one matrix, times the number of matrices."""

    def counted(op: object, operands: Types, results: Types) -> int:
        m, n = operands[0].shape[-2:]
        stack = operands[0].size // (m * n) if m * n else 0
        return stack * rule(operands)

    return counted


def _rows(operands: Types) -> int:
    return operands[0].shape[-2]


def _columns(operands: Types, of: int = 0) -> int:
    return operands[of].shape[-1]


operations.register(Solve, _each(lambda o: lu(_rows(o)) + substitutions(_rows(o), _columns(o, 1))))
operations.register(Inv, _each(lambda o: lu(_rows(o)) + substitutions(_rows(o), _rows(o))))
operations.register(LU, _each(lambda o: lu(_rows(o))))
operations.register(Det, _each(lambda o: lu(_rows(o)) + _rows(o) - 1))
operations.register(Slogdet, _each(lambda o: lu(_rows(o)) + 2 * _rows(o) - 1))
operations.register(SolveTriangular, _each(lambda o: _rows(o) ** 2 * _columns(o, 1)))
operations.register(Cholesky, _each(lambda o: _rows(o) * (_rows(o) + 1) * (2 * _rows(o) + 1) // 6))
operations.register(QR, _each(lambda o: householder(_rows(o), _columns(o))))
operations.register(Eigh, _each(lambda o: 9 * _rows(o) ** 3))
operations.register(SVD, _each(lambda o: singular_values(_rows(o), _columns(o))))
operations.register(
    Pinv,
    _each(
        lambda o: (
            singular_values(_rows(o), _columns(o))
            + 2 * _rows(o) * _columns(o) * min(_rows(o), _columns(o))
        )
    ),
)
operations.register(
    Cofactor, _each(lambda o: singular_values(_rows(o), _rows(o)) + 2 * _rows(o) ** 3)
)

__all__ = ["householder", "lu", "singular_values", "substitutions"]
