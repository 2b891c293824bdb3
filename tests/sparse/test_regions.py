"""Patterns through loops and branches: exact where steps are few, safe and narrow elsewhere."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import irgrad
from irgrad.autodiff import sparsity

X = np.linspace(0.5, 1.5, 6)
EYE = np.eye(6, dtype=int)
BAND = EYE + np.eye(6, k=1, dtype=int) + np.eye(6, k=-1, dtype=int)
BACKENDS = pytest.mark.parametrize("backend", irgrad.backends())


def smooth(x: Any) -> Any:
    """One step of diffusion with fixed ends."""
    return np.concatenate([x[:1], x[1:-1] + 0.1 * np.sin(x[2:] + x[:-2]), x[-1:]])


def inside(k: int) -> Any:
    """The pattern of k steps of `smooth`."""
    step = BAND * 1
    step[0], step[-1] = EYE[0], EYE[-1]
    reach = EYE
    for _ in range(k):
        reach = (reach @ step > 0).astype(int)
    return reach


def until(x: Any) -> Any:
    step = lambda s: (s[0] * 0.5, smooth(s[1]))  # noqa: E731 -- given to a loop
    return irgrad.while_loop(lambda s: np.sum(s[0]) > 1.0, step, (x, x))[1]


def counted(x: Any) -> Any:
    return irgrad.while_loop(lambda s: s[0] < 2, lambda s: (s[0] + 1, smooth(s[1])), (0, x))[1]


def at_position(x: Any) -> Any:
    """Step i writes element i + 1 alone."""

    def step(i: Any, a: Any) -> Any:
        a = a.copy()
        a[i + 1] = a[i + 1] * a[5 - i]
        return a

    return irgrad.fori_loop(0, 2, step, x)


def running(x: Any) -> Any:
    return irgrad.scan(lambda c, t: (c + t**2, np.sin(c)), 0.0, x)[1]


def pieces(x: Any) -> Any:
    return irgrad.map(lambda t: t * np.stack([np.sin(t), 1.0]), x).ravel()


AT = EYE.copy()
AT[1, 5] = AT[2, 4] = 1
EXACT: dict[str, tuple[Any, Any]] = {
    "loop": (lambda x: irgrad.fori_loop(0, 2, lambda i, c: smooth(c), x), inside(2)),
    "positions": (at_position, AT),
    "scan": (running, np.tril(np.ones((6, 6), int), -1)),
    "map": (pieces, np.repeat(EYE, 2, 0)),
    "counted while": (counted, inside(2)),
    "cond": (
        lambda x: irgrad.cond(x[0] > 9, lambda: x * 2, lambda: np.sin(x[::-1])),
        EYE + EYE[::-1],
    ),
    "rows and carried": (
        lambda x: irgrad.scan(lambda c, t: (c * 2, c[0] * t), x[:2], x[2:])[1],
        EYE[2:] + EYE[0],
    ),
}


def pattern_of(f: Any, *args: Any) -> Any:
    return irgrad.sparsity(f, *args).matrix.astype(int).toarray()


@pytest.mark.parametrize(("f", "expected"), EXACT.values(), ids=EXACT)
def test_exact_patterns(f: Any, expected: Any) -> None:
    np.testing.assert_array_equal(pattern_of(f, X), expected)


def test_an_unknown_number_of_steps_is_any_number() -> None:
    expected = inside(50)
    np.testing.assert_array_equal(pattern_of(until, X), expected)


@pytest.mark.parametrize(("f", "expected"), EXACT.values(), ids=EXACT)
def test_without_following_steps_nothing_is_missed(
    f: Any, expected: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By fixed point alone, which knows no positions: what has none stays as narrow."""
    monkeypatch.setattr(sparsity.Walk.__init__, "__defaults__", (0,))
    got = pattern_of(lambda x: f(x), X)
    assert np.all(got >= expected)
    if f in (EXACT["loop"][0], EXACT["map"][0], EXACT["rows and carried"][0], EXACT["cond"][0]):
        np.testing.assert_array_equal(got, expected)


def test_selectors_and_counts_that_are_given_decide() -> None:
    def f(x: Any, k: Any, n: Any) -> Any:
        x = irgrad.switch(k, [lambda: x, lambda: x[::-1]])
        return irgrad.fori_loop(0, n, lambda i, c: smooth(c), x)

    one, zero = np.asarray(1), np.asarray(0)
    jacobian = irgrad.sparse_jacobian(f)
    np.testing.assert_array_equal(jacobian(X, one, zero).toarray(), EYE[::-1])
    np.testing.assert_array_equal(jacobian(X, zero, zero).toarray(), EYE)
    got = jacobian(X, zero, one)
    assert got.nnz == inside(1).sum()
    np.testing.assert_allclose(got.toarray(), irgrad.jacobian(f)(X, zero, one), rtol=1e-12)


@BACKENDS
@pytest.mark.parametrize("f", [until, *(f for f, _ in EXACT.values())], ids=["until", *EXACT])
def test_values_against_dense_ones(f: Any, backend: str) -> None:
    with irgrad.use_backend(backend):
        expected = irgrad.jacobian(f)(X)
        for mode in ("forward", "reverse"):
            got = irgrad.sparse_jacobian(f, mode=mode)(X)
            np.testing.assert_allclose(got.toarray(), expected, rtol=1e-10, atol=1e-13)
        energy = lambda x: np.sum(np.cos(f(x)) * f(x))  # noqa: E731 -- differentiated below
        hessian = irgrad.sparse_hessian(energy)(X).toarray()
        np.testing.assert_allclose(hessian, irgrad.hessian(energy)(X), rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(hessian, hessian.T, rtol=1e-9, atol=1e-12)


def test_a_long_map_stays_diagonal() -> None:
    x = np.linspace(0, 1, 30_000)
    pattern = irgrad.sparsity(lambda x: irgrad.map(lambda t: np.sin(t) * t, x), x)
    assert (pattern.nnz, pattern.number) == (30_000, 1)
