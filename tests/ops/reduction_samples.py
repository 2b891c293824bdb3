"""Samples of reductions and running reductions."""

from __future__ import annotations

import numpy as np

from tests.ops.samples import C128, F32, draw, sampled

for x in (draw((2, 3)), draw((2, 3), F32), draw((2, 3), C128), np.arange(6).reshape(2, 3)):
    for axes in ((), (0,), (1,), (0, 1)):
        sampled("sum", x, axes=axes)
sampled("sum", draw((0, 3)), axes=(0,))
sampled("sum", draw(()), axes=())
