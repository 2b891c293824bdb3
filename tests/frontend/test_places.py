"""Lists and tuples of numbers indexed by what only the running program knows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import irgrad
from irgrad.errors import IrgradError
from irgrad.ir.graph import node_count
from tests.frontend.against_python import check_like_python

POINTS = (0.5, 1.7, -0.6)


def read_in_two_loops(x: Any) -> Any:
    values = [x * k for k in range(30)]
    for i in range(30):
        for j in range(30):
            x = 0.5 * x + values[j] * 0.01 + values[-j] * values[i] * 0.1
    return x


def written_under_a_condition(x: Any) -> Any:
    values = [x * k * 0.01 for k in range(30)]
    for i in range(30):
        for j in range(30):
            values[j] = 0.5 * values[j] + values[i] * 0.1
            if values[j] > 0.03:
                values[j] = np.sin(values[j])
    return sum(values), values[3]


def binned(x: Any) -> Any:
    counts, sums = [0] * 10, [0.0] * 10
    for v in np.linspace(0.011, 0.987, 100):
        k = int(min(abs(np.sin(x)) * 3.3 * v, 9))
        counts[k] += 1
        sums[k] += v * x
    return [s / (c + 1) for s, c in zip(sums, counts, strict=True)], counts[1] * 1.0


def sorted_by_exchange(x: Any) -> Any:
    values = [x, 0.3, -x, 2 * x, 0.1, 0.05, 3.0]
    for i in range(len(values)):
        for j in range(len(values) - 1 - i):
            if values[j] > values[j + 1]:
                values[j], values[j + 1] = values[j + 1], values[j]
    return [v * k for k, v in enumerate(values)]


def heap(x: Any) -> Any:
    values = [x * ((k * 7) % 23) for k in range(23)]
    for start in range(10, -1, -1):
        i = start
        while 2 * i + 1 < len(values):
            c = 2 * i + 1
            if c + 1 < len(values) and values[c + 1] > values[c]:
                c += 1
            if values[i] >= values[c]:
                break
            values[i], values[c] = values[c], values[i]
            i = c
    return values


def written_in_one_branch(x: Any) -> Any:
    k = int(abs(2.1 * x)) % 3
    values: list[Any] = [1, 2.0, x]
    other = values
    if x > 0:
        values[k - 1] = 3.0 * x
    else:
        values[0] = x
    if x > 1:
        values[k] += x
    return other[0], 10 * values[1], 100 * values[2], (x, 2 * x, 1)[k - 1]


def table(x: Any) -> Any:
    n, m = 20, 19
    T = [[0] * m for _ in range(n)]
    for i in range(n):
        T[i][0] = i * x
    for j in range(1, m):
        T[0][j] = 0.5 * j
        for i in range(1, n):
            row = T[i - 1]
            if (i + j) % 5 == 0:
                row[j] += 0.01
                continue
            T[i][j] = 0.1 * i * x + min(row[j], T[i][j - 1] + x, row[-1])
    return T[n - 1][m - 1], sum(T[3]), np.array(T)[:, 1::6], len(T[0])


def table_of_tables(x: Any) -> Any:
    A = [[np.sin(x * (i + 2 * j)) for j in range(18)] for i in range(18)]
    C = [[0.0 for _ in range(18)] for _ in range(18)]
    s = 0.0
    for i in range(18):
        for j in range(18):
            for k in range(18):
                C[i][j] += A[i][k] * A[k][j]
        s = s * 0.9 + max(C[i])
    for row in C:
        row[2] = 0.5 * row[1] + s
    first, *_ = C[int(abs(x))]
    return [row[:3] for row in C[:2]], first, sum(C[k][k] for k in range(18))


def rows_by_name(x: Any) -> Any:
    T = [[x * (i + j % 3) for j in range(18)] for i in range(18)]
    row, s = T[0], 0.0
    for i in range(18):
        row = T[i]
        for j in range(1, 18):
            row[j] += 0.1 * row[j - 1]
        s += row[i] * row[-1]
    for row in T:
        s = s * 0.5 + sum(row)
        if row[0] > 0.77:
            row[1] = 2.0 * s
    kept = {"row": T[int(abs(x))]}
    T[int(abs(x))][2] = 7.0 * x
    return s, np.array(T), [*kept["row"][:3], 1.0], list(T[int(abs(x))])


def constant_table(x: Any) -> Any:
    stencil = [(0, 1, 0.5), (1, 0, -0.25), (-1, 0, 2.0)]
    a = np.linspace(0, x, 18)
    b = np.zeros(18)
    for i in range(1, 17):
        for k in range(3):
            b[i] += stencil[k][2] * a[i + int(stencil[k][0])]
    return b


FUNCTIONS = (
    table, table_of_tables, rows_by_name, constant_table,
    read_in_two_loops, written_under_a_condition, binned, sorted_by_exchange, heap,
    written_in_one_branch,
)  # fmt: skip


@pytest.mark.parametrize("backend", ["numpy", "numba"])
@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda f: f.__name__)
def test_as_python_means_it(function: Any, backend: str) -> None:
    check_like_python(function, backend, POINTS)


@pytest.mark.parametrize(
    ("function", "loops"), [(written_under_a_condition, 2), (table, 2), (table_of_tables, 4)]
)
def test_such_loops_are_loop_ops_that_carry_one_array(function: Any, loops: int) -> None:
    graph = irgrad.trace(function, 0.5)
    assert [node.op.name for node in graph].count("loop") == loops
    assert node_count(graph.nodes) < 200


@pytest.mark.parametrize(
    "change",
    [
        lambda T, k: T[k].append(1.0),
        lambda T, k: T[k].__setitem__(slice(1), [1.0]),
        lambda T, k: T[k].sort(),
    ],
)
def test_a_row_at_a_traced_place_keeps_its_length(change: Any) -> None:
    def function(x: Any, k: Any) -> Any:
        T = [[x, 2.0], [3.0, x]]
        change(T, k)
        return T[0][0]

    with pytest.raises(IrgradError, match="a row of a list of lists at a place"):
        irgrad.compile(function)(1.0, np.array(0))


def test_a_place_outside_is_an_index_error() -> None:
    def function(x: Any, n: Any) -> Any:
        values = [x, 1.0]
        values[n] = 3.0
        return values[0]

    compiled = irgrad.compile(function)
    assert compiled(1.0, np.array(-2)) == 3.0
    for n in (2, -3):
        with pytest.raises(IndexError, match="out of bounds") as error:
            compiled(1.0, np.array(n))
        assert isinstance(error.value, IrgradError)


def test_what_is_indexed_may_stand_on_several_lines() -> None:
    def f(x: Any, i: Any) -> Any:
        for _ in range(2):
            x = (
                np.sin(x),
                np.cos(x),
            )[i]
            x = [
                x + 1, x,
              ][
                  i
        ]  # fmt: skip
        return x

    for i in range(2):
        assert irgrad.compile(f)(0.5, i) == pytest.approx(f(0.5, i), rel=1e-14)
        assert irgrad.compile(f)(0.5, np.int64(i)) == pytest.approx(f(0.5, i), rel=1e-14)


COUNTS = np.array([1, 2, 3])


def counted_in_a_branch(x: Any) -> Any:
    if x > 0:
        COUNTS[0] *= -1
    return COUNTS[0] * x


def counted_in_a_while(x: Any) -> Any:
    while x > 1:
        x = x / 2
        COUNTS[1] += 1
    return COUNTS[1] * x


def counted_by_a_function(x: Any) -> Any:
    def count(counts: Any) -> None:
        if x > 0:
            counts[:2] = 7

    count(COUNTS)
    return COUNTS[0] * x


@pytest.mark.parametrize(
    "function", [counted_in_a_branch, counted_in_a_while, counted_by_a_function]
)
def test_arrays_of_the_program_around_are_not_written_in_regions(function: Any) -> None:
    before = COUNTS.copy()
    with pytest.raises(IrgradError, match="in-place write into a NumPy array of the program"):
        irgrad.compile(function)(2.5)
    np.testing.assert_array_equal(COUNTS, before)
