"""Loops whose steps are taken at once: they mean what Python means by them, forwards and in their
derivatives, and those whose steps wait for each other stay loops."""

from __future__ import annotations

import re

import numpy as np
import pytest

import irgrad

RNG = np.random.default_rng(3)
A, B, C = RNG.standard_normal((7, 5)), RNG.standard_normal((5, 6)), RNG.standard_normal((7, 7))
X = RNG.standard_normal(7)
PLACES = np.array([3, 0, 3, 6, 1, 1, 3])


def product(a, b):
    c = np.zeros((a.shape[0], b.shape[1]))
    for i in range(a.shape[0]):
        for j in range(b.shape[1]):
            for k in range(a.shape[1]):
                c[i, j] += a[i, k] * b[k, j]
    return c


def lower_triangle_of_product(c, a):
    c = c.copy()
    for i in range(a.shape[0]):
        c[i, : i + 1] *= 1.25
        for k in range(a.shape[1]):
            c[i, : i + 1] += 1.5 * a[i, k] * a[: i + 1, k]
    return c


def symmetric_product(c, a):
    c, part = 2.0 * c, np.empty(c.shape[1])
    for i in range(c.shape[0]):
        for j in range(c.shape[1]):
            c[:i, j] += 1.5 * a[i, j % 5] * a[i, 2]
            part[j] = c[i, i] * 0.0 + a[:i, j % 5] @ a[:i, 1]
        c[i, :] += part
    return c


def stencil(c):
    d = c.copy()
    for i in range(1, 6):
        for j in range(1, 6):
            d[i, j] = 0.2 * (c[i, j] + c[i - 1, j] + c[i + 1, j] + c[i, j - 1] * c[i, j + 1])
    return d


def mirrored_and_spread(x):
    y, z = np.zeros(7), np.zeros(15)
    for i in range(7):
        y[6 - i] = x[i] ** 2
        z[2 * i + 1] = x[-1 - i]
    return y, z


def downwards(x, c):
    last, total = x[0], 1.0
    for i in range(6, -1, -1):
        last = np.sin(x[i]) * c[i, i]
        total -= last
    return last, total


def where_positive(x):
    total, count = 0.0, 0
    for i in range(len(x)):
        if x[i] > 0:
            total += np.sqrt(x[i])
            count += 1
    return total * count


def histogram(x):
    h = np.zeros(7)
    for i in range(7):
        h[PLACES[i]] += x[i] ** 2
    return h


def diagonal(c, x):
    c = c.copy()
    for i in range(7):
        c[i, i] = c[i, i] * x[i] + 1.0
        c[i, i] -= x[i]
    return c


def rows_of_matrix(a, x):
    y = np.zeros(7)
    for i in range(7):
        y[i] = np.exp(-a[i]) @ a[i] * x[i]
    return y


def wrapping(x):
    y = np.zeros(7)
    for i in range(7):
        y[i - 3] = x[i - 3] * x[i]
    return y


TAKEN = [
    (product, (A, B)), (lower_triangle_of_product, (C, A)), (stencil, (C,)),
    (mirrored_and_spread, (X,)), (downwards, (X, C)), (histogram, (X,)), (diagonal, (C, X)),
    (rows_of_matrix, (A, X)), (wrapping, (X,)),
]  # fmt: skip


def prefix_sums(x):
    y, total = np.zeros(7), 0.0
    for i in range(7):
        total += x[i]
        y[i] = total
    return y


def recurrence(x):
    x = x.copy()
    for i in range(1, 7):
        x[i] += 0.5 * x[i - 1]
    return x


def neighbours_in_place(c):
    c = c.copy()
    for i in range(1, 6):
        c[i] = 0.5 * (c[i - 1] + c[i + 1])
    return c


def twice_around(x):
    y = np.zeros(7)
    for i in range(9):
        y[i - 7 if i < 7 else i - 14] = x[i - 7] if i < 7 else 2.0 * x[0]
    return y


def powers(x):
    total = x[0]
    for i in range(7):
        total = total * x[i] + 1.0
    return total


def overwritten_place(x):
    y = x.copy()
    for i in range(7):
        y[3] = y[3] * 0.5 + x[i] * y[3]
    return y


def rows_of_two(c):
    c = c.copy()
    for i in range(6):
        c[i] = c[i] * 2.0
        c[i + 1] += c[i]
    return c


def read_elsewhere(x):
    y = x.copy()
    for i in range(7):
        y[i] = y[0] + x[i]
    return y


def reading_the_first(c, a):
    c = c.copy()
    for i in range(a.shape[0]):
        c[i, : i + 1] += a[i, 1] * c[0, 0] * a[: i + 1, 2]
    return c


KEPT = [
    (prefix_sums, (X,)), (recurrence, (X,)), (neighbours_in_place, (C,)), (twice_around, (X,)),
    (powers, (X,)), (overwritten_place, (X,)), (rows_of_two, (C,)), (read_elsewhere, (X,)),
    (reading_the_first, (C, A)),
]  # fmt: skip
OTHERS = [(symmetric_product, (C, C)), (where_positive, (X,))]


NAMED = lambda part: getattr(part, "__name__", "")  # noqa: E731


def scalar(f):
    def summed(*args):
        found = f(*args)
        parts = found if isinstance(found, tuple) else (found,)
        total = 0.0
        for number, part in enumerate(parts):
            total = total + np.sum(np.cos(part) * (number + 1.5))
        return total

    return summed


@pytest.mark.parametrize("backend", ["numpy", "numba"])
@pytest.mark.parametrize(("f", "args"), [*TAKEN, *KEPT, *OTHERS], ids=NAMED)
def test_values_and_gradients_are_those_of_the_loop(f, args, backend) -> None:
    with irgrad.use_backend(backend):
        g = scalar(f)
        numbers = tuple(range(len(args)))
        found = irgrad.compile(irgrad.value_and_grad(g, argnums=numbers), unroll=0)(*args)
        np.testing.assert_allclose(found[0], g(*args), rtol=1e-12)
        for k, slope in enumerate(found[1]):
            along = np.random.default_rng(k).standard_normal(args[k].shape)
            ends = [
                g(*(x + h * along if n == k else x for n, x in enumerate(args)))
                for h in (1e-5, -1e-5)
            ]
            np.testing.assert_allclose(
                np.sum(slope * along), (ends[0] - ends[1]) / 2e-5, rtol=1e-5, atol=1e-7
            )


def loops(f, args) -> int:
    return len(re.findall(r"= loop\(", irgrad.compile(f, unroll=0).dump(*args)))


@pytest.mark.parametrize(("f", "args"), TAKEN, ids=NAMED)
def test_steps_that_do_not_wait_are_taken_at_once(f, args) -> None:
    assert loops(f, args) == 0


@pytest.mark.parametrize(("f", "args"), KEPT, ids=NAMED)
def test_steps_that_wait_stay_steps(f, args) -> None:
    assert loops(f, args) == 1
