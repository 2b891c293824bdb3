"""Systems of linear equations: `solve` and `inv`. A singular matrix is NumPy's LinAlgError."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from irgrad.ir.op import Array, register_instance
from irgrad.ir.types import ArrayType
from irgrad.ops.base import bind
from irgrad.ops.linalg.matrix import Stacked, System, check_square, check_system, transposed


class Solve(System):
    """X = A^-1 B for square A (..., n, n) and B (..., n, k) with the same leading axes.

    X_dot = A^-1 (B_dot - A_dot X); B_bar = A^-T X_bar, A_bar = -B_bar X^T (Giles 2008, 2.3.1)."""

    name = "solve"

    def result_types(self, *operands: ArrayType) -> tuple[ArrayType, ...]:
        a, b = operands
        check_system("solve", a, b)
        return (b,)

    def reference(self, *operands: Array) -> Array:
        return np.linalg.solve(*operands)

    def jvp(
        self, primals: Sequence[Any], outputs: Sequence[Any], tangents: Sequence[Any]
    ) -> Sequence[Any]:
        (a, _), (a_dot, b_dot), (x,) = primals, tangents, outputs
        if a_dot is None:
            return [solve(a, b_dot)]
        flow = a_dot @ x
        return [solve(a, -flow if b_dot is None else b_dot - flow)]

    def vjp(
        self,
        primals: Sequence[Any],
        outputs: Sequence[Any],
        cotangents: Sequence[Any],
        wanted: Sequence[bool],
    ) -> Sequence[Any]:
        b_bar = solve(transposed(primals[0]), cotangents[0])
        return [-b_bar @ transposed(outputs[0]) if wanted[0] else None, b_bar]


class Inv(Stacked):
    """Y = A^-1.

    Y_dot = -Y A_dot Y; A_bar = -Y^T Y_bar Y^T (Giles 2008, 2.2.3)."""

    name = "inv"

    def result_types(self, *operands: ArrayType) -> tuple[ArrayType, ...]:
        check_square("inv", operands[0])
        return operands

    def reference(self, *operands: Array) -> Array:
        return np.linalg.inv(operands[0])

    def jvp(
        self, primals: Sequence[Any], outputs: Sequence[Any], tangents: Sequence[Any]
    ) -> Sequence[Any]:
        (y,) = outputs
        return [-(y @ tangents[0] @ y)]

    def vjp(
        self,
        primals: Sequence[Any],
        outputs: Sequence[Any],
        cotangents: Sequence[Any],
        wanted: Sequence[bool],
    ) -> Sequence[Any]:
        y = transposed(outputs[0])
        return [-(y @ cotangents[0] @ y)]


SOLVE, INV = map(register_instance, (Solve(), Inv()))


def solve(a: Any, b: Any) -> Any:
    """A^-1 B, for each matrix."""
    return bind(SOLVE, a, b)


def inv(a: Any) -> Any:
    """A^-1, for each matrix."""
    return bind(INV, a)
