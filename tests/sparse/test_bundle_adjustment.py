"""The Jacobian of reprojection errors, against GradBench's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

import irgrad
from tests.programs.ba import errors

DATA = Path(__file__).parent.parent / "data" / "gradbench" / "ba1.npz"


def problem(n: int, m: int, p: int) -> tuple[Any, ...]:
    """One record for n cameras, m points and p observations, as the suite repeats it."""
    record = np.load(DATA, allow_pickle=False)
    return (
        np.tile(record["cam"], (n, 1)),
        np.tile(record["x"], (m, 1)),
        np.full(p, record["w"]),
        np.tile(record["feat"], (p, 1)),
        np.arange(p) % n,
        np.arange(p) % m,
    )


def test_pattern_and_values() -> None:
    n, m, p = 5, 30, 60
    args = problem(n, m, p)
    record = np.load(DATA, allow_pickle=False)
    jacobian = irgrad.sparse_jacobian(errors, argnums=(0, 1, 2))
    got = jacobian(*args)
    pattern = jacobian.sparsity(*args)
    assert got.shape == (3 * p, 11 * n + 3 * m + p)
    # the suite stores blocks of 31 entries; in each, a principal point moves one coordinate only
    assert got.nnz == pattern.nnz == 29 * p
    assert pattern.mode == "forward" and pattern.number == 14
    for i in range(p):
        camera, point = 11 * (i % n), 11 * n + 3 * (i % m)
        columns = [*range(camera, camera + 11), *range(point, point + 3), 11 * n + 3 * m + i]
        block = got[2 * i : 2 * i + 2].toarray()
        assert set(np.flatnonzero(np.any(block, axis=0))) <= set(columns)
        np.testing.assert_allclose(block[:, columns], record["J_block"], rtol=1e-6)
        row = got[2 * p + i].toarray().ravel()
        np.testing.assert_allclose(row[columns[-1]], record["J_w"], rtol=1e-6)


def test_the_pattern_in_full_size() -> None:
    record = np.load(DATA, allow_pickle=False)
    n, m, p = (int(record[key]) for key in "nmp")
    args = problem(n, m, p)
    pattern = irgrad.sparsity(errors, *args, argnums=(0, 1, 2))
    assert pattern.nnz == 29 * p
    assert pattern.shape == (3 * p, 11 * n + 3 * m + p)
    assert pattern.number == 14


def test_other_observations_make_another_pattern() -> None:
    args = list(problem(4, 6, 12))
    jacobian = irgrad.sparse_jacobian(errors, argnums=(0, 1, 2))
    first = jacobian(*args)
    args[4] = np.zeros(12, int)
    second = jacobian(*args)
    assert set(second.indices[second.indices < 44]) == set(range(11))
    assert (jacobian(*problem(4, 6, 12)) != first).nnz == 0
    assert second.nnz == first.nnz
