"""Lists of lists whose rows take the place of others, at places that only the running program
knows: against Python, and what is refused because it would be another list there."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import irgrad
from irgrad.errors import TraceError
from irgrad.ir.graph import node_count
from tests.frontend.against_python import check_like_python

POINTS = (0.55, 1.7, -0.6)


def matrix(x: Any, n: int, m: int) -> Any:
    return [
        [np.sin(x + 1.7 * i * i + 2.3 * j * j * (i + 1) + i * j) for j in range(m)]
        for i in range(n)
    ]


def exchanged(a: Any, k: Any, p: Any) -> None:
    a[k], a[p] = a[p], a[k]


def exchanged_the_other_way(a: Any, k: Any, p: Any) -> None:
    a[p], a[k] = a[k], a[p]


def exchanged_by_name(a: Any, k: Any, p: Any) -> None:
    row = a[p]
    a[p] = a[k]
    a[k] = row


def exchanged_where_they_differ(a: Any, k: Any, p: Any) -> None:
    if k != p:
        row = a[k]
        a[k] = a[p]
        a[p] = row


WAYS = (exchanged, exchanged_the_other_way, exchanged_by_name, exchanged_where_they_differ)


def solved(a: Any, exchange: Any) -> Any:
    n = len(a)
    for k in range(n):
        p = k
        for i in range(k + 1, n):
            if abs(a[i][k]) > abs(a[p][k]):
                p = i
        exchange(a, k, p)
        for i in range(k + 1, n):
            factor = a[i][k] / a[k][k]
            for j in range(k, n + 1):
                a[i][j] -= factor * a[k][j]
    x = [0.0] * n
    for i in range(n - 1, -1, -1):
        x[i] = (a[i][n] - sum(a[i][j] * x[j] for j in range(i + 1, n))) / a[i][i]
    return x


def by_new_rows(x: Any) -> Any:
    a, n = matrix(x, 5, 6), 5
    for k in range(n):
        p = max(range(k, n), key=lambda i: abs(a[i][k]))
        a[k], a[p] = a[p], a[k]
        a[k] = [v / a[k][k] for v in a[k]]
        for i in range(n):
            if i != k:
                a[i] = [v - a[i][k] * w for v, w in zip(a[i], a[k], strict=True)]
    return [row[n] for row in a]


def bubbled(x: Any) -> Any:
    a = matrix(x, 6, 2)
    for i in range(len(a)):
        for j in range(len(a) - 1 - i):
            if a[j][0] > a[j + 1][0]:
                a[j], a[j + 1] = a[j + 1], a[j]
    return a


def turned(x: Any) -> Any:
    a = matrix(x, 5, 3)
    for k in range(20):
        p, q = int(abs(x) + k) % 5, int(abs(2 * x)) % 5
        if p != q and p != 4 and q != 4:
            a[p], a[q], a[4] = a[q], a[4], a[p]
        a[p][1] += 0.5 * a[q][2]
    return a


def replaced_by_numbers_of_another_type(x: Any) -> Any:
    a: list[list[Any]] = [[1, 2], [3, 4], [5, 6]]
    k = int(abs(x))
    a[k] = [x, 2.0 * x]
    a[2] = [0, k]
    return a


@pytest.mark.parametrize("backend", ["numpy", "numba"])
@pytest.mark.parametrize("size", [1, 4, 18])
@pytest.mark.parametrize("way", WAYS, ids=lambda f: f.__name__)
def test_elimination(way: Any, size: int, backend: str) -> None:
    def function(x: Any) -> Any:
        return solved(matrix(x, size, size + 1), way)

    with irgrad.use_backend(backend):
        for x in POINTS[:2]:
            np.testing.assert_allclose(irgrad.compile(function)(x), function(x), rtol=1e-8)
            total = lambda x: np.sum(np.array(function(x)))  # noqa: E731
            slope = (total(x + 1e-7) - total(x - 1e-7)) / 2e-7
            np.testing.assert_allclose(irgrad.grad(total)(x), slope, rtol=1e-4)


@pytest.mark.parametrize("backend", ["numpy", "numba"])
@pytest.mark.parametrize(
    "function",
    [by_new_rows, bubbled, turned, replaced_by_numbers_of_another_type],
    ids=lambda f: f.__name__,
)
def test_as_python_means_it(function: Any, backend: str) -> None:
    check_like_python(function, backend, POINTS, second=function is bubbled)


def test_the_graph_does_not_grow_with_the_table() -> None:
    def size(n: int) -> int:
        return node_count(irgrad.trace(lambda x: solved(matrix(x, n, n + 1), exchanged), 0.5).nodes)

    assert size(40) < 1.5 * size(20)


def named_before(x: Any) -> Any:
    a, k = matrix(x, 3, 2), int(abs(x))
    row = a[0]
    a[0], a[k] = a[k], a[0]
    return row[0]


def at_two_places(x: Any) -> Any:
    a, k = matrix(x, 3, 2), int(abs(x))
    a[0] = a[k]
    a[0][1] = 2.0
    return a[k][1]


def at_two_places_after_a_branch(x: Any) -> Any:
    a, k = matrix(x, 3, 2), int(abs(x))
    if x > 0:
        a[0] = a[k]
    a[0][1] = 2.0
    return a[k][1]


def held_elsewhere(x: Any) -> Any:
    a, k = matrix(x, 3, 2), int(abs(x))
    b = a[:]
    a[0], a[k] = a[k], a[0]
    return b[0][0]


def new_row_by_name(x: Any) -> Any:
    a, k = matrix(x, 3, 2), int(abs(x))
    row = [x, x]
    a[k] = row
    row[0] = 2.0
    return a[k][0]


def named_in_branches(x: Any) -> Any:
    a, k = matrix(x, 3, 2), int(abs(x))
    if x > 0:
        a[0], a[k] = a[k], a[0]
        row = a[0]
    else:
        a[1], a[k] = a[k], a[1]
        row = a[0]
    row[1] = 2.0
    return a[0][1]


def of_another_table(x: Any) -> Any:
    a, b, k = matrix(x, 3, 2), matrix(2 * x, 3, 2), int(abs(x))
    a[0] = b[k]
    return a[0][0]


@pytest.mark.parametrize(
    "function",
    [
        named_before, at_two_places, at_two_places_after_a_branch, held_elsewhere,
        new_row_by_name, named_in_branches, of_another_table,
    ],
    ids=lambda f: f.__name__,
)  # fmt: skip
def test_names_of_what_was_a_row_are_refused(function: Any) -> None:
    with pytest.raises(TraceError, match=r"list of lists[\s\S]*hint: .*\[:\]"):
        irgrad.compile(function)(0.5)
