"""Hypergeometric functions, complete elliptic integrals, and further functions of one variable.

Derivatives raise each parameter by one, so each function stays in its family to every order.
Formulas: NIST Digital Library of Mathematical Functions (dlmf.nist.gov), the section in
brackets."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from scipy import special

from irgrad.ops.elementwise import elementwise
from irgrad.ops.special import TWO_OVER_SQRT_PI, missing
from irgrad.ops.trigonometric import DEGREE

# Hypergeometric functions in their argument [13.3, 15.5, 16.3]
elementwise(
    "hyp0f1",
    special.hyp0f1,
    missing("hyp0f1", "v"),
    lambda v, z, y: special.hyp0f1(v + 1, z) / v,
)
elementwise(
    "hyp1f1",
    special.hyp1f1,
    missing("hyp1f1", "a"),
    missing("hyp1f1", "b"),
    lambda a, b, z, y: a / b * special.hyp1f1(a + 1, b + 1, z),
)
elementwise(
    "hyp2f1",
    special.hyp2f1,
    missing("hyp2f1", "a"),
    missing("hyp2f1", "b"),
    missing("hyp2f1", "c"),
    lambda a, b, c, z, y: a * b / c * special.hyp2f1(a + 1, b + 1, c + 1, z),
)


def _gauss(a: float, b: float, c: float, z: Any) -> Any:
    """2F1(a, b; c; z) in the dtype of z."""
    return special.hyp2f1(*map(z.dtype.type, (a, b, c)), z)


# Complete elliptic integrals of the parameter m [19.5]: pi/2 2F1(+-1/2, 1/2; 1; m)
elementwise("ellipk", special.ellipk, lambda m, y: math.pi / 8 * _gauss(1.5, 1.5, 2, m))
elementwise("ellipe", special.ellipe, lambda m, y: -math.pi / 8 * _gauss(0.5, 1.5, 2, m))


def _spence_slope(x: Any, y: Any) -> Any:
    """log x / (1 - x), near 1 by the series -sum (1 - x)^k / (k + 1)."""
    rest = 1 - x
    near = np.abs(rest) < 0.05
    small, far = np.where(near, rest, 0), np.where(near, 0.5, x)
    series = 0.0
    for k in range(13, -1, -1):
        series = series * small + 1 / (k + 1)
    return np.where(near, -series, np.log(far) / (1 - far))


# The dilogarithm [25.12], error functions [7.2], omega [4.13], and scaled Bessel functions [10.29]
elementwise("spence", special.spence, _spence_slope)
elementwise("erfi", special.erfi, lambda x, y: TWO_OVER_SQRT_PI * np.exp(x * x))
elementwise("wrightomega", special.wrightomega, lambda x, y: y / (1 + y))
elementwise("k0e", special.k0e, lambda x, y: y - special.k1e(x))
elementwise("k1e", special.k1e, lambda x, y: y - special.k0e(x) - y / x)

# Angles in degrees
elementwise("sindg", special.sindg, lambda x, y: DEGREE * special.cosdg(x))
elementwise("cosdg", special.cosdg, lambda x, y: -DEGREE * special.sindg(x))
elementwise("tandg", special.tandg, lambda x, y: DEGREE * (1 + y * y))
elementwise("cotdg", special.cotdg, lambda x, y: -DEGREE * (1 + y * y))

elementwise("gammasgn", special.gammasgn, None)
