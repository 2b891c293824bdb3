"""Loops that are called outside of any trace: Python runs their steps, and what comes out is what
the compiled loops give.
"""

from __future__ import annotations

import numpy as np
import pytest

import irgrad
from irgrad.errors import IrgradError, OutOfRange, TraceError
from irgrad.frontend.pytree import flatten

X = np.array([1.5, 2.0, -0.5])


@pytest.fixture(autouse=True)
def _interpreter():
    with irgrad.use_backend("numpy"):
        yield


def test_each_step_runs() -> None:
    seen = []
    rng = np.random.default_rng(0)

    def step(i, value):
        seen.append((i, float(value)))
        return value + rng.standard_normal()

    last = irgrad.fori_loop(2, 5, step, 0.0)
    draws = np.random.default_rng(0).standard_normal(3)
    np.testing.assert_allclose(last, np.sum(draws))
    np.testing.assert_allclose(seen, [(2, 0), (3, draws[0]), (4, draws[0] + draws[1])])
    rows = irgrad.map(lambda x: x + rng.integers(9), X)
    assert len(set(rows - X)) > 1
    count = []
    irgrad.while_loop(lambda c: not count.append(c) and c < 3, lambda c: c + 1, 0)
    assert count == [0, 1, 2, 3]


@pytest.mark.parametrize("loop", ["fori_loop", "while_loop", "scan", "map"])
def test_what_differs_in_each_step_is_refused_in_a_trace(loop) -> None:
    rng = np.random.default_rng(0)
    draw = lambda c: c + rng.standard_normal()  # noqa: E731
    run = {
        "fori_loop": lambda x: irgrad.fori_loop(0, 3, lambda i, c: draw(c), x),
        "while_loop": lambda x: irgrad.while_loop(lambda c: c < 3, draw, x),
        "scan": lambda x: irgrad.scan(lambda c, t: (draw(c), None), x, X)[0],
        "map": lambda x: irgrad.map(draw, x * X),
    }[loop]
    with pytest.raises(TraceError, match="would run once for all steps"):
        irgrad.compile(run)(1.0)


F32 = X.astype(np.float32)
LOOPS = {
    "integers that become floats": lambda: irgrad.fori_loop(0, 3, lambda i, c: c + 0.5 * i, 0),
    "no step": lambda: irgrad.fori_loop(3, 3, lambda i, c: c + 0.5 * i, 0),
    "no row": lambda: irgrad.scan(lambda c, x: (c + x, {"a": c * x, "b": None}), 0, X[:0]),
    "no condition holds": lambda: irgrad.while_loop(lambda c: c < 0, lambda c: c / 2, 3),
    "numbers of Python": lambda: irgrad.fori_loop(
        0, 3, lambda i, c: (c[0] * 2, c[1] and i < 1), (1, True)
    ),
    "float32": lambda: irgrad.scan(lambda c, x: (c * x, c + 1), np.float32(2), F32),
    "complex": lambda: irgrad.while_loop(lambda c: np.abs(c) < 9, lambda c: c * 1j * 2, 1 + 0j),
    "backwards": lambda: irgrad.scan(lambda c, x: (c + x, (c, x)), 0, X, reverse=True),
    "rows without axes": lambda: irgrad.scan(lambda c, _: (c * 2, c), 1, None, length=3),
    "rows that begin as integers": lambda: irgrad.scan(lambda c, x: (c + x, c), 0, X),
    "nested": lambda: irgrad.map(lambda x: irgrad.fori_loop(0, 2, lambda i, c: c * x, x), X),
    "arrays without axes": lambda: irgrad.fori_loop(
        0, 3, lambda i, c: np.add(c, i, out=c), np.zeros(())
    ),
    "None": lambda: irgrad.scan(lambda c, x: (None, None), None, X),
}


@pytest.mark.parametrize("loop", LOOPS)
def test_results_are_those_of_compiled_loops(loop) -> None:
    (eager, structure), (compiled, other) = (
        flatten(f()) for f in (LOOPS[loop], irgrad.compile(LOOPS[loop]))
    )
    assert structure == other
    for one, same in zip(eager, compiled, strict=True):
        np.testing.assert_array_equal(one, same, strict=True)
        assert type(one) is type(same)


def test_what_a_loop_is_given_is_its_own() -> None:
    def write(i, a):
        a[i] = 7.0
        return a

    def row(c, x):
        c += x
        x[0] = 9.0
        return c, c

    x, xs = X.copy(), np.stack([X, X])
    assert irgrad.fori_loop(0, 2, write, x).tolist() == [7.0, 7.0, -0.5]
    last, rows = irgrad.scan(row, x, xs)
    np.testing.assert_allclose(rows, [2 * X, 3 * X])
    np.testing.assert_allclose(last, rows[1])
    np.testing.assert_array_equal(x, X)
    np.testing.assert_array_equal(xs, [X, X])


@pytest.mark.parametrize(
    "loop",
    [
        lambda x: irgrad.scan(lambda c, t: (np.stack([c, t]), None), 0.0, x),
        lambda x: irgrad.scan(lambda c, t: (c, x[: int(t)]), 0.0, np.arange(3)),
        lambda x: irgrad.scan(lambda c, t: c, 0.0, x),
        lambda x: irgrad.fori_loop(0, 3, lambda i, c: (c, c), x),
        lambda x: irgrad.fori_loop(0, 3, lambda i, c: c * 1j, x),
        lambda x: irgrad.fori_loop(0, 3, lambda i, c: "a", x),
        lambda x: irgrad.while_loop(lambda c: c < 1, lambda c: c, x),
        lambda x: irgrad.while_loop(lambda c: True, lambda c: c, x),
    ],
)
def test_what_is_refused_is_refused_with_the_same_words(loop) -> None:
    messages = []
    for run in (loop, irgrad.compile(loop)):
        with pytest.raises(IrgradError) as caught:
            run(X)
        messages.append(str(caught.value).split("\n")[0])
    assert "test_outside_of_traces.py:" in str(caught.value)
    assert messages[0] == messages[1]


def test_python_integers_that_grow_too_large() -> None:
    with pytest.raises(OutOfRange, match="too large"):
        irgrad.fori_loop(0, 70, lambda i, c: c * 2, 1)
