"""Which arrays a function that is traced by itself may write to: those that it makes, also of
values from outside alone.
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
