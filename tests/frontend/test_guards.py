"""Arrays that a function closes over and that decide what is computed (shapes, counts, axes,
places): changed in place, they mean what they mean in NumPy.
"""

from __future__ import annotations

import numpy as np
import optree
import pytest

import irgrad
from irgrad.frontend.guards import Guard, reachable

X = np.arange(1.0, 13.0).reshape(3, 4)


def a(*numbers):
    return np.array(numbers)


def _set(x, *index_and_value):
    y = x.copy()
    y[index_and_value[:-1]] = index_and_value[-1]
    return y


CASES = {
    "tile": (lambda x, i: np.tile(x, i), a(2, 1), a(1, 2)),
    "roll": (lambda x, i: np.roll(x, i, axis=(0, 1)), a(1, 2), a(2, 1)),
    "roll flat": (lambda x, i: np.roll(x, i), a(1), a(2)),
    "roll by one": (lambda x, i: np.roll(x, i, 1), np.array(1), np.array(2)),
    "delete": (lambda x, i: np.delete(x, i, 1), a(0, 1), a(1, 2)),
    "delete fewer": (lambda x, i: np.delete(x, i, 1), a(0, 1), a(1, 1)),
    "delete mask": (lambda x, i: np.delete(x, i, 1), a(True, False, False, False), a(*[False] * 4)),
    "delete one": (lambda x, i: np.delete(x, i, 1), np.array(1), np.array(2)),
    "insert": (lambda x, i: np.insert(x, i, 0.0, axis=1), a(0, 1), a(1, 2)),
    "insert one": (lambda x, i: np.insert(x, i, 0.0, axis=1), np.array(1), np.array(2)),
    "insert values": (lambda x, v: np.insert(x, 1, v, axis=1), a(0.0, 1, 2), a(1.0, 2, 5)),
    "split": (lambda x, i: np.split(x, i, axis=1), a(1, 2), a(2, 3)),
    "array_split": (lambda x, i: np.array_split(x, i, 1), a(1, 2), a(2, 3)),
    "hsplit": (lambda x, i: np.hsplit(x, i), a(1, 2), a(2, 3)),
    "repeat": (lambda x, i: np.repeat(x, i, axis=1), a(1, 2, 0, 1), a(2, 1, 0, 1)),
    "repeat more": (lambda x, i: x.repeat(i, axis=1), a(1, 2, 0, 1), a(2, 2, 2, 1)),
    "repeat one": (lambda x, i: np.repeat(x, repeats=i), np.array(1), np.array(2)),
    "reshape": (lambda x, i: np.reshape(x, i), a(4, 3), a(2, 6)),
    "x.reshape": (lambda x, i: x.reshape(i), a(4, 3), a(2, 6)),
    "transpose": (lambda x, i: np.transpose(x, i), a(1, 0), a(0, 1)),
    "x.transpose": (lambda x, i: x.transpose(i), a(1, 0), a(0, 1)),
    "broadcast_to": (lambda x, i: np.broadcast_to(x, i), a(2, 3, 4), a(3, 3, 4)),
    "pad": (lambda x, i: np.pad(x, i), a(1, 2), a(2, 1)),
    "pad by axis": (lambda x, i: np.pad(x, i, mode="edge"), a([1, 2], [0, 1]), a([2, 1], [1, 1])),
    "moveaxis": (lambda x, i: np.moveaxis(x, i, [0, 1]), a(1, 0), a(0, 1)),
    "windows": (lambda x, i: np.lib.stride_tricks.sliding_window_view(x, i), a(1, 2), a(2, 1)),
    "zeros": (lambda x, i: np.zeros(i) + x[0, 0], a(1, 2), a(2, 1)),
    "ones": (lambda x, i: np.ones(shape=i) * x[0, 0], a(1, 2), a(2, 1)),
    "full": (lambda x, i: np.full(i, x[0, 0]), a(1, 2), a(2, 1)),
    "eye": (lambda x, i: np.eye(3, 4, i) * x, np.array(0), np.array(1)),
    "arange": (lambda x, i: np.arange(i) * x[0, 0], np.array(2), np.array(3)),
    "linspace": (lambda x, i: np.linspace(x[0, 0], 1.0, i), np.array(2), np.array(3)),
    "resize": (lambda x, i: np.resize(x, i), a(2, 3), a(4, 5)),
    "rot90": (lambda x, i: np.rot90(x, i), np.array(1), np.array(2)),
    "matrix_power": (lambda x, i: np.linalg.matrix_power(x[:, :3], i), np.array(2), np.array(3)),
    "quantile": (lambda x, q: np.quantile(x, q), a(0.2, 0.7), a(0.1, 0.5)),
    "percentile": (lambda x, q: np.percentile(x, q, axis=1), np.array(20.0), np.array(60.0)),
    "fweights": (lambda x, w: np.cov(x, fweights=w), a(1, 1, 3, 4), a(5, 2, 3, 4)),
    "compress": (lambda x, m: np.compress(m, x, 1), a(True, False), a(False, True)),
    "take one": (lambda x, i: np.take(x, i, axis=1), np.array(0), np.array(2)),
    "x[i]": (lambda x, i: x[i], np.array(0), np.array(2)),
    "x[:i]": (lambda x, i: x[:, :i], np.array(1), np.array(2)),
    "x[i] = 0": (lambda x, i: _set(x, i, 0.0), np.array(0), np.array(2)),
    "add.at": (lambda x, i: _at(np.add, x, i, 1.0), a(1, 0), a(2, 2)),
    "multiply.at": (lambda x, i: _at(np.multiply, x, i, 3.0), a(1, 0), a(2, 2)),
    "of a copy": (lambda x, i: np.tile(x, i.copy()), a(2, 1), a(1, 2)),
    "if of a copy": (lambda x, i: x if i.copy()[0] > 1 else -x, a(2, 1), a(1, 2)),
    "if i > 1": (lambda x, i: x if i > 1 else -x, np.array(1), np.array(2)),
    "if not i[0]": (lambda x, i: x if not i[0] else -x, a(2, 1), a(0, 1)),
    "if of a remainder": (
        lambda x, i: x if i[0] % 2 == 0 and 0 < i[1] < 3 else -x,
        a(2, 1),
        a(1, 2),
    ),
    "if of a sum": (lambda x, i: x if i.sum() > 3 else -x, a(2, 1), a(1, 3)),
    "if np.any": (lambda x, i: x if np.any(i > 2) else -x, a(2, 1), a(1, 3)),
    "if of an item": (lambda x, i: x if {"i": i}["i"] > 1 else -x, np.array(1), np.array(2)),
    "if of a name": (lambda x, i: x * q if (q := i[0] * 2) > 2 else -x, a(2, 1), a(1, 3)),
    "if of a call": (lambda x, i: x if (lambda: i)() > 1 else -x, np.array(1), np.array(2)),
    "while": (lambda x, i: _halved(x, i), np.array(2), np.array(3)),
    "cond": (lambda x, i: irgrad.cond(i[0] > 1, np.sin, np.cos, x), a(2, 1), a(1, 3)),
    "switch": (lambda x, i: irgrad.switch(i[1], [np.sin, np.cos], x), a(2, 1), a(1, 0)),
    "range": (lambda x, i: sum(x * k for k in range(i[1] + 1)), a(2, 1), a(1, 3)),
    "fori_loop": (lambda x, i: irgrad.fori_loop(0, i[0], lambda k, c: c + x, x), a(2, 1), a(1, 3)),
}


