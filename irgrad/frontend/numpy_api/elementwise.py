"""Elementwise functions made of ops: clip, round, divmod, sinc, parts of complex numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import special

from irgrad.errors import DTypeError, ShapeError
from irgrad.frontend.promote import as_weak, innermost, lift, lift_each, lift_together
from irgrad.frontend.registry import implements, method
from irgrad.frontend.sharing import copies
from irgrad.frontend.view import write_result
from irgrad.ir.types import broadcast_shapes, dtype_argument
from irgrad.ops.base import bind
from irgrad.ops.cast import IMAG, REAL, astype, conjugate
from irgrad.ops.linear import zeros_like


@method("clip")
@implements(np.clip)
@copies
def clip(
    a: Any,
    a_min: Any = None,
    a_max: Any = None,
    out: Any = None,
    *,
    min: Any = None,
    max: Any = None,
    dtype: Any = None,
) -> Any:
    """`np.clip`: minimum(maximum(a, lower), upper), either of which may be None."""
    lower, upper = (a_min if min is None else min), (a_max if max is None else max)
    (a,) = lift_each(lift(innermost((a, lower, upper)), a))
    if a.dtype.kind in "iu":  # what no element can pass is no bound, and need not fit the dtype
        limits = np.iinfo(a.dtype)
        lower = None if type(lower) is int and lower <= limits.min else lower
        upper = None if type(upper) is int and upper >= limits.max else upper
    if dtype is not None:
        wanted = dtype_argument(dtype)
        if not np.can_cast(a.dtype, wanted, "same_kind"):
            raise DTypeError(
                f"clip: cannot cast from {a.dtype} to {wanted}", hint="x.astype(dtype)"
            )
        a, lower, upper = (
            x if x is None else lift(a.builder, x, wanted) for x in (a, lower, upper)
        )
    a, *bounds = lift_together(a, *(bound for bound in (lower, upper) if bound is not None))
    raised = a if lower is None else np.maximum(a, bounds[0])
    return raised if upper is None else np.minimum(raised, bounds[-1])


@method("round")
@implements(np.round, np.around)
@copies
def round_(a: Any, decimals: int = 0, out: Any = None) -> Any:
    """`np.round`: to the nearest multiple of 10**-decimals, halves to even."""
    if a.dtype == bool:
        raise DTypeError("round of bools, which NumPy does in float16", hint="x.astype(int)")
    if a.dtype.kind in "iu":
        return a if decimals >= 0 else _rounded(a, decimals)
    if a.dtype.kind == "c":
        return round_(real(a), decimals) + 1j * round_(imag(a), decimals)
    return np.rint(a) if decimals == 0 else _rounded(a, decimals)


def _rounded(a: Any, decimals: int) -> Any:
    scale = 10.0 ** abs(decimals)
    scaled = np.rint(a * scale) / scale if decimals > 0 else np.rint(a / scale) * scale
    return astype(scaled, a.dtype)


@implements(np.fix)
def fix(x: Any, out: Any = None) -> Any:
    """`np.fix`: towards zero."""
    return np.trunc(x)


@implements(np.divmod)
def divmod_(x: Any, y: Any) -> tuple[Any, Any]:
    """`np.divmod`: floor quotient and remainder."""
    return np.floor_divide(x, y), np.remainder(x, y)


@implements(np.modf)
def modf(x: Any) -> tuple[Any, Any]:
    """`np.modf`: fractional and integral part."""
    (x,) = lift_together(x, inexact=True)
    whole = np.trunc(x)
    return np.where(np.isinf(x), np.copysign(0.0, x), x - whole), whole


@implements(np.float_power)
def float_power(x: Any, y: Any) -> Any:
    """`np.float_power`: `power` in at least float64."""
    x, y = lift_each(x, y)
    wide = np.dtype(np.complex128 if "c" in x.dtype.kind + y.dtype.kind else np.float64)
    return astype(x, wide) ** astype(y, wide)


@implements(np.sinc)
def sinc(x: Any) -> Any:
    """sin(pi x) / (pi x): near 0 by its Taylor series, which keeps every derivative there."""
    t = np.pi * x
    near = np.abs(t) < 0.1
    safe = np.where(near, 1, t)
    s = t * t
    series = 1 - s / 6 * (1 - s / 20 * (1 - s / 42 * (1 - s / 72 * (1 - s / 110))))
    return np.where(near, series, np.sin(safe) / safe)


@implements(np.i0)
def i0(x: Any) -> Any:
    """`np.i0`, by SciPy's."""
    (x,) = lift_together(x, inexact=True)
    return special.i0(x)


