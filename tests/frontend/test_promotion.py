"""Where a Python number meets arrays: NumPy's dtype and values, whether the number is an argument,
written in the code, or meets an array that the function closes over.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import irgrad
from irgrad.errors import IrgradError, ShapeError

DTYPES = ["bool", "u1", "i8", "f4", "f8", "c8"]
NUMBERS = {"float": 0.7, "complex": 0.7 + 0.2j, "float32": np.float32(0.7), "int": 2}
BINARY: dict[str, Callable[[Any, Any], Any]] = {
    "outer": np.outer,
    "dot": np.dot,
    "inner": np.inner,
    "vdot": lambda v, s: np.vdot(v, np.ravel(s)[[0, 0]]),
    "kron": np.kron,
    "tensordot": lambda v, s: np.tensordot(v, s, 0),
    "einsum": lambda v, s: np.einsum("i,->i", v, s),
    "convolve": lambda v, s: np.convolve(v, np.ravel(s)),
    "list": lambda v, s: v * [s, s],
    "list dot": lambda v, s: np.dot(v, [s, s]),
    "+": lambda v, s: v + s,
    "/": lambda v, s: s / v,
    "**": lambda v, s: v**s,
    "power": np.power,
    "float_power": np.float_power,
    "float_power reflected": lambda v, s: np.float_power(s, v),
    "outer ufunc": np.multiply.outer,
    "clip": lambda v, s: np.clip(v, -0.5, s),
    "clip above": lambda v, s: np.clip(v, None, s),
    "clip below": lambda v, s: np.clip(v, s, None),
    "clip ints": lambda v, s: np.clip(v, 0, s),
    "clip number": lambda v, s: np.clip(s, v, None),
    "clip method": lambda v, s: (v * 1.0).clip(-1, s),
    "where": lambda v, s: np.where(v == 0, v, s),
    "select": lambda v, s: np.select([v == 0], [v], s),
    "choose": lambda v, s: np.choose([0, 1], [v, s]),
    "nan_to_num": lambda v, s: np.nan_to_num(v, nan=np.real(s), posinf=np.real(s)),
    "full_like": lambda v, s: np.full_like(v * 1.0, np.real(s)),
    "concatenate": lambda v, s: np.append(v, s),
    "isclose": lambda v, s: np.isclose(v, s),
}
UNARY: dict[str, Callable[[Any], Any]] = {
    "abs": abs,
    "np.abs": np.abs,
    "neg": lambda s: -s,
    "conjugate": lambda s: s.conjugate(),
    "np.conjugate": np.conjugate,
    "real": lambda s: s.real,
    "imag": lambda s: s.imag,
    "np.real": np.real,
    "np.imag": np.imag,
    "sin": np.sin,
    "square": lambda s: s**2,
    "chain": lambda s: (2 * abs(s) + s.real) / 3,
    "floor": lambda s: s.real // 2.0,
    "divmod": lambda s: sum(divmod(abs(s), 2.0)),
    "rdivmod": lambda s: sum(divmod(2.0, abs(s))),
    "compare": lambda s: s == s,
    "sum": np.sum,
    "atleast": np.atleast_1d,
}
TABLE = BINARY | {f"{name}(s) * v": lambda v, s, f=f: f(s) * v for name, f in UNARY.items()}


def _ways(f: Any, v: Any, s: Any) -> list[tuple[Any, tuple[Any, ...]]]:
    return [(f, (v, s)), (lambda v: f(v, s), (v,)), (lambda s: f(v, s), (s,))]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("number", NUMBERS)
@pytest.mark.parametrize("name", TABLE)
def test_a_number_and_an_array(name: str, number: str) -> None:
    f, s = TABLE[name], NUMBERS[number]
    for dtype in DTYPES:
        v = np.array([1, 2], dtype)
        for g, args in _ways(f, v, s):
            if not any(isinstance(arg, (np.ndarray, np.generic, float, complex)) for arg in args):
                continue
            with np.errstate(all="ignore"):
                try:
                    expected = f(v, s)
                except (TypeError, ValueError, OverflowError, AttributeError):
                    continue
            if np.asarray(expected).dtype == np.float16:
                continue
            try:
                got = irgrad.compile(g, backend="numpy")(*args)
            except IrgradError as error:
                no_protocol = g is not f and args[0] is s  # NumPy hands such calls to nobody
                assert no_protocol or "complex" in str(error), (dtype, args)  # noqa: PT017
                continue
            assert np.asarray(got).dtype == np.asarray(expected).dtype, (dtype, args)
            tolerance = 1e-6 if np.asarray(expected).dtype.itemsize < 8 else 1e-13
            np.testing.assert_allclose(got, expected, rtol=max(tolerance, 1e-6 * (dtype == "c8")))


@pytest.mark.parametrize("dtype", DTYPES)
def test_powers_by_small_numbers(dtype: str) -> None:
    """ndarray's operator squares, takes roots and reciprocals by ufuncs of their own."""
    v = np.array([1, 2, 1], dtype)
    for p in (0, 1, 2, 3, -1, 0.5, 1.0, 2.0, -1.0, True, np.int8(2), np.float32(2)):
        for x in (v, v[:2].reshape(1, 2)):
            try:
                expected = x**p
            except (ValueError, OverflowError):
                continue
            if expected.dtype != np.float16:
                got = irgrad.compile(lambda x, p=p: x**p, backend="numpy")(x)
                assert got.dtype == expected.dtype, p
                np.testing.assert_allclose(got, expected, rtol=1e-6)


