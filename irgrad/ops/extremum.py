"""maximum, minimum, fmax and fmin: they choose an operand, and its tangent with it; of complex
numbers as NumPy orders them, by the real parts and then by the imaginary ones.

The first operand wins ties, in both modes. A chosen nan brings its own tangent along.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from irgrad.ir.op import register_instance
from irgrad.ops.elementwise import UFUNCS, Elementwise
from irgrad.ops.linear import broadcast_to, sum_to, zeros_like
from irgrad.ops.select import where


class Extremum(Elementwise):
    """An op that returns one of its two operands; `first` says where it is the first."""

    def __init__(self, name: str, ufunc: np.ufunc, first: Callable[[Any, Any], Any]) -> None:
        super().__init__(name, ufunc, 1, 1)
        self.first = first

    def jvp(
        self, primals: Sequence[Any], outputs: Sequence[Any], tangents: Sequence[Any]
    ) -> Sequence[Any]:
        x_dot, y_dot = (
            zeros_like(primal) if tangent is None else tangent
            for primal, tangent in zip(primals, tangents, strict=True)
        )
        return [broadcast_to(where(self.first(*primals), x_dot, y_dot), outputs[0].shape)]

    def vjp(
        self,
        primals: Sequence[Any],
        outputs: Sequence[Any],
        cotangents: Sequence[Any],
        wanted: Sequence[bool],
    ) -> Sequence[Any]:
        chosen, (y_bar,) = self.first(*primals), cotangents
        branches = ((y_bar, zeros_like(y_bar)), (zeros_like(y_bar), y_bar))
        return [
            sum_to(where(chosen, *branch), primal.shape) if want else None
            for branch, primal, want in zip(branches, primals, wanted, strict=True)
        ]


def _extremum(name: str, ufunc: np.ufunc, first: Callable[[Any, Any], Any]) -> Extremum:
    op = Extremum(name, ufunc, first)
    register_instance(op)
    UFUNCS[ufunc] = op
    return op


MAXIMUM = _extremum("maximum", np.maximum, lambda x, y: np.logical_or(x >= y, x != x))
MINIMUM = _extremum("minimum", np.minimum, lambda x, y: np.logical_or(x <= y, x != x))
FMAX = _extremum("fmax", np.fmax, lambda x, y: np.logical_or(x >= y, y != y))
FMIN = _extremum("fmin", np.fmin, lambda x, y: np.logical_or(x <= y, y != y))
