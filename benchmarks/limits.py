"""What the machine can do at best: calls that only move bytes or only multiply matrices.

Each function here prepares its buffers and gives a call without arguments, which workers time as
they time a gradient. Copies and reads are Numba loops over all threads."""

from __future__ import annotations

import functools
from typing import Any

import numba
import numpy as np

from benchmarks.workload import Call

LONG = 250_000  # numbers; below, threads cost more to wake than they save


@numba.njit(parallel=True, cache=True)
def _copy(source: Any, target: Any) -> None:
    for i in numba.prange(source.size):
        target[i] = source[i]


@numba.njit(parallel=True, fastmath={"reassoc"}, cache=True)
def _read(source: Any) -> float:
    total = 0.0
    for i in numba.prange(source.size):
        total += source[i]
    return total


@numba.njit(parallel=True, cache=True)
def _fill(target: Any, x: float) -> None:
    for i in numba.prange(target.size):
        target[i] = x


@numba.njit(cache=True)
def _bare(*arguments: Any) -> Any:
    return np.empty(2)


def together(*calls: Call) -> Call:
    """All calls, one after the other."""

    def run() -> None:
        for call in calls:
            call()

    return run


def copying(*arrays: Any) -> Call:
    """Read each array once and write as many bytes elsewhere."""

    def call(x: Any, y: Any) -> Call:
        if x.size > LONG:
            return functools.partial(_copy, x, y)
        return functools.partial(np.copyto, y, x)

    flat = [np.ascontiguousarray(a).reshape(-1) for a in arrays]
    return together(*(call(a, np.zeros_like(a)) for a in flat))


def reading(*arrays: Any) -> Call:
    """Read each array once."""

    def call(x: Any) -> Call:
        return functools.partial(_read, x) if x.size > LONG else functools.partial(np.vdot, x, x)

    return together(*(call(np.ascontiguousarray(a).reshape(-1)) for a in arrays))


def writing(*arrays: Any) -> Call:
    """Write as many bytes as each array has."""

    def call(x: Any) -> Call:
        return functools.partial(_fill, x, 1.0) if x.size > LONG else functools.partial(x.fill, 1.0)

    return together(*(call(np.zeros(a.size)) for a in arrays))


def bare_call(*arguments: Any) -> Call:
    """A compiled call that takes the arguments and makes one small array."""
    return functools.partial(_bare, *arguments)


def multiplying(*pairs: tuple[Any, Any]) -> Call:
    """NumPy's product, so BLAS's gemm or gemv, of each pair, into an array that exists already."""
    return together(*(functools.partial(np.matmul, a, b, out=np.matmul(a, b)) for a, b in pairs))


def machine() -> dict[str, tuple[Call, float, str]]:
    """Name -> (call, amount of work in it, unit of work a second)."""
    rng = np.random.default_rng(0)
    long, square = rng.standard_normal(10**7), rng.standard_normal((2048, 2048))
    small, vector = square[:1024, :1024].copy(), rng.standard_normal(2048)
    return {
        "copy": (copying(long), 2 * long.nbytes / 1e9, "GB/s"),
        "read": (reading(long), long.nbytes / 1e9, "GB/s"),
        "gemv 2048": (multiplying((square, vector)), square.nbytes / 1e9, "GB/s"),
        "gemm 1024": (multiplying((small, small)), 2 * 1024**3 / 1e9, "GFLOP/s"),
    }
