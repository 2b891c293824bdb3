"""The leaves of what variables and containers hold: those of pytrees, and of objects by their
attributes."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np

from irgrad.errors import IrgradError
from irgrad.frontend.capture.maybe import Maybe
from irgrad.frontend.capture.moving import Shown
from irgrad.frontend.capture.rows import Packed
from irgrad.frontend.capture.state import is_object
from irgrad.frontend.distinct import distinct
from irgrad.frontend.lower import Argument
from irgrad.frontend.pytree import LEAF, flatten, unflatten, written_path
from irgrad.frontend.region import array_leaf, described
from irgrad.frontend.tracer import Tracer

Whole = Callable[[Any], bool]


class Alias:
    """An array from outside to which a body binds a variable: its handle, and as it is then."""

    __slots__ = ("handle", "now")

    def __init__(self, handle: Any, now: Any) -> None:
        self.handle, self.now = handle, now


def now(leaf: Any) -> Any:
    """A leaf as it is at the end of a body."""
    return leaf.now if isinstance(leaf, Alias) else leaf


def handle(leaf: Any) -> Any:
    """What a body binds a variable to."""
    return leaf.handle if isinstance(leaf, Alias) else leaf


class Shape(NamedTuple):
    """A structure: a pytree, and for each leaf of it that is an object, the class and the structure
    of the attributes.
    """

    tree: Any
    objects: tuple[tuple[type, Shape] | None, ...]

    def place(self, position: int, root: str) -> str:
        """How Python writes the leaf at a position."""
        count = 0
        for k, inner in enumerate(self.objects):
            size = 1 if inner is None else inner[1].size
            if position < count + size:
                path = root if self.tree == LEAF else written_path(self.tree, k, root)
                return path if inner is None else inner[1].place(position - count, path)
            count += size
        return root

    @property
    def size(self) -> int:
        """The number of leaves."""
        return sum(1 if inner is None else inner[1].size for inner in self.objects)

    def __str__(self) -> str:
        names = [f"{inner[0].__name__}(...)" if inner else "*" for inner in self.objects]
        if not any(self.objects):
            return described(self.tree)
        return str(unflatten(self.tree, names))


def taken_apart(tree: Any, whole: Whole) -> tuple[list[Any], Shape]:
    """The leaves, and the structure; what is `whole` is one leaf."""
    leaves: list[Any] = []
    return leaves, _shape(tree, whole, leaves, ())


def _shape(tree: Any, whole: Whole, leaves: list[Any], around: tuple[int, ...]) -> Shape:
    # What holds itself is a leaf, since it has no end.
    items, structure = flatten(tree, lambda x: x is not tree and whole(x))
    inner: list[tuple[type, Shape] | None] = []
    for item in items:
        inside = item is not tree and is_object(item) and whole(item.__dict__)
        opened = is_object(item) and not inside and id(item) not in around
        opened = opened or type(item) in (Maybe, Shown, Packed)
        if opened:
            shape = _shape(item.__dict__, whole, leaves, (*around, id(item)))
            inner.append((type(item), shape))
        else:
            leaves.append(item)
            inner.append(None)
    return Shape(structure, tuple(inner))


def put_together(shape: Shape, leaves: Iterator[Any]) -> Any:
    """The structure with these leaves."""
    items: list[Any] = []
    for inner in shape.objects:
        if inner is None:
            items.append(next(leaves))
            continue
        kind, own = inner
        made = SimpleNamespace() if kind is SimpleNamespace else object.__new__(kind)
        made.__dict__.update(put_together(own, leaves))
        items.append(made)
    return unflatten(shape.tree, items)


def same(one: Any, other: Any) -> bool:
    """Whether two leaves are the same part of the program, so that nothing has to choose between
    them when it runs.
    """
    if one is other:
        return True
    if type(one) is not type(other) or isinstance(one, (Tracer, np.ndarray, np.generic)):
        return False
    simple = isinstance(one, (int, float, complex, str, bytes, tuple, frozenset, range, slice))
    if not simple and not dataclasses.is_dataclass(one):
        return False
    with suppress(TypeError):
        return distinct(one) == distinct(other)
    return False


def same_item(one: Any, other: Any) -> bool:
    """Whether an item of a list is still the same after a body."""
    if type(one) is type(other) is Maybe:
        return same_item(one.value, other.value) and same_item(one.present, other.present)
    if type(one) is type(other) is tuple and len(one) == len(other):
        return all(map(same_item, one, other))
    return one is handle(other)


def kinds_of(leaves: Sequence[Any]) -> list[Argument | None]:
    """The types of leaves, None for those that are no numbers."""
    found: list[Argument | None] = []
    for leaf in leaves:
        try:
            kind = array_leaf(now(leaf))
        except IrgradError:
            kind = None
        found.append(kind if isinstance(kind, Argument) else None)
    return found
