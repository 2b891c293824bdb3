"""sin(sin(...sin(x)...)), 300 times: a chain that a compiler must keep in registers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.workload import Arguments, Call, Size, Workload

LENGTH = 300


def function(np: Any, x: Any) -> Any:
    """The sum over the elements of the chain."""
    for _ in range(LENGTH):
        x = np.sin(x)
    return np.sum(x)


def gradient(x: Any) -> tuple[Any, Any]:
    """The product of all cosines."""
    slope = np.ones_like(x)
    for _ in range(LENGTH):
        slope *= np.cos(x)
        x = np.sin(x)
    return np.sum(x), slope


def loops() -> Callable[..., Any]:
    """Element by element."""
    import numba

    @numba.njit(cache=True)
    def compiled(x: Any) -> Any:
        d_x = np.empty(x.size)
        value = 0.0
        for i in range(x.size):
            y, slope = x[i], 1.0
            for _ in range(300):
                slope *= np.cos(y)
                y = np.sin(y)
            value += y
            d_x[i] = slope
        return value, d_x

    return compiled


def limits(x: Any) -> dict[str, Call]:
    """As many sines and cosines by NumPy's vectorised functions, in one sweep each."""
    long, out = np.repeat(x, LENGTH), np.empty(x.size * LENGTH)
    return {"sines and cosines by NumPy": lambda: (np.sin(long, out), np.cos(long, out))}


def make(n: int) -> Arguments:
    """Normal numbers."""
    return (np.random.default_rng(0).standard_normal(n),)


WORKLOAD = Workload(
    function,
    make,
    sizes=[Size("300, n = 100", (100,), {"jax": 1.5}, first_ahead={"jax": 2.0}, quick=True)],
    tiny=(3,),
    gradient=gradient,
    loops=loops,
    limits=limits,
)
