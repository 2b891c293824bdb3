"""Calls of SciPy's solvers: what they say about their arguments gets the user's line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

from irgrad.errors import ArgumentError, IrgradError, OptionError
from irgrad.frontend.site import call_site, is_library

_HERE = str(Path(__file__).parents[1])


def called(name: str, solve: Callable[..., Any], *args: Any, **options: Any) -> Any:
    """What a solver of SciPy's gives. A TypeError or ValueError of its own, about an argument, is
    an `ArgumentError` or `OptionError`; those of functions that it calls stay what they are.
    """
    try:
        return solve(*args, **options)
    except IrgradError:
        raise
    except (TypeError, ValueError) as error:
        inside = error.__traceback__ and error.__traceback__.tb_next
        if not _is_scipys(inside):
            raise
        kind = ArgumentError if isinstance(error, TypeError) else OptionError
        place = ".".join((*solve.__module__.split(".")[:2], solve.__name__))
        lm = "'lm'" in str(error)
        hint = "method='trf', the usual one, does" if lm else f"{place} says what it takes"
        raise kind(f"{name}: {error}", location=call_site().location, hint=hint) from None


def _is_scipys(traceback: TracebackType | None) -> bool:
    """Whether no frame is the user's or irgrad's."""
    while traceback is not None:
        code = traceback.tb_frame.f_code
        if not is_library(code) or code.co_filename.startswith(_HERE):
            return False
        traceback = traceback.tb_next
    return True
