"""Kernels in chunks, runs of kernels, and the threads that share them."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from irgrad_numba import blas, chunks, emit, kernel
from irgrad_numba.thread_count import VARIABLE, thread_count

import irgrad
from irgrad.errors import BackendError
from tests.numba_backend.at_once import outputs_of, threads_of

RNG = np.random.default_rng(0)


@pytest.fixture
def everything_is_large(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small kernels are cut like large ones."""
    for name in ("COARSE", "FINE"):
        monkeypatch.setattr(kernel, name, chunks.Grain(0, 0.3, 0.03))
    monkeypatch.setattr(chunks, "CACHE_BYTES", 256)
    monkeypatch.setattr(chunks, "STRIP", 2)
    monkeypatch.setattr(blas, "LEAST_WORK", 0)
    monkeypatch.setattr(emit, "LONG", 2)


def sample(*shape: int, dtype: str = "float64") -> Any:
    values = RNG.standard_normal(shape) if dtype != "bool" else RNG.random(shape) < 0.5
    return (values * 4).astype(dtype) if dtype.startswith(("i", "u")) else values.astype(dtype)


PROGRAMS: dict[str, tuple[Callable[..., Any], tuple[Any, ...]]] = {
    "elementwise": (lambda x, y: np.tanh(x) * y + x, (sample(7, 23), sample(23))),
    "long": (lambda x: x * 2.0 + 1.0, (sample(5003),)),
    "sum of all": (lambda x: np.sum(x * x), (sample(37, 41),)),
    "sums of rows": (lambda x: np.sum(np.exp(x), axis=1), (sample(37, 41),)),
    "sums of columns": (lambda x: np.sum(np.exp(x), axis=0), (sample(37, 41),)),
    "sums of middles": (lambda x: np.sum(x, axis=1), (sample(11, 13, 17),)),
    "both sums": (lambda x: (np.sum(x, axis=0), np.sum(x, axis=1), x + 1.0), (sample(37, 41),)),
    "extremes": (lambda x: (np.max(x, 0), np.min(x, 1), np.max(x), np.prod(x)), (sample(9, 8),)),
    "with nan": (lambda x: (np.max(x, 0), np.sum(x)), (np.where(sample(9, 8) > 1, np.nan, 1.0),)),
    "float32": (
        lambda x: (np.sum(x), np.sum(x, 0), np.max(x, 1)),
        (sample(33, 34, dtype="float32"),),
    ),
    "integers": (
        lambda x: (np.sum(x), np.prod(x % 3 + 1, 0), np.max(x)),
        (sample(9, 7, dtype="int64"),),
    ),
    "truth": (lambda x: (np.any(x, 0), np.all(x, 1), np.any(x)), (sample(19, 21, dtype="bool"),)),
    "several boxes": (lambda x, y: np.concatenate([x, y * 2.0, x]) ** 2, (sample(301), sample(77))),
    "fold of boxes": (
        lambda x, y: (
            np.sum(np.concatenate([x, y * 2.0], 1), 0),
            np.sum(np.concatenate([x, y], 1), 1),
        ),
        (sample(31, 5), sample(31, 8)),
    ),
    "padded": (lambda x: np.sum(np.pad(x, ((2, 3), (1, 0))) * 3.0, axis=0), (sample(21, 9),)),
    "reversed": (lambda x: np.cumsum(np.sum(x[::-1] * x, axis=1)), (sample(31, 9),)),
    "transposed": (lambda x: np.sum(x.T * np.arange(9.0)[:, None], axis=0), (sample(31, 9),)),
    "no points": (lambda x: (np.sum(x, 0), np.sum(x)), (sample(0, 4),)),
    "softmax": (
        lambda x: (
            np.exp(x - np.max(x, 1, keepdims=True))
            / np.sum(np.exp(x - np.max(x, 1, keepdims=True)), 1, keepdims=True)
        ),
        (sample(61, 13),),
    ),
    "linear model": (
        lambda X, w: (np.logaddexp(0.0, X @ w), np.tanh(X @ w) @ X),
        (sample(203, 7), sample(7)),
    ),
    "shifted": (lambda x: np.tanh(np.tanh(x)[1:] * np.tanh(x)[:-1]) + np.sum(x), (sample(501),)),
    "products": (
        lambda A, x: np.einsum("kij,nkj->nki", A, x),
        (sample(5, 18, 18), sample(40, 5, 18)),
    ),
    "batch": (lambda A, B: A @ B, (sample(6, 18, 19), sample(6, 19, 20))),
}


@pytest.mark.parametrize("name", PROGRAMS)
@pytest.mark.usefixtures("everything_is_large")
def test_chunks_compute_what_the_whole_does(name: str) -> None:
    function, arguments = PROGRAMS[name]
    found = irgrad.compile(function, backend="numba")(*arguments)
    expected = function(*arguments)
    for x, y in zip(results(found), results(expected), strict=True):
        rtol = 1e-5 if name == "float32" else 1e-13
        np.testing.assert_allclose(x, y, rtol=rtol, atol=rtol)


def results(x: Any) -> tuple[Any, ...]:
    return x if isinstance(x, tuple) else (x,)


