"""Results that share no memory with operands.

What is made of windows (slices, reshapes, ...) is a view, unless it says that it copies."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar

from irgrad.ir.builder import Traced, home

F = TypeVar("F", bound=Callable[..., Any])


def copies(function: F) -> F:
    """Decorator: the result (or each of a list or tuple) shares no memory with operands."""

    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return copied(function(*args, **kwargs))

    return wrapper  # pyright: ignore[reportReturnType]


def copied(x: Any) -> Any:
    """A handle of its own on the current version of a traced array, or of each in a list; in the
    body of a loop or branch it belongs to the body.
    """
    if isinstance(x, Traced):
        here = home(x.builder)
        copy = here.wrap(here, here.lift(x))
        copy.weak = x.weak  # pyright: ignore[reportAttributeAccessIssue]
        return copy
    return type(x)(map(copied, x)) if isinstance(x, (list, tuple)) else x
