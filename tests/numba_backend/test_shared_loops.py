"""Loops whose steps threads share: the same bits for any number of threads, and no harm where there
are several callers, errors, or a fork."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from irgrad_numba import chunks, emit, kernel

import irgrad
from tests.numba_backend.at_once import outputs_of, threads_of

RNG = np.random.default_rng(0)
Function = Callable[..., Any]
STEPS = 9


@pytest.fixture
def everything_is_shared(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small kernels of loops are cut like large ones."""
    monkeypatch.setattr(kernel, "FINE", chunks.Grain(0, 1.0, 0.03, even=True))
    monkeypatch.setattr(emit, "LONG", 2)


def turns(x: Any) -> Any:
    """Two grids that take turns; the second step reads what the first writes, rows apart."""
    x, y = x.copy(), np.zeros(x.shape)
    for _ in range(STEPS):
        y[1:-1, 2:-2] = 0.2 * (x[:-2, 2:-2] + x[2:, 2:-2] + x[1:-1, :-4] + x[1:-1, 4:])
        x[1:-1, 2:-2] = y[1:-1, 2:-2] * 0.5 + np.tanh(y[:-2, 2:-2] - y[2:, 2:-2])
    return np.sum(x**2)


def fields(x: Any) -> Any:
    """Three fields at places between one another, as in Maxwell's equations."""
    ex, ey, hz = x.copy(), 0.5 * x, x * x
    for t in range(STEPS):
        ey[0, :] = 0.1 * t
        ey[1:, :] -= 0.5 * (hz[1:, :] - hz[:-1, :])
        ex[:, 1:] -= 0.5 * (hz[:, 1:] - hz[:, :-1])
        hz[:-1, :-1] -= 0.7 * (ex[:-1, 1:] - ex[:-1, :-1] + ey[1:, :-1] - ey[:-1, :-1])
    return np.sum(hz)


def in_one_array(x: Any) -> Any:
    """Each step reads its neighbours in the array that it writes to."""
    x = x.copy()
    for _ in range(STEPS):
        x[1:-1, 1:-1] = 0.25 * (x[:-2, 1:-1] + x[2:, 1:-1] + x[1:-1, :-2] + x[1:-1, 2:])
        x[0, :] = x[-2, :]
        x[:, 0] *= 0.5
    return np.sum(np.sin(x))


def with_sums(x: Any) -> Any:
    """Folds over the axis that is cut, and over others, in loops in loops."""
    x = x.copy()
    for _ in range(STEPS):
        for k in range(2):
            x -= 0.1 * np.mean(x, axis=0) + k * np.max(x, axis=1)[:, None]
        x /= 1.0 + np.sum(x * x)
    return np.sum(x * np.arange(x.shape[1]))


def until(x: Any) -> Any:
    """As long as it is needed, and not the same in each step."""
    x, k = x.copy(), 0
    while k < STEPS and np.sum(x * x) > 1e-3:
        if k % 2:
            x[1:] = 0.5 * (x[1:] + x[:-1])
        else:
            x = 0.9 * np.cos(x[::-1]) * x
        k += 1
    return np.sum(x)


PROGRAMS = [turns, fields, in_one_array, with_sums, until]


@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.parametrize("shape", [(19, 23), (6, 5), (41, 64)])
@pytest.mark.usefixtures("everything_is_shared")
def test_they_compute_what_numpy_does(program: Function, shape: tuple[int, int]) -> None:
    x = RNG.standard_normal(shape)
    both = irgrad.compile(irgrad.value_and_grad(program), backend="numba")
    value, slope = both(x)
    np.testing.assert_allclose(value, program(x), rtol=1e-11)
    numpy = irgrad.compile(irgrad.grad(program), backend="numpy")
    np.testing.assert_allclose(slope, numpy(x), rtol=1e-9, atol=1e-11)
    if shape == (41, 64):
        assert "chunks for the threads" in both.kernels(x)


SCRIPT = """
import hashlib, sys, numpy as np, irgrad
from irgrad_numba import chunks, kernel
from tests.numba_backend.test_shared_loops import PROGRAMS
kernel.FINE = chunks.Grain(0, 20.0, 0.03, even=True)
x, digest = np.random.default_rng(1).standard_normal((61, 40)), hashlib.sha256()
for program in PROGRAMS[:4:3] + PROGRAMS[1:2]:
    f = irgrad.compile(irgrad.value_and_grad(program), backend="numba")
    for k in range(40):
        value, slope = f(x)
        first = (value, slope.copy()) if k == 0 else first
        assert value == first[0] and np.array_equal(slope, first[1]), program.__name__
    digest.update(value.tobytes() + slope.tobytes())
print(digest.hexdigest())
"""


def test_the_number_of_threads_does_not_change_a_bit() -> None:
    """Nor whether steps are shared, which changes while they run."""
    found = outputs_of(SCRIPT, 1, 2, 3)
    assert len(found) == 1


def _compiled() -> tuple[Function, Any, Any]:
    f = irgrad.compile(irgrad.value_and_grad(turns), backend="numba")
    x = RNG.standard_normal((120, 130))
    return f, x, [np.array(part) for part in f(x)]


def _is_right(found: Any, expected: Any) -> bool:
    return all(np.array_equal(x, y) for x, y in zip(found, expected, strict=True))


def test_many_callers_at_once() -> None:
    f, x, expected = _compiled()

    def run(_: int) -> None:
        for _ in range(20):
            assert _is_right(f(x), expected)

    threads_of(run, 4)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system has no fork")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")  # other threads hold no lock here
def test_a_child_after_a_fork() -> None:
    f, x, expected = _compiled()
    for _ in range(10):
        f(x)
    child = os.fork()
    if child == 0:
        os._exit(0 if all(_is_right(f(x), expected) for _ in range(10)) else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert _is_right(f(x), expected)


@pytest.mark.usefixtures("everything_is_shared")
def test_an_error_amid_a_loop_leaves_the_threads_free() -> None:
    def program(x: Any, i: Any) -> Any:
        x = x.copy()
        for k in range(len(i)):
            x[1:-1] = 0.5 * (x[:-2] + x[2:])
            x[i[k]] += 1.0
        return np.sum(x * x)

    f = irgrad.compile(irgrad.value_and_grad(program), backend="numba")
    x, i = RNG.standard_normal((40, 30)), np.arange(12)
    expected = [np.array(part) for part in f(x, i)]
    wrong = i.copy()
    wrong[7] = 99
    for _ in range(5):
        with pytest.raises(IndexError):
            f(x, wrong)
        assert _is_right(f(x, i), expected)


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="states of threads are read there")
def test_threads_sleep_when_the_loop_is_over() -> None:
    f, x, _ = _compiled()
    for _ in range(10):
        f(x)
    me, states = os.getpid(), set[str]()
    for _ in range(2000):
        states = {
            stat.read_text().rpartition(")")[2].split()[0]
            for stat in Path("/proc/self/task").glob("*/stat")
            if int(stat.parent.name) != me
        }
        if states <= {"S"}:
            return
        time.sleep(0.01)
    pytest.fail(f"threads still run: {states}")
