"""The memory that a call takes, as the backends plan it."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

import irgrad
from irgrad.cli.main import main
from irgrad.errors import BackendError

backends = pytest.mark.parametrize("backend", ["numpy", "numba"])


@backends
def test_arguments_results_and_scratch(backend: str) -> None:
    A = np.ones((50, 50))
    f = irgrad.compile(lambda x, n: (np.sort(x * n), np.sort(A @ x)), backend=backend)
    memory = f.memory(np.ones(50), 3)
    assert memory.arguments == 50 * 8 + A.nbytes
    assert memory.results == 2 * 50 * 8
    assert 50 * 8 <= memory.scratch <= 5 * 50 * 8  # the product, what is sorted, two rows
    assert memory.peak == memory.results + memory.scratch
    assert f.memory(irgrad.spec("f64[50]"), 3) == memory


@backends
def test_what_never_lives_together_shares_memory(backend: str) -> None:
    def f(x: Any) -> Any:
        for _ in range(20):
            x = np.sort(x, axis=0) @ x
        return x

    n = 100 * 100 * 8
    memory = irgrad.compile(f, backend=backend).memory(irgrad.spec("f64[100,100]"))
    assert n <= memory.peak <= 4 * n


def test_the_numpy_backends_plan_is_what_it_allocates() -> None:
    import tracemalloc

    def f(x: Any) -> Any:
        y = np.exp(x)
        z = np.sort(y) * np.cos(x)
        return z[::2] + np.sum(y.reshape(2, -1), axis=1).sum(), z[:4]

    x = np.ones(100_000)
    compiled = irgrad.compile(f, backend="numpy")
    compiled(x)
    tracemalloc.start()
    compiled(x)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    planned = compiled.memory(x).peak
    assert planned <= peak <= 1.4 * planned


def test_stacks_of_unknown_length_are_not_known() -> None:
    def f(x: Any) -> Any:
        while x < 10.0:
            x = x * np.sin(x) + 2.0
        return x

    gradient = irgrad.compile(irgrad.grad(f), backend="numpy")
    with pytest.raises(BackendError, match="is not known before it runs"):
        gradient.memory(1.0)


def test_the_command_line_says_it(capsys: pytest.CaptureFixture[str]) -> None:
    argv = ["cost", "sum((W @ x)**2)", "--args", "f64[16,16], f64[16]", "--wrt", "W"]
    assert main([*argv, "--format", "json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["function"]["peak_bytes"] >= 16 * 8
    assert found["reverse"]["peak_bytes"] >= 16 * 16 * 8
    assert main(argv) == 0
    assert "Bytes of a call" in capsys.readouterr().out


def test_large_scratch_memory_is_whole() -> None:
    """It lies in pages of its own (on Linux large ones), which many calls take and give back."""
    f = irgrad.value_and_grad(lambda x: np.sum(np.sin(np.sin(x[2:] * x[:-2])[1:-1] + x[4:]) ** 2))
    x = np.cos(np.arange(400_000.0))
    value, slope = irgrad.compile(f, backend="numpy")(x)
    compiled = irgrad.compile(f, backend="numba")
    assert compiled.memory(x).scratch > 1 << 22
    for _ in range(3):
        found, gradient = compiled(x)
        np.testing.assert_allclose(found, value, rtol=1e-12)
        np.testing.assert_allclose(gradient, slope, rtol=1e-12, atol=1e-14)
