"""`while`: a region run for as long as a condition holds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from irgrad.errors import DTypeError
from irgrad.ir.evaluate import planned
from irgrad.ir.graph import Graph
from irgrad.ir.op import Array, register
from irgrad.ir.types import BOOL, ArrayType
from irgrad.ops.region import (
    INDEX,
    Structured,
    carried_names,
    check_inputs,
    check_outputs,
    check_static,
    results,
    stack,
    stacked,
    unlimited,
)


@register("while")
class While(Structured):
    """Steps of `body` while `condition` holds.

    Operands: `carried` initial values, the rest is fixed. The condition takes (carried, fixed) and
    gives a bool[]; the body takes (carried, fixed) and gives (carried, rows). The results are the
    carried values when the condition first fails, the number of steps as an i64[], and for each
    row an array with a row for each step: its first extent is dynamic, and it grows as the loop
    runs. Rows are what a derivative keeps of the steps; a loop as written has none."""

    carried: int
    condition: Graph
    body: Graph

    def result_types(self, *operands: ArrayType) -> tuple[ArrayType, ...]:
        state = operands[: self.carried]
        check_static("while", operands)
        check_inputs("while: the condition", self.condition, operands)
        check_inputs("while: the body", self.body, operands)
        if self.condition.output_types != (ArrayType(BOOL, ()),):
            got = ", ".join(map(str, self.condition.output_types))
            raise DTypeError(f"while: the condition must give one bool[], got {got}")
        check_static("while", self.body.output_types)
        check_outputs("while: the body", self.body, state)
        rows = self.body.output_types[self.carried :]
        return (*state, INDEX, *(stacked(type, None) for type in rows))

    def result_names(self) -> list[str]:
        state = carried_names(self.body, 0, self.carried)
        return [*state, "steps", *self.body.output_names[self.carried :]]

    def remark(self) -> str:
        return unlimited(self.body, self.carried)

    def reference(self, *operands: Array) -> Any:
        return run(self, planned(self.condition), planned(self.body), operands)


def run(op: While, condition: Any, body: Any, operands: Sequence[Array]) -> Any:
    """The meaning of a while loop, its regions given as functions from lists of arrays to lists."""
    state, fixed = list(operands[: op.carried]), operands[op.carried :]
    tapes: list[list[Array]] = [[] for _ in op.body.outputs[op.carried :]]
    steps = 0
    while condition([*state, *fixed])[0]:
        out = body([*state, *fixed])
        state = out[: op.carried]
        for tape, row in zip(tapes, out[op.carried :], strict=True):
            tape.append(row)
        steps += 1
    types = op.body.output_types[op.carried :]
    rows = [stack(tape, type) for tape, type in zip(tapes, types, strict=True)]
    return results([*map(np.array, state), np.asarray(steps), *rows])
