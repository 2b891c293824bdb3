"""Loops and products that run block by block of their rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from irgrad_numba import block_calls, blocks

import irgrad
from tests.numba_backend.at_once import outputs_of, threads_of

RNG = np.random.default_rng(0)
Program = tuple[Callable[..., Any], tuple[Any, ...]]


@pytest.fixture
def everything_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small steps run in blocks like large ones."""
    monkeypatch.setattr(blocks, "LARGE", 0)
    monkeypatch.setattr(blocks, "BLOCK_BYTES", 2048)
    monkeypatch.setattr(blocks, "FEWEST", 2)
    monkeypatch.setattr(blocks, "LEAST_ROWS", 1)
    monkeypatch.setattr(blocks, "SHARE", 10)
    monkeypatch.setattr(block_calls, "MOST_CHUNKS", 3)
    monkeypatch.setattr(block_calls, "PARTIAL_BYTES", 0)


def sample(*shape: int) -> Any:
    return RNG.standard_normal(shape)


def softmax(x: Any) -> Any:
    y = np.exp(x - np.max(x, axis=-1, keepdims=True))
    return y / np.sum(y, axis=-1, keepdims=True)


def mixture(mu: Any, Q: Any, x: Any) -> Any:
    z = np.einsum("kij,nkj->nki", Q, x[:, None, :] - mu)
    return np.log(np.sum(np.exp(-0.5 * np.sum(z**2, axis=2)), axis=1))


def perceptron(X: Any, W: Any, b: Any, V: Any) -> Any:
    return softmax(np.tanh(X @ W + b) @ V)


def nearest(points: Any, centres: Any) -> Any:
    return np.min(np.sum((points[:, None, :] - centres) ** 2, axis=2), axis=1)


def middle(x: Any, w: Any) -> Any:
    return np.exp(np.sum(np.sin(x @ w), axis=1)) @ w


def two_results(X: Any, W: Any) -> Any:
    return np.sum(np.sin(X @ W), axis=0), np.cos(X @ W)


def written_in_loops(X: Any, W: Any) -> Any:
    result = np.zeros((X.shape[0], W.shape[1]))
    for i in range(W.shape[1]):
        result[:, i] = np.tanh(X @ W[:, i])
    return np.sin(result) @ W.T


PROGRAMS: dict[str, Program] = {
    "mixture": (mixture, (sample(4, 3), sample(4, 3, 3), sample(103, 3))),
    "perceptron": (perceptron, (sample(101, 5), sample(5, 7), sample(7), sample(7, 4))),
    "softmax of products": (lambda X, W: softmax(X @ W) @ W.T, (sample(96, 6), sample(6, 5))),
    "attention": (lambda q, k: softmax(q @ k.swapaxes(1, 2)) @ k, (sample(53, 4, 3),) * 2),
    "nearest": (nearest, (sample(61, 2), sample(5, 2))),
    "middle": (middle, (sample(67, 3, 4), sample(4, 4))),
    "two results": (two_results, (sample(59, 4), sample(4, 3))),
    "loops": (written_in_loops, (sample(37, 3), sample(3, 3))),
}


def flat(x: Any) -> list[Any]:
    return [part for each in x for part in flat(each)] if isinstance(x, tuple) else [x]


def agree(found: Any, expected: Any, rtol: float = 1e-12) -> None:
    for x, y in zip(flat(found), flat(expected), strict=True):
        assert x.dtype == y.dtype
        np.testing.assert_allclose(x, y, rtol=rtol, atol=rtol * np.max(np.abs(y)))


@pytest.mark.parametrize("name", PROGRAMS)
@pytest.mark.usefixtures("everything_in_blocks")
def test_blocks_compute_what_the_whole_does(name: str) -> None:
    function, arguments = PROGRAMS[name]
    every = tuple(range(len(arguments)))

    def loss(*xs: Any) -> Any:
        return sum(np.sum(np.sin(x)) for x in flat(function(*xs)))

    def slopes(*xs: Any) -> Any:
        return sum(np.sum(x**2) for x in irgrad.grad(loss, every)(*xs))

    tangents = tuple(np.cos(x) for x in arguments)
    pushed = irgrad.compile(lambda *xs: irgrad.jvp(function, xs, tangents)[1], backend="numba")
    programs = [function, irgrad.value_and_grad(loss, every), irgrad.grad(slopes, every)]
    compiled = [irgrad.compile(f, backend="numba") for f in programs]
    for f, c in zip(programs, compiled, strict=True):
        agree(c(*arguments), irgrad.compile(f, backend="numpy")(*arguments))
    assert any("block by block with" in c.kernels(*arguments) for c in compiled)
    agree(pushed(*arguments), irgrad.jvp(function, arguments, tangents)[1])


