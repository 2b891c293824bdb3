"""What a body of a loop or branch can change: variables, the contents of lists, dicts and objects,
and arrays written through any handle.

All of it is put back when the body has been traced, and given the results of the op that the body
becomes."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence, Set
from types import FunctionType, MethodType, SimpleNamespace
from typing import Any, NamedTuple

import numpy as np

from irgrad.frontend.capture.cells import (
    CELLS,
    GlobalCell,
    assigned,
    assigned_globals,
    attributes_of,
    read_globals,
    slots_of,
)
from irgrad.frontend.capture.function import is_users
from irgrad.frontend.capture.jumps import is_flag
from irgrad.frontend.capture.packing import rows_of, stacked
from irgrad.frontend.capture.replacing import lose, renew
from irgrad.frontend.capture.rows import Cell, Grid
from irgrad.frontend.capture.tables import TableRow, is_table, table_stacked
from irgrad.ir.builder import Traced


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


Key = tuple[str, int]
"""What can change: ("variable", its number), ("contents", number of a container), ("array", id of a
handle), ("tail", number of a list that grows), ("rows", number of a list of numbers) for these as
an array, ("table", number of a list of lists of numbers) for these, ("reached", 0), which is there
once what may raise has run."""


class State:
    """What is there before a body runs."""

    def __init__(self, variables: Variables) -> None:
        self.variables = variables
        self.before = variables.get()
        self.named = *self.before, *variables.seen()
        """What the body can read by a name of its own."""
        own = {id(cell) for cell in getattr(variables.get, "__closure__", None) or ()}
        self.held = contents(self.named, own)
        self.containers = {id(container) for container, _, _ in self.held}
        numbers = {id(container): k for k, (container, _, _) in enumerate(self.held)}
        self.exchanged: set[int] = set()
        """Those of the tables whose rows have become other lists."""
        self.tables = {
            k: [numbers[id(row)] for row in then]
            for k, (_, then, _) in enumerate(self.held)
            if not isinstance(self.held[k][0], CELLS)
            and is_table(then)
            and all(id(row) in numbers for row in then)
        }

    def reset(self) -> None:
        """Put everything back."""
        self.variables.set(self.before)
        for container, then, _ in self.held:
            fill(container, then)

    def changes(self) -> dict[Key, Any]:
        """What variables and containers hold now, where it is something else than before."""
        now = self.variables.get()
        found: dict[Key, Any] = {
            ("variable", i): new
            for i, (old, new) in enumerate(zip(self.before, now, strict=True))
            if old is not new
        }
        for k, (container, then, _) in enumerate(self.held):
            if not holds(container, then):
                found["contents", k] = held_by(container)
        return found

    def get(self, key: Key) -> Any:
        """What there is before."""
        kind, number = key
        if kind == "rows":
            return stacked(self.held[number][1])
        if kind == "table":
            return table_stacked([self.held[k][1] for k in self.tables.get(number, ())])
        return self.before[number] if kind == "variable" else self.held[number][1]

    def get_or_unbound(self, key: Key) -> Any:
        """The same, of a key that another state may have had."""
        kind, number = key
        held = self.before if kind == "variable" else self.held
        found = self.get(key) if number < len(held) else UNBOUND
        return UNBOUND if found is None and kind in ("rows", "table") else found

    def covered(self, key: Key) -> list[Key]:
        """What need not be looked at by itself where this is."""
        rows = self.tables.get(key[1], ()) if key[0] == "table" else ()
        is_own = key[0] == "rows" or (key[0] == "table" and key[1] in self.exchanged)
        own = [("contents", key[1])] if is_own else []
        return [*own, *((kind, k) for k in rows for kind in ("contents", "rows"))]

    def put(self, changes: dict[Key, Any]) -> None:
        """Bind variables and fill containers anew, the others as before."""
        every = list(self.before)
        for (kind, number), new in changes.items():
            if kind == "variable":
                every[number] = new
            elif kind in ("contents", "rows"):
                fill(self.held[number][0], rows_of(new) if kind == "rows" else new)
            elif kind == "table":
                if number in self.exchanged:
                    lose([self.held[k][0] for k in self.tables[number]])
                    renew(self.held[number][0], new)
                else:
                    Grid(self.held[number][0], new)
        self.variables.set(every)

    def name(self, key: Key) -> str:
        """What the user calls it, in errors."""
        kind, number = key
        if kind == "variable":
            name = self.variables.names[number]
            return name if " " in name else f"'{name}'"
        if kind == "reached":
            return "what may raise"
        if kind == "array":
            return "an array that is written to"
        return f"the {self.held[number][2]}"

    def is_flag(self, key: Key) -> bool:
        """Whether it stands for a jump."""
        return key[0] == "variable" and (
            is_flag(self.variables.names[key[1]]) or " " in self.variables.names[key[1]]
        )

    def is_jump(self, key: Key) -> bool:
        """Whether it is true where a jump has been taken."""
        return self.is_flag(key) and self.variables.names[key[1]].startswith("__")

    def is_result(self, key: Key) -> bool:
        """Whether it is what the function returns."""
        return key[0] == "variable" and self.variables.names[key[1]].startswith("what is returned")

    def is_whole(self, item: Any) -> bool:
        """Whether a container was there before: it is what it is, whatever it holds."""
        return id(item) in self.containers

    def container_of(self, item: Any) -> int:
        """The id of the container that was there before and is this item; 0 for others."""
        own: Any = item.__dict__ if is_object(item) else item
        return id(own) if id(own) in self.containers else 0


# lists, dicts and objects that a body can reach

Held = list[tuple[Any, Any, str]]
_PLAIN = {int, float, complex, str, np.ndarray}


def contents(values: Sequence[Any], known: Set[int]) -> Held:
    """The containers reachable from values, what they hold now, and what they are called; variables
    that inner functions assign to are containers, but for those that are `known`.
    """
    held: dict[Any, tuple[Any, Any, str]] = {}
    seen: set[int] = set()
    work = list(values)
    while work and len(held) + len(seen) < 10_000:
        item = work.pop()
        if isinstance(item, Traced) or type(item) in _PLAIN or id(item) in seen or id(item) in held:
            continue
        if isinstance(item, (tuple, FunctionType)):  # which may lead back to themselves
            seen.add(id(item))
        if isinstance(item, TableRow):
            work.append(item.table)
        elif isinstance(item, (list, dict, set, deque)):
            held[id(item)] = item, item.copy(), type(item).__name__
            if isinstance(item, list) and item and type(item[0]) is Cell:
                work.append(item[0].grid.table)  # a write to a row is one to all
            if len(item) < 10_000:
                work += item.values() if isinstance(item, dict) else item
        elif isinstance(item, tuple):
            work += item
        elif isinstance(item, FunctionType):
            here = assigned(item.__code__)
            for name, cell in zip(item.__code__.co_freevars, item.__closure__ or (), strict=True):
                inner = held_by(cell)
                if name in here and id(cell) not in known:
                    held[id(cell)] = cell, inner, f"variable '{name}' of an inner function"
                work += inner
            work += _of_function(item, held)
        elif isinstance(item, MethodType):
            work.append(item.__self__)
        elif is_object(item) and id(item.__dict__) not in held:
            own = item.__dict__
            held[id(own)] = own, dict(own), f"{type(item).__name__} object"
            work += [*own.values(), type(item)]
        elif _is_users(item if isinstance(item, type) else type(item)):
            seen.add(id(item))
            is_class = isinstance(item, type)
            name = f"class {item.__name__}" if is_class else f"{type(item).__name__} object"
            for slot in attributes_of(item) if is_class else slots_of(item):
                inner = held_by(slot)
                held[id(slot)] = slot, inner, name
                work += inner
    return list(held.values())


def _of_function(function: FunctionType, held: dict[Any, tuple[Any, Any, str]]) -> list[Any]:
    """What a function of the user's reaches that is no variable of one around it: its defaults and
    attributes, and variables of its module.
    """
    names, own = function.__globals__, function.__dict__
    if not is_users(function.__code__):
        return []
    if own:
        held[id(own)] = own, dict(own), "function"
    for name in assigned_globals(function.__code__):
        cell = GlobalCell(names, name)
        held.setdefault((id(names), name), (cell, held_by(cell), f"global variable '{name}'"))
    found = [names.get(name) for name in read_globals(function.__code__)]
    given = [*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values()]
    return [*own.values(), *given, *found]


def held_by(container: Any) -> Any:
    """What a container holds now."""
    if not isinstance(container, CELLS):
        return container.copy()
    try:
        return [container.cell_contents]
    except ValueError:
        return [UNBOUND]


def is_object(item: Any) -> bool:
    """Whether an item is an instance of a class of the user's, with attributes."""
    kind: Any = type(item)
    return (
        (_is_users(kind) or kind is SimpleNamespace)
        and not isinstance(item, (type, Traced))
        and isinstance(getattr(item, "__dict__", None), dict)
    )


def _is_users(kind: type) -> bool:
    """Whether a class was made by a class statement outside of the libraries that irgrad knows."""
    return bool(kind.__flags__ & _HEAP) and not kind.__module__.startswith(
        ("numpy", "scipy", "irgrad")
    )


_HEAP = 1 << 9
"""CPython's flag of types that a program has made."""


def holds(now: Any, then: Any) -> bool:
    """Whether a container holds what it held."""
    if isinstance(now, CELLS):
        return held_by(now)[0] is then[0]
    if len(now) != len(then):
        return False
    if isinstance(now, dict):
        return all(key in then and then[key] is x for key, x in now.items())
    if isinstance(now, set):
        return now == then
    return all(map(_is, now, then))


def _is(one: Any, other: Any) -> bool:
    return one is other


def fill(now: Any, then: Any) -> None:
    """Give a container what it held."""
    if holds(now, then):
        return
    if isinstance(now, CELLS):
        if then[0] is UNBOUND:
            del now.cell_contents
        else:
            now.cell_contents = then[0]
        return
    now.clear()
    now.extend(then) if isinstance(now, (list, deque)) else now.update(then)
