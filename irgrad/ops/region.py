"""What ops with regions share: checks of a region's types against the operands that it gets, and
running it.

A region is a plain Graph without captured inputs: all that it reads comes in through its inputs,
so a backend lowers it like any graph. Neither its inputs nor its outputs have dynamic extents."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from irgrad.errors import DTypeError, ShapeError
from irgrad.ir.graph import Graph
from irgrad.ir.op import Array, Op
from irgrad.ir.types import DYNAMIC, I64, ArrayType

INDEX = ArrayType(I64, ())
"""The type of trip counts, of positions in a loop, and of selectors among several branches."""


class Structured(Op):
    """An op with regions. Its derivatives are those of its regions, which `irgrad.autodiff` makes:
    the op itself says what it means and how its operands are laid out.
    """

    def result_types(self, *operands: ArrayType) -> tuple[ArrayType, ...]:
        raise NotImplementedError


def carried_names(body: Graph, first: int, count: int) -> list[str]:
    """What `count` carried values are called, of which the `first` input of `body` is the first:
    as the body calls what it gives, or what it gets where that is just a result.
    """
    before, after = body.inputs[first : first + count], body.output_names[:count]
    return [
        value.name or name if name.split(".")[0] == "out" else name
        for value, name in zip(before, after, strict=True)
    ]


def check_inputs(what: str, region: Graph, types: Sequence[ArrayType]) -> None:
    """A `ShapeError` unless the inputs of a region have exactly these types."""
    _check(f"{what} @{region.name} takes", region.input_types, types)
    if region.captured:
        raise ShapeError(
            f"{what} @{region.name} has captured inputs; a region gets all as operands"
        )


def check_outputs(what: str, region: Graph, types: Sequence[ArrayType]) -> None:
    """A `ShapeError` unless the first outputs of a region have exactly these types."""
    _check(f"{what} @{region.name} gives", region.output_types[: len(types)], types)


def check_static(what: str, types: Sequence[ArrayType]) -> None:
    """A `ShapeError` where a type has a dynamic extent."""
    for type in types:
        if type.is_dynamic:
            raise ShapeError(f"{what}: {type} has an extent that is known only when it runs")


def check_index(what: str, type: ArrayType) -> None:
    """A `DTypeError` unless `type` is that of a trip count."""
    if type != INDEX:
        raise DTypeError(f"{what} must be {INDEX}, got {type}")


def _check(what: str, got: Sequence[ArrayType], expected: Sequence[ArrayType]) -> None:
    if tuple(got) == tuple(expected):
        return
    if len(got) != len(expected):
        raise ShapeError(f"{what} {len(got)} values, expected {len(expected)}")
    place = next(k for k, (a, b) in enumerate(zip(got, expected, strict=True)) if a != b)
    raise ShapeError(f"{what} {got[place]} as value {place}, expected {expected[place]}")


def stacked(type: ArrayType, length: int | None) -> ArrayType:
    """The type of `length` values of one type along a new first axis; None is a dynamic extent."""
    return ArrayType(type.dtype, (DYNAMIC if length is None else length, *type.shape))


FIRST, SEGMENT, AGAIN = "first", "segment", "again"
"""What follows the name of a loop's body, where it stands for a part of one: for the first steps,
for segments, for the steps of a segment."""
_REMARKS = {
    None: "a tape has as many rows as there are steps: no tape_budget is kept",
    FIRST: "a tape of as many steps as take half of the tape_budget; all others run in segments",
    SEGMENT: "a tape has a row for each segment of steps, which an adjoint runs again",
    AGAIN: "a tape has as many rows as a segment has steps",
}


def part_of(body: Graph) -> str | None:
    """Which part of a loop a body stands for that has been cut to keep a budget, if it does."""
    words = body.name.split(".")[1:]
    return next((word for word in reversed(words) if word in _REMARKS), None)


def unlimited(body: Graph, carried: int) -> str:
    """The remark on a loop whose number of steps is known when it runs, about those of its rows
    that a derivative keeps.
    """
    if not any(name.endswith(".tape") for name in body.output_names[carried:]):
        return ""
    return _REMARKS[part_of(body)]


def stack(rows: Sequence[Array], type: ArrayType) -> Array:
    """Rows of a type along a new first axis; none give an empty array."""
    result = np.empty((len(rows), *type.shape), type.dtype)
    for place, row in enumerate(rows):
        result[place] = row
    return result


def results(arrays: Sequence[Array]) -> Array | tuple[Array, ...]:
    """What a reference returns: one array, or a tuple."""
    return arrays[0] if len(arrays) == 1 else tuple(arrays)
