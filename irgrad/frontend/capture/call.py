"""What rewritten code reaches as `__irgrad__`: the function to call in place of the one written."""

from __future__ import annotations

import functools
from types import BuiltinFunctionType, FunctionType, MethodType
from typing import Any

import numpy as np

from irgrad.frontend.capture import data, extremes, mathematics, ordering  # noqa: F401 -- doors
from irgrad.frontend.capture.choices import written
from irgrad.frontend.capture.comprehension import listed, when
from irgrad.frontend.capture.doors import DOORS, METHODS
from irgrad.frontend.capture.flow import (
    UNBOUND,
    and_,
    both,
    chained,
    choose,
    either,
    for_,
    if_,
    negated,
    or_,
    value,
    while_,
)
from irgrad.frontend.capture.fresh import owned
from irgrad.frontend.capture.function import captured
from irgrad.frontend.capture.generators import producing
from irgrad.frontend.capture.held import method_of
from irgrad.frontend.capture.iteration import Mapped as mapped
from irgrad.frontend.capture.iteration import combining
from irgrad.frontend.capture.lists import JOINING, stacking
from irgrad.frontend.capture.maybe import is_open
from irgrad.frontend.capture.maybe import method_of as list_method
from irgrad.frontend.capture.membership import searched, searching, within
from irgrad.frontend.capture.naming import each_named, named
from irgrad.frontend.capture.once import refused_in_loops
from irgrad.frontend.capture.places import place, source
from irgrad.frontend.capture.raising import certain, fail, trying
from irgrad.frontend.capture.scalars import scalar_type
from irgrad.frontend.capture.vectorized import vectorized
from irgrad.frontend.guards import fixed
from irgrad.frontend.promote import any_traced
from irgrad.frontend.registry import FUNCTIONS
from irgrad.frontend.scipy_api import scipy_door
from irgrad.ir.builder import CURRENT

_NUMPY_FUNCTION = type(np.mean)
_WRITING = {
    "add", "append", "appendleft", "clear", "discard", "extend", "extendleft", "insert", "pop",
    "popitem", "popleft", "remove", "reverse", "rotate", "setdefault", "sort", "update",
}  # fmt: skip
"""Methods that change a list, dict, set or deque."""


def call(function: Any) -> Any:
    """What to call where the user's code calls `function`, while something is traced."""
    if CURRENT.get() is None:
        return function
    refused = refused_in_loops(function)
    if refused is not None:
        return refused
    kind: Any = type(function)
    if kind is FunctionType:
        door = DOORS.get(function) or scipy_door(function)
        return captured(function) if door is None else door
    if kind is MethodType:
        return scipy_door(function) or captured(function)
    if kind is BuiltinFunctionType and isinstance(function.__self__, np.ndarray):
        door = METHODS.get(function.__name__)
        if door is None:
            return method_of(function.__self__, function)
        return functools.partial(door, function.__self__)
    if kind is BuiltinFunctionType and function.__name__ in _WRITING:
        written(function.__self__)
    if _is_search(function):
        return searching(function.__self__, function)
    if kind is BuiltinFunctionType and type(function.__self__) is list:
        if function.__name__ == "sort" and not is_open(function.__self__):
            return ordering.sort_of(function.__self__)
        return list_method(function.__self__, function)
    if kind is BuiltinFunctionType and isinstance(function.__self__, np.ufunc):
        return stacking(function)
    try:
        door = DOORS.get(function)
    except TypeError:  # not hashable
        door = None
    if door is not None:
        return door
    if kind is _NUMPY_FUNCTION or kind is np.ufunc:
        return stacking(function) if function in FUNCTIONS or kind is np.ufunc else function
    if kind is np.vectorize:
        return vectorized(function, call(function.pyfunc))
    if kind is functools.partial:
        return functools.partial(call(function.func), *function.args, **function.keywords)
    if isinstance(function, type):
        return _instance_of(function)
    if id(function) in JOINING:
        return JOINING[id(function)]
    return captured(function)


def _is_search(function: Any) -> bool:
    """Whether this is `items.index` or `items.count`."""
    if type(function) is not BuiltinFunctionType or function.__name__ not in ("index", "count"):
        return False
    items: Any = function.__self__
    return isinstance(items, (list, tuple)) and not is_open(items)


_SHAPES = (np.iscomplexobj, np.isrealobj, np.iterable, np.ndim, np.result_type, np.shape, np.size)
"""Functions of NumPy's that look at no numbers."""
_NUMBERS = (abs, all, any, bool, float, int, max, min, round, sum)
"""Functions of Python's that do."""


def looking(function: Any) -> Any:
    """What to call where the result decides what is computed: arrays of numbers that a function of
    NumPy's or Python's looks at are part of the program, where it gets no traced value.
    """
    found = call(function)
    ours = type(function) in (_NUMPY_FUNCTION, np.ufunc) and not _among(function, _SHAPES)
    if CURRENT.get() is None or not (ours or _among(function, _NUMBERS)):
        return found

    def looked(*args: Any, **kwargs: Any) -> Any:
        numbers = not any_traced(args) and not any_traced(tuple(kwargs.values()))
        return found(*(map(fixed, args) if numbers else args), **kwargs)

    return looked


def _among(function: Any, functions: tuple[Any, ...]) -> bool:
    return any(function is other for other in functions)


def over(function: Any) -> Any:
    """What to call in the head of a `for`."""
    if CURRENT.get() is None:
        return function
    found = combining(function) or producing(function)
    return call(function) if found is None else found


def _instance_of(kind: type) -> Any:
    """The class itself, or what makes an instance of it by its rewritten `__init__`."""
    if issubclass(kind, np.generic):
        return scalar_type(kind)
    found: Any = vars(kind).get("__init__")
    plain = type(kind) is type and kind.__new__ is object.__new__
    if not plain or type(found) is not FunctionType or captured(found) is found:
        return kind

    def make(*args: Any, **kwargs: Any) -> Any:
        instance = object.__new__(kind)
        captured(found)(instance, *args, **kwargs)
        return instance

    return make


__all__ = [
    "UNBOUND",
    "and_",
    "both",
    "call",
    "certain",
    "chained",
    "choose",
    "each_named",
    "either",
    "fail",
    "fixed",
    "for_",
    "if_",
    "listed",
    "looking",
    "mapped",
    "named",
    "negated",
    "or_",
    "over",
    "owned",
    "place",
    "searched",
    "source",
    "trying",
    "value",
    "when",
    "while_",
    "within",
    "written",
]
