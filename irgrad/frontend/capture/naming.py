"""The names that assignments give: a value is called after the user's variable.

The first name stays, so that `y = x` leaves `x` its name. But what an inner function made, and
perhaps named, is called as the outer one names it: after `a = softplus(x)` it is `a`, not the `t`
inside of `softplus`."""

from __future__ import annotations

import sys
from functools import cache
from types import CodeType, FrameType
from typing import Any

from irgrad.frontend.site import LOWERING, is_library
from irgrad.ir.builder import CURRENT, Traced


def named(value: Any, name: str) -> Any:
    """`value`, bound to a variable of the user's."""
    if isinstance(value, Traced):
        _name(value, name)
    return value


def each_named(values: list[Any], name: str) -> None:
    """What a starred target took."""
    for value in values:
        named(value, name)


def called(value: Any, name: str) -> None:
    """Call what a branch or loop gives a variable, or a region takes for it, after the variable."""
    here = CURRENT.get()
    if here is not None and isinstance(value, Traced) and value.builder is here:
        here.bound[name] = value
        if value.value.node.is_input or value.value.name is None:
            value.value.call(name)


def _name(value: Traced, name: str) -> None:
    here = CURRENT.get()
    if here is None or value.builder is not here:
        return
    here.bound[name] = value
    current = value.value
    if current.node.is_input or current.node.is_constant:
        return
    depth = _depth()
    if current.name in (None, name) or depth < here.depths.get(current, sys.maxsize):
        current.call(name)
        here.depths[current] = depth


def _depth() -> int:
    """How many functions of the user's are running, from the one that is lowered on."""
    frame: FrameType | None = sys._getframe(2)  # pyright: ignore[reportPrivateUsage]
    count = 0
    while frame is not None and frame.f_code.co_filename != LOWERING:
        count += _counts(frame.f_code)
        frame = frame.f_back
    return count


_COMPREHENSIONS = ("<listcomp>", "<setcomp>", "<dictcomp>", "<genexpr>")


def _counts(code: CodeType) -> bool:
    """Whether code is a function that the user wrote, not a library's, nor the body of a branch or
    loop that became a function.
    """
    return _is_function(code.co_name) and not is_library(code)


@cache
def _is_function(name: str) -> bool:
    is_body = name.startswith("__") and name.rstrip("_")[-1:].isdigit()
    return not is_body and name not in _COMPREHENSIONS
