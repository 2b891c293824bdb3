"""Errors about what branches and loops give name the user's variable."""

from __future__ import annotations

import numpy as np
import pytest

import irgrad
from irgrad.errors import IrgradError

X = np.array([1.0, 2.0, 3.0])


def branch_shape(x):
    a, b = x, x
    if x[0] > 0:
        a = x * 2
        b = x[:2]
    return np.sum(a) + np.sum(b)


def branch_dtype(x):
    a, b = x, x
    if x[0] > 0:
        b = "text"
    return np.sum(a), b


def long_loop(x):
    a, b = x, x
    n = np.sum(x).astype(int)
    for _ in range(n):
        a = a + 1
        b = np.concatenate([b, b])
    return np.sum(a) + np.sum(b)


def while_loop(x):
    a, b = x, x
    while np.sum(a) < 100:
        a = a * 2
        b = b[:-1]
    return np.sum(a) + np.sum(b)


@pytest.mark.parametrize("function", [branch_shape, branch_dtype, long_loop, while_loop])
def test_the_variable_is_named(function) -> None:
    with pytest.raises(IrgradError, match="'b'") as caught:
        irgrad.compile(function)(X)
    assert "[0][" not in str(caught.value)
    assert "test_variable_names.py" in str(caught.value)


def test_a_range_that_nothing_can_count() -> None:
    with pytest.raises(IrgradError, match="known only when it runs") as caught:
        irgrad.compile(lambda x: sum(x for _ in range(int(x))))(2.0)
    assert "range(int(x))" in str(caught.value)


def test_results_without_a_variable_are_called_after_what_they_are() -> None:
    def powers(x, ys):
        return irgrad.scan(lambda c, y: (c * y, c + y), x, ys)[0]

    def halved(x):
        return irgrad.while_loop(lambda s: s > 1.0, lambda s: s / 2, x) * 2

    def taken(x):
        s = irgrad.fori_loop(0, 3, lambda i, s: s * x, x) * 2
        return s + irgrad.cond(x > 0, lambda t: t * 2, lambda t: -t, x)

    cases = [
        (powers, (2.0, np.ones(4)), ["c", "out.1"]),
        (irgrad.grad(powers), (2.0, np.ones(4)), ["c", "out.1", "c.tape", "x.bar", "y.bar"]),
        (halved, (9.0,), ["s", "steps"]),
        (taken, (2.0,), ["s_2", "out"]),  # the user's variable is %s
    ]
    for function, arguments, expected in cases:
        graph = irgrad.trace(function, *arguments)
        found = [
            graph.names[value]
            for node in graph
            if node.op.name in ("loop", "while", "cond")
            for value in node.outputs
        ]
        assert found == expected, str(graph)
        for again in (irgrad.parse(str(graph)), irgrad.from_json(graph.to_json())):
            assert str(again) == str(graph)
            assert again == graph
