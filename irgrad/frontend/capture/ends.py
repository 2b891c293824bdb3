"""What two branches change, and what there is after each of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from irgrad.frontend.capture.inner import REACHED, Inner
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


class _Unchanged:
    """In place of an array that a branch does not write to."""


UNCHANGED: Any = _Unchanged()


__all__ = ["UNCHANGED", "after", "in_order"]
