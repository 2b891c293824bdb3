"""In-place operators see what shares memory in NumPy, and only that."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest

import irgrad
from irgrad.errors import ReadOnly, TraceError, UnsupportedError
from tests.frontend.against_numpy import array, same_as_numpy

M = array(3, 4)


class TestMemory:
    COPIES = (
        lambda x: x.copy(),
        copy.copy,
        copy.deepcopy,
        lambda x: copy.deepcopy({"list": [x]})["list"][0],
        lambda x: x.flatten(),
        lambda x: np.roll(x, 1, 0),
        lambda x: np.concatenate([x]),
        lambda x: np.stack([x]),
        lambda x: np.tile(x, 1),
        lambda x: x[[0, 1, 2]],
        lambda x: x.astype(float),
        lambda x: np.sort(x, axis=0),
        lambda x: np.take(x, [0], axis=1),
        lambda x: np.einsum("ij->j", x),
        lambda x: x @ np.ones((4, 2)),
        lambda x: np.pad(x, 0),
        lambda x: np.diagflat(x),
        lambda x: x.T.ravel(),
        lambda x: x.T.reshape(-1),
        lambda x: x[:, 1:].ravel(),
        lambda x: x[:, 1:].reshape(-1, order="F"),
        lambda x: x[::2].reshape(-1),
        lambda x: x.flat[2:5],
        lambda x: +x,
    )

    @pytest.mark.parametrize("copied", COPIES)
    def test_copies_do_not(self, copied: Any) -> None:
        def function(x: Any) -> Any:
            x = x * 2
            y = copied(x)
            z = copied(x)
            x += 1
            y += 2
            return x, y, z

        same_as_numpy(function, M)

    def test_elements_are_no_views(self) -> None:
        def function(x: Any) -> Any:
            x = x * 2
            y = x[0, 1]
            x += 1
            return x, y

        same_as_numpy(function, M)

    VIEWS = (
        lambda x: x[1:],
        lambda x: x.T,
        lambda x: x.reshape(-1),
        lambda x: np.flip(x),
        lambda x: np.split(x, 3)[0],
        lambda x: x[:, ::-2].T,
        lambda x: x.ravel(),
        lambda x: x[1:].reshape(2, 2, 2)[:, 0],
        lambda x: np.atleast_3d(x),
        lambda x: x[None],
        lambda x: np.moveaxis(x, 0, 1),
        lambda x: np.array(x, copy=False, ndmin=3),
    )

    @pytest.mark.parametrize("view", VIEWS)
    def test_views_do(self, view: Any) -> None:
        def function(x: Any) -> Any:
            x = x * 2
            y = view(x)
            x += 1
            first = y.copy()
            y += 2
            y[0] = 5
            return x, y, first

        same_as_numpy(function, M)

    def test_diagonals_are_read_only_views(self) -> None:
        def function(x: Any) -> Any:
            x = x * 2
            y = np.diagonal(x)
            x += 1
            return y

        same_as_numpy(function, M)
        for view in (
            np.diagonal,
            lambda x: x.diagonal()[1:],
            lambda x: np.broadcast_to(x[:1], M.shape),
        ):
            with pytest.raises(ReadOnly, match="in-place write into a"):
                irgrad.trace(lambda x, view=view: view(x).fill(1.0), M)

    def test_every_in_place_operator_is_seen_through_other_names(self) -> None:
        def function(x: Any, i: Any, m: Any) -> Any:
            x, i, m = x * 2, i * 2, m ^ True
            names = x, i, m
            x @= np.eye(4)
            x //= 2
            i <<= 1
            i |= 3
            i &= 6
            m ^= m
            return names

        same_as_numpy(function, M, array(3, dtype=int), M > 0)

    def test_nan_is_replaced_in_place(self) -> None:
        def function(x: Any) -> Any:
            x = x / (x - 1.0)
            return x, np.nan_to_num(x, copy=False, posinf=9.0)

        with np.errstate(divide="ignore"):
            same_as_numpy(function, np.ceil(M))

    def test_the_whole_is_the_array_itself(self) -> None:
        def function(x: Any) -> Any:
            x = x * 2
            y, z = x[:], x[...]
            x += 1
            return x, y, z

        same_as_numpy(function, M)


def test_selections_are_copied_too() -> None:
    def function(x: Any) -> Any:
        selected = x[x > 0]
        return np.sum(copy.copy(selected) * copy.deepcopy(selected))

    same_as_numpy(function, M)


def test_traced_values_are_not_pickled() -> None:
    for value in (lambda x: x, lambda x: [x], lambda x: x[x > 0]):
        with pytest.raises((TraceError, UnsupportedError), match="pickling"):
            irgrad.trace(lambda x, value=value: pickle.dumps(value(x)), M)


def test_view_is_a_view() -> None:
    def f(x):
        a = x.copy()
        b = a.view()
        b[1] = 5 * x[0]
        return a * x

    x = np.array([1.0, 2.0, 3.0])
    for backend in ("numpy", "numba"):
        np.testing.assert_array_equal(irgrad.compile(f, backend=backend)(x), f(x))
    irgrad.check_grads(lambda x: np.sum(f(x)), (x,))


@pytest.mark.parametrize("dtype", [np.int64, "f4", "c16"])
def test_bytes_are_not_read_anew(dtype) -> None:
    with pytest.raises(UnsupportedError, match=r"x.view\(.*\) reads the bytes of a traced float64"):
        irgrad.compile(lambda x: x.view(dtype))(np.ones(2))
