"""Loops with a traced number of steps that do not wait for each other, along an axis at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import irgrad
from irgrad.errors import IndexOutOfBounds

X = np.random.default_rng(0).uniform(0.5, 1.5, (6, 6))


def rows_of_a_factor(x: Any) -> Any:
    for i in range(6):
        for j in range(i, 6):
            x[i, j] -= x[i, :i] @ x[:i, j]
    return x


def columns_beside(x: Any) -> Any:
    r = np.empty((6, 6))
    for k in range(6):
        r[k, k] = np.sqrt(x[:, k] @ x[:, k])
        for j in range(k + 1, 6):
            r[k, j] = x[:, k] @ x[:, j]
            x[:, j] -= 0.1 * x[:, k] * r[k, j]
    return x


def sums(x: Any) -> Any:
    s = np.zeros(6)
    for i in range(6):
        for j in range(i + 1):
            s[i] += x[i, j] * x[j, i]
    return s


def backwards(x: Any) -> Any:
    for i in range(6):
        for j in range(5, i, -1):
            x[i, j] = x[i, j] * x[j, i] + x[i, 0]
    return x


def last_number(x: Any) -> Any:
    j = 3
    for i in range(6):
        for j in range(i):
            x[i, j] *= x[i, 5] + x[0, j]
        x[j, 5] += x[i, i]
    return x


def never_outside(x: Any) -> Any:
    for i in range(8):
        for j in range(max(0, 2 - i)):
            x[i, j] = x[i, 5] * x[i, j]
    return x


def steps_that_wait(x: Any) -> Any:
    for i in range(6):
        for j in range(i + 1, 6):
            x[i, j] += x[i, j - 1] * x[j, i]
    return x


def divided(x: Any) -> Any:
    for i in range(6):
        for j in range(i + 1, 6):
            x[i, j] /= x[i, i]
    return x


PROGRAMS: dict[Callable[[Any], Any], int] = {
    rows_of_a_factor: 1, columns_beside: 1, sums: 0, backwards: 1, last_number: 1,
    never_outside: 2, steps_that_wait: 2, divided: 2,
}  # fmt: skip
"""And how many of their loops stay."""


def total(program: Callable[[Any], Any], x: Any) -> Any:
    made = program(x.copy())
    return np.sum(np.sin(made) * np.cos(np.arange(float(made.size)).reshape(made.shape)))


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda f: f.__name__)
def test_derivatives_are_those_of_the_steps(program: Callable[[Any], Any]) -> None:
    def f(x: Any) -> Any:
        return total(program, x)

    text = irgrad.compile(f, unroll=0).dump(X)
    assert text.count("= loop(") == PROGRAMS[program]
    steps = irgrad.compile(irgrad.value_and_grad(f), "numpy", unroll=100)
    value, wanted = steps(X)
    np.testing.assert_allclose(value, f(X), rtol=1e-12)
    for backend in irgrad.backends():
        found = irgrad.compile(irgrad.value_and_grad(f), backend, unroll=0)(X)
        np.testing.assert_allclose(found[0], value, rtol=1e-12)
        np.testing.assert_allclose(found[1], wanted, rtol=1e-10, atol=1e-12)


def test_second_derivatives() -> None:
    def along(x: Any) -> Any:
        gradient = irgrad.grad(lambda x: total(rows_of_a_factor, x))
        return irgrad.jvp(gradient, (x,), (np.cos(x),))

    for found, wanted in zip(*(irgrad.compile(along, unroll=n)(X) for n in (0, 100)), strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("number", [np.nan, np.inf])
def test_what_no_step_touches_may_be_anything(number: float) -> None:
    def upper(x: Any) -> Any:
        y = x.copy()
        for i in range(6):
            for j in range(i + 1, 6):
                y[i, j] = y[i, j] * x[i, j] + x[0, j]
        return np.sum(np.triu(y, 1))

    x = np.where(np.tri(6, dtype=bool), number, X)
    wanted = irgrad.compile(irgrad.grad(upper), unroll=100)(x)
    assert np.isfinite(wanted).all()
    np.testing.assert_allclose(irgrad.compile(irgrad.grad(upper), unroll=0)(x), wanted, rtol=1e-12)


def test_an_index_outside_is_an_error() -> None:
    def outside(x: Any) -> Any:
        x = x.copy()
        for i in range(6):
            for j in range(i, 7):
                x[i, j] = x[i, j] * 2.0
        return np.sum(x)

    with pytest.raises(IndexOutOfBounds):
        irgrad.compile(irgrad.grad(outside), unroll=0)(X)
