"""Closed-over arrays that decide what the program is: counts, shapes, axes, places.

Their numbers are part of the program, as those of Python ints are. But an array can be changed in
place, so the program is guarded: where such an array no longer holds what it held while the
function was lowered, the function is lowered anew."""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from irgrad.ir.builder import CURRENT

DECIDING = {
    "axis", "axes", "axisa", "axisb", "axisc", "axis1", "axis2", "source", "destination", "shape",
    "new_shape", "window_shape", "reps", "shift", "repeats", "indices_or_sections", "pad_width",
    "obj", "offset", "k", "n", "N", "M", "num", "decimals", "kth", "dims", "deg", "q", "fweights",
}  # fmt: skip
"""The parameters of NumPy's functions whose numbers decide what is computed, not with what."""


class Guard(NamedTuple):
    """An array, and what it held."""

    array: np.ndarray[Any, Any]
    numbers: np.ndarray[Any, Any]

    @property
    def holds(self) -> bool:
        """Whether it holds the same still."""
        return self.array.dtype == self.numbers.dtype and np.array_equal(self.array, self.numbers)


def fixed(x: Any) -> Any:
    """The numbers of an array of numbers, which become part of the program; else `x`."""
    if not isinstance(x, np.ndarray) or x.dtype.hasobject:
        return x
    here = CURRENT.get()
    numbers = x.copy()
    if here is not None and not any(guard.array is x for guard in here.guards):
        here.guards.append(Guard(x, numbers))
    return numbers if x.ndim else numbers[()]


def reachable(guards: Sequence[Any]) -> tuple[Guard, ...]:
    """The guards of arrays that somebody else can change: not those of arrays that the traced
    function made for itself, which only their guards know by now.
    """
    return tuple(guard for guard in guards if _is_shared(guard))


def shared_captures() -> list[np.ndarray[Any, Any]]:
    """The arrays that the function being traced has closed over so far, without those that it made
    for itself.
    """
    here = CURRENT.get()
    captures = [] if here is None else here.captures.values()
    return [x[0] for x in captures if isinstance(x[0], np.ndarray) and _is_shared(x)]


def _is_shared(holder: tuple[Any, ...]) -> bool:
    """Whether anything but a tuple holds on to its first item, an array, or to one that this is a
    view of.
    """
    if _holders(holder) > _ALONE:
        return True
    view = holder[0]
    while isinstance(view.base, np.ndarray):
        if _holders_of_base(view) > _ALONE_BASE:
            return True
        view = view.base
    return view.base is not None


def _holders(holder: tuple[Any, ...]) -> int:
    return sys.getrefcount(holder[0])


def _holders_of_base(view: Any) -> int:
    return sys.getrefcount(view.base)


_ALONE, _ALONE_BASE = _holders((np.zeros(1),)), _holders_of_base(np.zeros(2)[1:])


def deciding(implementation: Callable[..., Any], like: Any = None) -> Callable[..., Any]:
    """The implementation of a NumPy function, arrays of numbers fixed where they decide what it
    computes: in the parameters in `DECIDING`, which are its own or those of `like`.
    """
    parameters = inspect.signature(implementation if like is None else like).parameters
    names = parameters.keys() & DECIDING
    if not names:
        return implementation
    listed = list(parameters.values())
    places = {i for i, p in enumerate(listed) if p.name in names}
    rest = next((i for i, p in enumerate(listed) if p.kind is p.VAR_POSITIONAL), len(listed))

    @functools.wraps(implementation)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        if any(type(arg) is np.ndarray for arg in args):
            args = tuple(
                fixed(arg) if min(i, rest) in places else arg for i, arg in enumerate(args)
            )
        for name in kwargs.keys() & names:
            kwargs[name] = fixed(kwargs[name])
        return implementation(*args, **kwargs)

    return wrapper
