"""How ops make the sparsity pattern of their output from those of their operands. Where integers
decide it that are not known, a rule takes in all that they can pick."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import scipy.sparse as sp

from irgrad.autodiff.patterns import Rows, numbered, picked, sent, spread, tidy, union
from irgrad.autodiff.sparsity import Context, all_of, grouped, rule
from irgrad.ir.op import Array
from irgrad.ir.types import Shape, keep_axes
from irgrad.ops.accumulate import AddStacks
from irgrad.ops.call import Barrier
from irgrad.ops.cast import Astype, Conjugate, Imag, Real
from irgrad.ops.contract import Contract, split_spec
from irgrad.ops.elementwise import Elementwise
from irgrad.ops.index import Gather, ScatterAdd, UpdateAt
from irgrad.ops.linear import BroadcastTo, Reshape, Sum
from irgrad.ops.reduction import Max, Min, Prod
from irgrad.ops.scan import Cummax, Cummin, Cumprod, Cumsum, Recurrence
from irgrad.ops.select import Where
from irgrad.ops.shape import Concatenate, Flip, Pad, Slice, Transpose, UpdateSlice
from irgrad.ops.sorting import Sort

LARGEST_SCAN = 10**7
"""Entries in the triangle of a running sum; beyond that, all of a line depends on all of it."""


@rule(Elementwise)
def _elementwise(at: Context) -> Rows | None:
    return union([spread(pattern, at.shape(k), at.result) for k, pattern in enumerate(at.patterns)])


@rule(AddStacks)
def _stacked(at: Context) -> Rows | None:
    return union(at.patterns)


@rule(Reshape, Astype, Real, Imag, Conjugate, Barrier)
def _same(at: Context) -> Rows | None:
    return at.patterns[0]


@rule(BroadcastTo, Transpose, Slice, Flip, Pad, Concatenate, UpdateSlice)
def _moved(at: Context) -> Rows | None:
    """Ops that only move elements move the numbers of rows; 0 is the row of a padding zero."""
    return _by_reference(at, list(range(len(at.patterns))))


def _by_reference(at: Context, slots: Sequence[int], *, before: Sequence[Any] = ()) -> Rows | None:
    """The op's reference on numbers of rows in place of the operands in `slots`."""
    blocks: list[Rows] = [at.walk.empty(1)]
    numbers: list[Array] = []
    count = 1
    for slot in slots:
        operand = at.node.operands[slot]
        own = numbered(operand.type.shape)
        pattern = at.patterns[slot]
        if pattern is None:
            numbers.append(np.zeros_like(own))
            continue
        blocks.append(pattern)
        numbers.append(own + count)
        count += own.size
    after = [at.known(k) for k in range(len(before) + len(slots), len(at.patterns))]
    places = at.op.reference(*before, *numbers, *after)
    return picked(sp.vstack(blocks, format="csr"), places)


@rule(Where)
def _where(at: Context) -> Rows | None:
    condition = at.known(0)
    if condition is None:
        return _elementwise(at)
    return _by_reference(at, (1, 2), before=(condition,))


@rule(Gather)
def _gather(at: Context) -> Rows | None:
    indices = [at.known(k) for k in range(1, len(at.patterns))]
    if any(index is None for index in indices):
        return _along(at, at.op.axes, at.shape(0), at.patterns[0], _gathered)
    return _by_reference(at, (0,))


def _gathered(at: Context, rest: Array) -> Array:
    """Any element along the indexed axes may be what is picked."""
    lead = len(at.result) - rest.ndim
    return np.broadcast_to(rest.reshape((1,) * lead + rest.shape), at.result)


@rule(UpdateAt)
def _update_at(at: Context) -> Rows | None:
    if all(at.known(k) is not None for k in range(2, len(at.patterns))):
        return _by_reference(at, (0, 1))
    x, y = at.patterns[:2]
    if y is None:
        return x
    rest = numbered(tuple(n for k, n in enumerate(at.result) if k not in at.op.axes))
    written = sent(y, np.broadcast_to(rest, at.shape(1)), rest.size)
    places = np.broadcast_to(np.expand_dims(rest, tuple(sorted(at.op.axes))), at.result)
    return union([x, picked(written, places)])


@rule(ScatterAdd)
def _scatter_add(at: Context) -> Rows | None:
    pattern = at.patterns[0]
    indices: list[Any] = [at.known(k) for k in range(1, len(at.patterns))]
    if any(index is None for index in indices):
        return grouped(at, at.node.outputs[0], 1, all_of)
    places = Gather(at.op.axes).reference(numbered(at.result), *indices)
    return sent(pattern, places, at.node.types[0].size)


@rule(Sum, Prod, Max, Min)
def _reduced(at: Context) -> Rows | None:
    shape = at.shape(0)
    places = numbered(at.result).reshape(keep_axes(shape, at.op.axes))
    return sent(at.patterns[0], np.broadcast_to(places, shape), at.node.types[0].size)


@rule(Contract)
def _contract(at: Context) -> Rows | None:
    """Each element of the result depends on a line of each operand: all that the letters summed
    over range through.
    """
    left, right, result = split_spec(at.op.spec)
    parts: list[Rows | None] = []
    for slot, letters in enumerate((left, right)):
        pattern = at.patterns[slot]
        if pattern is None:
            continue
        extents = dict(zip(letters, at.shape(slot), strict=True))
        kept = [c for c in result if c in letters]
        numbers = numbered(tuple(extents[c] for c in kept))
        aligned = numbers.reshape([extents[c] if c in kept else 1 for c in result])
        inside = [kept.index(c) for c in letters if c in kept]
        lines = numbers.transpose(inside).reshape([extents[c] if c in kept else 1 for c in letters])
        united = sent(pattern, np.broadcast_to(lines, at.shape(slot)), numbers.size)
        parts.append(picked(united, np.broadcast_to(aligned, at.result)))
    return union(parts)


@rule(Cumsum, Cumprod, Cummax, Cummin, Recurrence)
def _running(at: Context) -> Rows | None:
    """Element i of a line depends on those up to i (or from i on)."""
    shape, axis = at.result, at.op.axis
    united = union(at.patterns)
    length = shape[axis]
    size = at.node.types[0].size
    if not size:
        return united
    if size * (length + 1) // 2 > LARGEST_SCAN:
        return _along(at, (axis,), shape, united, _line)
    lines = np.moveaxis(numbered(shape), axis, -1).reshape(-1, length)
    if getattr(at.op, "reverse", False):
        lines = lines[:, ::-1]
    later, earlier = np.tril_indices(length)
    rows, columns = lines[:, later].reshape(-1), lines[:, earlier].reshape(-1)
    ones = np.ones(rows.size, bool)
    return tidy(sp.csr_array((ones, (rows, columns)), shape=(size, size)) @ united)


@rule(Sort)
def _sorted(at: Context) -> Rows | None:
    return _along(at, (at.op.axis,), at.result, at.patterns[0], _line)


def _along(
    at: Context,
    axes: Sequence[int],
    shape: Shape,
    pattern: Rows,
    into: Callable[[Context, Array], Array],
) -> Rows:
    """All elements along `axes` together; `into` says where each such union goes."""
    rest = numbered(tuple(extent for axis, extent in enumerate(shape) if axis not in axes))
    lines = np.broadcast_to(np.expand_dims(rest, tuple(sorted(axes))), shape)
    return picked(sent(pattern, lines, rest.size), into(at, rest))


def _line(at: Context, rest: Array) -> Array:
    return np.broadcast_to(np.expand_dims(rest, at.op.axis), at.result)
