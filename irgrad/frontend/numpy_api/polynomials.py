"""Polynomials as arrays of coefficients, the highest power first: sums, derivatives, fits."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from irgrad.errors import OptionError, ShapeError, UnsupportedError
from irgrad.frontend.numpy_api.creation import vander
from irgrad.frontend.numpy_api.systems import pinv
from irgrad.frontend.promote import lift_each, lift_together
from irgrad.frontend.registry import implements
from irgrad.frontend.sharing import copies


def _aligned(one: Any, other: Any) -> list[Any]:
    """Two polynomials with as many coefficients."""
    both = [np.atleast_1d(x) for x in lift_each(one, other)]
    length = max(x.shape[0] for x in both)
    return [np.concatenate([np.zeros_like(x, shape=length - x.shape[0]), x]) for x in both]


@implements(np.polyadd)
def polyadd(a1: Any, a2: Any) -> Any:
    """`np.polyadd`."""
    one, other = _aligned(a1, a2)
    return one + other


@implements(np.polysub)
def polysub(a1: Any, a2: Any) -> Any:
    """`np.polysub`."""
    one, other = _aligned(a1, a2)
    return one - other


@implements(np.polyder)
@copies
def polyder(p: Any, m: int = 1) -> Any:
    """`np.polyder`: the m-th derivative."""
    (p,) = lift_each(p)
    if operator.index(m) < 0:
        raise OptionError(f"polyder: the order must not be negative, got {m}")
    for _ in range(m):
        p = p[:-1] * np.arange(len(p) - 1, 0, -1)
    return p


@implements(np.polyint)
@copies
def polyint(p: Any, m: int = 1, k: Any = None) -> Any:
    """`np.polyint`: the m-th antiderivative; `k` are the constants of integration."""
    if operator.index(m) < 0:
        raise OptionError(f"polyint: the order must not be negative, got {m}")
    p, constants = lift_each(p, np.zeros(m) if k is None else k)
    constants = np.atleast_1d(constants)
    if constants.shape[0] == 1 and m > 1:
        constants = np.repeat(constants, m)
    if constants.shape[0] < m:
        raise ShapeError(f"polyint: {m} constants are needed, got {constants.shape[0]}")
    for step in range(m):
        p = np.concatenate([p / np.arange(len(p), 0, -1), constants[step : step + 1]])
    return p


@implements(np.polyfit)
@copies
def polyfit(
    x: Any, y: Any, deg: Any, rcond: Any = None, full: bool = False, w: Any = None, cov: Any = False
) -> Any:
    """`np.polyfit`: the coefficients of least squares, of one degree."""
    if full or cov:
        raise UnsupportedError("polyfit: full= and cov= are not supported", hint="leave them away")
    x, y = lift_together(x, y, inexact=True)
    if x.ndim != 1 or y.shape[:1] != x.shape or y.ndim > 2:
        raise ShapeError(f"polyfit: {x.shape} points and values of shape {y.shape} do not fit")
    powers = vander(x, operator.index(deg) + 1)
    if w is not None:
        w, _ = lift_each(w, x)
        powers, y = powers * w[:, None], y * (w if y.ndim == 1 else w[:, None])
    scale = np.sqrt(np.sum(powers * powers, axis=0))
    rcond = x.shape[0] * np.finfo(x.dtype).eps if rcond is None else rcond
    found = pinv(powers / scale, rcond) @ y
    return found / (scale if y.ndim == 1 else scale[:, None])
