"""What no later step overwrites is read from the last version of an array: it is neither kept nor
computed again."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np
import pytest

import irgrad
from irgrad.autodiff.inequalities import Linear, possible

X = np.random.default_rng(0).uniform(0.5, 1.5, (6, 6)) + 6 * np.eye(6)


def factorised(x: Any) -> Any:
    for i in range(6):
        for j in range(i):
            x[i, j] -= x[i, :j] @ x[:j, j]
            x[i, j] /= x[j, j]
        for j in range(i, 6):
            x[i, j] -= x[i, :i] @ x[:i, j]
    return x


def from_below(x: Any) -> Any:
    for i in range(5, -1, -1):
        x[i, 0] = (x[i, 1] - x[i, i + 1 :] @ x[i + 1 :, 0]) / x[i, i]
    return x


def written_and_read(x: Any) -> Any:
    for i in range(1, 6):
        x[i] = np.sin(x[i - 1]) * x[i]
    return x


def at_negative_places(x: Any) -> Any:
    for i in range(1, 6):
        x[-i, 0] = x[-i, 1] * np.sin(x[-i, 2] * x[i - 6, 3])
    return x


def the_same_array_twice(x: Any) -> Any:
    for _ in range(3):
        for j in range(1, 6):
            x[j, 0] = np.sin(x[j - 1, 0]) * x[j, 1]
    return x


def overwritten_by_the_loop_after(x: Any) -> Any:
    for i in range(6):
        for j in range(i):
            x[i, j] *= np.sin(x[i, :j] @ x[:j, j])
        for j in range(i):
            x[j, i] *= np.sin(x[i, j])
    return x


def overwritten_later_in_the_step(x: Any) -> Any:
    for i in range(5):
        x[i, 0] = x[i, 1] * np.sin(x[i, 2])
        x[i + 1, 0] *= x[i, 0]
        x[i, 0] = np.cos(x[i, 0])
    return x


def moving_windows(x: Any) -> Any:
    for i in range(4):
        x[i, : i + 1] = np.sin(x[i + 1, : i + 1]) * x[i + 2, 0]
        x[i + 1, i:] *= np.cos(x[i, : 6 - i])
    return x


def elements_by_number(x: Any) -> Any:
    at = np.array([3, 0, 3, 1])
    for i in range(4):
        x[at[i], i] = np.sin(x[i, 5]) * x[at[i], 4]
    return x


LASTING = (factorised, from_below, written_and_read, at_negative_places)
OVERWRITTEN = (
    the_same_array_twice, overwritten_by_the_loop_after, overwritten_later_in_the_step,
    moving_windows, elements_by_number,
)  # fmt: skip


def total(program: Callable[[Any], Any], x: Any) -> Any:
    return np.sum(np.sin(program(x.copy())) * np.cos(np.arange(36.0).reshape(6, 6)))


@pytest.mark.parametrize("program", LASTING + OVERWRITTEN, ids=lambda f: f.__name__)
def test_gradients(program: Callable[[Any], Any]) -> None:
    def f(x: Any) -> Any:
        return total(program, x)

    for backend in irgrad.backends():
        run = irgrad.compile(irgrad.value_and_grad(f), backend, unroll=0)
        for x in (X, X.T + 0.01):
            value, found = run(x)
            np.testing.assert_allclose(value, f(x), rtol=1e-12)
            along = np.random.default_rng(1).standard_normal(x.shape)
            slope = (f(x + 1e-6 * along) - f(x - 1e-6 * along)) / 2e-6
            np.testing.assert_allclose(np.sum(found * along), slope, rtol=1e-5, atol=1e-7)
    text = irgrad.compile(irgrad.grad(f), unroll=0).dump(X)
    assert (".last" in text) >= (program in LASTING)
    assert program is not factorised or (".old" not in text and ".tape" not in text)


@pytest.mark.parametrize("program", [factorised, from_below], ids=lambda f: f.__name__)
def test_second_derivatives(program: Callable[[Any], Any]) -> None:
    def along(x: Any) -> Any:
        gradient = irgrad.grad(lambda x: total(program, x))
        return irgrad.jvp(gradient, (x,), (np.cos(x),))

    for found, wanted in zip(*(irgrad.compile(along, unroll=n)(X) for n in (0, 100)), strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-10, atol=1e-12)


def test_a_pullback_that_is_prepared_is_prepared_anew_in_other_steps() -> None:
    def partly(x: Any) -> Any:
        x = x.copy()
        for i in range(6):
            for j in range(i + 1, 6):
                x[i, j] *= np.sum(np.sin(x[i, : j - 1]) * x[j, : j - 1]) + 1.0
                x[j, i] -= x[i, i:] @ x[i:, j]
        return np.sum(x)

    irgrad.check_grads(partly, (0.1 * X,))


STEPS = [(1, 0), (-1, 5), (1, -6), (0, 2), (2, -5)]


@pytest.mark.parametrize("write", STEPS)
def test_any_places_of_a_loop_in_a_loop(write: tuple[int, int]) -> None:
    """Against the steps written out."""
    (a, b), last = write, 4

    def f(x: Any) -> Any:
        x = x.copy()
        for i in range(last):
            for j in range(i, last):
                for (c, d), at in product(STEPS, (i, j)):
                    x[a * j + b, i] += 0.1 * np.sin(x[c * at + d, j]) * x[i, c * at + d]
        return np.sum(x)

    loops, steps = (irgrad.compile(irgrad.grad(f), "numpy", unroll=n) for n in (0, 100))
    np.testing.assert_allclose(loops(X), steps(X), rtol=1e-9)


def test_inequalities_against_all_small_integers() -> None:
    rng = np.random.default_rng(0)
    box: list[Linear] = [form for v in "xyz" for form in ({v: 1, None: 3}, {v: -1, None: 3})]
    points = np.array(list(product(range(-3, 4), repeat=3)))
    answers = set[bool]()
    given: list[Linear]
    for _ in range(200):
        forms = rng.integers(-2, 3, (4, 4))
        values = points @ forms[:, :3].T + forms[:, 3]
        exist = bool(np.any((values[:, 0] == 0) & np.all(values[:, 1:] >= 0, axis=1)))
        named = [dict(zip([*"xyz", None], map(int, row), strict=True)) for row in forms]
        given = [{x: factor for x, factor in form.items() if factor} for form in named]
        found = possible(given[:1], [*given[1:], *box])
        assert found or not exist
        answers.add(found)
    assert answers == {True, False}
