"""What has no value that the program could give: it is refused where it is used, if it ever is."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from irgrad.errors import IrgradError, MissingAttribute


class Lost:
    """In place of a value; `make` gives the error for the place where it is used. Where it `waits`,
    it does so also in what a branch or loop changes.
    """

    def __init__(self, make: Callable[[], IrgradError], waits: bool = False) -> None:
        self.make, self.waits = make, waits

    def refuse(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Any use of the value."""
        raise self.make()

    def __getattr__(self, name: str) -> Any:
        error = self.make()
        raise MissingAttribute(error.message, location=error.location, hint=error.hint)


_USES = """
abs add and array array_function array_ufunc bool call complex contains delitem divmod eq float
floordiv ge getitem gt index int invert iter le len lt matmul mod mul ne neg or pos pow radd rand
rdivmod reversed rfloordiv rmatmul rmod rmul ror round rpow rsub rtruediv rxor setitem sub truediv
xor
"""
for _use in _USES.split():
    setattr(Lost, f"__{_use}__", Lost.refuse)
Lost.__hash__ = object.__hash__


def lost_contents(values: Sequence[Any], lost: Lost, named: bool) -> Any:
    """What a container holds that would hold the one or the other; `named` if it has attributes."""
    first = values[0]
    if isinstance(first, (list, deque)):
        return [lost] * max(map(len, values))
    if isinstance(first, set):
        return {lost}
    every = {key: lost for value in values for key in value}
    return every if named else {lost: lost, **every}


def refuse_lost(items: Any) -> None:
    """Refuse what would depend on how many of such values a container holds, or which."""
    if isinstance(items, (list, dict, set)):
        for item in items.values() if isinstance(items, dict) else items:
            if type(item) is Lost:
                item.refuse()
            return