def test_conjugates_of_all_dtypes() -> None:
    for dtype, f in itertools.product(DTYPES, (np.conj, lambda x: x.conj(), lambda x: x.real)):
        x = np.array([1, 0], dtype)
        assert irgrad.compile(f)(x).dtype == f(x).dtype
        np.testing.assert_array_equal(irgrad.compile(f)(x), f(x))


DTYPE_TAKERS: dict[str, Callable[[Any, Any], Any]] = {
    "astype": lambda x, d: x.astype(d),
    "zeros_like": lambda x, d: np.zeros_like(x, dtype=d),
    "full_like": lambda x, d: np.full_like(x, 1, dtype=d),
    "sum": lambda x, d: np.sum(x, dtype=d),
    "mean": lambda x, d: np.mean(x, dtype=d),
    "cumsum": lambda x, d: np.cumsum(x, dtype=d),
    "concatenate": lambda x, d: np.concatenate([x, x], dtype=d),
    "add": lambda x, d: np.add(x, x, dtype=d),
    "einsum": lambda x, d: np.einsum("i->", x, dtype=d),
}


@pytest.mark.parametrize("take", DTYPE_TAKERS.values(), ids=DTYPE_TAKERS)
def test_an_array_is_no_dtype(take: Any) -> None:
    x, y = np.ones(2), np.ones(2, np.float32)
    for f, args in (
        (take, (x, y)),
        (lambda x: take(x, y), (x,)),
        (lambda x: take(x, np.float32(1)), (x,)),
    ):
        with pytest.raises(IrgradError, match="a dtype is expected"):
            irgrad.compile(f)(*args)
    assert irgrad.compile(lambda x: take(x, x.dtype))(x).dtype == np.float64
    assert irgrad.compile(lambda x: take(x, np.float32))(x).dtype == np.float32


@pytest.mark.parametrize("name", ["int", "float", "bool", "complex", "int8", "uint16", "bool_"])
def test_names_of_dtypes_in_expressions(name: str) -> None:
    x = np.array([0.0, 2.5])
    for text in (f"x.astype({name})", f"x.astype(dtype={name})", f"array([x, x], {name})"):
        f = irgrad.expression(text)
        assert f.names == ("x",)
        assert irgrad.compile(f)(x).dtype == np.dtype(getattr(np, name, None) or name)
    with pytest.raises(IrgradError, match="a dtype is expected") as raised:
        irgrad.compile("x.astype(y)")(x, x)
    assert "^" in str(raised.value)


@pytest.mark.parametrize("dtype", ["bool", "i1", "u1", "i8", "u8"])
def test_comparisons_with_integers_of_any_size(dtype: str) -> None:
    """Exact, as NumPy has them, and so are operators and ufuncs."""
    x = np.array([0, 1, 1], dtype)
    compare = (np.less, np.less_equal, np.greater, np.greater_equal, np.equal, np.not_equal)
    for ufunc, n in itertools.product(compare, (-(10**30), -129, -1, 0, 1, 127, 128, 300, 10**30)):
        expected = ufunc(x.astype(object), n).astype(bool)
        swapped = ufunc(n, x.astype(object)).astype(bool)
        symbol = {"less": "<", "less_equal": "<=", "greater": ">", "greater_equal": ">="}
        f = irgrad.compile(lambda x, u=ufunc, n=n: (u(x, n), u(n, x)), backend="numpy")
        for got, wanted in zip(f(x), (expected, swapped), strict=True):
            np.testing.assert_array_equal(got, wanted)
        if ufunc.__name__ in symbol and n >= 0:
            text = f"x {symbol[ufunc.__name__]} {n}"
            np.testing.assert_array_equal(irgrad.compile(text, backend="numpy")(x), expected)


@pytest.mark.parametrize("other", [None, "a", b"a", {}, {1}, {"a": 1.0}], ids=repr)
def test_what_is_no_number_equals_none(other: Any) -> None:
    for x in (np.ones(2), np.float64(1), np.ones((0, 2)), np.arange(3)):
        f = irgrad.compile(lambda x: (x == other, x != other, other == x))
        for got, wanted in zip(f(x), (x == other, x != other, other == x), strict=True):
            np.testing.assert_array_equal(got, wanted)
    branch = irgrad.compile(lambda x: x if x == None else 2 * x)  # noqa: E711 -- NumPy's meaning
    assert branch(3.0) == 6


def test_integers_that_do_not_fit_are_an_error_with_the_line() -> None:
    small = np.array([1, 2], np.int8)
    for f, x in (
        (lambda x: x + 300, small),
        (lambda x: np.maximum(-200, x), small),
        (lambda x: np.sum(x * 10**400), small * 1.0),
        (lambda x: np.where(x > 0, x, 10**10), small),
        (lambda x: np.power(x, 10**400), small * 1j),
    ):
        with pytest.raises(OverflowError) as raised:
            irgrad.compile(f)(x)
        assert isinstance(raised.value, IrgradError)
        assert "test_promotion.py" in str(raised.value)
        assert "hint" in str(raised.value)
    with pytest.raises(ShapeError, match="test_promotion"):
        irgrad.compile(lambda x: x * [1, [2, 3]])(small)
