"""What the user's code calls an array that it closes over: the variable that holds it, or that
holds what holds it. Only names are followed, and no code of the user's runs."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Iterable
from functools import cache
from itertools import chain, islice
from types import CodeType, FrameType, FunctionType, ModuleType
from typing import Any, cast

from irgrad.frontend.site import LOWERING, is_library

_MOST = 300
"""So many objects at most a search looks at."""
_LONGEST = 40
"""The longest key of a dict that becomes part of a name."""


def variable_of(array: Any) -> str | None:
    """`W` where a variable of the code that runs is the array, `self.w`, `p.layers.0` where one
    leads to it; None where none does.
    """
    frame: FrameType | None = sys._getframe(1)  # pyright: ignore[reportPrivateUsage]
    while frame is not None and frame.f_code.co_filename != LOWERING:
        if not is_library(frame.f_code):
            known, used = frame.f_globals, _names(frame.f_code)
            found = _path({**frame.f_locals, **{k: known[k] for k in used if k in known}}, array)
            if found:
                return found
        frame = frame.f_back
    return None


@cache
def _names(code: CodeType) -> tuple[str, ...]:
    """The names that code looks up, with the functions inside it: the bodies of its loops too."""
    inner = [_names(each) for each in code.co_consts if isinstance(each, CodeType)]
    return tuple(dict.fromkeys(chain(code.co_names, *inner)))


def _path(variables: dict[str, Any], what: Any) -> str | None:
    """The shortest way from variables to an object."""
    waiting: deque[tuple[str, Any]] = deque([("", variables)])
    seen = {id(variables)}
    left = _MOST
    while waiting:
        prefix, owner = waiting.popleft()
        for name, part in islice(_parts(owner), left):
            left -= 1
            if not _is_shown(name):
                continue
            if part is what:
                return f"{prefix}{name}"
            if _has_parts(part) and id(part) not in seen:
                seen.add(id(part))
                waiting.append((f"{prefix}{name}.", part))
    return None


def _is_shown(name: Any) -> bool:
    """Whether a key can be part of a name."""
    if isinstance(name, int):
        return True
    return isinstance(name, str) and len(name) <= _LONGEST and not name.startswith("__")


def _has_parts(item: Any) -> bool:
    if isinstance(item, (list, tuple, dict)):
        return True
    return type(item).__dictoffset__ != 0 and not isinstance(item, (ModuleType, type, FunctionType))


def _parts(owner: Any) -> Iterable[tuple[Any, Any]]:
    """What an object holds: the items of a list or dict, the attributes of any other."""
    if isinstance(owner, list):
        return enumerate(list.__iter__(cast("list[Any]", owner)))
    if isinstance(owner, tuple):
        return enumerate(tuple.__iter__(cast("tuple[Any, ...]", owner)))
    held: Any = owner if isinstance(owner, dict) else object.__getattribute__(owner, "__dict__")
    return [*dict[Any, Any].items(held)]
