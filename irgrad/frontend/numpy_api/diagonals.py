"""Diagonals and triangles of matrices: diag, diagonal, diagflat, trace, tril, triu."""

from __future__ import annotations

from typing import Any

import numpy as np

from irgrad.errors import ShapeError
from irgrad.frontend.contraction import diagonal as diagonal_of
from irgrad.frontend.numpy_api.shape import axes_in_order, ravel
from irgrad.frontend.promote import lift_each
from irgrad.frontend.registry import implements, method
from irgrad.frontend.sharing import copies
from irgrad.ir.types import I64
from irgrad.ops.create import iota
from irgrad.ops.linear import reshape, zeros_like
from irgrad.ops.select import where
from irgrad.ops.shape import pad


@method("diagonal")
@implements(np.diagonal)
def diagonal(a: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
    """`np.diagonal`: of two axes, which it replaces by a last one."""
    (a,) = lift_each(a)
    if a.ndim < 2:
        raise ShapeError(
            f"diagonal needs an array with two axes or more, got {a.value.type}",
            hint="np.diag(v) makes a matrix of a vector",
        )
    first, second = axes_in_order((axis1, axis2), a.ndim)
    result = diagonal_of(a, first, second, offset)
    if result.window is not None:
        result.window.writable = False
    return result


@implements(np.linalg.diagonal)
def linalg_diagonal(x: Any, /, *, offset: int = 0) -> Any:
    """`np.linalg.diagonal`: of the last two axes."""
    return diagonal(x, offset, -2, -1)


@method("trace")
@implements(np.trace)
@copies
def trace(
    a: Any, offset: int = 0, axis1: int = 0, axis2: int = 1, dtype: Any = None, out: Any = None
) -> Any:
    """`np.trace`: the sum of a diagonal."""
    return np.sum(diagonal(a, offset, axis1, axis2), axis=-1, dtype=dtype)


@implements(np.linalg.trace)
@copies
def linalg_trace(x: Any, /, *, offset: int = 0, dtype: Any = None) -> Any:
    """`np.linalg.trace`: of the last two axes."""
    return trace(x, offset, -2, -1, dtype)


@implements(np.diag)
def diag(v: Any, k: int = 0) -> Any:
    """`np.diag`: the matrix with a diagonal, or the diagonal of a matrix."""
    (v,) = lift_each(v)
    if v.ndim == 2:
        return diagonal(v, k)
    if v.ndim != 1:
        raise ShapeError(
            f"diag takes a vector or a matrix, got {v.value!r}",
            hint="np.diagonal(x, axis1=-2, axis2=-1) takes stacks of matrices",
        )
    return _matrix_of(v, k)


@implements(np.diagflat)
@copies
def diagflat(v: Any, k: int = 0) -> Any:
    """`np.diagflat`: the matrix with the elements as its diagonal."""
    (v,) = lift_each(v)
    return _matrix_of(ravel(v), k)


@copies
def _matrix_of(v: Any, k: int) -> Any:
    """A square matrix with `v` on diagonal k: in the flat matrix, a row and one apart."""
    size = v.size + abs(k)
    if not v.size:
        return pad(reshape(v, (0, 0)), (abs(k), 0), (0, abs(k)))
    start = k if k >= 0 else -k * size
    length = (v.size - 1) * (size + 1) + 1
    return reshape(pad(v, (start,), (size * size - start - length,), (size,)), (size, size))


@implements(np.tril)
@copies
def tril(m: Any, k: int = 0) -> Any:
    """`np.tril`: zero above diagonal k."""
    return _triangle(m, k, upper=False)


@implements(np.triu)
@copies
def triu(m: Any, k: int = 0) -> Any:
    """`np.triu`: zero below diagonal k."""
    return _triangle(m, k, upper=True)


def _triangle(m: Any, k: int, upper: bool) -> Any:
    (m,) = lift_each(m)
    if not m.ndim:
        raise ShapeError("a triangle needs an array with an axis or more")
    shape = m.shape[-2:] if m.ndim > 1 else m.shape * 2
    rows, columns = (iota(m, I64, shape, axis) for axis in (0, 1))
    kept = columns - rows >= k if upper else columns - rows <= k
    return where(kept, m, zeros_like(m))
