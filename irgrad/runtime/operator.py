"""Operators: transformations that users write, as functions that compile at the first call."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from irgrad.frontend.pytree import flatten
from irgrad.runtime.compiled import Compiled
from irgrad.runtime.program import Programs
from irgrad.runtime.remember import bound, kept, origin, same
from irgrad.runtime.target import Transformation
from irgrad.runtime.unbound import Unbound


class Operator(Transformation):
    """A function of functions such as `grad` or `vmap`, applied to one: it can be lowered, nested,
    called, and decorate a method.

    Two of one type are equal where function and `options` are.
    """

    def __init__(self, function: Callable[..., Any], *options: Any) -> None:
        self.function = function
        self.options = options
        leaves, tree = flatten(options)
        self.key = (*leaves, tree)
        functools.update_wrapper(self, function, updated=())

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Compiled at the first call with a signature."""
        return self._compiled(*args, **kwargs)

    @functools.cached_property
    def _compiled(self) -> Compiled:
        return Compiled(self, programs=kept(self, Programs))

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        """The operator on an object's method, where a method was decorated."""
        if instance is None and owner is not None:
            return Unbound(self, owner)
        method = bound(self.function, instance, owner)
        return self if method is None else type(self)(method, *self.options)

    def __repr__(self) -> str:
        name = getattr(self.function, "__name__", repr(self.function))
        return f"<{type(self).__name__.lower()} of {name}>"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Operator) and same(self, other)

    def __hash__(self) -> int:
        owner, way = origin(self)
        return hash((id(owner), way))
