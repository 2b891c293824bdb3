"""What the error of a traced call says beside its message, in one place for every call: which
function was called, on which values, by the user's names for them, and on which line."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from irgrad.errors import IndexingError, IrgradError, Location
from irgrad.frontend.holders import variable_of
from irgrad.ir.blame import described
from irgrad.ir.builder import Traced
from irgrad.ir.types import SHORT

_MOST = 8
"""Of so many values at most an error speaks."""


def completed(
    error: IrgradError, call: str, given: Iterable[Any], location: Location | None
) -> IrgradError:
    """The error with what was called, on which values, and where; what it says already is left as
    it is, and so is the error of another line.
    """
    if error.location not in (None, location):
        return error
    if call and not re.search(rf"\b{re.escape(call)}\b", error.message):
        error.message = f"{call}: {error.message}"
    values = list(dict.fromkeys(_values(given)))
    if any(value not in error.message for value in values):
        if isinstance(error, IndexingError) and not call:
            error.about = f"array: {values[0]}"
        else:
            more = ", ..." if len(values) > _MOST else ""
            error.about = f"operands: {', '.join(values[:_MOST])}{more}"
    return error.at(location)


def _values(given: Iterable[Any]) -> Iterator[str]:
    """The arrays, traced or not, among arguments and in lists of them."""
    for each in given:
        if isinstance(each, Traced):
            if each.value.constant is None or each.value.type.shape:
                yield described(each.value)
        elif isinstance(each, np.ndarray):
            extents = ",".join(map(str, each.shape))
            kind = f"{SHORT.get(each.dtype, each.dtype)}[{extents}]"
            name = variable_of(each)
            yield f"%{name}: {kind}" if name else f"an array {kind}"
        elif isinstance(each, (list, tuple)):
            yield from _values(each)
        elif isinstance(each, dict):
            yield from _values(each.values())
