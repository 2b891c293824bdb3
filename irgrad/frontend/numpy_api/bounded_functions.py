"""What NumPy's functions and methods mean on arrays whose bounds are traced: reductions, shapes and
copies. In a reduction, what changes nothing stands in the places outside."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from irgrad.errors import ShapeError
from irgrad.frontend.bounded import (
    FUNCTIONS,
    METHODS,
    Bounded,
    Bounds,
    axes_of,
    elementwise,
)
from irgrad.frontend.integers import minus
from irgrad.frontend.numpy_api.masked_reductions import extreme
from irgrad.frontend.numpy_api.nonempty import NO_IDENTITY, NO_POSITION, demand_some
from irgrad.frontend.sharing import copied
from irgrad.ir.builder import Traced
from irgrad.ir.types import I64, dtype_argument, normalize_axis
from irgrad.ops.cast import astype as cast
from irgrad.ops.root import root

Function = Callable[..., Any]


def implements(*functions: Any, method: str | None = None) -> Callable[[Function], Function]:
    """Decorator: this is what the functions, and a method, mean on bounded arrays."""

    def decorate(implementation: Function) -> Function:
        for function in functions:
            FUNCTIONS[function] = implementation
        if method is not None:
            METHODS[method] = implementation
        return implementation

    return decorate


# reductions


def reduced(
    function: Function, x: Bounded, identity: Any, axis: Any, keepdims: Any = False, **options: Any
) -> Any:
    """A reduction of a function of NumPy's that does not see `identity`."""
    axes = axes_of(x, axis)
    keep = keepdims is True
    return folded(x, function(x.filled(identity), axis=axes, keepdims=keep, **options), axes, keep)


def folded(x: Bounded, result: Any, axes: Sequence[int], keepdims: bool) -> Any:
    """What `x` became along axes, with its bounds on the others."""
    kept = [a for a in range(x.ndim) if keepdims or a not in axes]
    cuts = {kept.index(a) - len(kept): x.cut(a) for a in kept if a not in axes and x.cut(a)}
    return Bounded(result, cuts) if cuts else result  # pyright: ignore[reportArgumentType]


def _accepts(x: Any, **options: Any) -> None:
    """Refuse options of a reduction that were given."""
    for name, option in options.items():
        if option is not None and option is not True and option is not getattr(np, "_NoValue", 0):
            x.refuse(f"a reduction with {name}=")


@implements(np.sum, np.nansum, method="sum")
def total(
    x: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: Any = False,
    initial: Any = None, where: Any = None,
) -> Any:  # fmt: skip
    """The sum."""
    _accepts(x, initial=initial, where=where)
    return reduced(np.sum, x, 0, axis, keepdims, dtype=dtype)


@implements(np.prod, method="prod")
def product(
    x: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: Any = False,
    initial: Any = None, where: Any = None,
) -> Any:  # fmt: skip
    """The product."""
    _accepts(x, initial=initial, where=where)
    return reduced(np.prod, x, 1, axis, keepdims, dtype=dtype)


@implements(np.mean, method="mean")
def mean(
    x: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: Any = False,
    *, where: Any = None,
) -> Any:  # fmt: skip
    """The mean; nan where there is no element."""
    _accepts(x, where=where)
    wanted = dtype if dtype is not None or x.dtype.kind in "fc" else np.float64
    added = total(x, axis, wanted, keepdims=keepdims)
    return added / _as(x.counted(axes_of(x, axis)), added.dtype)


def _as(count: Any, dtype: Any) -> Any:
    return cast(count, dtype) if isinstance(count, Traced) else dtype.type(count)


@implements(np.var, method="var")
def variance(
    x: Any, axis: Any = None, dtype: Any = None, out: Any = None, ddof: Any = 0,
    keepdims: Any = False, *, where: Any = None, mean: Any = None, correction: Any = None,
) -> Any:  # fmt: skip
    """The mean of the squared distances from the mean, with `ddof` taken from the count."""
    _accepts(x, where=where, mean=mean)
    away = x - FUNCTIONS[np.mean](x, axis, keepdims=True)
    squares = np.absolute(away) ** 2 if away.dtype.kind == "c" else away * away
    added = total(squares, axis, dtype, keepdims=keepdims)
    count = _as(x.counted(axes_of(x, axis)), added.dtype)
    return added / np.maximum(count - (ddof if correction is None else correction), 0)


