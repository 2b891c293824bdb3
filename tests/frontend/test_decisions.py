"""Python's truth of traced values in code that is not rewritten."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import irgrad
from irgrad.errors import TraceError

TRACES: list[int] = []


def decides(x: Any, y: Any) -> Any:
    TRACES.append(1)
    n = 0
    while np.sum(x) > 1:
        x = x * 0.5
        n += 1
    if y > 0:
        return np.sum(x) * y
    return n - np.sum(x)


CALLS = [(np.ones(3), y) for y in (1.0, 2.0, -2.0, 3.0)] + [(np.full(3, 4.0), -2.0)]


@pytest.mark.parametrize("backend", ["numpy", "numba"])
def test_a_program_for_each_side(backend: str) -> None:
    compiled = irgrad.compile(decides, backend=backend, capture=False)
    slope = irgrad.compile(irgrad.grad(decides), backend=backend, capture=False)
    for function in (compiled, slope):
        TRACES.clear()
        for _ in range(2):
            for x, y in CALLS:
                plain = decides(x, y)
                TRACES.pop()
                if function is compiled:
                    np.testing.assert_allclose(function(x, y), plain)
                else:
                    scale = 0.5 ** (2 if x[0] == 1 else 4)
                    wanted = np.full(3, scale * (y if y > 0 else -1))
                    np.testing.assert_allclose(function(x, y), wanted)
        assert len(TRACES) == 3
    out = np.empty(())
    assert compiled(np.ones(3), -1.0, out=out) is out
    np.testing.assert_allclose(out, decides(np.ones(3), -1.0))


def test_what_it_closes_over_decides_too() -> None:
    limit = np.array(1.0)
    compiled = irgrad.compile(lambda x: x * 2 if np.sum(x) > limit else -x, capture=False)
    assert compiled(1.5) == 3.0
    limit[...] = 2.0
    assert compiled(1.5) == -1.5


def test_so_many_programs_are_kept() -> None:
    def counts(x: Any) -> Any:
        n = 0
        while n < x:
            n += 1
        return x * n

    compiled = irgrad.compile(counts, backend="numpy", capture=False)
    for n in [*range(1, 40), 1, 2]:
        assert compiled(float(n)) == n * n


def test_not_where_there_are_no_numbers() -> None:
    def program(x: Any) -> Any:
        return x if x > 0 else -x

    with irgrad.without_capture():
        with pytest.raises(TraceError, match="truth value"):
            irgrad.trace(program, 1.0)
        with pytest.raises(TraceError, match="truth value"):
            irgrad.vmap(program)(np.ones(2))
        with pytest.raises(TraceError, match="truth value"):
            irgrad.compile(lambda x: irgrad.fori_loop(0, 3, lambda i, c: program(c), x))(1.0)


def test_a_loop_without_source_is_told_of_once() -> None:
    scope: dict[str, Any] = {}
    exec("def long(x):\n    for _ in range(25000):\n        x = x + 1.0\n    return x", scope)
    with pytest.warns(UserWarning, match="long has no source"):
        irgrad.trace(scope["long"], 1.0)
    irgrad.trace(scope["long"], 1.0)
