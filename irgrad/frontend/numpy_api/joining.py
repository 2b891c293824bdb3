"""Joining and cutting: concatenate, stack, block, split. Joined is a copy, cut a view."""

from __future__ import annotations

import itertools
import math
import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from irgrad.errors import ShapeError
from irgrad.frontend.numpy_api.shape import (
    atleast_1d,
    atleast_2d,
    atleast_3d,
    expand_dims,
    extents,
    matrix_transpose,
    ravel,
)
from irgrad.frontend.promote import any_traced, common_dtype, innermost, lift, lift_each
from irgrad.frontend.registry import implements
from irgrad.frontend.sharing import copies
from irgrad.ir.types import drop_axes, dtype_argument, normalize_axis
from irgrad.ops.base import bind
from irgrad.ops.linear import reshape
from irgrad.ops.shape import Concatenate, slice_axis


def same_dtype(arrays: Sequence[Any], dtype: Any = None) -> list[Any]:
    """The operands as traced arrays of their common dtype, or of the one given."""
    if not len(arrays):
        raise ShapeError("need at least one array to join, got none", hint="the list is empty")
    wanted = common_dtype(arrays) if dtype is None else dtype_argument(dtype)
    builder = innermost(arrays)
    return [lift(builder, array, wanted) for array in arrays]


@implements(np.concatenate)
@copies
def concatenate(
    arrays: Any,
    /,
    axis: int | None = 0,
    out: Any = None,
    *,
    dtype: Any = None,
    casting: str = "same_kind",
) -> Any:
    """`np.concatenate`."""
    listed = [_as_array(x) for x in arrays]
    parts = same_dtype(listed, dtype)
    if axis is None:
        parts, axis = [ravel(part) for part in parts], 0
    return joined(parts, axis, "concatenate")


def joined(parts: Sequence[Any], axis: int, name: str) -> Any:
    """Traced arrays of one dtype joined along an axis that they have."""
    first = parts[0]
    if not first.ndim:
        raise ShapeError(f"{name}: zero-dimensional arrays cannot be joined", hint="use np.stack")
    axis = normalize_axis(axis, first.ndim)
    for part in parts[1:]:
        if part.ndim != first.ndim or drop_axes(part.shape, (axis,)) != drop_axes(
            first.shape, (axis,)
        ):
            raise ShapeError(
                f"{name}: shapes {first.shape} and {part.shape} must agree but along axis {axis}",
                hint="give both as many axes, with x[:, None] or np.reshape"
                if part.ndim != first.ndim
                else "join along another axis, or np.broadcast_to one of them",
            )
    return first if len(parts) == 1 else bind(Concatenate(axis), *parts)


@implements(np.stack)
@copies
def stack(
    arrays: Any, axis: int = 0, out: Any = None, *, dtype: Any = None, casting: str = "same_kind"
) -> Any:
    """`np.stack`: joined along a new axis."""
    parts = same_dtype([_as_array(x, strong=True) for x in arrays], dtype)
    if any(part.shape != parts[0].shape for part in parts):
        listed = ", ".join(str(part.shape) for part in parts)
        raise ShapeError(
            f"stack: all arrays must have one shape, got {listed}",
            hint="np.concatenate joins arrays that differ along one axis, np.broadcast_arrays "
            "gives arrays one shape",
        )
    axis = normalize_axis(axis, parts[0].ndim + 1)
    return joined([expand_dims(part, axis) for part in parts], axis, "stack")


@implements(np.vstack)
@copies
def vstack(tup: Any, *, dtype: Any = None, casting: str = "same_kind") -> Any:
    """`np.vstack`."""
    return joined(same_dtype(_listed(atleast_2d, tup), dtype), 0, "vstack")


@implements(np.hstack)
@copies
def hstack(tup: Any, *, dtype: Any = None, casting: str = "same_kind") -> Any:
    """`np.hstack`: along the second axis, the first for 1-D arrays."""
    parts = same_dtype(_listed(atleast_1d, tup), dtype)
    return joined(parts, 0 if parts[0].ndim == 1 else 1, "hstack")


@implements(np.dstack)
@copies
def dstack(tup: Any) -> Any:
    """`np.dstack`: along the third axis."""
    return joined(same_dtype(_listed(atleast_3d, tup)), 2, "dstack")


@implements(np.column_stack)
@copies
def column_stack(tup: Any) -> Any:
    """`np.column_stack`: 1-D arrays become columns."""
    arrays = lift_all(tup)
    columns = [matrix_transpose(atleast_2d(x)) if x.ndim < 2 else x for x in arrays]
    return joined(same_dtype(columns), 1, "column_stack")


@implements(np.append)
@copies
def append(arr: Any, values: Any, axis: int | None = None) -> Any:
    """`np.append`."""
    parts = lift_each(arr, values)
    if axis is None:
        parts = [ravel(part) for part in parts]
    return joined(same_dtype(parts), 0 if axis is None else axis, "append")


@implements(np.block)
@copies
def block(arrays: Any) -> Any:
    """`np.block`: nested lists, the innermost joined along the last axis."""
    depth = _depth(arrays)
    leaves = list(_leaves(arrays))
    builder = innermost(leaves)
    ndim = max(depth, *(np.ndim(leaf) for leaf in leaves))

    def assemble(item: Any, level: int) -> Any:
        if not isinstance(item, list):
            (x,) = lift_each(lift(builder, item))
            return reshape(x, (1,) * (ndim - x.ndim) + x.shape)
        parts = [assemble(part, level + 1) for part in item]
        return joined(same_dtype(parts), ndim - depth + level, "block")

    return assemble(arrays, 0)


