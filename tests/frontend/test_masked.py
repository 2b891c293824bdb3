"""`x[mask]` with a traced mask: functions and reductions of it, and refusals of all else."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import irgrad
from irgrad.errors import IndexingError, TraceError, UnsupportedError
from tests.frontend.against_numpy import Case, array, check, same_as_numpy

X = array(4, 5) + 0.11
V = array(9) + 0.11
T = array(3, 4, 2) + 0.11
INTS = array(4, 5, dtype=np.int32)
F = X.astype(np.float32)
Z = X + 1j * X[::-1]

CASES = {
    "sum": Case(lambda x: np.sum(x[x > 0]), (X,)),
    "sum_method": Case(lambda x: x[x > 0].sum(), (X,)),
    "sum_dtype": Case(lambda x: x[x > 0].sum(dtype=np.float32), (X,), smooth=False),
    "sum_ints": Case(lambda x: x[x > 3].sum(), (INTS,), smooth=False),
    "sum_bools": Case(lambda x: (x[x > 3] > 5).sum(), (INTS,), smooth=False),
    "mean": Case(lambda x: x[x > 0].mean(), (X,)),
    "mean_f32": Case(lambda x: np.mean(x[x > 0]), (F,), smooth=False),
    "mean_ints": Case(lambda x: np.mean(x[x > 3]), (INTS,), smooth=False),
    "prod": Case(lambda x: np.prod(x[x > 0]), (X,)),
    "max": Case(lambda x: (x[x < 2].max(), np.max(x[x < 2])), (X,)),
    "min": Case(lambda x: (x[x > 0].min(), np.min(x[x > 0])), (X,)),
    "max_ints": Case(lambda x: (x[x < 7].max(), x[x > 4].min()), (INTS,), smooth=False),
    "any": Case(lambda x: (np.any(x[x > 0] > 4), (x[x > 0] < 0).any()), (X,), smooth=False),
    "all": Case(lambda x: (np.all(x[x > 0] > 4), (x[x > 0] > 0).all()), (X,), smooth=False),
    "var": Case(lambda x: (np.var(x[x > 0]), x[x > 0].var(ddof=1)), (X,)),
    "std": Case(lambda x: np.std(x[x > 0]), (X,)),
    "var_complex": Case(lambda x: np.var(x[x.real > 0]), (Z,), smooth=False),
    "count": Case(lambda x: np.count_nonzero(np.floor(x[x > 0])), (X,), smooth=False),
    "size": Case(lambda x: x[x > 0].sum() / x[x > 0].size, (X,)),
    "np_size": Case(lambda x: np.sum(x[x > 0]) / np.size(x[x > 0]), (X,)),
    "elementwise": Case(lambda x: np.sum(np.sqrt(x[x > 0]) * 2 + 1), (X,)),
    "operators": Case(lambda x: ((1 - x[x > 0]) ** 2 / 3 - -abs(x[x > 0])).sum(), (X,)),
    "twice": Case(lambda x: np.sum(x[x > 0] * np.log(x[x > 0])), (X,)),
    "two_arrays": Case(lambda x, y: np.sum(x[x > 0] * y[x > 0]), (X, X[::-1])),
    "scalar_of_trace": Case(lambda x: np.sum(x[x > 0] * x[0, 0]), (X,)),
    "tracer_first": Case(
        lambda x: np.sum(x[0, 0] * x[x > 0]) + np.sum(np.multiply(x[0, 0], x[x > 0])), (X,)
    ),
    "comparison": Case(lambda x: np.sum((x[x > 0] > 1) & ~(x[x > 0] > 3)), (X,), smooth=False),
    "where": Case(lambda x: np.sum(np.where(x[x > 0] > 1, x[x > 0], 0.5)), (X,)),
    "clip": Case(lambda x: np.sum(np.clip(x[x > 0], 1, 2)), (X,)),
    "named_mask": Case(lambda x: (lambda m: np.sum(x[m]) / np.sum(m))(x > 0), (X,)),
    "leading_axes": Case(lambda x: np.sum(x[x[:, 0] > 0] ** 2), (X,)),
    "leading_rows": Case(lambda x: x[x[:, 0] > 0].sum(axis=0), (X,)),
    "leading_mean": Case(lambda x: np.mean(x[x[..., 0] > 0], axis=0), (T,)),
    "leading_mean_all": Case(lambda x: np.mean(x[x[..., 0] > 0]), (T,)),
    "leading_broadcast": Case(lambda x: np.sum(x[x[:, 0] > 0] * x[0]), (X,)),
    "ellipsis": Case(lambda x: np.sum(x[x[:, 0] > 0, ...]) + np.sum(x[x[:, 0] > 0, :]), (X,)),
    "astype": Case(lambda x: x[x > 3].astype(float).mean(), (INTS,), smooth=False),
    "complex": Case(
        lambda x: (np.sum(x[x.real > 0].imag), np.sum(x[x.real > 0].conj())), (Z,), smooth=False
    ),
    "dot": Case(lambda x: np.dot(x[x > 0], x[x > 0]) + x[x > 0] @ x[x > 0], (V,)),
    "vdot": Case(lambda x: np.vdot(x[x.real > 0], x[x.real > 0]), (Z[0],), smooth=False),
    "extract": Case(lambda x: np.sum(np.extract(x > 0, x)), (X,)),
    "norm": Case(lambda x: np.sqrt(np.sum(x[x > 0] ** 2)), (X,)),
    "empty_sum": Case(lambda x: np.sum(np.log(x[x > 1e9])), (X,), smooth=False),
    "traced_mask_argument": Case(lambda x, m: np.sum(x[m]), (X, X > 1)),
}


@pytest.mark.parametrize("name", CASES)
def test_as_numpy(name: str) -> None:
    check(CASES[name])


def test_of_an_empty_array() -> None:
    same_as_numpy(lambda x: np.sum(np.exp(x[x > 0])), X[:0])


def test_unselected_places_make_no_nan() -> None:
    """sqrt and log of what is not selected would be nan, and their derivatives too."""
    x = np.array([-1.0, 4.0, 0.0, 9.0, -np.inf, np.nan])
    gradient = irgrad.grad(
        lambda x: np.sum(np.sqrt(x[x > 0])) + np.sum(np.log(x[x > 0]) / x[x > 0])
    )
    selected = np.array([4.0, 9.0])
    expected = np.zeros(6)
    expected[[1, 3]] = 0.5 / np.sqrt(selected) + (1 - np.log(selected)) / selected**2
    np.testing.assert_allclose(gradient(x), expected, rtol=1e-12)
    _, tangent = irgrad.jvp(lambda x: np.sum(np.sqrt(x[x > 0])), (x,), (np.ones(6),))
    np.testing.assert_allclose(tangent, 0.25 + 1 / 6)


def test_a_selection_is_a_copy() -> None:
    def function(x: Any) -> Any:
        x = x * 2
        mask = x > 0
        selected, rows = x[mask], x[np.any(x > 5, axis=1)]
        before = np.exp(rows).sum()
        x += 1
        mask ^= mask
        return np.sum(np.sqrt(selected)), before, rows.sum(axis=0), x

    same_as_numpy(function, X)


def test_an_infinite_derivative_stays_infinite() -> None:
    """The first selected element fills the other places, but takes no derivative from them."""
    gradient = irgrad.grad(lambda x: np.sum(np.sqrt(x[x >= 0])))(np.array([0.0, -1.0, 4.0]))
    np.testing.assert_array_equal(gradient, [np.inf, 0, 0.25])


EXTREMA = {
    "max": lambda v: np.max(v),
    "min": lambda v: v.min(),
    "argmax": lambda v: np.argmax(v),
    "argmin": lambda v: v.argmin(),
    "ptp": lambda v: np.ptp(v),
    "reduce": lambda v: np.maximum.reduce(v),
    "keepdims": lambda v: np.max(v, axis=0, keepdims=True)[0],
    "norm": lambda v: np.linalg.norm(v, ord=np.inf),
    "elementwise": lambda v: np.min(np.sqrt(v * v) + 1),
    "sorted": lambda v: np.max(np.sort(v)),
    "initial": lambda v: np.max(v, initial=1),
    "sum": lambda v: np.sum(v),
}


def _kept_in_a_loop(v: Any) -> Any:
    total = 0.0
    for i in range(20):
        total += np.max(v[v > X.max() - i])
    return total


NONE_LEFT = {
    "mask": (lambda x, f: f(x[x > 1e9]), lambda x, f: f(x[:0])),
    "slice": (lambda x, f: f(x[: np.sum(x > 1e9)]), lambda x, f: f(x[:0])),
    "ints": (lambda x, f: f(x.astype(np.int32)[x > 1e9]), lambda x, f: f(x.astype(np.int32)[:0])),
    "some": (lambda x, f: f(x[x > 0.2]), lambda x, f: f(x[x > 0.2])),
}


@pytest.mark.parametrize("backend", irgrad.backends())
@pytest.mark.parametrize("selected", NONE_LEFT)
@pytest.mark.parametrize("name", EXTREMA)
def test_reductions_of_no_elements_do_as_numpys(name: str, selected: str, backend: str) -> None:
    ours, plain = NONE_LEFT[selected]
    reduce = EXTREMA[name]
    compiled = irgrad.compile(lambda x: ours(x, reduce), backend=backend)
    try:
        wanted = plain(V, reduce)
    except ValueError as error:
        with pytest.raises(ValueError, match=str(error)) as raised:
            compiled(V)
        assert any("test_masked.py" in note for note in raised.value.__notes__)
    else:
        np.testing.assert_allclose(compiled(V), wanted)


def test_whether_there_are_elements_is_seen_in_loops_derivatives_and_rows() -> None:
    for function in (_kept_in_a_loop, irgrad.grad(lambda x: np.max(x[x > 1e9]))):
        with pytest.raises(ValueError, match="zero-size array"):
            irgrad.compile(function)(V - 1e3)
    rows = irgrad.vmap(lambda v: np.max(v[v > 0.5]))
    np.testing.assert_allclose(rows(np.stack([V, V + 1])), [V.max(), V.max() + 1])
    with pytest.raises(ValueError, match="zero-size array"):
        rows(np.stack([V, V - 1e3]))
    assert irgrad.compile(lambda x: np.max(x[x[:, 0] > 1e9][:, :0], axis=0).size)(X) == 0
    assert np.isnan(irgrad.compile(lambda x: np.mean(x[x > 1e9]))(X))


def test_a_branch_that_sees_to_it_makes_it_fine() -> None:
    def largest(x: Any) -> Any:
        return np.max(x[x > 1e9]) if np.any(x > 1e9) else 0.0

    assert irgrad.compile(largest)(V) == 0.0
    assert irgrad.compile(largest)(V + 1e10) == np.max(V + 1e10)


REFUSALS: dict[str, tuple[Any, type[Exception], str]] = {
    "return": (lambda x: x[x > 0], UnsupportedError, "returning it"),
    "iterate": (lambda x: list(x[x > 0]), TraceError, "for statement"),
    "unpack": (lambda x: [*x[x > 0]], TraceError, "for statement"),
    "initial": (lambda x: np.sum(x[x > 0], initial=2), UnsupportedError, "sum with initial="),
    "out": (lambda x: x[x > 0].sum(out=np.zeros(())), UnsupportedError, "sum with out="),
    "asarray": (lambda x: np.asarray(x[x > 0]), UnsupportedError, "conversion to an array"),
    "truth": (lambda x: 1 if x[x > 0] else 0, TraceError, "np.any or np.all"),
    "too_many": (lambda x: x[0][x > 0], IndexingError, "too many indices"),
    "mismatch": (
        lambda x: x[(x > 0)[:, :3]],
        IndexingError,
        "along axis 1: the axis has size 5, the mask 3",
    ),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_what_needs_the_count_is_refused(name: str) -> None:
    function, kind, match = REFUSALS[name]
    with pytest.raises(kind, match=match) as error:
        irgrad.trace(function, X)
    assert "test_masked.py" in str(error.value)
    if kind is UnsupportedError:
        assert "np.where(mask, a, b)" in str(error.value)
