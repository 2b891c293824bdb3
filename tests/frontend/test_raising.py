"""`raise` and `assert` under conditions that only the running program knows."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import irgrad
from irgrad.errors import IrgradError


class Diverged(Exception):
    """An exception of the user's."""


def checked(x: Any, n: int = 3) -> Any:
    if x < 0:
        raise ValueError(f"x is {x:.2f}, below {{0}}", n, x)
    assert x < 5, f"too large: {x}"
    return np.sqrt(x + 1.0)


def in_loop(x: Any) -> Any:
    s = 0.0
    for i in range(50):
        s = s + x
        if s > 20:
            raise Diverged("step", i)
    return s * x


def in_while(x: Any) -> Any:
    n = 0
    while True:
        x = x * 0.5
        n += 1
        if x < 1e-3:
            return n + x
        if n > 20:
            raise ArithmeticError(f"no convergence after {n}")


def in_callee(x: Any) -> Any:
    def positive(v: Any) -> Any:
        if v <= 0:
            raise ValueError("not positive")
        return np.log(v)

    a = np.zeros(3)
    if x < 1:
        a[0] = positive(x + 0.5)
    else:
        a[1] = positive(6 - x)
    return np.sum(a)


def either_raises(x: Any) -> Any:
    if x > 0:
        y = x * 2
    elif x > -1:
        raise KeyError("between")
    else:
        raise TypeError("below")
    return y


def index_in_message(x: Any) -> Any:
    a = np.cos(np.arange(30.0)) + x
    for i in range(30):
        assert a[i] < 3, ("row", i)
    return np.sum(a)


CASES: tuple[tuple[Callable[[Any], Any], float, float], ...] = (
    (checked, 2.0, -1.5), (checked, 0.5, 7.0), (in_loop, 0.25, 0.75), (in_while, 1.5, 1e9),
    (in_callee, 0.25, -2.0), (in_callee, 3.0, 7.0), (either_raises, 1.5, -0.5),
    (either_raises, 0.5, -3.0), (index_in_message, 1.0, 2.5),
)  # fmt: skip


@pytest.mark.parametrize("backend", ["numpy", "numba"])
@pytest.mark.parametrize(("function", "good", "bad"), CASES)
def test_raised_as_python_would(function: Any, good: float, bad: float, backend: str) -> None:
    with irgrad.use_backend(backend):
        compiled, slope = irgrad.compile(function), irgrad.grad(function)
        np.testing.assert_allclose(compiled(good), function(good))
        difference = (function(good + 1e-6) - function(good - 1e-6)) / 2e-6
        np.testing.assert_allclose(slope(good), difference, rtol=1e-6)
        push = irgrad.compile(lambda x: irgrad.jvp(function, (x,), (1.0,)))
        np.testing.assert_allclose(push(good)[1], slope(good))
        with pytest.raises(Exception) as wanted:  # noqa: PT011 -- compared below
            function(bad)
        for program in (compiled, slope, push):
            with pytest.raises(type(wanted.value)) as got:
                program(bad)
            said = str(wanted.value).partition("\nassert")[0]  # pytest adds to an assert's message
            assert str(got.value) == said
            notes = getattr(got.value, "__notes__", [])
            assert any("test_raising.py:" in note for note in notes)
        graph = compiled.graph(good)
        assert irgrad.parse(str(graph)) == graph


@pytest.mark.parametrize("backend", ["numpy", "numba"])
def test_for_each_example(backend: str) -> None:
    batched = irgrad.compile(irgrad.vmap(in_loop), backend=backend)
    x = np.array([0.1, 0.2])
    np.testing.assert_allclose(batched(x), [in_loop(v) for v in x])
    with pytest.raises(Diverged, match="step"):
        batched(np.array([0.1, 0.9]))


def test_known_conditions_raise_at_once() -> None:
    def sized(x: Any) -> Any:
        if len(x) != 3:
            raise ValueError("three, please")
        return x

    with pytest.raises(ValueError, match="three, please"):
        irgrad.trace(sized, np.zeros(4))


def caught(x: Any) -> Any:
    try:
        if x < 0:
            raise ValueError("negative")
        y = x
    except ValueError:
        y = 0.0
    return y


def suppressed(x: Any) -> Any:
    y = 0.0
    with contextlib.suppress(ValueError):
        if x < 0:
            raise ValueError("negative")
        y = x
    return y


def never_returns(x: Any) -> Any:
    if x > 0:
        raise ValueError("above")
    raise ValueError("below")


@pytest.mark.parametrize(
    ("function", "match"),
    [
        (caught, "of a try"),
        (suppressed, "of contextlib.suppress"),
        (never_returns, "whatever the traced values are"),
    ],
)
def test_refusals(function: Any, match: str) -> None:
    with pytest.raises(IrgradError, match=match) as error:
        irgrad.trace(function, 0.5)
    assert "test_raising.py:" in str(error.value)


def test_a_class_that_the_process_does_not_know() -> None:
    text = str(irgrad.trace(checked, 1.0)).replace("builtins.ValueError", "elsewhere.Strange")
    run = irgrad.compile(irgrad.parse(text))
    with pytest.raises(RuntimeError, match=r"x is -1\.00"):
        run(-1.0)
