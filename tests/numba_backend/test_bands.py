"""Loops over independent rows that run band by band."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from irgrad_numba import bands

import irgrad
from tests.numba_backend.at_once import outputs_of

RNG = np.random.default_rng(0)
Program = tuple[Callable[..., Any], tuple[Any, ...]]


@pytest.fixture
def everything_in_bands(monkeypatch: pytest.MonkeyPatch) -> None:
    """Short loops run in bands like long ones."""
    monkeypatch.setattr(bands, "WAKING", 0)
    monkeypatch.setattr(bands, "LEAST_POINTS", 1)
    monkeypatch.setattr(bands, "BAND_BYTES", 512)


def sample(*shape: int) -> Any:
    return RNG.standard_normal(shape)


def recurrence(x: Any, w: Any) -> Any:
    """Along the last axis, forth and back, of columns that do not know each other."""
    y, z = np.empty_like(x), np.zeros_like(x)
    y[..., 0] = w[..., 0] * x[..., 0]
    for k in range(1, x.shape[-1]):
        y[..., k] = x[..., k] / (2.0 + y[..., k - 1] * w[..., k])
    z[..., -1] = y[..., -1]
    for k in range(x.shape[-1] - 2, -1, -1):
        z[..., k] = y[..., k] - w[..., k] * z[..., k + 1]
    return z


def neighbours(x: Any, w: Any) -> Any:
    """Rows are mixed along the first axis, not along the second."""
    y = x.copy()
    for k in range(1, x.shape[2]):
        y[1:, :, k] = y[1:, :, k] - 0.5 * np.sin(y[:-1, :, k - 1]) * w[:-1, :, k]
    return y


def both_ways(x: Any, w: Any) -> Any:
    """Along rows, then along columns."""
    return recurrence(recurrence(x, w).T, w.T)


def branches(x: Any, w: Any) -> Any:
    """A counter, and what depends on it."""
    y, n = x.copy(), 0
    for k in range(x.shape[1]):
        if k % 3 == 0:
            y[:, k] = np.cos(y[:, k - 1]) + n
            n += 1
        else:
            y[:, k] = y[:, k] * w[:, n]
    return y * n


def mixed(x: Any, w: Any) -> Any:
    """Each step needs all rows."""
    y = x.copy()
    for k in range(1, x.shape[1]):
        y[:, k] = np.tanh(y[::-1, k - 1]) + w[:, k]
    return y


def network(x: Any, w: Any) -> Any:
    """A state for each example of a batch, the same weights for all."""
    state, rows = np.zeros((x.shape[0], w.shape[1])), []
    for k in range(x.shape[1]):
        state = np.tanh(state @ w.T @ w * 0.1 + x[:, k, None])
        rows.append(np.sum(state, axis=1))
    return np.stack(rows)


def inner(x: Any, w: Any) -> Any:
    """A loop in a loop, and a sum over all rows at the end."""
    y = x.copy()
    for k in range(1, x.shape[0]):
        for n in range(3):
            y[k] = y[k] + np.sin(y[k - 1]) * w[n]
        y[k] = y[k] / (1.0 + y[k] ** 2)
    return y


def normalised(x: Any, w: Any) -> Any:
    """Sums over all rows, of which other rows are made."""
    y = recurrence(x, w)
    return recurrence(y / (1.0 + np.sum(y, axis=0) ** 2 + np.sum(y) ** 2), w)


PROGRAMS: dict[str, Program] = {
    "last axis": (recurrence, (sample(12, 19), sample(12, 19))),
    "single precision": (recurrence, (sample(8, 19).astype("f4"), sample(8, 19).astype("f4"))),
    "two axes": (recurrence, (sample(6, 5, 18), sample(6, 5, 18))),
    "the middle axis": (neighbours, (sample(5, 8, 17), sample(5, 8, 17))),
    "both ways": (both_ways, (sample(20, 24), sample(20, 24))),
    "branches": (branches, (sample(8, 21), sample(8, 21))),
    "mixed rows": (mixed, (sample(8, 21), sample(8, 21))),
    "network": (network, (sample(12, 18), sample(5, 7))),
    "normalised": (normalised, (sample(12, 19), sample(12, 19))),
    "inner": (inner, (sample(17, 32), sample(17, 32))),
    "complex": (recurrence, (sample(8, 17) + 1j * sample(8, 17), sample(8, 17) + 0j)),
}


def results(name: str, backend: str) -> tuple[list[Any], str]:
    program, arguments = PROGRAMS[name]

    def weighted(*xs: Any) -> Any:
        y = program(*xs)
        return np.sum(np.real(y) * np.cos(np.arange(y.size, dtype=float).reshape(y.shape)))

    both = irgrad.compile(irgrad.value_and_grad(weighted, (0, 1)), backend)
    value, slopes = both(*arguments)
    text = both.kernels(*arguments) if backend == "numba" else ""
    return [value, *slopes], text


@pytest.mark.parametrize("name", PROGRAMS)
def test_results(name: str, everything_in_bands: None) -> None:
    found, text = results(name, "numba")
    wanted, _ = results(name, "numpy")
    single = name == "single precision"
    for x, y in zip(found, wanted, strict=True):
        assert x.dtype == y.dtype
        np.testing.assert_allclose(x, y, rtol=2e-4 if single else 1e-9, atol=2e-4 * single + 1e-11)
    assert ("= bands(" in text) == (name != "mixed rows")


def test_other_orders_in_memory(everything_in_bands: None) -> None:
    x, w = np.asfortranarray(sample(12, 19)), sample(24, 38)[::2, ::-2]
    compiled = irgrad.compile(irgrad.grad(lambda x, w: np.sum(recurrence(x, w)), (0, 1)), "numba")
    for found, wanted in zip(compiled(x, w), compiled(x.copy("C"), w.copy("C")), strict=True):
        np.testing.assert_array_equal(found, wanted)


def test_many_callers_at_once(everything_in_bands: None) -> None:
    compiled = irgrad.compile(recurrence, "numba")
    pairs = [(sample(16, 200), sample(16, 200)) for _ in range(8)]
    wanted = [compiled(*pair) for pair in pairs]
    with ThreadPoolExecutor(4) as callers:
        found = list(callers.map(lambda pair: compiled(*pair), pairs * 8))
    assert all(np.array_equal(x, y) for x, y in zip(found, wanted * 8, strict=True))


def test_what_asks_python_stays_in_order(everything_in_bands: None) -> None:
    """A fit in each step is LAPACK's, which may fail."""

    def solved(x: Any, w: Any) -> Any:
        y = x.copy()
        for k in range(1, x.shape[1]):
            y[:, k] = np.linalg.solve(w @ w.T + np.eye(len(w)), w[:, k])[0] * y[:, k - 1]
        return y

    x, w = sample(8, 7), sample(8, 7)
    np.testing.assert_allclose(irgrad.compile(solved, "numba")(x, w), solved(x, w), rtol=1e-9)


