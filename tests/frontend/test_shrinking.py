"""Arrays that masks make smaller, in loops and branches too; what a mask selects is written to; new
shapes are assigned."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import irgrad
from irgrad.errors import UnsupportedError
from tests.frontend.against_python import check_like_python

POINTS = (0.9, 1.45, -0.7)
X = np.linspace(0.1, 1.9, 7)


def compacted_in_a_loop(x: Any) -> Any:
    z = x * X
    for _ in range(40):
        z = z * 1.1
        z = z[z < 2.0]
    return np.sum(z)


def until_none_is_left(x: Any) -> Any:
    z, steps, total = x * X, 0, 0.0
    while len(z):
        z = 1.5 * z + 0.1
        total = total + np.sum(np.sin(z)) * 0.1
        z = z[np.abs(z) < 2.0]
        steps += 1
    return total, steps


def several_at_once(x: Any) -> Any:
    z, c, at, out, i = np.zeros(7), x * X - 1.2, np.arange(7), np.zeros(7), 0
    for i in range(40):
        if not len(z):
            break
        np.multiply(z, z, z)
        np.add(z, c, z)
        gone = abs(z) > 2.0
        out[at[gone]] = z[gone] * 0.01 + i
        np.logical_not(gone, gone)
        z = z[gone]
        at, c = at[gone], c[gone]
    return out, i


def in_a_branch(x: Any) -> Any:
    y = x * X
    if x > 0:
        y = y[y > 1]
    return np.sum(y), len(y)


def selection_written_to(x: Any) -> Any:
    s = (x * X)[x + X > x + 0.8]
    s[0] = 5.0 * x
    same = s
    s *= 2
    part = s[1:]
    part += x
    if x > 1:
        same[1] = 7.0
        s += 1
    return np.sum(np.sin(s)), np.sum(same * s), s.max(), s[1]


def with_another_shape(x: Any) -> Any:
    a = x * np.arange(6.0)
    b, c = a, a * 2
    c.shape = (2, 3)
    c[0] += 1
    d = c.T
    b.shape = 3, -1
    a[0, 1] = 7 * x
    b *= 2
    return a, d, b @ np.ones(2)


FUNCTIONS = (
    compacted_in_a_loop, until_none_is_left, several_at_once, in_a_branch, selection_written_to,
    with_another_shape,
)  # fmt: skip


@pytest.mark.parametrize("backend", ["numpy", "numba"])
@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda f: f.__name__)
def test_as_python_means_it(function: Any, backend: str) -> None:
    check_like_python(function, backend, POINTS)


def test_a_loop_that_shrinks_an_array_is_one_op() -> None:
    names = [node.op.name for node in irgrad.compile(several_at_once).graph(0.9)]
    assert names.count("while") == 1


def test_nothing_is_assigned_where_nothing_is_selected() -> None:
    def function(x: Any, bound: Any) -> Any:
        x = x.copy()
        x[x > bound] = []
        return x

    compiled = irgrad.compile(function)
    np.testing.assert_array_equal(compiled(X, 9.0), X)
    with pytest.raises(IndexError):
        compiled(X, 1.0)


def test_arrays_of_numbers_take_traced_masks_and_places() -> None:
    table = np.arange(12.0).reshape(4, 3)

    def function(x: Any, k: Any) -> Any:
        k = np.argmin(np.abs(x - k))
        return table[k], table[k, 1] * x[0], np.sum(table[x > 1]), table[k:, 0].sum()

    x = np.array([0.5, 1.5, 2.5, -1.0])
    for one, other in zip(irgrad.compile(function)(x, 2.4), function(x, 2.4), strict=True):
        np.testing.assert_allclose(one, other)


def test_a_new_shape_of_an_array_with_views_is_refused() -> None:
    def function(x: Any) -> Any:
        part = x[1:]
        x.shape = (2, 3)
        return part

    with pytest.raises(UnsupportedError, match=r"shape of a traced array that has views") as error:
        irgrad.compile(function)(np.arange(6.0))
    assert "x.reshape(shape)" in str(error.value)
