"""Functions that call themselves as often as only the running program knows.

Both sides of a traced condition are traced, so that what calls itself in one of them would have no
end. Such a function is left as it is: where the numbers of a call are at hand they decide, as in
all code that is not rewritten."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable
from contextvars import ContextVar
from types import CodeType, FrameType
from typing import Any

from irgrad.errors import Location, TraceError
from irgrad.frontend.decisions import decide_anew
from irgrad.frontend.site import is_library
from irgrad.ir.builder import CURRENT

_LEFT: ContextVar[frozenset[CodeType]] = ContextVar("irgrad_left", default=frozenset())
_DEEP = 20
"""Branches in each other in which so many calls of one function are no accident."""


class Endless(BaseException):
    """Leaves the trace of a function, of this code, that calls itself in branches without end."""

    def __init__(self, code: CodeType) -> None:
        self.code = code


def _refusal(code: CodeType) -> TraceError:
    """The refusal of such a function that stands in another one, which is rewritten."""
    return TraceError(
        f"{code.co_name} calls itself as often as only the running program knows",
        location=Location(code.co_filename, code.co_firstlineno),
        hint="write a while, or let an argument that is an int count the calls",
    )


def check_ends() -> None:
    """Stop where branches, many in each other, are those of a function that calls itself."""
    here = CURRENT.get()
    if here is None or here.level < _DEEP:
        return
    calls: Counter[CodeType] = Counter()
    frame: FrameType | None = sys._getframe(1)  # pyright: ignore[reportPrivateUsage]
    while frame is not None:
        if not is_library(frame.f_code) and not frame.f_code.co_name.startswith(("__", "<")):
            calls[frame.f_code] += 1
        frame = frame.f_back
    for code, times in calls.most_common(1):
        if times >= _DEEP:
            raise Endless(code)


def is_left(code: CodeType) -> bool:
    """Whether a function whose rewritten code this is stays as it is."""
    return code in _LEFT.get()


def to_an_end(lower: Callable[[], Any]) -> Any:
    """What lowering a function gives, where those in it that have no end are left as they are."""
    try:
        return lower()
    except Endless as error:
        code = error.code
    if is_left(code):
        raise _refusal(code)
    decide_anew()
    token = _LEFT.set(_LEFT.get() | {code})
    try:
        return to_an_end(lower)
    finally:
        _LEFT.reset(token)
