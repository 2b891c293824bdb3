"""Running reductions along one axis: cumsum, cumprod, cummax, cummin, and linear recurrences.

`recurrence` closes the derivatives of products: those of `prod` and `cumprod`, and its own, are
recurrences again, in one direction or the other, without a division by an element."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from irgrad.errors import DTypeError, ShapeError
from irgrad.ir.op import Array, register
from irgrad.ir.types import I64, ArrayType
from irgrad.ops.base import AlongAxes, bind
from irgrad.ops.create import iota
from irgrad.ops.index import gather, scatter_add
from irgrad.ops.linear import Linear, full
from irgrad.ops.reduction import check_axis
from irgrad.ops.select import where
from irgrad.ops.shape import Concatenate, pad, slice_axis


def _extent(x: Any, axis: int, count: int) -> tuple[int, ...]:
    """The shape of `x` with `count` elements along `axis`."""
    return (*x.shape[:axis], count, *x.shape[axis + 1 :])


def _padded(x: Any, axis: int, low: int, high: int) -> Any:
    """`x` with zeros before and after along `axis`."""
    return pad(x, *([width if a == axis else 0 for a in range(x.ndim)] for width in (low, high)))


def _tail(x: Any, axis: int) -> Any:
    """All but the first element along `axis`."""
    return slice_axis(x, axis, min(1, x.shape[axis]), x.shape[axis])


def _head(x: Any, axis: int) -> Any:
    """All but the last element along `axis`."""
    return slice_axis(x, axis, 0, max(0, x.shape[axis] - 1))


def shifted(x: Any, axis: int, back: bool) -> Any:
    """x_{i-1} in place i, after a zero; with `back`, x_{i+1} in place i, before a zero."""
    if not x.shape[axis]:
        return x
    return _padded(_tail(x, axis), axis, 0, 1) if back else _padded(_head(x, axis), axis, 1, 0)


def _after_one(x: Any, axis: int, back: bool) -> Any:
    """As `shifted`, with a one in place of the zero."""
    if not x.shape[axis]:
        return x
    one = full(x, _extent(x, axis, 1), np.ones((), x.dtype)[()])
    parts = (_tail(x, axis), one) if back else (one, _head(x, axis))
    return bind(Concatenate(axis), *parts)


def product_of_others(x: Any, axis: int) -> Any:
    """prod_{j != i} x_j in place i: the product of those before times that of those after."""
    if x.shape[axis] < 2:
        return full(x, x.shape, np.ones((), x.dtype)[()])
    before = _after_one(bind(Cumprod(axis, False), x), axis, False)
    after = _after_one(bind(Cumprod(axis, True), x), axis, True)
    return before * after


class _Scan(AlongAxes):
    """An op along `axis` whose result has the operand's type."""

    axis: int

    def result_types(self, *operands: ArrayType) -> tuple[ArrayType, ...]:
        (x,) = operands
        check_axis(self.name, self.axis, x)
        return operands


def _running(ufunc: np.ufunc, x: Array, axis: int, reverse: bool) -> Array:
    if reverse:
        return np.ascontiguousarray(np.flip(_running(ufunc, np.flip(x, axis), axis, False), axis))
    return ufunc.accumulate(x, axis, dtype=x.dtype)


@register("cumsum")
class Cumsum(AlongAxes, Linear):
    """s_i = sum_{j <= i} x_j along `axis`, with `reverse` sum_{j >= i}; each transposes the other.

    Integers wrap around, and bools are or-ed, as NumPy adds them in their own dtype."""

    axis: int
    reverse: bool

    def result_types(self, *operands: ArrayType) -> tuple[ArrayType, ...]:
        check_axis("cumsum", self.axis, operands[0])
        return operands

    def reference(self, *operands: Array) -> Array:
        return _running(np.add, operands[0], self.axis, self.reverse)

    def transpose(self, operand: int, cotangent: Any, primals: Sequence[Any]) -> Any:
        return bind(Cumsum(self.axis, not self.reverse), cotangent)


@register("cumprod")
class Cumprod(_Scan):
    """y_i = prod_{j <= i} x_j along `axis`, with `reverse` prod_{j >= i}.

    Forward, y_dot_i = x_i y_dot_{i-1} + y_{i-1} x_dot_i. Reverse, x_bar_i = y_{i-1} r_i with
    r_i = y_bar_i + x_{i+1} r_{i+1}. Both are recurrences, and y_{-1} = 1."""

    axis: int
    reverse: bool

    def reference(self, *operands: Array) -> Array:
        return _running(np.multiply, operands[0], self.axis, self.reverse)

    def jvp(
        self, primals: Sequence[Any], outputs: Sequence[Any], tangents: Sequence[Any]
    ) -> Sequence[Any]:
        before = _after_one(outputs[0], self.axis, self.reverse)
        return [recurrence(primals[0], before * tangents[0], self.axis, self.reverse)]

    def vjp(
        self,
        primals: Sequence[Any],
        outputs: Sequence[Any],
        cotangents: Sequence[Any],
        wanted: Sequence[bool],
    ) -> Sequence[Any]:
        factors = shifted(primals[0], self.axis, not self.reverse)
        flow = recurrence(factors, cotangents[0], self.axis, not self.reverse)
        return [_after_one(outputs[0], self.axis, self.reverse) * flow]


