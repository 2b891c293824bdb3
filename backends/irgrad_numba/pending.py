"""What Python raised under machine code, for Numba's nopython mode: it is kept for the thread, and
nopython code raises `Waiting` in its place, so that a `try` there sees it as any error of Numba's.
Where nothing in nopython mode takes it, Numba makes the exception by calling the class, and gets
the one that was kept: the caller gets it as it is."""

from __future__ import annotations

import threading
from typing import Any

from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

_KEPT = threading.local()


class Waiting(Exception):
    """The exception that waits in this thread. Numba makes one to see what it is, and then Python
    another, to raise it.
    """

    def __new__(cls) -> Any:
        kept = vars(_KEPT)
        error = kept.get("error")
        if kept.pop("seen", False):
            kept.clear()
        else:
            kept["seen"] = True
        return super().__new__(cls) if error is None else error


def keep(kind: Any, error: Any, traceback: Any) -> None:
    """Let an exception wait, given by what Python's C functions say of it."""
    if not isinstance(error, BaseException):  # of older Pythons, its arguments
        error = kind() if error is None else kind(error)
    vars(_KEPT).update(error=error.with_traceback(traceback), seen=False)


@intrinsic
def caught(typing: Any) -> Any:
    """Whether Python raised an exception in this thread; then it is kept."""
    del typing

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        del signature, arguments
        python = context.get_python_api(builder)
        lock = python.gil_ensure()
        waits = cgutils.is_not_null(builder, python.err_occurred())
        with builder.if_then(waits, likely=False):
            places = [cgutils.alloca_once(builder, python.pyobj) for _ in range(3)]
            python.err_fetch(*places)
            none = python.borrow_none()
            found = [builder.load(place) for place in places]
            given = [builder.select(cgutils.is_null(builder, x), none, x) for x in found]
            address = context.add_dynamic_addr(builder, id(keep), "irgrad_keep")
            kept = python.call_function_objargs(builder.bitcast(address, python.pyobj), given)
            for x in (*found, kept):
                python.decref(x)
        python.gil_release(lock)
        return waits

    return types.boolean(), code
