"""The Jacobian of the Brusselator (Prigogine, Lefever 1968) on a periodic grid of n x n cells with
two substances, as a sparse matrix: the 6 entries of each row."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp

from benchmarks.workload import Arguments, Call, Size, Workload

A, B = 3.4, 1.0


def function(np: Any, u: Any) -> Any:
    """Reaction and diffusion."""
    a, b = u[..., 0], u[..., 1]

    def laplace(z: Any) -> Any:
        around = sum(np.roll(z, step, axis) for step in (-1, 1) for axis in (0, 1))
        return around - 4 * z

    reaction = a * a * b
    return np.stack(
        [B + reaction - (A + 1) * a + laplace(a), A * a - reaction + laplace(b)], axis=-1
    )


def irgrad(np: Any, u: Any) -> Call:
    """The entries, as the call gives them in its matrix."""
    import irgrad

    jacobian = irgrad.sparse_jacobian(lambda u: function(np, u))
    return lambda: (jacobian(u).data, ())


def gradient(u: Any) -> tuple[Any, ...]:
    """The entries by formula, row by row."""
    n, cells = u.shape[0], u.shape[0] * u.shape[1]
    ring = sp.csr_array((np.ones(n), (np.arange(n), (np.arange(n) + 1) % n)), shape=(n, n))
    around = ring + ring.T
    neighbours = sp.kron(around, sp.eye_array(n)) + sp.kron(sp.eye_array(n), around)
    laplace = sp.csr_array(neighbours - 4 * sp.eye_array(cells))
    a, b = u[..., 0].ravel(), u[..., 1].ravel()
    parts = [
        [laplace + sp.diags_array(2 * a * b - (A + 1)), sp.diags_array(a * a)],
        [sp.diags_array(A - 2 * a * b), laplace + sp.diags_array(-a * a)],
    ]
    order = np.arange(2 * cells).reshape(2, cells).T.ravel()
    matrix = sp.csr_array(sp.block_array(parts, format="csr")[order][:, order])
    matrix.sort_indices()
    return (matrix.data,)


def limits(u: Any) -> dict[str, Call]:
    """All columns of the Jacobian by irgrad, zeros included."""
    import irgrad

    compiled = irgrad.compile(irgrad.jacobian(lambda u: function(np, u)))
    return {"dense Jacobian": lambda: compiled(u)}


def make(n: int) -> Arguments:
    """Numbers between 0 and 1."""
    return (np.random.default_rng(0).random((n, n, 2)),)


WORKLOAD = Workload(
    function,
    make,
    sizes=[Size("32 x 32, 12,288 entries", (32,), within={"dense Jacobian": 0.01}, seconds=500e-6)],
    tiny=(5,),
    gradient=gradient,
    limits=limits,
    calls={"irgrad": irgrad},
)
