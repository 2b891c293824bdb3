"""Reductions: sum, mean, ..."""

from __future__ import annotations

from typing import Any

import numpy as np

from irgrad.frontend.tracer import implements, method
from irgrad.ir.types import keep_axes, normalize_axes
from irgrad.ops.base import bind
from irgrad.ops.reduction import Sum
from irgrad.ops.shape import reshape


@method("sum")
@implements(np.sum)
def sum_(
    x: Any, axis: Any = None, dtype: Any = None, out: None = None, keepdims: bool = False
) -> Any:
    """`np.sum`."""
    axes = normalize_axes(axis, x.ndim)
    total = bind(Sum(axes), x)
    return reshape(total, keep_axes(x.shape, axes)) if keepdims else total
