"""Where user code enters: the user's line goes on nodes and errors, the name of the user's variable
on the result."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar

from irgrad.errors import IrgradError
from irgrad.frontend.complaint import completed
from irgrad.frontend.holders import variable_of
from irgrad.frontend.site import Pattern, call_site
from irgrad.ir.builder import Traced, located_by, named_by

F = TypeVar("F", bound=Callable[..., Any])
located_by(lambda op: call_site(2, op.home).location)
named_by(variable_of)


def _name(result: Any, variable: Pattern) -> None:
    """Call unnamed values after the variables that they are bound to."""
    if isinstance(result, Traced):
        if isinstance(variable, str) and result.value.name is None:
            result.value.call(variable)
    elif isinstance(result, (tuple, list)) and isinstance(variable, tuple):
        for part, name in zip(result, variable, strict=False):
            _name(part, name)


def about_call(function: F) -> F:
    """Decorator of what checks the arguments of a call of the user's: errors get its line."""

    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        try:
            return function(*args, **kwargs)
        except IrgradError as error:
            raise error.at(call_site().location) from None

    return wrapper  # pyright: ignore[reportReturnType]


def entry(method: F, name: str = "") -> F:
    """Decorator of the methods that user code calls: puts the user's line on nodes and errors, the
    name of the user's variable on the result, and on errors what was called (`name`, or the NumPy
    function that the first argument is) and on which values."""

    @functools.wraps(method)
    def wrapper(self: Traced, *args: Any, **kwargs: Any) -> Any:
        now = self.builder.provenance
        if now.busy:
            return method(self, *args, **kwargs)
        site = call_site()
        now.busy, now.location = True, site.location
        try:
            result = method(self, *args, **kwargs)
        except IrgradError as error:
            call = name or getattr(args[0] if args else None, "__name__", "")
            raise completed(error, call, (self, args, kwargs), site.location) from None
        finally:
            now.busy, now.location = False, None
        if site.variable is not None:
            _name(result, site.variable)
        return result

    return wrapper  # pyright: ignore[reportReturnType]
