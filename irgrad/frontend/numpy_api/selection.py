"""Choosing and making: where, zeros_like and kin."""

from __future__ import annotations

from typing import Any

import numpy as np

from irgrad.errors import UnsupportedError
from irgrad.frontend.promote import innermost, lift, lift_together
from irgrad.frontend.tracer import implements
from irgrad.ir.types import BOOL
from irgrad.ops.select import where


@implements(np.where)
def where_(condition: Any, x: Any = None, y: Any = None) -> Any:
    """`np.where` with three arguments."""
    if x is None or y is None:
        raise UnsupportedError("np.where with one argument: the number of results is not known",
                               hint="use np.where(condition, a, b)")  # fmt: skip
    builder = innermost((condition, x, y))
    condition = lift(builder, condition, BOOL)
    both = (x, y) if any(isinstance(v, type(condition)) for v in (x, y)) else (x, lift(builder, y))
    return where(condition, *lift_together(*both))
