"""Derivatives inside derivatives: the inner one must not see the outer one's perturbation.

The saddle and the particle of Pearlmutter and Siskind ("Lazy multivariate higher-order
forward-mode AD", 2007, and "Using Polyvariant Union-Free Flow Analysis to Compile a Higher-Order
Functional-Programming Language with a First-Class Derivative Operator", 2008), in all four mixes of
modes, through loops of fixed length, Python's `while`, and `while_loop`."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

import irgrad


def forward(f):
    """The gradient by forward mode."""
    return irgrad.jacobian(f, mode="forward")


MODES = {"forward": forward, "reverse": irgrad.grad}
NAMES = list(product(MODES, repeat=2))
MIXES = pytest.mark.parametrize(
    ("outer", "inner"), [(MODES[a], MODES[b]) for a, b in NAMES], ids=map("-".join, NAMES)
)
B = np.array([[1.0, 0.5], [-0.3, 0.8]])
C = np.array([0.7, -0.4])


def payoff(x, y):
    return np.sum((x - C) ** 2) + x @ B @ y - np.sum(y**2)


def best_answer(gradient, x):
    """argmax over y of the payoff, by gradient ascent: B^T x / 2."""
    y = 0 * x
    slope = gradient(lambda y: payoff(x, y))
    for _ in range(12):
        y = y + 0.45 * slope(y)
    return y


@MIXES
def test_saddle(outer, inner) -> None:
    """min over x of max over y. The maximum is |x - c|^2 + |B^T x|^2 / 4, a quadratic of x."""

    def worst(x):
        return payoff(x, best_answer(inner, x))

    x = np.array([0.3, 1.1])
    exact = 2 * (x - C) + B @ B.T @ x / 2
    np.testing.assert_allclose(outer(worst)(x), exact, rtol=1e-9)
    hessian = irgrad.jacobian(outer(worst))(x)
    np.testing.assert_allclose(hessian, 2 * np.eye(2) + B @ B.T / 2, atol=1e-9)
    x = x - np.linalg.solve(hessian, outer(worst)(x))
    np.testing.assert_allclose(outer(worst)(x), 0, atol=1e-9)
    optimum = np.linalg.solve(2 * np.eye(2) + B @ B.T / 2, 2 * C)
    np.testing.assert_allclose(x, optimum, rtol=1e-9)


@MIXES
def test_the_derivative_of_an_optimum(outer, inner) -> None:
    """y*(x) = argmin (y^3 / 3 - x y), which is sqrt(x), by Newton's method with both derivatives
    from the inner mode; the outer one differentiates through them: 1 / (2 sqrt(x)).
    """

    def minimiser(x):
        slope = inner(lambda y: y**3 / 3 - x * y)
        curvature = inner(slope)
        y = 1.0 + 0 * x
        for _ in range(7):
            y = y - slope(y) / curvature(y)
        return y

    np.testing.assert_allclose(minimiser(2.0), np.sqrt(2.0))
    np.testing.assert_allclose(outer(minimiser)(2.0), 0.5 / np.sqrt(2.0), rtol=1e-10)
    np.testing.assert_allclose(outer(outer(minimiser))(2.0), -0.25 * 2.0**-1.5, rtol=1e-10)


def potential(x, w):
    charges = (np.stack([10.0, 10.0 - w]), np.array([10.0, 0.0]))
    return sum(1 / np.sqrt(np.sum((x - charge) ** 2)) for charge in charges)


DT = 3.0


def miss(gradient, w, steps):
    """The squared place where the particle crosses the axis y = 0 after Euler steps, its
    acceleration being minus the gradient of the potential.
    """
    force = gradient(lambda x: -potential(x, w))
    x, v = np.array([0.0, 8.0]), np.array([0.75, 0.0])
    for _ in range(steps):
        v, x = v + DT * force(x), x + DT * v
    return (x[0] - x[1] / v[1] * v[0]) ** 2


def steps_before_crossing(w):
    """The number of steps that keep the particle above the axis."""
    x, v, count = np.array([0.0, 8.0]), np.array([0.75, 0.0]), 0
    while True:
        r = x - np.array([[10.0, 10.0 - w], [10.0, 0.0]])
        force = np.sum(r / np.sum(r**2, 1, keepdims=True) ** 1.5, 0)
        v, following = v + DT * force, x + DT * v
        if following[1] <= 0:
            return count
        x, count = following, count + 1


@MIXES
def test_particle(outer, inner) -> None:
    """Slope and curvature in the charge's place, through the inner derivative of each Euler
    step.
    """
    w, h = 0.0, 1e-4
    steps = steps_before_crossing(w)
    f = lambda w: miss(inner, w, steps)  # noqa: E731 -- differentiated below
    with irgrad.use_backend("numpy"):
        slope, curvature = float(outer(f)(w)), float(outer(outer(f))(w))
        near = [float(irgrad.compile(f)(w + k * h)) for k in (-1, 0, 1)]
        np.testing.assert_allclose(slope, (near[2] - near[0]) / (2 * h), rtol=1e-6)
        np.testing.assert_allclose(curvature, (near[2] - 2 * near[1] + near[0]) / h**2, rtol=1e-4)


def ascend(slope, x, loop):
    """The y where a slope vanishes, from gradient ascent until it is short."""
    start, tol = 0 * x, 1e-12
    step = lambda y: y + 0.45 * slope(y)  # noqa: E731 -- given to a loop
    if loop == "while_loop":
        return irgrad.while_loop(lambda y: np.sum(slope(y) ** 2) > tol**2, step, start)
    y = start
    while np.sum(slope(y) ** 2) > tol**2:
        y = step(y)
    return y


@pytest.mark.parametrize("loop", ["while", "while_loop"])
@MIXES
def test_saddle_until_it_converges(outer, inner, loop) -> None:
    def worst(x):
        return payoff(x, ascend(inner(lambda y: payoff(x, y)), x, loop))

    def descent(c):
        """min over x by gradient descent in a loop too, and its value."""
        slope = outer(lambda x: worst(x) - c @ x)
        goes_on = lambda x: np.sum(slope(x) ** 2) > 1e-16  # noqa: E731 -- given to a loop
        step = lambda x: x - 0.3 * slope(x)  # noqa: E731
        if loop == "while_loop":
            x = irgrad.while_loop(goes_on, step, c)
        else:
            x = c
            while goes_on(x):
                x = step(x)
        return worst(x) - c @ x

    x, c = np.array([0.3, 1.1]), np.array([0.1, -0.2])
    second = 2 * np.eye(2) + B @ B.T / 2
    for backend in irgrad.backends():
        with irgrad.use_backend(backend):
            exact = 2 * (x - C) + B @ B.T @ x / 2
            np.testing.assert_allclose(outer(worst)(x), exact, rtol=1e-9)
            np.testing.assert_allclose(irgrad.jacobian(outer(worst))(x), second, rtol=1e-8)
            both = irgrad.vmap(outer(worst))(np.stack([x, 2 * x]))
            np.testing.assert_allclose(both[0], exact, rtol=1e-9)
    optimum = np.linalg.solve(second, 2 * C + c)
    np.testing.assert_allclose(irgrad.grad(descent)(c), -optimum, rtol=1e-6)  # the envelope theorem


def particle(gradient, w, loop, dt=DT):
    """`miss`, its steps taken for as long as the particle is above the axis."""
    force = gradient(lambda x: -potential(x, w))
    x, v = np.array([0.0, 8.0]), np.array([0.75, 0.0])
    above = lambda s: (s[0] + dt * s[1])[1] > 0  # noqa: E731 -- given to a loop
    step = lambda s: (s[0] + dt * s[1], s[1] + dt * force(s[0]))  # noqa: E731 -- as above
    if loop == "while_loop":
        x, v = irgrad.while_loop(above, step, (x, v))
    else:
        while above((x, v)):
            x, v = step((x, v))
    return (x[0] - x[1] / v[1] * v[0]) ** 2


@pytest.mark.parametrize("loop", ["while", "while_loop"])
@MIXES
def test_particle_until_it_crosses(outer, inner, loop) -> None:
    f = lambda w: particle(inner, w, loop)  # noqa: E731 -- differentiated below
    fixed = lambda w: miss(irgrad.grad, w, steps_before_crossing(0.0))  # noqa: E731 -- as above
    with irgrad.use_backend("numpy"):
        slope, curvature = irgrad.grad(fixed)(0.0), irgrad.grad(irgrad.grad(fixed))(0.0)
    np.testing.assert_allclose(outer(f)(0.0), slope, rtol=1e-9)
    np.testing.assert_allclose(outer(outer(f))(0.0), curvature, rtol=1e-9)
    many = irgrad.vmap(outer(f))(np.array([0.0, 0.1]))
    np.testing.assert_allclose(many, [slope, outer(f)(0.1)], rtol=1e-9)


@MIXES
def test_the_best_place_of_the_charge(outer, inner) -> None:
    """By Newton's method in a loop, around the loop of small steps: 0.20719, as in the papers."""
    slope = outer(lambda w: particle(inner, w, "while_loop", 0.1))
    newton = lambda i, w: w - slope(w) / outer(slope)(w)  # noqa: E731 -- given to a loop
    best = irgrad.compile(lambda w: irgrad.fori_loop(0, 6, newton, w))(0.15)
    np.testing.assert_allclose(best, 0.20719, atol=1e-5)
