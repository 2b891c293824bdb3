"""Methods and functions of plain arrays that rewritten code closes over, where they meet traced
values: `data.dot(x)` is that of the array captured by reference."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from irgrad.frontend.capture.handles import is_supported
from irgrad.frontend.promote import any_traced, innermost, lift
from irgrad.frontend.registry import METHODS

_WRITING = {"fill", "partition", "put", "resize", "setfield", "sort"}
"""Methods that would write traced values into an array that holds only numbers."""


def _met(array: Any, others: list[Any]) -> Any:
    """The array, captured by reference where something traced is among the others."""
    return lift(innermost(others), array) if any_traced(others) else array


def met_first(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function whose first argument is captured by reference where another one is traced."""

    def run(a: Any, *args: Any, **kwargs: Any) -> Any:
        plain = type(a) is np.ndarray and is_supported(a.dtype)
        return function(_met(a, [*args, *kwargs.values()]) if plain else a, *args, **kwargs)

    return run


def method_of(array: Any, function: Any) -> Callable[..., Any]:
    """What to call in place of the method `function` of a plain array."""
    name = function.__name__
    if name not in METHODS or name in _WRITING or not is_supported(array.dtype):
        return function

    def run(*args: Any, **kwargs: Any) -> Any:
        others = [*args, *kwargs.values()]
        if not any_traced(others):
            return function(*args, **kwargs)
        return getattr(_met(array, others), name)(*args, **kwargs)

    return run
