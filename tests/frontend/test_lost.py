"""What branches leave different: no error as long as nobody uses it, and the line where it came
from if somebody does."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import irgrad
from irgrad.errors import ArgumentError, TraceError
from tests.frontend.against_numpy import assert_same


class Record:
    """An object whose attributes come later."""


def note(x: Any, items: Any, table: Any, record: Any) -> Any:
    if x < 0:
        return x
    items.pop()
    table["seen"] = 1.0
    record.last = x
    return 2 * x


def of_the_function(x: Any) -> Any:
    items: list[Any] = []
    if x < 0:
        return 0.5 * x
    items.append(x)
    table = {"a": x}
    table["b"] = sum(items)
    return table["b"] * 3


def of_a_callee(x: Any) -> Any:
    return note(x, [1.0], {}, Record())


def in_a_loop(x: Any) -> Any:
    for i in range(40):
        if x > 3:
            pair = (x, i)
            x = pair[0] - 1
        else:
            pair = x
        if i % 2:
            continue

        def scaled(v: Any) -> Any:
            return 0.9 * v

        x = scaled(x) + 0.3
    return x


def growing(x: Any) -> Any:
    items = [0.0]
    for i in range(50):
        items.append(x * i)
        x = x + 0.01 * len(items)
        if 2.0 in [i] and len(items) > 10:
            x = 0.5 * x
    return x + sum(items)


@pytest.mark.parametrize("function", [of_the_function, of_a_callee, in_a_loop, growing])
@pytest.mark.parametrize("x", [-1.0, 2.0, 7.5])
def test_what_nobody_uses_may_differ(function: Any, x: float) -> None:
    assert_same(irgrad.compile(function)(x), np.float64(function(x)))
    irgrad.check_grads(function, (x,), order=1)


USES: dict[str, Any] = {
    "length": lambda y, items, table, record: y + len(items),
    "truth": lambda y, items, table, record: y if items else 0.0,
    "item": lambda y, items, table, record: y + items[0],
    "sum": lambda y, items, table, record: sum(items, y),
    "array": lambda y, items, table, record: np.sum(np.array(items)),
    "result": lambda y, items, table, record: (y, items),
    "search": lambda y, items, table, record: y if "seen" in table else 0.0,
    "get": lambda y, items, table, record: y * table.get("seen", 2.0),
    "attribute": lambda y, items, table, record: y * record.last,
    "shape": lambda y, items, table, record: y * record.last.shape[0],
}


def enumerated(y: Any, items: Any, table: Any, record: Any) -> Any:
    for i, _ in enumerate(items):
        y = y + i
    return y


@pytest.mark.parametrize("use", [*USES.values(), enumerated], ids=[*USES, "enumerate"])
def test_what_is_used_is_refused_with_the_line_where_it_came_from(use: Any) -> None:
    def function(x: Any) -> Any:
        items, table, record = [0.5], {}, Record()
        y = note(x, items, table, record)
        return use(y, items, table, record)

    with pytest.raises((ArgumentError, AttributeError), match="differs between the branches") as e:
        irgrad.compile(function)(1.0)
    assert "test_lost.py:" in str(e.value)
    assert "hint:" in str(e.value)


def test_a_variable_that_differs_is_refused_where_it_is_read() -> None:
    def function(x: Any, c: Any) -> Any:
        pair: Any = 0.0
        for i in range(70):
            if x > 0:
                pair = (1.0, x)
            else:
                pair = x
            if c > i:
                continue
            pair = 5.0
        return pair

    with pytest.raises(ArgumentError, match=r"'pair' differs between the branches.*\n.*test_lost"):
        irgrad.compile(function)(1.0, 1000.0)


def test_the_length_of_a_list_that_grows_in_a_loop_of_unknown_length() -> None:
    def function(x: Any, n: Any) -> Any:
        items = [0.0]
        for _ in range(n):
            items.append(x)
            x = x + len(items)
        return x

    with pytest.raises(TraceError, match="the length of a list that grows in the loop"):
        irgrad.compile(function)(1.0, np.array(3))