@pytest.mark.parametrize("dtype", ["float32", "complex128"])
@pytest.mark.usefixtures("everything_in_blocks")
def test_other_numbers(dtype: str) -> None:
    X, W = (sample(*shape).astype(dtype) for shape in ((97, 4), (4, 4)))
    f = irgrad.compile(lambda X, W: np.exp(np.sin(X @ W) * 0.1) @ W, backend="numba")
    agree(
        f(X, W),
        np.exp(np.sin(X @ W) * 0.1).astype(dtype) @ W,
        1e-5 if dtype == "float32" else 1e-13,
    )


@pytest.mark.parametrize("rows", [32, 33, 47, 64, 101])
@pytest.mark.usefixtures("everything_in_blocks")
def test_rows_left_over(rows: int) -> None:
    X, W = sample(rows, 4), sample(4, 3)
    f = irgrad.compile(
        lambda X, W: (np.tanh(X @ W).T @ X, np.sum(np.tanh(X @ W), 1)), backend="numba"
    )
    agree(f(X, W), (np.tanh(X @ W).T @ X, np.sum(np.tanh(X @ W), 1)))
    assert "block by block with" in f.kernels(X, W)


@pytest.mark.usefixtures("everything_in_blocks")
def test_nan_stays_in_its_row() -> None:
    X, W = sample(80, 4), sample(4, 3)
    X[17, 2] = np.nan
    f = irgrad.compile(lambda X, W: softmax(np.tanh(X @ W) @ W.T), backend="numba")
    expected = softmax(np.tanh(X @ W) @ W.T)
    np.testing.assert_allclose(f(X, W), expected, rtol=1e-12)
    assert np.isnan(expected).any(axis=1).sum() == 1


def large() -> Program:
    X, W = sample(20_011, 32), sample(32, 32)
    return lambda X, W: np.sum(np.tanh(np.tanh(X @ W) @ W) ** 2), (X, W)


def test_what_does_not_fit_the_caches_is_kept_for_a_block_only() -> None:
    loss, arguments = large()
    f = irgrad.compile(irgrad.value_and_grad(loss, (0, 1)), backend="numba")
    agree(
        f(*arguments),
        irgrad.compile(irgrad.value_and_grad(loss, (0, 1)), backend="numpy")(*arguments),
    )
    text = f.kernels(*arguments)
    assert text.count("blocks for the threads, block by block with") >= 6
    assert "each thread keeps one block of" in text
    one = arguments[0].nbytes
    assert f.memory(*arguments).scratch < one  # it makes six arrays of this size


def test_what_fits_the_caches_is_not_cut_into_blocks() -> None:
    loss, (X, W) = large()
    f = irgrad.compile(irgrad.value_and_grad(loss, (0, 1)), backend="numba")
    assert "block by block" not in f.kernels(X[:500], W)


SCRIPT = """
import hashlib, irgrad
from tests.numba_backend.test_blocks import large
loss, arguments = large()
f = irgrad.compile(irgrad.value_and_grad(loss, (0, 1)), backend="numba")
value, slopes = f(*arguments)
print(hashlib.sha256(value.tobytes() + b"".join(s.tobytes() for s in slopes)).hexdigest())
"""


def test_the_number_of_threads_does_not_change_a_bit() -> None:
    results = outputs_of(SCRIPT, 1, 3)
    assert len(results) == 1


def test_many_callers_at_once() -> None:
    loss, arguments = large()
    f = irgrad.compile(irgrad.value_and_grad(loss, (0, 1)), backend="numba")
    value, slopes = f(*arguments)
    wrong: list[Any] = []

    def work(number: int) -> None:
        for _ in range(3):
            v, s = f(*arguments)
            if v != value or not all(map(np.array_equal, s, slopes)):
                wrong.append(v)

    threads_of(work)
    assert not wrong
