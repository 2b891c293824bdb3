"""Loops through the part of an array that a slice with traced bounds shows, and no more."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import irgrad

A = np.random.default_rng(0).standard_normal((9, 9)) + 4.0 * np.eye(9)


def dots(A: Any) -> Any:
    A = A.copy()
    for i in range(len(A)):
        for j in range(i):
            A[i, j] -= A[i, :j] @ A[:j, j]
    return A


def growing(A: Any) -> Any:
    out = np.zeros_like(A)
    for k in range(len(A) + 1):
        out[:k, 0] += np.flip(A[:k, 1])
        out[k:, 1] = 2.0 * A[k:, 2]
        out[2:k, 3] *= A[2:k, 3]
    return out


def folds(A: Any) -> Any:
    out = np.zeros((5, len(A)))
    for k in range(len(A)):
        out[0, k] = np.sum(-np.abs(A[k, :k]))
        out[1, k] = np.prod(A[k, k:])
        out[2, k] = np.max(A[: k + 1, k]) - np.min(A[k, : k + 1])
        out[3, k] = np.sum(A[k:, :k])
        out[4, k] = np.any(A[k, :k] > 5.0)
    return out


def apart(A: Any) -> Any:
    """Neighbouring loops inside different bounds that read what each other makes."""
    out = np.zeros(len(A))
    for k in range(1, len(A)):
        row = np.zeros(k)
        row[:] = A[k, :k]
        row[::2] += np.arange(k)[::2]
        part = A[k:, :k]
        out[k] = np.var(A[k - 1 :, k]) + np.sum(part.mean(axis=0)) + np.std(part, axis=1)[0]
        out[k] += np.sum(np.diff(row)) + np.einsum("ij,j->", part, row) + np.sort(row)[0]
    return out


def triangles(A: Any) -> Any:
    A = A.copy()
    for k in range(len(A)):
        A[k, : k + 1] *= 1.5
        for j in range(5):
            A[k, : k + 1] += 0.1 * A[j, k] * A[: k + 1, j]
    return A


PROGRAMS = [dots, growing, folds, apart, triangles]


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda f: f.__name__)
def test_values_and_gradients(program: Callable[..., Any]) -> None:
    np.testing.assert_allclose(
        irgrad.compile(program, "numba", unroll=0)(A), program(A), rtol=1e-12
    )
    weights = np.random.default_rng(1).standard_normal(program(A).shape)

    def total(A: Any) -> Any:
        return np.sum(weights * program(A))

    found = irgrad.compile(irgrad.grad(total), "numba", unroll=0)
    first = found(A)
    wanted = irgrad.compile(irgrad.grad(total), "numpy")(A)
    np.testing.assert_allclose(first, wanted, rtol=1e-9, atol=1e-9)
    np.testing.assert_array_equal(found(A), first)  # rows that a step has written to are not read


@pytest.mark.parametrize("program", [dots, triangles], ids=lambda f: f.__name__)
def test_loops_end_where_slices_do(program: Callable[..., Any]) -> None:
    gradient = irgrad.grad(lambda A: np.sum(program(A)))
    text = irgrad.compile(gradient, "numba", unroll=0).kernels(A)
    limited = text.count("range(0, min(9, ")
    assert limited >= 3
    assert "where(" not in text  # inside of the bounds nothing is chosen
    assert "in the memory of its copy" not in text


def test_sums_of_nothing_are_positive_zeros() -> None:
    def sums(x: Any) -> Any:
        out = np.full((20, 2), -1.0)
        for k in range(20):
            out[k, 0] = np.sum(x[k:k])
            out[k, 1] = np.sum(np.outer(x[:k], x[k:k]))
        return out

    found = irgrad.compile(sums, "numba")(-np.ones(40))
    assert not found.any() and not np.signbit(found).any()


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_slices_of_any_length(dtype: Any) -> None:
    """Shorter than a register, longer than several, with what is no number among them."""
    x = np.random.default_rng(0).standard_normal(5000).astype(dtype)
    x[4990] = np.inf

    def folded(x: Any, ends: Any) -> Any:
        out = np.zeros((len(ends), 3), dtype)
        for i in range(len(ends)):
            part = x[ends[i, 0] : ends[i, 1]]
            out[i] = np.sum(part), np.prod(1.0 + 0.01 * part), part @ np.cos(part)
        return out

    ends = np.array([[k, k + n] for n in (0, 1, 7, 8, 9, 16, 31, 40, 999, 4100) for k in (0, 3)])
    x_ends = np.concatenate([ends, [[4985, 4991], [4900, 4995]]])
    with np.errstate(invalid="ignore"):
        found, wanted = irgrad.compile(folded, "numba")(x, x_ends), folded(x, x_ends)
    far = 1e-11 if dtype == np.float64 else 1e-3
    np.testing.assert_allclose(found, wanted, rtol=far, atol=far)


def test_equal_indices_in_a_slice_add_up() -> None:
    starts = np.array([0, 3, 3, 12, 20])
    columns = np.random.default_rng(0).integers(0, 4, 20)
    values = np.random.default_rng(1).standard_normal(20)

    def product(values: Any, x: Any, columns: Any, starts: Any) -> Any:
        y = np.zeros(len(starts) - 1)
        for i in range(len(starts) - 1):
            y[i] = values[starts[i] : starts[i + 1]] @ x[columns[starts[i] : starts[i + 1]]]
        return np.sum(y)

    run = irgrad.compile(irgrad.grad(product, (0, 1)), "numba", unroll=0)
    d_values, d_x = run(values, np.arange(4.0), columns, starts)
    wanted = np.zeros(4)
    np.add.at(wanted, columns, values)
    np.testing.assert_allclose(d_x, wanted, rtol=1e-12)
    np.testing.assert_array_equal(d_values, columns)
    text = run.kernels(values, np.arange(4.0), columns, starts)
    assert "    for i0 in range(0, 20)" not in text  # of the loops inside the loop over rows
    assert text.count("    for i0 in range(max(0, ") == 1


def test_ends_that_only_the_run_knows_keep_their_loop() -> None:
    """All steps at once would each go through the whole array."""

    def means(x: Any) -> Any:
        y = np.zeros(len(x))
        for i in range(len(x)):
            y[i] = np.mean(x[max(0, i - 2) : min(i + 3, len(x))])
        return y

    x = np.random.default_rng(2).standard_normal(70)
    run = irgrad.compile(means, "numba")
    np.testing.assert_allclose(run(x), means(x), rtol=1e-12)
    assert "70 x 70" not in run.kernels(x)


def test_no_more_is_kept_than_is_read() -> None:
    """What stands outside of the bounds of a row that is kept is neither written nor used."""

    def products(A: Any) -> Any:
        A = A.copy()
        for i in range(len(A)):
            for j in range(i + 1, len(A)):
                A[i, j] *= np.sum(np.sin(A[i, : j - 1]) * A[j, : j - 1]) + 1.0
                A[j, i] -= A[i, i:] @ A[i:, j]
        return np.sum(A)

    small = 0.1 * A
    run = irgrad.compile(irgrad.grad(products), "numba", unroll=0)
    backward = run.kernels(small).partition("in reversed(range(9)):")[2]
    inside = "\n        for i0 in range(0, 9)"  # of the inner loop: the outer one puts rows back
    assert "sin, kept: a result" in backward and inside not in backward
    np.testing.assert_allclose(run(small), irgrad.compile(irgrad.grad(products), "numpy")(small))
    irgrad.check_grads(products, (small,))


def test_of_an_array_that_is_overwritten_numbers_are_kept() -> None:
    """Not the rows that are made of them, which are written where they go."""

    def products(A: Any) -> Any:
        B = A.copy()
        for i in range(len(A)):
            for j in range(len(A)):
                B[i, j] += A[i + 1 :, i] @ B[i + 1 :, j]
        return np.sum(B * B)

    run = irgrad.compile(irgrad.grad(products), "numba", unroll=0)
    backward = run.kernels(A).rpartition("in reversed(range(9)):")[2]
    assert re.search("gather, kept: (its array|the write)", backward)
    assert not re.search("(where|add|multiply), kept: (its array|the write)", backward)
    np.testing.assert_allclose(run(A), irgrad.compile(irgrad.grad(products), "numpy")(A))
