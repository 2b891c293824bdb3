"""Slices whose bounds are known only when the program runs: `A[i, :j]`, `x[a:b]`, `np.zeros(k)`.

Types have known shapes, so a `Bounded` array stays where it lies: it is an array of a known shape,
`base`, and for each axis that was cut the `Bounds` inside which its elements are. What lies outside
is no part of it, whatever it holds: each use puts a plain number there first, so that neither
values nor derivatives come from outside. Elementwise functions bring operands to the same places
and act on all; reductions put there what changes nothing; writes change the places inside alone,
and a slice of an array writes through, as NumPy's views do."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple, NoReturn

import numpy as np

from irgrad.errors import ShapeError, TraceError, UnsupportedError
from irgrad.frontend.entry import entry
from irgrad.frontend.integers import (
    difference,
    interval_of_difference,
    minus,
    plus,
    written,
)
from irgrad.frontend.operators import Elementwise
from irgrad.frontend.pick import gather_axis
from irgrad.frontend.promote import innermost, lift
from irgrad.frontend.pytree import register
from irgrad.frontend.sharing import copied
from irgrad.frontend.ufunc_call import call_ufunc
from irgrad.ir.builder import Traced
from irgrad.ir.types import I64, normalize_axes
from irgrad.ops.create import iota
from irgrad.ops.index import gather
from irgrad.ops.linear import reshape
from irgrad.ops.shape import pad, slice_axis

REMEDY = (
    "use the whole array with np.where(np.arange(n) < k, x, fill), or loop over range(k); "
    "elementwise functions, reductions, products, slices and assignments take it as it is"
)


class Bounds(NamedTuple):
    """Of an axis, the places `low` to `high` - 1: ints or traced integers, 0 <= low <= high <= the
    extent.
    """

    low: Any
    high: Any

    @property
    def extent(self) -> Any:
        """The number of places."""
        return minus(self.high, self.low)

    @property
    def traced(self) -> list[Any]:
        """Those of the two that are traced."""
        return [x for x in self if isinstance(x, Traced)]


Cuts = dict[int, Bounds]
"""The axes that are cut, from the last, -1, on."""


def _inplace(ufunc: np.ufunc) -> Any:
    def method(self: Bounded, other: Any) -> Any:
        FUNCTIONS["assign"](self, elementwise(ufunc, (self, other)), ufunc.__name__)
        return self

    return entry(method)


class Bounded(Elementwise):
    """The elements of `base` inside the bounds of each axis that has some, by `cuts`."""

    __slots__ = ("base", "cuts")
    __array_priority__ = 3000

    def __init__(self, base: Any, cuts: Cuts) -> None:
        self.base = base
        self.cuts = cuts

    # what is known

    @property
    def builder(self) -> Any:
        """The builder of the innermost trace that it has something of."""
        return innermost([self.base, *(x for cut in self.cuts.values() for x in cut.traced)])

    @property
    def dtype(self) -> np.dtype[Any]:
        """Element type."""
        return self.base.dtype

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return self.base.ndim

    @property
    @entry
    def shape(self) -> tuple[Any, ...]:
        """Extents of the axes: traced integers where they are not known."""
        return tuple(self.count(axis) for axis in range(self.ndim))

    @property
    @entry
    def size(self) -> Any:
        """Number of elements, a traced integer."""
        return self.counted(range(self.ndim))

    def cut(self, axis: int) -> Bounds | None:
        """The bounds of an axis counted from 0."""
        return self.cuts.get(axis - self.ndim)

    def count(self, axis: int) -> Any:
        """The extent of an axis."""
        cut = self.cut(axis)
        return self.base.shape[axis] if cut is None else cut.extent

    def counted(self, axes: Sequence[int]) -> Any:
        """The number of elements along axes."""
        return functools.reduce(lambda x, axis: x * self.count(axis), axes, 1)

    @property
    def inside(self) -> Any:
        """Which places are inside the bounds, an array of bools that broadcasts with `base`."""
        masks: list[Any] = []
        for axis, (low, high) in self.cuts.items():
            extent = self.base.shape[axis]
            at = reshape(places(self, extent), (extent,) + (1,) * (-axis - 1))
            if isinstance(low, Traced) or low > 0:
                masks.append(at >= low)
            if isinstance(high, Traced) or high < extent:
                masks.append(at < high)
        return functools.reduce(np.logical_and, masks) if masks else np.True_

    def filled(self, number: Any = 0) -> Any:
        """The base with a number in the places outside."""
        blank = np.asarray(number, self.dtype)[()]
        return np.where(self.inside, self.base, lift(self.builder, blank))

    def like(self, base: Any) -> Bounded:
        """Another array with the same bounds."""
        return Bounded(base, self.cuts)

    # NumPy's protocols

    @entry
    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        if method == "reduce" and ufunc in REDUCED:
            axis = kwargs.pop("axis", 0)
            return FUNCTIONS[REDUCED[ufunc]](*inputs, axis=axis, **kwargs)
        if method == "at" and ufunc in (np.add, np.subtract):
            return FUNCTIONS["at"](ufunc, *inputs)
        if method != "__call__":
            self.refuse(f"np.{ufunc.__name__}.{method}")
        if ufunc in FUNCTIONS:
            return FUNCTIONS[ufunc](*inputs, **kwargs)
        (out,) = kwargs.pop("out", None) or (None,)
        result = elementwise(ufunc, inputs, **kwargs)
        return result if out is None else into(out, result, ufunc.__name__)

    @entry
    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        if function in ELEMENTWISE:
            return elementwise(function, args, **kwargs)
        implementation = FUNCTIONS.get(function)
        if implementation is None:
            self.refuse(f"np.{function.__name__}")
        out = kwargs.pop("out", None)
        result = implementation(*FUNCTIONS["packed"](args), **kwargs)
        return result if out is None else into(out, result, function.__name__)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        method = METHODS.get(name)
        if method is None:
            self.refuse(f"ndarray.{name}")
        if name in ATTRIBUTES:
            return entry(method)(self)
        return functools.partial(entry(method), self)

    def operate(self, function: Callable[..., Any], operands: Sequence[Any]) -> Any:
        """An elementwise function of operands, of which this is one."""
        return elementwise(function, operands)

    __iadd__, __isub__ = _inplace(np.add), _inplace(np.subtract)
    __imul__, __itruediv__ = _inplace(np.multiply), _inplace(np.divide)
    __ipow__, __imod__ = _inplace(np.power), _inplace(np.remainder)
    __ifloordiv__ = _inplace(np.floor_divide)
    __iand__, __ior__ = _inplace(np.bitwise_and), _inplace(np.bitwise_or)
    __ixor__ = _inplace(np.bitwise_xor)

    @entry
    def __matmul__(self, other: Any) -> Any:
        return FUNCTIONS[np.matmul](*FUNCTIONS["packed"]((self, other)))

    @entry
    def __rmatmul__(self, other: Any) -> Any:
        return FUNCTIONS[np.matmul](*FUNCTIONS["packed"]((other, self)))

    @entry
    def __pos__(self) -> Any:
        return elementwise(np.positive, (self,))

    @entry
    def __getitem__(self, index: Any) -> Any:
        return FUNCTIONS["getitem"](self, index)

    @entry
    def __setitem__(self, index: Any, new: Any) -> None:
        FUNCTIONS["setitem"](self, index, new)

    def __copy__(self) -> Any:
        return self.copy()

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        return self.copy()

    # what needs the numbers

    def refuse(self, what: str) -> NoReturn:
        raise UnsupportedError(
            f"{what} is not supported on an array whose extent is known only when the program runs",
            location=self.builder.provenance.location,
            hint=REMEDY,
        )

    @entry
    def __len__(self) -> int:
        count = self.count(0)
        if not isinstance(count, Traced):
            return count
        raise TraceError(
            "len() of an array whose extent is known only when the program runs",
            hint="use x.shape[0], a traced integer",
        )

    @entry
    def __iter__(self) -> Iterator[Any]:
        raise TraceError(
            "iteration over an array whose extent is known only when the program runs",
            hint="for i in range(x.shape[0]): ... x[i]",
        )

    @entry
    def __bool__(self) -> bool:
        raise TraceError("Python's truth value of an array", hint="use np.any or np.all")

    def __array__(self, dtype: Any = None, copy: Any = None) -> NoReturn:
        self.refuse("conversion to an ordinary NumPy array")

    def __reduce_ex__(self, protocol: Any) -> NoReturn:
        self.refuse("pickling")

    def __repr__(self) -> str:
        cuts = ", ".join(f"axis {axis}: {cut}" for axis, cut in self.cuts.items())
        return f"<{self.base!r} inside {cuts}>"


def places(like: Any, extent: int) -> Any:
    """0, 1, ... in the trace of `like`."""
    here = like.builder
    return iota(here.wrap(here, here.constant(np.zeros((), np.int64))), I64, (extent,), 0)


# elementwise

TAME = {
    np.add, np.subtract, np.multiply, np.negative, np.positive, np.absolute, np.square,
    np.maximum, np.minimum, np.conjugate, np.equal, np.not_equal, np.less, np.less_equal,
    np.greater, np.greater_equal, np.logical_and, np.logical_or, np.logical_not, np.invert,
}  # fmt: skip
"""Functions that are smooth where all of their operands are 0; in others a 1 stands outside."""


def elementwise(function: Callable[..., Any], operands: Sequence[Any], **options: Any) -> Any:
    """A function of arrays, some of them bounded, with NumPy's broadcasting."""
    values, cuts = together(FUNCTIONS["packed"](operands))
    filler = 0 if function in TAME else 1
    values = [x.filled(filler) if isinstance(x, Bounded) else x for x in values]
    if isinstance(function, np.ufunc):
        result = call_ufunc(function, tuple(values), "__call__", options)
    else:
        result = function(*values, **options)
    if not cuts:
        return result
    return (
        tuple(Bounded(copied(x), cuts) for x in result)
        if isinstance(result, tuple)
        else Bounded(copied(result), cuts)
    )


