"""Constructors of arrays: they give handles, to which traced values can be assigned, and take
traced values where NumPy gives them no way to.
"""

from __future__ import annotations

import inspect
import operator
from typing import Any

import numpy as np

from irgrad.frontend.bounded import Bounded
from irgrad.frontend.capture.doors import DOORS, METHODS, at_home, door
from irgrad.frontend.capture.handles import builder, handle_on, is_supported, repeated
from irgrad.frontend.capture.maybe import as_array, is_open
from irgrad.frontend.capture.rows import whole
from irgrad.frontend.capture.sizes import counted, sized
from irgrad.frontend.guards import deciding, fixed
from irgrad.frontend.numpy_api.shape import extents
from irgrad.frontend.promote import any_traced, innermost, lift
from irgrad.frontend.registry import FUNCTIONS
from irgrad.frontend.sharing import copied
from irgrad.frontend.tracer import Tracer
from irgrad.ir.builder import Traced
from irgrad.ops.cast import astype
from irgrad.ops.linear import broadcast_to, reshape

# arrays of one number


def _constructor(function: Any, number: Any) -> None:
    def make(shape: Any, dtype: Any = float, order: str = "C", **rest: Any) -> Any:
        shape = fixed(shape)
        if rest or not is_supported(dtype):
            return function(shape, dtype, order, **rest)
        return sized(shape, lambda known: repeated(np.asarray(number, dtype), extents(known)))

    door(function)(at_home(make, function.__name__))


for _made, _value in ((np.zeros, 0), (np.empty, 0), (np.ones, 1)):
    _constructor(_made, _value)


@door(np.ndarray)
def ndarray(shape: Any, dtype: Any = float, *memory: Any, **options: Any) -> Any:
    """`np.ndarray(shape, dtype)`, which is `np.empty`; on memory of the caller's it is NumPy's."""
    if memory or options:
        return np.ndarray(shape, dtype, *memory, **options)
    return DOORS[np.empty](shape, dtype)


def _full(shape: Any, fill_value: Any, dtype: Any = None, order: Any = "C", **rest: Any) -> Any:
    """`np.full`; the value may be traced."""
    shape = fixed(shape)
    if rest or not (any_traced(fill_value) or is_supported(np.asarray(fill_value, dtype).dtype)):
        return np.full(shape, fill_value, dtype, order, **rest)
    value = _array(fill_value, dtype)
    return sized(shape, lambda known: copied(broadcast_to(value, extents(known))))


door(np.full)(at_home(_full))


def _like(function: Any, number: Any) -> None:
    parameters = inspect.signature(FUNCTIONS[function])  # NumPy before 2.4 has none of empty_like

    def make(*args: Any, **kwargs: Any) -> Any:
        given = parameters.bind(*args, **kwargs).arguments
        like = next(iter(given.values()))
        value = given.get("fill_value", number)
        if isinstance(like, (list, tuple)) and any_traced(like):
            _, *rest = given
            return function(array(like), **{name: given[name] for name in rest})
        if any_traced(like) or isinstance(like, Bounded):
            return function(*args, **kwargs)
        like = np.asarray(like)
        dtype = like.dtype if given.get("dtype") is None else np.dtype(given["dtype"])
        shape = like.shape if given.get("shape") is None else given["shape"]
        if not is_supported(dtype):
            return function(*args, **kwargs)
        return _full(shape, value, dtype)

    door(function)(at_home(make, function.__name__))


for _made, _value in (
    (np.zeros_like, 0), (np.empty_like, 0), (np.ones_like, 1), (np.full_like, None)
):  # fmt: skip
    _like(_made, _value)


# arrays from numbers


def _index(x: Any) -> Any:
    whole = isinstance(x, Tracer) and x.dtype.kind in "iu"
    return operator.index(x) if whole else x


def _plain(function: Any) -> None:
    first = 2 if function is np.linspace else 0

    def make(*args: Any, **kwargs: Any) -> Any:
        if function is not np.arange:  # sizes and offsets
            args = (*args[:first], *map(_index, args[first:]))
            kwargs = {name: _index(x) for name, x in kwargs.items()}
        if any_traced(args) and function in FUNCTIONS:
            return FUNCTIONS[function](*args, **kwargs)
        if function is np.arange:
            args = tuple(map(fixed, args))
            if any_traced(args):
                return counted(*args, **kwargs)
        return handle_on(function(*args, **kwargs))

    made = make if function is np.arange else deciding(make, function)
    door(function)(at_home(made, function.__name__))


for _made in (np.eye, np.identity, np.arange, np.tri, np.linspace):
    _plain(_made)


def _array(
    object: Any,
    dtype: Any = None,
    *,
    copy: Any = True,
    order: Any = "K",
    subok: bool = False,
    ndmin: int = 0,
    like: Any = None,
) -> Any:
    """`np.array`, of traced values too."""
    made: Any
    if is_open(object):
        object = as_array(object)
    if isinstance(object, Bounded):
        return object.copy() if dtype is None else object.astype(dtype)
    if not copy and isinstance(object, Tracer) and dtype in (None, object.dtype):
        return reshape(object, (1,) * max(0, ndmin - object.ndim) + object.shape)
    rows = whole(object)
    if rows is not None:
        made = astype(copied(rows), rows.dtype if dtype is None else np.dtype(dtype))
    elif not any_traced(object):
        if isinstance(object, np.ndarray) and dtype is None and is_supported(object.dtype):
            made = copied(_by_reference(object))
        else:
            made = handle_on(np.array(object, dtype))
    else:
        made = copied(
            lift(innermost((object,)), object, None if dtype is None else np.dtype(dtype))
        )
        made.weak = False
    if isinstance(made, np.ndarray):
        return np.array(object, dtype, copy=copy, ndmin=ndmin)
    made.in_place = True
    return made if made.ndim >= ndmin else reshape(made, (1,) * (ndmin - made.ndim) + made.shape)


array = at_home(_array)
"""`np.array`, of traced values too."""
door(np.array)(array)


def _by_reference(held: Any) -> Any:
    here = builder()
    value = here.lift(held)
    here.numbers[value] = here.held[value] = held
    return here.wrap(here, value)


@door(np.asarray, np.asanyarray, np.ascontiguousarray, np.asfortranarray)
@at_home
def asarray(a: Any, dtype: Any = None, *args: Any, **kwargs: Any) -> Any:
    """`np.asarray` and kin: arrays, traced or not, are passed through."""
    if isinstance(a, Traced):
        wanted = a.value.type.dtype if dtype is None else np.dtype(dtype)
        strong = a if not a.weak else _array(a)  # pyright: ignore[reportAttributeAccessIssue]
        return astype(strong, wanted)
    if isinstance(a, np.ndarray):
        return np.asarray(a, dtype)
    if isinstance(a, Bounded) and dtype in (None, a.dtype):
        return a
    return _array(a, dtype)


@door(np.require)
@at_home
def require(a: Any, dtype: Any = None, requirements: Any = None, *, like: Any = None) -> Any:
    """`np.require`; how an array lies in memory is no part of a traced value."""
    traced = any_traced(a) or isinstance(a, Bounded)
    return asarray(a, dtype) if traced else np.require(a, dtype, requirements)


@door(np.copy)
def copy(a: Any, *args: Any, **kwargs: Any) -> Any:
    """`np.copy`."""
    return array(a)


METHODS["copy"] = lambda a, *args, **kwargs: array(a)
METHODS["astype"] = lambda a, dtype, *args, **kwargs: array(a, dtype)
