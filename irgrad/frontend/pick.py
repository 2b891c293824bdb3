"""Choosing along one axis by indices known while lowering, in the cheapest ops that do it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from irgrad.ops.base import bind
from irgrad.ops.index import gather
from irgrad.ops.linear import broadcast_to
from irgrad.ops.shape import Concatenate, Flip, slice_axis, transpose

MOST_RUNS = 8
"""With more runs than this, one gather is cheaper than slices joined."""


class Run(NamedTuple):
    """Indices first, first + step, ..., `length` of them."""

    first: int
    step: int
    length: int


def pick(x: Any, axis: int, indices: Sequence[int] | np.ndarray[Any, Any]) -> Any:
    """`np.take(x, indices, axis)` for non-negative static indices inside the axis."""
    listed = np.asarray(indices, np.int64)
    runs = list(runs_of(listed.tolist()))
    if len(runs) > MOST_RUNS:
        return gather_axis(x, axis, constant(x, listed))
    parts = [_run(x, axis, run) for run in runs] or [slice_axis(x, axis, 0, 0)]
    return parts[0] if len(parts) == 1 else bind(Concatenate(axis), *parts)


def gather_axis(x: Any, axis: int, indices: Any) -> Any:
    """`np.take(x, indices, axis)` by a traced integer array of any shape."""
    rest = [a for a in range(x.ndim) if a != axis]
    lead = indices.ndim
    order = [*range(lead, lead + axis), *range(lead), *range(lead + axis, lead + len(rest))]
    return transpose(gather(x, (axis,), [indices]), order)


def constant(like: Any, array: np.ndarray[Any, Any]) -> Any:
    """An array as a constant of the graph that `like` belongs to."""
    return like.builder.wrap(like.builder, like.builder.constant(array))


def runs_of(indices: Sequence[int]) -> Iterator[Run]:
    """The indices cut into arithmetic runs; a pair is a run only where it steps by at most one."""
    start = 0
    while start < len(indices):
        end = start + 1
        step = indices[end] - indices[start] if end < len(indices) else 1
        while end < len(indices) and indices[end] - indices[end - 1] == step:
            end += 1
        if end - start == 2 and abs(step) > 1:
            end, step = start + 1, 1
        yield Run(indices[start], step, end - start)
        start = end


def _run(x: Any, axis: int, run: Run) -> Any:
    first, step, count = run
    if step == 0:
        shape = (*x.shape[:axis], count, *x.shape[axis + 1 :])
        return broadcast_to(slice_axis(x, axis, first, first + 1), shape)
    if step > 0:
        return slice_axis(x, axis, first, first + (count - 1) * step + 1, step)
    return bind(Flip((axis,)), slice_axis(x, axis, first + (count - 1) * step, first + 1, -step))
