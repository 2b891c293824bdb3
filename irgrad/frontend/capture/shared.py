"""Arrays that a variable may share with others after one of several branches: those from outside,
each with the condition under which it is named, and those that a branch made itself."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from irgrad.frontend.capture.inner import Inner
from irgrad.frontend.capture.parts import handle
from irgrad.frontend.capture.rows import is_row
from irgrad.frontend.tracer import Tracer
from irgrad.frontend.view import OneOf, roots_of

Held = tuple[Any, list[Any]]
"""An array, and for each branch the condition under which a variable names it."""


def shared_by(column: Sequence[Any], arms: Sequence[Inner]) -> tuple[list[Held], bool]:
    """The arrays from outside that a variable may name after the branches, of which it is a leaf
    each; and whether these are all.
    """
    found: dict[int, Held] = {}
    certain = True
    for k, (leaf, arm) in enumerate(zip(column, arms, strict=True)):
        for condition, each in _outer(array_of(leaf, arm), arm, True):
            if each is None:
                certain = False
                continue
            _, held = found.setdefault(id(each), (each, [False] * len(arms)))
            with arm.open():
                held[k] = condition if held[k] is False else np.logical_or(held[k], condition)
    return list(found.values()), certain


def own_roots(leaf: Any, arm: Inner) -> list[Any]:
    """The arrays that a branch made itself and a leaf may show."""
    named = array_of(leaf, arm)
    found = [] if named is None else roots_of(named)
    return [root for root in found if root.owner is arm.builder]


def array_of(leaf: Any, arm: Inner) -> Any:
    """The handle of a leaf that can be written to; None for others."""
    named = arm.handle(handle(leaf))
    return named if isinstance(named, Tracer) and not is_row(named) and named.ndim else None


def _outer(named: Any, arm: Inner, condition: Any) -> Iterator[tuple[Any, Any]]:
    """The arrays from outside that a handle may be, each with its condition; None in place of one
    that only the branch has a handle on.
    """
    roots = [] if named is None else roots_of(named)
    own = [root.owner is arm.builder for root in roots]
    if roots and not any(own):
        yield condition, named
    elif named is not None and isinstance(named.window, OneOf):
        for test, each in named.window.arms:
            with arm.open():
                both = test if condition is True else np.logical_and(condition, test)
            yield from _outer(each, arm, both)
    elif not all(own):
        yield condition, None


__all__ = ["array_of", "own_roots", "shared_by"]
