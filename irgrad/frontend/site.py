"""Where in the user's code a traced call stands: file, line, and the variable that its result is
bound to.

The variable is read from the bytecode: the instruction after the call stores the result. Each call
site of a code object is looked up once."""

from __future__ import annotations

import dis
import sys
from functools import cache, lru_cache
from pathlib import Path
from types import CodeType, FrameType
from typing import NamedTuple

import numpy as np

from irgrad.errors import Location


class Site(NamedTuple):
    """One place in the user's code."""

    location: Location | None
    variable: str | None
    stores_item: bool = False


_NOWHERE = Site(None, None)
_LIBRARY = tuple(
    str(Path(file).parent) + "/"
    for file in (__file__.replace("/frontend/", "/"), np.__file__)
    if file
)


def call_site(depth: int = 1) -> Site:
    """The innermost frame outside irgrad, NumPy and SciPy, from `depth` callers up."""
    frame: FrameType | None = sys._getframe(depth + 1)  # pyright: ignore[reportPrivateUsage]
    while frame is not None and _is_library(frame.f_code):
        frame = frame.f_back
    return _NOWHERE if frame is None else _site(frame.f_code, frame.f_lasti)


@cache
def _is_library(code: CodeType) -> bool:
    file = code.co_filename
    return file.startswith(_LIBRARY) or "/scipy/" in file or file.startswith("<__array_function__")


@lru_cache(maxsize=65536)
def _site(code: CodeType, offset: int) -> Site:
    instructions = _instructions(code)
    here, following = instructions.get(offset, (None, None))
    line = next(
        (at for start, end, at in code.co_lines() if start <= offset < end and at),
        code.co_firstlineno,
    )
    variable = None
    if (
        following is not None
        and following.opname.startswith("STORE_")
        and following.opname != "STORE_SUBSCR"
    ):
        name = following.argval
        variable = name[0] if isinstance(name, tuple) else name
    stores_item = here is not None and here.opname == "STORE_SUBSCR"
    return Site(Location(code.co_filename, line), variable, stores_item)


@lru_cache(maxsize=1024)
def _instructions(code: CodeType) -> dict[int, tuple[dis.Instruction, dis.Instruction | None]]:
    listed = list(dis.get_instructions(code))
    return {
        one.offset: (one, following)
        for one, following in zip(listed, [*listed[1:], None], strict=True)
    }