# Parts of complex numbers


@method("real", attribute=True)
@implements(np.real)
def real(x: Any) -> Any:
    """The real part; `x` itself where it is real. That of a Python number is one too."""
    return as_weak(bind(REAL, x), x) if x.dtype.kind == "c" else x


@method("imag", attribute=True)
@implements(np.imag)
def imag(x: Any) -> Any:
    """The imaginary part; zeros where `x` is real."""
    return as_weak(bind(IMAG, x) if x.dtype.kind == "c" else zeros_like(x), x)


@implements(np.conjugate)
@copies
def conj(x: Any) -> Any:
    """The complex conjugate, of bools as int8."""
    (x,) = lift_each(x)
    return conjugate(x) if x.dtype != bool else astype(x, np.int8)


@method("conj")
@method("conjugate")
def conj_method(self: Any) -> Any:
    """`x.conj()`: the array itself where it is not complex."""
    return as_weak(conjugate(self), self)


@implements(np.angle)
def angle(z: Any, deg: bool = False) -> Any:
    """The argument of complex numbers."""
    radians = np.arctan2(imag(z), real(z))
    return radians * (180 / np.pi) if deg else radians


@implements(np.iscomplex)
def iscomplex(x: Any) -> Any:
    """Where the imaginary part is not 0."""
    return imag(x) != 0


@implements(np.isreal)
def isreal(x: Any) -> Any:
    """Where the imaginary part is 0."""
    return imag(x) == 0


# Tests and replacements


@implements(np.isposinf)
def isposinf(x: Any, out: Any = None) -> Any:
    """Where x is +inf."""
    return np.logical_and(np.isinf(x), np.logical_not(np.signbit(x)))


@implements(np.isneginf)
def isneginf(x: Any, out: Any = None) -> Any:
    """Where x is -inf."""
    return np.logical_and(np.isinf(x), np.signbit(x))


@implements(np.isclose)
def isclose(a: Any, b: Any, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False) -> Any:
    """`np.isclose`: |a - b| <= atol + rtol |b|, infinities equal."""
    a, b = lift_together(a, b, inexact=True)
    near = np.logical_and(np.abs(a - b) <= atol + rtol * np.abs(b), np.isfinite(b))
    close = np.logical_or(near, a == b)
    both_nan = np.logical_and(np.isnan(a), np.isnan(b))
    return np.logical_or(close, both_nan) if equal_nan else close


@implements(np.allclose)
def allclose(
    a: Any, b: Any, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False
) -> Any:
    """`np.allclose`: `isclose` everywhere."""
    return np.all(isclose(a, b, rtol, atol, equal_nan))


@implements(np.array_equal)
def array_equal(a1: Any, a2: Any, equal_nan: bool = False) -> Any:
    """`np.array_equal`."""
    builder = innermost((a1, a2))
    a1, a2 = lift(builder, a1), lift(builder, a2)
    if a1.shape != a2.shape:
        return False
    same = a1 == a2
    return np.all(np.logical_or(same, np.logical_and(a1 != a1, a2 != a2)) if equal_nan else same)


@implements(np.array_equiv)
def array_equiv(a1: Any, a2: Any) -> Any:
    """`np.array_equiv`: equal where one is broadcast to the other."""
    a1, a2 = lift_each(a1, a2)
    try:
        broadcast_shapes(a1.shape, a2.shape)
    except ShapeError:
        return False
    return np.all(a1 == a2)


@implements(np.nan_to_num)
def nan_to_num(
    x: Any, copy: bool = True, nan: float = 0.0, posinf: Any = None, neginf: Any = None
) -> Any:
    """`np.nan_to_num`; the replaced places have derivative 0."""
    found = _without_nan(x, nan, posinf, neginf)
    return found if copy or not x.ndim else write_result("nan_to_num", x, found)


@copies
def _without_nan(x: Any, nan: float, posinf: Any, neginf: Any) -> Any:
    if x.dtype.kind == "c":
        parts = [_without_nan(part, nan, posinf, neginf) for part in (real(x), imag(x))]
        return parts[0] + 1j * parts[1]
    if x.dtype.kind != "f":
        return x
    limits = np.finfo(x.dtype)
    posinf = limits.max if posinf is None else posinf
    neginf = limits.min if neginf is None else neginf
    for test, fill in ((np.isnan, nan), (isposinf, posinf), (isneginf, neginf)):
        x = np.where(test(x), lift(x.builder, fill, x.dtype), x)
    return x
