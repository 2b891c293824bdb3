"""The functions of `statistics` on traced numbers, which are those of NumPy on arrays."""

from __future__ import annotations

import functools
import statistics
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from irgrad.frontend.capture.constructors import array
from irgrad.frontend.capture.doors import at_home, door
from irgrad.frontend.capture.scalars import weak_number
from irgrad.frontend.promote import any_traced


def _harmonic_mean(x: Any) -> Any:
    return len(x) / np.sum(1 / x)


def _geometric_mean(x: Any) -> Any:
    return np.exp(np.mean(np.log(x)))


_EQUAL: dict[str, Callable[..., Any]] = {
    "mean": np.mean, "fmean": np.mean, "median": np.median, "pvariance": np.var,
    "pstdev": np.std, "variance": functools.partial(np.var, ddof=1),
    "stdev": functools.partial(np.std, ddof=1), "harmonic_mean": _harmonic_mean,
    "geometric_mean": _geometric_mean,
}  # fmt: skip
"""Functions of one sample of numbers, and those of the same meaning on arrays."""


def _of_data(name: str, function: Callable[..., Any]) -> None:
    original = getattr(statistics, name)

    def of_array(x: Any) -> Any:
        return weak_number(function(array(x, np.float64)), np.float64)

    lowered = at_home(of_array, f"statistics.{name}")

    @door(original)
    def apply(data: Iterable[Any], *args: Any, **kwargs: Any) -> Any:
        items = list(data)
        fewest = 2 if name in ("variance", "stdev") else 1
        traced = any_traced(items) and len(items) >= fewest
        return original(items, *args, **kwargs) if args or kwargs or not traced else lowered(items)


for _name, _function in _EQUAL.items():
    _of_data(_name, _function)
