"""What can be bound anew, in the form of a cell of a closure: variables of modules, and attributes
that a class keeps in slots, or for itself."""

from __future__ import annotations

import dis
from functools import cache
from types import CellType, CodeType
from typing import Any

import numpy as np

from irgrad.ir.builder import Traced


class GlobalCell:
    """A variable of a module."""

    def __init__(self, names: dict[str, Any], name: str) -> None:
        self.names, self.name = names, name

    @property
    def cell_contents(self) -> Any:
        """Its value; a ValueError where it has none."""
        if self.name not in self.names:
            raise ValueError(self.name)
        return self.names[self.name]

    @cell_contents.setter
    def cell_contents(self, new: Any) -> None:
        self.names[self.name] = new

    @cell_contents.deleter
    def cell_contents(self) -> None:
        del self.names[self.name]


class SlotCell:
    """An attribute in a slot."""

    def __init__(self, item: Any, name: str) -> None:
        self.item, self.name = item, name

    @property
    def cell_contents(self) -> Any:
        """Its value; a ValueError where it has none."""
        try:
            return getattr(self.item, self.name)
        except AttributeError:
            raise ValueError(self.name) from None

    @cell_contents.setter
    def cell_contents(self, new: Any) -> None:
        setattr(self.item, self.name, new)

    @cell_contents.deleter
    def cell_contents(self) -> None:
        delattr(self.item, self.name)


CELLS = (CellType, GlobalCell, SlotCell)


def slots_of(item: Any) -> list[SlotCell]:
    """The attributes that an object keeps in slots."""
    found: list[SlotCell] = []
    for kind in type(item).__mro__:
        names = vars(kind).get("__slots__", ())
        for name in (names,) if isinstance(names, str) else names:
            private = name.startswith("__")
            if not (private and name.endswith("__")):
                spelt = f"_{kind.__name__.lstrip('_')}{name}" if private else name
                found.append(SlotCell(item, spelt))
    return found


def attributes_of(kind: type) -> list[SlotCell]:
    """The attributes of a class that are numbers or containers."""
    plain = (bool, int, float, complex, np.ndarray, np.generic, Traced, list, dict)
    return [
        SlotCell(kind, name)
        for name, held in vars(kind).items()
        if isinstance(held, plain) and not name.startswith("__")
    ]


@cache
def assigned(code: CodeType) -> frozenset[str]:
    """The variables of functions around it that code assigns to."""
    return frozenset(_named(code, "STORE_DEREF", "DELETE_DEREF")).intersection(code.co_freevars)


@cache
def read_globals(code: CodeType) -> tuple[str, ...]:
    """The variables of its module that code reads."""
    return tuple(dict.fromkeys(_named(code, "LOAD_GLOBAL")))


@cache
def assigned_globals(code: CodeType) -> tuple[str, ...]:
    """The variables of its module that code assigns to."""
    return tuple(dict.fromkeys(_named(code, "STORE_GLOBAL", "DELETE_GLOBAL")))


def _named(code: CodeType, *operations: str) -> list[str]:
    """What operations of code, and of code in it, are on."""
    found = _operations(code)
    return [name for operation in operations for name in found.get(operation, ())]


@cache
def _operations(code: CodeType) -> dict[str, list[str]]:
    """The variables that code, and code in it, is on, by what it does to them."""
    found: dict[str, list[str]] = {}
    for instruction in dis.get_instructions(code):
        if instruction.opname in _ON_VARIABLES:
            found.setdefault(instruction.opname, []).append(instruction.argval)
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            for operation, names in _operations(constant).items():
                found.setdefault(operation, []).extend(names)
    return found


_ON_VARIABLES = {
    f"{does}_{where}" for does in ("LOAD", "STORE", "DELETE") for where in ("DEREF", "GLOBAL")
}
