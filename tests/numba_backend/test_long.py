"""Programs with many operations, arguments and results: cut into pieces, in every combination."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from irgrad_numba import boundary, planning
from irgrad_numba.schedule import Kernel

import irgrad

COUNT = 3 * boundary.BLOCK + 5


def many(*args: Any) -> Any:
    """Each argument gives a result, the last one of all."""
    return [{"square": x * x, "rest": (x + 1.0,)} for x in args], sum(np.sum(x) for x in args)


def given() -> list[Any]:
    """Python floats, NumPy scalars, arrays and strided arrays in turn."""
    kinds = (
        float,
        np.float64,
        lambda k: np.full((2, 3), k / 7),
        lambda k: np.arange(k, k + 8.0)[::2],
        lambda k: np.float32(k),
    )
    return [kinds[k % len(kinds)](k) for k in range(COUNT)]


def test_many_arguments_of_all_kinds_and_nested_results():
    args = given()
    expected, total = many(*args)
    compiled = irgrad.compile(many, backend="numba")
    for _ in range(2):
        parts, found = compiled(*args)
        np.testing.assert_allclose(found, total)
        for part, other in zip(parts, expected, strict=True):
            np.testing.assert_allclose(part["square"], other["square"], rtol=1e-6)
            np.testing.assert_allclose(part["rest"][0], other["rest"][0], rtol=1e-6)


@pytest.mark.parametrize("place", [0, boundary.BLOCK - 1, boundary.BLOCK, COUNT - 1])
def test_an_argument_of_another_type_anywhere_is_seen(place: int):
    args: list[Any] = [np.full(3, float(k)) for k in range(COUNT)]
    compiled = irgrad.compile(lambda *x: sum(x), backend="numba")
    compiled(*args)
    args[place] = 5.0
    np.testing.assert_allclose(compiled(*args), sum(args))
    args[place] = np.arange(3)
    np.testing.assert_allclose(compiled(*args), sum(args))


def test_many_results_go_into_given_arrays_and_overlaps_are_seen():
    args = [np.full(3, float(k)) for k in range(COUNT)]
    compiled = irgrad.compile(lambda *x: tuple(v + 1 for v in x), backend="numba")
    out = tuple(np.empty(3) for _ in args)
    compiled(*args, out=out)
    np.testing.assert_array_equal(out, np.add(args, 1))
    compiled(*args, out=(*out[:-1], args[0]))  # an input of an earlier block
    np.testing.assert_array_equal(args[0], np.full(3, float(COUNT)))


def test_gradients_of_many_arguments():
    args = [np.full(2, float(k)) for k in range(COUNT)]
    grads = irgrad.grad(lambda *x: sum(np.sum(v * v) for v in x), argnums=tuple(range(COUNT)))
    for x, g in zip(args, irgrad.compile(grads, backend="numba")(*args), strict=True):
        np.testing.assert_array_equal(g, 2 * x)


def numbers() -> list[Any]:
    """Long rows of Python floats, with arrays and NumPy scalars between them."""
    rows = [[float(k) for k in range(COUNT)], [np.arange(3.0), np.float32(2)]]
    return [*rows[0], *rows[1], *rows[0], np.float64(3), *rows[0][:5]]


def test_many_numbers_in_a_row():
    args, order = numbers(), np.random.default_rng(0).permutation(len(numbers()))
    compiled = irgrad.compile(lambda *x: tuple(2 * x[k] for k in order), backend="numba")
    for _ in range(2):
        results = compiled(*args)
        for k, result in zip(order, results, strict=True):
            np.testing.assert_array_equal(result, 2 * args[k])
            assert result.dtype == np.asarray(args[k]).dtype


@pytest.mark.parametrize("place", [0, boundary.BLOCK, COUNT - 1, COUNT + 2, 2 * COUNT + 1])
@pytest.mark.parametrize("other", [np.float64(0.5), np.array(0.5), 7, True])
def test_what_is_no_float_in_a_row_of_floats_is_seen(place: int, other: Any):
    args = numbers()
    compiled = irgrad.compile(lambda *x: sum(np.sum(v) * k for k, v in enumerate(x)), "numba")
    compiled(*args)
    args[place] = other
    np.testing.assert_allclose(compiled(*args), sum(np.sum(v) * k for k, v in enumerate(args)))


def chain(x: Any) -> Any:
    """Scalars and arrays that need each other, sums, and writes in place, all in one long chain."""
    buffer, s = np.zeros(4), x[0]
    for k in range(90):
        x = np.sin(x) * 0.9 + s * 0.01
        s = s * 0.5 + np.sum(x) * 0.1 + np.cos(s)
        buffer[k % 4] += s
        if k % 7 == 3:
            x = x + buffer
    return np.sum(buffer) + s


@pytest.mark.parametrize("largest", [3, 10, 50])
def test_long_code_is_cut_anywhere(monkeypatch: pytest.MonkeyPatch, largest: int):
    monkeypatch.setattr(planning, "LARGEST", largest)
    x = np.linspace(0.1, 0.9, 4)
    function = irgrad.value_and_grad(chain)
    expected = irgrad.compile(function, backend="numpy", unroll=1000)(x)
    value, gradient = irgrad.compile(function, backend="numba", unroll=1000)(x)
    np.testing.assert_allclose(value, expected[0], rtol=1e-13)
    np.testing.assert_allclose(gradient, expected[1], rtol=1e-11)


def test_no_kernel_is_larger_than_what_compiles_well():
    def sines(x: Any) -> Any:
        for _ in range(1000):
            x = np.sin(x) + 0.1
        return x

    compiled = irgrad.compile(irgrad.grad(sines), backend="numba", unroll=10_000)
    compiled(0.5)
    planned = planning.plan(compiled.graph(0.5))
    kernels = [step for step in planned.steps if isinstance(step, Kernel)]
    assert len(kernels) > 4
    assert max(len(kernel.roots) for kernel in kernels) <= planning.LARGEST
