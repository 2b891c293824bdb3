"""A module in parts of about the same length, to be compiled at the same time.

A function is in one part; others that call it declare it. Only what must be inlined, and constants,
are in each part that uses them. Each function is optimised by itself in any case, so that the code
is the same for any number of parts."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping

from irgrad_numba.llvm import Module

INTERNAL = "define internal "
INLINED = "alwaysinline"
NAME = re.compile(r"@([\w.]+)")


def split(module: Module, count: int) -> list[str]:
    """The texts of at most `count` parts."""
    functions = module.functions
    heads = {name: text.split("{\n", 1)[0] for name, text in functions.items()}
    inlined = {name for name, head in heads.items() if INLINED in head}
    calls = {
        name: set(NAME.findall(text)) & functions.keys() - {name}
        for name, text in functions.items()
    }
    parts = [
        _with_inlined(names, calls, inlined)
        for names in _shared_out(
            [name for name in functions if name not in inlined], functions, count
        )
    ]
    wanted = {name for names in parts for own in names for name in calls[own] if name not in names}
    before = [*module.declarations.values(), *module.globals.values()]
    texts: list[str] = []
    for names in parts:
        outside = {name for own in names for name in calls[own]} - names
        declared = [_declaration(heads[name]) for name in functions if name in outside]
        defined = [
            text.replace(INTERNAL, "define ", 1) if name in wanted else text
            for name, text in functions.items()
            if name in names
        ]
        texts.append("\n".join([*before, *declared, *defined]) + "\n")
    return texts


def _shared_out(names: Iterable[str], functions: Mapping[str, str], count: int) -> list[list[str]]:
    """The longest first, each to the part that is shortest so far."""
    parts: list[list[str]] = [[] for _ in range(count)]
    sizes = [0] * count
    for name in sorted(names, key=lambda name: -len(functions[name])):
        shortest = sizes.index(min(sizes))
        parts[shortest].append(name)
        sizes[shortest] += len(functions[name])
    return [part for part in parts if part]


def _with_inlined(
    names: Iterable[str], calls: Mapping[str, Collection[str]], inlined: Collection[str]
) -> set[str]:
    found = set(names)
    waiting = list(found)
    while waiting:
        for name in calls[waiting.pop()]:
            if name in inlined and name not in found:
                found.add(name)
                waiting.append(name)
    return found


def _declaration(head: str) -> str:
    """Of a function, from what stands before its body."""
    return f"declare {head.removeprefix(INTERNAL)}"
