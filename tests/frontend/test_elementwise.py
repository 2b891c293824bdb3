"""Ufuncs and elementwise functions on traced values: NumPy's values, dtypes and shapes."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import special

import irgrad
from irgrad.errors import DTypeError, UnsupportedError
from irgrad.ops.elementwise import UFUNCS
from tests.frontend.against_numpy import Case, array, check, same_as_numpy

DTYPES = [
    np.bool_,
    np.uint8,
    np.int32,
    np.int64,
    np.float32,
    np.float64,
    np.complex64,
    np.complex128,
]
SPECIAL = np.array([0.0, -0.0, 1.0, -2.5, 0.3, np.inf, -np.inf, np.nan, 7.0])
FLOATS, WHOLE = array(2, 3), np.array([[4, -3, 0], [7, 2, -5]])
COMPLEX = FLOATS + 1j * FLOATS[::-1]
TRUTHS = WHOLE > 0


@pytest.fixture(autouse=True)
def _quiet() -> Any:
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "numpy.fix is deprecated")  # from NumPy 2.5 on
        yield


def operand(dtype: Any, k: int) -> Any:
    """Numbers of every sort that the dtype has, shifted by `k`."""
    kind = np.dtype(dtype).kind
    numbers = {"b": [0, 1, 1, 0, 1], "u": [3, 0, 1, 7, 2], "i": [3, 0, -1, 7, -2]}.get(
        kind, SPECIAL
    )
    return np.roll(numbers, k).astype(dtype)


def assert_equal(got: Any, expected: Any) -> None:
    assert type(got) is type(expected)
    assert got.dtype == expected.dtype
    np.testing.assert_array_equal(got, expected)


def dtype_of(operands: Any) -> list[Any]:
    return [x.dtype for x in operands]


UFUNC_NAMES = {op.name: ufunc for ufunc, op in UFUNCS.items() if op.ufunc is ufunc}


@pytest.mark.parametrize("ufunc", UFUNC_NAMES.values(), ids=UFUNC_NAMES)
def test_ufuncs_of_all_dtypes(ufunc: np.ufunc) -> None:
    """Where NumPy has a loop, its result (on its own backend to the bit); elsewhere, or in float16,
    an error of ours. All combinations are one program.
    """
    taken, results = [], []
    for dtypes in itertools.product(
        DTYPES if ufunc.nin < 3 else [np.float32, np.float64], repeat=ufunc.nin
    ):
        operands = [operand(dtype, k) for k, dtype in enumerate(dtypes)]
        size = min(x.size for x in operands)
        operands = [x[:size] for x in operands]
        try:
            expected = ufunc(*operands)
            half = ufunc.resolve_dtypes((*dtype_of(operands), None))[-1] == np.float16
        except TypeError:
            expected, half = None, False
        except ValueError:
            continue  # integers to negative powers, which depends on the numbers
        if expected is None or half:
            with pytest.raises(DTypeError, match="float16.*\n(.*\n)*.*astype" if half else None):
                irgrad.compile(ufunc)(*operands)
        else:
            taken.append(operands)
            results.append(expected)

    def all_of_them(taken: list[list[Any]]) -> list[Any]:
        return [ufunc(*operands) for operands in taken]

    for backend, same in (("numpy", assert_equal), ("numba", assert_near)):
        for got, expected in zip(
            irgrad.compile(all_of_them, backend=backend)(taken), results, strict=True
        ):
            same(got, expected)


def assert_near(got: Any, expected: Any) -> None:
    """Equal dtypes and shapes; special values equal, numbers within 8 units in the last place:
    SciPy itself is some units off (log_ndtr).
    """
    got, expected = np.asarray(got), np.asarray(expected)
    assert got.dtype == expected.dtype
    assert got.shape == expected.shape
    if expected.dtype.kind in "fc":
        np.testing.assert_allclose(got, expected, rtol=8 * np.finfo(expected.dtype).eps, atol=0)
    else:
        np.testing.assert_array_equal(got, expected)


OPERATORS: dict[str, Callable[..., Any]] = {
    "+": lambda x, y: x + y, "-": lambda x, y: x - y, "*": lambda x, y: x * y,
    "/": lambda x, y: x / y, "//": lambda x, y: x // y, "%": lambda x, y: x % y,
    "**": lambda x, y: x**y, "<": lambda x, y: x < y, "<=": lambda x, y: x <= y,
    ">": lambda x, y: x > y, ">=": lambda x, y: x >= y, "==": lambda x, y: x == y,
    "!=": lambda x, y: x != y, "divmod": divmod,
}  # fmt: skip
BITS: dict[str, Callable[..., Any]] = {
    "&": lambda x, y: x & y, "|": lambda x, y: x | y, "^": lambda x, y: x ^ y,
    "<<": lambda x, y: x << y, ">>": lambda x, y: x >> y,
}  # fmt: skip
SCALARS = [2, 2.5, True, np.float32(2.5), np.float64(2.5), np.int32(2), np.int64(2)]


@pytest.mark.parametrize("name", OPERATORS)
@pytest.mark.parametrize("dtype", [np.int32, np.int64, np.float32, np.float64])
def test_operators_with_scalars_on_either_side(name: str, dtype: Any) -> None:
    f, x = OPERATORS[name], np.array([3, 1, 4, 2], dtype)
    for scalar in SCALARS:
        if scalar is True and name in ("-", "divmod"):
            continue
        same_as_numpy(lambda x, s=scalar: f(x, s), x)
        same_as_numpy(lambda x, s=scalar: f(s, x), x)
    same_as_numpy(f, x, x[::-1].copy())
    same_as_numpy(f, x[:, None], x[:2])


@pytest.mark.parametrize("name", BITS)
def test_operators_on_bits(name: str) -> None:
    x = np.array([5, 3, 8, 1])
    same_as_numpy(BITS[name], x, x[::-1].copy() % 5)
    same_as_numpy(lambda x: BITS[name](x, 3), x)
    same_as_numpy(lambda x: BITS[name](3, x), x)
    if name in "&|^":
        same_as_numpy(BITS[name], TRUTHS, ~TRUTHS)


def test_unary_operators() -> None:
    for x in (FLOATS, WHOLE, COMPLEX, FLOATS.astype(np.float32)):
        same_as_numpy(lambda x: (-x, +x, abs(x)), x)
    same_as_numpy(lambda x: ~x, TRUTHS)
    same_as_numpy(lambda x: ~x, WHOLE)


POSITIVE = np.abs(FLOATS) + 0.1
WITH_NAN = np.array([1.5, np.nan, np.inf, -np.inf, 0.0, -2.0])
COMPLEX_WITH_NAN = np.array(list(map(complex, WITH_NAN, WITH_NAN[::-1])))
SMALL = np.linspace(-0.06, 0.05, 7)
CASES: dict[str, Case] = {
    "clip": Case(lambda x: np.clip(x, -0.5, 0.5), (FLOATS,)),
    "clip below": Case(lambda x: np.clip(x, 0, None), (FLOATS,)),
    "clip above": Case(lambda x: np.clip(x, None, 0), (FLOATS,)),
    "clip by arrays": Case(lambda x, low: np.clip(x, low, low + 1), (FLOATS, FLOATS[0] - 0.3)),
    "clip keywords": Case(lambda x: np.clip(x, min=-0.5, max=0.5), (FLOATS,)),
    "clip method": Case(lambda x: x.clip(-0.5, 0.5) + x.clip(min=0) + x.clip(max=0), (FLOATS,)),
    "clip by traced": Case(lambda low: np.clip(np.arange(4.0), low, 2.5), (np.float64(0.7),)),
    "clip ints": Case(lambda x: np.clip(x, -1, 2), (WHOLE,), False),
    "clip ints by floats": Case(lambda x: np.clip(x, -1.5, 2.5), (WHOLE,), False),
    "clip float32": Case(lambda x: np.clip(x, -0.5, 0.5), (FLOATS.astype(np.float32),), False),
    "clip crossed": Case(lambda x: np.clip(x, 0.5, -0.5), (FLOATS,)),
    "round": Case(np.round, (FLOATS * 3,)),
    "round to 2": Case(lambda x: np.round(x, 2), (FLOATS,)),
    "round to -1": Case(lambda x: np.round(x, -1), (FLOATS * 37,)),
    "round decimals": Case(lambda x: np.around(x, decimals=1), (FLOATS.astype(np.float32),), False),
    "round method": Case(lambda x: x.round(1) + x.round(), (FLOATS,)),
    "round halves": Case(np.round, (np.arange(-4, 5) / 2,), False),
    "round ints": Case(lambda x: np.round(x, 1), (WHOLE,), False),
    "round ints to tens": Case(lambda x: np.round(x, -1), (WHOLE * 5,), False),
    "round complex": Case(lambda x: np.round(x, 1), (COMPLEX,)),
    "fix": Case(np.fix, (FLOATS * 3,)),
    "fix ints": Case(np.fix, (WHOLE,), False),
    "divmod": Case(np.divmod, (FLOATS, np.array([0.7, -0.6, 1.1]))),
    "divmod ints": Case(np.divmod, (WHOLE, np.array([2, -3, 4])), False),
    "modf": Case(np.modf, (FLOATS * 2,)),
    "modf far out": Case(np.modf, (WITH_NAN,), False),
    "modf ints": Case(np.modf, (WHOLE,), False),
    "float_power": Case(lambda x: np.float_power(x, 1.5), (POSITIVE,)),
    "float_power ints": Case(lambda x: np.float_power(x, -1), (WHOLE + 10,), False),
    "float_power float32": Case(
        lambda x: np.float_power(x, 2), (POSITIVE.astype(np.float32),), False
    ),
    "sinc": Case(np.sinc, (FLOATS,)),
    "sinc near 0": Case(np.sinc, (SMALL,)),
    "sinc ints": Case(np.sinc, (WHOLE,), False),
    "sinc float32": Case(np.sinc, (SMALL.astype(np.float32),), False),
    "sinc complex": Case(np.sinc, (COMPLEX,)),
    "i0": Case(np.i0, (FLOATS,)),
    "real": Case(lambda z: np.real(z) + z.real, (COMPLEX,)),
    "imag": Case(lambda z: np.imag(z) * z.imag, (COMPLEX,)),
    "real of floats": Case(lambda x: np.real(x) * x.imag, (FLOATS,)),
    "imag of ints": Case(np.imag, (WHOLE,), False),
    "conj": Case(lambda z: np.conj(z) + z.conj() + z.conjugate(), (COMPLEX,)),
    "conj of ints": Case(np.conj, (WHOLE,), False),
    "angle": Case(np.angle, (COMPLEX,)),
    "angle in degrees": Case(lambda z: np.angle(z, deg=True), (COMPLEX,)),
    "angle of floats": Case(np.angle, (FLOATS,)),
    "angle of ints": Case(np.angle, (WHOLE,), False),
    "iscomplex": Case(lambda z: (np.iscomplex(z), np.isreal(z)), (COMPLEX.real + 0j,), False),
    "isreal of floats": Case(lambda z: (np.iscomplex(z), np.isreal(z)), (FLOATS,), False),
    "isposinf": Case(lambda x: (np.isposinf(x), np.isneginf(x)), (WITH_NAN,), False),
    "isclose": Case(lambda x, y: np.isclose(x, y, rtol=0.3), (FLOATS, FLOATS * 1.2), False),
    "isclose nan": Case(lambda x: np.isclose(x, x, equal_nan=True), (WITH_NAN,), False),
    "isclose infinities": Case(lambda x: np.isclose(x, x[::-1]), (WITH_NAN,), False),
    "isclose ints": Case(lambda x: np.isclose(x, 2), (WHOLE,), False),
    "nan_to_num": Case(np.nan_to_num, (WITH_NAN,), False),
    "nan_to_num values": Case(
        lambda x: np.nan_to_num(x, nan=1.0, posinf=2.0, neginf=-3.0), (WITH_NAN,), False
    ),
    "nan_to_num float32": Case(np.nan_to_num, (WITH_NAN.astype(np.float32),), False),
    "nan_to_num complex": Case(np.nan_to_num, (COMPLEX_WITH_NAN,), False),
    "nan_to_num ints": Case(np.nan_to_num, (WHOLE,), False),
    "nan_to_num smooth": Case(np.nan_to_num, (FLOATS,)),
    "special aliases": Case(
        lambda x: special.expm1(x) + special.log1p(x) + special.exp2(x), (POSITIVE,)
    ),
    "polygamma through zeta": Case(lambda x: special.zeta(3.0, x), (POSITIVE,)),
    "ufunc dtype": Case(
        lambda x: np.add(x, 1, dtype=np.float64), (FLOATS.astype(np.float32),), False
    ),
    "positive": Case(lambda x: +np.positive(x), (FLOATS,)),
    "logic": Case(lambda x, y: np.logical_or(x, y) ^ np.logical_not(x), (FLOATS, FLOATS[0]), False),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_as_numpy(case: Case) -> None:
    check(case)


def test_all_close_and_equal() -> None:
    x, y = FLOATS, FLOATS + 1e-10
    assert irgrad.compile(np.allclose)(x, y)
    assert not irgrad.compile(np.allclose)(x, y + 1)
    assert not irgrad.compile(np.array_equal)(x, y)
    assert irgrad.compile(np.array_equal)(x, x.copy())
    assert irgrad.compile(np.array_equal)(x, x[0]) is False
    assert irgrad.compile(lambda x: np.array_equal(x, x, equal_nan=True))(WITH_NAN)
    assert not irgrad.compile(lambda x: np.array_equal(x, x))(WITH_NAN)


def test_results_are_no_second_names_of_their_operands() -> None:
    """Where NumPy copies, changing the result in place leaves the operand alone."""
    for f, x in (
        (np.conj, FLOATS), (np.positive, FLOATS), (np.round, WHOLE), (np.nan_to_num, WHOLE),
        (lambda x: np.clip(x, None, None), FLOATS), (lambda x: x.round(2), WHOLE),
    ):  # fmt: skip

        def changed(x: Any, f: Any = f) -> Any:
            y = f(x)
            y += 1
            return x, y

        same_as_numpy(lambda x: changed(x + 0), x)


def test_python_numbers_promote_weakly() -> None:
    x = FLOATS.astype(np.float32)
    for f in (
        lambda x, s: x * s, lambda x, s: np.maximum(x, s), lambda x, s: np.clip(x, s, 2 * s),
        lambda x, s: x ** (s + 1), lambda x, s: s - x, lambda x, s: np.where(x > s, x, s),
    ):  # fmt: skip
        assert irgrad.compile(f)(x, 0.5).dtype == np.float32
        assert irgrad.compile(f)(x, np.float64(0.5)).dtype == np.float64
    assert irgrad.compile(lambda x: np.sin(2) + x)(x).dtype == np.float64


def test_scalars_stay_scalars() -> None:
    assert type(irgrad.compile(np.sin)(0.5)) is np.float64
    assert type(irgrad.compile(lambda x: x + 1)(np.float32(0.5))) is np.float32
    assert type(irgrad.compile(lambda x: x > 1)(0.5)) is np.bool_
    assert type(irgrad.compile(lambda z: abs(z))(1j)) is np.float64


HELD = np.zeros((2, 3))
UNSUPPORTED: dict[str, tuple[Callable[..., Any], str]] = {
    "out": (lambda x: np.sin(x, out=HELD), "out= is not supported"),
    "clip out": (lambda x: np.clip(x, 0, 1, out=HELD), "out= is not supported"),
    "round out": (lambda x: np.round(x, 1, HELD), "out= is not supported"),
    "frexp": (lambda x: np.frexp(x), "frexp is not supported"),
    "unknown function": (lambda x: np.histogram2d(x, x), "histogram2d is not supported"),
}


@pytest.mark.parametrize("name", UNSUPPORTED)
def test_what_is_not_supported_says_so(name: str) -> None:
    f, message = UNSUPPORTED[name]
    with pytest.raises(UnsupportedError, match=message) as raised:
        irgrad.compile(f)(FLOATS)
    assert "test_elementwise.py" in str(raised.value)


def test_dtypes_that_do_not_fit() -> None:
    with pytest.raises(DTypeError, match="bitwise_and does not take operands of dtype float64"):
        irgrad.compile(lambda x: x & x)(FLOATS)
    with pytest.raises(DTypeError, match="does not take operands of dtype bool"):
        irgrad.compile(lambda x: x - x)(TRUTHS)
    with pytest.raises(DTypeError, match="float16"):
        irgrad.compile(np.sin)(TRUTHS)
    assert irgrad.compile(lambda x: 0 < x < 1)(0.5)
    with pytest.raises(TypeError, match="add: a str is no number"):
        irgrad.compile(lambda x: x + "1")(FLOATS)
