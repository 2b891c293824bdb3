"""Choosing between values: where, select, piecewise."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from irgrad.errors import ArgumentError, ShapeError
from irgrad.frontend.masked import Selection
from irgrad.frontend.promote import common_dtype, innermost, lift, lift_each
from irgrad.frontend.registry import implements
from irgrad.frontend.sharing import copies
from irgrad.ir.types import BOOL, broadcast_shapes
from irgrad.ops.cast import astype
from irgrad.ops.linear import broadcast_to, zeros_like
from irgrad.ops.select import where


@implements(np.where)
def where_(condition: Any, x: Any = None, y: Any = None) -> Any:
    """`np.where` with three arguments, or with one, which is `np.nonzero`."""
    if x is None or y is None:
        return np.nonzero(condition)
    builder = innermost((condition, x, y))
    dtype = common_dtype((x, y))
    return where(lift(builder, condition, BOOL), lift(builder, x, dtype), lift(builder, y, dtype))


@implements(np.select)
@copies
def select(condlist: Any, choicelist: Any, default: Any = 0) -> Any:
    """`np.select`: the choice of the first condition that holds."""
    if len(condlist) != len(choicelist) or not len(condlist):
        raise ShapeError(f"select: {len(condlist)} conditions for {len(choicelist)} choices")
    builder = innermost((*condlist, *choicelist, default))
    dtype = common_dtype((*choicelist, default))
    conditions = [lift(builder, condition) for condition in condlist]
    if any(condition.dtype != BOOL for condition in conditions):
        raise ArgumentError("select: conditions must be bool arrays")
    choices = [lift(builder, choice, dtype) for choice in choicelist]
    result = lift(builder, default, dtype)
    shape = broadcast_shapes(result.shape, *(x.shape for x in (*conditions, *choices)))
    for condition, choice in zip(conditions[::-1], choices[::-1], strict=True):
        result = where(condition, choice, result)
    return broadcast_to(result, shape)


@implements(np.piecewise)
def piecewise(x: Any, condlist: Any, funclist: Any, *args: Any, **kw: Any) -> Any:
    """`np.piecewise`: each function is called on the selection where its condition holds."""
    builder = innermost((x, condlist))
    (x,) = lift_each(lift(builder, x))
    listed = isinstance(condlist, (list, tuple)) or np.ndim(condlist) > 0
    several = listed and (x.ndim == 0 or np.ndim(condlist[0]) > 0)
    conditions = [lift(builder, c, BOOL) for c in (condlist if several else [condlist])]
    pieces = list(funclist)
    if len(pieces) == len(conditions) + 1:
        conditions.append(np.logical_not(functools.reduce(np.logical_or, conditions)))
    if len(pieces) != len(conditions):
        raise ShapeError(f"piecewise: {len(pieces)} functions for {len(conditions)} conditions")
    result = zeros_like(x)
    for condition, piece in zip(conditions, pieces, strict=True):
        value = piece(Selection.of(x, condition), *args, **kw) if callable(piece) else piece
        (whole, _) = lift_each(value.whole if isinstance(value, Selection) else value, x)
        result = where(condition, astype(whole, x.dtype), result)
    return result
