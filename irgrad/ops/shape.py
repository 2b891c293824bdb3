"""Moving elements about: transpose, slice and pad, update_slice, flip, concatenate.

All are linear, and each stands beside its transpose.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from irgrad.errors import DTypeError, ShapeError
from irgrad.ir.op import Array, register
from irgrad.ir.types import ArrayType, slice_extent
from irgrad.ops.base import AlongAxes, after, bind
from irgrad.ops.batching import spread
from irgrad.ops.linear import Linear, zeros_like


@register("transpose")
class Transpose(Linear):
    """Axis i of the result is axis `axes[i]` of the operand; transposed by the inverse
    permutation.
    """

    is_view = is_window = True
    axes: tuple[int, ...]

    def result_types(self, *operands: ArrayType) -> tuple[ArrayType, ...]:
        (x,) = operands
        if sorted(self.axes) != list(range(x.ndim)):
            raise ShapeError(
                f"transpose: axes {self.axes} are not a permutation of the axes of {x}"
            )
        return (ArrayType(x.dtype, tuple(x.shape[axis] for axis in self.axes)),)

    def reference(self, *operands: Array) -> Array:
        return operands[0].transpose(self.axes)

    def batch(self, operands: Sequence[Any], batched: Sequence[bool]) -> Sequence[Any]:
        return [bind(Transpose((0, *after(self.axes))), *operands)]

    def transpose(self, operand: int, cotangent: Any, primals: Sequence[Any]) -> Any:
        return self.overwrite(primals[0], cotangent)

    def overwrite(self, x: Any, y: Any, *places: Any) -> Any:
        return transpose(y, tuple(self.axes.index(axis) for axis in range(len(self.axes))))


@register("slice")
class Slice(Linear):
    """`x[start:stop:step, ...]` with bounds inside the array and positive steps; transposed by
    `pad`.
    """

    is_view = is_window = True
    start: tuple[int, ...]
    stop: tuple[int, ...]
    step: tuple[int, ...]

    def result_types(self, *operands: ArrayType) -> tuple[ArrayType, ...]:
        (x,) = operands
        bounds = (self.start, self.stop, self.step)
        if any(len(bound) != x.ndim for bound in bounds):
            raise ShapeError(f"slice: {x} has {x.ndim} axes, got bounds {bounds}")
        for axis, (start, stop, step) in enumerate(zip(*bounds, strict=True)):
            if not (0 <= start <= x.shape[axis] and 0 <= stop <= x.shape[axis] and step > 0):
                raise ShapeError(f"slice: {start}:{stop}:{step} is not inside axis {axis} of {x}")
        return (ArrayType(x.dtype, tuple(map(slice_extent, *bounds))),)

    def reference(self, *operands: Array) -> Array:
        return operands[0][tuple(map(slice, self.start, self.stop, self.step))]

    def batch(self, operands: Sequence[Any], batched: Sequence[bool]) -> Sequence[Any]:
        (x,) = operands
        return [bind(Slice((0, *self.start), (x.shape[0], *self.stop), (1, *self.step)), x)]

    def transpose(self, operand: int, cotangent: Any, primals: Sequence[Any]) -> Any:
        high = tuple(
            extent - (start + (count - 1) * step + 1) if count else extent - start
            for extent, start, step, count in zip(
                primals[0].shape, self.start, self.step, cotangent.shape, strict=True
            )
        )
        return pad(cotangent, self.start, high, tuple(step - 1 for step in self.step))

    def overwrite(self, x: Any, y: Any, *places: Any) -> Any:
        return update_slice(x, y, self.start, self.step)


@register("pad")
class Pad(Linear):
    """Zeros around (`low`, `high`) and between (`inside`) the elements along each axis; transposed
    by `slice`.
    """

    low: tuple[int, ...]
    high: tuple[int, ...]
    inside: tuple[int, ...]

    def result_types(self, *operands: ArrayType) -> tuple[ArrayType, ...]:
        (x,) = operands
        widths = (self.low, self.high, self.inside)
        if any(len(width) != x.ndim or min(width, default=0) < 0 for width in widths):
            raise ShapeError(f"pad: {x} has {x.ndim} axes, got widths {widths}")
        shape = tuple(
            low + max(0, (extent - 1) * inside + extent) + high
            for extent, low, high, inside in zip(x.shape, *widths, strict=True)
        )
        return (ArrayType(x.dtype, shape),)

    def _window(self, shape: tuple[int, ...]) -> tuple[tuple[int, ...], ...]:
        """start, stop and step of the places where the elements of an operand of `shape` go."""
        step = tuple(inside + 1 for inside in self.inside)
        stop = tuple(
            low + max(0, (extent - 1) * by + 1)
            for low, extent, by in zip(self.low, shape, step, strict=True)
        )
        return self.low, stop, step

    def reference(self, *operands: Array) -> Array:
        (x,) = operands
        (result,) = self.result_types(ArrayType(x.dtype, x.shape))
        padded = np.zeros(result.shape, result.dtype)
        padded[tuple(map(slice, *self._window(x.shape)))] = x
        return padded

    def batch(self, operands: Sequence[Any], batched: Sequence[bool]) -> Sequence[Any]:
        return [bind(Pad((0, *self.low), (0, *self.high), (0, *self.inside)), *operands)]

    def transpose(self, operand: int, cotangent: Any, primals: Sequence[Any]) -> Any:
        return bind(Slice(*self._window(primals[0].shape)), cotangent)


@register("update_slice")
class UpdateSlice(Linear):
    """`x` after `x[start::step, ...] = y`, in as many places along each axis as `y` has elements.

    Nothing is written, the result is a new version of `x`. The cotangent of `y` is what stands in
    its places, that of `x` has zeros there."""

    start: tuple[int, ...]
    step: tuple[int, ...]

    def window(self, shape: tuple[int, ...]) -> tuple[tuple[int, ...], ...]:
        """start, stop and step of the places where the elements of a `y` of `shape` go."""
        stop = tuple(
            start + (extent - 1) * step + 1 if extent else start
            for start, extent, step in zip(self.start, shape, self.step, strict=True)
        )
        return self.start, stop, self.step

    def result_types(self, *operands: ArrayType) -> tuple[ArrayType, ...]:
        x, y = operands
        if x.dtype != y.dtype:
            raise DTypeError(f"update_slice: {x} and {y} differ in dtype", hint="insert astype")
        if not len(self.start) == len(self.step) == x.ndim == y.ndim:
            raise ShapeError(f"update_slice: {y} at {self.start} does not fit into {x}")
        for start, stop, step, extent in zip(*self.window(y.shape), x.shape, strict=True):
            if not (0 <= start <= extent and stop <= extent and step > 0):
                raise ShapeError(
                    f"update_slice: {y} at {self.start} by {self.step} does not fit into {x}"
                )
        return (x,)

    def reference(self, *operands: Array) -> Array:
        x, y = operands
        return self.write(x.copy(), y)

    def write(self, x: Array, y: Array) -> Array:
        """`x` itself, changed."""
        x[tuple(map(slice, *self.window(y.shape)))] = y
        return x

    def batch(self, operands: Sequence[Any], batched: Sequence[bool]) -> Sequence[Any]:
        return [bind(UpdateSlice((0, *self.start), (1, *self.step)), *spread(operands, batched))]

    def transpose(self, operand: int, cotangent: Any, primals: Sequence[Any]) -> Any:
        if operand == 0:
            return bind(self, cotangent, zeros_like(primals[1]))
        return bind(Slice(*self.window(primals[1].shape)), cotangent)


@register("flip")
class Flip(AlongAxes, Linear):
    """The order of elements reversed along `axes`; its own transpose."""

    is_view = is_window = True
    axes: tuple[int, ...]

    def result_types(self, *operands: ArrayType) -> tuple[ArrayType, ...]:
        if any(not 0 <= axis < operands[0].ndim for axis in self.axes):
            raise ShapeError(f"flip: axes {self.axes} are not axes of {operands[0]}")
        return operands

    def reference(self, *operands: Array) -> Array:
        return np.flip(operands[0], self.axes)

    def transpose(self, operand: int, cotangent: Any, primals: Sequence[Any]) -> Any:
        return bind(self, cotangent)

    def overwrite(self, x: Any, y: Any, *places: Any) -> Any:
        return bind(self, y)


@register("concatenate")
class Concatenate(AlongAxes, Linear):
    """The operands joined along `axis`; transposed by the slice that each fills."""

    axis: int

    def result_types(self, *operands: ArrayType) -> tuple[ArrayType, ...]:
        first = operands[0] if operands else None
        if first is None or not 0 <= self.axis < first.ndim:
            raise ShapeError(f"concatenate: no axis {self.axis} in {first or 'nothing'}")
        rest = first.shape[: self.axis] + first.shape[self.axis + 1 :]
        for other in operands:
            if (
                other.ndim != first.ndim
                or other.shape[: self.axis] + other.shape[self.axis + 1 :] != rest
            ):
                raise ShapeError(f"concatenate: {first} and {other} differ beside axis {self.axis}")
            if other.dtype != first.dtype:
                raise DTypeError(
                    f"concatenate: {first} and {other} differ in dtype", hint="insert astype"
                )
        total = sum(operand.shape[self.axis] for operand in operands)
        return (
            ArrayType(
                first.dtype, (*first.shape[: self.axis], total, *first.shape[self.axis + 1 :])
            ),
        )

    def reference(self, *operands: Array) -> Array:
        return np.concatenate(operands, self.axis)

    def batch(self, operands: Sequence[Any], batched: Sequence[bool]) -> Sequence[Any] | None:
        return super().batch(spread(operands, batched), (True,) * len(operands))

    def transpose(self, operand: int, cotangent: Any, primals: Sequence[Any]) -> Any:
        start = sum(primal.shape[self.axis] for primal in primals[:operand])
        return slice_axis(cotangent, self.axis, start, start + primals[operand].shape[self.axis])


def transpose(x: Any, axes: Sequence[int]) -> Any:
    """`x` with its axes permuted; `x` itself for the identity."""
    return x if tuple(axes) == tuple(range(x.ndim)) else bind(Transpose(tuple(axes)), x)


def pad(
    x: Any, low: Sequence[int], high: Sequence[int], inside: Sequence[int] | None = None
) -> Any:
    """`x` with zeros around and between; `x` itself where there are none."""
    widths = (tuple(low), tuple(high), (0,) * x.ndim if inside is None else tuple(inside))
    return bind(Pad(*widths), x) if any(map(any, widths)) else x


def update_slice(x: Any, y: Any, start: Sequence[int], step: Sequence[int]) -> Any:
    """`x` with `y` at `start`, its elements `step` apart; `y` itself where that is all of `x`."""
    if y.shape == x.shape:
        return y
    return bind(UpdateSlice(tuple(start), tuple(step)), x, y)


def slice_axis(x: Any, axis: int, start: int, stop: int, step: int = 1) -> Any:
    """`x[..., start:stop:step, ...]` along one axis; `x` itself where that is all of it."""
    if (start, stop, step) == (0, x.shape[axis], 1):
        return x
    bounds = [list(bound) for bound in ((0,) * x.ndim, x.shape, (1,) * x.ndim)]
    for bound, value in zip(bounds, (start, stop, step), strict=True):
        bound[axis] = value
    return bind(Slice(*map(tuple, bounds)), x)
