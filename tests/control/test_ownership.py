"""Which arrays functions write to: one that is traced by itself to those that it makes; branches
and checkpoints also to those of the caller, as Python would; custom functions to none from outside.
"""

from __future__ import annotations

import numpy as np
import pytest

import irgrad
from irgrad.errors import TraceError

X = np.array([1.5, 2.0, -0.5])


@pytest.fixture(autouse=True)
def _interpreter():
    with irgrad.use_backend("numpy"):
        yield


INSIDE = {
    "grad": lambda g, y: irgrad.grad(g)(y),
    "jvp": lambda g, y: irgrad.jvp(g, (y,), (2.0,))[1],
    "vjp": lambda g, y: irgrad.vjp(g, y)[1](2.0)[0],
    "linearize": lambda g, y: irgrad.linearize(g, y)[1](2.0),
    "hessian": lambda g, y: irgrad.hessian(g)(y),
    "vmap": lambda g, y: np.sum(irgrad.vmap(g)(y * np.ones(2))),
    "map": lambda g, y: np.sum(irgrad.map(g, y * np.ones(2))),
    "scan": lambda g, y: irgrad.scan(lambda c, t: (g(c) * t, None), y, X)[0],
    "fori_loop": lambda g, y: irgrad.fori_loop(0, 2, lambda i, c: g(c) * 0.1, y),
    "while_loop": lambda g, y: irgrad.while_loop(lambda c: g(c) < 9.0, lambda c: g(c) + c, y),
    "cond": lambda g, y: irgrad.cond(y > 0, g, lambda y: y, y),
    "checkpoint": lambda g, y: irgrad.checkpoint(g)(y),
    "root": lambda g, y: irgrad.root(lambda u: g(u) - 4.0, y),
    "grad of map": lambda g, y: irgrad.grad(lambda y: np.sum(irgrad.map(g, y * X)))(y),
}


@pytest.mark.parametrize("inside", INSIDE)
def test_arrays_made_of_outer_values_are_its_own(inside) -> None:
    def program(written):
        def run(x):
            def inner(y):
                z = written(np.sin(x), y)
                return np.sum(z * z)

            return INSIDE[inside](inner, x[0])

        return run

    def in_place(z, y):
        view = z[1:]
        z[0] = y
        view[0] *= y
        return z

    plain = program(lambda z, y: np.stack([y, z[1] * y, z[2]]))
    in_place = program(in_place)
    for operator in (irgrad.compile, irgrad.grad):
        np.testing.assert_allclose(operator(in_place)(X), operator(plain)(X), rtol=1e-12)


@pytest.mark.parametrize(
    "shown",
    [np.asarray, lambda z: z[...], lambda z: np.array(z, copy=False), np.ravel, lambda z: z.T],
)
@pytest.mark.parametrize("inside", ["grad", "fori_loop", "vmap"])
def test_arrays_from_outside_are_not(inside, shown) -> None:
    def run(x):
        z = np.sin(x)

        def inner(y):
            same = shown(z)
            same[0] = y
            return np.sum(same)

        return INSIDE[inside](inner, x[0]) + z[0]

    with pytest.raises(TraceError, match="an array from outside") as caught:
        irgrad.compile(run)(X)
    assert "same[0] = y" in str(caught.value)


def write(a):
    a[1:] *= a[0]
    return np.sum(a)


def swap(a, b):
    a[...], b[...] = np.sin(b), a.copy()
    return a


