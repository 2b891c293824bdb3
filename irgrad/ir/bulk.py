"""Making and walking many objects at once, with the cyclic garbage collector out of the way.

A graph of 100,000 nodes is a million small objects. While they come into being, the collector runs
over all of them again and again, and finds nothing: nodes form no cycles. It costs more than half
of the time of every phase, and makes the cost of a node grow with the size of its graph."""

from __future__ import annotations

import gc
import threading
from collections.abc import Generator
from contextlib import contextmanager

_lock = threading.RLock()
_depth = 0
_was_enabled = False


@contextmanager
def paused_gc() -> Generator[None]:
    """Stop the cyclic garbage collector inside a with block, or a function decorated with it.

    Blocks may nest, and overlap in several threads: the collector comes back, if it was there, when
    the last of them ends.

    >>> import gc
    >>> with paused_gc():
    ...     gc.isenabled()
    False
    >>> gc.isenabled()
    True
    """
    global _depth, _was_enabled
    with _lock:
        if _depth == 0:
            _was_enabled = gc.isenabled()
            gc.disable()
        _depth += 1
    try:
        yield
    finally:
        with _lock:
            _depth -= 1
            if _depth == 0 and _was_enabled:
                gc.enable()
