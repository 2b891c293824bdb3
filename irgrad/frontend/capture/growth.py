"""Lists that grow in a loop: what a step appends are rows of stacked results. A step sees what was
appended last, and nothing else of the list."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Any, NamedTuple

from irgrad.errors import IrgradError, Location, TraceError
from irgrad.frontend.capture.maybe import certain, is_open, last_items, uncertain
from irgrad.frontend.capture.packing import rows_of
from irgrad.frontend.capture.parts import (
    Alias,
    Shape,
    kinds_of,
    put_together,
    same_item,
    taken_apart,
)
from irgrad.frontend.capture.rows import Grid, Packed, Row, whole
from irgrad.frontend.capture.state import Key, State
from irgrad.frontend.lost import Lost
from irgrad.frontend.lower import Argument
from irgrad.frontend.site import call_site
from irgrad.frontend.view import roots_of
from irgrad.ir.builder import Traced

SEEN = 2
"""Items at the end of a list that a step may read."""


def _earlier() -> IrgradError:
    return TraceError(
        "the length of a list that grows in the loop, or one of its earlier items",
        location=call_site().location,
        hint="a step of a long loop may read the last two items, items[-1] and items[-2]",
    )


EARLIER = Lost(_earlier)
"""In place of all that a list held before its last items."""


class Grows(TraceError):
    """A list grows in a loop of which it is not known how many steps there are."""

    def __init__(self, location: Location | None) -> None:
        super().__init__(
            "a list grows in a loop whose number of steps is known only when it runs",
            location=location,
            hint="of such a list items[-1] is known if it had an item before the loop; else write "
            "into an array with a row for each step that there may be, and count",
        )


class Growing(NamedTuple):
    """A list that grows: how many of its items a step sees, and what a step appends; `shown` are
    for each leaf of that the arrays from outside of which it is a view.
    """

    seen: int
    shape: Shape
    kinds: list[Argument]
    shown: list[list[Any]]

    def leaves(self, state: State, end: Sequence[Any]) -> list[Any]:
        """What a step that saw the last items appended."""
        items = _appended(end[1 + self.seen :])
        return taken_apart(items if self.seen else _packed(items), state.is_whole)[0]


def as_seen(items: Sequence[Any], state: State, changes: Collection[Key]) -> list[Any]:
    """Items from before a loop as its steps see them: a list that no step changes by its numbers,
    like those that are appended.
    """
    changed = {id(state.held[number][0]) for kind, number in changes if kind in _CHANGED}
    return [
        item.copy() if type(item) is list and id(item) not in changed else item for item in items
    ]


_CHANGED = ("contents", "rows")


def growth(state: State, number: int, end: Sequence[Any]) -> Growing | None:
    """How a list grew in a step that saw all of it; None where it did something else."""
    before = state.held[number][1]
    if not isinstance(before, list) or len(end) <= len(before):
        return None
    if not all(map(same_item, before, end)):
        return None
    return grown(state, end, len(before), min(SEEN, len(before)))


def grown(state: State, end: Sequence[Any], start: int, seen: int) -> Growing | None:
    """What was appended from a place on, and how many of the items before it are like it."""
    items = _appended(end[start:])
    while seen and not _alike(state, last_items(end[:start], seen), items):
        seen -= 1
    leaves, shape = taken_apart(items if seen else _packed(items), state.is_whole)
    kinds = kinds_of(leaves)
    own = [kind for kind in kinds if kind]
    if len(own) < len(kinds):
        return None
    return Growing(seen, shape, own, list(map(_shown, leaves)))


def _packed(items: list[Any]) -> list[Any]:
    """What a step appends, lists that are parts of arrays as such."""
    lines = [whole(x) if type(x) is list and len(x) > 1 else None for x in items]
    return [
        item if line is None or line.ndim != 1 else Packed(line)
        for item, line in zip(items, lines, strict=True)
    ]


def _alike(state: State, earlier: Sequence[Any] | None, items: Sequence[Any]) -> bool:
    """Whether the last items before a step are known, and like those that it appends."""
    every = [*(earlier or ()), *map(certain, items)]
    return earlier is not None and len({taken_apart(x, state.is_whole)[1] for x in every}) == 1


def _shown(leaf: Any) -> list[Any]:
    return roots_of(leaf.handle) if isinstance(leaf, Alias) else []


def _appended(items: Sequence[Any]) -> list[Any]:
    """What a step appends, certain items as uncertain ones where there are such."""
    return list(map(uncertain, items)) if is_open(items) else list(items)


def regrown(state: State, end: Any, known: Growing) -> Growing:
    """The same, of a step that saw only the last items."""
    start = 1 + known.seen
    fits = len(end) > start and end[0] is EARLIER
    found = grown(state, end, start, known.seen) if fits else None
    if found is None or found.shape != known.shape:
        raise TraceError(
            "a list that grows in the loop is changed in other ways too, or not in every step",
            location=call_site().location,
            hint="append to it in each step, once or several times, and do nothing else to it",
        )
    return found._replace(seen=known.seen)


def filled(before: list[Any], growing: Growing, stacks: Sequence[Any], steps: int) -> list[Any]:
    """The list after the loop."""
    made = list(before)
    if [one and one[0] for one in growing.shape.objects] == [Packed] and steps:
        lists: list[list[Any]] = [[None] * stacks[0].shape[1] for _ in range(steps)]
        Grid(lists, stacks[0])
        return made + lists
    sources = [[(root, root.version) for root in roots] for roots in growing.shown]
    for step in range(steps):
        items = put_together(growing.shape, _rows(stacks, sources, step))
        made += [rows_of(x.line) if type(x) is Packed else x for x in items]
    return made


def _rows(stacks: Sequence[Any], sources: Sequence[Any], step: int) -> Iterator[Any]:
    for x, source in zip(stacks, sources, strict=True):
        yield Row(x, step, source) if isinstance(x, Traced) else x[step]
