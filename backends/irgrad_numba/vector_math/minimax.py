"""Where the numbers in `coefficients` come from: `python -m irgrad_numba.vector_math.minimax`
computes them with mpmath and writes that file.

Each polynomial is the best one in a weighted maximum norm, by the exchange algorithm of Remez
(Cheney, Introduction to Approximation Theory, 1966, chapter 3), rounded to the precision in which
it is used. The weight turns the polynomial's error into the relative error of the function that is
computed with it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import mpmath
from mpmath import mp, mpf

Function = Callable[[Any], Any]
PRECISION = {"f64": 53, "f32": 24}


class Fit(NamedTuple):
    """A polynomial near `function` between `low` and `high`, of a degree for each precision."""

    function: Function
    weight: Function
    low: str
    high: str
    degree: dict[str, int]


def _even(function: Function) -> Function:
    """As a function of z = x * x."""
    return lambda z: function(mpmath.sqrt(z))


DIGITS = 1408
"""Of 2 / pi."""
ERFCX_CENTRE = 3.5
"""Where the argument of that polynomial is 0."""


def _erf(x: Any) -> Any:
    return mpmath.erf(x) / x - 1


def _erfcx(u: Any) -> Any:
    """(1 + 2 x) e^(x^2) erfc x, by its asymptotic series where x is large."""
    if 1 - u < 1e-40:
        return 2 / mpmath.sqrt(mp.pi)
    x = ERFCX_CENTRE * (1 + u) / (1 - u)
    if x < 1e4:
        return (1 + 2 * x) * mpmath.exp(x * x) * mpmath.erfc(x)
    total = term = mpf(1)
    for k in range(1, 8):
        term *= -(2 * k - 1) / (2 * x * x)
        total += term
    return (2 + 1 / x) * total / mpmath.sqrt(mp.pi)


FITS: dict[str, Fit] = {
    # sinh r = r + r z p(z) and cosh r = 1 + z p(z), z = r^2
    "SINH": Fit(
        _even(lambda r: (mpmath.sinh(r) / r - 1) / r**2), lambda z: z, "1e-30", "0.1202",
        {"f64": 4, "f32": 1},
    ),
    "COSH": Fit(
        _even(lambda r: (mpmath.cosh(r) - 1) / r**2), lambda z: z, "1e-30", "0.1202",
        {"f64": 4, "f32": 2},
    ),
    # log((1 + s) / (1 - s)) = 2 s + s z p(z), z = s^2
    "LOG": Fit(
        _even(lambda s: (2 * mpmath.atanh(s) / s - 2) / s**2), lambda z: z, "1e-30", "0.02945",
        {"f64": 6, "f32": 2},
    ),
    # atanh s = s + s z (1 / 3 + z p(z))
    "ATANH": Fit(
        _even(lambda s: (mpmath.atanh(s) / s - 1 - s**2 / 3) / s**4), lambda z: z**2,
        "1e-20", "0.02945", {"f64": 7},
    ),
    # sin r = r + r z p(z) and cos r = 1 - z / 2 + z^2 p(z), z = r^2
    "SIN": Fit(
        _even(lambda r: (mpmath.sin(r) / r - 1) / r**2), lambda z: z, "1e-30", "0.622",
        {"f64": 5, "f32": 2},
    ),
    "COS": Fit(
        _even(lambda r: (mpmath.cos(r) - 1 + r**2 / 2) / r**4), lambda z: z**2, "1e-20", "0.622",
        {"f64": 5, "f32": 2},
    ),
    # arctan t = t + t z p(z), arcsin t = t + t z p(z), z = t^2
    "ARCTAN": Fit(
        _even(lambda t: (mpmath.atan(t) / t - 1) / t**2), lambda z: z, "1e-30", "0.1716",
        {"f64": 10, "f32": 4},
    ),
    "ARCSIN": Fit(
        _even(lambda t: (mpmath.asin(t) / t - 1) / t**2), lambda z: z, "1e-30", "0.25",
        {"f64": 12, "f32": 4},
    ),
    # erf x = x + x p(z), z = x^2
    "ERF": Fit(
        _even(_erf), lambda z: 1 / (1 + _even(_erf)(z)), "1e-30", "0.4901", {"f64": 9, "f32": 5},
    ),
    # erfc x = e^(-x^2) p(u) / (1 + 2 x), u = (x - c) / (x + c), c = ERFCX_CENTRE
    "ERFCX": Fit(
        _erfcx, lambda u: 1 / _erfcx(u), "-0.6667", "1", {"f64": 22, "f32": 10},
    ),
    # m^(-1/3), to begin with
    "CBRT": Fit(
        lambda m: m ** mpf(-1 / mpf(3)), mpmath.cbrt, "0.7071", "1.4143", {"f64": 5, "f32": 2},
    ),
    # tanh x = x + x z p(z), z = x^2
    "TANH": Fit(
        _even(lambda x: (mpmath.tanh(x) / x - 1) / x**2),
        lambda z: z * mpmath.sqrt(z) / mpmath.tanh(mpmath.sqrt(z)), "1e-30", "0.3026",
        {"f64": 9, "f32": 4},
    ),
    # log2(1 + f) = f p(f) and 2^r = p(r): in double precision, for results in single precision
    "LOG2_SHORT": Fit(
        lambda f: mpmath.log1p(f) / (f * mp.ln2) if f else 1 / mp.ln2,
        lambda f: f * mp.ln2 / mpmath.log1p(f) if f else mp.ln2, "-0.2929", "0.41423", {"f64": 12},
    ),
    "EXP2_SHORT": Fit(
        lambda r: mpf(2) ** r, lambda r: mpf(2) ** -r, "-0.5001", "0.5001", {"f64": 6}
    ),
}  # fmt: skip


CONSTANTS: dict[str, tuple[Callable[[], Any], int]] = {
    "LN2": (lambda: mp.ln2, 2),
    "LN10": (lambda: mp.ln10, 2),
    "LOG10_2": (lambda: mp.log10(2), 2),
    "LOG2_10": (lambda: mp.log(10, 2), 1),
    "INVERSE_LN2": (lambda: 1 / mp.ln2, 2),
    "INVERSE_LN10": (lambda: 1 / mp.ln10, 2),
    "HALF_PI": (lambda: mp.pi / 2, 3),
    "TWO_OVER_PI": (lambda: 2 / mp.pi, 1),
    "QUARTER_PI": (lambda: mp.pi / 4, 2),
    "SQRT_HALF": (lambda: mpmath.sqrt(mpf(1) / 2), 2),
    "CBRT_2": (lambda: mpmath.cbrt(2), 1),
    "ERFCX_CENTRE": (lambda: mpf(ERFCX_CENTRE), 1),
    "THIRD": (lambda: 1 / mpf(3), 2),
}
"""Constants, and how many numbers of each precision add up to them."""


def _errors(fit: Fit, coefficients: list[Any], points: list[Any]) -> list[Any]:
    backwards = coefficients[::-1]
    return [fit.weight(x) * (mpmath.polyval(backwards, x) - fit.function(x)) for x in points]


def _exchanged(fit: Fit, low: Any, high: Any, references: list[Any]) -> tuple[list[Any], list[Any]]:
    """The polynomial whose error alternates on `references`, and the extrema of its error."""
    size = len(references)
    rows = mpmath.matrix(size, size)
    right = mpmath.matrix(size, 1)
    for i, x in enumerate(references):
        weight = fit.weight(x)
        for j in range(size - 1):
            rows[i, j] = weight * x**j
        rows[i, size - 1] = (-1) ** i
        right[i] = weight * fit.function(x)
    coefficients = list(mpmath.lu_solve(rows, right))[:-1]
    turns = 24 * size
    grid = [
        (low + high) / 2 - (high - low) / 2 * mpmath.cos(mp.pi * k / turns)
        for k in range(turns + 1)
    ]
    errors = _errors(fit, coefficients, grid)
    extrema: list[tuple[Any, Any]] = []
    for x, error in zip(grid, errors, strict=True):
        if extrema and (error > 0) == (extrema[-1][1] > 0):
            if abs(error) > abs(extrema[-1][1]):
                extrema[-1] = (x, error)
        else:
            extrema.append((x, error))
    while len(extrema) > size:
        extrema.pop(0 if abs(extrema[0][1]) < abs(extrema[-1][1]) else -1)
    return coefficients, [x for x, _ in extrema]


def polynomial(fit: Fit, degree: int) -> tuple[list[Any], Any]:
    """Coefficients from the lowest power, and the largest weighted error."""
    low, high = mpf(fit.low), mpf(fit.high)
    size = degree + 2
    references = [
        (low + high) / 2 - (high - low) / 2 * mpmath.cos(mp.pi * (2 * k + 1) / (2 * size))
        for k in range(size)
    ]
    coefficients: list[Any] = []
    for _ in range(8):
        coefficients, found = _exchanged(fit, low, high, references)
        references = found if len(found) == size else references
    return coefficients, max(map(abs, _errors(fit, coefficients, references)))


def rounded(number: Any, element: str) -> float:
    """The nearest number of that precision."""
    with mpmath.workprec(PRECISION[element]):
        return float(+number)


def parts(number: Any, element: str, count: int) -> list[float]:
    """A sum of numbers of that precision, the largest first."""
    found: list[float] = []
    for _ in range(count):
        found.append(rounded(number, element))
        number = number - found[-1]
    return found


def _table(name: str, rows: dict[str, list[float]]) -> str:
    lines = [f"{name}: Table = {{"]
    for element, numbers in rows.items():
        lines += [f'    "{element}": (', *(f"        {number!r}," for number in numbers), "    ),"]
    return "\n".join([*lines, "}"])


def text() -> str:
    """The module `coefficients`."""
    tables = [
        _table(name, {element: parts(number(), element, count) for element in PRECISION})
        for name, (number, count) in CONSTANTS.items()
    ]
    for name, fit in FITS.items():
        rows: dict[str, list[float]] = {}
        errors: list[str] = []
        for element, degree in fit.degree.items():
            exact, error = polynomial(fit, degree)
            rows[element] = [rounded(c, element) for c in exact]
            errors.append(f"{mpmath.nstr(error, 2)} ({element})")
        tables.append(_table(name, rows) + f'\n"""Largest error {", ".join(errors)}."""')
    tables.append(_digits())
    return HEAD + "\n\n".join(tables) + "\n"


def _digits() -> str:
    """2 / pi after 64 zeros, in words of 64 bits, the lowest first."""
    with mpmath.workprec(1500):
        number = int(mpmath.floor(mpmath.ldexp(2 / mp.pi, DIGITS - 64)))
    words = [f"    {number >> shift & (2**64 - 1):#018X}," for shift in range(0, DIGITS, 64)]
    return "\n".join(["TWO_OVER_PI_DIGITS = (", *words, ")"]).replace("0X", "0x")


HEAD = '''"""Coefficients of polynomials, lowest power first, and constants as sums of numbers, the
largest first: for each precision. Written by `minimax`, which says what they approximate; not
edited."""

Table = dict[str, tuple[float, ...]]

'''

if __name__ == "__main__":
    with mpmath.workdps(50):
        Path(__file__).with_name("coefficients.py").write_text(text())
