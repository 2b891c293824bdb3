"""Random nests of loops and branches against plain Python: values, both modes, second order."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import irgrad
from irgrad.ir.verify import verify
from irgrad.passes.pipeline import optimise
from tests.control import plain

State = tuple[Any, Any]
Program = Callable[[Any, State], State]
DATA = np.array([0.3, -0.5, 0.7])


def leaf(kind: int, a: float) -> Program:
    """One smooth step on a scalar and a vector."""
    steps: list[Program] = [
        lambda m, s: (np.sin(s[0] + a), s[1] * a + s[0]),
        lambda m, s: (s[0] * a + np.sum(s[1] * DATA), np.tanh(s[1])),
        lambda m, s: (np.cos(s[0]) * s[1][0], s[1] + DATA * s[0]),
        lambda m, s: (s[0] * 0.5, np.sin(s[1] * s[0]) + a),
        lambda m, s: (s[1][1] * a, np.stack([s[0], s[1][2], a * s[1][0]])),
    ]
    return steps[kind % len(steps)]


def program(rng: np.random.Generator, depth: int) -> Program:
    """A random program: a step, two in a row, or a loop or branch around one."""
    kind = rng.integers(0, 8) if depth else 0
    a, count = float(rng.uniform(-0.9, 0.9)), int(rng.integers(0, 4))
    inner = program(rng, depth - 1) if kind else leaf(int(rng.integers(0, 5)), a)
    other = program(rng, depth - 1) if kind in (1, 2, 3) else inner
    if kind == 1:
        return lambda m, s: other(m, inner(m, s))
    if kind == 2:
        pick = lambda s: np.sum(s[1]) * a > s[0] - a  # noqa: E731
        return lambda m, s: m.cond(pick(s), lambda s: inner(m, s), lambda s: other(m, s), s)
    if kind == 3:
        outer = lambda m, s: [lambda: inner(m, s), lambda: other(m, s), lambda: s]  # noqa: E731
        return lambda m, s: m.switch(1 * (s[0] > a) + 1 * (s[1][0] > a), outer(m, s))
    if kind == 4:

        def scanned(m: Any, s: State) -> State:
            step = lambda c, x: ((inner(m, c)[0] * x, c[1] + a * x), c[0] * c[1][1])  # noqa: E731
            (c, v), ys = m.scan(step, s, np.cos(DATA[:count] + s[0]), reverse=count == 2)
            return c + np.sum(ys), v

        return scanned if count else inner
    if kind == 5:

        def loop(m, s):
            return m.fori_loop(1, 1 + count, lambda i, c: inner(m, (c[0] + i * a, c[1])), s)

        return loop
    if kind == 6:

        def until(m: Any, s: State) -> State:
            body = lambda c: (*inner(m, c[:2]), c[2] + 1.0 + c[0] ** 2)  # noqa: E731
            return m.while_loop(lambda c: c[2] < count + 0.5, body, (*s, 0.25))[:2]

        return until
    return lambda m, s: (np.sum(m.map(lambda x: inner(m, (x, s[1]))[0], s[1] * a)), inner(m, s)[1])


@pytest.mark.parametrize("seed", range(12))
def test_random_nests(seed: int) -> None:
    run = program(np.random.default_rng(seed), 3)
    x, v = 0.37, np.array([0.4, -0.2, 0.6])
    expected = run(plain, (x, v))
    nested = lambda x, v: run(irgrad, (x, v))  # noqa: E731
    backend = irgrad.backends()[seed % len(irgrad.backends())]
    with irgrad.use_backend(backend):
        for got in (nested(x, v), irgrad.compile(nested)(x, v)):
            for one, other in zip(got, expected, strict=True):
                np.testing.assert_allclose(one, other, rtol=1e-10, atol=1e-12)
        if all(np.abs(np.asarray(y)).max() < 50 for y in expected):
            irgrad.check_grads(nested, (x, v), order=1 + (seed % 6 == 0), step=2e-4, rtol=1e-6)
    scalar = lambda x, v: nested(x, v)[0] * 1.0  # noqa: E731
    graph = irgrad.trace(irgrad.grad(scalar, (0, 1)), x, v)
    verify(optimise(verify(graph)))
