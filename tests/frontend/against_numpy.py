"""What tests here share: compiled, a function gives what NumPy gives, or fails as NumPy fails."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest

import irgrad
from irgrad.errors import IrgradError


class Case(NamedTuple):
    """A function, arguments, and whether its derivatives are checked too."""

    function: Callable[..., Any]
    args: tuple[Any, ...]
    smooth: bool = True


def array(*shape: int, dtype: Any = float, seed: int = 0) -> np.ndarray[Any, Any]:
    """Numbers without pattern or ties."""
    numbers = np.random.default_rng([seed, *shape]).permutation(int(np.prod(shape)) + 3)[3:]
    return (
        ((numbers * 0.37 - 1.3) if np.dtype(dtype).kind in "fc" else numbers)
        .astype(dtype)
        .reshape(shape)
    )


def leaves(result: Any) -> list[Any]:
    """The arrays of a result, from nested lists and tuples."""
    return (
        [leaf for item in result for leaf in leaves(item)]
        if isinstance(result, (list, tuple))
        else [result]
    )


def assert_same(got: Any, expected: Any, rtol: float = 1e-12) -> None:
    """Equal structure, dtypes, shapes and values."""
    assert type(got) is type(expected) or not isinstance(expected, (list, tuple))
    for one, other in zip(leaves(got), leaves(expected), strict=True):
        assert np.asarray(one).dtype == np.asarray(other).dtype
        assert np.shape(one) == np.shape(other)
        np.testing.assert_allclose(one, other, rtol=rtol, atol=1e-12)


def same_as_numpy(function: Callable[..., Any], *args: Any, rtol: float = 1e-12) -> None:
    """The compiled function does what the function does."""
    assert_same(irgrad.compile(function)(*args), function(*args), rtol)


def fails_as_numpy(function: Callable[..., Any], *args: Any, match: str) -> None:
    """Where NumPy raises, irgrad raises an error of its own that is of NumPy's kind too."""
    with pytest.raises(Exception) as expected:  # noqa: PT011
        function(*args)
    kinds = (ValueError, IndexError, TypeError)
    kind = next(kind for kind in kinds if isinstance(expected.value, kind))
    with pytest.raises(kind, match=match) as raised:
        irgrad.compile(function)(*args)
    assert isinstance(raised.value, IrgradError)


def check(case: Case) -> None:
    """Values, derivatives in both modes, and that the graph's text reads back."""
    same_as_numpy(case.function, *case.args)
    graph = irgrad.trace(case.function, *case.args)
    assert irgrad.parse(str(graph)) == graph
    if case.smooth:
        irgrad.check_grads(case.function, case.args, order=1)
