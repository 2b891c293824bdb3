"""`loop`: a region run for each position of an axis, or a number of times. `scan`, `fori_loop` and
`map` all become this one op, and so do the adjoints of loops of every kind."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, TypeVar

import numpy as np

from irgrad.errors import ShapeError
from irgrad.ir.evaluate import planned
from irgrad.ir.graph import Graph
from irgrad.ir.op import Array, register
from irgrad.ir.types import DYNAMIC, ArrayType
from irgrad.ops.region import (
    INDEX,
    Structured,
    carried_names,
    check_index,
    check_inputs,
    check_outputs,
    check_static,
    results,
    stacked,
    unlimited,
)

T = TypeVar("T")


class Groups(NamedTuple):
    """The operands of a loop (or what goes with each), by what they are for."""

    trips: list[Any]
    carried: list[Any]
    scanned: list[Any]
    fixed: list[Any]


@register("loop")
class Loop(Structured):
    """n steps of `body`, at the positions i = 0, 1, ..., n - 1, with `backward` n - 1, ..., 0.

    Operands: the trip count n, an i64[] (only where `length` is None; below 0 it means 0), then
    `carried` initial values, then `scanned` arrays of which step i gets `x[i]`, and the rest are
    fixed for all steps. The body takes (i, carried, slices, fixed) and gives (carried, rows). The
    results are the carried values after the last step, and then for each row an array that has the
    row of step i at i.

    `replay` says that an adjoint runs these steps again rather than keep what it needs of them.

    Where the trip count is an operand, the extent of scanned and stacked arrays is dynamic. A body
    reads no memory but its inputs, and a carried value's type is the same before and after a step,
    so a backend may keep carried values in registers and update arrays in place."""

    carried: int
    scanned: int
    length: int | None
    backward: bool
    replay: bool
    body: Graph

    @property
    def first(self) -> int:
        """The position of the first carried operand."""
        return 1 if self.length is None else 0

    def groups(self, operands: Sequence[T]) -> Groups:
        """`operands` (or something for each of them) by what they are for."""
        a = self.first
        b = a + self.carried
        c = b + self.scanned
        return Groups(*map(list, (operands[:a], operands[a:b], operands[b:c], operands[c:])))

    def result_types(self, *operands: ArrayType) -> tuple[ArrayType, ...]:
        if min(self.carried, self.scanned) < 0 or (self.length is not None and self.length < 0):
            raise ShapeError("loop: a number of operands or steps is negative")
        if len(operands) < self.first + self.carried + self.scanned:
            raise ShapeError(f"loop: {len(operands)} operands are too few")
        groups = self.groups(operands)
        for type in groups.trips:
            check_index("loop: the trip count", type)
        extent = DYNAMIC if self.length is None else self.length
        for type in groups.scanned:
            if type.shape[:1] != (extent,):
                wanted = "a dynamic extent" if self.length is None else f"extent {extent}"
                raise ShapeError(f"loop: {type} is scanned, its first axis must have {wanted}")
        slices = [ArrayType(type.dtype, type.shape[1:]) for type in groups.scanned]
        inputs = [INDEX, *groups.carried, *slices, *groups.fixed]
        check_static("loop", inputs)
        check_inputs("loop: the body", self.body, inputs)
        check_static("loop", self.body.output_types)
        check_outputs("loop: the body", self.body, groups.carried)
        rows = self.body.output_types[self.carried :]
        return (*groups.carried, *(stacked(type, self.length) for type in rows))

    def result_names(self) -> list[str]:
        state = carried_names(self.body, 1, self.carried)
        return [*state, *self.body.output_names[self.carried :]]

    def remark(self) -> str:
        return unlimited(self.body, self.carried) if self.length is None else ""

    def reference(self, *operands: Array) -> Any:
        return run(self, planned(self.body), operands)


def run(op: Loop, body: Any, operands: Sequence[Array]) -> Any:
    """The meaning of a loop, its body given as a function from a list of arrays to a list."""
    trips, carried, scanned, fixed = op.groups(operands)
    steps = op.length if op.length is not None else max(0, int(trips[0]))
    rows = op.body.output_types[op.carried :]
    stacks = [np.empty((steps, *type.shape), type.dtype) for type in rows]
    for i in range(steps - 1, -1, -1) if op.backward else range(steps):
        out = body([np.asarray(i), *carried, *[x[i, ...] for x in scanned], *fixed])
        carried = out[: op.carried]
        for stack, row in zip(stacks, out[op.carried :], strict=True):
            stack[i] = row
    return results([*map(np.array, carried), *stacks])
