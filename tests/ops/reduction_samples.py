"""Samples of reductions; the running ones are in `scan_samples`."""

from __future__ import annotations

import numpy as np

from tests.ops.samples import C128, F32, I32, U8, draw, sampled

WHOLE = np.array([[3, -1, 4], [1, -5, 9]])
TRUTHS = np.array([[True, False, True], [True, True, True]])
ALL_AXES = ((), (0,), (1,), (0, 1))
CUBE = draw((2, 3, 2))

for x in (draw((2, 3)), draw((2, 3), F32), draw((2, 3), C128), WHOLE, WHOLE.astype(U8), TRUTHS):
    for axes in ALL_AXES:
        sampled("sum", x, axes=axes)
        sampled("prod", x, axes=axes)
        if x.dtype.kind != "c":
            sampled("max", x, axes=axes)
            sampled("min", x, axes=axes)
for name in ("sum", "prod", "max", "min"):
    sampled(name, draw(()), axes=())
    sampled(name, draw((4, 0)), axes=(0,))
    sampled(name, draw((1, 3)), axes=(0,))
    for axes in ((0, 2), (1,), (0, 1, 2)):
        sampled(name, CUBE, axes=axes)
for name in ("sum", "prod"):
    sampled(name, draw((0, 3)), axes=(0,))
    sampled(name, draw((0,)), axes=(0,))

# Zeros among the factors: none, one or several in a product.
sampled("prod", np.array([[0.0, 2.0, 3.0], [0.0, 0.0, 3.0], [0.0, 0.0, 0.0]]), axes=(1,))
sampled("prod", np.array([[0.0, 2.0], [0.0, 0.0]]), axes=(0, 1))
sampled("prod", np.array([1.5, 0.0, -2.0, 0.5, 0.0]), axes=(0,))
sampled("prod", draw((3, 4), C128, 0, 1), axes=(0,))

NOT_NUMBERS = np.array([[1.0, np.nan, 3.0], [np.inf, -np.inf, 0.0], [2.0, 2.0, 1.0]])
for name in ("max", "min"):
    for axes in ((0,), (1,), (0, 1)):
        sampled(name, NOT_NUMBERS, wrt=(), axes=axes)

for name in ("argmax", "argmin"):
    for x in (CUBE, CUBE.astype(F32), WHOLE, WHOLE.astype(I32), TRUTHS, NOT_NUMBERS, NOT_NUMBERS.T):
        for axis in (0, 1):
            sampled(name, x, axis=axis)
    sampled(name, draw((2, 0)), axis=0)
    sampled(name, np.array([2.0, 2.0, 1.0, 1.0]), axis=0)

for name in ("any", "all"):
    for x in (TRUTHS, ~TRUTHS, np.zeros((2, 3), bool)):
        for axes in ALL_AXES:
            sampled(name, x, axes=axes)
    sampled(name, np.zeros((0, 2), bool), axes=(0,))
    sampled(name, np.array(True), axes=())

for dtype in (np.float64, F32):
    sampled("root", draw((2, 3), dtype, 0.2, 3.0))
sampled("root", np.array([0.0, np.inf, np.nan]), wrt=())
