"""Functions that are handed to control flow, solvers and rules are rewritten as those are that call
them: theirs too may branch on traced values."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import irgrad

X = np.array([0.5, 1.0])
TARGET = np.array([1.0, 2.0])


def grown(x: Any) -> Any:
    if np.sum(x) > 0:
        return x * 2.0
    return x * x


def step(c: Any, t: Any) -> Any:
    if t > 1:
        c = c + t
    return c, c


def body(i: Any, c: Any) -> Any:
    if i < 1:
        return c + 1.0
    return c * 3.0


def residual(x: Any) -> Any:
    if np.sum(x) > 100:
        return x
    return x - TARGET


def contracted(x: Any) -> Any:
    return x + 0.5 * (0 - residual(x))


def energy(x: Any) -> Any:
    total = 0.0
    if np.sum(x) > 100:
        total = total + 1.0
    return total + np.sum((x - TARGET) ** 2)


def grown_and_x(x: Any) -> Any:
    return grown(x), x


def pulled(x: Any, bar: Any) -> Any:
    if np.sum(x) > 0:
        return (2.0 * bar,)
    return (2 * x * bar,)


def pushed(primals: Any, tangents: Any) -> Any:
    if np.sum(primals[0]) > 0:
        return primals[0] * 2.0, tangents[0] * 2.0
    return primals[0] * primals[0], 2 * primals[0] * tangents[0]


def slope(t: Any, y: Any) -> Any:
    if t < 5:
        return -y
    return y


def _by_vjp() -> Any:
    f = irgrad.custom_vjp(grown)
    f.defvjp(grown_and_x, pulled)
    return irgrad.grad(lambda x: np.sum(f(x)))(X)


def _by_jvp() -> Any:
    f = irgrad.custom_jvp(grown)
    f.defjvp(pushed)
    return irgrad.grad(lambda x: np.sum(f(x)))(X)


def _by_jvps() -> Any:
    f = irgrad.custom_jvp(grown)
    f.defjvps(lambda tangent, result, x: pushed((x,), (tangent,))[1])
    return irgrad.grad(lambda x: np.sum(f(x)))(X)


CASES = {
    "fori_loop": (lambda: irgrad.fori_loop(0, 3, body, 0.0), 9.0),
    "fori_loop, compiled": (
        lambda: irgrad.compile(lambda x: irgrad.fori_loop(0, 3, body, x))(0.0),
        9.0,
    ),
    "scan": (lambda: irgrad.scan(step, 0.0, np.array([1.0, 2.0, 3.0]))[1], [0.0, 2.0, 5.0]),
    "map": (lambda: irgrad.map(grown, np.stack([X, -X])), [2 * X, X * X]),
    "while_loop": (lambda: irgrad.while_loop(lambda x: np.sum(x) < 9, grown, X), 8 * X),
    "while_loop, condition": (
        lambda: irgrad.while_loop(lambda x: grown(x)[0] < 9, lambda x: x + 1, X),
        X + 4,
    ),
    "cond": (lambda: irgrad.compile(lambda x: irgrad.cond(x[0] > 0, grown, grown, x))(X), 2 * X),
    "cond, known": (lambda: irgrad.compile(lambda x: irgrad.cond(True, grown, grown, x))(X), 2 * X),
    "switch": (
        lambda: irgrad.compile(lambda k, x: irgrad.switch(k, [grown, np.sin], x))(np.asarray(0), X),
        2 * X,
    ),
    "root": (lambda: irgrad.root(residual, X), TARGET),
    "fixed_point": (lambda: irgrad.fixed_point(contracted, X), TARGET),
    "minimize_argmin": (lambda: irgrad.minimize_argmin(energy, X), TARGET),
    "minimize": (lambda: irgrad.scipy.minimize(energy, X).x, TARGET),
    "solve_ivp": (
        lambda: irgrad.scipy.solve_ivp(slope, (0, 1), X, rtol=1e-9, atol=1e-9).y[:, -1],
        X / np.e,
    ),
    "custom_vjp": (_by_vjp, [2.0, 2.0]),
    "custom_jvp": (_by_jvp, [2.0, 2.0]),
    "custom_jvp, defjvps": (_by_jvps, [2.0, 2.0]),
    "checkpoint": (lambda: irgrad.grad(lambda x: np.sum(irgrad.checkpoint(grown)(x)))(X), [2, 2]),
    "vmap": (lambda: irgrad.vmap(grown)(np.stack([X, -X])), [2 * X, X * X]),
}


@pytest.mark.parametrize("name", CASES)
def test_a_function_that_branches(name: str) -> None:
    run, expected = CASES[name]
    np.testing.assert_allclose(run(), expected, rtol=1e-6)


def test_without_capture_they_are_as_they_are() -> None:
    with irgrad.without_capture(), pytest.raises(irgrad.errors.TraceError):
        irgrad.compile(lambda x: irgrad.fori_loop(0, 3, body, x))(0.0)
