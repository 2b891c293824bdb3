"""What NumPy's functions and ndarray's methods and attributes mean on traced values: `numpy_api`
registers it here, the tracer looks it up.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np

from irgrad.frontend.guards import deciding
from irgrad.frontend.out import writes_out

FUNCTIONS: dict[Any, Callable[..., Any]] = {}
METHODS: dict[str, Callable[..., Any]] = {}
ATTRIBUTES: set[str] = set()
F = TypeVar("F", bound=Callable[..., Any])


def implements(*functions: Any) -> Callable[[F], F]:
    """Decorator: this is what the NumPy functions mean on traced values.

    A name stands for a function that not every supported NumPy has.
    """

    def decorate(implementation: F) -> F:
        for function in functions:
            known = getattr(np, function, None) if isinstance(function, str) else function
            FUNCTIONS[known] = writes_out(deciding(implementation), known)
        return implementation

    return decorate


def method(name: str, attribute: bool = False) -> Callable[[F], F]:
    """Decorator: this is ndarray's method (or attribute) `name` on traced values."""

    def decorate(implementation: F) -> F:
        METHODS[name] = writes_out(deciding(implementation))
        if attribute:
            ATTRIBUTES.add(name)
        return implementation

    return decorate
