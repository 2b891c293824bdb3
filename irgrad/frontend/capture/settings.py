"""Whether functions are rewritten, and which loops unroll."""

from __future__ import annotations

import os
from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar

REWRITES: ContextVar[bool] = ContextVar("irgrad_capture", default=True)
"""Whether functions are rewritten here, unless the environment says that none are."""
TURNED_OFF: list[bool] = []
"""Something while any thread is where they are not: looked at by calls that have no time for a
context variable."""
_UNROLL: ContextVar[int | None] = ContextVar("irgrad_unroll", default=None)
_STEPS = 16
_NODES = 128


@contextmanager
def capturing(enabled: bool, unroll: int | None = None) -> Generator[None]:
    """Inside, functions are rewritten or not, and loops over at most `unroll` numbers unroll, small
    ones where it is None.
    """
    token = REWRITES.set(REWRITES.get() and enabled)
    if not enabled:
        TURNED_OFF.append(True)
    limit = _UNROLL.set(_UNROLL.get() if unroll is None else unroll)
    try:
        yield
    finally:
        if not enabled:
            TURNED_OFF.pop()
        _UNROLL.reset(limit)
        REWRITES.reset(token)


@contextmanager
def without_capture() -> Generator[None]:
    """Inside, functions are traced as they are: no source is read, nothing is rewritten. Those that
    were compiled outside are traced anew.

    The environment variable IRGRAD_CAPTURE=0 does the same for a whole process.

    >>> import irgrad
    >>> with irgrad.without_capture():
    ...     float(irgrad.grad(lambda x: x * x)(3.0))
    6.0
    """
    with capturing(False):
        yield


def is_enabled() -> bool:
    """Whether functions are rewritten here."""
    return REWRITES.get() and os.environ.get("IRGRAD_CAPTURE", "1") != "0"


def unrolled() -> int:
    """The length of the longest range over which a loop unrolls."""
    chosen = _UNROLL.get()
    return _STEPS if chosen is None else chosen


def most_nodes() -> int | None:
    """The most nodes that all steps of such a loop may have; None where the user has chosen."""
    return _NODES if _UNROLL.get() is None else None
