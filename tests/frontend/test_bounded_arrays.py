"""Index arrays whose extents are known only when the program runs, as the rows of a sparse matrix
in compressed form have them: against plain NumPy, and derivatives against differences."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import irgrad
from irgrad.errors import IndexOutOfBounds, UnsupportedError

POINTERS = np.array([0, 3, 3, 7, 8])
COLUMNS = np.array([4, 0, -2, 1, 1, 3, 0, 2])
rng = np.random.default_rng(0)
X, A = rng.standard_normal(6), rng.standard_normal((6, 5))


def reads(p: Any, cols: Any, A: Any, x: Any) -> Any:
    s = np.zeros(5)
    for i in range(4):
        c = cols[p[i] : p[i + 1]]
        s[i] += np.sum(A[c, 1]) + np.sum(A[c] @ x[:5]) + np.sum(A[1, c] * x[c]) + x[c] @ x[c]
        s[4] += np.sum(A[1:4, c][0]) + np.sum(A[c, c]) + np.sum(x[c, None] * A[c])
    return (s,)


def writes(p: Any, cols: Any, A: Any, x: Any) -> Any:
    A, x = A * 1.0, x * 1.0
    for i in range(4):
        c = cols[p[i] : p[i + 1]]
        x[c] = x[c] * np.cos(x[c]) + 1
        x[c] += 2 * x[0]
        A[c, i] = i
        A[i, c] = x[c] * 2
        A[c] *= 1.5
        A[1:3, c] += A[0, c]
    return A, x


def of_parts(p: Any, cols: Any, A: Any, x: Any) -> Any:
    s, A = np.zeros(5), A * 1.0
    rows = np.array([0, 1, -1])
    for i in range(2, 5):
        s[i] = np.sum(x[:i][rows] * A[:i, :i][rows, 1]) + np.sum(A[:i][:, rows] * x[2])
        A[:i, :3][:, rows] = x[i]
        A[rows, :i] += 0.5
    return (s + A[0],)


def adds(p: Any, cols: Any, A: Any, x: Any) -> Any:
    s, B = np.zeros(6), np.zeros((5, 5))
    for i in range(4):
        c = cols[p[i] : p[i + 1]]
        np.add.at(s, c, x[c])
        np.subtract.at(B, (c, i), x[c] ** 2)
        np.add.at(B, c, A[c])
    return s, B


def total(function: Any) -> Any:
    return lambda *args: sum(np.sum(np.sin(part)) for part in function(*args))


@pytest.mark.parametrize("backend", ["numpy", "numba"])
@pytest.mark.parametrize("dtype", [np.int64, np.int32, np.uint8])
@pytest.mark.parametrize("function", [reads, writes, of_parts, adds])
def test_values_and_gradients(function: Any, dtype: Any, backend: str) -> None:
    columns = (COLUMNS % 5).astype(dtype) if dtype is np.uint8 else COLUMNS.astype(dtype)
    args = (POINTERS.astype(dtype), columns)
    loss = total(function)
    with irgrad.use_backend(backend):
        value, (dA, dx) = irgrad.value_and_grad(loss, (2, 3))(*args, A, X)
        results = irgrad.compile(function)(*args, A, X)
    expected = function(*args, A, X)
    for got, wanted in zip(results, expected, strict=True):
        np.testing.assert_allclose(got, wanted, rtol=1e-12)
    np.testing.assert_allclose(value, loss(*args, A, X), rtol=1e-12)
    along, h = (rng.standard_normal(A.shape), rng.standard_normal(X.shape)), 1e-6
    ahead = loss(*args, A + h * along[0], X + h * along[1])
    behind = loss(*args, A - h * along[0], X - h * along[1])
    slope = np.sum(dA * along[0]) + np.sum(dx * along[1])
    np.testing.assert_allclose(slope, (ahead - behind) / (2 * h), rtol=1e-6)


@pytest.mark.parametrize("backend", ["numpy", "numba"])
def test_an_index_outside_is_an_error(backend: str) -> None:
    def read(p: Any, cols: Any, x: Any) -> Any:
        y = np.zeros(len(p) - 1)
        for i in range(len(p) - 1):
            y[i] = np.sum(x[cols[p[i] : p[i + 1]]])
        return y

    with irgrad.use_backend(backend), pytest.raises(IndexOutOfBounds):
        irgrad.compile(read)(POINTERS, np.where(COLUMNS == 3, 6, COLUMNS), X)


def test_the_outside_of_a_part_is_outside() -> None:
    def read(x: Any) -> Any:
        s = 0.0
        for i in range(1, 4):
            s += np.sum(x[:i][np.array([0, 2])])
        return s

    with pytest.raises(IndexOutOfBounds):
        irgrad.compile(read)(X)


def test_writes_by_arrays_of_several_axes_are_refused() -> None:
    def write(p: Any, cols: Any, x: Any) -> Any:
        x = x * 1.0
        for i in range(4):
            x[cols.reshape(8, 1)[p[i] : p[i + 1]]] = 0.0
        return x

    with pytest.raises(UnsupportedError, match="row by row") as caught:
        irgrad.compile(write)(POINTERS, COLUMNS, X)
    assert "test_bounded_arrays.py" in str(caught.value)
