"""What a compiled function shows of its program."""

from __future__ import annotations

import re

import numpy as np
import pytest

import irgrad
from irgrad.errors import ArgumentError, BackendError


def run_listing(text: str, **arrays: np.ndarray) -> dict[str, np.ndarray]:
    """Run the loops of a listing as the Python that they read like."""
    exec(text, {"square": np.square, "tanh": np.tanh, "f64": float}, arrays)
    return arrays


def test_the_loops_compute_what_the_program_computes() -> None:
    def f(A, x):
        return np.sum(np.tanh(A + x[::-1]) ** 2, axis=1)

    A, x = np.arange(6.0).reshape(2, 3) / 7, np.array([0.5, -1.0, 2.0])
    text = irgrad.compile(f, backend="numba").kernels(A, x)
    written = re.findall(r"^ *(\w+)\[.*?\] \+?= ", text, re.MULTILINE)
    memory = run_listing(text, A=A.ravel(), x=x, **{name: np.zeros(6) for name in written})
    np.testing.assert_allclose(memory[written[-1]][:2], f(A, x), rtol=1e-14)


def test_products_and_calls_are_named() -> None:
    A = np.ones((64, 64))
    f = irgrad.compile(lambda A: np.fft.fft(np.sort(np.linalg.inv(A @ A))), backend="numba")
    text = f.kernels(A)
    assert "matrix product, by BLAS" in text
    assert "= A @ A  # 64 x 64 by 64 x 64" in text
    for head, op in [("by LAPACK", "inv"), ("loops of its own", "sort")]:
        assert re.search(rf"# \d: {head}\n%\d = {op}\(", text)
    assert re.search(r"in Python, no kernel for it\n%\d = fft\(", text)
    assert (
        irgrad.compile(lambda A: A, backend="numba").kernels(A).startswith("# nothing is computed")
    )


def test_code_of_the_compiler() -> None:
    f = irgrad.compile(irgrad.grad(lambda x: np.sum(x * x)), backend="numba")
    assert "define" in f.llvm(np.ones(3))
    assert "entry:" in f.asm(np.ones(3))


def test_a_backend_without_kernels_says_so() -> None:
    f = irgrad.compile(lambda x: x + 1.0, backend="numpy")
    with pytest.raises(BackendError, match=r"'numpy' has no kernels\n  hint: .*numba"):
        f.kernels(np.ones(3))


def test_the_only_program_needs_no_arguments() -> None:
    f, x = irgrad.compile(lambda x: x * 2.0, backend="numba"), np.ones(3)
    f(x)
    assert f.kernels() == f.kernels(x)
    assert f.memory() == f.memory(x)
    f(np.ones(4))
    with pytest.raises(ArgumentError, match="2 programs have been made"):
        f.kernels()
