"""Rosenbrock's function, the sum of 100 (x_{i+1} - x_i^2)^2 + (1 - x_i)^2."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.workload import Arguments, Call, Size, Workload


def function(np: Any, x: Any) -> Any:
    """The sum, with slices."""
    return np.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2)


def gradient(x: Any) -> tuple[Any, Any]:
    """By hand, each slice written once."""
    curve = x[1:] - x[:-1] ** 2
    rest = 1.0 - x[:-1]
    d_x = np.zeros_like(x)
    d_x[1:] = 200.0 * curve
    d_x[:-1] -= 400.0 * curve * x[:-1] + 2.0 * rest
    return 100.0 * np.vdot(curve, curve) + np.vdot(rest, rest), d_x


def loops() -> Callable[..., Any]:
    """One sweep, in parallel where it is long."""
    import numba

    def sweep(x: Any) -> Any:
        n = x.size
        d_x = np.empty(n)
        value = 0.0
        for i in numba.prange(n - 1):
            curve = x[i + 1] - x[i] ** 2
            rest = 1.0 - x[i]
            value += 100.0 * curve**2 + rest**2
            d_x[i] = -400.0 * curve * x[i] - 2.0 * rest
            if i > 0:
                d_x[i] += 200.0 * (x[i] - x[i - 1] ** 2)
        d_x[n - 1] = 200.0 * (x[n - 1] - x[n - 2] ** 2)
        return value, d_x

    serial = numba.njit(cache=True)(sweep)
    parallel = numba.njit(parallel=True, cache=True)(sweep)
    return lambda x: parallel(x) if x.size > 10_000 else serial(x)


def limits(x: Any) -> dict[str, Call]:
    """Reading x and writing as many bytes; a compiled call that does nothing else."""
    from benchmarks.limits import bare_call, copying

    return {"copy of x": copying(x)} if x.size > 10_000 else {"bare Numba call": bare_call(x)}


def make(n: int) -> Arguments:
    """Normal numbers."""
    return (np.random.default_rng(0).standard_normal(n),)


WORKLOAD = Workload(
    function,
    make,
    sizes=[
        Size("n = 2", (2,), ahead={"jax": 5, "pytensor": 3}, seconds=1e-6, quick=True),
        Size("n = 10^6", (10**6,), ahead={"jax": 1.2}, within={"copy of x": 1.5}, quick=True),
    ],
    tiny=(5,),
    gradient=gradient,
    loops=loops,
    limits=limits,
)
