"""Large products, shared by our threads while BLAS's own stay out."""

from __future__ import annotations

import ctypes
import os
from typing import Any

import numpy as np
import pytest
from irgrad_numba import blas_threads

import irgrad
from tests.numba_backend.at_once import threads_of

SHAPES = [
    (70, 80, 90),
    (257, 65, 65),
    (33, 2000, 41),
    (1, 3000, 300),
    (700, 700, 3),
    (64, 64, 1001),
]
FORMS = {
    "ij,jk->ik": (0, 1, 1, 2),
    "ji,jk->ik": (1, 0, 1, 2),
    "ij,kj->ik": (0, 1, 2, 1),
    "ij,jk->ki": (0, 1, 1, 2),
    "bij,bjk->bik": (3, 0, 1, 3, 1, 2),
    "bij,jk->bik": (3, 0, 1, 1, 2),
    "ibj,kbj->bki": (0, 3, 1, 2, 3, 1),
}


def blas_thread_count() -> int:
    functions = blas_threads.functions()
    return ctypes.CFUNCTYPE(ctypes.c_int)(functions["get"])() if functions else 0


@pytest.mark.parametrize("spec", FORMS)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("controlled", [True, False])
def test_large_products(
    monkeypatch: pytest.MonkeyPatch, spec: str, shape: tuple[int, int, int], controlled: bool
):
    if not controlled:  # as with another BLAS
        monkeypatch.setattr(blas_threads, "functions", dict)
    extents, letters = (*shape, 3), spec.split("->")[0].replace(",", "")
    sizes = [extents[k] for k in FORMS[spec]]
    split = spec.index(",")
    rng = np.random.default_rng(0)
    x, y = (rng.standard_normal(s) for s in (sizes[:split], sizes[split:]))
    assert len(letters) == len(sizes)
    found = irgrad.compile(lambda x, y: np.einsum(spec, x, y), backend="numba")(x, y)
    np.testing.assert_allclose(found, np.einsum(spec, x, y, optimize=True), rtol=1e-10, atol=1e-9)


def test_the_number_of_threads_of_blas_is_as_before_after_calls_at_the_same_time():
    before = blas_thread_count()
    A = np.random.default_rng(0).standard_normal((200, 200)) / 200
    f = irgrad.compile(irgrad.value_and_grad(lambda A: np.sum((A @ A.T) @ A)), backend="numba")
    value, gradient = f(A)
    expected = np.array(gradient)
    wrong: list[Any] = []

    def run(number: int) -> None:
        for _ in range(40):
            v, g = f(A)
            if v != value or not np.array_equal(g, expected):
                wrong.append(v)

    threads_of(run)
    assert not wrong
    assert blas_thread_count() == before


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system has no fork")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")  # other threads hold no lock here
def test_a_child_process_shares_products_too():
    A = np.random.default_rng(0).standard_normal((200, 200)) / 200
    f = irgrad.compile(lambda A: np.sum(A @ A.T), backend="numba")
    expected, before = f(A), blas_thread_count()
    pid = os.fork()
    if pid == 0:
        same = f(A) == expected and blas_thread_count() == before
        os._exit(0 if same else 1)
    _, status = os.waitpid(pid, 0)
    assert os.waitstatus_to_exitcode(status) == 0
