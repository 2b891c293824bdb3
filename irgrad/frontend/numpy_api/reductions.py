"""Reductions over axes: sum, prod, max, min, any, all, argmax, argmin, ptp, count_nonzero.

`where=` puts the value that changes nothing in the places left out, and `initial=` is combined with
the result. Derivatives of max and min follow the first extreme element in C order."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from irgrad.errors import DTypeError, ShapeError
from irgrad.frontend.numpy_api.shape import ravel
from irgrad.frontend.promote import any_traced, lift, lift_each
from irgrad.frontend.registry import implements, method
from irgrad.frontend.sharing import copies
from irgrad.ir.op import Op
from irgrad.ir.types import (
    BOOL,
    DTYPES,
    I64,
    broadcast_shapes,
    drop_axes,
    dtype_argument,
    keep_axes,
    normalize_axes,
    normalize_axis,
)
from irgrad.ops.base import bind
from irgrad.ops.cast import astype
from irgrad.ops.linear import Sum, broadcast_to, reshape
from irgrad.ops.reduction import All, Any_, Argmax, Argmin, Max, Min, Prod

LEFT_OUT: Any = getattr(np, "_NoValue", None)
"""What NumPy puts for an argument that nobody gave."""


class Reduction(NamedTuple):
    """An op over axes, the ufunc that it repeats, and the value that changes nothing."""

    name: str
    op: Callable[[tuple[int, ...]], Op]
    combine: np.ufunc
    identity: Any = None


SUM = Reduction("sum", Sum, np.add, 0)
PROD = Reduction("prod", Prod, np.multiply, 1)
MAX = Reduction("max", Max, np.maximum)
MIN = Reduction("min", Min, np.minimum)
ANY = Reduction("any", Any_, np.logical_or, False)
ALL = Reduction("all", All, np.logical_and, True)


def given(option: Any) -> bool:
    """Whether an optional argument was given."""
    return option is not None and option is not LEFT_OUT


def array_of(a: Any, *others: Any) -> Any:
    """`a` as a traced array, by the builder of whatever is traced among the arguments."""
    return lift_each(a, *filter(any_traced, others))[0]


def axes_of(axis: Any, ndim: int) -> tuple[int, ...]:
    """The axes that `axis=` names; a scalar may be reduced over axis 0 or -1, as in NumPy."""
    return () if not ndim and axis in (0, -1) else normalize_axes(axis, ndim)


def added_up(a: Any, dtype: Any) -> Any:
    """`a` in the dtype in which NumPy adds and multiplies: at least 64 bits for integers."""
    if given(dtype):
        return astype(a, dtype_argument(dtype))
    return astype(a, {"b": I64, "i": I64, "u": DTYPES["u64"]}.get(a.dtype.kind, a.dtype))


def kept(result: Any, axes: tuple[int, ...], a: Any, keepdims: Any) -> Any:
    """`result` with the reduced axes of `a` as axes of extent 1, if `keepdims` says so."""
    keep = given(keepdims) and keepdims
    return reshape(result, keep_axes(a.shape, axes)) if keep else result


def masked(name: str, a: Any, where: Any, filler: Any) -> Any:
    """`a` with `filler` where the mask does not hold."""
    mask = lift(a.builder, where)
    if mask.dtype != BOOL:
        raise DTypeError(f"{name}: where= must be of bools, got {mask.dtype}")
    if broadcast_shapes(mask.shape, a.shape) != a.shape:
        raise ShapeError(
            f"{name}: where= of shape {mask.shape} does not fit an array of shape {a.shape}"
        )
    return np.where(mask, a, filler)


def reduce(
    kind: Reduction,
    a: Any,
    axis: Any = None,
    out: Any = None,
    keepdims: Any = False,
    initial: Any = None,
    where: Any = True,
) -> Any:
    """The reduction of `a`, which has the dtype of the result."""
    axes = axes_of(axis, a.ndim)
    start = lift(a.builder, initial, a.dtype) if given(initial) else None
    if given(where) and where is not True:
        a = masked(kind.name, a, where, _filler(kind, a, start))
    shape = drop_axes(a.shape, axes)
    if start is not None and not a.size:
        return kept(broadcast_to(start, shape), axes, a, keepdims)
    result = bind(kind.op(axes), a)
    return kept(result if start is None else kind.combine(result, start), axes, a, keepdims)


def _filler(kind: Reduction, a: Any, start: Any) -> Any:
    if kind.identity is not None:
        return np.asarray(kind.identity, a.dtype)[()]
    if start is None:
        raise ShapeError(
            f"{kind.name} has no identity, so where= needs initial=",
            hint=f"np.{kind.name}(x, where=mask, initial=...)",
        )
    return start


@method("sum")
@implements(np.sum)
@copies
def sum_(
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    out: Any = None,
    keepdims: Any = False,
    initial: Any = None,
    where: Any = True,
) -> Any:
    """`np.sum`; small integers and bools are added up as 64-bit integers."""
    return reduce(
        SUM, added_up(array_of(a, initial, where), dtype), axis, out, keepdims, initial, where
    )


@method("prod")
@implements(np.prod)
@copies
def prod(
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    out: Any = None,
    keepdims: Any = False,
    initial: Any = None,
    where: Any = True,
) -> Any:
    """`np.prod`; small integers and bools are multiplied as 64-bit integers."""
    return reduce(
        PROD, added_up(array_of(a, initial, where), dtype), axis, out, keepdims, initial, where
    )


@method("max")
@implements(np.max, np.amax)
@copies
def max_(
    a: Any,
    axis: Any = None,
    out: Any = None,
    keepdims: Any = False,
    initial: Any = None,
    where: Any = True,
) -> Any:
    """`np.max`; nan where there is a nan."""
    return reduce(MAX, array_of(a, initial, where), axis, out, keepdims, initial, where)


@method("min")
@implements(np.min, np.amin)
@copies
def min_(
    a: Any,
    axis: Any = None,
    out: Any = None,
    keepdims: Any = False,
    initial: Any = None,
    where: Any = True,
) -> Any:
    """`np.min`; nan where there is a nan."""
    return reduce(MIN, array_of(a, initial, where), axis, out, keepdims, initial, where)


@method("any")
@implements(np.any)
@copies
def any_(
    a: Any, axis: Any = None, out: Any = None, keepdims: Any = False, *, where: Any = True
) -> Any:
    """`np.any`: whether any element is not 0."""
    truths = astype(array_of(a, where), BOOL)
    return reduce(ANY, truths, axis, out, keepdims, where=where)


@method("all")
@implements(np.all)
@copies
def all_(
    a: Any, axis: Any = None, out: Any = None, keepdims: Any = False, *, where: Any = True
) -> Any:
    """`np.all`: whether no element is 0."""
    truths = astype(array_of(a, where), BOOL)
    return reduce(ALL, truths, axis, out, keepdims, where=where)


def position(op: Callable[[int], Op], a: Any, axis: Any, keepdims: Any) -> Any:
    """An argmax or argmin; over the flat array where no axis is given."""
    if axis is None:
        index = bind(op(0), ravel(a))
        return kept(index, tuple(range(a.ndim)), a, keepdims)
    if not a.ndim and axis in (0, -1):
        return bind(op(0), ravel(a))
    along = normalize_axis(axis, a.ndim)
    return kept(bind(op(along), a), (along,), a, keepdims)


@method("argmax")
@implements(np.argmax)
@copies
def argmax(a: Any, axis: Any = None, out: Any = None, *, keepdims: Any = False) -> Any:
    """`np.argmax`: the index of the first largest element."""
    return position(Argmax, array_of(a), axis, keepdims)


@method("argmin")
@implements(np.argmin)
@copies
def argmin(a: Any, axis: Any = None, out: Any = None, *, keepdims: Any = False) -> Any:
    """`np.argmin`: the index of the first smallest element."""
    return position(Argmin, array_of(a), axis, keepdims)


@implements(np.ptp)
@copies
def ptp(a: Any, axis: Any = None, out: Any = None, keepdims: Any = False) -> Any:
    """`np.ptp`: the largest minus the smallest element."""
    return max_(a, axis, keepdims=keepdims) - min_(a, axis, keepdims=keepdims)


@implements(np.count_nonzero)
@copies
def count_nonzero(a: Any, axis: Any = None, *, keepdims: Any = False) -> Any:
    """`np.count_nonzero`."""
    return sum_(astype(array_of(a), BOOL), axis, keepdims=keepdims)