def into(out: Any, result: Any, name: str) -> Any:
    """`out` with a result in it."""
    out = out[0] if isinstance(out, tuple) else out
    if isinstance(out, Bounded):
        FUNCTIONS["assign"](out, result, name)
    else:
        out[...] = result
    return out


def together(operands: Sequence[Any]) -> tuple[list[Any], Cuts]:
    """Operands brought to the same places along each axis, and the bounds of what they give."""
    values = list(operands)
    cuts: Cuts = {}
    for axis in range(-max(map(ndim_of, values)), 0):
        cut = match(values, [axis] * len(values))
        if cut is not None:
            cuts[axis] = cut
    return values, cuts


def ndim_of(x: Any) -> int:
    """The number of axes of an array, bounded or not."""
    return x.ndim if isinstance(x, Bounded) else np.ndim(x)


def extent_of(x: Any, axis: int) -> int:
    """The extent of an axis, counted from the last, of what a value is stored in."""
    shape = x.base.shape if isinstance(x, Bounded) else np.shape(x)
    return shape[axis] if -axis <= len(shape) else 1


def match(values: list[Any], axes: Sequence[int | None]) -> Bounds | None:
    """Bring one axis of each value (counted from the last, None for none) to the same places, in
    `values` itself -> its bounds; None where all have a known extent.
    """
    cuts = [
        x.cuts.get(axis) if isinstance(x, Bounded) and axis is not None else None
        for x, axis in zip(values, axes, strict=True)
    ]
    bounded = [k for k, cut in enumerate(cuts) if cut is not None]
    if not bounded:
        return None
    known = {
        extent_of(x, axis)
        for x, axis, cut in zip(values, axes, cuts, strict=True)
        if cut is None and axis is not None
    } - {1}
    if known:
        for k in bounded:
            values[k] = exact(values[k], axes[k] or 0, next(iter(known)))
        return None
    first = bounded[0]
    wanted = cuts[first]
    assert wanted is not None
    same = [k for k in bounded if _same_start(cuts[k], wanted)]
    extent = min(extent_of(values[k], axes[k] or 0) for k in same)
    for k in bounded:
        wanted = agreeing(wanted, cuts[k])
        values[k] = moved(values[k], axes[k] or 0, wanted.low, extent)
    for k in bounded:
        values[k] = Bounded(values[k].base, {**values[k].cuts, axes[k] or 0: wanted})
    return wanted


