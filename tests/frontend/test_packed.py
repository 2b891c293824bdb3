"""What takes the elements that a mask selects by themselves, however many there are: against plain
NumPy, and derivatives against differences."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import irgrad
from irgrad.errors import IndexOutOfBounds

rng = np.random.default_rng(0)
X, V = rng.standard_normal((4, 5)), np.array([0.3, -0.5, 1.2, -0.1, 0.7])

READS: dict[str, Any] = {
    "index": lambda x, v: x[x > 0][0] + x[x > 0][-1],
    "slice": lambda x, v: np.sum(x[x > 0][1:3]) + x[x > 0][::-1][0],
    "shape": lambda x, v: np.sum(v) * x[x > 0].shape[0],
    "sort": lambda x, v: np.sort(x[x > 0])[0],
    "median": lambda x, v: np.median(x[x > 0]) + np.median(x[x[:, 0] > 0], axis=0),
    "cumsum": lambda x, v: np.sum(x[x > 0].cumsum()),
    "concatenate": lambda x, v: np.sum(np.concatenate([x[x > 0], v, x[x < 0]])[3:9] ** 2),
    "rows": lambda x, v: np.sum(np.concatenate([x[x[:, 0] > 0], x, v[None]])[2] ** 2),
    "hstack": lambda x, v: np.sum(np.hstack([v, v[v > 0]])[-4:] ** 3),
    "append": lambda x, v: np.append(v[v > 0], v)[2:5] @ v[:3],
    "other_mask": lambda x, v: np.sum(v[v > 0] * v[np.abs(v) == v]),
    "array": lambda x, v: np.sum(v[np.abs(v) >= 0] * v) + np.sum(v**2 * v[np.abs(v) >= 0]),
    "axis": lambda x, v: x[x[:, 0] > 0].sum(axis=1) @ x[x[:, 0] > 0].mean(axis=1),
    "keepdims": lambda x, v: np.sum(x[x > 0], keepdims=True),
    "reduce": lambda x, v: np.add.reduce(x[x > 0]),
    "matmul": lambda x, v: x[x[:, 0] > 0] @ v @ v[:4][x[:, 0] > 0] + v @ x.T[v > -9],
    "second_axis": lambda x, v: np.sum(x[:, v > 0] ** 2) + x[:, v > 0].sum(axis=1),
    "beside_an_int": lambda x, v: np.sum(x[1, v > 0]) + np.sum(x[x[:, 0] > 0, 2]),
    "beside_a_slice": lambda x, v: np.sum(x[x[:, 0] > 0, 1:3] ** 2),
    "nonzero": lambda x, v: np.sum(v[np.nonzero(v > 0)]) + np.sum(x[np.nonzero(x > 0)] ** 2),
    "flatnonzero": lambda x, v: np.sum(v[np.flatnonzero(v < 0)] ** 2),
    "where": lambda x, v: np.sum(x[np.where(x < 0)] ** 3),
    "argwhere": lambda x, v: np.sum(np.argwhere(x > 0) * 1.0) * v[0],
    "dot": lambda x, v: np.dot(v[v > 0], v[np.abs(v) == v]),
    "mask_of_it": lambda x, v: np.sum(x[x > 0][x[x > 0] > 0.5] ** 2),
    "mask_of_packed": lambda x, v: np.sum(v[v > 0].copy()[::-1][v[v > 0] > 0.5] ** 2),
    "argmax": lambda x, v: x[x > 0].argmax() * v[1],
    "diff": lambda x, v: np.sum(np.diff(x[x > 0]) ** 2),
}


def to_columns(x: Any, v: Any) -> Any:
    x[:, v > 0] = 0.5
    x[0, v > 0] = v[v > 0] * 2
    x[x[:, 0] > 0, 1] = 3.0
    x[1, v > 0] += x[2, v > 0]
    return x


def by_places(x: Any, v: Any) -> Any:
    x[:, v > 0] *= 2
    x[np.nonzero(x > 0)] += 1
    x[np.flatnonzero(x[:, 0] > 0), 0] = 7
    x[np.where(x[:, 1] > 0)[0]] -= v
    return x


def from_others(x: Any, v: Any) -> Any:
    x[x > 0] = np.arange(20.0)[: np.sum(x > 0)] * v[0]
    v[v > 0] = v[np.abs(v) == v][::-1] * 3
    v[v < 0] = v[:2] * v[2]
    return np.sum(x, axis=0) + v


def over_elements(x: Any, v: Any) -> Any:
    s = 0.0
    for element in x[x > 0]:
        s = s + element * element
    for place in np.flatnonzero(v > 0):
        s += v[place] * place
    for i in range(len(v[v > 0])):
        s += v[v > 0][i] ** 3
    return s


def in_loops(x: Any, v: Any) -> Any:
    for i in range(x.shape[0]):
        mask = x[i] > 0
        t = x[i] + v
        x[i, mask] = t[mask]
        if len(x[i][mask]) > 2:
            x[i, mask] *= 2
        x[x[:, i] > 0, i] = np.sin(x[x[:, i] > 0, i])
        x[i][~mask] = np.cos(v[~mask])
    return x


WRITES = [to_columns, by_places, from_others, over_elements, in_loops]


@pytest.mark.parametrize("backend", ["numpy", "numba"])
@pytest.mark.parametrize("name", [*READS, *(f.__name__ for f in WRITES)])
def test_values_and_gradients(name: str, backend: str) -> None:
    function = READS.get(name) or next(f for f in WRITES if f.__name__ == name)

    def loss(x: Any, v: Any) -> Any:
        return np.sum(np.sin(function(x * 1.0, v * 1.0)))

    with irgrad.use_backend(backend):
        got = irgrad.compile(function)(X, V)
        dx, dv = irgrad.grad(loss, (0, 1))(X, V)
    np.testing.assert_allclose(got, function(X.copy(), V.copy()), rtol=1e-12)
    a, b, h = rng.standard_normal(X.shape), rng.standard_normal(V.shape), 1e-6
    slope = (loss(X + h * a, V + h * b) - loss(X - h * a, V - h * b)) / (2 * h)
    np.testing.assert_allclose(np.sum(dx * a) + np.sum(dv * b), slope, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("backend", ["numpy", "numba"])
def test_counts_that_differ_stop_the_program(backend: str) -> None:
    def of_another(v: Any) -> Any:
        v = v * 1.0
        v[v > 0] = v[v < 0]
        return v

    def of_an_array(v: Any) -> Any:
        return v[v > 0] * v

    with irgrad.use_backend(backend):
        for function in (of_another, lambda v: np.sum(of_an_array(v))):
            with pytest.raises(IndexOutOfBounds):
                irgrad.compile(function)(V)
