"""Conversions to numbers, and the functions of Python on numbers, of traced values."""

from __future__ import annotations

import builtins
import functools
from typing import Any

import numpy as np

from irgrad.errors import DTypeError
from irgrad.frontend.bounded import Bounded
from irgrad.frontend.capture.constructors import array
from irgrad.frontend.capture.doors import at_home, door
from irgrad.frontend.capture.handles import is_supported
from irgrad.frontend.capture.maybe import is_open, length
from irgrad.frontend.known import known
from irgrad.frontend.lost import refuse_lost
from irgrad.frontend.masked import Selection
from irgrad.frontend.promote import any_traced, innermost, lift
from irgrad.frontend.sharing import copied
from irgrad.frontend.tracer import Tracer
from irgrad.ir.builder import Traced
from irgrad.ops.cast import astype
from irgrad.ops.linear import reshape


def scalar_type(kind: Any) -> Any:
    """`np.float64(x)` and kin."""

    def make(*args: Any, **kwargs: Any) -> Any:
        if len(args) != 1 or not isinstance(args[0], Traced) or not is_supported(kind):
            return kind(*args, **kwargs)
        return array(args[0], kind)

    return make


def _number(kind: Any, dtype: Any) -> None:
    convert = at_home(weak_number, kind.__name__)

    @door(kind)
    def make(*args: Any, **kwargs: Any) -> Any:
        x = args[0] if len(args) == 1 else None
        if not isinstance(x, Traced) or x.value.type.size != 1 or known(x) is not None:
            return kind(*args, **kwargs)
        return convert(x, dtype)


def weak_number(x: Any, dtype: Any) -> Any:
    """An array of one element as a Python number."""
    if x.dtype.kind == "c" and np.dtype(dtype).kind != "c":
        raise DTypeError("a complex number is not real", hint="x.real takes its real part")
    number = copied(astype(reshape(x, ()), np.dtype(dtype)))
    number.weak = True
    return number


for _kind, _dtype in ((float, np.float64), (int, np.int64)):
    _number(_kind, _dtype)


@door(complex)
def complex_(*args: Any, **kwargs: Any) -> Any:
    """`complex(x)` and `complex(x, y)`."""
    parts = [x for x in args if isinstance(x, Traced)]
    if kwargs or not parts or any(x.value.type.size != 1 for x in parts) or len(args) > 2:
        return complex(*args, **kwargs)
    if all(known(x) is not None for x in parts):
        return complex(*args)
    return at_home(_weak_complex, "complex")(*args)


def _weak_complex(real: Any, imag: Any = None) -> Any:
    if imag is None:
        return weak_number(real, np.complex128)
    here = innermost((real, imag))
    real, imag = (reshape(lift(here, x, np.dtype(np.complex128)), ()) for x in (real, imag))
    number = copied(real + imag * 1j)
    number.weak = True
    return number


@door(builtins.isinstance)
def is_instance(value: Any, kinds: Any) -> bool:
    """Traced arrays are arrays where user code asks."""
    if isinstance(value, (Bounded, Selection)):
        listed = kinds if isinstance(kinds, tuple) else (kinds,)
        return np.ndarray in listed or isinstance(value, kinds)
    if isinstance(value, Tracer):
        listed = kinds if isinstance(kinds, tuple) else (kinds,)
        if value.ndim:
            return np.ndarray in listed or isinstance(value, kinds)
        wanted = type(value.dtype.type(0).item())
        return any(
            kind in (np.ndarray, np.generic, wanted, value.dtype.type) for kind in listed
        ) or isinstance(value, kinds)
    return isinstance(value, kinds)


@door(builtins.len)
def len_(items: Any) -> Any:
    """`len`, a traced integer where the extent is one, but not of a list that is lost."""
    if is_open(items):
        return length(items)
    refuse_lost(items)
    if isinstance(items, (Bounded, Selection)):
        return items.shape[0]
    return len(items)


def _truth(function: Any, combine: Any) -> None:
    @door(function)
    def over(items: Any) -> Any:
        if isinstance(items, Traced):
            return combine.reduce(items)
        listed = list(items)
        if not any_traced(listed) or all(known(x) is not None for x in listed):
            return function(listed)
        return functools.reduce(combine, listed)


_truth(builtins.any, np.logical_or)
_truth(builtins.all, np.logical_and)
