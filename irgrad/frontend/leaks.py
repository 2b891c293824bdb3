"""Errors of Python's own about a traced value: code that no protocol of NumPy's reaches (an
attribute set, a function of the standard library) says what it cannot do with its class.
They are told again, of a traced array, with the user's line and a remedy."""

from __future__ import annotations

import re
from types import TracebackType

from irgrad.errors import IrgradError, Location, MissingAttribute, NotTraceable
from irgrad.frontend.capture.function import is_users

_CLASS = re.compile(r"'?\b(?:Tracer|Row|Bounded|Selection|Lost)\b'?")
_REMEDIES = {
    "attribute": "a traced array takes no attributes of yours: keep the value in a variable",
    "": "the numbers are not known while the function is lowered: use functions of NumPy",
}


def retold(error: Exception) -> IrgradError | None:
    """The error to raise in place of one that speaks of irgrad's classes; None for any other."""
    text = str(error)
    if isinstance(error, IrgradError) or not _CLASS.search(text):
        return None
    kind = MissingAttribute if isinstance(error, AttributeError) else NotTraceable
    hint = next(remedy for word, remedy in _REMEDIES.items() if word in text)
    location = _users_line(error.__traceback__)
    return kind(_CLASS.sub("'traced array'", text), location=location, hint=hint)


def _users_line(traceback: TracebackType | None) -> Location | None:
    """The innermost line of the user's."""
    found = None
    while traceback is not None:
        code = traceback.tb_frame.f_code
        if is_users(code):
            found = Location(code.co_filename, traceback.tb_lineno)
        traceback = traceback.tb_next
    return found


__all__ = ["retold"]
