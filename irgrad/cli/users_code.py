"""The user's own code, which a command imports and runs: an exception in it becomes a message with
their line.
"""

from __future__ import annotations

import traceback
from collections.abc import Generator
from contextlib import contextmanager

from irgrad.errors import IrgradError, Location
from irgrad.frontend.site import is_library


class CodeError(IrgradError):
    """An exception of the user's code."""


@contextmanager
def users_code(name: str) -> Generator[None]:
    """Run code that `name` stands for; errors of irgrad's pass through."""
    try:
        yield
    except IrgradError:
        raise
    except (Exception, SystemExit) as error:
        said = f": {error}" if str(error) else ""
        raise CodeError(
            f"{name} raised {type(error).__name__}{said}",
            location=innermost(error),
            hint="call it in Python for the whole traceback",
        ) from error


def innermost(error: BaseException) -> Location | None:
    """The line of the user's that an exception comes from."""
    if isinstance(error, SyntaxError) and error.filename and error.lineno:
        return Location(error.filename, error.lineno)
    frames = [
        Location(frame.f_code.co_filename, line)
        for frame, line in traceback.walk_tb(error.__traceback__)
        if not is_library(frame.f_code) and not frame.f_code.co_filename.startswith("<frozen")
    ]
    return frames[-1] if frames else None
