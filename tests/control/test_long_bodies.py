"""Loops with bodies of many operations on what other operations of the body gave, twice each: who
follows operands one by one without a note of where it has been never comes back, and who does so by
recursion gets no further than Python's stack."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from traceback import walk_stack
from typing import Any

import numpy as np
import pytest

import irgrad

COUNT = 300


@pytest.fixture(autouse=True)
def shallow_stack() -> Iterator[None]:
    """Not so many calls inside each other as a body has operations."""
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(sum(1 for _ in walk_stack(None)) + COUNT - 20)
    yield
    sys.setrecursionlimit(limit)


Step = Callable[[Any, Any, Any, Any], tuple[Any, Any]]


def numbers(i: Any, x: Any) -> Any:
    return x[0] * 1.0, x[1] * 1.0


def integers(i: Any, x: Any) -> Any:
    return i + 0, i + 1


def places(i: Any, x: Any) -> Any:
    return np.arange(7) + i, np.arange(7) + 2 * i


def truths(i: Any, x: Any) -> Any:
    return np.arange(7) < i, x > 0.5


BODIES: dict[str, tuple[Callable[[Any, Any], Any], Step]] = {
    # sequences that repeat after six steps, so that nothing grows
    "sums": (numbers, lambda i, x, a, b: (a - b, a)),
    "sums of products": (numbers, lambda i, x, a, b: (a - 0.5 * (a + x[2]), a - b * 0.25)),
    "choices": (numbers, lambda i, x, a, b: (np.where(x[2] > a, a - b, a), a)),
    "indices": (integers, lambda i, x, j, k: (j - k, j)),
    "arrays of indices": (places, lambda i, x, j, k: (j - k, j)),
    "masks": (truths, lambda i, x, m, n: (m & n, m | n)),
}


def total(name: str, count: int, x: Any) -> Any:
    start, step = BODIES[name]

    def body(i: Any, s: Any) -> Any:
        a, b = start(i, x)
        for _ in range(count):
            a, b = step(i, x, a, b)
        if a.dtype == bool:
            return s + np.sum(np.where(a, x, 0.0)) + np.sum(np.where(b, x * i, 0.0))
        if a.dtype.kind == "i":
            return s + np.sum(x[a % 7] * x[b % 7]) + np.sum(x[(a - a) % 5])
        return s + a * b

    return irgrad.fori_loop(0, 5, body, 0.0)


@pytest.mark.parametrize("name", BODIES)
def test_bodies_of_many_operations_compile(name: str) -> None:
    x = np.linspace(0.1, 0.9, 7)
    with irgrad.without_capture():
        short = irgrad.value_and_grad(lambda x: total(name, 6, x))(x)
        found = irgrad.value_and_grad(lambda x: total(name, COUNT, x))(x)
    if name in ("sums", "indices", "arrays of indices"):  # the same after six steps
        for one, other in zip(found, short, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-12)


ADDED: dict[str, Callable[[Any, Any, Any], Any]] = {
    "numbers": lambda i, x, s: s + x[0] * x[1],
    "rows": lambda i, x, s: s - x * x[1],
    "where": lambda i, x, s: np.where(x[0] < 0.5, s + x[1], s),
}


@pytest.mark.parametrize("name", ADDED)
def test_a_body_may_add_to_a_sum_many_times(name: str) -> None:
    def total(x: Any) -> Any:
        def body(i: Any, s: Any) -> Any:
            for _ in range(COUNT):
                s = ADDED[name](i, x, s)
            return s

        return np.sum(irgrad.fori_loop(0, 3, body, np.zeros(7 if name == "rows" else ())))

    x = np.linspace(0.1, 0.9, 7)
    with irgrad.without_capture():
        value, slope = irgrad.value_and_grad(total)(x)
    one = {"numbers": x[0] * x[1], "rows": -np.sum(x * x[1]), "where": x[1]}[name]
    np.testing.assert_allclose(value, 3 * COUNT * one, rtol=1e-10)
    assert np.all(np.isfinite(slope))


@pytest.mark.parametrize("backend", ["numba", "numpy"])
def test_a_body_may_write_to_an_array_many_times(backend: str) -> None:
    def total(x: Any) -> Any:
        def body(i: Any, u: Any) -> Any:
            for _ in range(COUNT):
                u[i] += x[i] * x[0]
            return u

        return np.sum(irgrad.fori_loop(0, 7, body, np.zeros(7)))

    x = np.linspace(0.1, 0.9, 7)
    with irgrad.without_capture():
        value, slope = irgrad.compile(irgrad.value_and_grad(total), backend)(x)
    np.testing.assert_allclose(value, COUNT * np.sum(x) * x[0], rtol=1e-12)
    expected = COUNT * (x[0] + np.sum(x) * (np.arange(7) == 0))
    np.testing.assert_allclose(slope, expected, rtol=1e-12)
