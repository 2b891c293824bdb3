"""The numbers of `coefficients` are those that `minimax` computes."""

from __future__ import annotations

import mpmath
import pytest
from irgrad_numba.vector_math import coefficients, minimax


@pytest.mark.parametrize("name", minimax.CONSTANTS)
def test_constants(name: str) -> None:
    number, count = minimax.CONSTANTS[name]
    with mpmath.workdps(50):
        for element in minimax.PRECISION:
            expected = tuple(minimax.parts(number(), element, count))
            assert getattr(coefficients, name)[element] == expected


@pytest.mark.parametrize("name", minimax.FITS)
def test_polynomials(name: str) -> None:
    """The shortest of each, and how far it is from the function."""
    fit = minimax.FITS[name]
    element, degree = min(fit.degree.items(), key=lambda item: item[1])
    with mpmath.workdps(50):
        exact, error = minimax.polynomial(fit, degree)
        table = tuple(minimax.rounded(c, element) for c in exact)
    assert getattr(coefficients, name)[element] == table
    assert error < (4e-3 if name == "CBRT" else 2.0**-23)


def test_digits_of_two_over_pi() -> None:
    words = coefficients.TWO_OVER_PI_DIGITS
    number = sum(word << (64 * k) for k, word in enumerate(words))
    with mpmath.workprec(1500):
        assert number == int(mpmath.floor(mpmath.ldexp(2 / mpmath.pi, minimax.DIGITS - 64)))
