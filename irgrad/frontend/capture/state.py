"""What a body of a loop or branch changes: variables, and arrays written through any handle.

While the body is traced, an array from outside that it writes to is lent to the trace: the handle
itself gets a version inside, so that every alias and view means the same as ever. Which arrays
those are is found by tracing: a write to one that is not lent stops, and the trace begins again."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from types import FunctionType
from typing import Any, NamedTuple

from irgrad.errors import TraceError, with_article
from irgrad.frontend.pytree import leaves_of, map_leaves
from irgrad.frontend.site import call_site
from irgrad.frontend.tracer import Tracer
from irgrad.frontend.view import OuterWrite, root_of, write
from irgrad.ir.builder import CURRENT, Traced


class _Unbound:
    """In place of the value of a variable that has none."""

    def __repr__(self) -> str:
        return "<unbound>"


UNBOUND: Any = _Unbound()


def value(read: Callable[[], Any]) -> Any:
    """What a variable holds."""
    try:
        return read()
    except NameError:
        return UNBOUND


class Variables(NamedTuple):
    """The variables that a body may bind: how to read and set them, and their names; `seen` reads
    what else it looks at.
    """

    get: Callable[[], tuple[Any, ...]]
    set: Callable[[Sequence[Any]], None]
    seen: Callable[[], tuple[Any, ...]]
    names: tuple[str, ...]


class Trial:
    """Tracing of a body: what it binds, and which arrays it writes to."""

    def __init__(self, variables: Variables) -> None:
        self.variables = variables
        self.before = variables.get()
        self.roots: list[Any] = []
        self.held = contents([*self.before, *variables.seen()])

    def settle(self, attempt: Callable[[], Any]) -> Any:
        """The result of an attempt in which every array that is written to is lent."""
        while True:
            try:
                return attempt()
            except OuterWrite as stop:
                if any(stop.root is root for root in self.roots):
                    raise
                self.roots.append(stop.root)
            finally:
                self.variables.set(self.before)
                restore(self.held)

    @contextmanager
    def lent(self, versions: Sequence[Any]) -> Generator[None]:
        """Inside, the arrays written to have these versions, of the trace at hand; at the end they
        are as before.
        """
        here = CURRENT.get()
        assert here is not None
        saved = [(root.owner, root.version) for root in self.roots]
        try:
            for root, version in zip(self.roots, versions, strict=True):
                root.owner, root.version = here, here.lift(version)
            yield
        finally:
            for root, (builder, version) in zip(self.roots, saved, strict=True):
                root.owner, root.version = builder, version

    def ends(self, places: Sequence[int]) -> list[Any]:
        """What some of the variables hold, as it is now."""
        values = self.variables.get()
        return [map_leaves(snapshot, values[i]) for i in places]

    def versions(self) -> list[Any]:
        """The arrays written to, as they are now."""
        return [Tracer(root.builder, root.version) for root in self.roots]

    def check_contents(self, what: str) -> None:
        """Refuse a body that changed a list, dict or object from outside."""
        changed = differences(self.held)
        if changed is not None:
            restore(self.held)
            raise TraceError(
                f"{with_article(changed)} from outside is changed in the body of {what}",
                location=call_site().location,
                hint="bind a new value to a variable instead, or write into an array",
            )

    def keep(self, versions: Sequence[Any]) -> None:
        """Write the results into the arrays."""
        for root, version in zip(self.roots, versions, strict=True):
            write(root, version)


def snapshot(leaf: Any) -> Any:
    """A traced value as it is now, whatever is written to its handle."""
    return Tracer(leaf.builder, leaf.value, leaf.weak) if isinstance(leaf, Tracer) else leaf


def changed(before: Sequence[Any], after: Sequence[Any]) -> list[int]:
    """The positions of the variables that have another value than before."""
    return [i for i, (a, b) in enumerate(zip(before, after, strict=True)) if a is not b]


def is_outside(value: Any) -> bool:
    """Whether a value has arrays in it that do not belong to a trace which has ended."""
    return any(
        isinstance(leaf, Tracer) and leaf.ndim and not root_of(leaf).builder.closed
        for leaf in leaves_of(value)
    )


# lists, dicts and objects that a body can reach

Held = list[tuple[Any, Any]]


def contents(values: Sequence[Any]) -> Held:
    """What the containers reachable from values hold now."""
    held: dict[int, tuple[Any, Any]] = {}
    work = list(values)
    while work and len(held) < 10_000:
        item = work.pop()
        if id(item) in held:
            continue
        if isinstance(item, (list, dict)):
            held[id(item)] = item, item.copy()
            work += item.values() if isinstance(item, dict) else item
        elif isinstance(item, set):
            held[id(item)] = item, item.copy()
        elif isinstance(item, tuple):
            work += item
        elif isinstance(item, FunctionType):
            for cell in item.__closure__ or ():
                work.append(value(lambda cell=cell: _of_cell(cell)))
        elif _is_object(item):
            held[id(item)] = item.__dict__, dict(item.__dict__)
            work += item.__dict__.values()
    return list(held.values())


def _of_cell(cell: Any) -> Any:
    try:
        return cell.cell_contents
    except ValueError:
        return UNBOUND


def _is_object(item: Any) -> bool:
    kind: Any = type(item)
    plain = kind.__module__ not in ("builtins", "types") and not kind.__module__.startswith(
        ("numpy", "scipy", "irgrad")
    )
    return (
        plain
        and not isinstance(item, (type, Traced))
        and isinstance(getattr(item, "__dict__", None), dict)
    )


def differences(held: Held) -> str | None:
    """What kind of container holds something else than it held; None where none does."""
    for now, then in held:
        if len(now) != len(then):
            return type(now).__name__
        if isinstance(now, dict):
            same = all(key in then and then[key] is x for key, x in now.items())
        else:
            same = now == then if isinstance(now, set) else all(map(_is, now, then))
        if not same:
            return type(now).__name__
    return None


def _is(one: Any, other: Any) -> bool:
    return one is other


def restore(held: Held) -> None:
    """Give containers what they held."""
    for now, then in held:
        if differences([(now, then)]) is not None:
            now.clear()
            now.extend(then) if isinstance(now, list) else now.update(then)
