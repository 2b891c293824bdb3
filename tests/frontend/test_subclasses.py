"""Arrays of subclasses: those that compute as plain arrays do are taken, the others refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import irgrad
from irgrad.errors import IrgradError, UnsupportedError

X = np.array([1.0, 2.0, 3.0])
MASKED = np.ma.array(X, mask=[True, False, False])
MATRIX = np.eye(3).view(np.matrix)


class Shouting(np.ndarray):
    """A subclass that gives ufuncs a meaning of its own."""

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        return NotImplemented


class Labelled(np.ndarray):
    """A subclass that only carries something along."""

    label = "length"


OWN = {"masked": MASKED, "matrix": MATRIX, "ufuncs": X.view(Shouting)}


@pytest.mark.parametrize("array", OWN.values(), ids=OWN.keys())
@pytest.mark.parametrize(
    "call",
    [
        lambda a: irgrad.compile(lambda x: x)(a),
        lambda a: irgrad.compile("2 * x")(a),
        lambda a: irgrad.grad(lambda p: np.sum(p["x"]))({"x": a}),
        lambda a: irgrad.trace(lambda x: x, a),
        lambda a: irgrad.vjp(np.sin, a),
        lambda a: irgrad.vjp(np.sin, np.ones(a.shape))[1](a),
        lambda a: irgrad.jvp(np.sin, (np.ones(a.shape),), (a,)),
        lambda a: irgrad.compile(lambda x: 2 * x)(np.ones(a.shape), out=a),
    ],
)
def test_arguments_of_their_own_arithmetic_are_refused(array: Any, call: Any) -> None:
    with pytest.raises(UnsupportedError, match=type(array).__name__) as caught:
        call(array)
    assert "hint: pass" in str(caught.value)


@pytest.mark.parametrize("array", [MASKED, MATRIX], ids=["masked", "matrix"])
@pytest.mark.parametrize(
    "function",
    [
        lambda x, a: x * a,
        lambda x, a: a * x,
        lambda x, a: a - x,
        lambda x, a: x @ a,
        lambda x, a: a @ x,
        lambda x, a: np.add(a, x),
        lambda x, a: np.hypot(x, a),
        lambda x, a: np.where(x > 0, x, a),
        lambda x, a: np.where(a > 1, x, 0.0),
        lambda x, a: np.clip(x, a, 4),
        lambda x, a: np.concatenate([x, a]),
        lambda x, a: np.stack([x, a]),
        lambda x, a: np.dot(x, a),
        lambda x, a: np.sum(x, where=a > 1),
        lambda x, a: x[a > 1],
        lambda x, a: (x * 2, a),
    ],
)
def test_closed_over_ones_are_refused(array: Any, function: Any) -> None:
    x = np.ones(array.shape)
    with pytest.raises(IrgradError, match=r"array of type numpy\.|ordinary NumPy array"):
        irgrad.trace(lambda x: function(x, array), x)


def test_subclasses_that_compute_as_arrays_do_are_taken(tmp_path: Path) -> None:
    mapped = np.memmap(tmp_path / "x.bin", np.float64, "w+", shape=3)
    mapped[:] = X
    for array in (mapped, X.view(Labelled)):
        assert irgrad.grad(lambda x, a=array: np.sum(x * a))(array).tolist() == X.tolist()