@implements(np.array_split)
def array_split(ary: Any, indices_or_sections: Any, axis: int = 0) -> list[Any]:
    """`np.array_split`: the first parts are one longer where the axis does not divide."""
    (ary,) = lift_each(ary)
    axis = normalize_axis(axis, ary.ndim)
    bounds = _bounds(indices_or_sections, ary.shape[axis])
    return [slice_axis(ary, axis, start, max(start, stop)) for start, stop in bounds]


@implements(np.split)
def split(ary: Any, indices_or_sections: Any, axis: int = 0) -> list[Any]:
    """`np.split`."""
    (ary,) = lift_each(ary)
    extent = ary.shape[normalize_axis(axis, ary.ndim)]
    if not hasattr(indices_or_sections, "__len__") and extent % indices_or_sections:
        raise ShapeError(
            f"split: size {extent} of axis {axis} does not divide by {indices_or_sections}",
            hint="use np.array_split",
        )
    return array_split(ary, indices_or_sections, axis)


@implements(np.hsplit)
def hsplit(ary: Any, indices_or_sections: Any) -> list[Any]:
    """`np.hsplit`: along the second axis, the first for a 1-D array."""
    return _split_along(ary, indices_or_sections, 0 if np.ndim(ary) == 1 else 1, 1)


@implements(np.vsplit)
def vsplit(ary: Any, indices_or_sections: Any) -> list[Any]:
    """`np.vsplit`: along the first axis."""
    return _split_along(ary, indices_or_sections, 0, 2)


@implements(np.dsplit)
def dsplit(ary: Any, indices_or_sections: Any) -> list[Any]:
    """`np.dsplit`: along the third axis."""
    return _split_along(ary, indices_or_sections, 2, 3)


@implements("unstack")
def unstack(x: Any, /, *, axis: int = 0) -> tuple[Any, ...]:
    """`np.unstack`: the subarrays along an axis."""
    if not np.ndim(x):
        raise ShapeError("unstack: the array must have at least one axis")
    axis = normalize_axis(axis, x.ndim)
    rest = drop_axes(x.shape, (axis,))
    return tuple(reshape(slice_axis(x, axis, i, i + 1), rest) for i in range(x.shape[axis]))


@implements(np.resize)
@copies
def resize(a: Any, new_shape: Any) -> Any:
    """`np.resize`: the elements over and over, as many as fit."""
    shape = extents(new_shape)
    (a,) = lift_each(a)
    flat, wanted = ravel(a), math.prod(shape)
    if not flat.size or not wanted:
        return np.zeros_like(a, shape=shape)
    rounds = -(-wanted // flat.size)
    repeated = flat if rounds == 1 else bind(Concatenate(0), *[flat] * rounds)
    return reshape(slice_axis(repeated, 0, 0, wanted), shape)


def lift_all(arrays: Any) -> list[Any]:
    """The items of a sequence of arrays (or of an array, along its first axis) as traced arrays."""
    return lift_each(*arrays)


def _listed(at_least: Any, arrays: Any) -> list[Any]:
    result = at_least(*arrays)
    return list(result) if isinstance(result, tuple) else [result]


def _as_array(x: Any, strong: bool = False) -> Any:
    """`x` as an array; a Python number stays one, to promote weakly, unless `strong`."""
    if any_traced(x):
        return lift_each(x)[0] if strong or isinstance(x, (list, tuple)) else x
    return np.asarray(x) if strong or isinstance(x, (list, tuple)) else x


def _depth(arrays: Any) -> int:
    if isinstance(arrays, tuple):
        raise ShapeError("block: nested lists are expected, got a tuple")
    if not isinstance(arrays, list):
        return 0
    depths = {_depth(item) for item in arrays}
    if len(depths) != 1:
        raise ShapeError("block: lists must be nested to one depth, and none may be empty")
    return 1 + depths.pop()


def _leaves(arrays: Any) -> Any:
    return (
        itertools.chain.from_iterable(map(_leaves, arrays))
        if isinstance(arrays, list)
        else [arrays]
    )


def _bounds(indices_or_sections: Any, extent: int) -> list[tuple[int, int]]:
    """Start and stop of each part of an axis."""
    if hasattr(indices_or_sections, "__len__"):
        cuts = [0, *(operator.index(i) for i in indices_or_sections), extent]
        return [slice(a, b).indices(extent)[:2] for a, b in itertools.pairwise(cuts)]
    count = operator.index(indices_or_sections)
    if count <= 0:
        raise ShapeError("number of parts must be larger than 0")
    size, longer = divmod(extent, count)
    ends = [i * size + min(i, longer) for i in range(count + 1)]
    return list(itertools.pairwise(ends))


def _split_along(ary: Any, indices_or_sections: Any, axis: int, least: int) -> list[Any]:
    if np.ndim(ary) < least:
        raise ShapeError(f"this split needs an array with {least} or more axes, got {np.ndim(ary)}")
    return split(ary, indices_or_sections, axis)
