"""Derivatives to inner values by name in code with branches and loops: the slope that the result
shows when what the name means in the end is nudged where it is assigned, or an error."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import irgrad
from irgrad.errors import ArgumentError, DTypeError

nudge: Callable[[Any], Any] = lambda value: value  # noqa: E731 -- another one while it is measured


def while_inside(a: Any) -> Any:
    s = a
    while s < 10:
        t = nudge(s * 2)
        s = t + 1
    return s


def while_after(a: Any) -> Any:
    s = t = a
    while s < 10:
        t = nudge(s * 2)
        s = s + 1
    return t * t + s


def short(a: Any) -> Any:
    s = t = a
    for _ in range(3):
        t = nudge(s * 2)
        s = t + 1
    return s * t


def long_inside(a: Any) -> Any:
    s = a
    for _ in range(20):
        t = nudge(0.5 * s)
        s = np.sin(t) + 1
    return s


def long_through_a_name(a: Any) -> Any:
    t = u = a
    for _ in range(20):
        t = nudge(0.5 * u)
        u = t
    return u


def long_after(a: Any) -> Any:
    t = a
    for _ in range(20):
        t = nudge(np.sin(t) + 1)
    return t * a


def long_counted(a: Any) -> Any:
    s, count, t = a, 0, a
    for _ in range(20):
        t = nudge(0.5 * s)
        count += t > 0.1
        s = s * 0.9
    return s + t * count


def one_branch(a: Any) -> Any:
    s = a
    if a > 0:
        t = nudge(s * 2)
        s = t + 1
    return s


def both_branches(a: Any) -> Any:
    s = a
    if a > 0:
        t = nudge(s * 2)
        s = t + 1
    else:
        t = nudge(s * 3)
    return s + t


def after_branches(a: Any) -> Any:
    t = nudge(a * 2) if a > 0 else a * 3
    return t * t


def nested(a: Any) -> Any:
    s = t = a
    for _ in range(20):
        if s < 3:
            t = nudge(s * 1.5)
            s = t + 0.1
    return s + t


def straight(a: Any) -> Any:
    t = nudge(np.exp(a))
    return t * a


PROGRAMS = [
    while_inside, while_after, short, long_inside, long_through_a_name, long_after, long_counted,
    one_branch, both_branches, after_branches, nested, straight,
]  # fmt: skip
REFUSED = {while_inside, long_inside, long_through_a_name, one_branch, both_branches, nested}


def measured(program: Any, a: float, monkeypatch: pytest.MonkeyPatch) -> float:
    """The slope of the result along a nudge of the last value."""
    calls = [0]

    def run(by: float, last: int) -> float:
        calls[0] = 0

        def nudged(value: Any) -> Any:
            calls[0] += 1
            return value + by if calls[0] == last else value

        with monkeypatch.context() as patch:
            patch.setattr(f"{__name__}.nudge", nudged)
            return float(program(a))

    run(0.0, 0)
    last = calls[0]
    return (run(1e-6, last) - run(-1e-6, last)) / 2e-6


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda f: f.__name__)
def test_the_slope_is_whole_or_refused(program: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    ours = irgrad.grad(program, argnums="t")
    if program in REFUSED:
        with pytest.raises(ArgumentError, match=r"'t'[^$]*test_inner_values.py[^$]*t = t \+ e"):
            ours(0.5)
    else:
        np.testing.assert_allclose(ours(0.5), measured(program, 0.5, monkeypatch), rtol=1e-6)


def test_the_remedy_works(monkeypatch: pytest.MonkeyPatch) -> None:
    def with_argument(a: Any, e: Any = 0.0) -> Any:
        s = a
        if a > 0:
            t = s * 2
            t = t + e
            s = t + 1
        return s

    slope = irgrad.grad(with_argument, argnums="e")(0.5, e=0.0)
    np.testing.assert_allclose(slope, measured(one_branch, 0.5, monkeypatch), rtol=1e-6)


def test_a_whole_number_has_none() -> None:
    def f(x: Any) -> Any:
        k = np.argmax(x)
        return x[k]

    with pytest.raises(DTypeError, match=r"%k: i64\[\][^$]*k = np.argmax[^$]*hint"):
        irgrad.grad(f, argnums="k")(np.ones(3))
