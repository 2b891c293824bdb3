"""`x[...]` and its kin, by NumPy's rules."""

from __future__ import annotations

from typing import Any

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

import irgrad
from irgrad.errors import IndexingError, IndexOutOfBounds, ShapeError, TraceError, UnsupportedError
from tests.frontend.against_numpy import Case, array, check, fails_as_numpy, same_as_numpy

X = array(3, 4, 5)
M = array(3, 4)
V = array(6)
ROWS = np.array([2, 0, -1])
GRID = np.array([[0, 1], [2, 0]])
MASK = M > 0
LINE = np.array([True, False, True])
N = None

INDICES: dict[str, Any] = {
    "int": 1,
    "negative": -1,
    "ints": (1, -2, 3),
    "slice": slice(1, 3),
    "step": (slice(N), slice(N, N, 2)),
    "backwards": slice(N, N, -1),
    "backwards_step": (slice(N), slice(3, 0, -2)),
    "beyond": slice(1, 99),
    "empty": slice(3, 1),
    "empty_backwards": slice(0, 2, -1),
    "ellipsis": (..., 0),
    "ellipsis_mid": (0, ..., slice(1, 3)),
    "newaxis": (N, slice(N), N),
    "newaxis_int": (0, N, 1),
    "all_new": (N, N),
    "nothing": (),
    "whole": (slice(N),),
    "list": [0, 2],
    "tuple_in_tuple": ((0, 2), slice(N)),
    "nested": [[0, 1], [2, 2]],
    "empty_list": [],
    "array": ROWS,
    "negative_array": -ROWS - 1,
    "grid": GRID,
    "two": (ROWS, ROWS),
    "outer": (GRID[:, :1], GRID[0]),
    "apart": (ROWS, slice(N), ROWS),
    "int_and_array": (0, slice(N), ROWS),
    "array_and_int": (ROWS, 1),
    "int_next": (slice(N), 0, ROWS),
    "array_slice": (slice(1, N), ROWS),
    "last": (..., ROWS),
    "new_between": (ROWS, N, ROWS),
    "new_before": (N, ROWS),
    "new_after": (ROWS, N),
    "new_and_slice": (slice(N), N, ROWS, slice(N, N, -1)),
    "ellipsis_between": (ROWS, ..., ROWS),
    "unsigned": np.array([1, 2], np.uint8),
    "scalar_array": np.array(1),
    "numpy_int": np.int32(2),
    "numpy_ints": (np.int64(2), slice(N), np.int8(1)),
    "three": (ROWS, ROWS, ROWS),
    "mask_rows": LINE,
    "mask_list": [True, False, True],
    "mask_all": X > 0,
    "mask_two": MASK,
    "mask_later": (slice(N), X[0] > 0),
    "mask_and_int": (LINE, 0),
    "mask_and_array": (LINE, np.array([0, 3])),
    "mask_apart": (LINE, slice(N), [0, 1]),
    "mask_none": np.zeros(3, bool),
    "true": True,
    "false": False,
    "true_and_int": (True, 0),
    "true_apart": (True, slice(N), 0),
    "zero_dim_mask": np.array(True),
    "mask_and_new": (N, LINE),
    "ix": np.ix_([0, 2], [1, 3]),
    "ix_mask": np.ix_(LINE, [0]),
}


@pytest.mark.parametrize("name", INDICES)
def test_subscripts(name: str) -> None:
    check(Case(lambda x: x[INDICES[name]], (X,)))


