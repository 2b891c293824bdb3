"""Operands that Python may not evaluate, and what they write to: lists, dicts, objects, arrays and
variables of functions around them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tests.frontend.against_python import check_like_python

POINTS = (-0.512, 0.487, 1.93)


class Count:
    def __init__(self) -> None:
        self.n = 0.0

    def add(self, v: Any) -> Any:
        self.n = self.n + v
        return v


def make_list() -> tuple[Callable[[Any], Any], Callable[[], Any]]:
    seen = [0.0]

    def ask(v: Any) -> Any:
        seen[0] = seen[0] + v
        return v

    return ask, lambda: seen[0]


def make_appended() -> tuple[Callable[[Any], Any], Callable[[], Any]]:
    seen: list[Any] = []

    def ask(v: Any) -> Any:
        seen.append(v)
        return v

    return ask, lambda: len(seen)


def make_dict() -> tuple[Callable[[Any], Any], Callable[[], Any]]:
    seen = {"sum": 0.0}

    def ask(v: Any) -> Any:
        seen["sum"] += v
        return v

    return ask, lambda: seen["sum"]


def make_array() -> tuple[Callable[[Any], Any], Callable[[], Any]]:
    seen = np.zeros(2)

    def ask(v: Any) -> Any:
        seen[1:] += v
        return v

    return ask, lambda: seen


def make_object() -> tuple[Callable[[Any], Any], Callable[[], Any]]:
    count = Count()
    return count.add, lambda: count.n


def make_nonlocal() -> tuple[Callable[[Any], Any], Callable[[], Any]]:
    n = 0.0

    def ask(v: Any) -> Any:
        nonlocal n
        n = n + v
        return v

    return ask, lambda: n


MAKERS = [make_list, make_appended, make_dict, make_array, make_object, make_nonlocal]


def chosen(x: Any, ask: Any) -> Any:
    return ask(x) if x > 0.1 else 2.0


def chosen_twice(x: Any, ask: Any) -> Any:
    return ask(x) + ask(2 * x) if x > 0.1 else ask(x - 1)


def conjunction(x: Any, ask: Any) -> Any:
    return ask(x) > 0 and ask(x - 1) > 0 and ask(x - 2) > 0


def disjunction(x: Any, ask: Any) -> Any:
    return ask(x - 1) > 0 or ask(x) > 0 or ask(x + 1) > 0


def asked(x: Any, ask: Any) -> Any:
    if (ask(x) > 0 and ask(x - 1)) or not ask(x + 0.3) > 0:
        return 2 * x
    return x


def chain(x: Any, ask: Any) -> Any:
    return ask(0.3) < ask(x) < ask(1.0) < ask(1 + x)


def filtered(x: Any, ask: Any) -> Any:
    return sum([ask(v) for v in (x, x - 1, x + 1) if ask(v) > 0 and ask(v - 0.5) > 0])


def in_a_loop(x: Any, ask: Any) -> Any:
    for _ in range(30):
        x = ask(x) * 0.9 if x > 0.3 and ask(x) < 1.5 else x + 0.1
    return x


def repeated(x: Any, ask: Any) -> Any:
    while ask(x) < 3.0:
        x = x + 0.3
    return x


def repeated_until(x: Any, ask: Any) -> Any:
    while 0.2 < ask(x) < 3.0 or ask(2 * x) < 0.3:
        x = x + 0.3
        if x > 1.5:
            break
    return x


def repeated_inside(x: Any, ask: Any) -> Any:
    for _ in range(20):
        while ask(x) < 0.3:
            x = x + 0.2
        x = x * 0.9
    return x


PROGRAMS = [chosen, chosen_twice, conjunction, disjunction, asked, chain, filtered, in_a_loop]
REPEATED = [repeated, repeated_until, repeated_inside]


PAIRS = [  # but for a list that grows as often as only the running program knows, which is refused
    (ask, make)
    for ask in [*PROGRAMS, *REPEATED]
    for make in MAKERS
    if ask not in [in_a_loop, *REPEATED] or make is not make_appended
]


@pytest.mark.parametrize(("ask", "make"), PAIRS, ids=lambda one: one.__name__)
def test_only_what_python_evaluates_has_effects(ask: Any, make: Any) -> None:
    def program(x: Any) -> Any:
        tell, told = make()
        value = ask(x, tell)
        return value * 1.0, told() * 1.0

    for backend in ("numpy", "numba"):
        check_like_python(program, backend, POINTS)
