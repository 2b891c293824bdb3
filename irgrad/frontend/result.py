"""Results that are no arrays, numbers or pytrees of them: put back as they are, unless a traced
value hides in them, which would mean nothing once the traced function has returned.
"""

from __future__ import annotations

import functools
from collections.abc import ItemsView, Iterable, Iterator, KeysView, Mapping, ValuesView
from contextlib import suppress
from types import FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np

from irgrad.errors import UnsupportedError, with_article
from irgrad.frontend.masked import Selection
from irgrad.frontend.pytree import how_to_register
from irgrad.ir.builder import Traced
from irgrad.ir.graph import Graph

_SIMPLE = (int, float, complex, str, bytes, type(None), type, ModuleType, np.ndarray, np.generic)
_OPAQUE = (*_SIMPLE, np.ufunc, np.dtype, Graph)
_LAZY = (Iterator, KeysView, ValuesView, ItemsView)


def check_static(leaf: Any) -> None:
    """Refuse a leaf of a result that runs later, or in which a traced value hides."""
    if isinstance(leaf, _SIMPLE):
        return
    kind = type(leaf).__name__
    if isinstance(leaf, _LAZY):
        raise UnsupportedError(
            f"{with_article(kind)} would be read after the function has returned",
            hint="return list(...) or dict(...) of it",
        )
    if holds_traced(leaf):
        raise UnsupportedError(
            f"{with_article(kind)} holds a traced value, which would escape in it",
            hint=_remedy(leaf),
        )


def holds_traced(root: Any) -> bool:
    """Whether a traced value can be reached from an object through what it holds."""
    seen: dict[int, Any] = {}
    work = [root]
    while work:
        item = work.pop()
        if isinstance(item, (Traced, Selection)):
            return True
        if id(item) not in seen and not isinstance(item, _OPAQUE):
            seen[id(item)] = item
            work.extend(_parts(item))
    return False


def _parts(item: Any) -> Iterable[Any]:
    """What an object holds: the items of a container, the attributes of an instance, what a
    function closes over.
    """
    if isinstance(item, Mapping):
        yield from item.values()
    elif isinstance(item, (list, tuple, set, frozenset)):
        yield from item
    elif isinstance(item, functools.partial):
        yield from (item.func, item.args, item.keywords)
    elif isinstance(item, MethodType):
        yield item.__self__
    elif isinstance(item, FunctionType):
        for cell in item.__closure__ or ():
            with suppress(ValueError):  # a variable that has no value yet
                yield cell.cell_contents
        yield from item.__defaults__ or ()
    yield from getattr(item, "__dict__", {}).values()
    for kind in type(item).__mro__:
        slots = vars(kind).get("__slots__", ())
        for slot in (slots,) if isinstance(slots, str) else slots:
            yield getattr(item, slot, None)


def _remedy(leaf: Any) -> str:
    if callable(leaf):
        return "call it inside the function that is traced, and return its result"
    if isinstance(leaf, (set, frozenset)):
        return "return a tuple, a list or a dict"
    return f"return a tuple, a list or a dict, or {how_to_register(type(leaf).__name__)}"
