"""Special functions, through SciPy's ufuncs. Formulas: NIST Digital Library of Mathematical
Functions (dlmf.nist.gov), the section in brackets.
"""

from __future__ import annotations

import math
from typing import Any, NoReturn

import numpy as np
from scipy import special

from irgrad.errors import UnsupportedError
from irgrad.ops.arithmetic import CBRT
from irgrad.ops.elementwise import UFUNCS, Partial, elementwise

TWO_OVER_SQRT_PI = 2 / math.sqrt(math.pi)
SQRT_TWO_PI = math.sqrt(2 * math.pi)


def missing(function: str, parameter: str) -> Partial:
    """A partial derivative that has no closed form."""

    def refuse(*operands: Any) -> NoReturn:
        raise UnsupportedError(
            f"{function} has no derivative with respect to its parameter {parameter}",
            hint="pass it as a plain number, or through irgrad.stop_gradient",
        )

    return refuse


def _trigamma(x: Any, y: Any) -> Any:
    if x.dtype.kind == "c":
        raise UnsupportedError(
            "psi of complex numbers has no derivative here: SciPy has no trigamma",
            hint="give it a rule with irgrad.custom_jvp",
        )
    return special.zeta(2.0, x)


def hazard(x: Any, y: Any) -> Any:
    """phi(x) / Phi(x) with y = log Phi(x): through erfcx below 0, where exp(-x^2/2 - y) cancels."""
    if x.dtype.kind == "c":
        return np.exp(-0.5 * x * x - y) / SQRT_TWO_PI
    below, above, level = np.where(x < 0, x, 0), np.where(x < 0, 0, x), np.where(x < 0, 0, y)
    low = math.sqrt(2 / math.pi) / special.erfcx(-math.sqrt(0.5) * below)
    return np.where(x < 0, low, np.exp(-0.5 * above * above - level) / SQRT_TWO_PI)


def _ratio(x: Any, y: Any) -> Any:
    """x / y with 0 / 0 = 0."""
    return x / np.where(np.logical_and(x == 0, y == 0), 1, y)


# The logistic function and the normal distribution
elementwise("expit", special.expit, lambda x, y: y * (1 - y))
elementwise("logit", special.logit, lambda x, y: 1 / (x * (1 - x)))
elementwise("log_expit", special.log_expit, lambda x, y: special.expit(-x))
elementwise("ndtr", special.ndtr, lambda x, y: np.exp(-0.5 * x * x) / SQRT_TWO_PI)
elementwise("ndtri", special.ndtri, lambda p, x: np.exp(0.5 * x * x) * SQRT_TWO_PI)
elementwise("log_ndtr", special.log_ndtr, hazard)

# Error functions [7.2, 7.10]
elementwise("erf", special.erf, lambda x, y: TWO_OVER_SQRT_PI * np.exp(-x * x))
elementwise("erfc", special.erfc, lambda x, y: -TWO_OVER_SQRT_PI * np.exp(-x * x))
elementwise("erfcx", special.erfcx, lambda x, y: 2 * x * y - TWO_OVER_SQRT_PI)
elementwise("erfinv", special.erfinv, lambda x, y: np.exp(y * y) / TWO_OVER_SQRT_PI)
elementwise("erfcinv", special.erfcinv, lambda x, y: -np.exp(y * y) / TWO_OVER_SQRT_PI)
elementwise("dawsn", special.dawsn, lambda x, y: 1 - 2 * x * y)

# Gamma and beta functions [5.2, 5.12, 5.15, 8.8, 25.11]
elementwise("gamma", special.gamma, lambda x, y: y * special.psi(x))
elementwise("gammaln", special.gammaln, lambda x, y: special.psi(x))
elementwise("loggamma", special.loggamma, lambda x, y: special.psi(x))
elementwise("rgamma", special.rgamma, lambda x, y: -y * special.psi(x))
elementwise("psi", special.psi, _trigamma)
elementwise(
    "zeta",
    special.zeta if isinstance(special.zeta, np.ufunc) else special._ufuncs._zeta,
    missing("zeta", "s"),
    lambda s, q, y: -s * special.zeta(s + 1, q),
)
elementwise(
    "beta",
    special.beta,
    lambda a, b, y: y * (special.psi(a) - special.psi(a + b)),
    lambda a, b, y: y * (special.psi(b) - special.psi(a + b)),
)
elementwise(
    "betaln",
    special.betaln,
    lambda a, b, y: special.psi(a) - special.psi(a + b),
    lambda a, b, y: special.psi(b) - special.psi(a + b),
)
elementwise(
    "gammainc",
    special.gammainc,
    missing("gammainc", "a"),
    lambda a, x, y: np.exp(special.xlogy(a - 1, x) - x - special.gammaln(a)),
)
elementwise(
    "gammaincc",
    special.gammaincc,
    missing("gammaincc", "a"),
    lambda a, x, y: -np.exp(special.xlogy(a - 1, x) - x - special.gammaln(a)),
)
elementwise(
    "betainc",
    special.betainc,
    missing("betainc", "a"),
    missing("betainc", "b"),
    lambda a, b, x, y: np.exp(
        special.xlogy(a - 1, x) + special.xlog1py(b - 1, -x) - special.betaln(a, b)
    ),
)

