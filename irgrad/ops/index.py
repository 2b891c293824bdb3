"""Indexing by arrays of integers: `gather` and `scatter_add` are each other's transpose,
`update_at` replaces elements; `nonzero` turns masks into indices.

Negative indices count from the end; an index outside its axis is an `IndexOutOfBounds` when the
program runs, never a silent clamp. All index arrays of one op have the same shape S."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from irgrad.errors import DTypeError, IndexOutOfBounds, ShapeError
from irgrad.ir.op import Array, register
from irgrad.ir.types import BOOL, I64, ArrayType, Shape, drop_axes
from irgrad.ops.base import Flat, after, bind
from irgrad.ops.batching import example_index, spread
from irgrad.ops.create import iota
from irgrad.ops.linear import Linear, full, reshape, zeros_like
from irgrad.ops.select import WHERE


def check_indices(
    name: str, axes: tuple[int, ...], shape: Shape, indices: Sequence[ArrayType]
) -> Shape:
    """The common shape S of the index arrays, one for each of the distinct `axes`."""
    if len(set(axes)) != len(axes) or any(not 0 <= axis < len(shape) for axis in axes):
        raise ShapeError(f"{name}: axes {axes} are not distinct axes of shape {shape}")
    if not axes or len(indices) != len(axes):
        raise ShapeError(f"{name}: {len(axes)} axes need as many index arrays, got {len(indices)}")
    for index in indices:
        if index.dtype.kind not in "iu":
            raise DTypeError(f"{name}: an index must be of integers, got {index}")
        if index.shape != indices[0].shape:
            raise ShapeError(f"{name}: index arrays {indices[0]} and {index} differ in shape")
    return indices[0].shape


def in_front(axes: tuple[int, ...], ndim: int) -> tuple[int, ...]:
    """The permutation that brings `axes` to the front."""
    return (*axes, *(axis for axis in range(ndim) if axis not in axes))


def check_bounds(first: int, axes: tuple[int, ...], shape: Shape, indices: Sequence[Array]) -> None:
    """An `IndexOutOfBounds` for the first index outside its axis; the indices are the operands from
    `first` on.
    """
    for operand, (axis, index) in enumerate(zip(axes, indices, strict=True), first):
        extent = shape[axis]
        wrong = index[(index < -extent) | (index >= extent)]
        if wrong.size:
            raise IndexOutOfBounds.of(int(wrong.flat[0]), axis, extent, operand)


def places(indices: Sequence[Array]) -> tuple[Array, ...]:
    """What NumPy is to index with: it would make negative numbers of unsigned ones that are too
    large, and take elements from the end.
    """
    most = np.iinfo(np.intp).max
    return tuple(
        np.minimum(index, most).astype(np.intp) if index.dtype == np.uint64 else index
        for index in indices
    )


@register("gather")
class Gather(Linear):
    """`result[s, rest] = x[..., i1[s], ..., ik[s], ...]`: axes not indexed come last."""

    axes: tuple[int, ...]

    def differentiable(self, operand: int) -> bool:
        return operand == 0

    def result_types(self, *operands: ArrayType) -> tuple[ArrayType, ...]:
        x, *indices = operands
        shape = check_indices("gather", self.axes, x.shape, indices)
        return (ArrayType(x.dtype, shape + drop_axes(x.shape, self.axes)),)

    def reference(self, *operands: Array) -> Array:
        x, *indices = operands
        try:
            picked = x.transpose(in_front(self.axes, x.ndim))[places(indices)]
        except IndexError:
            check_bounds(1, self.axes, x.shape, indices)
            raise
        return picked if indices[0].ndim else np.array(picked)

    def batch(self, operands: Sequence[Any], batched: Sequence[bool]) -> Sequence[Any]:
        (x, *indices), axes = operands, self.axes
        if not any(batched[1:]):
            return [np.moveaxis(gather(x, after(axes), indices), indices[0].ndim, 0)]
        indices = spread(indices, batched[1:])
        if not batched[0]:
            return [gather(x, axes, indices)]
        return [gather(x, (0, *after(axes)), [example_index(indices[0]), *indices])]

    def transpose(self, operand: int, cotangent: Any, primals: Sequence[Any]) -> Any:
        x, *indices = primals
        return scatter_add(cotangent, self.axes, x.shape, indices)

    def overwrite(self, x: Any, y: Any, *places: Any) -> Any:
        """Of a window, whose places are distinct."""
        return update_at(x, y, self.axes, places, distinct=True)


@register("scatter_add")
class ScatterAdd(Linear):
    """Zeros with updates added at `[..., i1[s], ..., ik[s], ...]`; equal places add up."""

    axes: tuple[int, ...]
    shape: tuple[int, ...]

    def differentiable(self, operand: int) -> bool:
        return operand == 0

    def result_types(self, *operands: ArrayType) -> tuple[ArrayType, ...]:
        updates, *indices = operands
        places = check_indices("scatter_add", self.axes, self.shape, indices)
        expected = places + drop_axes(self.shape, self.axes)
        if updates.shape != expected:
            raise ShapeError(f"scatter_add: updates of shape {expected} fit, got {updates}")
        return (ArrayType(updates.dtype, self.shape),)

    def reference(self, *operands: Array) -> Array:
        updates, *indices = operands
        result = np.zeros(self.shape, updates.dtype)
        try:
            np.add.at(result.transpose(in_front(self.axes, result.ndim)), places(indices), updates)
        except IndexError:
            check_bounds(1, self.axes, self.shape, indices)
            raise
        return result

    def batch(self, operands: Sequence[Any], batched: Sequence[bool]) -> Sequence[Any]:
        updates, *indices = operands
        if not any(batched[1:]):
            updates = np.moveaxis(updates, 0, indices[0].ndim)
            shape = (updates.shape[indices[0].ndim], *self.shape)
            return [scatter_add(updates, after(self.axes), shape, indices)]
        updates, *indices = spread(operands, batched)
        places = [example_index(indices[0]), *indices]
        return [
            scatter_add(updates, (0, *after(self.axes)), (updates.shape[0], *self.shape), places)
        ]

    def transpose(self, operand: int, cotangent: Any, primals: Sequence[Any]) -> Any:
        return gather(cotangent, self.axes, primals[1:])


@register("update_at")
class UpdateAt(Linear):
    """`x` after `x[..., i1[s], ..., ik[s], ...] = y[s, rest]`, as a new version of `x`.

    Where a place stands twice among the indices, the later element stays, and it alone has a
    cotangent; `distinct` says that none does. The cotangent of `x` has zeros in all the places."""

    axes: tuple[int, ...]
    distinct: bool

    def differentiable(self, operand: int) -> bool:
        return operand < 2

    def result_types(self, *operands: ArrayType) -> tuple[ArrayType, ...]:
        x, y, *indices = operands
        shape = check_indices("update_at", self.axes, x.shape, indices)
        if x.dtype != y.dtype:
            raise DTypeError(f"update_at: {x} and {y} differ in dtype", hint="insert astype")
        expected = shape + drop_axes(x.shape, self.axes)
        if y.shape != expected:
            raise ShapeError(f"update_at: elements of shape {expected} fit, got {y}")
        return (x,)

    def reference(self, *operands: Array) -> Array:
        x, *rest = operands
        return self.write(x.copy(), *rest)

    def write(self, x: Array, y: Array, *indices: Array) -> Array:
        """`x` itself, changed."""
        try:
            x.transpose(in_front(self.axes, x.ndim))[places(indices)] = y
        except IndexError:
            check_bounds(2, self.axes, x.shape, indices)
            raise
        return x

    def batch(self, operands: Sequence[Any], batched: Sequence[bool]) -> Sequence[Any]:
        x, y, *indices = operands
        if any(batched[2:]):
            x, y, *indices = spread(operands, batched)
            op = UpdateAt((0, *after(self.axes)), self.distinct)
            return [bind(op, x, y, example_index(indices[0]), *indices)]
        x, y = spread([x, y], batched[:2])
        y = np.moveaxis(y, 0, indices[0].ndim)
        return [bind(UpdateAt(after(self.axes), self.distinct), x, y, *indices)]

    def transpose(self, operand: int, cotangent: Any, primals: Sequence[Any]) -> Any:
        x, y, *indices = primals
        if operand == 0:
            return bind(self, cotangent, zeros_like(y), *indices)
        there = gather(cotangent, self.axes, indices)
        if self.distinct:
            return there
        stays = last_at(indices, [x.shape[axis] for axis in self.axes])
        beside = reshape(stays, stays.shape + (1,) * (y.ndim - stays.ndim))
        return bind(WHERE, beside, there, zeros_like(y))


def last_at(indices: Sequence[Any], shape: Sequence[int]) -> Any:
    """Where no later element of the index arrays names the same place."""
    places = indices[0].shape
    order = reshape(iota(indices[0], I64, (math.prod(places),), 0), places)
    unwritten = full(indices[0], tuple(shape), np.int64(-1))
    axes = tuple(range(len(shape)))
    board = bind(UpdateAt(axes, False), unwritten, order, *indices)
    return gather(board, axes, indices) == order


@register("nonzero")
class Nonzero(Flat):
    """The flat (C order) indices of the true places of a mask that has exactly `count` of them."""

    count: int

    def result_types(self, *operands: ArrayType) -> tuple[ArrayType, ...]:
        (mask,) = operands
        if mask.dtype != BOOL:
            raise DTypeError(f"nonzero takes a bool array, got {mask}")
        if not 0 <= self.count <= mask.size:
            raise ShapeError(f"nonzero: {mask} cannot have {self.count} true places")
        return (ArrayType(I64, (self.count,)),)

    def reference(self, *operands: Array) -> Array:
        places = np.flatnonzero(operands[0]).astype(I64, copy=False)
        if places.size != self.count:
            raise ShapeError(
                f"nonzero: the mask has {places.size} true places, "
                f"the program was compiled for {self.count}",
                hint="compile again after changing the mask, or use np.where(mask, a, b)",
            )
        return places


def gather(x: Any, axes: Sequence[int], indices: Sequence[Any]) -> Any:
    """`x` indexed on `axes` by integer arrays of one shape."""
    return bind(Gather(tuple(axes)), x, *indices)


def scatter_add(
    updates: Any, axes: Sequence[int], shape: Sequence[int], indices: Sequence[Any]
) -> Any:
    """`updates` accumulated into zeros of `shape`."""
    return bind(ScatterAdd(tuple(axes), tuple(shape)), updates, *indices)


def update_at(
    x: Any, y: Any, axes: Sequence[int], indices: Sequence[Any], distinct: bool = False
) -> Any:
    """`x` with `y` at places of `axes` given by integer arrays of one shape."""
    return bind(UpdateAt(tuple(axes), distinct), x, y, *indices)
