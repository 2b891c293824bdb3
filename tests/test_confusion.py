"""Derivatives inside derivatives: the inner one must not see the outer one's perturbation.

The saddle and the particle of Pearlmutter and Siskind ("Lazy multivariate higher-order
forward-mode AD", 2007, and "Using Polyvariant Union-Free Flow Analysis to Compile a Higher-Order
Functional-Programming Language with a First-Class Derivative Operator", 2008), with loops of fixed
length, in all four mixes of modes."""

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
