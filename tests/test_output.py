"""`out=` of compiled functions, on both backends."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import irgrad
from irgrad.errors import ArgumentError, DTypeError, ReadOnly, ShapeError
from irgrad.ir.types import DTYPES

backends = pytest.mark.parametrize("backend", ["numpy", "numba"])


@backends
@pytest.mark.parametrize("dtype", DTYPES.values(), ids=str)
@pytest.mark.parametrize("shape", [(), (1,), (0, 2), (3, 4)])
def test_an_array_of_any_type(backend: str, dtype: Any, shape: tuple[int, ...]) -> None:
    f = irgrad.compile(lambda x: x + x, backend=backend)
    x, out = np.ones(shape, dtype), np.zeros(shape, dtype)
    for _ in range(3):
        assert f(x, out=out) is out
    np.testing.assert_array_equal(out, x + x)
    np.testing.assert_array_equal(f(x, out=None), x + x)


@backends
def test_pytrees(backend: str) -> None:
    f = irgrad.compile(
        lambda p, n: {"sum": p["a"] + n, "rest": [p["b"], (np.sum(p["a"]), n)]}, backend=backend
    )
    p = {"a": np.ones(3), "b": np.arange(2)}
    out = {"sum": np.empty(3), "rest": [np.empty(2, int), (np.empty(()), None)]}
    for _ in range(3):
        assert f(p, 2, out=out) is out
    np.testing.assert_array_equal(out["sum"], [3, 3, 3])
    assert out["rest"][1][0] == 3


@backends
def test_arrays_that_lie_anyhow(backend: str) -> None:
    f = irgrad.compile(lambda x: (x * 2.0, x.T + 1.0), backend=backend)
    memory = np.zeros((4, 12))
    x = np.arange(12.0).reshape(2, 6).T
    out = memory[1::2, ::-2], np.asfortranarray(np.zeros((2, 6))).T
    with pytest.raises(ShapeError, match=r"out\[0\] has shape \(2, 6\), the result \(6, 2\)"):
        f(x, out=out)
    out = memory[1::2, ::-2].T, np.asfortranarray(np.zeros((2, 6)))
    for _ in range(3):
        f(x, out=out)
        np.testing.assert_array_equal(out[0], x * 2)
        np.testing.assert_array_equal(out[1], x.T + 1)
    assert not memory[::2].any()


@backends
def test_an_argument_may_be_written_over(backend: str) -> None:
    f = irgrad.compile(lambda x, y: x[::-1] + y, backend=backend)
    memory = np.arange(10.0)
    for x, out in [(memory, memory), (memory[:8], memory[2:]), (memory[::2], memory[:5])]:
        for _ in range(3):
            memory[:] = np.arange(10.0)
            expected = x[::-1] + x
            np.testing.assert_array_equal(f(x, x.copy(), out=out), expected)
            memory[:] = np.arange(10.0)
            np.testing.assert_array_equal(f(x, x, out=out), expected)


@backends
def test_a_captured_array_may_be_written_over(backend: str) -> None:
    A = np.arange(4.0)
    f = irgrad.compile(lambda x: A[::-1] * x, backend=backend)
    for _ in range(3):
        expected = A[::-1] * 2.0
        f(np.full(4, 2.0), out=A)
        np.testing.assert_array_equal(A, expected)


@backends
def test_refusals(backend: str) -> None:
    f = irgrad.compile(lambda x, y: (x * y, np.sum(x)), backend=backend)
    x, good = np.ones(3), (np.empty(3), np.empty(()))
    f(x, x, out=good)
    with pytest.raises(ArgumentError, match=r"expected \(\*, \*\), got \*"):
        f(x, x, out=np.empty(3))
    with pytest.raises(ArgumentError, match=r"expected \(\*, \*\), got \[\*, \*\]"):
        f(x, x, out=list(good))
    with pytest.raises(ShapeError, match=r"out\[1\] has shape \(1,\), the result \(\)"):
        f(x, x, out=(good[0], np.empty(1)))
    with pytest.raises(DTypeError, match=r"out\[0\] is of float32, the result of float64\n  hint:"):
        f(x, x, out=(np.empty(3, "f4"), good[1]))
    with pytest.raises(DTypeError, match=r"of >f8"):
        f(x, x, out=(np.empty(3, ">f8"), good[1]))
    read_only = np.empty(3)
    read_only.flags.writeable = False
    with pytest.raises(ReadOnly, match=r"out\[0\] is read-only"):
        f(x, x, out=(read_only, good[1]))
    with pytest.raises(ArgumentError, match=r"out\[0\] and out\[1\] share memory"):
        irgrad.compile(lambda x: (x, x + 1), backend=backend)(x, out=(good[0], good[0]))
    spread = np.lib.stride_tricks.as_strided(np.empty(1), (3,), (0,))
    with pytest.raises(ArgumentError, match="several elements in one place"):
        f(x, x, out=(spread, good[1]))
    with pytest.raises(ArgumentError, match=r"out\[0\] must be an array of f64\[3\], got a list"):
        irgrad.compile(lambda x: (x,), backend=backend)(x, out=([0, 0, 0],))


@backends
def test_the_functions_own_out_keeps_its_meaning(backend: str) -> None:
    f = irgrad.compile(lambda x, out: x + out, backend=backend)
    x = np.ones(2)
    np.testing.assert_array_equal(f(x, out=x), [2, 2])
    np.testing.assert_array_equal(x, [1, 1])


@backends
def test_inside_a_trace(backend: str) -> None:
    inner = irgrad.compile(lambda x: np.sin(x), backend=backend)

    def f(x: Any) -> Any:
        place = np.zeros_like(x)
        inner(x, out=place[::-1])
        return np.sum(place * np.arange(3.0))

    x = np.array([0.1, 0.2, 0.3])
    x_bar = irgrad.compile(irgrad.grad(f), backend=backend)(x)
    np.testing.assert_allclose(x_bar, np.cos(x) * [2.0, 1.0, 0.0])


def test_changing_backends_and_signatures() -> None:
    f = irgrad.compile(lambda x: x * 3)
    for backend in ("numba", "numpy", "numba"):
        with irgrad.use_backend(backend):
            for dtype in ("f4", "f8", "i4", "f8"):
                for shape in ((2,), (3,)):
                    out = np.empty(shape, dtype)
                    np.testing.assert_array_equal(f(np.ones(shape, dtype), out=out), 3)
