"""Reductions over axes, which are dropped: sum, prod, max, min, argmax, argmin, any, all.

Operands have the dtype of the result: what NumPy converts before it adds, the frontend converts.
The running ones are in `scan`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import numpy as np

from irgrad.errors import DTypeError, ShapeError
from irgrad.ir.op import Array, register
from irgrad.ir.types import BOOL, I64, ArrayType, drop_axes
from irgrad.ops.base import AlongAxes, Flat, bind
from irgrad.ops.create import iota
from irgrad.ops.linear import (
    Sum,
    check_axes,
    reshape,
    restored,
    zeros_like,
)
from irgrad.ops.select import where
from irgrad.ops.shape import transpose


def check_axis(name: str, axis: int, x: ArrayType) -> None:
    """A `ShapeError` unless `axis` is an axis of `x`."""
    if not 0 <= axis < x.ndim:
        raise ShapeError(f"{name}: {x} has no axis {axis}")


def _merged(x: Any, axes: tuple[int, ...]) -> Any:
    """`x` with `axes` at the end, as one axis in C order."""
    rest = [axis for axis in range(x.ndim) if axis not in axes]
    moved = transpose(x, [*rest, *axes])
    count = int(np.prod([x.shape[axis] for axis in axes], dtype=int))
    return reshape(moved, [*moved.shape[: len(rest)], count])


def _split(merged: Any, axes: tuple[int, ...], shape: tuple[int, ...]) -> Any:
    """The inverse of `_merged` for an array of `shape`."""
    rest = [axis for axis in range(len(shape)) if axis not in axes]
    order = [*rest, *axes]
    moved = reshape(merged, [shape[axis] for axis in order])
    return transpose(moved, [order.index(axis) for axis in range(len(shape))])


@register("prod")
class Prod(AlongAxes):
    """The product over `axes`.

    The partial in each element is the product of all others: those before it times those after it,
    without a division, so that zeros among them do no harm to any derivative."""

    axes: tuple[int, ...]

    def result_types(self, *operands: ArrayType) -> tuple[ArrayType, ...]:
        (x,) = operands
        check_axes("prod", self.axes, x)
        return (ArrayType(x.dtype, drop_axes(x.shape, self.axes)),)

    def reference(self, *operands: Array) -> Array:
        return np.asarray(np.prod(operands[0], self.axes, dtype=operands[0].dtype))

    def _partial(self, x: Any) -> Any:
        from irgrad.ops.scan import product_of_others

        if len(self.axes) == 1:
            return product_of_others(x, self.axes[0])
        merged = _merged(x, self.axes)
        return _split(product_of_others(merged, merged.ndim - 1), self.axes, x.shape)

    def jvp(
        self, primals: Sequence[Any], outputs: Sequence[Any], tangents: Sequence[Any]
    ) -> Sequence[Any]:
        return [bind(Sum(self.axes), self._partial(primals[0]) * tangents[0])]

    def vjp(
        self,
        primals: Sequence[Any],
        outputs: Sequence[Any],
        cotangents: Sequence[Any],
        wanted: Sequence[bool],
    ) -> Sequence[Any]:
        (x,) = primals
        return [restored(cotangents[0], self.axes, x.shape) * self._partial(x)]


class _Extreme(AlongAxes):
    """The largest or smallest element over `axes`; nan where there is a nan. Complex numbers are
    ordered as NumPy does, by the real parts and then by the imaginary ones.

    Derivatives follow the first such element, in C order over the reduced axes."""

    axes: tuple[int, ...]
    ufunc: ClassVar[np.ufunc]

    def result_types(self, *operands: ArrayType) -> tuple[ArrayType, ...]:
        (x,) = operands
        check_axes(self.name, self.axes, x)
        result = ArrayType(x.dtype, drop_axes(x.shape, self.axes))
        if not x.size and result.size:
            raise ShapeError(f"{self.name} of {x} over axes {self.axes}: nothing to choose from")
        return (result,)

    def reference(self, *operands: Array) -> Array:
        return np.asarray(self.ufunc.reduce(operands[0], self.axes))

    def _position(self, merged: Any) -> Any:
        """The op that finds the first extreme element along the last axis."""
        raise NotImplementedError

    def _chosen(self, x: Any) -> Any:
        """A mask of the elements that the results are."""
        merged = x if len(self.axes) == 1 else _merged(x, self.axes)
        axis = self.axes[0] if len(self.axes) == 1 else merged.ndim - 1
        first = restored(bind(self._position(axis), merged), (axis,), merged.shape)
        mask = np.equal(iota(x, I64, merged.shape, axis), first)
        return mask if merged is x else _split(mask, self.axes, x.shape)

    def jvp(
        self, primals: Sequence[Any], outputs: Sequence[Any], tangents: Sequence[Any]
    ) -> Sequence[Any]:
        (x,), (x_dot,) = primals, tangents
        if not self.axes or not x.size:
            return [bind(Sum(self.axes), x_dot)]
        return [bind(Sum(self.axes), where(self._chosen(x), x_dot, zeros_like(x)))]

    def vjp(
        self,
        primals: Sequence[Any],
        outputs: Sequence[Any],
        cotangents: Sequence[Any],
        wanted: Sequence[bool],
    ) -> Sequence[Any]:
        (x,) = primals
        spread = restored(cotangents[0], self.axes, x.shape)
        if not self.axes or not x.size:
            return [spread]
        return [where(self._chosen(x), spread, zeros_like(x))]


@register("max")
class Max(_Extreme):
    """The largest element over `axes`."""

    axes: tuple[int, ...]
    ufunc = np.maximum

    def _position(self, merged: Any) -> Any:
        return Argmax(merged)


@register("min")
class Min(_Extreme):
    """The smallest element over `axes`."""

    axes: tuple[int, ...]
    ufunc = np.minimum

    def _position(self, merged: Any) -> Any:
        return Argmin(merged)


class _Position(AlongAxes, Flat):
    """Where the first extreme element stands along `axis`; the first nan where there is one."""

    axis: int
    find: ClassVar[Callable[..., Any]]

    def result_types(self, *operands: ArrayType) -> tuple[ArrayType, ...]:
        (x,) = operands
        check_axis(self.name, self.axis, x)
        result = ArrayType(I64, drop_axes(x.shape, (self.axis,)))
        if not x.shape[self.axis] and result.size:
            raise ShapeError(f"{self.name} of {x} along axis {self.axis}: nothing to choose from")
        return (result,)

    def reference(self, *operands: Array) -> Array:
        (x,) = operands
        if not x.size:
            return np.zeros(drop_axes(x.shape, (self.axis,)), I64)
        return np.asarray(type(self).find(x, self.axis), I64)


@register("argmax")
class Argmax(_Position):
    """The index of the first largest element along `axis`."""

    axis: int
    find = np.argmax


@register("argmin")
class Argmin(_Position):
    """The index of the first smallest element along `axis`."""

    axis: int
    find = np.argmin


class _Truth(AlongAxes, Flat):
    """Logic over `axes` of bools."""

    axes: tuple[int, ...]
    ufunc: ClassVar[np.ufunc]

    def result_types(self, *operands: ArrayType) -> tuple[ArrayType, ...]:
        (x,) = operands
        check_axes(self.name, self.axes, x)
        if x.dtype != BOOL:
            raise DTypeError(f"{self.name} takes bools, got {x}", hint="insert astype")
        return (ArrayType(BOOL, drop_axes(x.shape, self.axes)),)

    def reference(self, *operands: Array) -> Array:
        return np.asarray(self.ufunc.reduce(operands[0], self.axes))


@register("any")
class Any_(_Truth):
    """Whether any element over `axes` is true."""

    axes: tuple[int, ...]
    ufunc = np.logical_or


@register("all")
class All(_Truth):
    """Whether all elements over `axes` are true."""

    axes: tuple[int, ...]
    ufunc = np.logical_and
