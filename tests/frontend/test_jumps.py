"""`break`, `continue` and `return` wherever Python has them, under conditions that only the running
program knows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import irgrad
from irgrad.errors import IrgradError
from tests.frontend.against_python import POINTS, check_like_python


def while_true(x: Any) -> Any:
    y, n = abs(x) + 1.0, 0
    while True:
        new = 0.5 * (y + (abs(x) + 1.0) / y)
        n += 1
        if abs(new - y) < 1e-12:
            break
        y = new
    return y, n


def break_in_range(x: Any) -> Any:
    s = 0.0
    for i in range(100):
        s += np.sin(x * i) ** 2
        if s > 5:
            break
    return s, i


def break_in_short(x: Any) -> Any:
    for i in range(4):
        if x > i:
            break
        x = x + 0.7
    else:
        x = x * 10
    return x, i


def continue_in_range(x: Any) -> Any:
    s = 0.0
    for i in range(60):
        if np.sin(x * i) < 0:
            continue
        s += np.cos(x * i)
        if s > 4:
            if i % 2 == 0:
                continue
            s *= 0.5
        s += 0.1
    return s


def return_in_loop(x: Any) -> Any:
    y = x
    for i in range(50):
        y = 0.9 * y + np.sin(i)
        if y > 2.5:
            return y * x
    return y + 100


def return_in_nested(x: Any) -> Any:
    total = 0.0
    for i in range(30):
        for j in range(40):
            total += np.sin(x * i) * np.cos(x + j)
            if total > 6:
                return total, i, j
            if j > i:
                break
        total -= 0.01
    return total, -1, -1


def searched(x: Any) -> Any:
    a = np.linspace(-2, 4, 80)
    for i in range(len(a)):
        if a[i] > x:
            break
    else:
        return x * 3
    return a[i] * x


def partial_returns(x: Any) -> Any:
    y = x * 2
    if x > 0:
        if x > 1:
            return y
        y = y + 1
    elif x < -1:
        y = y - 1
    y = y * x
    if y > 0:
        return y + 1
    return y


def returns_nothing(x: Any) -> Any:
    def touch(a: Any) -> None:
        if x > 0:
            a[0] = x
            return
        for _ in range(40):
            a[1] += x
            if a[1] < -3:
                return
            a[2] -= x

    a = np.zeros(3)
    touch(a)
    return a


def with_block(x: Any) -> Any:
    with np.errstate(all="ignore"):
        if x > 1:
            return np.log(x)
        y = x + 1
    return y * 2


def tried(x: Any) -> Any:
    log = []
    for i in range(3):
        try:
            if x > i:
                continue
            x = x + 0.5
        finally:
            log.append(i)
    return x, len(log)


def while_else(x: Any) -> Any:
    n = 0
    while n < 5:
        x = x * 1.5
        if x > 4:
            break
        n += 1
    else:
        x = -x
    return x


def walrus(x: Any) -> Any:
    n = 0
    y = abs(x) + 2
    while (half := y * 0.5) > 0.3:
        y = half
        n += 1
        if n > 30:
            break
    return y, half


def matched(x: Any) -> Any:
    s = 0.0
    for kind in ("a", "b", "c"):
        match kind:
            case "a":
                if x > 0:
                    continue
                s += 1
            case "b":
                s += x
            case _:
                s += 2 * x
        s *= 1.5
    return s


def bisection(x: Any) -> Any:
    low, high = 0.0, 10.0
    target = x * x
    for _ in range(200):
        middle = (low + high) / 2
        if middle**2 < target:
            low = middle
        else:
            high = middle
        if high - low < 1e-10:
            break
    root = 0.5 * (high + target / high)
    return root * x


def out_of_bounds_after_break(x: Any) -> Any:
    a = np.cos(np.arange(20.0)) + x
    i = 0
    while a[i] > -5:
        i += 1
        if i == 20:
            break
    return np.sum(a[:3]) * i


FUNCTIONS = (
    while_true, break_in_range, break_in_short, continue_in_range, return_in_loop, return_in_nested,
    searched, partial_returns, returns_nothing, with_block, tried, while_else, walrus, matched,
    bisection, out_of_bounds_after_break,
)  # fmt: skip


@pytest.mark.parametrize("backend", ["numpy", "numba"])
@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda f: f.__name__)
def test_jumps(function: Any, backend: str) -> None:
    check_like_python(function, backend, POINTS)


@pytest.mark.parametrize("function", [while_true, break_in_range, return_in_nested, bisection])
def test_long_loops_stay_loops(function: Any) -> None:
    names = [node.op.name for node in irgrad.compile(function).graph(0.5)]
    assert "while" in names
    assert len(names) < 30


TRACES: list[int] = []


def traced() -> None:
    TRACES.append(1)


def test_a_chain_of_returns_is_traced_once() -> None:
    def chain(x: Any) -> Any:
        if x > 5:
            return x
        if x > 4:
            return x * 2
        if x > 3:
            return x * 3
        if x > 2:
            return x * 4
        if x > 1:
            return x * 5
        traced()
        return x * 6

    TRACES.clear()
    assert irgrad.compile(chain)(2.5) == 10.0
    assert len(TRACES) == 1


def mixed(x: Any) -> Any:
    for i in range(40):
        x = x * 1.1
        if x > 2:
            return x
        if x < -2:
            return x, i
    return x


def test_what_is_returned_must_agree() -> None:
    with pytest.raises(IrgradError, match="what is returned on line") as error:
        irgrad.compile(mixed)(1.0)
    first = mixed.__code__.co_firstlineno
    assert f"line {first + 4} and {first + 6}" in str(error.value)


def test_an_index_compares_with_python_s_numbers() -> None:
    def program(x: Any) -> Any:
        s = 0.0
        for i in range(100):
            if i == 3 or i > 90:
                s += x
        return s

    compiled = irgrad.compile(program)
    assert compiled(2.0) == program(2.0)
    assert "loop" in [node.op.name for node in compiled.graph(2.0)]


def certain_in_the_end(x: Any) -> Any:
    for k in range(5):
        if x < 0.5 * k - 1 or k == 4:
            return x * k
    return None


def test_what_is_returned_at_the_latest_by_the_last_step() -> None:
    function = certain_in_the_end
    for x in (-3.0, -0.2, 0.7, 1.5, 9.0):
        np.testing.assert_allclose(irgrad.compile(function)(x), function(x))
        slope = function(x + 0.001) - function(x - 0.001)
        np.testing.assert_allclose(irgrad.grad(function)(x) * 0.002, slope, rtol=1e-6)
