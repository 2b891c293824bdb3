"""Products that share an operand, or are others turned."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import irgrad

RNG = np.random.default_rng(0)
A, B, M = RNG.standard_normal((9, 12)), RNG.standard_normal((9, 12)), RNG.standard_normal((9, 9))


def turned_and_not(a: Any, b: Any, m: Any) -> Any:
    return m @ a + m.T @ a


def scaled_inside_and_outside(a: Any, b: Any, m: Any) -> Any:
    return m @ (1.5 * a) + (m.T @ a) * 1.5


def the_right_one_shared(a: Any, b: Any, m: Any) -> Any:
    return np.einsum("ik,kj->ji", m, a) + np.einsum("lj,il->ji", a, m + 1.0)


def product_and_its_transpose(a: Any, b: Any, m: Any) -> Any:
    return np.sin(a @ b.T) + np.cos(b @ a.T)


def of_other_numbers(a: Any, b: Any, m: Any) -> Any:
    return m @ (1.5 * a) + (m.T @ a) * 2.5


def of_other_letters(a: Any, b: Any, m: Any) -> Any:
    return m @ m + m @ m.T + (m.T @ m).T


def read_twice(a: Any, b: Any, m: Any) -> Any:
    one = m @ a
    return one + m.T @ a + np.sin(one)


def with_itself(a: Any, b: Any, m: Any) -> Any:
    return a @ a.T + np.sin(a @ b.T) * (a @ b.T).T


def with_a_vector(a: Any, b: Any, m: Any) -> Any:
    return np.outer(m[0], m[1]) + np.outer(m[1], m[0]) + m @ m[2] + m.T @ m[2]


PROGRAMS = {
    turned_and_not: 1, scaled_inside_and_outside: 1, the_right_one_shared: 1,
    product_and_its_transpose: 1, of_other_numbers: 2, of_other_letters: None, read_twice: 2,
    with_itself: 2, with_a_vector: None,
}  # fmt: skip
"""And how many products there are then."""


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda f: f.__name__)
def test_one_product_in_the_place_of_two(program: Callable[..., Any]) -> None:
    def total(*x: Any) -> Any:
        made = program(*x)
        return np.sum(made * np.cos(np.arange(float(made.size)).reshape(made.shape)))

    count = irgrad.compile(program).dump(A, B, M).count("contract(")
    assert PROGRAMS[program] in (None, count)
    for backend in irgrad.backends():
        found = irgrad.compile(program, backend)(A, B, M)
        np.testing.assert_allclose(found, program(A, B, M), rtol=1e-12, atol=1e-12)
        run = irgrad.compile(irgrad.grad(total, (0, 1, 2)), backend)
        slopes = [np.sum(g * np.cos(x)) for g, x in zip(run(A, B, M), (A, B, M), strict=True)]
        h = 1e-6
        ahead, behind = (total(*(x + by * np.cos(x) for x in (A, B, M))) for by in (h, -h))
        np.testing.assert_allclose(sum(slopes), (ahead - behind) / (2 * h), rtol=1e-6, atol=1e-7)
