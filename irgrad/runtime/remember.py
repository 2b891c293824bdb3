"""What was compiled for a function is kept for as long as the function lives.

It is kept beside the function, not on it: `functools.wraps`, `copy` and `pickle` carry attributes
over to other functions, and the methods of all objects of a class share theirs. What belongs to a
method, or to a transformation of one, lives as long as its object. Where a name that the function
reaches stands for something else since, it is forgotten, and made anew for who asks next."""

from __future__ import annotations

import weakref
from collections import deque
from collections.abc import Callable
from types import MethodType
from typing import Any, TypeVar

from irgrad.autodiff.budget import budget_set
from irgrad.frontend.bindings import Bindings, bindings
from irgrad.runtime.target import Transformation, innermost_function

T = TypeVar("T")
_KEPT: dict[int, tuple[Any, dict[Any, Any]]] = {}
_HELD: deque[int] = deque()
MOST_HELD = 256
"""Some callables, such as ufuncs, take no weak references: so many of them are kept alive."""


def kept(target: Any, make: Callable[[], T], what: str = "programs") -> T:
    """`make()`, made once for a function, a method, or a transformation of one, and a budget of
    tapes.
    """
    owner, way = origin(target)
    known = _beside(owner)
    function = innermost_function(target)
    names = ("names", getattr(function, "__func__", None))
    bound: tuple[Bindings, ...] | None = known.get(names)
    if bound is None or not all(place.hold for place in bound):
        known.clear()
        known[names] = bindings(function)
    key = (what, budget_set(), *way)
    return known.setdefault(key, make()) if key not in known else known[key]


def origin(target: Any) -> tuple[Any, tuple[Any, ...]]:
    """The function or the method's object that a target comes from, and the way there."""
    if isinstance(target, Transformation):
        owner, key = origin(target.function)
        return owner, (*key, type(target), target.key)
    if isinstance(target, MethodType):
        return target.__self__, (target.__func__,)
    return target, ()


def same(one: Any, other: Any) -> bool:
    """Whether two targets are the same transformations of the same function or method."""
    (owner, way), (other_owner, other_way) = origin(one), origin(other)
    return owner is other_owner and way == other_way


def bound(target: Any, instance: Any, owner: type | None) -> Any:
    """`target` as a method of an object; None where it is none, as with ufuncs and formulas."""
    bind = getattr(type(target), "__get__", None)
    if instance is None or bind is None:
        return None
    method = bind(target, instance, owner)
    return None if method is target else method


def _beside(owner: Any) -> dict[Any, Any]:
    number = id(owner)
    entry = _KEPT.get(number)
    if entry is None:
        try:
            reference = weakref.ref(owner, lambda _, forget=_KEPT.pop: forget(number, None))
        except TypeError:
            reference = owner
            _HELD.append(number)
            if len(_HELD) > MOST_HELD:
                _KEPT.pop(_HELD.popleft(), None)
        entry = _KEPT.setdefault(number, (reference, {}))
    return entry[1]


__all__ = ["bound", "kept", "origin", "same"]
