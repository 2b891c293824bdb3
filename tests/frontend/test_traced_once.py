"""How often the body of a loop is traced, and that what is recalled of it is what it does."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest

import irgrad
from irgrad.frontend.capture.inner import Inner
from irgrad.frontend.capture.parts import Shape

N = 20


def nest(x: Any) -> Any:
    """Short loops that bind variables which have no value before."""
    out = np.zeros(3)
    for i in range(3):
        for j in range(3):
            for k in range(4):
                for m in range(4):
                    a = x[i] * x[j]
                    b = np.sin(a) * x[k] + a * x[m]
                    c = np.cos(b) - a * b
                    out[i] += c * b + np.tanh(a * c)
    return out.sum()


def arrays_of_each_step(x: Any) -> Any:
    """Inner loops write to what the outer step has made."""
    total = 0.0
    for i in range(N):
        row = np.zeros(N)
        for j in range(N):
            for k in range(N):
                row[j] += x[k] * x[i] * (j + 1)
        last = row
        for j in range(1, N):
            last[j] += 0.5 * last[j - 1]
        total = total + np.sum(last * x) / N
    return total


def other_types_the_next_time(x: Any) -> Any:
    """The same inner loop on an array of another shape, and on variables that have a value."""

    def walk(y: Any, start: Any) -> Any:
        seen = start
        for i in range(len(y)):
            new = y[i] * 0.5
            seen = seen + new * new
            y[i] = new
        return seen

    total, start = 0.0, 0
    for n in (N, 2 * N):
        y = np.concatenate([x] * (n // N))
        total = total + walk(y, start) + np.sum(y)
        start = total
    return total


@pytest.mark.parametrize("program", [nest, arrays_of_each_step, other_types_the_next_time])
@pytest.mark.parametrize("backend", ["numpy", "numba"])
def test_as_python_means_it(program: Any, backend: str) -> None:
    x = np.random.default_rng(0).uniform(0.1, 0.9, N)
    with irgrad.use_backend(backend):
        np.testing.assert_allclose(irgrad.compile(program)(x), program(x.copy()), rtol=1e-12)
        irgrad.check_grads(program, [x], order=2)


def traces(monkeypatch: Any, program: Any, *args: Any) -> int:
    """How many bodies are traced."""
    count = Counter[str]()
    run = Inner.run

    def counting(self: Any, body: Any) -> None:
        count["runs"] += 1
        run(self, body)

    monkeypatch.setattr(Inner, "run", counting)
    irgrad.trace(program, *args)
    return count["runs"]


def test_a_nest_is_traced_a_number_of_times_that_its_depth_alone_decides(monkeypatch: Any) -> None:
    x = np.ones(N)
    assert traces(monkeypatch, nest, x) <= sum(level + 1 for level in range(1, 5))
    assert traces(monkeypatch, arrays_of_each_step, x) <= 2 + 3 + 4 + 3


def test_names_are_made_only_for_errors(monkeypatch: Any) -> None:
    def place(*_: Any) -> str:
        raise AssertionError("nothing is wrong")

    monkeypatch.setattr(Shape, "place", place)

    def lists(x: Any) -> Any:
        pair = (x, [x[0], x[1]], 0.0)
        for i in range(N):
            pair = (pair[0] * 0.5, [pair[1][1], pair[1][0]], pair[2] + pair[1][0] * i)
            if pair[2] > 1.0:
                pair = (pair[0], pair[1], pair[2] - 1.0)
        return np.sum(pair[0]) + pair[2]

    irgrad.trace(lists, np.ones(3))
