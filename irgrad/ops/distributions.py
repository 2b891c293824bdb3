"""Functions of probability and statistics: quantile functions, robust losses, power transforms.

The derivative of a quantile function is the reciprocal of the density there. Formulas: NIST Digital
Library of Mathematical Functions (dlmf.nist.gov), the section in brackets."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from scipy import special

from irgrad.ops.elementwise import elementwise
from irgrad.ops.special import SQRT_TWO_PI, exprel_slope, hazard, missing


def _beta_density(a: Any, b: Any, x: Any) -> Any:
    """x^(a-1) (1 - x)^(b-1) / B(a, b) [8.17]."""
    log = special.xlogy(a - 1, x) + special.xlog1py(b - 1, -x) - special.betaln(a, b)
    return np.exp(log)


def _gamma_density(a: Any, x: Any) -> Any:
    """x^(a-1) e^-x / Gamma(a) [8.2]."""
    return np.exp(special.xlogy(a - 1, x) - x - special.gammaln(a))


def _student_density(v: Any, t: Any) -> Any:
    """(1 + t^2/v)^(-(v+1)/2) / (sqrt(v) B(v/2, 1/2))."""
    log = -special.betaln(0.5 * v, v.dtype.type(0.5)) - 0.5 * (v + 1) * np.log1p(t * t / v)
    return np.exp(log) / np.sqrt(v)


# Incomplete beta and gamma functions, and their inverses
elementwise(
    "betaincc",
    special.betaincc,
    missing("betaincc", "a"),
    missing("betaincc", "b"),
    lambda a, b, x, y: -_beta_density(a, b, x),
)
elementwise(
    "betaincinv",
    special.betaincinv,
    missing("betaincinv", "a"),
    missing("betaincinv", "b"),
    lambda a, b, y, x: 1 / _beta_density(a, b, x),
)
elementwise(
    "gammaincinv",
    special.gammaincinv,
    missing("gammaincinv", "a"),
    lambda a, y, x: 1 / _gamma_density(a, x),
)
elementwise(
    "gammainccinv",
    special.gammainccinv,
    missing("gammainccinv", "a"),
    lambda a, y, x: -1 / _gamma_density(a, x),
)
elementwise("stdtr", special.stdtr, missing("stdtr", "df"), lambda v, t, y: _student_density(v, t))
elementwise(
    "stdtrit", special.stdtrit, missing("stdtrit", "df"), lambda v, p, t: 1 / _student_density(v, t)
)
elementwise("ndtri_exp", special.ndtri_exp, lambda y, x: 1 / hazard(x, y))
elementwise(
    "owens_t",
    special.owens_t,
    lambda h, a, y: -np.exp(-0.5 * h * h) * special.erf(math.sqrt(0.5) * a * h) / (2 * SQRT_TWO_PI),
    lambda h, a, y: np.exp(-0.5 * h * h * (1 + a * a)) / (2 * math.pi * (1 + a * a)),
)

# Numbers of choices, by the gamma function [1.2, 5.2]
elementwise(
    "binom",
    special.binom,
    lambda n, k, y: y * (special.psi(n + 1) - special.psi(n - k + 1)),
    lambda n, k, y: y * (special.psi(n - k + 1) - special.psi(k + 1)),
)
elementwise(
    "poch",
    special.poch,
    lambda z, m, y: y * (special.psi(z + m) - special.psi(z)),
    lambda z, m, y: y * special.psi(z + m),
)


def _root(delta: Any, r: Any) -> Any:
    return np.sqrt(1 + np.square(r / delta))


# Losses between squares and absolute values (Huber 1964; Charbonnier et al. 1994)
elementwise(
    "huber",
    special.huber,
    lambda delta, r, y: np.maximum(np.abs(r) - delta, 0),
    lambda delta, r, y: np.maximum(np.minimum(r, delta), -delta),
)
elementwise(
    "pseudo_huber",
    special.pseudo_huber,
    lambda delta, r, y: 2 * y / delta - r * r / (delta * _root(delta, r)),
    lambda delta, r, y: r / _root(delta, r),
)


def _by_power(x: Any, p: Any) -> Any:
    """d/dp (x^p - 1) / p, where (x^p - 1) / p = log x exprel(p log x)."""
    log = np.log(x)
    return log * log * exprel_slope(p * log, None)


# Power transforms (Box, Cox 1964): (x^p - 1) / p and log x for p = 0
elementwise("boxcox", special.boxcox, lambda x, p, y: x ** (p - 1), lambda x, p, y: _by_power(x, p))
elementwise(
    "boxcox1p",
    special.boxcox1p,
    lambda x, p, y: (1 + x) ** (p - 1),
    lambda x, p, y: _by_power(1 + x, p),
)
elementwise(
    "inv_boxcox",
    special.inv_boxcox,
    lambda y, p, x: x ** (1 - p),
    lambda y, p, x: -_by_power(x, p) * x ** (1 - p),
)
elementwise(
    "inv_boxcox1p",
    special.inv_boxcox1p,
    lambda y, p, x: (1 + x) ** (1 - p),
    lambda y, p, x: -_by_power(1 + x, p) * (1 + x) ** (1 - p),
)
elementwise(
    "powm1",
    special.powm1,
    lambda x, p, y: p * x ** np.where(p == 0, 0, p - 1),
    lambda x, p, y: (1 + y) * np.log(np.where(x == 0, 1, x)),
)
