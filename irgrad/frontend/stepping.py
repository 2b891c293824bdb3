"""Loops outside of a trace: Python runs the steps, on numbers.

They mean what the traced loops mean. A carried value is the loop's own, keeps its structure and its
shapes, and takes the types that the steps give it; so do the rows that are stacked."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from irgrad.errors import IrgradError, OutOfRange
from irgrad.frontend.loans import fresh
from irgrad.frontend.lower import Argument
from irgrad.frontend.pytree import flatten, leaves_of, map_leaves, unflatten
from irgrad.frontend.region import array_leaf, settled_kind
from irgrad.ir.builder import CURRENT, Traced


class Unfit(Exception):
    """A step gives what does not go with the steps before. Tracing the loop tells where and why."""


def is_outside(*given: Any) -> bool:
    """Whether a call with these arguments is outside of any trace."""
    return CURRENT.get() is None and not any(isinstance(x, Traced) for x in leaves_of(given))


def repeated(steps: Iterable[int], body: Callable[[Any, Any], Any], init: Any) -> Any:
    """The value after `value = body(i, value)` for each i."""
    carried = _Settling(init)
    for i in steps:
        carried.take(body(i, carried.value()))
    return carried.result()


def repeated_while(
    condition: Callable[[Any], Any],
    body: Callable[[Any], Any],
    init: Any,
    check_ends: Callable[[], None],
) -> Any:
    """The value after `value = body(value)` for as long as the condition holds. Once there are many
    steps, it is checked whether it always does.
    """
    carried, steps = _Settling(init), 0
    while _goes_on(condition(carried.value())):
        if steps == MANY:
            check_ends()
        carried.take(body(carried.value()))
        steps += 1
    if not steps:
        raise Unfit  # nothing has told the types
    return carried.result()


MANY = 1000


def _goes_on(holds: Any) -> bool:
    if np.shape(holds) or np.asarray(holds).dtype != bool:
        raise Unfit
    return bool(holds)


def scanned(
    f: Callable[[Any, Any], Any], init: Any, xs: Any, length: int, reverse: bool
) -> tuple[Any, Any]:
    """(carry, ys) of carry, y = f(carry, x) for each x."""
    carried, rows = _Settling(init), _Rows()
    for i in reversed(range(length)) if reverse else range(length):
        x = map_leaves(lambda rows, i=i: None if rows is None else fresh(rows[i]), xs)
        found = f(carried.value(), x)
        if not isinstance(found, tuple) or len(found) != 2:
            raise Unfit
        carried.take(found[0])
        rows.take(found[1])
    return carried.result(), rows.stacked(reverse)


class _Settling:
    """A pytree whose leaves have kinds, which grow from step to step as long as they fit."""

    def __init__(self, given: Any) -> None:
        self.leaves, self.tree, self.kinds = _taken(given)

    def take(self, given: Any) -> None:
        """What the next step gives."""
        self.leaves, tree, kinds = _taken(given)
        if tree != self.tree:
            raise Unfit
        self.kinds = [_joined(a, b) for a, b in zip(self.kinds, kinds, strict=True)]

    def value(self) -> Any:
        """What the next step takes: Python numbers stay such as long as all steps give them."""
        pairs = zip(self.leaves, self.kinds, strict=True)
        return unflatten(self.tree, [_number(x, kind) for x, kind in pairs])

    def result(self) -> Any:
        """What is left after the last step."""
        pairs = zip(self.leaves, self.kinds, strict=True)
        return unflatten(self.tree, [_array(x, kind) for x, kind in pairs])


class _Rows:
    """What the steps give to be stacked."""

    def __init__(self) -> None:
        self.settling: _Settling | None = None
        self.rows: list[list[Any]] = []

    def take(self, given: Any) -> None:
        """What the next step gives."""
        if self.settling is None:
            self.settling = _Settling(given)
        else:
            self.settling.take(given)
        self.rows.append(self.settling.leaves)

    def stacked(self, reverse: bool) -> Any:
        """All of it, the first position first."""
        assert self.settling is not None
        columns = zip(*(self.rows[::-1] if reverse else self.rows), strict=True)
        kinds = self.settling.kinds
        return unflatten(
            self.settling.tree,
            [
                np.stack([np.asarray(x, kind.type.dtype) for x in column])
                if isinstance(kind, Argument)
                else None
                for column, kind in zip(columns, kinds, strict=True)
            ],
        )


def _taken(given: Any) -> tuple[list[Any], Any, list[Any]]:
    leaves, tree = flatten(given)
    try:
        return list(map(fresh, leaves)), tree, list(map(array_leaf, leaves))
    except IrgradError:
        raise Unfit from None


def _joined(before: Any, after: Any) -> Any:
    """The kind of a leaf, given those of two steps."""
    if not (isinstance(before, Argument) and isinstance(after, Argument)):
        if before != after:
            raise Unfit
        return before
    try:
        return settled_kind(before, after, None, str, "")
    except IrgradError:
        raise Unfit from None


def _number(leaf: Any, kind: Any) -> Any:
    if not isinstance(kind, Argument) or kind.weak:
        return leaf
    dtype = kind.type.dtype
    return leaf.astype(dtype, copy=False) if isinstance(leaf, np.ndarray) else _array(leaf, kind)


def _array(leaf: Any, kind: Any) -> Any:
    if not isinstance(kind, Argument):
        return None
    try:
        return np.asarray(leaf, kind.type.dtype)[()]
    except OverflowError as error:
        raise OutOfRange(
            str(error), hint="start with a float, or with np.int64(...), which wraps around"
        ) from None


__all__ = ["Unfit", "is_outside", "repeated", "repeated_while", "scanned"]
