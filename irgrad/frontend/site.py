"""Where in the user's code a traced call stands: file, line, and the variable that its result is
bound to.

The variable is read from the bytecode: the instruction after the call stores the result. Each call
site of a code object is looked up once."""

from __future__ import annotations

import dis
import importlib.util
import inspect
import os
import sys
import sysconfig
from bisect import bisect_right
from collections.abc import Iterator
from functools import cache, lru_cache
from pathlib import Path
from types import CodeType, FrameType
from typing import Any, NamedTuple

import numpy as np

from irgrad.errors import Location

Pattern = str | tuple[Any, ...] | None
"""The variable that a value is bound to; of a value that is unpacked, one for each part."""


class Site(NamedTuple):
    """One place in the user's code."""

    location: Location | None
    variable: Pattern
    stores_item: bool = False


_NOWHERE = Site(None, None)
_HERE = Path(__file__).parent
_LIBRARY = (
    f"{_HERE.parent}{os.sep}",
    f"{Path(np.__file__).parent}{os.sep}",
    f"{Path(str(importlib.util.find_spec('scipy').origin)).parent}{os.sep}",  # pyright: ignore[reportOptionalMemberAccess] -- irgrad depends on it
)
_PYTHON = tuple(f"{sysconfig.get_path(name)}{os.sep}" for name in ("stdlib", "platstdlib"))
_INSTALLED = tuple(f"{sysconfig.get_path(name)}{os.sep}" for name in ("purelib", "platlib"))
LOWERING = str(_HERE / "lower.py")
"""The file whose frame runs the function that is lowered."""
COMMAND = str(_HERE.parent / "cli" / "main.py")
"""The file of the command line: what called it is no line of the user's."""


def call_site(depth: int = 1, home: str | None = None) -> Site:
    """The innermost frame outside irgrad, NumPy, SciPy and the standard library, from `depth`
    callers up, and beyond the file `home`, which defines the op that is called.

    Beyond the frame that runs the traced function (which may be NumPy's own) stands the call that
    had it traced: its line serves, the variable that it stores to is not the value's.
    """
    frame: FrameType | None = sys._getframe(depth + 1)  # pyright: ignore[reportPrivateUsage]
    inside = True
    while frame is not None and is_library(frame.f_code):
        inside &= frame.f_code.co_filename != LOWERING
        frame = frame.f_back if frame.f_code.co_filename != COMMAND else None
    if frame is None:
        return _NOWHERE
    if inside and home is not None and frame.f_code.co_filename == home:
        frame = _caller(frame, home)
    site = _site(Same(frame.f_code), frame.f_lasti)
    return site if inside else site._replace(variable=None)


def _caller(frame: FrameType, home: str) -> FrameType:
    """The call of what a frame in the file `home` runs: from another file, or where the traced
    function is in that one too, from the next function.
    """
    first, outer = frame, frame.f_back
    while outer is not None and outer.f_code.co_filename != LOWERING:
        if outer.f_code.co_filename != home and not is_library(outer.f_code):
            return outer
        outer = outer.f_back
    back = first.f_back
    return first if back is None or is_library(back.f_code) else back


def defined_at(function: Any) -> Location | None:
    """The line on which a Python function is defined."""
    code = getattr(inspect.unwrap(function), "__code__", None)
    if code is None or is_library(code):
        return None
    return Location(code.co_filename, code.co_firstlineno)


def is_library(code: CodeType) -> bool:
    """Whether code is irgrad's, NumPy's or SciPy's, or Python's own."""
    return _is_library_file(code.co_filename)


@cache
def _is_library_file(file: str) -> bool:
    if file.startswith((*_LIBRARY, "<__array_function__", "<frozen")):
        return True
    return file.startswith(_PYTHON) and not file.startswith(_INSTALLED)


class Same:
    """Code as a key that equals only itself: Python's own hash of it reads it from end to end, each
    time.
    """

    __slots__ = ("code",)

    def __init__(self, code: CodeType) -> None:
        self.code = code

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Same) and self.code is other.code

    def __hash__(self) -> int:
        return id(self.code)


@lru_cache(maxsize=65536)
def _site(key: Same, offset: int) -> Site:
    code = key.code
    instructions = _instructions(key)
    place = offset
    while place > 0 and place not in instructions:  # in the inline cache of a call
        place -= 2
    here, following = instructions.get(place, (None, None))
    starts, lines = _lines(key)
    line = lines[bisect_right(starts, offset) - 1] or code.co_firstlineno
    variable = _bound_to(key, following)
    stores_item = here is not None and here.opname == "STORE_SUBSCR"
    return Site(Location(code.co_filename, line), variable, stores_item)


def _bound_to(key: Same, following: dis.Instruction | None) -> Pattern:
    """What the instruction after a call stores to: `u = f()`, `u = v = f()`, `(u := f())` and `u,
    (v, *w) = f()`.
    """
    instructions = _instructions(key)
    while following is not None and following.opname == "COPY":
        following = instructions[following.offset][1]
    return _target(_pieces(key, following))


def _target(pieces: Iterator[str | tuple[int, int | None] | None]) -> Pattern:
    """One target, its variables in the order in which they are stored; None for what is none."""
    piece = next(pieces, None)
    if not isinstance(piece, tuple):
        return piece
    count, starred = piece
    parts = [_target(pieces) for _ in range(count)]
    return tuple(None if i == starred else part for i, part in enumerate(parts))


def _pieces(
    key: Same, following: dis.Instruction | None
) -> Iterator[str | tuple[int, int | None] | None]:
    """What instructions store, from one on: variables, None for an item of an array, and for a
    value that is unpacked the number of its parts and the place of the starred one.
    """
    instructions = _instructions(key)
    while following is not None:
        name, arg = following.opname, following.arg or 0
        if name == "UNPACK_SEQUENCE":
            yield arg, None
        elif name == "UNPACK_EX":
            yield (arg & 0xFF) + 1 + (arg >> 8), arg & 0xFF
        else:
            names = _stored(following)
            if not names:
                yield None
                return
            yield from names
        following = instructions[following.offset][1]


def _stored(instruction: dis.Instruction) -> list[str]:
    """The variables that an instruction stores to; Python 3.13 joins two, or a store and a load."""
    name, kind = instruction.argval, instruction.opname
    if not kind.startswith("STORE_") or kind in ("STORE_SUBSCR", "STORE_SLICE"):
        return []
    if not isinstance(name, tuple):
        return [name]
    return list(name) if kind == "STORE_FAST_STORE_FAST" else [name[0]]


@lru_cache(maxsize=1024)
def _lines(key: Same) -> tuple[list[int], list[int | None]]:
    """Where in the bytecode each stretch of a line begins, and which line that is."""
    stretches = [(start, line) for start, end, line in key.code.co_lines() if start < end]
    return [start for start, _ in stretches], [line for _, line in stretches]


@lru_cache(maxsize=1024)
def _instructions(key: Same) -> dict[int, tuple[dis.Instruction, dis.Instruction | None]]:
    listed = list(dis.get_instructions(key.code))
    return {
        one.offset: (one, following)
        for one, following in zip(listed, [*listed[1:], None], strict=True)
    }
