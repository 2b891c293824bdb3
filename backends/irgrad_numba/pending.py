"""What Python raised under machine code, for Numba's nopython mode: it waits in the thread, and the
caller of the nopython code gets it as it is."""

from __future__ import annotations

from typing import Any

from numba import types
from numba.core import cgutils
from numba.extending import intrinsic


@intrinsic
def leave(typing: Any) -> Any:
    """Leave the function with the exception that waits in this thread; go on where none does."""
    del typing

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        del signature, arguments
        python = context.get_python_api(builder)
        lock = python.gil_ensure()
        waits = cgutils.is_not_null(builder, python.err_occurred())
        python.gil_release(lock)
        with builder.if_then(waits, likely=False):
            context.call_conv.return_exc(builder)
        return context.get_dummy_value()

    return types.none(), code