CASES = {
    "traced_int": Case(lambda x, i: x[i], (X, np.int64(-1))),
    "traced_ints": Case(lambda x, i: x[i, 0, i], (X, np.int64(2))),
    "traced_array": Case(lambda x, i: x[:, i], (X, ROWS)),
    "traced_by_position": Case(lambda x, i: x[i + 1], (X, np.array([0, 1]))),
    "traced_apart": Case(lambda x, i: x[i, :, i], (X, ROWS)),
    "traced_in_list": Case(lambda x, i: x[[i, 0]], (X, np.int64(2))),
    "repeated": Case(lambda x: x[[0, 0, 2, 0]], (M,)),
    "iterated": Case(lambda x: [row * 2 for row in x], (M,)),
    "chained": Case(lambda x: x[1:][:, ::2][-1][::-1], (X,)),
    "take": Case(lambda x: np.take(x, [0, 5, -1]), (M,)),
    "take_axis": Case(lambda x: np.take(x, GRID, axis=1), (X,)),
    "take_int": Case(lambda x: x.take(2, axis=-1), (X,)),
    "take_clip": Case(lambda x, i: np.take(x, i, axis=1, mode="clip"), (M, np.array([-2, 9, 1]))),
    "take_wrap": Case(lambda x, i: np.take(x, i, axis=1, mode="wrap"), (M, np.array([-6, 9, 1]))),
    "take_traced": Case(lambda x, i: np.take(x, i, axis=0), (M, np.int64(2))),
    "take_along_constant": Case(lambda i: np.take_along_axis(V, i, 0), (ROWS,), smooth=False),
    "take_bools": Case(lambda x, b: np.take(x, b), (V, LINE)),
    "take_along": Case(
        lambda x, i: np.take_along_axis(x, i, 1), (M, np.array([[0, 3], [1, -1], [2, 2]]))
    ),
    "take_along_broadcast": Case(
        lambda x, i: np.take_along_axis(x, i, 0), (M, np.array([[2], [0]]))
    ),
    "take_along_own": Case(lambda x: np.take_along_axis(x, np.argsort(x, axis=0), axis=0), (M,)),
    "take_along_flat": Case(lambda x, i: np.take_along_axis(x, i, None), (M, ROWS)),
    "compress": Case(lambda x: np.compress([True, False, True], x, axis=0), (M,)),
    "compress_short": Case(lambda x: x.compress([False, True], axis=1), (M,)),
    "compress_flat": Case(lambda x: np.compress(LINE, x), (M,)),
    "compress_mask": Case(lambda x: np.compress(LINE, x, axis=0), (M,)),
    "extract": Case(lambda x: np.extract(MASK, x), (M,)),
    "choose": Case(lambda x: np.choose([0, 1, 1, 0], [x[0], x[1]]), (M,)),
    "choose_traced": Case(
        lambda i, x: np.choose(i, (x[0], x[1], 5.0)), (np.array([2, 0, 1, 0]), M)
    ),
    "choose_clip": Case(lambda i, x: np.choose(i, x, mode="clip"), (np.array([9, 0, -1, 0]), M)),
    "choose_method": Case(
        lambda i: i.choose(M, mode="wrap"), (np.array([9, 0, -1, 0]),), smooth=False
    ),
    "ix_traced": Case(lambda x, i: x[np.ix_(i, [1, 3])], (M, ROWS)),
    "where": Case(lambda x: np.where(x > 0, x, 0), (M,)),
    "where_weak": Case(lambda x: np.where(x > 0, np.float32(1), 2.0), (M,), smooth=False),
    "where_not_bool": Case(lambda i, x: np.where(i, x[0, :3], 1), (ROWS, M)),
    "where_broadcast": Case(lambda x, v: np.where(x > 0, x, v[:4]), (M, V)),
    "where_constant": Case(lambda x: np.where(MASK, 1.0, x), (M,)),
    "select": Case(lambda x: np.select([x > 1, x > 0], [x, x * x], 7), (M,)),
    "piecewise": Case(
        lambda x: np.piecewise(x, [x > 1, x < 0], [np.sqrt, -1, lambda x: x * x]), (M,)
    ),
    "piecewise_one": Case(lambda x: np.piecewise(x, x > 0, [lambda x, k: x**k, 7.0], 2), (V,)),
    "piecewise_scalar": Case(lambda x: np.piecewise(x, [x > 0], [np.sqrt, np.exp]), (V[5],)),
    "unravel": Case(
        lambda i: np.unravel_index(i, (2, 3, 4)), (np.array([0, 5, 23]),), smooth=False
    ),
    "ravel_multi": Case(
        lambda i, j: np.ravel_multi_index((i, j), (3, 4)),
        (np.array([0, 2]), np.array([3, 1])),
        smooth=False,
    ),
    "ravel_multi_modes": Case(
        lambda i: np.ravel_multi_index((i, i), (3, 4), mode=("clip", "wrap"), order="F"),
        (np.array([-1, 7]),),
        smooth=False,
    ),
    "isin": Case(lambda i: np.isin(i, [1, 2.5, 3]), (GRID,), smooth=False),
    "isin_invert": Case(lambda i: np.isin([4, 0], i, invert=True), (GRID,), smooth=False),
    "unravel_fortran": Case(
        lambda i: np.unravel_index(i, (2, 3), order="F"), (np.array([0, 5]),), smooth=False
    ),
    "flat": Case(lambda x: [x.flat[5], sum(x.flat)], (M,)),
    "triangle": Case(lambda x: x[np.tril_indices_from(x, -1)], (M,)),
    "upper_triangle": Case(lambda x: x[np.triu_indices_from(x)], (M,)),
    "diagonal": Case(lambda x: x[np.diag_indices_from(x)], (M[:, :3],)),
    "windows": Case(lambda x: np.lib.stride_tricks.sliding_window_view(x, (2, 3)), (M,)),
    "windows_axis": Case(lambda x: np.lib.stride_tricks.sliding_window_view(x, 2, axis=1), (X,)),
    "windows_twice": Case(
        lambda x: np.lib.stride_tricks.sliding_window_view(x, (2, 2), axis=(1, 1)), (M,)
    ),
    "select_broadcast": Case(lambda x: np.select([LINE[:, None], x > 0], [1, x]), (M,)),
}


