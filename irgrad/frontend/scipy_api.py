"""What SciPy's plain functions mean on traced values.

They convert their arguments at once, and give nobody a chance to take over, as NumPy's functions
and SciPy's ufuncs do: rewritten code calls what stands here in their place, where an argument is
traced. A meaning has SciPy's names for the arguments that count; those that only say how memory is
used, or what is checked, are left out; with any other argument the call is refused. Functions are
looked up by their names, so that no part of SciPy is imported for them."""

from __future__ import annotations

import functools
import inspect
import math
from collections.abc import Callable
from types import FunctionType, MethodType
from typing import Any

import numpy as np
from scipy import special

from irgrad.errors import OptionError, ShapeError, UnsupportedError
from irgrad.frontend import functions
from irgrad.frontend.capture.doors import at_home
from irgrad.frontend.loops import while_loop
from irgrad.frontend.numpy_api.decompositions import matrix_of
from irgrad.frontend.promote import any_traced, innermost, lift
from irgrad.ir.types import real_dtype
from irgrad.ops.base import bind
from irgrad.ops.linalg.lu import LU_OP, permutation, rows

SCIPY: dict[str, Callable[..., Any]] = {}
_NO_MEANING = {"check_finite", "driver", "lapack_driver", "lwork"}
"""Arguments that change no result, as do those called `overwrite_...`."""


def public_name(function: FunctionType | MethodType) -> str:
    """`scipy.linalg.solve`, `scipy.stats.norm.pdf`; empty for what is not SciPy's, whose owner is
    asked nothing.
    """
    method = isinstance(function, MethodType)
    module = type(function.__self__).__module__ if method else function.__module__
    root, *parts = (module or "").split(".")
    if root != "scipy" or not parts:
        return ""
    owner = f"{getattr(function.__self__, 'name', '')}." if method else ""
    return f"scipy.{parts[0]}.{owner}{function.__name__}"


def scipy_door(function: Any) -> Any:
    """What to call in place of a function of SciPy's; None where traced values have no meaning for
    it.
    """
    name = public_name(function)
    meaning = SCIPY.get(name)
    if meaning is None:
        return None

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        if not any(map(any_traced, (*args, *kwargs.values()))):
            return function(*args, **kwargs)
        return at_home(meant, name)(*args, **kwargs)

    def meant(*args: Any, **kwargs: Any) -> Any:
        named = _arguments(name, function, meaning, args, kwargs)
        return meaning(*named.pop("arrs", ()), **named)  # the one name of arguments without one

    return call