def test_second_order(everything_in_bands: None) -> None:
    x, w = sample(8, 9), sample(8, 9)

    def slope(x: Any) -> Any:
        return np.sum(irgrad.grad(lambda x: np.sum(np.sin(recurrence(x, w))))(x) ** 2)

    found, wanted = (irgrad.compile(irgrad.grad(slope), b)(x) for b in ("numba", "numpy"))
    np.testing.assert_allclose(found, wanted, rtol=1e-9, atol=1e-11)


def test_an_index_outside_is_told(everything_in_bands: None) -> None:
    def picked(x: Any, n: Any) -> Any:
        y = x.copy()
        for k in range(1, 20):
            y[:, k] = np.sin(y[:, k - 1]) * y[:, n + k]
        return y

    compiled = irgrad.compile(picked, "numba")
    x = sample(8, 20)
    np.testing.assert_allclose(compiled(x, -1), picked(x, -1))
    for n, wrong in ((3, 20), (-30, -29)):
        with pytest.raises(IndexError, match=f"index {wrong} is out of bounds"):
            compiled(x, n)


SCRIPT = """
import sys
from irgrad_numba import bands
from tests.numba_backend.test_bands import PROGRAMS, results
bands.WAKING, bands.LEAST_POINTS, bands.BAND_BYTES = 0, 1, 512
for name in PROGRAMS:
    sys.stdout.buffer.write(b"".join(x.tobytes() for x in results(name, "numba")[0]))
"""


def test_the_number_of_threads_changes_no_bit() -> None:
    found = outputs_of(SCRIPT, 1, 2, 3)
    assert len(found) == 1 and next(iter(found))
