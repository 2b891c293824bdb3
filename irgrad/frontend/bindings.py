"""What the names in a function, and in those of the user's that it calls, stand for.

A program keeps what they stood for while the function was lowered. Where it is kept for who next
asks for a transformation of the function, it has to be asked whether they still do: after
`w = 5 * w`, a helper defined anew, `model.data = new`."""

from __future__ import annotations

import dis
import functools
import sys
import weakref
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import Any, NamedTuple

import numpy as np

from irgrad.frontend.capture.function import is_users

MOST = 1000
"""So many functions, modules and objects are looked at: what is beyond is taken to stay."""
_FOREIGN = {*sys.stdlib_module_names, "irgrad", "numpy", "scipy"} - {"__main__"}
_PLAIN = (bool, int, float, complex, str, bytes, type(None), np.generic)


Variables = Callable[[Any], Mapping[str, Any]]


class Bindings(NamedTuple):
    """Names in the variables of a function, a module, a class or an object (which this does not
    keep alive), and notes of what they stood for.
    """

    holder: weakref.ref[Any]
    variables: Variables
    notes: tuple[tuple[str, Any], ...]

    @property
    def hold(self) -> bool:
        """Whether the names stand for the same still."""
        holder = self.holder()
        if holder is None:
            return False
        held = self.variables(holder)
        return all(_is_noted(note, held.get(name)) for name, note in self.notes)


def bindings(target: Any) -> tuple[Bindings, ...]:
    """The names that a function, a method or a callable object reaches, as they are bound now."""
    found: list[Bindings] = []
    seen: set[tuple[int, frozenset[str]]] = set()
    todo: list[tuple[Any, frozenset[str]]] = [(target, frozenset())]
    while todo and len(found) < MOST:
        holder, names = todo.pop()
        names = _widened(holder, names)
        if (id(holder), names) in seen or isinstance(holder, (*_PLAIN, np.ndarray)):
            continue
        seen.add((id(holder), names))
        todo += ((part, names) for part in _parts(holder))
        for variables, used in _places(holder, names):
            held = variables(holder)
            here = sorted(held.keys() & used)
            reference = _weak(holder)
            if here and reference is not None:
                notes = tuple((name, _note(held[name])) for name in here)
                found.append(Bindings(reference, variables, notes))
            todo += ((held[name], used) for name in here)
    return tuple(found)


def _parts(holder: Any) -> Iterator[Any]:
    """What calling `holder`, or a method of it, runs."""
    kind = type(holder)
    if kind is MethodType:
        yield from (holder.__func__, holder.__self__)
    elif kind is functools.partial:
        yield from (holder.func, *holder.args, *holder.keywords.values())
    elif issubclass(kind, (type, ModuleType)):
        return
    elif _is_foreign(kind):  # a transformation, or a function with a rule
        inside = getattr(holder, "__dict__", {})
        yield from (x for x in inside.values() if isinstance(x, (FunctionType, MethodType)))
    else:
        yield from (c for c in kind.__mro__ if not _is_foreign(c))


def _widened(holder: Any, names: frozenset[str]) -> frozenset[str]:
    """The names in the code that runs where code of `names` has `holder`: those of its methods."""
    kind = type(holder)
    if kind is FunctionType:
        return _names(holder.__code__) if is_users(holder.__code__) else frozenset()
    if kind is MethodType:
        return _widened(holder.__self__, names | _widened(holder.__func__, names))
    if issubclass(kind, (type, ModuleType)) or _is_foreign(kind):
        return names
    methods = {name: x for c in reversed(kind.__mro__) for name, x in vars(c).items()}
    more = names | ({"__call__"} & methods.keys())
    while True:
        code = [x for name in more & methods.keys() if type(x := methods[name]) is FunctionType]
        wider = more.union(*(_widened(x, more) for x in code))
        if wider == more:
            return more
        more = wider


def _places(holder: Any, names: frozenset[str]) -> Iterator[tuple[Variables, frozenset[str]]]:
    """Where code of those `names`, or the function's own, finds what they stand for."""
    kind = type(holder)
    if kind is FunctionType:
        yield _globals, names
        yield _cells, names
    elif kind is ModuleType:
        if holder.__name__.partition(".")[0] not in _FOREIGN:
            yield vars, names
    elif isinstance(holder, type):
        if not _is_foreign(holder):
            yield vars, names
    elif hasattr(holder, "__dict__") and kind.__module__.partition(".")[0] != "irgrad":
        yield vars, names


def _is_foreign(kind: type) -> bool:
    return kind.__module__.partition(".")[0] in _FOREIGN


def _globals(function: FunctionType) -> Mapping[str, Any]:
    return function.__globals__


def _cells(function: FunctionType) -> Mapping[str, Any]:
    cells = zip(function.__code__.co_freevars, function.__closure__ or (), strict=True)
    return {name: _contents(cell) for name, cell in cells}


def _contents(cell: Any) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # not bound yet
        return None


@cache
def _names(code: CodeType) -> frozenset[str]:
    """The variables and attributes that code and the functions in it read, without those that it
    binds itself, as one does that counts its calls.
    """
    read = {*code.co_names, *code.co_freevars}
    for instruction in dis.get_instructions(code):
        if instruction.opname in ("STORE_GLOBAL", "STORE_DEREF", "STORE_ATTR"):
            read.discard(instruction.argval)
    inner = [_names(part) for part in code.co_consts if isinstance(part, CodeType)]
    return frozenset(read).union(*inner)


def _weak(x: Any) -> weakref.ref[Any] | None:
    try:
        return weakref.ref(x)
    except TypeError:
        return None


class _Address(int):
    """Of what takes no weak reference."""


def _note(x: Any) -> Any:
    """What tells `x` from others, without keeping it alive: numbers and strings as they are, tuples
    of these, and a weak reference or the address of anything else.
    """
    if isinstance(x, _PLAIN):
        return x
    if type(x) is tuple:
        return tuple(map(_note, x))
    return _weak(x) or _Address(id(x))


def _is_noted(note: Any, x: Any) -> bool:
    if isinstance(note, weakref.ref):
        return note() is x
    if type(note) is _Address:
        return note == id(x)
    if type(note) is tuple:
        same = type(x) is tuple and len(x) == len(note)
        return same and all(map(_is_noted, note, x))
    return note is x or (type(note) is type(x) and bool(note == x))
