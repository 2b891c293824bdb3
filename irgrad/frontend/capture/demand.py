"""What NumPy demands of numbers that only the running program knows, which raises otherwise."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from irgrad.frontend.capture.branching import branch
from irgrad.frontend.capture.raising import fail
from irgrad.frontend.capture.state import State, Variables
from irgrad.frontend.known import settled
from irgrad.ir.builder import Traced

_NONE = Variables(tuple, lambda values: None, tuple, ())


def demand(condition: Any, make: Callable[[], Exception]) -> None:
    """Raise `make()` unless a condition holds: when the program runs, where nobody knows before."""
    condition = settled(condition)
    if isinstance(condition, Traced):
        branch(condition, lambda: None, lambda: fail(make), State(_NONE), lenient=False)
    elif not condition:
        raise make()


__all__ = ["demand"]
