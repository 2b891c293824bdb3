"""Choices that the limits of loops decide, and the indices that are left: those of reversed and
shifted slices with traced bounds."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from irgrad_numba.decided import COMPARED, DecidedPool, affine
from irgrad_numba.index import Index, variable

import irgrad

X = np.random.default_rng(0).uniform(0.5, 1.5, 40)


def levinson(x: Any) -> Any:
    """Each step adds the reverse of what there is."""
    y = x.copy()
    for k in range(1, len(x)):
        total = np.tanh(np.dot(np.flip(x[:k]), y[:k]) / k)
        y[:k] += 0.1 * total / k * y[:k][::-1]
        y[k] = total
    return y


def convolved(x: Any) -> Any:
    """The power series of x(t)^2, with both slices reversed now and then."""
    y = np.zeros_like(x)
    for k in range(len(x)):
        y[k] = x[: k + 1] @ x[: k + 1][::-1] + x[k:][::-1] @ np.flip(x[k:])
    return y


def written_in_reverse(x: Any) -> Any:
    y = np.zeros_like(x)
    for k in range(1, len(x) - 2):
        y[2:k][::-1] += x[2:k] * x[k]
        y[k:-1][::-1] *= 0.9
        y[1 : k + 1] += x[:k] * np.flip(x[k : 2 * k])[0]
    return y


def inverted(x: Any) -> Any:
    """The power series of 1 / x(t): slices of one length that begin at different places."""
    y = np.zeros_like(x)
    y[0] = 1.0 / x[0]
    for k in range(1, len(x)):
        y[k] = -(x[1 : k + 1] @ np.flip(y[:k])) / (x[0] + 9.0)
    return y


PROGRAMS = [levinson, convolved, written_in_reverse, inverted]


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda f: f.__name__)
def test_values_and_derivatives(program: Callable[..., Any]) -> None:
    weights, along = (np.random.default_rng(k).standard_normal(len(X)) for k in (1, 2))

    def total(x: Any) -> Any:
        return np.sum(weights * program(x))

    makers = [
        lambda backend: irgrad.compile(program, backend, unroll=0)(X),
        lambda backend: irgrad.compile(irgrad.grad(total), backend, unroll=0)(X),
        lambda backend: irgrad.jvp(irgrad.compile(program, backend, unroll=0), (X,), (along,))[1],
        lambda backend: irgrad.compile(irgrad.hvp(total), backend, unroll=0)(X, along),
    ]
    np.testing.assert_allclose(makers[0]("numba"), program(X), rtol=1e-12)
    for make in makers:
        np.testing.assert_allclose(make("numba"), make("numpy"), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("program", [levinson, inverted], ids=lambda f: f.__name__)
def test_reversed_slices_are_read_in_steps_of_one(program: Callable[..., Any]) -> None:
    text = irgrad.compile(irgrad.grad(lambda x: np.sum(program(x))), "numba").kernels(X)
    assert not re.search(r"\[t\d+\[|place\(|minimum\(|where\(", text), text
    assert re.search(r"\[-i0 \+ ", text)


numbers = st.integers(-6, 6)


@given(
    st.tuples(st.integers(-3, 3), st.integers(1, 5)),
    st.lists(st.tuples(st.booleans(), numbers, st.integers(-1, 1)), max_size=3),
    st.lists(st.tuples(numbers, st.integers(-2, 2), st.integers(-1, 1)), min_size=2, max_size=2),
    st.sampled_from([*COMPARED, "minimum", "maximum"]),
    st.tuples(numbers, st.integers(0, 4)),
)
def test_what_is_decided_holds_at_every_point(
    extent: Any, limits: Any, sides: Any, op: str, atom: Any
) -> None:
    """Sides are c + b v + a n, of a loop variable v and a number n that is known to lie somewhere;
    limits of v are c + a n.
    """
    low, high = extent[0], sum(extent)
    pool = DecidedPool([(low, high)])
    n = pool.load("i64", 0, Index(0))
    pool.intervals[n] = atom[0], sum(atom)
    for at_least, c, a in limits:
        pool.limit(0, at_least, pool.index(Index(c, (), ((n, a),) if a else ())))
    made = [
        pool.index(variable(0).scaled(b) + Index(c, (), ((n, a),) if a else ()))
        for c, b, a in sides
    ]
    found = pool.apply(op, "i64" if op in ("minimum", "maximum") else "bool", *made)
    if found.kind == "apply":
        return
    function: Any = getattr(np, op)
    for number in range(atom[0], sum(atom) + 1):
        for v in range(low, high):
            if all((v >= c + a * number) == at_least for at_least, c, a in limits):
                x, y = (c + b * v + a * number for c, b, a in sides)
                got = found.data if found.kind == "number" else (x, y)[made.index(found)]
                assert got == function(x, y)


def test_sums_are_taken_apart() -> None:
    pool = DecidedPool([(0, 5)])
    n, v = pool.load("i64", 0, Index(0)), pool.index(variable(0))
    twice = pool.apply("multiply", "i64", pool.number("i64", 2), v)
    assert affine(pool.apply("subtract", "i64", n, twice)) == Index(0, ((0, -2),), ((n, 1),))


def bordered(x: Any) -> Any:
    """Sums in whose borders most terms are zeros, of either sign."""
    y = np.zeros((7, 9))
    y[1:-1, 1:-1] += x[:5, :7]
    y[:-2, 2:] += x[1:6, :7] + -0.0
    y[2:, :-2] -= x[2:7, 1:8]
    return y


@pytest.mark.parametrize("sign", [0.0, -0.0, 1.0])
def test_zeros_keep_their_sign(sign: float) -> None:
    x = np.full((8, 9), sign)
    got, expected = irgrad.compile(bordered, backend="numba")(x), bordered(x)
    np.testing.assert_array_equal(got, expected)
    np.testing.assert_array_equal(np.signbit(got), np.signbit(expected))
    weights = np.where(np.arange(63).reshape(7, 9) % 2, -0.0, sign)
    slopes = [
        irgrad.compile(irgrad.grad(lambda z: np.sum(weights * bordered(z))), backend=backend)(x)
        for backend in ("numpy", "numba")
    ]
    np.testing.assert_array_equal(*slopes)
    np.testing.assert_array_equal(*map(np.signbit, slopes))


def apart(x: Any) -> Any:
    """Windows whose elements stand apart, some of a single one, in arrays of another shape."""
    y = np.zeros((3, 10))
    y[:, 1::3] = x[::2][:9].reshape(3, 3) * 2.0
    y[::2, 9:2:-2] += np.sin(x[::4][:4])
    z = y.reshape(5, 6)
    z[1::5, ::4] *= x[:2]
    return z.reshape(2, 15)[:, 2::6] @ x[5:8] + np.sum(z[::3] ** 2)


def test_elements_that_stand_apart() -> None:
    x = np.linspace(0.5, 1.5, 20)
    got = irgrad.compile(apart, backend="numba")(x)
    np.testing.assert_allclose(got, apart(x), rtol=1e-14)
    with irgrad.use_backend("numba"):
        irgrad.check_grads(lambda z: np.sum(apart(z)), [x], order=2)


@pytest.mark.parametrize("by", [1, 2, 3, 7, 8, -3])
def test_divisors_that_are_known(by: int) -> None:
    n = np.arange(-40, 41)
    f = irgrad.compile(lambda n: (n // by, n % by, np.fmod(n, by)), backend="numba")
    for got, expected in zip(f(n), (n // by, n % by, np.fmod(n, by)), strict=True):
        np.testing.assert_array_equal(got, expected)


def test_places_are_divided_where_that_is_known() -> None:
    pool = DecidedPool([(0, 4), (2, 3)])
    i, j = variable(0), variable(1)
    assert pool.divided(i.scaled(6) + 5, 3) == (i.scaled(2) + 1, Index(2))
    assert pool.divided(j.scaled(5) + -13, 4) == (Index(-1), Index(1))
    quotient, remainder = pool.divided(i + 1, 3)
    assert quotient.dynamic and remainder.dynamic
    assert pool.index(quotient) is quotient.dynamic[0][0]