def _arguments(
    name: str, function: Any, meaning: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> dict[str, Any]:
    """The arguments by name, without those that have no meaning or their default value."""
    known = inspect.signature(meaning)
    signature = inspect.signature(function)
    if any(each.kind is each.VAR_POSITIONAL for each in signature.parameters.values()):
        signature = known
    given: dict[str, Any] = {}
    for key, value in signature.bind(*args, **kwargs).arguments.items():
        if key in known.parameters:
            given[key] = value
        elif not (
            key in _NO_MEANING
            or key.startswith("overwrite_")
            or value is signature.parameters[key].default
        ):
            raise UnsupportedError(
                f"{name}: {key}= is not supported on traced values",
                hint=f"it takes {', '.join(known.parameters)}",
            )
    return given


def means(name: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Decorator: this is what SciPy's function means on traced values."""

    def decorate(meaning: Callable[..., Any]) -> Callable[..., Any]:
        SCIPY[name] = meaning
        return meaning

    return decorate


# scipy.special

means("scipy.special.polygamma")(lambda n, x: functions.polygamma(n, x))


@means("scipy.special.logsumexp")
def logsumexp(
    a: Any, axis: Any = None, b: Any = None, keepdims: bool = False, return_sign: bool = False
) -> Any:
    """log |sum(b e^a)|, and the sign of the sum where it is asked for."""
    if b is None and not return_sign:
        return functions.logsumexp(a, axis, keepdims)
    b = np.multiply(1.0 if b is None else b, np.ones_like(a))
    a = np.where(b == 0, -np.inf, a)
    top = functions.finite_maximum(a, axis)
    total = np.sum(b * np.exp(a - top), axis=axis, keepdims=True)
    result = np.log(np.abs(total) if return_sign else total) + top
    if not keepdims:
        result, total = np.squeeze(result, axis), np.squeeze(total, axis)
    return (result, np.sign(total)) if return_sign else result


@means("scipy.special.softmax")
def softmax(x: Any, axis: Any = None) -> Any:
    """e^x / sum(e^x), over all elements by default."""
    return functions.softmax(x, axis)


@means("scipy.special.log_softmax")
def log_softmax(x: Any, axis: Any = None) -> Any:
    """log(softmax(x)), over all elements by default."""
    return functions.log_softmax(x, axis)


# scipy.linalg

means("scipy.linalg.det")(lambda a: np.linalg.det(a))
means("scipy.linalg.svdvals")(lambda a: np.linalg.svd(a, compute_uv=False))


def _adjoint(a: Any) -> Any:
    return np.conj(np.swapaxes(a, -1, -2))


def _whole(a: Any, lower: bool, hermitian: bool) -> Any:
    """The symmetric or Hermitian matrix whose lower or upper triangle counts."""
    half = np.tril(a, -1) if lower else np.triu(a, 1)
    other = _adjoint(half) if hermitian else np.swapaxes(half, -1, -2)
    diagonal = np.real(a) if hermitian else a
    return half + other + np.tril(np.triu(diagonal))


_SHAPES: dict[Any, Callable[[Any, bool], Any]] = {
    None: lambda a, lower: a,
    "gen": lambda a, lower: a,
    "general": lambda a, lower: a,
    "sym": lambda a, lower: _whole(a, lower, False),
    "symmetric": lambda a, lower: _whole(a, lower, False),
    "her": lambda a, lower: _whole(a, lower, True),
    "hermitian": lambda a, lower: _whole(a, lower, True),
    "pos": lambda a, lower: _whole(a, lower, True),
    "positive definite": lambda a, lower: _whole(a, lower, True),
    "upper triangular": lambda a, lower: np.triu(a),
    "lower triangular": lambda a, lower: np.tril(a),
}
"""The part of a matrix that `assume_a` has SciPy read."""


def _assumed(a: Any, assume_a: Any, lower: bool) -> Any:
    if assume_a not in _SHAPES:
        listed = ", ".join(map(repr, _SHAPES))
        raise OptionError(f"assume_a={assume_a!r} is not supported on traced values; {listed} are")
    return _SHAPES[assume_a](a, lower)


@means("scipy.linalg.solve")
def solve(
    a: Any, b: Any, lower: bool = False, assume_a: Any = None, transposed: bool = False
) -> Any:
    """x with a x = b, or a^T x = b."""
    a = _assumed(a, assume_a, lower)
    return np.linalg.solve(np.swapaxes(a, -1, -2) if transposed else a, b)


@means("scipy.linalg.inv")
def inv(a: Any, assume_a: Any = None, lower: bool = False) -> Any:
    """The inverse matrix."""
    return np.linalg.inv(_assumed(a, assume_a, lower))


@means("scipy.linalg.pinv")
def pinv(a: Any, rtol: Any = None) -> Any:
    """The Moore-Penrose inverse; singular values up to rtol times the largest count as zero."""
    if rtol is None:
        dtype = a.dtype if a.dtype.kind in "fc" else np.float64
        rtol = max(np.shape(a)[-2:]) * float(np.finfo(dtype).eps)
    return np.linalg.pinv(a, rtol)


@means("scipy.linalg.cholesky")
def cholesky(a: Any, lower: bool = False) -> Any:
    """The triangular factor R of a = R^H R, or L of a = L L^H, read from that triangle of a."""
    return np.linalg.cholesky(a) if lower else _adjoint(np.linalg.cholesky(_adjoint(a)))


@means("scipy.linalg.cho_factor")
def cho_factor(a: Any, lower: bool = False) -> Any:
    """The factor of `cholesky`, for `cho_solve`; zeros stand where SciPy leaves what was there."""
    return cholesky(a, lower), lower


@means("scipy.linalg.cho_solve")
def cho_solve(c_and_lower: Any, b: Any) -> Any:
    """x with a x = b, given the factor of a."""
    factor, lower = c_and_lower
    first, second = (factor, _adjoint(factor)) if lower else (_adjoint(factor), factor)
    return functions.solve_triangular(second, functions.solve_triangular(first, b, lower=True))


@means("scipy.linalg.lu_factor")
def lu_factor(a: Any) -> Any:
    """The factors and pivots of `lu_solve`."""
    return bind(LU_OP, matrix_of("lu_factor", a))


@means("scipy.linalg.lu_solve")
def lu_solve(lu_and_piv: Any, b: Any, trans: Any = 0) -> Any:
    """x with a x = b, a^T x = b or a^H x = b, given the factors and pivots of a."""
    if trans not in (0, 1, 2):
        raise OptionError(f"trans must be 0, 1 or 2, got {trans!r}")
    factors, pivots = lu_and_piv
    order = permutation(pivots)
    if not trans:
        y = functions.solve_triangular(factors, _in_order(b, order), True, unit_diagonal=True)
        return functions.solve_triangular(factors, y)
    turned = _adjoint(factors) if trans == 2 else np.swapaxes(factors, -1, -2)
    y = functions.solve_triangular(turned, b, lower=True)
    z = functions.solve_triangular(turned, y, unit_diagonal=True)
    return _in_order(z, np.argsort(order, axis=-1))


def _in_order(b: Any, order: Any) -> Any:
    """The rows of right-hand sides in another order."""
    b = lift(innermost((b, order)), b)
    if b.shape[-2:][0] != order.shape[-1]:
        raise ShapeError(f"shapes {b.shape} and {order.shape} make no system")
    return np.take(b, order, axis=0) if b.ndim == 1 else rows(b, order)


@means("scipy.linalg.lu")
def lu(a: Any, permute_l: bool = False) -> Any:
    """p, l and u of a square a = p l u; p l and u where `permute_l` says so."""
    factors, pivots = lu_factor(a)
    one = np.eye(factors.shape[-1], dtype=factors.dtype)
    order = permutation(pivots)
    lower, upper = np.tril(factors, -1) + one, np.triu(factors)
    if permute_l:
        return rows(lower, np.argsort(order, axis=-1)), upper
    p = order[..., None, :] == np.arange(factors.shape[-1])[:, None]
    return p.astype(real_dtype(factors.dtype)), lower, upper


@means("scipy.linalg.block_diag")
def block_diag(*arrs: Any) -> Any:
    """The matrices along the diagonal, zeros elsewhere."""
    blocks = [np.atleast_2d(x) for x in arrs]
    sizes = [x.shape for x in blocks]
    width = sum(columns for _, columns in sizes)
    placed, before = [], 0
    for block, (_, columns) in zip(blocks, sizes, strict=True):
        placed.append(np.pad(block, ((0, 0), (before, width - before - columns))))
        before += columns
    return np.concatenate(placed)


@means("scipy.linalg.toeplitz")
def toeplitz(c: Any, r: Any = None) -> Any:
    """The matrix of equal diagonals, with the first column c and, but for its first element, the
    first row r.
    """
    row = np.conj(c) if r is None else r
    down, across = np.shape(c)[-1], np.shape(row)[-1]
    values = np.concatenate([c[..., ::-1], row[..., 1:]], axis=-1)
    return values[..., down - 1 - np.arange(down)[:, None] + np.arange(across)]


@means("scipy.linalg.circulant")
def circulant(c: Any) -> Any:
    """The matrix whose columns are c, each turned by one more than the one before."""
    n = np.shape(c)[-1]
    return c[..., (np.arange(n)[:, None] - np.arange(n)) % n]


@means("scipy.linalg.hankel")
def hankel(c: Any, r: Any = None) -> Any:
    """The matrix of equal antidiagonals, with the first column c and, but for its first element,
    the last row r, which is zero by default.
    """
    row = np.zeros_like(c) if r is None else r
    down, across = np.shape(c)[-1], np.shape(row)[-1]
    values = np.concatenate([c, row[..., 1:]], axis=-1)
    return values[..., np.arange(down)[:, None] + np.arange(across)]


@means("scipy.linalg.solve_triangular")
def solve_triangular(
    a: Any, b: Any, trans: Any = 0, lower: bool = False, unit_diagonal: bool = False
) -> Any:
    """x with T x = b, T^T x = b or T^H x = b, where T is a triangle of a."""
    if trans not in (0, 1, 2, "N", "T", "C"):
        raise OptionError(f"trans must be 0, 1, 2, 'N', 'T' or 'C', got {trans!r}")
    if trans not in (0, "N"):
        a, lower = (_adjoint(a) if trans in (2, "C") else np.swapaxes(a, -1, -2)), not lower
    return functions.solve_triangular(a, b, lower, unit_diagonal)


@means("scipy.linalg.norm")
def norm(a: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:
    """A norm of a vector or matrix."""
    return np.linalg.norm(a, ord, axis, keepdims)


@means("scipy.linalg.eigh")
def eigh(a: Any, lower: bool = True, eigvals_only: bool = False) -> Any:
    """Eigenvalues in increasing order, and eigenvectors, of a Hermitian matrix."""
    triangle = "L" if lower else "U"
    return np.linalg.eigvalsh(a, triangle) if eigvals_only else tuple(np.linalg.eigh(a, triangle))


@means("scipy.linalg.eigvalsh")
def eigvalsh(a: Any, lower: bool = True) -> Any:
    """Eigenvalues in increasing order of a Hermitian matrix."""
    return np.linalg.eigvalsh(a, "L" if lower else "U")


@means("scipy.linalg.svd")
def svd(a: Any, full_matrices: bool = True, compute_uv: bool = True) -> Any:
    """u, s and v^H of a = u diag(s) v^H."""
    found = np.linalg.svd(a, full_matrices, compute_uv)
    return tuple(found) if compute_uv else found


@means("scipy.linalg.qr")
def qr(a: Any, mode: str = "full") -> Any:
    """q and r of a = q r, r upper triangular."""
    named: dict[str, Any] = {"full": "complete", "economic": "reduced", "r": "r"}
    if mode not in named:
        raise OptionError(f"mode must be 'full', 'r' or 'economic' on traced values, got {mode!r}")
    if mode == "r":
        return (np.linalg.qr(a, "r"),)
    return tuple(np.linalg.qr(a, named[mode]))


_LARGEST = 5.371920351148152
"""The norm up to which the approximant of degree 13 serves float64 (Higham 2005, table 2.3)."""
_DEGREE = 13
_PADE = [
    math.factorial(2 * _DEGREE - k) * math.comb(_DEGREE, k) / math.factorial(_DEGREE)
    for k in range(_DEGREE + 1)
]


@means("scipy.linalg.expm")
def expm(A: Any) -> Any:
    """e^A: a Padé approximant of A / 2^s, squared s times (Higham 2005, algorithm 2.3). Any s gives
    e^A, so derivatives take it as a constant.
    """
    size = functions.stop_gradient(np.max(np.sum(np.abs(A), axis=-2)))
    count = np.ceil(np.log2(np.clip(size / _LARGEST, 1.0, 1e300)))
    a = A / 2.0**count
    square, one = a @ a, np.eye(a.shape[-1], dtype=a.dtype)
    even, odd = _PADE[-2] * square, _PADE[-1] * square
    for k in range(_DEGREE - 3, 0, -2):
        even = (even + _PADE[k] * one) @ square
        odd = (odd + _PADE[k + 1] * one) @ square
    even, odd = even + _PADE[0] * one, a @ (odd + _PADE[1] * one)
    power = np.linalg.solve(even - odd, even + odd)
    return while_loop(
        lambda state: state[0] < count, lambda state: (state[0] + 1, state[1] @ state[1]),
        (0.0, power),
    )[1]  # fmt: skip


# scipy.stats


def _standard(x: Any, loc: Any, scale: Any) -> tuple[Any, Any]:
    """(x - loc) / scale, and the scale, which must be positive."""
    scale = np.where(np.greater(scale, 0), scale, np.nan)
    return np.subtract(x, loc) / scale, scale


@means("scipy.stats.norm.logpdf")
def norm_logpdf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """The logarithm of the density of the normal distribution."""
    z, scale = _standard(x, loc, scale)
    return -0.5 * z * z - 0.5 * math.log(2 * math.pi) - np.log(scale)


@means("scipy.stats.norm.pdf")
def norm_pdf(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """The density of the normal distribution."""
    z, scale = _standard(x, loc, scale)
    return np.exp(-0.5 * z * z) / (math.sqrt(2 * math.pi) * scale)


def _of_standard(name: str, function: Callable[[Any], Any]) -> None:
    @means(f"scipy.stats.norm.{name}")
    def meaning(x: Any, loc: Any = 0, scale: Any = 1) -> Any:
        return function(_standard(x, loc, scale)[0])


_of_standard("cdf", special.ndtr)
_of_standard("logcdf", special.log_ndtr)
_of_standard("sf", lambda z: special.ndtr(-z))
_of_standard("logsf", lambda z: special.log_ndtr(-z))


@means("scipy.stats.norm.ppf")
def norm_ppf(q: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """The quantile of the normal distribution."""
    return special.ndtri(q) * _standard(0.0, 0.0, scale)[1] + loc


@means("scipy.stats.norm.isf")
def norm_isf(q: Any, loc: Any = 0, scale: Any = 1) -> Any:
    """The upper quantile of the normal distribution."""
    return loc - special.ndtri(q) * _standard(0.0, 0.0, scale)[1]
