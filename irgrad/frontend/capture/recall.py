"""What a loop carried the last time that its code was reached: where the same is there again, a
step need not be traced to see what it changes."""

from __future__ import annotations

from typing import Any, NamedTuple

from irgrad.frontend.capture.carry import Carry, Changing, Slot
from irgrad.frontend.capture.handles import blank
from irgrad.frontend.capture.inner import REACHED
from irgrad.frontend.capture.parts import kinds_of, taken_apart
from irgrad.frontend.capture.rebinding import is_unbound
from irgrad.frontend.capture.state import Key, State
from irgrad.frontend.lower import Argument
from irgrad.frontend.region import joined
from irgrad.frontend.tracer import Tracer
from irgrad.frontend.view import root_of
from irgrad.ir.types import ArrayType


class Memory(NamedTuple):
    """What was carried, and for each array that was written to, a variable that names it."""

    changing: dict[Key, Changing]
    roots: dict[int, tuple[Any, int | None]]


def remembered(carry: Carry) -> Memory | None:
    """What to remember of a loop; None where that would not help the next time."""
    if carry.growing or carry.exchange:
        return None
    return Memory(dict(carry.changing), {k: (r, _name(carry, r)) for k, r in carry.roots.items()})


def recall(carry: Carry, known: Memory) -> bool:
    """Begin with what the loop carried the last time -> whether all of that is there again."""
    roots = [_root(carry.state, *each) for each in known.roots.values()]
    if any(root is None for root in roots):
        return False
    found: dict[Key, Changing] = {}
    for key, one in known.changing.items():
        if key[0] == "array" or key == REACHED:
            continue
        made = _again(carry.state, key, one)
        if made is None:
            return False
        found[key] = made
    carry.changing.update(found)
    for root in roots:
        carry.take_root(id(root), root)
    return True


def _name(carry: Carry, root: Any) -> int | None:
    """The number of a variable that names an array before the loop."""
    return next((k for k, x in enumerate(carry.state.named) if _array(x) is root), None)


def _array(item: Any) -> Any:
    return root_of(item) if isinstance(item, Tracer) else None


def _root(state: State, root: Any, name: int | None) -> Any:
    """The array that is now in the place of one that was written to; None where there is none."""
    if name is None:
        return None if root.owner.closed else root
    now = _array(state.named[name]) if name < len(state.named) else None
    fits = now is not None and not now.owner.closed and now.value.type == root.version.type
    return now if fits else None


def _again(state: State, key: Key, one: Changing) -> Changing | None:
    """How a variable or container is carried this time."""
    before = state.get_or_unbound(key)
    if is_unbound(before):
        if key[0] != "variable" or not one.is_new or state.is_result(key):
            return None  # what is returned may be an array or list that was there the last time
        firsts = [slot.first if slot.kind is None else blank(*slot.kind) for slot in one.slots]
        return one._replace(
            slots=[Slot(x, slot.kind) for x, slot in zip(firsts, one.slots, strict=True)]
        )
    leaves, shape = taken_apart(before, state.is_whole)
    if shape != one.shape:
        return None
    kinds = [_kind(x, slot) for x, slot in zip(leaves, one.slots, strict=True)]
    return Changing(one.shape, list(map(Slot, leaves, kinds)))


def _kind(leaf: Any, slot: Slot) -> Argument | None:
    own = kinds_of([leaf])[0]
    if slot.kind is None or own is None or own.type.shape != slot.kind.type.shape:
        return own if slot.kind else None
    dtype = joined(own, slot.kind)
    if dtype is None:
        return own
    return Argument(ArrayType(dtype, own.type.shape), own.weak and slot.kind.weak)
