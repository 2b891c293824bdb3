"""Samples of running reductions and recurrences."""

from __future__ import annotations

import numpy as np

from tests.ops.samples import C128, F32, U8, draw, sampled

WHOLE = np.array([[3, -1, 4, 1], [1, -5, 9, 2]])
LINES = (draw((3, 4)), draw((3, 4), F32), draw((3, 4), C128), draw((2, 3, 2)), draw((5,)))
SMALL = (draw((0, 2)), draw((1, 2)), draw((2, 0)))

for reverse in (False, True):
    for name in ("cumsum", "cumprod"):
        for x in (*LINES, *SMALL, WHOLE, WHOLE.astype(U8), WHOLE > 2):
            for axis in range(min(x.ndim, 2)):
                sampled(name, x, axis=axis, reverse=reverse)
    sampled("cumprod", np.array([1.5, 0.0, -2.0, 0.5, 0.0, 3.0]), axis=0, reverse=reverse)
    sampled("cumprod", np.array([[0.0, 2.0], [0.0, 0.0]]), axis=1, reverse=reverse)
    for x in (*LINES, *SMALL):
        for axis in range(min(x.ndim, 2)):
            factors = draw(x.shape, x.dtype, -1.5, 1.5, seed=1)
            sampled("recurrence", factors, x, axis=axis, reverse=reverse)
    sampled("recurrence", WHOLE, WHOLE[::-1].copy(), axis=1, reverse=reverse)
    unused = np.array([2.0, 0.5, np.inf] if reverse else [np.inf, 0.5, 2.0])
    sampled("recurrence", unused, draw((3,)), wrt=(1,), axis=0, reverse=reverse)

for name in ("cummax", "cummin"):
    for x in (draw((3, 4)), draw((3, 4), F32), draw((2, 3, 2)), draw((9,)), *SMALL, WHOLE):
        for axis in range(min(x.ndim, 2)):
            sampled(name, x, axis=axis)
    sampled(name, np.array([1.0, 1.0, np.nan, 3.0, np.nan]), wrt=(), axis=0)
    sampled(name, WHOLE > 2, axis=1)
