"""Functions of functions, and lists of traced values where NumPy wants an array."""

from __future__ import annotations

import builtins
import functools
from typing import Any

import numpy as np

from irgrad.errors import UnsupportedError
from irgrad.frontend.capture.constructors import array
from irgrad.frontend.capture.doors import door
from irgrad.frontend.capture.iteration import TracedRange
from irgrad.frontend.capture.rows import whole
from irgrad.frontend.known import known
from irgrad.frontend.promote import any_traced
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
    return TracedRange(*bounds) if unknown else range(*bounds)


# lists of traced values where NumPy wants an array

_OF_SEQUENCES = {
    np.concatenate, np.stack, np.vstack, np.hstack, np.dstack, np.column_stack, np.block,
    np.broadcast_arrays, np.meshgrid, np.ix_, np.select, np.choose, np.einsum, np.linalg.multi_dot,
}  # fmt: skip


def stacking(function: Any) -> Any:
    """A NumPy function that takes lists with traced values in them as arrays."""
    if function in _JOINS:
        return _JOINS[function]
    if function in _OF_SEQUENCES:
        return function

    def run(*args: Any, **kwargs: Any) -> Any:
        if any(isinstance(x, (list, tuple)) and any_traced(x) for x in args):
            args = tuple(
                array(x) if isinstance(x, (list, tuple)) and any_traced(x) else x for x in args
            )
        return function(*args, **kwargs)

    return run


@door(builtins.sum)
def total(items: Any, start: Any = 0) -> Any:
    """`sum`, of what a loop appended too."""
    stack = whole(items)
    return sum(items, start) if stack is None else start + np.sum(stack, axis=0)


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


class _Joining:
    """`np.r_` and `np.c_` of traced values."""

    def __init__(self, plain: Any, columns: bool) -> None:
        self.plain = plain
        self.columns = columns

    def __getitem__(self, key: Any) -> Any:
        entries = key if isinstance(key, tuple) else (key,)
        if not any_traced(entries):
            return self.plain[key]
        if any(isinstance(entry, str) for entry in entries):
            raise UnsupportedError(
                "np.r_ with a directive string and traced values",
                hint="use np.concatenate or np.stack with axis=",
            )
        parts = [np.r_[entry] if isinstance(entry, slice) else entry for entry in entries]
        if not self.columns:
            return np.concatenate([np.atleast_1d(array(part)) for part in parts])
        widened = [array(part) for part in parts]
        return np.concatenate(
            [x[..., None] if x.ndim == 1 else np.reshape(x, (1, 1)) if not x.ndim else x
             for x in widened],
            axis=-1,
        )  # fmt: skip


JOINING = {id(np.r_): _Joining(np.r_, False), id(np.c_): _Joining(np.c_, True)}
"""In place of `np.r_` and `np.c_`, by their identity."""
