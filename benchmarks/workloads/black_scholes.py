"""Prices of European calls (Black, Scholes 1973), and what traders call the Greeks: five gradients.

C = S N(d1) - K exp(-r T) N(d2), d1 = (log(S / K) + (r + v^2 / 2) T) / (v sqrt(T)),
d2 = d1 - v sqrt(T), where N is the normal distribution function."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.special import erf

from benchmarks.workload import Arguments, Call, Size, Workload


def function(np: Any, S: Any, K: Any, T: Any, r: Any, v: Any) -> Any:
    """The sum of all prices, so that each gradient is element by element."""
    root = v * np.sqrt(T)
    d1 = (np.log(S / K) + (r + 0.5 * v * v) * T) / root
    d2 = d1 - root
    normal = lambda x: 0.5 + 0.5 * np.erf(x * 0.7071067811865476)  # noqa: E731 as in the formula
    return np.sum(S * normal(d1) - K * np.exp(-r * T) * normal(d2))


def gradient(S: Any, K: Any, T: Any, r: Any, v: Any) -> tuple[Any, ...]:
    """The closed forms: delta, its kin for the strike, theta, rho and vega."""
    root_T = np.sqrt(T)
    d1 = (np.log(S / K) + (r + 0.5 * v * v) * T) / (v * root_T)
    d2 = d1 - v * root_T
    N1, N2 = (0.5 + 0.5 * erf(d * math.sqrt(0.5)) for d in (d1, d2))
    discount = np.exp(-r * T)
    density = S * np.exp(-0.5 * d1 * d1) / math.sqrt(2 * math.pi)
    present = K * discount * N2
    theta = 0.5 * density * v / root_T + r * present
    return np.sum(S * N1 - present), N1, -discount * N2, theta, T * present, density * root_T


def loops() -> Callable[..., Any]:
    """The closed forms in one sweep, in parallel where it is long."""
    import numba

    def sweep(S: Any, K: Any, T: Any, r: Any, v: Any) -> Any:
        n = S.size
        d_S, d_K, d_T, d_r, d_v = np.empty(n), np.empty(n), np.empty(n), np.empty(n), np.empty(n)
        value = 0.0
        for i in numba.prange(n):
            root_T = math.sqrt(T[i])
            d1 = (math.log(S[i] / K[i]) + (r[i] + 0.5 * v[i] * v[i]) * T[i]) / (v[i] * root_T)
            d2 = d1 - v[i] * root_T
            N1 = 0.5 + 0.5 * math.erf(d1 * math.sqrt(0.5))
            N2 = 0.5 + 0.5 * math.erf(d2 * math.sqrt(0.5))
            discount = math.exp(-r[i] * T[i])
            density = S[i] * math.exp(-0.5 * d1 * d1) / math.sqrt(2 * math.pi)
            present = K[i] * discount * N2
            value += S[i] * N1 - present
            d_S[i] = N1
            d_K[i] = -discount * N2
            d_T[i] = 0.5 * density * v[i] / root_T + r[i] * present
            d_r[i] = T[i] * present
            d_v[i] = density * root_T
        return value, d_S, d_K, d_T, d_r, d_v

    serial = numba.njit(cache=True)(sweep)
    parallel = numba.njit(parallel=True, cache=True)(sweep)
    return lambda *a: parallel(*a) if a[0].size > 10_000 else serial(*a)


def limits(*arguments: Any) -> dict[str, Call]:
    """Five arrays read and five written."""
    from benchmarks.limits import bare_call, copying

    if arguments[0].size < 10_000:
        return {"bare Numba call": bare_call(*arguments)}
    return {"copy of the arguments": copying(*arguments)}


def make(n: int) -> Arguments:
    """Spot, strike, years, rate and volatility of n options."""
    rng = np.random.default_rng(0)
    ranges = [(50, 150), (50, 150), (0.1, 2), (0.0, 0.1), (0.1, 0.5)]
    return tuple(rng.uniform(low, high, n) for low, high in ranges)


WORKLOAD = Workload(
    function,
    make,
    sizes=[
        Size("100 options", (100,), ahead={"best peer": 1.0}),
        Size("10^6 options", (10**6,), ahead={"jax": 5}, within={"numba": 1.3}, quick=True),
    ],
    tiny=(3,),
    argnums=(0, 1, 2, 3, 4),
    gradient=gradient,
    loops=loops,
    limits=limits,
)
