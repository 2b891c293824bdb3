"""Doors: what is called in place of a function while user code is traced.

A door takes the arguments of the function that it stands for, and falls back on it where nothing
traced is concerned."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from irgrad.frontend.capture.handles import builder
from irgrad.frontend.entry import entry
from irgrad.frontend.tracer import Tracer

DOORS: dict[Any, Any] = {}
METHODS: dict[str, Any] = {}
"""Doors of the methods of plain arrays."""


def door(*functions: Any) -> Callable[[Any], Any]:
    """Decorator: called in place of these functions."""

    def decorate(implementation: Any) -> Any:
        for function in functions:
            assert function not in DOORS, f"{function} has a door already"
            DOORS[function] = implementation
        return implementation

    return decorate


def at_home(method: Any, name: str = "") -> Any:
    """Decorator: puts the user's line, and the name of their variable, on what a door emits, and on
    errors the `name` of what it stands for, its own by default.
    """
    name = name or method.__name__.strip("_")
    inner: Any = entry(lambda here, *args, **kwargs: method(*args, **kwargs), name)

    @functools.wraps(method)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        here = builder()
        return inner(Tracer(here, here.constant(np.zeros(()))), *args, **kwargs)

    return wrapper
