"""Triangular systems of linear equations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import scipy

from irgrad.ir.op import Array, register
from irgrad.ir.types import ArrayType
from irgrad.ops.base import bind
from irgrad.ops.linalg.matrix import System, check_system, strictly_lower, transposed
from irgrad.ops.linalg.matrix import lower as lower_part


@register("solve_triangular")
class SolveTriangular(System):
    """X = T^-1 B, T the lower (or upper) triangle of A; with `unit`, its diagonal taken as ones.

    X_dot = T^-1 (B_dot - T_dot X); B_bar = T^-T X_bar, A_bar the triangle of -B_bar X^T."""

    lower: bool
    unit: bool

    def result_types(self, *operands: ArrayType) -> tuple[ArrayType, ...]:
        a, b = operands
        check_system("solve_triangular", a, b)
        return (b,)

    def reference(self, *operands: Array) -> Array:
        a, b = operands
        x = np.empty(b.shape, b.dtype)
        for place in np.ndindex(a.shape[:-2]):
            if x[place].size:
                x[place] = scipy.linalg.solve_triangular(
                    a[place],
                    b[place],
                    lower=self.lower,
                    unit_diagonal=self.unit,
                    check_finite=False,
                )
        return x

    def _triangle(self, x: Any) -> Any:
        """The part of a matrix that the op reads."""
        if not self.lower:
            return transposed(SolveTriangular(True, self.unit)._triangle(transposed(x)))
        return strictly_lower(x) if self.unit else lower_part(x)

    def jvp(
        self, primals: Sequence[Any], outputs: Sequence[Any], tangents: Sequence[Any]
    ) -> Sequence[Any]:
        (a, _), (a_dot, b_dot), (x,) = primals, tangents, outputs
        if a_dot is None:
            return [bind(self, a, b_dot)]
        flow = self._triangle(a_dot) @ x
        return [bind(self, a, -flow if b_dot is None else b_dot - flow)]

    def vjp(
        self,
        primals: Sequence[Any],
        outputs: Sequence[Any],
        cotangents: Sequence[Any],
        wanted: Sequence[bool],
    ) -> Sequence[Any]:
        back = SolveTriangular(not self.lower, self.unit)
        b_bar = bind(back, transposed(primals[0]), cotangents[0])
        a_bar = self._triangle(-b_bar @ transposed(outputs[0])) if wanted[0] else None
        return [a_bar, b_bar]


def solve_triangular(a: Any, b: Any, lower: bool, unit: bool = False) -> Any:
    """T^-1 B, T the lower or upper triangle of A, for each matrix."""
    return bind(SolveTriangular(lower, unit), a, b)
