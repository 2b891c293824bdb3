"""What two branches change, and what there is after each of them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import Any

from irgrad.frontend.capture.inner import REACHED, Inner
from irgrad.frontend.capture.parts import Shape, taken_apart
from irgrad.frontend.capture.state import UNBOUND, Key, State


def in_order(arms: Sequence[Inner], state: State) -> list[Key]:
    """What the bodies change; arrays, which only ids tell apart, in the order in which they are
    reached, the same in every process.
    """
    place = {key: k for k, key in enumerate(dict.fromkeys(k for arm in arms for k in arm.changes))}
    keys = set(place).difference(*map(state.covered, place))
    return sorted(keys, key=lambda key: (key[0], place[key] if key[0] == "array" else key[1]))


def after(state: State, arm: Inner, key: Key) -> Any:
    """What there is after one branch."""
    if key in arm.changes:
        return arm.changes[key]
    if key[0] in ("rows", "table"):
        return UNBOUND if arm.raised else arm.packed(key)
    if key == REACHED:
        return True
    if arm.raised:
        return UNCHANGED if key[0] == "array" else UNBOUND
    return UNCHANGED if key[0] == "array" else state.get(key)


def parts_after(
    state: State, arms: Sequence[Inner], values: Sequence[Any]
) -> tuple[list[list[Any]], list[Shape | None]]:
    """The leaves of what the branches give for one thing, and its structures. A container from
    before is one leaf where each branch has the same one there; another is what it holds then.
    """
    opened: set[int] = set()

    def whole(item: Any) -> bool:
        return state.is_whole(item) and id(item) not in opened

    while True:
        leaves: list[list[Any]] = []
        shapes: list[Shape | None] = []
        for item, arm in zip(values, arms, strict=True):
            with arm.left():
                own, shape = ([], None) if item is UNBOUND else taken_apart(item, whole)
            leaves.append(own)
            shapes.append(shape)
        there = [own for own in leaves if own]
        alike = len({shape for shape in shapes if shape is not None}) == 1
        columns = zip(*there, strict=True) if alike else [list(chain(*there))]
        apart = [column for column in columns if any(x is not column[0] for x in column)]
        more = {i for column in apart for x in column if (i := state.container_of(x))}
        if not more:
            return leaves, shapes
        opened |= (more if alike else more - _common(there, state)) or more


def _common(there: list[list[Any]], state: State) -> set[int]:
    """The containers that each of the branches gives."""
    return set.intersection(*({state.container_of(leaf) for leaf in own} for own in there))


class _Unchanged:
    """In place of an array that a branch does not write to."""


UNCHANGED: Any = _Unchanged()


__all__ = ["UNCHANGED", "after", "in_order", "parts_after"]