@implements(np.std, method="std")
def deviation(x: Any, *args: Any, **kwargs: Any) -> Any:
    """The square root of the variance, with derivative 0 where that is 0."""
    found = variance(x, *args, **kwargs)
    return found.like(root(found.base)) if isinstance(found, Bounded) else root(found)


@implements(np.max, np.amax, method="max")
def largest(
    x: Any, axis: Any = None, out: Any = None, keepdims: Any = False, initial: Any = None,
    where: Any = None,
) -> Any:  # fmt: skip
    """The maximum; an error of the running program where there is no element."""
    _accepts(x, where=where)
    if initial is None:
        _demand_some(x, axis, NO_IDENTITY, "maximum")
    found = reduced(np.max, x, extreme(x.dtype, -1), axis, keepdims)
    return found if initial is None else np.maximum(found, initial)


@implements(np.min, np.amin, method="min")
def smallest(
    x: Any, axis: Any = None, out: Any = None, keepdims: Any = False, initial: Any = None,
    where: Any = None,
) -> Any:  # fmt: skip
    """The minimum; an error of the running program where there is no element."""
    _accepts(x, where=where)
    if initial is None:
        _demand_some(x, axis, NO_IDENTITY, "minimum")
    found = reduced(np.min, x, extreme(x.dtype, 1), axis, keepdims)
    return found if initial is None else np.minimum(found, initial)


def _demand_some(x: Bounded, axis: Any, message: str, name: str) -> None:
    axes = axes_of(x, axis)
    results = x.counted([a for a in range(x.ndim) if a not in axes])
    demand_some(x.counted(axes), message, name, results)


@implements(np.ptp)
def ptp(x: Any, axis: Any = None, out: Any = None, keepdims: Any = False) -> Any:
    """The largest minus the smallest element."""
    return largest(x, axis, keepdims=keepdims) - smallest(x, axis, keepdims=keepdims)


@implements(np.any, method="any")
def any_of(
    x: Any, axis: Any = None, out: Any = None, keepdims: Any = False, *, where: Any = None
) -> Any:
    """Whether any holds."""
    _accepts(x, where=where)
    return reduced(np.any, x, 0, axis, keepdims)


@implements(np.all, method="all")
def all_of(
    x: Any, axis: Any = None, out: Any = None, keepdims: Any = False, *, where: Any = None
) -> Any:
    """Whether all hold."""
    _accepts(x, where=where)
    return reduced(np.all, x, 1, axis, keepdims)


@implements(np.count_nonzero)
def count_nonzero(x: Any, axis: Any = None, *, keepdims: Any = False) -> Any:
    """How many are not zero."""
    truths = x if x.dtype == bool else elementwise(np.not_equal, (x, 0))
    return total(truths, axis, I64, keepdims=keepdims)


@implements(np.allclose)
def allclose(
    a: Any, b: Any, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False
) -> Any:
    """`np.allclose`."""
    close = elementwise(np.isclose, (a, b), rtol=rtol, atol=atol, equal_nan=equal_nan)
    return np.all(close)


@implements(np.average)
def average(
    a: Any, axis: Any = None, weights: Any = None, returned: Any = False, *, keepdims: Any = False
) -> Any:
    """`np.average`."""
    if returned:
        (a if isinstance(a, Bounded) else weights).refuse("np.average with returned=True")
    if weights is None:
        return mean(a, axis, keepdims=keepdims)
    return np.sum(a * weights, axis=axis) / np.sum(weights, axis=axis)