@pytest.mark.parametrize("name", CASES)
def test_kin(name: str) -> None:
    check(CASES[name])


ERRORS: dict[str, tuple[Any, str]] = {
    "int": (lambda x: x[3], "index 3 is out of bounds for axis 0 with size 3"),
    "negative": (lambda x: x[:, -5], "index -5 is out of bounds for axis 1 with size 4"),
    "list": (lambda x: x[..., [0, 4]], "index 4 is out of bounds for axis 1 with size 4"),
    "array": (lambda x: x[np.array([0, 5])], "index 5 is out of bounds for axis 0 with size 3"),
    "later_axis": (
        lambda x: x[:, np.array([0, -5])],
        "index -5 is out of bounds for axis 1 with size 4",
    ),
    "many": (lambda x: x[0, 0, 0], "too many indices: the array has 2 axes, but 3 were indexed"),
    "ellipses": (lambda x: x[..., 0, ...], "single ellipsis"),
    "float": (lambda x: x[1.0], "only integers, slices"),
    "string": (lambda x: x["a"], "only integers, slices"),
    "float_list": (lambda x: x[[0.5]], "must be of integers"),
    "float_array": (lambda x: x[np.array([0.5])], "must be of integers"),
    "shapes": (
        lambda x: x[[0, 1], [0, 1, 2]],
        "could not be broadcast together with shapes \\(2,\\) \\(3,\\)",
    ),
    "mask": (
        lambda x: x[:, np.array([True, False])],
        "boolean index did not match the array along axis 1",
    ),
    "take": (lambda x: np.take(x, 12), "index 12 is out of bounds for axis 0 with size 12"),
    "take_along": (lambda x: np.take_along_axis(x, np.array([0]), 0), "do not fit an array of 2"),
}


@pytest.mark.parametrize("name", ERRORS)
def test_errors_are_of_numpys_kind(name: str) -> None:
    function, match = ERRORS[name]
    fails_as_numpy(function, M, match=match)


