"""What only numbers have: Python's truth, conversions, sizes. A traced value has them where its
numbers are known; elsewhere the error says what asked, and what to write instead."""

from __future__ import annotations

import math
from contextvars import ContextVar
from typing import Any, NoReturn

import numpy as np

from irgrad.errors import ArgumentError, DTypeError, TraceError
from irgrad.frontend.asker import asker
from irgrad.frontend.decisions import decided, decided_integer
from irgrad.frontend.entry import entry
from irgrad.frontend.known import known
from irgrad.frontend.promote import as_weak
from irgrad.frontend.site import call_site
from irgrad.ir.blame import described
from irgrad.ir.builder import Traced


class OnlyNumbers(Traced):
    """Conversions of a traced value."""

    __slots__ = ()

    def _refuse(self, what: str, hint: str) -> NoReturn:
        site = call_site(1)
        raise TraceError(
            f"{what} of a traced value ({described(self.value)})", location=site.location, hint=hint
        )

    def __bool__(self) -> bool:
        numbers = known(self)
        if numbers is not None:
            return bool(numbers)
        answer = decided(self)
        if answer is not None:
            return answer
        return self._refuse(
            "Python's truth value (if, while, and, or, not, assert, a chained comparison)",
            "use np.where(condition, a, b), np.logical_and, np.logical_or, or irgrad.cond and "
            "irgrad.while_loop; the condition is not known while the function is lowered",
        )

    def __hash__(self) -> int:
        raise ArgumentError(
            f"a traced value ({self.value!r}) as a key of a dict or a member of a set",
            location=call_site().location,
            hint="use int(i) where its number is known; else keep the values in an array, and "
            "index that",
        )

    def __float__(self) -> float:
        return float(self._conversion("float()"))

    def __int__(self) -> int:
        return int(self._conversion("int()"))

    def __trunc__(self) -> int:
        return math.trunc(self._conversion("math.trunc()"))

    def __floor__(self) -> int:
        return math.floor(self._conversion("math.floor()"))

    def __ceil__(self) -> int:
        return math.ceil(self._conversion("math.ceil()"))

    def __complex__(self) -> complex:
        return complex(self._conversion("complex()"))

    def __index__(self) -> int:
        numbers = known(self)
        number = decided_integer(self) if numbers is None else numbers.__index__()
        if number is not None:
            return number
        return self._refuse(
            "use as a Python index or a size",
            "sizes and slice bounds must be Python ints; to index a constant array by a traced "
            "integer, pass the array as an argument; for a list, use np.choose(i, list)",
        )

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        numbers = known(self)
        if numbers is None:
            self._no_number("conversion to an ordinary NumPy array")
        return np.array(numbers, dtype)

    def _conversion(self, what: str) -> Any:
        """The number, for what asked for it."""
        numbers = known(self)
        return self._no_number(what, 3) if numbers is None else numbers[()]

    def _no_number(self, what: str, depth: int = 2) -> NoReturn:
        if call_site(depth).stores_item:
            self._refuse(
                "in-place write into a constant NumPy array",
                "the array would have to hold numbers; write into a .copy() made in the function, "
                "or build the result with np.stack, np.concatenate or np.where",
            )
        name, remedy = asker(depth)
        if name and f"{name}()" != what:
            what = f"{name}: {what}"
        if not remedy and self.value.type.dtype.kind in "biu":
            remedy = (
                "to index a constant array by it, pass the array as an argument; "
                "np.where(mask, a, b) chooses by a traced mask"
            )
        elif not remedy:
            remedy = "leave the value as it is; np.stack([a, b]) makes an array of traced values"
        self._refuse(what, f"the numbers are not known while the function is lowered; {remedy}")

    @entry
    def __round__(self, ndigits: int | None = None) -> Any:
        if self.value.type.shape:
            self._refuse("round() of an array", "use np.round(x, decimals)")
        if self.value.type.dtype.kind in "bc":
            raise DTypeError(f"round() of {self.value.type.dtype}, which Python refuses too")
        if ndigits is None:
            self._refuse("round(), which gives a Python int,", "use np.round(x) or np.rint(x)")
        return as_weak(np.round(self, ndigits), self)

    def __reduce_ex__(self, protocol: Any) -> NoReturn:
        self._no_number("pickling")

    def __repr__(self) -> str:
        return _placed(self, "") or f"<traced {self.value!r}>"

    def __format__(self, spec: str) -> str:
        return _placed(self, spec) or repr(self)


FORMATTED: ContextVar[list[Any] | None] = ContextVar("irgrad_formatted", default=None)
"""The traced values in a text that is made when the program runs."""


def _placed(x: Any, spec: str) -> str:
    """What stands for a value in such a text; nothing elsewhere."""
    values = FORMATTED.get()
    if values is None:
        return ""
    values.append(x)
    return f"\x1a{len(values) - 1}{':' if spec else ''}{spec}\x1a"
