"""`out=`: results that go into an array which is there already, in one place for all functions."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

from irgrad.errors import UnsupportedError
from irgrad.frontend.promote import any_traced
from irgrad.frontend.view import write_result
from irgrad.ir.builder import Traced


def writes_out(implementation: Callable[..., Any], function: Any = None) -> Callable[..., Any]:
    """The implementation of a NumPy function, its parameter `out` given meaning if it has one."""
    parameters = inspect.signature(implementation).parameters
    if "out" not in parameters:
        return implementation
    place = list(parameters).index("out")
    positional = parameters["out"].kind is not inspect.Parameter.KEYWORD_ONLY

    @functools.wraps(implementation)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        out = kwargs.pop("out", None)
        if positional and len(args) > place and args[place] is not None:
            out, args = args[place], (*args[:place], None, *args[place + 1 :])
        if out is None:
            return implementation(*args, **kwargs)
        name = implementation.__name__.strip("_")
        check_out(name, out)
        traced = any(map(any_traced, (*args, *kwargs.values())))
        return write_result(name, out, (implementation if traced else function)(*args, **kwargs))

    return wrapper


def check_out(name: str, out: Any) -> None:
    """Refuse `out=` arrays that are not traced: they hold only numbers."""
    if not isinstance(out, Traced):
        raise UnsupportedError(
            f"{name}: out= is not supported with an array that holds only numbers: an in-place "
            "write into a constant NumPy array",
            hint="write a = a + x instead of a += x, leave out= away and use the result",
        )
