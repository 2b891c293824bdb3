"""Exponentials and logarithms."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from scipy import special

from irgrad.ops.elementwise import UFUNCS, elementwise

LN2, LN10 = math.log(2), math.log(10)


def _share(x: Any, y: Any, scale: float = 1.0) -> Any:
    """e^x / (e^x + e^y), also where both are the same infinity."""
    alike = np.logical_and(x == y, np.isinf(x))
    return special.expit(scale * np.where(alike, 0, x - y))


EXP = elementwise("exp", np.exp, lambda x, y: y)
EXP2 = elementwise("exp2", np.exp2, lambda x, y: LN2 * y)
EXPM1 = elementwise("expm1", np.expm1, lambda x, y: y + 1)
EXP10 = elementwise("exp10", special.exp10, lambda x, y: LN10 * y)
LOG = elementwise("log", np.log, lambda x, y: 1 / x)
LOG2 = elementwise("log2", np.log2, lambda x, y: 1 / (LN2 * x))
LOG10 = elementwise("log10", np.log10, lambda x, y: 1 / (LN10 * x))
LOG1P = elementwise("log1p", np.log1p, lambda x, y: 1 / (1 + x))
LOGADDEXP = elementwise(
    "logaddexp", np.logaddexp, lambda x, y, z: _share(x, y), lambda x, y, z: _share(y, x)
)
LOGADDEXP2 = elementwise(
    "logaddexp2",
    np.logaddexp2,
    lambda x, y, z: _share(x, y, LN2),
    lambda x, y, z: _share(y, x, LN2),
)

for _name, _op in {"exp2": EXP2, "expm1": EXPM1, "log1p": LOG1P}.items():
    UFUNCS[getattr(special, _name)] = _op  # SciPy's ufuncs of the same meaning
