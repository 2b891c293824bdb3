"""A program is never shared by calls that the traced code can tell apart."""

from __future__ import annotations

import dataclasses
import decimal
import itertools
from collections import OrderedDict, defaultdict
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

import irgrad


@dataclasses.dataclass(frozen=True)
class Point:
    x: Any
    y: Any = 0


ALIKE = [
    (1, True, np.True_),
    (0, False),
    (frozenset({1}), frozenset({True})),
    (frozenset({(1, 0)}), frozenset({(True, 0)}), frozenset({(1, False)})),
    (range(0), range(5, 5), range(0, 0, 2)),
    (range(0, 3, 2), range(0, 4, 2)),
    (decimal.Decimal("1.0"), decimal.Decimal("1.00"), 1, Fraction(1)),
    (Point(1), Point(True), Point(frozenset({1})), Point(frozenset({True}))),
    ({1: 2}, {True: 2}),
    ({(0, 1): "a"}, {(False, True): "a"}),
    (None, False),
]


@pytest.mark.parametrize("values", ALIKE, ids=repr)
def test_equal_values_that_code_can_tell_apart(values: Any) -> None:
    def f(x: Any, static: Any) -> Any:
        seen.append(repr(static))
        return x * len(seen)

    for order in (values, values[::-1]):
        seen: list[str] = []
        compiled = irgrad.compile(f)
        first = [compiled(1.0, value) for value in order]
        again = [compiled(1.0, value) for value in order]
        assert len(seen) == len(order)
        assert first == again == list(range(1, len(order) + 1))


def orders(kind: Any) -> list[Any]:
    items = {"a": 1.0, "b": 2.0, "c": 3.0}.items()
    return [kind(order) for order in itertools.permutations(items)]


KINDS: dict[str, Any] = {
    "dict": dict,
    "ordered": OrderedDict,
    "default": lambda items: defaultdict(float, items),
    "nested": lambda items: {"k": [dict(items)], "j": 0.0},
    "keys": lambda items: {(i, k): v for i, (k, v) in enumerate(items)},
}


def weighted(tree: Any) -> Any:
    """Depends on the order of the keys."""
    if isinstance(tree, dict):
        return sum((k + 1) * weighted(v) for k, v in enumerate(tree.values()))
    return sum(map(weighted, tree)) if isinstance(tree, list) else tree


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_the_order_of_keys_does_not_depend_on_earlier_calls(kind: Any) -> None:
    """Plain Python's result, in whatever order the calls come; gradients go back to their keys."""
    for given in (orders(kind), orders(kind)[::-1]):
        f, g = irgrad.compile(weighted), irgrad.grad(weighted)
        for tree in (*given, *given):
            assert f(tree) == weighted(tree)
            got = g(tree)
            assert list(got) == list(tree)
            assert weighted(irgrad.jvp(weighted, (tree,), (tree,))[0]) == weighted(tree)
            out, pull = irgrad.vjp(weighted, tree)
            assert out == weighted(tree)
            assert pull(1.0)[0] == got


def test_the_order_of_keyword_arguments() -> None:
    def f(**kwargs: Any) -> Any:
        return weighted(kwargs)

    compiled, slope = irgrad.compile(f), irgrad.grad(f, argnums="b")
    for order in orders(dict) * 2:
        assert compiled(**order) == f(**order)
        assert slope(**order) == list(order).index("b") + 1


def test_the_order_of_keys_in_results() -> None:
    for given in (orders(dict), orders(dict)[::-1]):
        f = irgrad.compile(lambda d: {k: 2 * v for k, v in d.items()})
        for tree in given:
            assert list(f(tree).items()) == [(k, 2 * v) for k, v in tree.items()]


def test_tangents_and_cotangents_may_come_in_another_order() -> None:
    one, other = {"a": 1.0, "b": 2.0}, {"b": 5.0, "a": 3.0}
    f = lambda d: {"p": d["a"] * 10, "q": d["b"]}  # noqa: E731 -- used twice
    assert irgrad.jvp(f, (one,), (other,))[1] == {"p": 30.0, "q": 5.0}
    assert irgrad.vjp(f, one)[1]({"q": 1.0, "p": 2.0})[0] == {"a": 20.0, "b": 1.0}
