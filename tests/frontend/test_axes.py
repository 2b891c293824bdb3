"""`axis=` that is no int: an error of irgrad's, with the line, for every function that has one."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import pytest

import irgrad
from irgrad.errors import IrgradError
from irgrad.frontend.registry import FUNCTIONS

X = np.arange(1.0, 7.0).reshape(2, 3)
REST: dict[str, tuple[Any, ...]] = {
    "split": (1,), "array_split": (1,), "repeat": (2,), "take": ([0],), "delete": (0,),
    "insert": (0, 1.0), "append": (X,), "compress": ([True, False],), "roll": (1,),
    "partition": (1,), "argpartition": (1,), "quantile": (0.5,), "percentile": (50,),
    "nanquantile": (0.5,), "nanpercentile": (50,), "cross": (X,), "sliding_window_view": (2,),
    "take_along_axis": (X.astype(int),), "vecdot": (X,),
    "put_along_axis": (X.astype(int), 0.0), "linspace": (X + 1,), "logspace": (X + 1,),
    "geomspace": (X + 1,),
}  # fmt: skip
SEQUENCES = {"concatenate", "stack"}


def _has_axis(function: Any) -> bool:
    try:
        return "axis" in inspect.signature(function).parameters
    except (TypeError, ValueError):
        return False


WITH_AXIS = sorted(
    {f for f in FUNCTIONS if callable(f) and getattr(f, "__module__", "").startswith("numpy")}
    & {f for f in FUNCTIONS if callable(f) and _has_axis(f) and not isinstance(f, np.ufunc)}
    - {np.apply_along_axis},
    key=lambda f: f.__name__,
)


@pytest.mark.parametrize("axis", ["a", 1.5, (0, "b")], ids=str)
@pytest.mark.parametrize("function", WITH_AXIS, ids=lambda f: f.__name__)
def test_an_axis_is_an_int(function: Any, axis: Any) -> None:
    name = function.__name__

    def call(x: Any) -> Any:
        first = [x, x] if name in SEQUENCES else x
        return function(first, *REST.get(name, ()), axis=axis)

    if axis != 1.5 or "norm" not in name:  # of which NumPy makes an int
        with pytest.raises(TypeError):
            call(X)
    with pytest.raises(IrgradError, match=r"test_axes\.py") as error:
        irgrad.compile(call)(X)
    assert isinstance(error.value, (TypeError, ValueError, NotImplementedError))
