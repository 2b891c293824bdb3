"""Graphs as functions: hand-edited text runs, is differentiated, and refuses what does not fit."""

from __future__ import annotations

import numpy as np
import pytest

import irgrad
from irgrad.errors import ArgumentError, DTypeError, ShapeError
from irgrad.runtime.graph_function import GraphFunction, graph_function

TEXT = """
graph @f(%x: f64[2], %y.bar: f64[]) -> (total: f64[], scaled: f64[2]) {
  %z: f64[2] = multiply(%x, %y.bar)     # a comment
  %s: f64[] = sum(%z) {axes=(0,)}
  return total=%s, scaled=%z
}
"""
GRAPH = irgrad.parse(TEXT)
CALLS = [GRAPH, irgrad.compile(GRAPH)]
KINDS = ["direct", "compiled"]


@pytest.mark.parametrize("call", CALLS, ids=KINDS)
def test_text_runs(call) -> None:
    total, scaled = call(np.array([1.0, 2.0]), 3.0)
    assert (total, scaled.tolist()) == (9.0, [3.0, 6.0])
    total, _ = call(y_bar=3.0, x=np.ones(2))
    assert total == 6.0


@pytest.mark.parametrize("call", CALLS, ids=KINDS)
def test_python_numbers_and_lists_are_converted(call) -> None:
    assert call([1, 2.0], 3)[0] == 9.0
    assert call(np.ones(2, np.float32), True)[1].dtype == np.float64


def test_hand_edited_text_runs() -> None:
    edited = TEXT.replace("multiply(%x, %y.bar)", "subtract(%x, %y.bar)")
    assert irgrad.compile(irgrad.parse(edited))([1.0, 2.0], 3.0)[0] == -3.0


@pytest.mark.parametrize("call", CALLS, ids=KINDS)
@pytest.mark.parametrize(
    ("args", "error", "message"),
    [
        (([1.0, 2.0],), ArgumentError, r"@f takes x: f64\[2\], y_bar: f64\[\]: missing"),
        (([1.0, 2.0], 1.0, 2.0), ArgumentError, "too many positional arguments"),
        ((np.ones(3), 1.0), ShapeError, r"input 'x' of @f is f64\[2\], got shape \(3,\)"),
        ((1.0, 1.0), ShapeError, r"got shape \(\)"),
        ((np.ones(2), np.ones(1)), ShapeError, r"input 'y_bar' of @f is f64\[\]"),
        ((np.ones(2) * 1j, 1.0), DTypeError, r"is f64\[2\], got c128 values"),
        (("ab", 1.0), DTypeError, "must be numbers, got a str"),
        ((None, 1.0), DTypeError, "must be numbers, got a NoneType"),
    ],
)
def test_what_does_not_fit_is_refused(call, args, error, message: str) -> None:
    with pytest.raises(error, match=message):
        call(*args)


def test_ragged_lists_are_refused() -> None:
    with pytest.raises(ShapeError, match="inhomogeneous"):
        GraphFunction(GRAPH)([[1.0], [1.0, 2.0]], 1.0)


def test_floats_do_not_become_integers() -> None:
    graph = irgrad.parse("graph @g(%n: i64[]) -> (out: i64[]) { return out=%n }")
    assert GraphFunction(graph)(3) == irgrad.compile(graph)(3) == 3
    with pytest.raises(DTypeError, match=r"is i64\[\], got f64 values"):
        GraphFunction(graph)(3.0)


def test_gradient_of_a_graph() -> None:
    graph = irgrad.parse(
        "graph @f(%x: f64[]) -> (out: f64[]) { %y: f64[] = multiply(%x, %x) return out=%y }"
    )
    assert irgrad.grad(graph)(3.0) == 6.0
    assert irgrad.grad(irgrad.grad(graph))(3.0) == 2.0
    assert irgrad.grad(graph) == irgrad.grad(graph)
    assert graph_function(graph) is graph_function(graph)


def test_a_dumped_gradient_runs() -> None:
    loss = "0.5 * sum((W @ x - y) ** 2)"
    rng = np.random.default_rng(0)
    args = rng.standard_normal((4, 3)), rng.standard_normal(3), rng.standard_normal(4)
    text = irgrad.compile(irgrad.grad(loss, ("W", "x"))).dump(*args)
    for got, expected in zip(
        irgrad.compile(irgrad.parse(text))(*args),
        irgrad.grad(loss, ("W", "x"))(*args),
        strict=True,
    ):
        np.testing.assert_allclose(got, expected)


def test_captured_inputs_are_arguments() -> None:
    weights = np.array([1.0, 2.0])
    graph = irgrad.trace(lambda x: weights @ x, np.ones(2))
    assert graph.captured == 1
    assert GraphFunction(graph)([3.0, 4.0], [1.0, 1.0]) == 7.0


def test_inside_a_trace_it_is_inlined() -> None:
    text = str(irgrad.trace(lambda x: GRAPH(x * 2.0, 3)[0], np.ones(2)))
    assert "3.0" in text and "captured" not in text
    gradient = irgrad.grad(lambda x: GRAPH([x[0], 1.0], x[1])[0])(np.array([2.0, 5]))
    assert gradient.tolist() == [5.0, 3.0]


def test_results_are_fresh_arrays() -> None:
    graph = irgrad.parse("graph @id(%x: f64[2]) -> (out: f64[2]) { return out=%x }")
    x = np.ones(2)
    assert not np.shares_memory(GraphFunction(graph)(x), x)
    assert not np.shares_memory(irgrad.compile(graph)(x), x)


def counted(x):
    for i in range(50):
        x = np.sin(x) + i * 0.1
    return x


def first_bound_inside(x):
    for i in range(50):
        y = x * i
    return np.sum(y)


def until(x):
    while np.sum(x) < 100.0:
        n = 2.0
        x = x * n
    return x


def nested(x):
    for i in range(30):
        for j in range(i, 40):
            x = x + 0.01 * (i - j)
        if np.sum(x) > 3.0:
            x = x / 2
    return x


@pytest.mark.parametrize("function", [counted, first_bound_inside, until, nested])
@pytest.mark.parametrize("backend", ["numpy", "numba"])
def test_a_graph_of_loops_takes_what_the_function_takes(function, backend) -> None:
    x = np.array([1.0, 2.0, 3.0])
    expected = function(x)
    graph = irgrad.trace(function, x)
    dumped = irgrad.compile(function).dump(x)
    slope = irgrad.grad(lambda x: np.sum(function(x)))
    for same in (graph, irgrad.parse(str(graph)), irgrad.from_json(graph.to_json())):
        np.testing.assert_allclose(irgrad.compile(same, backend=backend)(x), expected)
    np.testing.assert_allclose(irgrad.compile(irgrad.parse(dumped), backend=backend)(x), expected)
    edited = irgrad.compile(irgrad.parse(irgrad.compile(slope).dump(x)), backend=backend)
    np.testing.assert_allclose(edited(x), slope(x))


def test_a_missing_array_that_was_closed_over_has_a_remedy() -> None:
    weights = np.array([1.0, 2.0])
    graph = irgrad.trace(lambda x: np.sum(weights * x), 2.0)
    with pytest.raises(ArgumentError, match="weights stands for an array that the traced"):
        irgrad.compile(graph)(2.0)
    assert irgrad.compile(graph)(2.0, weights=weights) == 6.0
