"""Functions of functions, and lists of traced values where NumPy wants an array."""

from __future__ import annotations

import builtins
import functools
from typing import Any

import numpy as np

from irgrad.errors import UnsupportedError
from irgrad.frontend.capture.constructors import array
from irgrad.frontend.capture.doors import door
from irgrad.frontend.capture.handles import handle_on
from irgrad.frontend.capture.held import met_first
from irgrad.frontend.capture.iteration import TracedRange
from irgrad.frontend.capture.maybe import as_array, is_open
from irgrad.frontend.capture.rows import Row, whole
from irgrad.frontend.guards import fixed
from irgrad.frontend.known import known
from irgrad.frontend.promote import any_traced, common_dtype
from irgrad.frontend.tracer import Tracer
from irgrad.ir.builder import Traced

# functions that take functions


def _with_function(function: Any) -> None:
    @door(function)
    def run(mapped: Any, *rest: Any) -> Any:
        from irgrad.frontend.capture.call import call

        return function(mapped if mapped is None else call(mapped), *rest)


for _function in (builtins.map, builtins.filter, functools.reduce):
    _with_function(_function)


@door(builtins.range)
def range_(*bounds: Any) -> Any:
    """`range`, of bounds that are traced too."""
    unknown = any(isinstance(x, Traced) and known(x) is None for x in bounds)
    return TracedRange(*bounds) if unknown else range(*map(fixed, bounds))


# lists of traced values where NumPy wants an array

_OF_SEQUENCES = {
    np.concatenate, np.stack, np.vstack, np.hstack, np.dstack, np.column_stack, np.select,
    np.choose, np.linalg.multi_dot,
}  # fmt: skip


def stacking(function: Any) -> Any:
    """A NumPy function that takes lists with traced values in them as arrays."""
    if function is np.block:  # its lists are the blocks' places
        return function
    if function in (np.take, np.pad):  # NumPy asks their first argument alone
        return met_first(function)
    inside = function in _OF_SEQUENCES
    function = _JOINS.get(function, function)

    if getattr(function, "__name__", None) == "at":  # of a ufunc: a tuple indexes several axes
        return lambda a, indices, *b: function(a, _index(indices), *map(_joined, b))

    def run(*args: Any, **kwargs: Any) -> Any:
        return function(*(_items(x) if inside else _joined(x) for x in args), **kwargs)

    return run


def _joined(x: Any) -> Any:
    """A list with traced values in it as an array; anything else as it is."""
    if is_open(x):
        return as_array(x)
    return array(x) if isinstance(x, (list, tuple)) and any_traced(x) else x


def _index(x: Any) -> Any:
    """An index, its lists made arrays."""
    return tuple(map(_joined, x)) if isinstance(x, tuple) else _joined(x)


def _items(x: Any) -> Any:
    """A list of arrays, those that are lists themselves made arrays."""
    lists = isinstance(x, (list, tuple)) and any(isinstance(item, (list, tuple)) for item in x)
    return type(x)(map(_joined, x)) if lists else x


@door(builtins.sum)
def total(items: Any, start: Any = 0) -> Any:
    """`sum`, of what a loop appended and of the rows of an array too."""
    if isinstance(start, (list, tuple)):
        return sum(items, start)
    if is_open(items):
        return start + np.sum(as_array(items), axis=0)
    stack = items if isinstance(items, Tracer) and items.ndim else whole(items)
    if stack is None:
        return sum(items, start)
    dtype = np.result_type(stack.dtype, 0)
    return start + np.sum(stack, axis=0, dtype=np.int64 if dtype.kind == "b" else dtype)


@door(builtins.list)
def list_(*items: Any) -> Any:
    """`list`; the numbers of a traced array are read where they are asked for."""
    line = items[0] if len(items) == 1 and isinstance(items[0], Tracer) else None
    if line is None or line.ndim != 1 or known(line) is not None:
        return list(*items)
    stack = line.builder.wrap(line.builder, line.value)
    return [Row(stack, k) for k in range(line.shape[0])]


def _stack(arrays: Any, axis: int = 0, **kwargs: Any) -> Any:
    """`np.stack`."""
    found = None if kwargs else whole(arrays)
    return np.stack(arrays, axis, **kwargs) if found is None else np.moveaxis(found, 0, axis)


def _concatenate(arrays: Any, axis: Any = 0, **kwargs: Any) -> Any:
    """`np.concatenate`."""
    found = None if kwargs or axis != 0 else whole(arrays)
    if found is None or np.ndim(found) < 2:
        return np.concatenate(arrays, axis, **kwargs)
    return np.reshape(found, (found.shape[0] * found.shape[1], *found.shape[2:]))


def _vstack(tup: Any, **kwargs: Any) -> Any:
    """`np.vstack`."""
    found = None if kwargs else whole(tup)
    if found is None:
        return np.vstack(tup, **kwargs)
    return found[:, None] if found.ndim == 1 else found if found.ndim == 2 else _concatenate(tup)


_JOINS = {np.stack: _stack, np.concatenate: _concatenate, np.vstack: _vstack}


def _directive(text: str) -> tuple[int, int]:
    """The axis to join along and the least number of axes, from the string that begins `np.r_`."""
    numbers = text.split(",")
    if len(numbers) > 2 or not all(number.lstrip("-").isdigit() for number in numbers):
        raise UnsupportedError(
            f"np.r_[{text!r}, ...] with traced values",
            hint="'axis' and 'axis,ndmin' are known; np.concatenate and np.stack take axis=",
        )
    axis, least = map(int, (*numbers, "1")[:2])
    return axis, least


class _Joining:
    """`np.r_` and `np.c_` of traced values."""

    def __init__(self, plain: Any, columns: bool) -> None:
        self.plain = plain
        self.columns = columns

    def __getitem__(self, key: Any) -> Any:
        entries = key if isinstance(key, tuple) else (key,)
        if not any_traced(entries):
            return self.plain[key]
        axis, least = 0, 1
        if isinstance(entries[0], str) and not self.columns:
            (directive, *entries) = entries
            axis, least = _directive(directive)
        parts = [np.r_[entry] if isinstance(entry, slice) else entry for entry in entries]
        if not self.columns:
            dtype = common_dtype([_joined(part) for part in parts])
            return np.concatenate([array(x, ndmin=least) for x in parts], axis, dtype=dtype)
        widened = [array(part) for part in parts]
        return np.concatenate(
            [x[..., None] if x.ndim == 1 else np.reshape(x, (1, 1)) if not x.ndim else x
             for x in widened],
            axis=-1,
        )  # fmt: skip


class _Grid:
    """`np.mgrid` and `np.ogrid`, which give arrays to assign to as constructors do."""

    def __init__(self, plain: Any) -> None:
        self.plain = plain

    def __getitem__(self, key: Any) -> Any:
        found = self.plain[key]
        return tuple(map(handle_on, found)) if isinstance(found, tuple) else handle_on(found)


JOINING: dict[int, Any] = {
    id(np.r_): _Joining(np.r_, False),
    id(np.c_): _Joining(np.c_, True),
    id(np.mgrid): _Grid(np.mgrid),
    id(np.ogrid): _Grid(np.ogrid),
}
"""In place of `np.r_` and its like, by their identity."""
