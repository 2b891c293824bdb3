"""Where user code enters: the user's line goes on nodes and errors, the name of the user's variable
on the result."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar

from irgrad.errors import IrgradError
from irgrad.frontend.site import Pattern, call_site
from irgrad.ir.builder import Traced, located_by

F = TypeVar("F", bound=Callable[..., Any])
located_by(lambda: call_site(2).location)


def _name(result: Any, variable: Pattern) -> None:
    """Call unnamed values after the variables that they are bound to."""
    if isinstance(result, Traced):
        node = result.value.node
        if isinstance(variable, str) and node.name is None and len(node.types) == 1:
            node.name = variable
    elif isinstance(result, (tuple, list)) and isinstance(variable, tuple):
        for part, name in zip(result, variable, strict=False):
            _name(part, name)


def entry(method: F) -> F:
    """Decorator of the methods that user code calls: puts the user's line on nodes and errors, and
    the name of the user's variable on the result."""

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
            raise error.at(site.location) from None
        finally:
            now.busy, now.location = False, None
        if site.variable is not None:
            _name(result, site.variable)
        return result

    return wrapper  # pyright: ignore[reportReturnType]
