"""Sorting along an axis, stable, nan last; at ties derivatives follow the order of elements."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from irgrad.errors import DTypeError, ShapeError
from irgrad.ir.op import Array, register
from irgrad.ir.types import I64, ArrayType
from irgrad.ops.base import AlongAxes, Flat, bind
from irgrad.ops.batching import spread
from irgrad.ops.create import iota
from irgrad.ops.index import gather, update_at
from irgrad.ops.linear import zeros_like


@register("argsort")
class Argsort(AlongAxes, Flat):
    """The indices that sort along `axis`."""

    axis: int

    def result_types(self, *operands: ArrayType) -> tuple[ArrayType, ...]:
        (x,) = operands
        if not 0 <= self.axis < x.ndim:
            raise ShapeError(f"argsort: {x} has no axis {self.axis}")
        return (ArrayType(I64, x.shape),)

    def reference(self, *operands: Array) -> Array:
        return np.argsort(operands[0], self.axis, stable=True).astype(I64, copy=False)


@register("sort")
class Sort(AlongAxes):
    """The elements in increasing order along `axis`.

    At a point without ties this is a fixed permutation: the tangent is permuted alike, the
    cotangent back."""

    axis: int

    def result_types(self, *operands: ArrayType) -> tuple[ArrayType, ...]:
        if not 0 <= self.axis < operands[0].ndim:
            raise ShapeError(f"sort: {operands[0]} has no axis {self.axis}")
        return operands

    def reference(self, *operands: Array) -> Array:
        return np.sort(operands[0], self.axis, stable=True)

    def jvp(
        self, primals: Sequence[Any], outputs: Sequence[Any], tangents: Sequence[Any]
    ) -> Sequence[Any]:
        return [take_along(tangents[0], argsort(primals[0], self.axis), self.axis)]

    def vjp(
        self,
        primals: Sequence[Any],
        outputs: Sequence[Any],
        cotangents: Sequence[Any],
        wanted: Sequence[bool],
    ) -> Sequence[Any]:
        return [put_along(cotangents[0], argsort(primals[0], self.axis), self.axis)]


@register("searchsorted")
class Searchsorted(Flat):
    """Where to insert each of the second operand into the sorted first, along its last axis; left
    or right. Further axes of the first are batches, which the second has in front.
    """

    side: str

    def result_types(self, *operands: ArrayType) -> tuple[ArrayType, ...]:
        edges, x = operands
        if not edges.ndim or self.side not in ("left", "right"):
            raise ShapeError(
                f"searchsorted takes a 1-D array and side left or right, got {edges}, {self.side!r}"
            )
        if edges.shape[:-1] != x.shape[: edges.ndim - 1]:
            raise ShapeError(f"searchsorted: {edges} and {x} differ in their batches")
        if edges.dtype != x.dtype:
            raise DTypeError(f"searchsorted: {edges} and {x} differ in dtype", hint="insert astype")
        return (ArrayType(I64, x.shape),)

    def reference(self, *operands: Array) -> Array:
        edges, x = operands
        side: Any = self.side
        places = np.empty(x.shape, I64)
        for batch in np.ndindex(edges.shape[:-1]):
            places[batch] = np.searchsorted(edges[batch], x[batch], side=side)
        return places

    def batch(self, operands: Sequence[Any], batched: Sequence[bool]) -> Sequence[Any]:
        if batched[0]:
            operands = spread(operands, batched)
        elif operands[0].ndim > 1:  # the batches of the edges stay in front
            return [np.moveaxis(bind(self, operands[0], np.moveaxis(operands[1], 0, -1)), -1, 0)]
        return [bind(self, *operands)]


def sort(x: Any, axis: int) -> Any:
    """`x` in increasing order along `axis`."""
    return bind(Sort(axis), x)


def argsort(x: Any, axis: int) -> Any:
    """The indices that sort `x` along `axis`, stable."""
    return bind(Argsort(axis), x)


def searchsorted(edges: Any, x: Any, side: str) -> Any:
    """Where to insert each of `x` into the sorted 1-D `edges`."""
    return bind(Searchsorted(side), edges, x)


def take_along(x: Any, indices: Any, axis: int) -> Any:
    """`np.take_along_axis` for `indices` with the shape of `x` beside `axis`."""
    return gather(x, range(x.ndim), _along(indices, axis))


def put_along(y: Any, order: Any, axis: int) -> Any:
    """The x with `take_along(x, order, axis)` = y, for an order of all elements along `axis`."""
    return update_at(zeros_like(y), y, range(y.ndim), _along(order, axis), distinct=True)


def _along(indices: Any, axis: int) -> list[Any]:
    shape = indices.shape
    return [indices if a == axis else iota(indices, I64, shape, a) for a in range(indices.ndim)]
