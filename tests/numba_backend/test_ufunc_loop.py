"""Ufuncs without a rule run through their own inner loops: the bits are those of the ufunc."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from irgrad_numba.elementwise import FLOAT_ONLY, INTEGER_ONLY, TABLE, row_of
from irgrad_numba.ufunc_loop import loop_of
from irgrad_numba.vector_math import MATH
from scipy import special

import irgrad
from irgrad.ir.op import REGISTRY
from irgrad.ir.types import DTYPES, SHORT
from irgrad.ops.elementwise import UFUNCS, Elementwise

LOOPED = sorted(
    name
    for name, op in REGISTRY.items()
    if isinstance(op, Elementwise) and isinstance(op.ufunc, np.ufunc)
    if name not in TABLE and name not in MATH
)


def signatures(name: str) -> list[tuple[str, ...]]:
    """The operand types of a ufunc's loops that have one here; real ones."""
    op = REGISTRY[name]
    assert isinstance(op, Elementwise)
    found: list[tuple[str, ...]] = []
    for types in op.ufunc.types:
        shorts = tuple(SHORT.get(np.dtype(c), "") for c in types.split("->")[0])
        if shorts not in found and all(s and s[0] != "c" and s != "bool" for s in shorts):
            found.append(shorts)
    return found


def drawn(types: tuple[str, ...], size: int) -> list[np.ndarray]:
    rng = np.random.default_rng(size)
    return [
        rng.uniform(0.1, 0.9, size).astype(DTYPES[t]) if t[0] == "f"
        else rng.integers(1, 40, size).astype(DTYPES[t])
        for t in types
    ]  # fmt: skip


def test_every_real_elementwise_op_has_a_row() -> None:
    """None makes the backend cut a loop: no op whose ufunc has a loop for real numbers does."""
    for name, op in REGISTRY.items():
        if isinstance(op, Elementwise) and isinstance(op.ufunc, np.ufunc):  # none from outside
            assert [s for s in signatures(name) if row_of(name, list(s)) is None] == [], name


@pytest.mark.parametrize("name", LOOPED)
def test_the_bits_are_those_of_the_ufunc(name: str) -> None:
    op = REGISTRY[name]
    assert isinstance(op, Elementwise)
    for types in signatures(name):
        operands = drawn(types, 37)
        compiled = irgrad.compile(op.ufunc, backend="numba")
        expected = op.ufunc(*operands)
        got = compiled(*operands)
        assert got.dtype == expected.dtype
        np.testing.assert_array_equal(got, expected, err_msg=f"{name} of {types}")


def test_integers_through_the_table_or_a_loop() -> None:
    x = np.array([3, -2, 1, 7, 5])
    for name in [*INTEGER_ONLY, *FLOAT_ONLY]:
        ufunc = getattr(np, name)
        operands = [x, x[::-1].copy()][: ufunc.nin]
        compiled = irgrad.compile(ufunc, backend="numba")
        np.testing.assert_array_equal(compiled(*operands), ufunc(*operands))


def test_a_loop_that_does_not_exist_is_none() -> None:
    assert loop_of("gammaln", ("c128",)) is None
    assert loop_of("no such op", ("f64",)) is None
    assert loop_of("sum", ("f64",)) is None


def test_loops_and_rules_fuse_into_one_kernel() -> None:
    x = np.linspace(0.5, 4, 1001)
    f = irgrad.compile(lambda x: np.exp(-special.gammaln(x)) * np.sin(x), backend="numba")
    np.testing.assert_allclose(f(x), np.exp(-special.gammaln(x)) * np.sin(x), rtol=1e-14)


WHOLE = sorted(
    (ufunc for ufunc in UFUNCS if any(set(t) <= set("lqLQbBiI->") for t in ufunc.types)),
    key=lambda ufunc: ufunc.__name__,
)


def _outcome(call: Any) -> Any:
    try:
        with np.errstate(all="ignore"):
            return call()
    except (ValueError, ZeroDivisionError) as error:
        return f"{type(error).__name__}: {error}"


def _same(ours: Any, numpys: Any) -> None:
    np.testing.assert_equal(_outcome(ours), _outcome(numpys))


@pytest.mark.parametrize("dtype", [np.int64, np.int32, np.uint8], ids=lambda d: d.__name__)
@pytest.mark.parametrize("ufunc", WHOLE, ids=lambda f: f.__name__)
def test_loops_of_integers_raise_what_numpys_do(ufunc: np.ufunc, dtype: Any) -> None:
    """An exception that a loop sets is raised, whatever the numbers are and wherever it runs."""
    info = np.iinfo(dtype)
    numbers = [n for n in (info.min, -3, -1, 0, 1, 2, info.max) if info.min <= n]
    compiled = irgrad.compile(lambda *xs: ufunc(*xs), backend="numba")
    summed = irgrad.compile(lambda *xs: np.sum(ufunc(*xs)), backend="numba")
    for given in itertools.product(numbers, repeat=ufunc.nin):
        for shape in ((), (3,)):
            xs = [np.full(shape, n, dtype)[()] for n in given]
            _same(lambda xs=xs: compiled(*xs), lambda xs=xs: ufunc(*xs))
            _same(lambda xs=xs: summed(*xs), lambda xs=xs: np.sum(ufunc(*xs)))
