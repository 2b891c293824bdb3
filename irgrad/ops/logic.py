"""Comparisons, logic, bits and rounding: flat, by class."""

from __future__ import annotations

import numpy as np

from irgrad.ops.elementwise import elementwise

for _ufunc in (
    np.equal, np.not_equal, np.less, np.less_equal, np.greater, np.greater_equal,
    np.logical_and, np.logical_or, np.logical_xor, np.logical_not,
    np.bitwise_and, np.bitwise_or, np.bitwise_xor, np.invert, np.left_shift, np.right_shift,
    np.isnan, np.isinf, np.isfinite, np.signbit,
    np.floor, np.ceil, np.trunc, np.rint, np.bitwise_count,
):  # fmt: skip
    elementwise(_ufunc.__name__, _ufunc, *(None,) * _ufunc.nin)
