"""`cond`: one of several regions, chosen when the program runs."""

from __future__ import annotations

from typing import Any

import numpy as np

from irgrad.errors import DTypeError, ShapeError
from irgrad.ir.evaluate import planned
from irgrad.ir.graph import Graph
from irgrad.ir.op import Array, register
from irgrad.ir.types import BOOL, ArrayType
from irgrad.ops.region import (
    INDEX,
    Structured,
    check_inputs,
    check_outputs,
    check_static,
    results,
)


@register("cond")
class Cond(Structured):
    """The branch that the first operand selects, applied to the other operands.

    A bool[] selects among two branches, of which the first stands for False; an i64[] selects by
    number, clamped to the branches that there are. All branches take the same types and give the
    same types; only the selected one runs."""

    branches: tuple[Graph, ...]

    def result_types(self, *operands: ArrayType) -> tuple[ArrayType, ...]:
        if not operands or operands[0] not in (ArrayType(BOOL, ()), INDEX):
            got = operands[0] if operands else "nothing"
            raise DTypeError(f"cond: the selector must be bool[] or i64[], got {got}")
        if not self.branches or (operands[0].dtype == BOOL and len(self.branches) != 2):
            raise ShapeError(f"cond: {operands[0]} does not select among {len(self.branches)}")
        check_static("cond", operands)
        first = self.branches[0].output_types
        check_static("cond", first)
        for branch in self.branches:
            check_inputs("cond: the branch", branch, operands[1:])
            check_outputs("cond: the branch", branch, first)
            if len(branch.outputs) != len(first):
                raise ShapeError(f"cond: @{branch.name} gives {len(branch.outputs)} values")
        return first

    def result_names(self) -> tuple[str, ...]:
        return self.branches[0].output_names

    def reference(self, *operands: Array) -> Any:
        branch = self.branches[selected(operands[0], len(self.branches))]
        return results([np.array(x) for x in planned(branch)(operands[1:])])


def selected(selector: Array, count: int) -> int:
    """The number of the branch that a selector means."""
    return min(max(int(selector), 0), count - 1)