def _same_start(one: Bounds | None, other: Bounds | None) -> bool:
    return one is not None and other is not None and difference(one.low, other.low) == 0


def agreeing(wanted: Bounds, other: Bounds | None) -> Bounds:
    """The bounds `wanted`, of which the program checks, where it is not known, that they have as
    many places as `other`.
    """
    if other is None:
        return wanted
    low, high = interval_of_difference(wanted.extent, other.extent)
    if low > 0 or high < 0:
        raise ShapeError(
            "operands could not be broadcast together: the extents of two slices are never equal"
        )
    return wanted if low == high == 0 else Bounds(wanted.low, checked(wanted.high, wanted, other))


def checked(number: Any, one: Bounds, other: Bounds) -> Any:
    """An integer; an index error where two bounds do not have equally many places."""
    here = innermost([*one.traced, *other.traced])
    line = reshape(lift(here, number, I64), (1,))
    return gather(line, (0,), [np.where(one.extent == other.extent, 0, _gap(one, other))])


def _gap(one: Bounds, other: Bounds) -> Any:
    return 1 + np.absolute(one.extent - other.extent)


def wrapped(places: Any, extent: int) -> Any:
    """Places between -extent and 2 extent, modulo the extent: cheaper than a division, and the
    limits of the result show.
    """
    places = np.where(places < 0, places + extent, places)
    places = np.where(places < extent, places, places - extent)
    return np.minimum(np.maximum(places, 0), extent - 1)


