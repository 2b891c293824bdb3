"""`np.linalg`: systems of equations, inverses, determinants and what is made of them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from irgrad.errors import OptionError, ShapeError, UnsupportedError
from irgrad.frontend.numpy_api.decompositions import matrix_of, singular_values
from irgrad.frontend.numpy_api.reductions import max_, sum_
from irgrad.frontend.promote import any_traced, lift_together
from irgrad.frontend.registry import implements
from irgrad.ir.types import broadcast_shapes
from irgrad.ops.base import bind
from irgrad.ops.linalg.determinant import DET, SLOGDET
from irgrad.ops.linalg.pseudoinverse import Pinv
from irgrad.ops.linalg.solve import INV, SOLVE
from irgrad.ops.linalg.triangular import solve_triangular
from irgrad.ops.linear import broadcast_to, reshape

SlogdetResult: Any = type(np.linalg.slogdet(np.eye(1)))


def together(a: Any, b: Any) -> tuple[Any, Any]:
    """Two stacks of matrices with equal axes before the last two."""
    lead = broadcast_shapes(a.shape[:-2], b.shape[:-2])
    return broadcast_to(a, lead + a.shape[-2:]), broadcast_to(b, lead + b.shape[-2:])


@implements(np.linalg.solve)
def solve(a: Any, b: Any) -> Any:
    """`np.linalg.solve`: a 1-D b is one right-hand side, else the last two axes are matrices."""
    a, b = lift_together(a, b, inexact=True)
    if a.ndim < 2:
        raise ShapeError(f"solve takes matrices in the last two axes, got {a.value!r}")
    if b.ndim == 1:
        a, columns = together(a, b[:, None])
        return bind(SOLVE, a, columns)[..., 0]
    if not b.ndim:
        raise ShapeError(f"solve: the right-hand side is a scalar, {b.value!r}")
    return bind(SOLVE, *together(a, b))


def triangular_system(a: Any, b: Any, lower: bool, unit: bool) -> Any:
    """What `irgrad.functions.solve_triangular` computes, on arrays too."""
    if any_traced([a, b]):
        a, b = lift_together(a, b, inexact=True)
    else:
        dtype = np.result_type(a, b, np.float32)
        a, b = np.asarray(a, dtype), np.asarray(b, dtype)
    if a.ndim < 2 or not b.ndim:
        raise ShapeError(f"solve_triangular: shapes {a.shape} and {b.shape} make no system")
    columns = b[:, None] if b.ndim == 1 else b
    solution = solve_triangular(*together(a, columns), lower, unit)
    return solution[..., 0] if b.ndim == 1 else solution


@implements(np.linalg.inv)
def inv(a: Any) -> Any:
    """`np.linalg.inv`."""
    return bind(INV, matrix_of("inv", a))


@implements(np.linalg.det)
def det(a: Any) -> Any:
    """`np.linalg.det`."""
    return bind(DET, matrix_of("det", a))


@implements(np.linalg.slogdet)
def slogdet(a: Any) -> Any:
    """`np.linalg.slogdet`."""
    return SlogdetResult(*bind(SLOGDET, matrix_of("slogdet", a)))


@implements(np.linalg.pinv)
def pinv(a: Any, rcond: Any = None, hermitian: bool = False, *, rtol: Any = np._NoValue) -> Any:
    """`np.linalg.pinv` with a static cutoff."""
    x = matrix_of("pinv", a)
    if rcond is None:
        rcond = 1e-15 if rtol is np._NoValue else rtol
        rcond = max(x.shape[-2:]) * np.finfo(x.dtype).eps if rcond is None else rcond
    elif rtol is not np._NoValue:
        raise OptionError("pinv: rtol and rcond cannot both be given")
    if any_traced(rcond) or np.ndim(rcond):
        raise UnsupportedError("pinv: the cutoff must be a number", hint="rcond=1e-12")
    return bind(Pinv(float(rcond)), x)


@implements(np.linalg.lstsq)
def lstsq(a: Any, b: Any, rcond: Any = None) -> Any:
    """`np.linalg.lstsq`: the solution of least norm, the sums of squares of what is left (of which
    there are none where a has not more rows than columns, and which are nan where the columns turn
    out to be dependent), the rank and the singular values.
    """
    a, b = lift_together(a, b, inexact=True)
    if a.ndim != 2 or b.ndim not in (1, 2) or a.shape[0] != b.shape[0]:
        raise ShapeError(f"lstsq: {a.value!r} and {b.value!r} make no system")
    eps = np.finfo(a.dtype).eps
    rcond = max(a.shape) * eps if rcond is None else eps if rcond == -1 else rcond
    x = pinv(a, rcond) @ b
    s = singular_values(a)
    rank = np.count_nonzero(s > rcond * s[0])
    left = sum_(np.abs(b - a @ x) ** 2, 0, keepdims=b.ndim == 1)
    rows, columns = a.shape
    left = np.where(rank == columns, left, np.nan) if rows > columns else left[:0]
    return x, left, rank, s


@implements(np.linalg.tensorsolve)
def tensorsolve(a: Any, b: Any, axes: Any = None) -> Any:
    """`np.linalg.tensorsolve`."""
    a, b = lift_together(a, b, inexact=True)
    if axes is not None:
        moved = [axis % a.ndim for axis in axes]
        a = np.transpose(a, [axis for axis in range(a.ndim) if axis not in moved] + moved)
    shape = a.shape[b.ndim :]
    size = math.prod(shape)
    if a.size != size**2 or b.size != size:
        raise ShapeError(f"tensorsolve: {a.value!r} and {b.value!r} make no square system")
    return reshape(solve(reshape(a, (size, size)), reshape(b, (size,))), shape)


@implements(np.linalg.tensorinv)
def tensorinv(a: Any, ind: int = 2) -> Any:
    """`np.linalg.tensorinv`."""
    x = matrix_of("tensorinv", a)
    if ind <= 0:
        raise OptionError(f"tensorinv: ind must be positive, got {ind}")
    size = math.prod(x.shape[ind:])
    if x.size != size**2:
        raise ShapeError(f"tensorinv: {x.value!r} split at axis {ind} is not square")
    return reshape(bind(INV, reshape(x, (size, size))), x.shape[ind:] + x.shape[:ind])


@implements(np.linalg.cond)
def cond(x: Any, p: Any = None) -> Any:
    """`np.linalg.cond`; inf for a singular matrix."""
    x = matrix_of("cond", x)
    if 0 in x.shape[-2:]:
        raise ShapeError(f"cond is not defined on empty matrices, got {x.value!r}")
    found = _cond(x, p)
    undefined = np.isnan(found) & ~np.any(np.isnan(x), axis=(-2, -1))  # 0 / 0
    return np.where(undefined, np.full_like(found, np.inf), found)


def _cond(x: Any, p: Any) -> Any:
    if p in (None, 2, -2):
        s = singular_values(x)
        return s[..., -1] / s[..., 0] if p == -2 else s[..., 0] / s[..., -1]
    sign, _ = bind(SLOGDET, x)
    singular = sign == 0
    regular = np.where(singular[..., None, None], np.eye(x.shape[-1], dtype=x.dtype), x)
    size, inverse = (np.linalg.norm(y, p, axis=(-2, -1)) for y in (x, bind(INV, regular)))
    return np.where(singular, np.full_like(size, np.inf), size * inverse)


@implements(np.linalg.matrix_rank)
def matrix_rank(A: Any, tol: Any = None, hermitian: bool = False, *, rtol: Any = None) -> Any:
    """`np.linalg.matrix_rank`: the number of singular values above the tolerance."""
    if tol is not None and rtol is not None:
        raise OptionError("matrix_rank: tol and rtol cannot both be given")
    if np.ndim(A) < 2:
        return np.any(A != 0).astype(int)
    x = matrix_of("matrix_rank", A)
    s = singular_values(x)
    if tol is None:
        rtol = max(x.shape[-2:]) * np.finfo(s.dtype).eps if rtol is None else rtol
        tol = max_(s, -1, keepdims=True, initial=0.0) * np.asarray(rtol)[..., None]
    else:
        tol = np.asarray(tol)[..., None]
    return np.count_nonzero(s > tol, axis=-1)
