"""Keywords that people know from elsewhere: what takes their place here."""

from __future__ import annotations

import difflib
import functools
import inspect
from collections.abc import Callable
from typing import Any, TypeVar

from irgrad.errors import ArgumentError, IrgradError
from irgrad.frontend.site import call_site

F = TypeVar("F", bound=Callable[..., Any])


def keywords(**remedies: str) -> Callable[[F], F]:
    """Decorator: a keyword that the function does not have, or has a remedy for, is an
    `ArgumentError` that lists those it has. Errors that have no line get that of the call.

    >>> @keywords(jac="it is exact")
    ... def solve(f, *, method="lm"): ...
    >>> solve(abs, jac=None)
    Traceback (most recent call last):
        ...
    irgrad.errors.ArgumentError: solve has no keyword 'jac'; it has method
      at <doctest irgrad.frontend.keywords.keywords[1]>:1    solve(abs, jac=None)
      hint: it is exact
    """

    def decorate(function: F) -> F:
        parameters = inspect.signature(function).parameters.values()
        own = {p.name for p in parameters if p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)}
        open_ended = any(p.kind is p.VAR_KEYWORD for p in parameters)

        @functools.wraps(function)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            for name in kwargs:
                if name not in own and (name in remedies or not open_ended):
                    raise _unknown(function, name, remedies)
            try:
                return function(*args, **kwargs)
            except IrgradError as error:
                error.at(call_site().location)
                raise

        return wrapper  # pyright: ignore[reportReturnType]

    return decorate


def _unknown(function: Any, name: str, remedies: dict[str, str]) -> ArgumentError:
    parameters = inspect.signature(function).parameters.values()
    listed = [p.name for p in parameters if p.kind is p.KEYWORD_ONLY or p.default is not p.empty]
    every = [p.name for p in parameters if p.kind is not p.VAR_POSITIONAL]
    near = difflib.get_close_matches(name, listed, 1)
    return ArgumentError(
        f"{function.__name__} has no keyword '{name}'; it has {', '.join(listed or every)}",
        location=call_site().location,
        hint=remedies.get(name, f"did you mean '{near[0]}'?" if near else ""),
    )
