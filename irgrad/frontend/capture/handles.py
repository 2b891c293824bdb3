"""Traced arrays that are made of numbers alone, and their numbers.

An array that user code makes while it is traced is a handle, so that traced values can be assigned
to it. As long as none was, its numbers are known: it can be a size, an index or a condition."""

from __future__ import annotations

from typing import Any

import numpy as np

from irgrad.errors import IrgradError
from irgrad.frontend.sharing import copied
from irgrad.ir.builder import CURRENT, Builder
from irgrad.ir.types import ArrayType, check_dtype
from irgrad.ops.linear import BroadcastTo

SMALL = 16
"""Arrays of no more elements are constants in the graph, larger ones captured inputs."""


def builder() -> Builder:
    """The builder of the function that is being traced."""
    found = CURRENT.get()
    assert found is not None
    return found


def is_supported(dtype: Any) -> bool:
    """Whether traced arrays can have a dtype."""
    try:
        check_dtype(np.dtype(dtype))
    except (IrgradError, TypeError):
        return False
    return True


def handle_on(array: Any) -> Any:
    """A handle on an array of numbers; the array itself where its dtype is none of irgrad's."""
    if not is_supported(array.dtype):
        return array
    here = builder()
    if array.size <= SMALL:
        return here.wrap(here, here.constant(array))
    value = here.lift(array)
    here.numbers[value] = array
    return here.wrap(here, value)


def repeated(value: Any, shape: tuple[int, ...]) -> Any:
    """A handle on an array with one NumPy scalar, or one traced scalar, in all places."""
    here = builder()
    given = value if hasattr(value, "builder") else here.wrap(here, here.constant(value))
    made = copied(given.builder.bind(BroadcastTo(shape), [given]) if shape else given)
    made.in_place = True
    return made


def blank(type: ArrayType, weak: bool) -> Any:
    """Zeros in the place of a variable that has no value yet."""
    zero = type.dtype.type(0)
    if weak or not type.shape:
        return zero.item() if weak else zero
    return repeated(np.asarray(zero), type.shape)
