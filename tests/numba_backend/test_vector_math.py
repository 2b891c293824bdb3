"""Every function of `MATH` against mpmath, at most 2 units in the last place, and its special
values against NumPy and SciPy."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, NamedTuple

import mpmath
import numpy as np
import pytest
from irgrad_numba.ufunc_loop import ufunc_of
from irgrad_numba.vector_math import MATH
from mpmath import mp, mpf
from scipy import special

from irgrad.ir.types import DTYPES
from tests.numba_backend.vector_function import VectorFunctions

Array = np.ndarray[Any, Any]
PRECISION = 160
"""Bits of the references: what cancels in their formulas leaves enough."""
BITS, DENSE = 500, 1000
"""Samples with random bits, and in each window."""
TYPES = ("f64", "f32")


class Case(NamedTuple):
    """The function in mpmath, windows in which samples are dense, and numbers near which something
    changes.
    """

    reference: Callable[..., Any]
    windows: Sequence[tuple[float, float]]
    edges: Sequence[float] = ()


def clamped(f: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """f, constant beyond arguments whose values no format holds."""
    return lambda x: f(min(max(x, mpf(-2000)), mpf(2000)))


def erfc(x: Any) -> Any:
    return mpmath.erfc(min(max(x, mpf(-100)), mpf(100)))


def exprel(x: Any) -> Any:
    return clamped(mpmath.expm1)(x) / x


def erfcx(x: Any) -> Any:
    if x > 1e4:
        return (1 - 1 / (2 * x * x) + 3 / (4 * x**4) - 15 / (8 * x**6)) / (x * mpmath.sqrt(mp.pi))
    return mpmath.exp(min(x * x, mpf(1e8))) * mpmath.erfc(max(x, mpf(-1e4)))


def huber(delta: Any, r: Any) -> Any:
    if delta < 0:
        return mpmath.inf
    return r * r / 2 if abs(r) <= delta else delta * (abs(r) - delta / 2)


def log_ndtr(x: Any) -> Any:
    if x < -1e5:
        return -x * x / 2 - mpmath.log(-x) - mpmath.log(2 * mp.pi) / 2
    a = erfc(abs(x) / mpmath.sqrt(2)) / 2 if x > -100 else mpmath.erfc(-x / mpmath.sqrt(2)) / 2
    return mpmath.log(a) if x < 0 else mpmath.log1p(-a)


def log_expit(x: Any) -> Any:
    return x if x < -1000 else -mpmath.log1p(mpmath.exp(-min(x, mpf(1000))))


def logit(x: Any) -> Any:
    return mpmath.log(x / (1 - x)) if 0 < x < 1 else mpmath.inf if x == 1 else mpmath.nan


def power(x: Any, y: Any) -> Any:
    if x < 0 and y != mpmath.floor(y):
        return mpmath.nan
    exponent = min(max(y * mpmath.log(abs(x)), mpf(-2000)), mpf(2000))
    return mpmath.exp(exponent) * (-1 if x < 0 and y % 2 == 1 else 1)


def logaddexp(base: Any) -> Callable[[Any, Any], Any]:
    def function(x: Any, y: Any) -> Any:
        part = mpmath.exp(max(-abs(x - y) * mpmath.log(base), mpf(-2000)))
        return max(x, y) + mpmath.log1p(part) / mpmath.log(base)

    return function


def fmod(x: Any, y: Any) -> Any:
    with mpmath.workprec(2300):
        rest = abs(x) % abs(y)
    return -rest if x < 0 else rest


def remainder(x: Any, y: Any) -> Any:
    rest = fmod(x, y)
    return rest + y if rest != 0 and (rest < 0) != (y < 0) else rest


HALVES_OF_LN2 = [k * float(np.log(2)) / 2 for k in (-1001, -7, -1, 1, 3, 41, 999)]
QUARTERS = [k * np.pi / 4 for k in (-3, -1, 1, 2, 3, 5, 1001, 46342, 834171, 1366166)]
# the last is the float64 nearest to a multiple of pi / 2
TURNS = [*QUARTERS, 2.0**15, 2.0**30, 1e5, 1e22, 6381956970095103.0 * 2.0**797]
ROOTS = [0.5**0.5, 2**0.5, 1.0, 0.5]
TANGENTS = [0.41421356237309503, 1.0, 2.414213562373095]
NORMAL = [0.7, 0.99, 9.2, 10.0, 14.2, 26.5, 27.2, 38.4]
UNIT = [(-1.0, 1.0), (0.49, 0.51), (-1.0, -0.99)]
CASES: dict[str, Case] = {
    "exp": Case(clamped(mpmath.exp), [(-745, 710), (-104, 89), (-1, 1)], HALVES_OF_LN2),
    "exp2": Case(clamped(lambda x: mpf(2) ** x), [(-1075, 1024), (-150, 128), (-1, 1)]),
    "exp10": Case(clamped(lambda x: mpf(10) ** x), [(-324, 309), (-46, 39), (-1, 1)]),
    "expm1": Case(clamped(mpmath.expm1), [(-40, 710), (-2, 2), (-0.4, 0.4)]),
    "exprel": Case(exprel, [(-40, 716), (-2, 2), (-0.01, 0.01)]),
    "log": Case(mpmath.log, [(0.5, 2), (0, 100), (0.99, 1.01)], ROOTS),
    "log2": Case(lambda x: mpmath.log(x, 2), [(0.5, 2), (0, 100), (0.99, 1.01)], ROOTS),
    "log10": Case(mpmath.log10, [(0.5, 2), (0, 100), (0.99, 1.01)], ROOTS),
    "log1p": Case(mpmath.log1p, [(-1, 1), (0, 100), (-0.01, 0.01)], [-1, -0.29289, 0.41421]),
    "sin": Case(mpmath.sin, [(-4, 4), (-100, 100), (-1e5, 1e5)], TURNS),
    "cos": Case(mpmath.cos, [(-4, 4), (-100, 100), (-1e5, 1e5)], TURNS),
    "tan": Case(mpmath.tan, [(-4, 4), (-100, 100), (-1e5, 1e5)], TURNS),
    "arctan": Case(mpmath.atan, [(-4, 4), (-0.5, 0.5), (-100, 100)], TANGENTS),
    "arcsin": Case(mpmath.asin, UNIT, [0.5, 1.0]),
    "arccos": Case(mpmath.acos, UNIT, [0.5, 1.0]),
    "sinh": Case(clamped(mpmath.sinh), [(-4, 4), (-20, 20), (-711, 711)], HALVES_OF_LN2),
    "cosh": Case(clamped(mpmath.cosh), [(-4, 4), (-20, 20), (-711, 711)], HALVES_OF_LN2),
    "tanh": Case(clamped(mpmath.tanh), [(-0.5, 0.5), (-4, 4), (-20, 20)], [20, 10]),
    "arcsinh": Case(mpmath.asinh, [(-0.5, 0.5), (-4, 4), (-1e3, 1e3)], [2.0**54, 2.0**25]),
    "arccosh": Case(mpmath.acosh, [(1, 1.01), (1, 3), (1, 1e3)], [1.0, 2.0**54, 2.0**25]),
    "arctanh": Case(mpmath.atanh, [(-1, 1), (-0.1, 0.1), (0.99, 1)], [1.0, 0.17]),
    "cbrt": Case(lambda x: mpmath.sign(x) * mpmath.cbrt(abs(x)), [(-8, 8), (0, 1e3)], [1.0, 8.0]),
    "erf": Case(clamped(mpmath.erf), [(-1, 1), (-6, 6)], NORMAL),
    "erfc": Case(erfc, [(-1, 1), (-6, 28), (0, 10.2)], NORMAL),
    "erfcx": Case(erfcx, [(-1, 1), (-26, 30), (-9, 1e3)], NORMAL),
    "ndtr": Case(lambda x: erfc(-x / mpmath.sqrt(2)) / 2, [(-1, 1), (-39, 10), (-15, 6)], NORMAL),
    "log_ndtr": Case(log_ndtr, [(-1.1, 1.1), (-40, 39), (-15, 14)], NORMAL),
    "expit": Case(
        lambda x: 1 / (1 + clamped(mpmath.exp)(-x)), [(-1, 1), (-745, 40), (-104, 40)]
    ),
    "log_expit": Case(log_expit, [(-1, 1), (-50, 750), (-20, 110)]),
    "logit": Case(logit, [(0, 1), (0.49, 0.51)], [0.5]),
    "entr": Case(lambda x: -x * mpmath.log(x) if x > 0 else -mpmath.inf, [(0, 2), (0.9, 1.1)]),
    "arctan2": Case(mpmath.atan2, [(-4, 4), (0, 1)]),
    "hypot": Case(mpmath.hypot, [(-4, 4), (0, 1e3)]),
    "power": Case(power, [(0, 3), (-40, 40), (0.9, 1.1)]),
    "fmod": Case(fmod, [(-4, 4), (-1e6, 1e6)]),
    "remainder": Case(remainder, [(-4, 4), (-1e6, 1e6)]),
    "floor_divide": Case(lambda x, y: (x - remainder(x, y)) / y, [(-4, 4), (-1e3, 1e3)]),
    "logaddexp": Case(logaddexp(mp.e), [(-4, 4), (-50, 50)]),
    "logaddexp2": Case(logaddexp(2), [(-4, 4), (-50, 50)]),
    "xlogy": Case(lambda x, y: x * mpmath.log(y), [(0, 4), (0.9, 1.1)]),
    "xlog1py": Case(lambda x, y: x * mpmath.log1p(y), [(-0.9, 4), (-0.1, 0.1)]),
    "rel_entr": Case(
        lambda x, y: x * mpmath.log(x / y) if x > 0 and y > 0 else mpmath.inf, [(0, 4), (0.9, 1.1)]
    ),
    "huber": Case(huber, [(0, 4), (0, 1e3)]),
}  # fmt: skip


def arity_of(name: str) -> int:
    ufunc = ufunc_of(name)
    return 1 if ufunc is None else ufunc.nin


@cache
def compiled(element: str, arity: int, width: int) -> VectorFunctions:
    names = [name for name in MATH if arity_of(name) == arity]
    return VectorFunctions(names, element, arity, width)


def samples(name: str, element: str, arity: int) -> list[Array]:
    """Operands: random bits, windows, neighbours of edges; for two operands also neighbours of each
    other.
    """
    case, dtype = CASES[name], DTYPES[element]
    rng = np.random.default_rng(len(name))
    unsigned = np.dtype(f"u{dtype.itemsize}")
    limit = np.iinfo(unsigned).max
    columns: list[Array] = []
    for position in range(arity):
        raw = rng.integers(0, limit, BITS, unsigned, endpoint=True).view(dtype)
        parts = [np.where(np.isfinite(raw) & (raw != 0), raw, dtype.type(1))]
        parts += [rng.uniform(low, high, DENSE).astype(dtype) for low, high in case.windows]
        columns.append(np.concatenate(parts))
        if position:
            with np.errstate(all="ignore"):
                near = columns[0] * rng.uniform(0.5, 2.0, columns[0].size).astype(dtype)
            columns = [np.tile(columns[0], 2), np.concatenate([columns[1], near])]
    if arity == 1 and case.edges:
        edges = np.array([*case.edges, *[-e for e in case.edges]])
        edges = edges[np.abs(edges) < np.finfo(dtype).max].astype(dtype)
        bits = edges.view(f"i{dtype.itemsize}")[:, None] + np.arange(-4, 5)
        columns[0] = np.concatenate([columns[0], bits.astype(bits.dtype).view(dtype).ravel()])
    finite = np.logical_and.reduce([np.isfinite(c) & (c != 0) for c in columns])
    return [column[finite] for column in columns]


def exact(name: str, operands: list[Array]) -> tuple[Array, Array]:
    """The function in double precision, and what is missing to its exact value."""
    high, low = np.empty(operands[0].size), np.empty(operands[0].size)
    with mpmath.workprec(PRECISION):
        for position, numbers in enumerate(zip(*(o.tolist() for o in operands), strict=True)):
            try:
                value = CASES[name].reference(*map(mpf, numbers))
            except (ValueError, ZeroDivisionError):
                value = mpmath.nan
            if isinstance(value, mpmath.mpc):
                value = mpmath.nan
            high[position] = float(value)
            low[position] = float(value - mpf(high[position])) if mpmath.isfinite(value) else 0.0
    return high, low


def units(got: Array, high: Array, low: Array, size: Array) -> Array:
    """The error in units in the last place of `size`; 0 for what is equal and not a number."""
    limits = np.finfo(got.dtype)
    most = float(limits.max)
    with np.errstate(all="ignore"):
        unit = np.spacing(np.minimum(size, most).astype(got.dtype)).astype(float)
        unit = np.where(size <= most, unit, np.spacing(limits.max).astype(float))
        close = np.abs((got.astype(float) - high) - low) / unit
        rounded = high.astype(got.dtype)
        overflows = np.isinf(got) | (np.abs(high) > most)
        near_most = (np.abs(high) > most * (1 - 4 * limits.eps)) & (
            np.abs(got) > most * (1 - 4 * limits.eps)
        )
    same = (rounded == got) | (np.isnan(rounded) & np.isnan(got)) | (overflows & near_most)
    return np.where(same, 0.0, np.where(np.isnan(close), np.inf, close))


def test_every_function_has_a_case() -> None:
    assert CASES.keys() == MATH.keys()


@pytest.mark.parametrize("element", TYPES)
@pytest.mark.parametrize("name", CASES)
def test_at_most_two_units_in_the_last_place(name: str, element: str) -> None:
    arity = arity_of(name)
    operands = samples(name, element, arity)
    got = compiled(element, arity, 8)[name](*operands)
    high, low = exact(name, operands)
    size = np.abs(high)
    if name in ("logaddexp", "logaddexp2"):  # where the larger operand and the rest cancel
        larger = np.maximum(*operands).astype(float)
        size = np.maximum(size, np.maximum(np.abs(larger), high - larger))
    error = units(got, high, low, size)
    worst = int(np.argmax(error))
    assert error[worst] <= 2, (error[worst], [o[worst] for o in operands], got[worst], high[worst])


@pytest.mark.parametrize("width", [1, 3, 16])
@pytest.mark.parametrize("element", TYPES)
def test_the_same_bits_for_every_number_of_lanes(element: str, width: int) -> None:
    for name in MATH:
        arity = arity_of(name)
        operands = samples(name, element, arity)
        expected = compiled(element, arity, 8)[name](*operands)
        got = compiled(element, arity, width)[name](*operands)
        np.testing.assert_array_equal(got, expected, err_msg=name)


def edge_values(element: str, arity: int) -> Array:
    limits = np.finfo(DTYPES[element])
    positive = [0, 0.25, 0.5, 1, 1.5, 2, 2.5, 3, 7, 10, 53, 100, 200, 1e3, 1e5, 2**30, 1e-30, 1e30]
    positive += [limits.tiny, limits.smallest_subnormal, limits.max, np.inf, np.nan]
    if arity == 1:
        positive += [1 - limits.epsneg, 1 + limits.eps]
    return np.array([sign * x for x in positive for sign in (1.0, -1.0)], DTYPES[element])


@pytest.mark.parametrize("element", TYPES)
@pytest.mark.parametrize("name", CASES)
def test_zeros_infinities_and_nan_are_those_of_the_ufunc(name: str, element: str) -> None:
    arity = arity_of(name)
    operands = [x.ravel() for x in np.meshgrid(*[edge_values(element, arity)] * arity)]
    got = compiled(element, arity, 8)[name](*operands)
    with np.errstate(all="ignore"):
        expected = (ufunc_of(name) or special.exp10)(*operands)
    same = (got == expected) & (np.signbit(got) == np.signbit(expected))
    numbers = np.isfinite(expected) & (expected != 0) & np.isfinite(got) & (got != 0)
    # one of both underflows: float32 expit of SciPy is 0 from -88.7 on
    least = np.maximum(np.abs(got), np.abs(expected)) < np.finfo(got.dtype).tiny
    differs = least & (got != expected)
    if name == "exprel":  # e^x of SciPy's formula is infinite where (e^x - 1) / x is not
        differs |= np.isfinite(got) & np.isinf(expected)
    wrong = ~(same | numbers | differs | (np.isnan(got) & np.isnan(expected)))
    assert not wrong.any(), [(*(o[wrong][0] for o in operands), got[wrong][0], expected[wrong][0])]
