"""Programs compiled in parts: the same bits as in one."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from irgrad_numba import machine
from irgrad_numba.llvm import Module
from irgrad_numba.split import split

import irgrad


def chain(x: Any) -> Any:
    y = x
    for k in range(12):
        y = np.sin(y) * np.mean(y + k) + np.tanh(x)
    return np.sum(np.exp(-(y**2)) / (1.0 + x))


def loop(x: Any) -> Any:
    y = np.zeros_like(x)
    for k in range(40):
        y[1:-1] = 0.5 * (y[:-2] + np.cos(y[2:])) + x[1:-1] * k
    return np.sum(y * np.log(x))


def products(x: Any) -> Any:
    A = np.outer(x, np.sqrt(x))
    return np.sum(np.tanh(A @ A.T @ x) * x)


@pytest.fixture
def cut(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Cuts what is compiled from here on into so many parts."""
    monkeypatch.setenv("IRGRAD_CACHE", "0")

    def set_parts(count: int) -> None:
        monkeypatch.setattr(machine, "PART", 1)
        monkeypatch.setattr(machine, "MOST_PARTS", count)
        monkeypatch.setattr(machine, "thread_count", lambda: count)

    return set_parts


@pytest.mark.parametrize("function", [chain, loop, products])
@pytest.mark.parametrize("n", [5, 3000])
def test_parts_give_the_bits_of_the_whole(
    function: Callable[..., Any], n: int, cut: Callable[[int], None]
) -> None:
    if function is products and n > 1000:
        n = 200
    x = np.random.default_rng(0).uniform(0.5, 2.0, n)
    results: list[Any] = []
    for count in (1, 2, 5, 64):
        cut(count)
        value, slope = irgrad.compile(irgrad.value_and_grad(function), "numba")(x)
        results.append((value, slope))
    for value, slope in results[1:]:
        assert value == results[0][0]
        assert np.array_equal(slope, results[0][1])


@pytest.mark.parametrize("function", [chain, loop])
def test_dense_kernels_of_long_programs_are_left_alone(
    function: Callable[..., Any], cut: Callable[[int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    cut(2)
    monkeypatch.setattr(machine, "LONG", 0)
    x = np.random.default_rng(0).uniform(0.5, 2.0, 30)
    results: list[Any] = []
    for dense in (10**9, 1):
        monkeypatch.setattr(machine, "DENSE", dense)
        compiled = irgrad.compile(irgrad.value_and_grad(function), "numba")
        results += compiled(x)
        assert ("optnone" in compiled.llvm()) == (dense == 1)
    np.testing.assert_allclose(results[2], results[0], rtol=1e-14)
    np.testing.assert_allclose(results[3], results[1], rtol=1e-13)


def test_without_more_threads_one_generates_all(
    cut: Callable[[int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    cut(3)
    x = np.linspace(0.5, 1.0, 9)
    found = irgrad.compile(products, "numba")(x)
    np.testing.assert_allclose(found, irgrad.compile(products, "numpy")(x), rtol=1e-12)


def test_each_function_is_in_one_part_but_those_that_are_inlined() -> None:
    module = Module()
    module.functions = {
        "tiny": "define internal double @tiny(double %x) alwaysinline {\nret double %x\n}",
        "a": "define internal double @a(double %x) noinline {\n"
        "%y = call double @tiny(double %x)\nret double %y\n}",
        "b": "define double @b(double %x) noinline {\n"
        "%y = call double @a(double %x)\n%z = call double @tiny(double %y)\nret double %z\n}",
    }
    parts = split(module, 2)
    assert len(parts) == 2
    assert [part.count("define") for part in parts] == [2, 2]
    assert sum("declare double @a(double %x) noinline" in part for part in parts) == 1
    assert sum("define double @a(" in part for part in parts) == 1, "another part calls it"
    assert all("define internal double @tiny(" in part for part in parts)
    for part in parts:
        machine.optimised(part, machine.target_machine(), 3)
