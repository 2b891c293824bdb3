"""Powers whose exponent is known: at most 2 units in the last place where they are products and
roots, too, and as NumPy's elsewhere."""

from __future__ import annotations

from typing import Any

import mpmath
import numpy as np
import pytest

import irgrad

HALVES = [1, -1, 3, -3, 5, -5, 8, -8, 9, -9, 12, -4, -6, 16, 17, -17, 18, 19]


@pytest.mark.parametrize("halves", HALVES)
@pytest.mark.parametrize("type", [np.float64, np.float32])
def test_powers(halves: int, type: Any) -> None:
    y = halves / 2
    rng = np.random.default_rng(halves + 20)
    reach = np.finfo(type).maxexp - 1
    x = np.concatenate(
        [
            2.0 ** rng.uniform(-reach, reach, 60),
            rng.uniform(0.2, 5.0, 120),
            -rng.uniform(0.2, 5, 20),
        ]
    ).astype(type)
    found = irgrad.compile(lambda x: np.power(x, y), "numba")(x)
    with np.errstate(all="ignore"):
        wanted = np.power(x, type(y))
    usual = np.isfinite(wanted) & (wanted != 0)
    np.testing.assert_array_equal(found[~usual], wanted[~usual])
    with mpmath.mp.workprec(200):
        for at, value, near in zip(x[usual], found[usual], wanted[usual], strict=True):
            exact = mpmath.mpf(float(abs(at))) ** mpmath.mpf(y)
            exact = -exact if at < 0 and y % 2 == 1 else exact
            assert abs(mpmath.mpf(float(value)) - exact) <= 2 * mpmath.mpf(
                float(np.spacing(abs(near)))
            )


@pytest.mark.parametrize("halves", HALVES)
def test_special_values(halves: int) -> None:
    x = np.array([0.0, -0.0, 1.0, -1.0, np.inf, -np.inf, np.nan, 5e-324, -5e-324, 1.7e308])
    with np.errstate(all="ignore"):
        wanted = np.power(x, np.full_like(x, halves / 2))  # of one number 0.5 NumPy makes a root
    found = irgrad.compile(lambda x: np.power(x, halves / 2), "numba")(x)
    np.testing.assert_allclose(found, wanted, rtol=4e-16)
    kept = ~np.isnan(wanted)
    np.testing.assert_array_equal(np.signbit(found[kept]), np.signbit(wanted[kept]))


def test_derivatives_of_powers() -> None:
    x, v = np.random.default_rng(0).uniform(0.5, 2.0, (2, 9))

    def total(x: Any) -> Any:
        return np.sum(x**-1.5 + x**2.5 * x**-3.0)

    for f in (irgrad.grad(total), lambda x: irgrad.hvp(total)(x, v), irgrad.jacfwd(total)):
        first, second = (irgrad.compile(f, backend)(x) for backend in ("numba", "numpy"))
        np.testing.assert_allclose(first, second, rtol=1e-14)
