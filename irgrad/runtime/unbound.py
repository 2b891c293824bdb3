"""Decorated methods reached through their class."""

from __future__ import annotations

import functools
from typing import Any


class Unbound:
    """A decorated method of `owner`: `Model.slope(m, x)` is `m.slope(x)`, so that the object is
    closed over here, too, and no argument to differentiate to.
    """

    def __init__(self, decorated: Any, owner: type) -> None:
        self.decorated = decorated
        self.owner = owner
        functools.update_wrapper(self, decorated, updated=())

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """The method of the first argument where that is an object of the class; what stands in a
        class and is no method is called as it is.
        """
        if args and isinstance(args[0], self.owner):
            return self.decorated.__get__(args[0], type(args[0]))(*args[1:], **kwargs)
        return self.decorated(*args, **kwargs)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(self.decorated, name)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Unbound) and self.decorated == other.decorated

    def __hash__(self) -> int:
        return hash(self.decorated)

    def __reduce__(self) -> Any:
        return getattr, (self.owner, self.__name__)  # pyright: ignore[reportAttributeAccessIssue] -- of the function

    def __repr__(self) -> str:
        return f"{self.decorated!r}, a method of {self.owner.__name__}"


__all__ = ["Unbound"]
