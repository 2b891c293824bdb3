"""k-means by Newton's method (GradBench): value, gradient and diagonal of the Hessian of
sum_i min_j |P_i - C_j|^2 to the centroids. The Hessian is diagonal, so that its product with ones
is the diagonal."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.workload import Arguments, Call, Size, Workload


def function(np: Any, C: Any, P: Any) -> Any:
    """All distances at once."""
    return np.sum(np.min(np.sum((P[:, None, :] - C[None]) ** 2, axis=2), axis=1))


def irgrad(np: Any, C: Any, P: Any) -> Call:
    """One compiled function of gradient and Hessian-vector product."""
    import irgrad

    def program(C: Any, P: Any) -> Any:
        return function(np, C, P)

    def newton(C: Any, P: Any) -> Any:
        value, slope = irgrad.value_and_grad(program)(C, P)
        return value, (slope, irgrad.hvp(program)(C, P, np.ones_like(C)))

    compiled = irgrad.compile(newton)
    return lambda: compiled(C, P)


def jax(np: Any, C: Any, P: Any) -> Call:
    """Forward over reverse mode, as JAX's documentation has it."""
    import jax

    def gradient(C: Any) -> Any:
        value, slope = jax.value_and_grad(lambda C: function(np, C, P))(C)
        return slope, value

    @jax.jit
    def newton(C: Any) -> Any:
        slope, diagonal, value = jax.jvp(gradient, (C,), (jax.numpy.ones_like(C),), has_aux=True)
        return value, (slope, diagonal)

    P, C = jax.numpy.asarray(P), jax.numpy.asarray(C)
    return lambda: jax.block_until_ready(newton(C))


def torch(np: Any, C: Any, P: Any) -> Call:
    """Twice backwards."""
    import torch

    C, P = torch.from_numpy(C).requires_grad_(), torch.from_numpy(P)

    def run() -> Any:
        value = function(np, C, P)
        (slope,) = torch.autograd.grad(value, C, create_graph=True)
        return value, (slope, *torch.autograd.grad(slope.sum(), C))

    return run


def gradient(C: Any, P: Any) -> tuple[Any, ...]:
    """2 sum (C_j - P_i) over the points that are nearest to C_j, and twice their number."""
    distances = np.sum((P[:, None, :] - C[None]) ** 2, axis=2)
    nearest = np.argmin(distances, axis=1)
    count = np.bincount(nearest, minlength=len(C)).astype(float)[:, None]
    total = np.zeros_like(C)
    np.add.at(total, nearest, P)
    value = np.sum(distances[np.arange(len(P)), nearest])
    return value, 2 * (count * C - total), np.broadcast_to(2 * count, C.shape)


def loops() -> Callable[..., Any]:
    """Point by point."""
    import numba

    @numba.njit(cache=True)
    def compiled(C: Any, P: Any) -> Any:
        value, slope, diagonal = 0.0, np.zeros_like(C), np.zeros_like(C)
        for i in range(len(P)):
            best, nearest = np.inf, 0
            for j in range(len(C)):
                distance = 0.0
                for k in range(C.shape[1]):
                    distance += (P[i, k] - C[j, k]) ** 2
                if distance < best:
                    best, nearest = distance, j
            value += best
            for k in range(C.shape[1]):
                slope[nearest, k] += 2 * (C[nearest, k] - P[i, k])
                diagonal[nearest, k] += 2.0
        return value, slope, diagonal

    return compiled


def make(points: int, clusters: int, dimensions: int) -> Arguments:
    """Normal numbers."""
    rng = np.random.default_rng(0)
    return rng.standard_normal((clusters, dimensions)), rng.standard_normal((points, dimensions))


WORKLOAD = Workload(
    function,
    make,
    sizes=[Size("1,000 points, 10 clusters, 8 dimensions", (1000, 10, 8), {"best peer": 1.0})],
    tiny=(20, 3, 2),
    gradient=gradient,
    loops=loops,
    calls={"irgrad": irgrad, "jax": jax, "torch": torch},
)
