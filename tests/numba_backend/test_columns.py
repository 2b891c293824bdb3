"""Arrays of which loops use the columns are turned, and nothing else about them changes."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

import irgrad

RNG = np.random.default_rng(5)
A, B = 0.3 * RNG.standard_normal((18, 40)), 0.3 * RNG.standard_normal((18, 40))
C = 0.3 * RNG.standard_normal((17, 2, 32))
D, E = 0.3 * RNG.standard_normal((24, 24)), 0.3 * RNG.standard_normal((24, 32))


def filtered(a: Any, b: Any) -> Any:
    """Recurrences both ways, with writes into columns between them."""
    p, q = np.empty(a.shape), b.copy()
    p[:, 0] = a[:, 0]
    for j in range(1, 40):
        p[:, j] = a[:, j] + 0.5 * p[:, j - 1] * a[:, j - 1]
    q[1:-1, -1] = p[1:-1, 3]
    for j in range(38, -1, -1):
        q[:, j] += np.sin(p[:, j + 1]) * q[:, j + 1]
    return np.sum(p * q)


def branching(c: Any) -> Any:
    """Branches and an inner loop; the columns are planes."""
    d = np.zeros(c.shape)
    for k in range(32):
        if k == 0:
            d[:, :, 0] = c[:, :, 1] * c[:, :, 2]
        elif k < 31:
            d[1:, :, k] = c[1:, :, k + 1] - c[:-1, :, k - 1] * d[1:, :, k - 1]
        else:
            for _ in range(20):
                d[:, :, k] = 0.5 * d[:, :, k] + c[:, :, k]
    return np.sum(np.cos(d))


def counting(a: Any, b: Any) -> Any:
    """Whole arrays made of each other, element for element; a while loop inside."""
    a, b = a.copy(), b.copy()
    for j in range(1, 40):
        a[:, j] += a[:, j - 1] * b[:, j]
        b = np.where(b > 10.0, 0.5 * b, b + a * 0.01)
        step = 0
        while step < 2 + j % 2:
            b[:, -j] *= 0.9
            step += 1
    return np.sum(a * b)


def triangular(a: Any, b: Any) -> Any:
    """Columns in an inner loop, and single elements of them."""
    b = b.copy()
    for i in range(24):
        for j in range(32):
            b[i, j] += a[i + 1 :, i] @ b[i + 1 :, j]
            b[23, -j] *= b[i, j - 1]
    return np.sum(b * b)


def rows_as_well(a: Any, b: Any) -> Any:
    """Rows are read too: it stays as it is."""
    a = a.copy()
    for j in range(1, 18):
        a[:, j] += a[:, j - 1] * a[j, 0]
        a[:, j] *= np.sum(a[j] * b[j])
    return np.sum(a)


@pytest.mark.parametrize(
    ("f", "args", "turned"),
    [
        (filtered, (A, B), True), (branching, (C,), True), (counting, (A, B), True),
        (triangular, (D, E), True),
        (rows_as_well, (A, B), False),
    ],
    ids=lambda part: getattr(part, "__name__", ""),
)  # fmt: skip
def test_columns_are_turned_and_mean_the_same(f: Any, args: Any, turned: bool) -> None:
    gradient = irgrad.value_and_grad(f, tuple(range(len(args))))
    value, slopes = irgrad.compile(gradient, "numba")(*args)
    _, others = irgrad.compile(gradient, "numpy")(*args)
    np.testing.assert_allclose(value, f(*args), rtol=1e-12)
    for one, other in zip(slopes, others, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-10, atol=1e-12)
    listed = irgrad.compile(f, "numba").kernels(*args)
    assert ("arranged" in listed) == turned
    for step in re.split(r"\n# \d+: ", listed)[1:]:
        in_loop = "for step in range" in step
        assert not (in_loop and turned and re.search(r"\[(32|40|64)\*i0 ", step)), step
