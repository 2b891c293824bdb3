"""How many threads share the work of a program, and that of compiling it."""

from __future__ import annotations

import os

from irgrad.errors import BackendError

VARIABLE = "IRGRAD_NUM_THREADS"
MOST_THREADS = 1024


def thread_count() -> int:
    """How many threads share work: `IRGRAD_NUM_THREADS`, or the processors of this process."""
    text = os.environ.get(VARIABLE, "").strip()
    if text:
        if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= MOST_THREADS:
            raise BackendError(
                f"{VARIABLE} is {text!r}; expected a number from 1 to {MOST_THREADS}"
            )
        return int(text)
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