def test_static_errors_come_while_lowering_with_the_users_line() -> None:
    for function in (lambda x: x[3], lambda x: x[[3]], lambda x: np.take(x, 3, axis=0)):
        with pytest.raises(IndexOutOfBounds) as error:
            irgrad.trace(function, M)
        assert "index 3 is out of bounds for axis 0 with size 3" in str(error.value)
        assert "test_indexing.py" in str(error.value)


def test_traced_indices_are_checked_when_run() -> None:
    function = irgrad.compile(lambda x, i: x[:, i])
    np.testing.assert_array_equal(function(M, np.array([3, -4])), M[:, [3, -4]])
    for wrong in (4, -5):
        with pytest.raises(
            IndexError, match=f"index {wrong} is out of bounds for axis 1 with size 4"
        ):
            function(M, np.array([0, wrong]))
        with pytest.raises(IndexError, match="out of bounds"):
            irgrad.grad(lambda x, i: np.sum(x[:, i]))(M, np.array([0, wrong]))


REFUSALS: dict[str, tuple[Any, type[Exception], str]] = {
    "slice": (lambda x, i: x[i:], UnsupportedError, "return the whole array, and the extent"),
    "float_index": (lambda x, i: x[x[0, 0]], IndexingError, "must be of integers or bools"),
    "mask_and_int": (lambda x, i: x[x[:, 0] > 0, 0], UnsupportedError, "np.where"),
    "compress": (lambda x, i: np.compress(x[0] > 0, x[0]), UnsupportedError, "np.where"),
    "nonzero": (lambda x, i: np.nonzero(x), UnsupportedError, "np.where"),
    "argwhere": (lambda x, i: np.argwhere(x > 0), UnsupportedError, "np.where"),
    "where": (lambda x, i: np.where(x > 0), UnsupportedError, "np.where"),
    "mode": (lambda x, i: np.take(x, i, mode="other"), TypeError, "'raise', 'clip' or 'wrap'"),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_what_needs_numbers_is_refused(name: str) -> None:
    function, kind, match = REFUSALS[name]
    with pytest.raises(kind, match=match):
        irgrad.trace(function, M, np.int64(1))


BY_TRACED_PLACES: dict[str, tuple[Any, str]] = {
    "list": (lambda x, i: [1, 2, 3][i], r"np.choose\(i, list\)"),
    "number": (lambda x, i: V[i], "pass the array as an argument"),
    "array": (lambda x, i: V[i + ROWS], "pass the array as an argument"),
    "mask": (lambda x, i: M[x > 0].sum(), "np.where"),
    "slice": (lambda x, i: M[1:, i] * x[1:, i], "pass the array as an argument"),
}


@pytest.mark.parametrize("name", BY_TRACED_PLACES)
def test_closed_over_arrays_take_traced_places_in_rewritten_code(name: str) -> None:
    function, remedy = BY_TRACED_PLACES[name]
    same_as_numpy(function, M, np.int64(1))
    with irgrad.without_capture(), pytest.raises(TraceError, match=remedy):
        irgrad.trace(function, M, np.int64(1))


def test_captured_indices_and_masks_are_read_when_run() -> None:
    rows, mask = np.array([0, 1]), np.array([True, False, True])
    picked, masked = irgrad.compile(lambda x: x[rows]), irgrad.compile(lambda x: x[mask])
    np.testing.assert_array_equal(picked(M), M[[0, 1]])
    np.testing.assert_array_equal(masked(M), M[[0, 2]])
    rows[:] = 2
    mask[:] = [False, True, True]
    np.testing.assert_array_equal(picked(M), M[[2, 2]])
    np.testing.assert_array_equal(masked(M), M[[1, 2]])
    mask[:] = True
    with pytest.raises(
        ShapeError, match="the mask has 3 true places, the program was compiled for 2"
    ) as error:
        masked(M)
    assert "compile again" in str(error.value)


def test_a_gradient_adds_up_over_repeated_indices() -> None:
    gradient = irgrad.grad(lambda x, i: np.sum(x[i] * np.array([1.0, 10.0, 100.0])))
    np.testing.assert_array_equal(gradient(V, np.array([1, 1, -1])), [0, 11, 0, 0, 0, 100])


def test_gather_and_scatter_are_transposes_to_second_order() -> None:
    irgrad.check_grads(lambda x: np.sum(x[ROWS] ** 3), (M,), order=2)


def entries(draw: Any, extent: int, size: int | None, common: tuple[int, ...]) -> Any:
    """One random entry of a subscript for an axis of `extent`."""
    kinds = ["slice"] + (["int", "array", "list"] if extent else [])
    kind = draw(st.sampled_from(kinds))
    if kind == "slice":
        bound = st.none() | st.integers(-extent - 1, extent + 1)
        return slice(draw(bound), draw(bound), draw(st.sampled_from([None, 1, 2, -1, -3])))
    place = st.integers(-extent, extent - 1)
    if kind == "int":
        return draw(place)
    shape = common[draw(st.integers(0, len(common))) :]
    listed = np.array(
        draw(st.lists(place, min_size=int(np.prod(shape)), max_size=int(np.prod(shape)))), int
    ).reshape(shape)
    return listed if kind == "array" or not listed.ndim else listed.tolist()


@st.composite
def subscripts(draw: Any) -> tuple[tuple[int, ...], Any]:
    """A random shape, empty axes too, with a random subscript of all kinds of entries."""
    shape = tuple(draw(st.lists(st.integers(0, 4), max_size=4)))
    common = tuple(draw(st.lists(st.integers(1, 3), max_size=2)))
    used = draw(st.integers(0, len(shape)))
    index: list[Any] = []
    axis = 0
    while axis < used:
        if draw(st.integers(0, 5)) == 0:
            count = draw(st.integers(1, used - axis))
            mask = (
                np.random.default_rng(draw(st.integers(0, 99))).random(shape[axis : axis + count])
                < 0.5
            )
            if common and mask.sum() not in (1, common[-1]):
                mask[...] = False
                mask.ravel()[: common[-1]] = True
            index.append(mask)
            axis += count
        else:
            index.append(entries(draw, shape[axis], None, common))
            axis += 1
    for extra in draw(st.lists(st.sampled_from([None, None, ..., True]), max_size=2)):
        if not (extra is ... and any(entry is ... for entry in index)):
            index.insert(draw(st.integers(0, len(index))), extra)
    return shape, index[0] if len(index) == 1 and draw(st.booleans()) else tuple(index)


@given(subscripts(), st.booleans())
@settings(max_examples=200, deadline=None, derandomize=True)
def test_any_subscript(case: tuple[tuple[int, ...], Any], traced: bool) -> None:
    """Values; and the gradient, which adds weights up where they came from."""
    shape, index = case
    x = array(*shape)
    entries = index if isinstance(index, tuple) else (index,)
    places = [
        i
        for i, entry in enumerate(entries)
        if traced and isinstance(entry, np.ndarray) and entry.dtype == int
    ]

    def function(x: Any, arrays: list[Any]) -> Any:
        parts = list(entries)
        for place, values in zip(places, arrays, strict=True):
            parts[place] = values
        return x[tuple(parts)] if isinstance(index, tuple) else x[parts[0]]

    arrays = [entries[place] for place in places]
    try:
        expected = function(x, arrays)
    except IndexError:
        fails_as_numpy(function, x, arrays, match="index")
        return
    same_as_numpy(function, x, arrays)
    weights = array(*expected.shape, seed=1)
    gradient = irgrad.grad(lambda x: np.sum(function(x, arrays) * weights))(x)
    accumulated = np.zeros_like(x)
    np.add.at(accumulated, index, weights)
    np.testing.assert_allclose(gradient, accumulated, rtol=1e-12, atol=1e-12)