CALLS = {
    "cond": lambda f, g, *xs: irgrad.cond(xs[0][0] > 0, f, g, *xs),
    "cond, other side": lambda f, g, *xs: irgrad.cond(xs[0][0] < 0, g, f, *xs),
    "cond, known": lambda f, g, *xs: irgrad.cond(True, f, g, *xs),
    "switch": lambda f, g, *xs: irgrad.switch(np.astype(xs[0][0] > 0, int), [g, f, g], *xs),
    "checkpoint": lambda f, g, *xs: irgrad.checkpoint(f)(*xs),
    "in a branch": lambda f, g, *xs: irgrad.cond(
        xs[0][-1] > 0, lambda *xs: irgrad.cond(xs[0][0] > 0, f, g, *xs), g, *xs
    ),
}
PROGRAMS = {
    "the array": lambda call, z: call(write, np.sum, z),
    "a view": lambda call, z: call(write, np.sum, z[::-1]),
    "a view, by another name": lambda call, z: call(
        lambda a: write(a[:2]) + z[1], lambda a: np.sum(a), z
    ),
    "one array twice": lambda call, z: call(
        lambda a, b: write(a) + b[2], lambda a, b: np.sum(a), z, z
    ),
    "two arrays": lambda call, z: call(swap, lambda a, b: a, z[:1], z[2:])[0],
    "what is closed over": lambda call, z: call(lambda a: write(z), lambda a: a[0], z * 1.0),
    "nothing returned": lambda call, z: call(lambda a: z.sort(), lambda a: None, z) or 0.0,
    "and hands it on": lambda call, z: (call(lambda a: (write(a), a)[1], np.cos, z))[0],
}


@pytest.mark.parametrize("written", PROGRAMS)
@pytest.mark.parametrize("call", CALLS)
def test_writes_of_branches_and_checkpoints_are_kept(call, written) -> None:
    def run(call, x):
        z = np.exp(x)
        view = z[1:]
        result = PROGRAMS[written](call, z)
        return 3 * result + np.sum(z * X) + view[0]

    expected = run(lambda f, g, *xs: f(*xs), X)
    under_test = lambda x: run(CALLS[call], x)  # noqa: E731
    np.testing.assert_allclose(under_test(X), expected)
    np.testing.assert_allclose(irgrad.compile(under_test)(X), expected)
    known = irgrad.grad(lambda x: run(lambda f, g, *xs: f(*xs), x))
    np.testing.assert_allclose(irgrad.grad(under_test)(X), known(X), rtol=1e-12)
    np.testing.assert_allclose(irgrad.vmap(under_test)(np.stack([X, X])), [expected] * 2)


def test_writes_are_kept_in_machine_code_and_loops() -> None:
    def run(call, x):
        z = np.exp(x)
        for i in range(20):
            call(write, np.sum, z[i % 2 :])
        return z

    plain = run(lambda f, g, a: (f if a[0] > 1 else g)(a), X)
    with irgrad.use_backend("numba"):
        under_test = irgrad.compile(
            lambda x: run(lambda f, g, a: irgrad.cond(a[0] > 1, f, g, a), x)
        )
        np.testing.assert_allclose(under_test(X), plain, rtol=1e-9)


def test_results_are_arrays_of_their_own() -> None:
    def run(x):
        z = x * 1.0
        for same in (
            irgrad.cond(True, lambda a: a, np.sin, z),
            irgrad.switch(0, [lambda: z]),
            irgrad.checkpoint(lambda a: a[:])(z),
        ):
            same[0] = 9.0
        return z

    np.testing.assert_array_equal(run(X), X)
    np.testing.assert_array_equal(irgrad.compile(run)(X), X)


@pytest.mark.parametrize("kind", [irgrad.custom_jvp, irgrad.custom_vjp])
def test_custom_functions_write_to_no_argument(kind) -> None:
    function = kind(lambda a: write(a))
    for run in (function, irgrad.compile(function)):
        x = X.copy()
        with pytest.raises(TraceError, match="writes to its argument") as caught:
            run(x)
        assert "test_ownership.py:" in str(caught.value)
        assert ".copy()" in str(caught.value)
        np.testing.assert_array_equal(x, X)


def test_branches_write_to_no_array_of_numbers() -> None:
    held = X.copy()
    with pytest.raises(TraceError, match="cond writes to its argument"):
        irgrad.compile(lambda x: irgrad.cond(x[0] > 0, write, np.sum, held))(X)
    np.testing.assert_array_equal(held, X)
    numbers = irgrad.grad(lambda x: x * (irgrad.checkpoint(write)(2 * held)))(1.0)
    np.testing.assert_allclose(numbers, write(2 * held))