# Entropies: x log y and kin, with 0 log 0 = 0
elementwise(
    "xlogy",
    special.xlogy,
    lambda x, y, z: np.log(y),
    lambda x, y, z: _ratio(x, y),
)
elementwise(
    "xlog1py",
    special.xlog1py,
    lambda x, y, z: np.log1p(y),
    lambda x, y, z: _ratio(x, 1 + y),
)
elementwise("entr", special.entr, lambda x, y: -np.log(x) - 1)
elementwise(
    "rel_entr",
    special.rel_entr,
    lambda x, y, z: np.log(x) - np.log(y) + 1,
    lambda x, y, z: -_ratio(x, y),
)
elementwise(
    "kl_div",
    special.kl_div,
    lambda x, y, z: np.log(x) - np.log(y),
    lambda x, y, z: 1 - _ratio(x, y),
)

# Bessel functions [10.6, 10.29]
elementwise("j0", special.j0, lambda x, y: -special.j1(x))
elementwise("j1", special.j1, lambda x, y: 0.5 * (special.j0(x) - special.jv(2.0, x)))
elementwise("y0", special.y0, lambda x, y: -special.y1(x))
elementwise("y1", special.y1, lambda x, y: 0.5 * (special.y0(x) - special.yv(2.0, x)))
elementwise("i0", special.i0, lambda x, y: special.i1(x))
elementwise("i1", special.i1, lambda x, y: 0.5 * (special.i0(x) + special.iv(2.0, x)))
elementwise("i0e", special.i0e, lambda x, y: special.i1e(x) - np.sign(x) * y)
elementwise(
    "i1e",
    special.i1e,
    lambda x, y: 0.5 * (special.i0e(x) + special.ive(2.0, x)) - np.sign(x) * y,
)
elementwise("k0", special.k0, lambda x, y: -special.k1(x))
elementwise("k1", special.k1, lambda x, y: -0.5 * (special.k0(x) + special.kv(2.0, x)))
elementwise(
    "jv",
    special.jv,
    missing("jv", "v"),
    lambda v, x, y: 0.5 * (special.jv(v - 1, x) - special.jv(v + 1, x)),
)
elementwise(
    "yv",
    special.yv,
    missing("yv", "v"),
    lambda v, x, y: 0.5 * (special.yv(v - 1, x) - special.yv(v + 1, x)),
)
elementwise(
    "iv",
    special.iv,
    missing("iv", "v"),
    lambda v, x, y: 0.5 * (special.iv(v - 1, x) + special.iv(v + 1, x)),
)
elementwise(
    "ive",
    special.ive,
    missing("ive", "v"),
    lambda v, x, y: 0.5 * (special.ive(v - 1, x) + special.ive(v + 1, x)) - np.sign(x) * y,
)
elementwise(
    "kv",
    special.kv,
    missing("kv", "v"),
    lambda v, x, y: -0.5 * (special.kv(v - 1, x) + special.kv(v + 1, x)),
)


def exprel_slope(x: Any, y: Any) -> Any:
    """(e^x (1 - 1/x) + 1/x) / x, near 0 by the series sum (k + 1) x^k / (k + 2)!."""
    near = np.abs(x) < 0.5
    small, large = np.where(near, x, 0), np.where(near, 1, x)
    series = 0.0
    for k in range(15, -1, -1):
        series = series * small + (k + 1) / math.factorial(k + 2)
    return np.where(near, series, (np.exp(large) * (1 - 1 / large) + 1 / large) / large)


# Exponentials: (e^x - 1) / x, cos x - 1, and integrals [6.2]
elementwise("exprel", special.exprel, exprel_slope)
elementwise("expi", special.expi, lambda x, y: np.exp(x) / x)
elementwise("exp1", special.exp1, lambda x, y: -np.exp(-x) / x)
elementwise("cosm1", special.cosm1, lambda x, y: -np.sin(x))

UFUNCS[special.cbrt] = CBRT