def _position(function: Function, sign: int) -> Function:
    def find(x: Any, axis: Any = None, out: Any = None, *, keepdims: Any = False) -> Any:
        """The index of the first extreme element."""
        if axis is None and x.ndim > 1:
            x.refuse(f"np.{function.__name__} without an axis of an array of {x.ndim} axes")
        along = normalize_axis(0 if axis is None else axis, x.ndim)
        cut = x.cut(along)
        _demand_some(x, along, NO_POSITION, function.__name__)
        found = function(x.filled(extreme(x.dtype, sign)), axis=along, keepdims=keepdims)
        if cut is not None:
            found = np.maximum(found, cut.low) - cut.low  # where all are as what stands outside
        return folded(x, found, [along], keepdims)

    return find


implements(np.argmax, method="argmax")(_position(np.argmax, -1))
implements(np.argmin, method="argmin")(_position(np.argmin, 1))


@implements(np.linalg.norm)
def norm(x: Any, ord: Any = None, axis: Any = None, keepdims: Any = False) -> Any:
    """`np.linalg.norm`: zeros change none but those of negative order."""
    if isinstance(ord, (int, float)) and (ord < 0 or (ord == 0 and x.ndim == 1)):
        x.refuse(f"a norm of order {ord}")
    whole = range(x.ndim) if axis is None else (axis if isinstance(axis, tuple) else (axis,))
    axes = [normalize_axis(a, x.ndim) for a in whole]
    found = np.linalg.norm(x.filled(), ord=ord, axis=axis, keepdims=keepdims)
    return folded(x, found, axes, keepdims)


# along an axis


def _scan(function: Function, identity: int, name: str) -> None:
    @implements(function, method=name)
    def run(x: Any, axis: Any = None, dtype: Any = None, out: Any = None) -> Any:
        """`np.cumsum` and `np.cumprod`."""
        if axis is None and x.ndim > 1:
            x.refuse(f"np.{name} without an axis of an array of {x.ndim} axes")
        along = 0 if axis is None else axis
        return x.like(copied(function(x.filled(identity), axis=along, dtype=dtype)))


_scan(np.cumsum, 0, "cumsum")
_scan(np.cumprod, 1, "cumprod")


@implements(np.diff)
def diff(x: Any, n: int = 1, axis: int = -1) -> Any:
    """`np.diff`."""
    lead = (slice(None),) * normalize_axis(axis, x.ndim)
    for _ in range(n):
        x = x[(*lead, slice(1, None))] - x[(*lead, slice(None, -1))]
    return x


@implements(np.sort)
def sort(x: Any, axis: int = -1, *args: Any, **kwargs: Any) -> Any:
    """`np.sort`: what stands outside comes last."""
    along = normalize_axis(axis, x.ndim) - x.ndim
    if along not in x.cuts:
        return x.like(copied(np.sort(x.base, along)))
    found = np.sort(x.filled(extreme(x.dtype, 1)), along)
    return Bounded(copied(found), {**x.cuts, along: Bounds(0, x.cuts[along].extent)})


@implements(np.flip)
def flip(x: Any, axis: Any = None) -> Any:
    """`np.flip`."""
    axes = axes_of(x, axis)
    return x[tuple(slice(None, None, -1 if a in axes else 1) for a in range(x.ndim))]


implements(np.flipud)(lambda x: flip(x, 0))
implements(np.fliplr)(lambda x: flip(x, 1))


# shapes


def _moved(x: Any, base: Any, order: Any) -> Any:
    """An array with the axes of `x` in another order."""
    cuts = {place - x.ndim: x.cut(a) for place, a in enumerate(order) if x.cut(a)}
    return Bounded(base, cuts)


@implements(np.transpose, method="transpose")
def transpose(x: Any, *axes: Any) -> Any:
    """`np.transpose`, a view."""
    listed = axes[0] if len(axes) == 1 and not isinstance(axes[0], int) else axes
    order = range(x.ndim)[::-1] if not listed else [normalize_axis(a, x.ndim) for a in listed]
    return _moved(x, np.transpose(x.base, tuple(order)), order)


implements(method="T")(transpose)


