"""Functions that call themselves: against Python, and what is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import irgrad
from irgrad.errors import TraceError
from tests.frontend.against_python import check_like_python

POINTS = (0.55, 3.3, -1.5)
KNOTS = np.array([0, 0, 0, 0, 0.2, 0.4, 0.6, 0.8, 1, 1, 1, 1.0])


def basis(i: int, degree: int, x: Any) -> Any:
    if degree == 0:
        return 1.0 if KNOTS[i] <= x < KNOTS[i + 1] else 0.0
    left = right = 0.0
    if KNOTS[i + degree] > KNOTS[i]:
        left = (x - KNOTS[i]) / (KNOTS[i + degree] - KNOTS[i]) * basis(i, degree - 1, x)
    if KNOTS[i + degree + 1] > KNOTS[i + 1]:
        right = (KNOTS[i + degree + 1] - x) / (KNOTS[i + degree + 1] - KNOTS[i + 1])
        right *= basis(i + 1, degree - 1, x)
    return left + right


def spline(x: Any) -> Any:
    return sum(np.sin(i) * basis(i, 3, 0.2 * x) for i in range(8))


def bisected(low: Any, high: Any, target: Any, depth: int = 0) -> Any:
    middle = (low + high) / 2
    if depth == 9 or abs(middle**3 - target) < 1e-3:
        return middle + target
    if middle**3 > target:
        return bisected(low, middle, target, depth + 1)
    return bisected(middle, high, target, depth + 1)


def root(x: Any) -> Any:
    return bisected(-2.0, 2.0, x)


class Tree:
    def __init__(self, value: Any, left: Any = None) -> None:
        self.value, self.left = value, left

    def total(self) -> Any:
        rest = 0.0 if self.left is None else self.left.total()
        return np.sin(self.value) + rest if self.value > 1 else rest


def over_a_tree(x: Any) -> Any:
    return Tree(x, Tree(2 * x, Tree(x * x))).total()


def halved(x: Any) -> Any:
    return x if x < 1 else halved(x / 2) + 0.1 * x


def in_a_function(x: Any) -> Any:
    def inner(y: Any) -> Any:
        return y if y < 1 else inner(y / 2)

    return inner(x)


@pytest.mark.parametrize("backend", ["numpy", "numba"])
@pytest.mark.parametrize("function", [spline, root, over_a_tree], ids=lambda f: f.__name__)
def test_of_known_depth_in_branches(function: Any, backend: str) -> None:
    check_like_python(function, backend, POINTS)
    with irgrad.use_backend(backend):
        x = np.array(POINTS)
        np.testing.assert_allclose(irgrad.vmap(function)(x), [function(p) for p in POINTS])


@pytest.mark.parametrize("backend", ["numpy", "numba"])
def test_of_unknown_depth_the_numbers_of_the_call_decide(backend: str) -> None:
    with irgrad.use_backend(backend):
        compiled, slope = irgrad.compile(halved), irgrad.grad(halved)
        for x in (0.5, 1.5, 9.0, 0.5):
            np.testing.assert_allclose(compiled(x), halved(x))
            difference = (halved(x + 1e-6) - halved(x - 1e-6)) / 2e-6
            np.testing.assert_allclose(slope(x), difference, rtol=1e-6)


def test_of_unknown_depth_is_refused_where_there_are_none() -> None:
    with pytest.raises(TraceError, match="truth value"):
        irgrad.vmap(halved)(np.ones(3))
    with pytest.raises(TraceError, match=r"inner calls itself[\s\S]*hint: write a while"):
        irgrad.compile(in_a_function)(3.0)
