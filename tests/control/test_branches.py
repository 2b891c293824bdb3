"""cond and switch: one branch runs, both modes, second order, what branches close over."""

from __future__ import annotations

import numpy as np
import pytest

import irgrad
from irgrad.errors import IndexOutOfBounds
from tests.control import plain

X = np.array([0.3, -0.6, 0.5])


@pytest.fixture(params=irgrad.backends(), autouse=True)
def _backend(request):
    with irgrad.use_backend(request.param):
        yield


def check(program, *args, order=2) -> None:
    run = irgrad.compile(lambda *x: program(irgrad, *x))
    np.testing.assert_allclose(run(*args), program(plain, *args), rtol=1e-12)
    np.testing.assert_allclose(program(irgrad, *args), program(plain, *args), rtol=1e-12)
    irgrad.check_grads(lambda *x: program(irgrad, *x), args, order)


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_both_branches(sign) -> None:
    def program(m, x, w):
        up = lambda x: np.exp(x) * w  # noqa: E731
        down = lambda x: np.sin(x @ x) * x  # noqa: E731
        return m.cond(np.sum(x) * sign > 0, up, down, x)

    check(program, X, 0.7)


@pytest.mark.parametrize("number", [-2, 0, 1, 2, 3, 9])
def test_switch_clamps(number) -> None:
    branches = [
        lambda x, w: x * w,
        lambda x, w: np.sin(x),
        lambda x, w: x * 0 + w,
        lambda x, w: x**2,
    ]
    k = np.asarray(number)
    check(lambda m, x, w: m.switch(k + 0 * (x[0] > 9), branches, x, w), X, 0.7)


def test_branches_close_over_traced_values_and_arrays() -> None:
    data = np.array([1.0, 2.0, 3.0])

    def program(m, x, w):
        u = x * w
        return m.cond(w > 0, lambda: np.sum(u * data), lambda: u[0] * w)

    check(program, X, 0.7)
    check(program, X, -0.7)
    run = irgrad.compile(irgrad.grad(lambda x: program(irgrad, x, x[0])))
    before = run(X)
    data[:] = 5.0
    assert not np.allclose(run(X), before)


def test_only_one_branch_runs() -> None:
    table = np.array([1.0, 2.0])

    def look_up(i, x):
        inside = lambda: np.take(table * x, i)  # noqa: E731
        return irgrad.cond(i < 2, inside, lambda: 0.0 * x)

    run = irgrad.compile(look_up)
    assert run(np.asarray(1), 3.0) == 6.0
    assert run(np.asarray(7), 3.0) == 0.0
    assert irgrad.grad(look_up, 1)(np.asarray(7), 3.0) == 0.0
    with pytest.raises(IndexOutOfBounds):
        irgrad.compile(lambda i, x: np.take(table * x, i))(np.asarray(7), 3.0)
    endless = lambda x: irgrad.while_loop(lambda s: s > 0, lambda s: s + 1, x)  # noqa: E731
    guarded = irgrad.compile(lambda x: irgrad.cond(x > 0, lambda: x * 1.0, lambda: endless(x)))
    assert guarded(2.0) == 2.0


def test_nested_branches_and_loops() -> None:
    def program(m, x, w):
        def step(c, t):
            inner = lambda c: m.cond(c > w, np.sin, lambda c: c * w, c)  # noqa: E731
            loop = lambda c: m.fori_loop(0, 2, lambda i, d: d * w + t, c)  # noqa: E731
            return m.switch(1 * (t > 0) + 1 * (t > 0.5), [inner, loop, lambda c: c * t], c), c

        return m.scan(step, x, np.array([0.1, 0.7, -0.2, 0.4, 0.9]))[1]

    check(program, 0.4, 0.6)


def test_results_agree_as_numpy_would_have_it() -> None:
    run = irgrad.compile(
        lambda p, x: irgrad.cond(p > 0, lambda x: (x, 1, None), lambda x: (0, 2.5, None), x)
    )
    for p in (1.0, -1.0):
        one, other, none = run(p, np.float32(0.5))
        assert (one.dtype, other.dtype, none) == (np.float32, np.float64, None)


def test_a_number_means_true_where_it_is_not_zero() -> None:
    run = irgrad.compile(lambda p: irgrad.cond(p, lambda: 1.0, lambda: 2.0))
    assert (run(0.5), run(0.0), run(np.asarray(3))) == (1.0, 2.0, 1.0)