@register("recurrence")
class Recurrence(AlongAxes):
    """s_i = a_i s_{i-1} + b_i along `axis`, from s_0 = b_0; with `reverse`, s_i = a_i s_{i+1} + b_i
    from the last. The factor at the start is not used.

    Forward, s_dot is the recurrence of (a, a_dot_i s_{i-1} + b_dot). Reverse, b_bar is the
    recurrence of (a_{i+1}, s_bar) the other way, and a_bar_i = b_bar_i s_{i-1}."""

    axis: int
    reverse: bool

    def result_types(self, *operands: ArrayType) -> tuple[ArrayType, ...]:
        a, b = operands
        check_axis("recurrence", self.axis, b)
        if a.shape != b.shape:
            raise ShapeError(f"recurrence: {a} and {b} differ in shape")
        if a.dtype != b.dtype:
            raise DTypeError(f"recurrence: {a} and {b} differ in dtype", hint="insert astype")
        return (b,)

    def reference(self, *operands: Array) -> Array:
        a, b = (np.moveaxis(x, self.axis, 0) for x in operands)
        result = np.array(operands[1])
        s = np.moveaxis(result, self.axis, 0)
        order = range(len(s) - 2, -1, -1) if self.reverse else range(1, len(s))
        before = 1 if self.reverse else -1
        for i in order:
            s[i] = a[i] * s[i + before] + b[i]
        return result

    def _times_previous(self, x: Any, s: Any) -> Any:
        """x_i s_{i-1} (x_i s_{i+1} in reverse), and 0 at the start."""
        if self.reverse:
            return _padded(_head(x, self.axis) * _tail(s, self.axis), self.axis, 0, 1)
        return _padded(_tail(x, self.axis) * _head(s, self.axis), self.axis, 1, 0)

    def jvp(
        self, primals: Sequence[Any], outputs: Sequence[Any], tangents: Sequence[Any]
    ) -> Sequence[Any]:
        (a, b), (a_dot, b_dot) = primals, tangents
        if not b.size:
            return [b if b_dot is None else b_dot]
        flow = None if a_dot is None else self._times_previous(a_dot, outputs[0])
        source = b_dot if flow is None else flow if b_dot is None else flow + b_dot
        return [recurrence(a, source, self.axis, self.reverse)]

    def vjp(
        self,
        primals: Sequence[Any],
        outputs: Sequence[Any],
        cotangents: Sequence[Any],
        wanted: Sequence[bool],
    ) -> Sequence[Any]:
        a, b = primals
        if not b.size:
            return [cotangents[0], cotangents[0]]
        factors = shifted(a, self.axis, not self.reverse)
        b_bar = recurrence(factors, cotangents[0], self.axis, not self.reverse)
        return [self._times_previous(b_bar, outputs[0]) if wanted[0] else None, b_bar]


class _RunningExtreme(_Scan):
    """The largest or smallest element so far along `axis`; nan from the first nan on.

    Derivatives follow the first of equal elements."""

    axis: int
    ufunc: ClassVar[np.ufunc]

    def reference(self, *operands: Array) -> Array:
        return self.ufunc.accumulate(operands[0], self.axis)

    def _places(self, y: Any) -> list[Any]:
        """For every axis, the index of the element that each result is.

        A result is new where it differs from the one before (nan equals nan here), and its index
        is the largest of a new one so far."""
        now, before = _tail(y, self.axis), _head(y, self.axis)
        new = np.logical_and(now != before, before == before)
        steps = iota(y, I64, now.shape, self.axis) + 1
        found = _padded(where(new, steps, steps * 0), self.axis, 1, 0)
        own = bind(Cummax(self.axis), found)
        return [own if a == self.axis else iota(y, I64, y.shape, a) for a in range(y.ndim)]

    def jvp(
        self, primals: Sequence[Any], outputs: Sequence[Any], tangents: Sequence[Any]
    ) -> Sequence[Any]:
        (y,) = outputs
        return [gather(tangents[0], range(y.ndim), self._places(y)) if y.size else tangents[0]]

    def vjp(
        self,
        primals: Sequence[Any],
        outputs: Sequence[Any],
        cotangents: Sequence[Any],
        wanted: Sequence[bool],
    ) -> Sequence[Any]:
        (y,), (y_bar,) = outputs, cotangents
        if not y.size:
            return [y_bar]
        return [scatter_add(y_bar, range(y.ndim), y.shape, self._places(y))]


@register("cummax")
class Cummax(_RunningExtreme):
    """The largest element so far along `axis`."""

    axis: int
    ufunc = np.maximum


@register("cummin")
class Cummin(_RunningExtreme):
    """The smallest element so far along `axis`."""

    axis: int
    ufunc = np.minimum


def recurrence(a: Any, b: Any, axis: int, reverse: bool = False) -> Any:
    """s_i = a_i s_{i-1} + b_i along `axis`, or from the end."""
    return bind(Recurrence(axis, reverse), a, b)