def moved(x: Any, axis: int, low: Any, extent: int) -> Bounded:
    """`x` with its elements along an axis from the place `low` on, in an axis of `extent`."""
    cut, place, old = x.cuts[axis], x.ndim + axis, x.base.shape[axis]
    ahead = difference(cut.low, low)
    base = x.base
    if ahead is None:
        at = places(x, extent) + minus(cut.low, low)
        base = gather_axis(base, place, np.remainder(at, old)) if old else base
    else:
        start, end = max(ahead, 0), min(old, max(extent + ahead, 0))
        if (start, end) != (0, old):
            base = slice_axis(base, place, start, max(start, end))
        before = min(max(-ahead, 0), extent)
        after = extent - before - base.shape[axis]
        if before or after:
            sides = [[0] * x.ndim, [0] * x.ndim]
            sides[0][place], sides[1][place] = before, after
            base = pad(base, tuple(sides[0]), tuple(sides[1]), (0,) * x.ndim)
    high = plus(low, cut.extent)
    return Bounded(base, {**x.cuts, axis: Bounds(low, high)})


def exact(x: Bounded, axis: int, extent: int) -> Any:
    """`x` with an axis of this known extent; the program stops where it has another."""
    cut, place = x.cuts[axis], x.ndim + axis
    left = {a: c for a, c in x.cuts.items() if a != axis}
    low, high = interval_of_difference(cut.extent, extent)
    if low > 0 or high < 0:
        raise ShapeError(
            f"a slice that never has {extent} elements does not fit an extent of {extent}"
        )
    if isinstance(cut.low, Traced) or low != high:
        at = places(x, extent) + cut.low
        if low != high:
            at = at + np.where(cut.extent == extent, 0, x.base.shape[place] + 1)
        base = gather_axis(x.base, place, at)
    else:
        base = slice_axis(x.base, place, cut.low, cut.low + extent)
    return Bounded(base, left) if left else base


def same_places(one: Bounded, other: Bounded) -> bool:
    """Whether two arrays of one shape have the same bounds."""
    return one.base.shape == other.base.shape and {
        axis: tuple(map(written, cut)) for axis, cut in one.cuts.items()
    } == {axis: tuple(map(written, cut)) for axis, cut in other.cuts.items()}


def axes_of(x: Bounded, axis: Any) -> tuple[int, ...]:
    """The axes that an `axis=` argument names, counted from 0."""
    return normalize_axes(axis, x.ndim)


FUNCTIONS: dict[Any, Callable[..., Any]] = {}
METHODS: dict[str, Callable[..., Any]] = {}
ATTRIBUTES = {"T", "real", "imag", "itemsize"}
ELEMENTWISE = {np.where, np.clip, np.round, np.around, np.real, np.imag, np.nan_to_num, np.isclose}
REDUCED = {
    np.add: np.sum, np.multiply: np.prod, np.maximum: np.max, np.minimum: np.min,
    np.logical_and: np.all, np.logical_or: np.any,
}  # fmt: skip
"""Ufuncs, and the functions that repeat them."""


def _flattened(x: Bounded) -> tuple[list[Any], Any]:
    """Children and what is part of the program, ints of Python, for pytrees."""
    children = [bound for cut in x.cuts.values() for bound in cut if type(bound) is not int]
    known = tuple(
        (axis, *(bound if type(bound) is int else None for bound in cut))
        for axis, cut in x.cuts.items()
    )
    return [x.base, *children], known


def _unflattened(known: Any, children: Sequence[Any]) -> Bounded:
    base, *rest = (np.int64(x) if type(x) is int else x for x in children)
    found = iter(rest)
    cuts = {
        axis: Bounds(*(next(found) if bound is None else bound for bound in bounds))
        for axis, *bounds in known
    }
    return Bounded(base, cuts)


register(Bounded, _flattened, _unflattened)