@pytest.mark.parametrize("name", ["softmax", "linear model", "shifted", "both sums", "padded"])
@pytest.mark.usefixtures("everything_is_large")
def test_so_do_gradients(name: str) -> None:
    function, arguments = PROGRAMS[name]

    def loss(*xs: Any) -> Any:
        return sum(np.sum(np.sin(x)) for x in results(function(*xs)))

    wrt = tuple(range(len(arguments)))
    found = irgrad.compile(irgrad.grad(loss, wrt), backend="numba")(*arguments)
    expected = irgrad.compile(irgrad.grad(loss, wrt), backend="numpy")(*arguments)
    for x, y in zip(found, expected, strict=True):
        np.testing.assert_allclose(x, y, rtol=1e-12, atol=1e-13)


def test_a_run_of_kernels_is_one_sweep() -> None:
    X, w = sample(4000, 50), sample(50)
    f = irgrad.compile(lambda X, w: np.tanh(X @ w) @ X, backend="numba")
    assert f.llvm(X, w).count("call void @irgrad_parallel(") == 1
    assert "chunks for the threads, chunk by chunk with 2, 3" in f.kernels(X, w)


NEIGHBOURS: list[tuple[Callable[[Any], Any], tuple[int, ...]]] = [
    (lambda x: np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2), (5003,)),
    (lambda x: np.sum((x[1:] - x[:-1]) ** 2) + np.sum((x[:, 1:] - x[:, :-1]) ** 4), (40, 37)),
    (lambda x: np.sum(x[2:] * x[:-2] / x[1:-1]), (5003,)),
]


@pytest.mark.parametrize(("function", "shape"), NEIGHBOURS)
@pytest.mark.usefixtures("everything_is_large")
def test_kernels_that_differ_at_the_border_are_one(function: Any, shape: tuple[int, ...]) -> None:
    x = sample(*shape)
    found = irgrad.compile(irgrad.value_and_grad(function), backend="numba")
    for special in (0.0, np.inf, np.nan):
        x[(-1,) * x.ndim] = x[(0,) * x.ndim] = special
        expected = irgrad.compile(irgrad.value_and_grad(function), backend="numpy")(x)
        np.testing.assert_allclose(found(x)[0], expected[0], rtol=1e-13)
        np.testing.assert_allclose(found(x)[1], expected[1], rtol=1e-13, atol=1e-14)
    assert found.kernels(x).count("chunks for the threads") == 1
    taken = "<i32 7, i32 8," in found.llvm(x)  # lanes of the vector before
    assert taken or function is NEIGHBOURS[-1][0]


SCRIPT = """
import hashlib, numpy as np, irgrad
rng = np.random.default_rng(0)
X, w = rng.standard_normal((30_000, 20)), rng.standard_normal(20)
loss = lambda w, X: np.sum(np.logaddexp(0.0, X @ w)) + np.sum(np.sin(X))
f = irgrad.compile(irgrad.value_and_grad(loss, (0, 1)), backend="numba")
value, (dw, dX) = f(w, X)
print(hashlib.sha256(value.tobytes() + dw.tobytes() + dX.tobytes()).hexdigest())
"""


def test_the_number_of_threads_does_not_change_a_bit() -> None:
    results = outputs_of(SCRIPT, 1, 2, 5)
    assert len(results) == 1


@pytest.mark.parametrize("text", ["0", "-1", "two", "1.5", "99999"])
def test_a_wrong_number_of_threads(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, text)
    with pytest.raises(BackendError, match=r"IRGRAD_NUM_THREADS is '.*'; expected a number from 1"):
        thread_count()


def _large() -> tuple[Callable[..., Any], Any]:
    x = sample(200_000)
    f = irgrad.compile(irgrad.value_and_grad(lambda x: np.sum(np.sin(x) * x)), backend="numba")
    return f, x


def test_many_callers_at_once() -> None:
    f, x = _large()
    value, slope = f(x)
    wrong: list[Any] = []

    def work(number: int) -> None:
        for _ in range(50):
            v, s = f(x)
            if v != value or not np.array_equal(s, slope):
                wrong.append(v)

    threads_of(work)
    assert not wrong


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system has no fork")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")  # other threads hold no lock here
def test_a_child_after_a_fork_has_threads_of_its_own() -> None:
    f, x = _large()
    value, _ = f(x)
    child = os.fork()
    if child == 0:
        os._exit(0 if all(f(x)[0] == value for _ in range(20)) else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert f(x)[0] == value


def test_what_is_left_over_calls_the_function_of_the_loop() -> None:
    """To compile another, of fewer lanes, takes as long again."""
    f = irgrad.compile(lambda x: np.sum(np.exp(x)), backend="numba")
    for count in (2008, 100_016):  # whole, and in chunks
        x = np.linspace(-1.0, 1.0, count)
        np.testing.assert_allclose(f(x), np.sum(np.exp(x)), rtol=1e-14)
        text = f.llvm(x)
        assert text.count("define internal <32 x double> @math.exp.") == 1
        assert text.count("@math.exp.v32f64(") > 2
        assert text.count("define internal <") == 1