@implements(np.swapaxes, method="swapaxes")
def swapaxes(x: Any, axis1: int, axis2: int) -> Any:
    """`np.swapaxes`, a view."""
    order = list(range(x.ndim))
    one, other = normalize_axis(axis1, x.ndim), normalize_axis(axis2, x.ndim)
    order[one], order[other] = other, one
    return transpose(x, order)


@implements(np.moveaxis)
def moveaxis(a: Any, source: int, destination: int) -> Any:
    """`np.moveaxis` of one axis, a view."""
    order = list(range(a.ndim))
    order.insert(normalize_axis(destination, a.ndim), order.pop(normalize_axis(source, a.ndim)))
    return transpose(a, order)


@implements(np.expand_dims)
def expand_dims(a: Any, axis: int) -> Any:
    """`np.expand_dims` of one axis, a view."""
    return a[(slice(None),) * normalize_axis(axis, a.ndim + 1) + (None,)]


@implements(np.ravel, method="ravel")
def ravel(a: Any, order: Any = "C") -> Any:
    """`np.ravel` of one axis."""
    if a.ndim > 1:
        a.refuse("np.ravel of several axes")
    return a


METHODS["flatten"] = lambda x, order="C": copy(ravel(x))


@implements(np.reshape, method="reshape")
def reshape(a: Any, *shape: Any, **kwargs: Any) -> Any:
    """`np.reshape` to what it is, or with more axes of extent 1."""
    wanted = shape[0] if len(shape) == 1 and isinstance(shape[0], (tuple, list)) else shape
    unknown = [x for x in wanted if isinstance(x, Traced) or x != 1]
    if a.ndim != 1 or len(unknown) != 1 or kwargs:
        a.refuse("np.reshape")
    extent = unknown[0]
    if (isinstance(extent, Traced) or extent != -1) and minus(extent, a.count(0)) != 0:
        a.refuse("np.reshape to an extent that is not known to be its own,")
    return a[tuple(slice(None) if x is extent else None for x in wanted)]


@implements(np.copy, method="copy")
def copy(a: Any, *args: Any, **kwargs: Any) -> Any:
    """A copy."""
    return a.like(copied(a.base))


def converted(x: Any, dtype: Any, *args: Any, **kwargs: Any) -> Any:
    """Another dtype, a copy."""
    return x.like(copied(x.filled().astype(dtype_argument(dtype))))


METHODS["astype"] = converted
for _name in ("real", "imag"):
    METHODS[_name] = lambda x, name=_name: x.like(getattr(x.base, name))
METHODS["conj"] = METHODS["conjugate"] = lambda x: elementwise(np.conjugate, (x,))
METHODS["itemsize"] = lambda x: x.base.itemsize
METHODS["round"] = lambda x, decimals=0, out=None: elementwise(np.round, (x, decimals))
METHODS["clip"] = lambda x, min=None, max=None, **kwargs: elementwise(np.clip, (x, min, max))
METHODS["tolist"] = lambda x: x.refuse("ndarray.tolist")


@implements(method="fill")
def fill(x: Any, value: Any) -> None:
    """`x.fill(value)`."""
    FUNCTIONS["assign"](x, value)


@implements(np.copyto)
def copyto(dst: Any, src: Any, casting: Any = "same_kind", where: Any = True) -> None:
    """`np.copyto`."""
    dst[...] = src if where is True else np.where(where, src, dst)


def _like(function: Function, whole: Function) -> None:
    @implements(function)
    def make(a: Any, *args: Any, **kwargs: Any) -> Any:
        """`np.zeros_like` and kin."""
        given = kwargs.get("shape", a.shape if isinstance(a, Bounded) else None)
        if given is not None and not isinstance(a, Bounded):
            raise ShapeError("an array like another of a traced shape")
        return a.like(whole(a.base, *args, **kwargs))


for _function in (np.zeros_like, np.ones_like, np.empty_like, np.full_like):
    _like(_function, _function)


FUNCTIONS[np.shape] = lambda x: x.shape
FUNCTIONS[np.ndim] = lambda x: x.ndim
FUNCTIONS[np.size] = lambda x, axis=None: x.size if axis is None else x.count(axis)
