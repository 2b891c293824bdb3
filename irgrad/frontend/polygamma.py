"""The polygamma functions of a fixed order, which SciPy has for plain arrays only."""

from __future__ import annotations

import math
from typing import Any

from scipy import special

from irgrad.errors import ArgumentError


def polygamma(order: Any, x: Any) -> Any:
    """The derivative of digamma of this order: (-1)^(n+1) n! zeta(n + 1, x) (DLMF 5.15.1).

    The order is a Python integer, and part of the program.

    >>> round(float(polygamma(1, 1.0)), 6)
    1.644934
    """
    if not isinstance(order, (int, float)) or order < 0 or order != int(order):
        raise ArgumentError(f"polygamma: the order must be 0, 1, 2, ..., got {order!r}")
    n = int(order)
    if n == 0:
        return special.psi(x)
    return -((-1.0) ** n) * math.factorial(n) * special.zeta(n + 1.0, x)
