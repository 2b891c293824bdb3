"""Lists, dicts and objects that a name has after one of two branches only, or after some steps of a
loop: `if c: S = [x, y]`.

What the name has then is a container of its own, with what the branch that is taken leaves in it.
Whether it is one from before is known only when the program runs: once one of the two is written
to, the other is refused where it is read."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Any, NamedTuple

from irgrad.errors import TraceError
from irgrad.frontend.capture.state import UNBOUND, fill, held_by, is_object
from irgrad.frontend.lost import Lost, lost_contents
from irgrad.frontend.site import call_site
from irgrad.ir.builder import CURRENT


class Choices(NamedTuple):
    """The containers that each may be, and those that may be each, by their ids, which they keep as
    long as they are here.
    """

    origins: dict[int, dict[int, Any]]
    names: dict[int, dict[int, Any]]

    def copy(self) -> Choices:
        """What is known here, which grows by itself."""
        return Choices(dict(self.origins), dict(self.names))


_NOTE = "containers that may be one"


def choices() -> Choices:
    """What is known where the program is traced."""
    here = CURRENT.get()
    return Choices({}, {}) if here is None else here.notes.get(_NOTE) or Choices({}, {})


def know(known: Choices) -> None:
    """Have this known from here on."""
    here = CURRENT.get()
    assert here is not None
    here.notes[_NOTE] = known


def remember(made: Any, given: Any, there: Choices | None = None) -> None:
    """Note that what is `made` may be what a branch or step has `given`, and what is in it what is
    in that; `there` is what is known where it has been given.
    """
    known = choices()
    there = there or known
    for one, other in _pairs(made, given):
        before = there.origins.get(id(other), {id(other): other})
        known.origins.setdefault(id(other), before)
        known.origins[id(one)] = {**known.origins.get(id(one), {}), **before}
        for origin, container in before.items():
            same = known.names.get(origin, {origin: container})
            known.names[origin] = {**same, id(one): one}
    know(known)


def written(container: Any) -> Any:
    """The container, which is about to be written to."""
    known = choices()
    for origin in known.origins.get(id(container), (id(container),)):
        for other in known.names.get(origin, {}).values():
            if other is not container:
                _lose(other)
    return container


def is_chosen(items: Any) -> bool:
    """Whether a container that holds these items is refused."""
    values = items.values() if isinstance(items, dict) else items
    return isinstance(items, (list, dict, set, deque)) and any(
        type(x) is Lost and x.waits for x in values
    )


def _lose(container: Any) -> None:
    holder = container.__dict__ if is_object(container) else container
    error = TraceError(
        f"a {type(container).__name__} that may be one that has been written to: a branch or loop "
        "gave a name to the one or the other",
        location=call_site().location,
        hint="write to a copy, as in S = list(S)",
    )
    fill(
        holder,
        lost_contents([held_by(holder)], Lost(lambda: error, waits=True), True),
    )


def _pairs(made: Any, given: Any) -> Iterator[tuple[Any, Any]]:
    """The containers of two trees at the same places, where they are not the same ones."""
    if made is given or given is UNBOUND or type(made) is not type(given):
        return
    if isinstance(made, (list, dict, set, deque)) or is_object(made):
        yield made, given
    one, other = _inside(made), _inside(given)
    for key in one.keys() & other.keys():
        yield from _pairs(one[key], other[key])


def _inside(item: Any) -> dict[Any, Any]:
    if isinstance(item, (list, tuple, deque)):
        return dict(enumerate(item))
    return item if isinstance(item, dict) else item.__dict__ if is_object(item) else {}


__all__ = ["Choices", "choices", "is_chosen", "know", "remember", "written"]