def _halved(x, i):
    k = 0
    while k < i:
        x = x / 2
        k = k + 1
    return x


def _at(ufunc, x, i, v):
    y = x.copy()
    ufunc.at(y, i, v)
    return y


def same(got, expected) -> None:
    got, expected = optree.tree_leaves(got), optree.tree_leaves(expected)
    for one, other in zip(got, expected, strict=True):
        np.testing.assert_allclose(one, other)


@pytest.mark.parametrize("case", CASES)
def test_a_deciding_array_is_followed(case) -> None:
    function, first, second = CASES[case]
    held = first.copy()
    f = irgrad.compile(lambda x: function(x, held), backend="numpy")
    for numbers in (first, second, second, first):
        held[...] = numbers
        same(f(X), function(X, numbers))


def test_through_transformations() -> None:
    counts = a(1, 2, 0, 1)
    gradient = irgrad.grad(lambda x: np.sum(np.repeat(x, counts, axis=1) ** 2))
    batched = irgrad.vmap(lambda row: np.repeat(row, counts))
    inner = irgrad.compile(lambda x: np.repeat(x, counts, axis=1))
    outer = irgrad.compile(lambda x: inner(2 * x) + 1)
    _, linear = irgrad.linearize(lambda x: np.repeat(x, counts, axis=1), X)
    for numbers in (counts.copy(), a(2, 2, 2, 2), a(0, 0, 0, 4)):
        counts[...] = numbers
        np.testing.assert_allclose(gradient(X), 2 * X * numbers)
        np.testing.assert_allclose(batched(X), np.repeat(X, numbers, axis=1))
        np.testing.assert_allclose(outer(X), np.repeat(2 * X, numbers, axis=1) + 1)
        _, linear = irgrad.linearize(lambda x: np.repeat(x, counts, axis=1), X)
        np.testing.assert_allclose(linear(X), np.repeat(X, numbers, axis=1))


def test_arrays_of_the_function_s_own_guard_nothing() -> None:
    """A program without guards keeps its direct call."""

    def f(x, sizes):
        cuts = np.cumsum(np.asarray(list(sizes)))[:-1]
        return [np.sum(part) for part in np.split(x, cuts)]

    for capture in (True, False):
        compiled = irgrad.compile(f, capture=capture)
        assert [float(part) for part in compiled(X.ravel(), (5, 3, 4))] == [15, 21, 42]
        (program,) = compiled._programs.by_signature.values()
        assert program.lowered.guards == ()


def test_arrays_whose_shape_alone_is_asked_guard_nothing() -> None:
    w = np.ones(12)

    def f(x):
        if len(w) > 2 and w.shape[0] > 3 and w.ndim == 1 and w is not None and np.size(w) > 1:
            x = x * w
        return x if isinstance(w, np.ndarray) else -x

    compiled = irgrad.compile(f)
    assert compiled(X.ravel()).tolist() == X.ravel().tolist()
    (program,) = compiled._programs.by_signature.values()
    assert program.lowered.guards == ()


def test_which_arrays_others_can_change() -> None:
    shared = np.zeros(3)
    views = [shared[1:], np.zeros(3)[1:], np.zeros((2, 2)).T[1:][0]]
    guards = [Guard(shared, shared), *(Guard(view, view.copy()) for view in views)]
    del views
    guards.append(Guard(np.zeros(2), np.zeros(2)))
    assert [guard in reachable(guards) for guard in guards[:1]] == [True]
    assert len(reachable(guards)) == 2


def test_unchanged_arrays_do_not_compile_again() -> None:
    counts = a(1, 2, 0, 1)
    traces = []

    def f(x):
        traces.append(1)
        return np.repeat(x, counts, axis=1)

    compiled = irgrad.compile(f)
    for _ in range(3):
        compiled(X)
    assert len(traces) == 1
    counts[0] = 2
    compiled(X)
    compiled(X)
    assert len(traces) == 2
