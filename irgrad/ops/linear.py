"""Linear ops, and the three pairs in which their rules are written: reshape and reshape, broadcast
and sum.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from irgrad.errors import ReadOnly, ShapeError
from irgrad.ir.builder import Traced
from irgrad.ir.op import Array, Op, register
from irgrad.ir.types import ArrayType, broadcast_axes, broadcast_shapes, drop_axes, keep_axes
from irgrad.ops.base import AlongAxes, bind


class Linear(Op):
    """Linear in the operands from `first_linear` on, together; given by its transpose in each."""

    first_linear = 0

    def transpose(self, operand: int, cotangent: Any, primals: Sequence[Any]) -> Any:
        """The cotangent of one linear operand."""
        raise NotImplementedError

    def differentiable(self, operand: int) -> bool:
        return operand >= self.first_linear

    def jvp(
        self, primals: Sequence[Any], outputs: Sequence[Any], tangents: Sequence[Any]
    ) -> Sequence[Any]:
        directions = [
            primal
            if not self.differentiable(slot)
            else zeros_like(primal)
            if tangent is None
            else tangent
            for slot, (primal, tangent) in enumerate(zip(primals, tangents, strict=True))
        ]
        return [bind(self, *directions)]

    def vjp(
        self,
        primals: Sequence[Any],
        outputs: Sequence[Any],
        cotangents: Sequence[Any],
        wanted: Sequence[bool],
    ) -> Sequence[Any]:
        return [
            self.transpose(slot, cotangents[0], primals)
            if want and self.differentiable(slot)
            else None
            for slot, want in enumerate(wanted)
        ]


@register("reshape")
class Reshape(Linear):
    """The same elements in C order with another shape."""

    is_view = is_window = True
    shape: tuple[int, ...]

    def result_types(self, *operands: ArrayType) -> tuple[ArrayType, ...]:
        (x,) = operands
        result = ArrayType(x.dtype, self.shape)
        if result.size != x.size or min(self.shape, default=0) < 0:
            raise ShapeError(
                f"reshape: {x} has {x.size} elements, shape {self.shape} holds {result.size}"
            )
        return (result,)

    def reference(self, *operands: Array) -> Array:
        return operands[0].reshape(self.shape)

    def batch(self, operands: Sequence[Any], batched: Sequence[bool]) -> Sequence[Any]:
        (x,) = operands
        return [reshape(x, (x.shape[0], *self.shape))]

    def transpose(self, operand: int, cotangent: Any, primals: Sequence[Any]) -> Any:
        return reshape(cotangent, primals[0].shape)

    def overwrite(self, x: Any, y: Any, *places: Any) -> Any:
        return reshape(y, x.shape)


@register("broadcast_to")
class BroadcastTo(Linear):
    """NumPy's broadcasting to `shape`; transposed by the sum over the repeated axes."""

    is_view = is_window = True
    shape: tuple[int, ...]

    def result_types(self, *operands: ArrayType) -> tuple[ArrayType, ...]:
        (x,) = operands
        if broadcast_shapes(x.shape, self.shape) != self.shape:
            raise ShapeError(f"broadcast_to: {x} does not broadcast to shape {self.shape}")
        return (ArrayType(x.dtype, self.shape),)

    def reference(self, *operands: Array) -> Array:
        return np.broadcast_to(operands[0], self.shape)

    def batch(self, operands: Sequence[Any], batched: Sequence[bool]) -> Sequence[Any]:
        (x,) = operands
        ones = (1,) * (len(self.shape) + 1 - x.ndim)
        return [
            broadcast_to(reshape(x, (x.shape[0], *ones, *x.shape[1:])), (x.shape[0], *self.shape))
        ]

    def transpose(self, operand: int, cotangent: Any, primals: Sequence[Any]) -> Any:
        return sum_to(cotangent, primals[0].shape)

    def overwrite(self, x: Any, y: Any, *places: Any) -> Any:
        raise ReadOnly(
            "an in-place write into a broadcast array: several of its elements are one in memory",
            hint="write into a .copy() of it",
        )


def check_axes(name: str, axes: tuple[int, ...], x: ArrayType) -> None:
    """A `ShapeError` unless `axes` are distinct axes of `x` in increasing order."""
    if list(axes) != sorted(set(axes)) or any(not 0 <= axis < x.ndim for axis in axes):
        raise ShapeError(f"{name}: axes {axes} are not distinct axes of {x} in increasing order")


@register("sum")
class Sum(AlongAxes, Linear):
    """The sum over `axes`; transposed by a broadcast."""

    axes: tuple[int, ...]

    def result_types(self, *operands: ArrayType) -> tuple[ArrayType, ...]:
        (x,) = operands
        check_axes("sum", self.axes, x)
        return (ArrayType(x.dtype, drop_axes(x.shape, self.axes)),)

    def reference(self, *operands: Array) -> Array:
        return np.asarray(np.sum(operands[0], self.axes, dtype=operands[0].dtype))

    def transpose(self, operand: int, cotangent: Any, primals: Sequence[Any]) -> Any:
        return restored(cotangent, self.axes, primals[0].shape)


def reshape(x: Any, shape: Sequence[int]) -> Any:
    """`x` with another shape; `x` itself where it has that shape."""
    return x if x.shape == tuple(shape) else bind(Reshape(tuple(shape)), x)


def restored(reduced: Any, axes: tuple[int, ...], shape: tuple[int, ...]) -> Any:
    """`reduced` with the reduced axes back, repeated to `shape`."""
    leading = axes == tuple(range(len(axes)))
    return broadcast_to(reduced if leading else reshape(reduced, keep_axes(shape, axes)), shape)


def full(like: Any, shape: tuple[int, ...], value: Any) -> Any:
    """The NumPy scalar `value` in every place of `shape`, traced where `like` is."""
    array = np.asarray(value)
    if not isinstance(like, Traced):
        return np.broadcast_to(array, shape)
    constant = like.builder.wrap(like.builder, like.builder.constant(array))
    return constant if shape == () else bind(BroadcastTo(tuple(shape)), constant)


def zeros_like(x: Any) -> Any:
    """Zeros with the dtype and shape of `x`, as a broadcast constant."""
    return full(x, x.shape, np.zeros((), x.dtype)[()])


def broadcast_to(x: Any, shape: tuple[int, ...]) -> Any:
    """`x` repeated to `shape`; `x` itself where it has that shape."""
    return x if x.shape == tuple(shape) else bind(BroadcastTo(tuple(shape)), x)


def sum_to(x: Any, shape: tuple[int, ...]) -> Any:
    """The transpose of `broadcast_to`: `x` summed over the axes that repeat `shape`."""
    if x.shape == shape:
        return x
    axes = broadcast_axes(shape, x.shape)
    return reshape(bind(Sum(axes), x) if axes else x, shape)
