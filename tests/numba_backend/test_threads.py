"""Compiled functions in many threads, and in many calls: the same bits, and no leak."""

from __future__ import annotations

import resource
import threading
import tracemalloc
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import pytest

import irgrad
from tests.numba_backend.at_once import threads_of

Array = np.ndarray[Any, Any]


def small(x: Any, i: Any) -> Any:
    return np.sum(np.tanh(x[i]) ** 2) + np.cumsum(x)[-1]


def large(x: Any, i: Any) -> Any:
    y = np.sort(np.exp(x[i]))[::-1] + x
    return np.sum(np.tanh(np.cumsum(y / y.size)) ** 2 * x)


def product(A: Any, x: Any) -> Any:
    return np.sum(np.tanh(A @ np.exp(A @ x)) ** 2)


def cases() -> Iterator[Any]:
    rng = np.random.default_rng(0)
    i = rng.integers(-20, 20, 20)
    yield pytest.param(small, [(rng.normal(size=20), i) for _ in range(8)], 1250, id="small")
    n = 30_000
    i = rng.integers(-n, n, n)
    yield pytest.param(large, [(rng.normal(size=n), i) for _ in range(8)], 12, id="unlocked")
    A = [rng.normal(size=(40, 40)) / 40 for _ in range(8)]
    yield pytest.param(product, [(a, b) for a, b in zip(A, A[::-1], strict=True)], 60, id="blas")


@pytest.mark.parametrize(("f", "inputs", "calls"), [*cases()])
def test_eight_threads_give_the_bits_of_one(
    f: Callable[..., Any], inputs: Sequence[Any], calls: int
) -> None:
    gradient = irgrad.compile(irgrad.value_and_grad(f), backend="numba")
    expected = [gradient(*args) for args in inputs]
    expected = [(value, np.array(bar)) for value, bar in expected]

    def run(number: int) -> None:
        kept: list[Any] = []
        out = np.empty(()), np.empty_like(inputs[0][0])
        for k in range(calls):
            which = (number + k) % len(inputs)
            if k % 5 == 4:
                value, bar = gradient(*inputs[which], out=out)
            else:
                value, bar = gradient(*inputs[which])
            assert value == expected[which][0]
            assert np.array_equal(bar, expected[which][1])
            if k % 7 == 0:
                kept.append((which, bar if k % 5 != 4 else bar.copy()))
        for which, bar in kept[-50:]:
            assert np.array_equal(bar, expected[which][1])

    threads_of(run)


def test_a_program_is_compiled_once_by_threads_that_come_at_once() -> None:
    count = 0

    def f(x: Any) -> Any:
        nonlocal count
        count += 1
        return np.sin(x) * 2.0

    compiled = irgrad.compile(f, backend="numba", capture=False)
    x, start = np.arange(5.0), threading.Barrier(8)

    def run(_: int) -> None:
        start.wait()
        for _ in range(100):
            np.testing.assert_array_equal(compiled(x), compiled(x))

    threads_of(run)
    assert len(compiled._programs.by_signature) == 1


def most_resident() -> int:
    """The most bytes that the process had in memory."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def test_memory_is_flat_over_many_calls() -> None:
    """Objects of Python, and the process as a whole."""
    gradient = irgrad.compile(irgrad.value_and_grad(small), backend="numba")
    x, i = np.linspace(-1, 1, 2000), np.arange(20)
    strided, out = np.repeat(x, 2)[::2], (np.empty(()), np.empty(2000))

    def calls(count: int) -> None:
        for _ in range(count):
            gradient(x, i)
            gradient(strided, i)
            gradient(x, i, out=out)

    def failing(count: int) -> None:
        for _ in range(count):
            with pytest.raises(IndexError):
                gradient(x, i + 2000)

    calls(100)
    failing(10)
    tracemalloc.start()
    before, resident = tracemalloc.get_traced_memory()[0], most_resident()
    calls(2000)
    failing(50)
    after = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert after - before < 50_000
    calls(30_000)
    assert most_resident() - resident < 20 * 2**20
