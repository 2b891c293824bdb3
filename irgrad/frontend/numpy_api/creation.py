"""Arrays made like a traced one (zeros_like, full_like, ...), copies, grids and ranges."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from irgrad.errors import (
    ArgumentError,
    DTypeError,
    IndexingError,
    ShapeError,
    TraceError,
    UnsupportedError,
)
from irgrad.frontend.known import known
from irgrad.frontend.numpy_api.shape import element_order, extents, moveaxis
from irgrad.frontend.promote import lift_each, lift_together
from irgrad.frontend.registry import implements, method
from irgrad.frontend.sharing import copied, copies
from irgrad.ir.types import dtype_argument
from irgrad.ops.base import bind
from irgrad.ops.cast import Astype
from irgrad.ops.cast import astype as converted
from irgrad.ops.create import iota
from irgrad.ops.linear import broadcast_to, full, reshape


def _filled_like(a: Any, value: Any, dtype: Any, shape: Any) -> Any:
    wanted = a.dtype if dtype is None else dtype_argument(dtype)
    extent = a.shape if shape is None else extents(shape)
    return copied(full(a, extent, np.asarray(value, wanted)[()]))


@implements(np.zeros_like)
def zeros_like(
    a: Any,
    dtype: Any = None,
    order: str = "K",
    subok: bool = True,
    shape: Any = None,
    *,
    device: Any = None,
) -> Any:
    """`np.zeros_like`."""
    return _filled_like(a, 0, dtype, shape)


@implements(np.ones_like)
def ones_like(
    a: Any,
    dtype: Any = None,
    order: str = "K",
    subok: bool = True,
    shape: Any = None,
    *,
    device: Any = None,
) -> Any:
    """`np.ones_like`."""
    return _filled_like(a, 1, dtype, shape)


@implements(np.empty_like)
def empty_like(
    prototype: Any,
    /,
    dtype: Any = None,
    order: str = "K",
    subok: bool = True,
    shape: Any = None,
    *,
    device: Any = None,
) -> Any:
    """`np.empty_like`, with zeros in it."""
    return _filled_like(prototype, 0, dtype, shape)


@implements(np.full_like)
@copies
def full_like(
    a: Any,
    fill_value: Any,
    dtype: Any = None,
    order: str = "K",
    subok: bool = True,
    shape: Any = None,
    *,
    device: Any = None,
) -> Any:
    """`np.full_like`; the value may be traced."""
    (like, value) = lift_each(a, fill_value)
    wanted = like.dtype if dtype is None else dtype_argument(dtype)
    return broadcast_to(converted(value, wanted), like.shape if shape is None else extents(shape))


@method("copy")
@implements(np.copy)
def copy(a: Any, order: str = "K", subok: bool = False) -> Any:
    """`np.copy`; the order is one of memory, which traced values do not have."""
    element_order(order)
    return copied(a)


@method("astype")
def astype(
    self: Any,
    dtype: Any,
    order: str = "K",
    casting: str = "unsafe",
    subok: bool = True,
    copy: bool = True,
) -> Any:
    """`x.astype(dtype)`."""
    element_order(order)
    wanted = dtype_argument(dtype)
    if not np.can_cast(self.dtype, wanted, casting=casting):  # pyright: ignore[reportArgumentType]
        raise DTypeError(f"cannot cast from {self.dtype} to {wanted} by the rule '{casting}'")
    if wanted == self.dtype:
        return copied(self) if copy else self
    return bind(Astype(wanted), self)


@method("view")
def view(self: Any, dtype: Any = None, type: Any = None) -> Any:
    """`x.view()`: the same memory under another name."""
    if type not in (None, np.ndarray):
        raise UnsupportedError("x.view(type) of a traced value", hint="x.view() gives an array")
    if dtype not in (None, np.ndarray) and dtype_argument(dtype) != self.dtype:
        raise UnsupportedError(
            f"x.view({np.dtype(dtype)}) reads the bytes of a traced {self.dtype} anew",
            hint="x.astype(dtype) converts the numbers; .real and .imag are complex parts",
        )
    return self[...]


@implements("astype")
def astype_(x: Any, dtype: Any, /, *, copy: bool = True, device: Any = None) -> Any:
    """`np.astype`."""
    return astype(x, dtype, copy=copy)


_UNCOPIED = type(np.meshgrid([0], sparse=True, copy=False))  # a list before NumPy 2.5


@implements(np.meshgrid)
def meshgrid(*xi: Any, copy: bool = True, sparse: bool = False, indexing: str = "xy") -> Any:
    """`np.meshgrid`."""
    grids = copies(_grids) if copy else _grids
    found = grids(*xi, sparse=sparse, indexing=indexing)
    return found if copy or not sparse else _UNCOPIED(found)


def _grids(*xi: Any, sparse: bool, indexing: str) -> tuple[Any, ...]:
    if indexing not in ("xy", "ij"):
        raise ArgumentError(f"indexing must be 'xy' or 'ij', got {indexing!r}")
    arrays = lift_each(*xi)
    places = list(range(len(arrays)))
    if indexing == "xy" and len(places) > 1:
        places[:2] = 1, 0
    shape = [0] * len(arrays)
    for x, place in zip(arrays, places, strict=True):
        shape[place] = x.size
    grids: list[Any] = []
    for x, place in zip(arrays, places, strict=True):
        own = reshape(x, [x.size if axis == place else 1 for axis in range(len(arrays))])
        grids.append(own if sparse else broadcast_to(own, tuple(shape)))
    return tuple(grids)


@implements(np.linspace)
@copies
def linspace(
    start: Any,
    stop: Any,
    num: int = 50,
    endpoint: bool = True,
    retstep: bool = False,
    dtype: Any = None,
    axis: int = 0,
    *,
    device: Any = None,
) -> Any:
    """`np.linspace` with a static number of points."""
    count = operator.index(num)
    if count < 0:
        raise ShapeError(f"linspace: the number of points must not be negative, got {count}")
    start, stop = lift_together(start, stop, inexact=True)
    between = count - 1 if endpoint else count
    step = (stop - start) / max(between, 1)
    steps = converted(iota(start, np.dtype(np.int64), (count,), 0), start.dtype)
    lead = reshape(steps, (count,) + (1,) * step.ndim)
    points = start + lead * step
    if endpoint and count > 1:
        points = np.where(lead == count - 1, stop, points)
    points = moveaxis(points, 0, axis) if axis else points
    if dtype is not None:
        points = np.floor(points) if np.dtype(dtype).kind in "iu" else points
        points = astype(points, dtype)
    return (points, step if between > 0 else np.nan) if retstep else points


@implements(np.logspace)
def logspace(
    start: Any,
    stop: Any,
    num: int = 50,
    endpoint: bool = True,
    base: Any = 10.0,
    dtype: Any = None,
    axis: int = 0,
) -> Any:
    """`np.logspace`: powers of one base."""
    points = base ** np.linspace(start, stop, num, endpoint, axis=axis)
    return points if dtype is None else astype(points, dtype)


@implements(np.geomspace)
@copies
def geomspace(
    start: Any, stop: Any, num: int = 50, endpoint: bool = True, dtype: Any = None, axis: int = 0
) -> Any:
    """`np.geomspace` between real numbers of one sign."""
    start, stop = lift_together(*lift_each(start, stop), inexact=True)
    if start.dtype.kind == "c":
        raise DTypeError("geomspace between complex numbers", hint="np.exp(np.linspace(...))")
    sign = np.sign(start)
    exponents = np.log10(start * sign), np.log10(stop * sign)
    points = sign * 10.0 ** np.linspace(*exponents, num, endpoint)
    place = reshape(np.arange(points.shape[0]), (-1,) + (1,) * (points.ndim - 1))
    points = np.where(place == 0, start, points)
    if endpoint and points.shape[0] > 1:
        points = np.where(place == points.shape[0] - 1, stop, points)
    points = moveaxis(points, 0, axis) if axis else points
    return points if dtype is None else astype(points, dtype)


@implements(np.vander)
@copies
def vander(x: Any, N: int | None = None, increasing: bool = False) -> Any:
    """`np.vander`: the powers of x as columns."""
    (x,) = lift_each(x)
    if x.ndim != 1:
        raise ShapeError("vander needs a 1-D array")
    count = x.size if N is None else operator.index(N)
    x = converted(x, np.promote_types(x.dtype, int))
    powers = [full(x, x.shape, np.ones((), x.dtype)[()])]
    while len(powers) < count:
        powers.append(powers[-1] * x if len(powers) > 1 else x)
    if not count:
        return full(x, (x.size, 0), np.zeros((), x.dtype)[()])
    return np.stack(powers[:count] if increasing else powers[:count][::-1], axis=1)


@method("item")
def item(self: Any, *args: Any) -> Any:
    """`x.item()` and `x.item(i)`: one element, which promotes as a Python number."""
    if known(self) is not None:
        return known(self).item(*args)  # pyright: ignore[reportOptionalMemberAccess] -- not None
    if len(args) == 1 and isinstance(args[0], tuple):
        (args,) = args
    if not args and self.size != 1:
        raise ShapeError(
            f"item: only an array of size 1 is one number, got size {self.size}",
            hint="x.item(i) takes the element at i of the flat array",
        )
    flat = reshape(self, (self.size,))
    element = flat[args[0] if args else 0] if len(args) < 2 else self[args]
    if element.ndim:
        raise IndexingError(f"item: {self.ndim} indices are needed, got {len(args)}")
    dtype = np.dtype(type(element.dtype.type(0).item()))
    number = copied(converted(element, dtype))
    number.weak = dtype.kind in "ifc"
    return number


@method("tolist")
def tolist(self: Any) -> Any:
    """`x.tolist()`: nested lists of numbers that promote as Python's."""
    if known(self) is not None:
        return known(self).tolist()  # pyright: ignore[reportOptionalMemberAccess] -- not None
    return [row.tolist() for row in self] if self.ndim else item(self)


def _no_number(name: str) -> None:
    def refuse(self: Any, *args: Any, **kwargs: Any) -> Any:
        numbers = known(self)
        if numbers is not None:
            return getattr(numbers, name)(*args, **kwargs)
        raise TraceError(
            f"ndarray.{name} of a traced value ({self.value!r})",
            hint="the numbers are not known while the function is lowered; return the value, and "
            "write it outside",
        )

    method(name)(refuse)


for _name in ("tobytes", "tofile", "dump", "dumps"):
    _no_number(_name)
