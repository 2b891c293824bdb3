"""Sorting and searching, as NumPy has them; every sort is stable."""

from __future__ import annotations

from typing import Any

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

import irgrad
from irgrad.errors import TraceError
from tests.frontend.against_numpy import Case, array, check, fails_as_numpy, same_as_numpy

X = array(3, 4, 5)
M = array(3, 4)
V = array(7)
TIES = np.array([[1, 0, 1], [2, 2, 0], [1, 0, 1]])
EDGES = np.array([-1.0, 0.0, 0.5, 2.0])
HOLES = np.array([2.0, np.nan, -1.0, np.inf, -0.0, 0.0])
Z = M + 1j * np.round(M)

CASES = {
    "sort": Case(lambda x: np.sort(x), (M,)),
    "sort_axis": Case(lambda x: np.sort(x, axis=1), (X,)),
    "sort_flat": Case(lambda x: np.sort(x, axis=None), (M,)),
    "sort_kind": Case(lambda x: np.sort(x, kind="stable"), (V,)),
    "sort_ints": Case(lambda x: np.sort(x, axis=0), (TIES,), smooth=False),
    "sort_nan": Case(lambda x: np.sort(x), (HOLES,), smooth=False),
    "sort_complex": Case(lambda x: np.sort(x, axis=0), (Z,), smooth=False),
    "sort_to_complex": Case(lambda x: np.sort_complex(x), (V,), smooth=False),
    "argsort": Case(lambda x: np.argsort(x), (M,), smooth=False),
    "argsort_axis": Case(lambda x: x.argsort(axis=0), (X,), smooth=False),
    "argsort_flat": Case(lambda x: np.argsort(x, axis=None, kind="stable"), (TIES,), smooth=False),
    "argsort_ties": Case(lambda x: np.argsort(x, axis=-1, kind="stable"), (TIES,), smooth=False),
    "sort_by": Case(lambda x, y: y[np.argsort(x)], (V, V**2)),
    "lexsort": Case(
        lambda a, b: np.lexsort((a, b)), (V, np.array([1, 0, 1, 0, 2, 1, 0])), smooth=False
    ),
    "lexsort_axis": Case(lambda a: np.lexsort((a, a % 3, a % 2), axis=0), (TIES,), smooth=False),
    "searchsorted": Case(lambda x: np.searchsorted(EDGES, x), (M,), smooth=False),
    "searchsorted_right": Case(
        lambda e, x: e.searchsorted(x, side="right"), (EDGES, np.array([0.0, 9.0])), smooth=False
    ),
    "searchsorted_sorter": Case(
        lambda e, x: np.searchsorted(e, x, sorter=[3, 2, 1, 0]), (EDGES[::-1], V), smooth=False
    ),
    "searchsorted_dtypes": Case(
        lambda e, x: np.searchsorted(e, x), (np.array([1, 3]), V), smooth=False
    ),
    "digitize": Case(lambda x: np.digitize(x, EDGES), (M,), smooth=False),
    "digitize_right": Case(lambda x: np.digitize(x, EDGES, right=True), (EDGES,), smooth=False),
    "digitize_decreasing": Case(lambda x: np.digitize(x, EDGES[::-1]), (EDGES,), smooth=False),
}


@pytest.mark.parametrize("name", CASES)
def test_as_numpy(name: str) -> None:
    check(CASES[name])


def test_partition_puts_each_kth_in_its_place() -> None:
    for kth, axis in ((2, -1), ((0, -1), 0), (5, None)):
        got = irgrad.compile(lambda x, k=kth, a=axis: np.partition(x, k, a))(M)
        expected = np.partition(M, kth, axis)
        along = 0 if axis is None else axis
        np.testing.assert_array_equal(np.take(got, kth, along), np.take(expected, kth, along))
        np.testing.assert_array_equal(np.sort(got, along), np.sort(expected, along))
    places = irgrad.compile(lambda x: np.argpartition(x, 2))(V)
    assert V[places[2]] == np.sort(V)[2]
    irgrad.check_grads(lambda x: np.partition(x, 2)[..., :3], (M,), order=1)


def test_a_sort_is_one_op_and_its_derivative_permutes_alike() -> None:
    assert [node.op.name for node in irgrad.trace(lambda x: np.sort(x), V)] == ["sort"]
    irgrad.check_grads(lambda x: np.sum(np.sort(x, axis=0)[1] ** 3), (M,), order=2)


def test_at_ties_the_derivative_follows_the_order_of_the_elements() -> None:
    gradient = irgrad.grad(lambda x: np.sum(np.sort(x) * np.array([1.0, 2.0, 3.0])))
    np.testing.assert_array_equal(gradient(np.array([5.0, 5.0, 5.0])), [1, 2, 3])
    _, tangent = irgrad.jvp(
        lambda x: np.sort(x), (np.array([5.0, 1.0, 5.0]),), (np.array([1.0, 2.0, 3.0]),)
    )
    np.testing.assert_array_equal(tangent, [2, 1, 3])


ERRORS: dict[str, tuple[Any, str]] = {
    "axis": (lambda x: np.sort(x, axis=2), "axis 2 is out of bounds"),
    "scalar": (lambda x: np.sort(x[0, 0]), "out of bounds"),
    "kth": (lambda x: np.partition(x, 4), "kth=4 is out of bounds for an axis of size 4"),
    "edges": (lambda x: np.searchsorted(x, 0.0), "1-D"),
    "side": (lambda x: np.searchsorted(x[0], 0.0, side="middle"), "'left' or 'right'"),
}


@pytest.mark.parametrize("name", ERRORS)
def test_errors_are_of_numpys_kind(name: str) -> None:
    function, match = ERRORS[name]
    fails_as_numpy(function, M, match=match)


def test_refusals() -> None:
    with pytest.raises(TraceError, match="traced index"):
        irgrad.trace(lambda x: np.partition(x, x.size * x[0, 0].astype(int)), M)


@given(st.lists(st.integers(0, 3), min_size=1, max_size=3), st.data())
@settings(max_examples=60, deadline=None, derandomize=True)
def test_any_sort(shape: list[int], data: Any) -> None:
    axis = data.draw(st.integers(-len(shape), len(shape) - 1) | st.none())
    x = np.random.default_rng(data.draw(st.integers(0, 9))).integers(0, 3, shape).astype(float)

    def function(x: Any) -> Any:
        return (
            np.sort(x, axis),
            np.argsort(x, axis, kind="stable"),
            np.flip(np.sort(-x, axis), axis),
        )

    same_as_numpy(function, x)
