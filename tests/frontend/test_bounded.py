"""Slices whose bounds are known only when the program runs, against plain NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import irgrad
from irgrad.errors import IndexingError, IrgradError, TraceError, UnsupportedError

N = 6
X = np.random.default_rng(0).standard_normal(N)
BOUNDS = {
    "none": lambda i, c: None,
    "number": lambda i, c: c,
    "index": lambda i, c: i,
    "beyond": lambda i, c: i + c,
    "behind": lambda i, c: -i + c,
    "before": lambda i, c: c - 2 * i,
}
bound = st.tuples(st.sampled_from(sorted(BOUNDS)), st.integers(-4, 4))
cut = st.tuples(bound, bound, st.sampled_from([None, 1, 2, 3, -1, -2]))
KINDS = ["sum", "add", "set", "scale", "twice", "view", "reverse", "dot", "element", "rows"]
step = st.tuples(st.sampled_from(KINDS), cut, cut)


def taken(spec: Any, i: Any) -> slice:
    """A slice of a step `i`."""
    (low, a), (high, b), step = spec
    return slice(BOUNDS[low](i, a), BOUNDS[high](i, b), step)


def run(steps: Any, x: Any, y: Any, i: Any, s: Any) -> Any:
    """Each step on the arrays, written in place."""
    for kind, first, second in steps:
        part = taken(first, i)
        inner = taken(second, i)
        if kind == "sum":
            s = s + np.sum(x[part] * 0.5) * 0.1
        elif kind == "add":
            x[part] += 0.1 * y[part] + 0.01
        elif kind == "set":
            y[part] = np.sin(x[part])
        elif kind == "scale":
            x[part][inner] *= 0.9
        elif kind == "twice":
            v = x[part]
            w = v[inner]
            w += 0.125
            s = s + 0.1 * np.sum(v)
        elif kind == "view":
            v = y[part]
            x[part] = 0.5 * x[part]
            v[...] = x[part] - v
        elif kind == "reverse":
            x[part] += 0.1 * x[part][::-1]
        elif kind == "dot":
            s = s + 0.1 * np.dot(x[part], y[part]) + 0.01 * x[part].size
        elif kind == "element":
            v = x[part]
            if len(v) > 0:
                v[0] = 0.5 * v[-1]
        else:
            A = np.outer(x, y)
            s = s + 0.01 * np.sum(A[part, inner]) + 0.01 * np.sum(A[i, part])
    return s


def program(steps: Any) -> Any:
    """A loop over the steps."""

    def looped(x: Any, y: Any) -> Any:
        x, y, s = x.copy(), y.copy(), 0.0
        for i in range(N):
            s = run(steps, x, y, i, s)
        return x, y, s

    return looped


def is_loop(function: Any, *args: Any) -> bool:
    """Whether the program has a loop in it."""
    graph = irgrad.compile(function, unroll=2).graph(*args, stage="lowered")
    return any(node.op.name == "loop" for node in graph)


@settings(max_examples=40, deadline=None)
@given(st.lists(step, min_size=1, max_size=4))
def test_random_programs(steps: Any) -> None:
    looped, y = program(steps), np.cos(X)
    with irgrad.use_backend("numpy"):
        found = irgrad.compile(looped, unroll=2)(X, y)
    for got, wanted in zip(found, looped(X, y), strict=True):
        np.testing.assert_allclose(got, wanted, rtol=1e-12, atol=1e-12)


@settings(max_examples=6, deadline=None)
@given(st.lists(step, min_size=1, max_size=3))
def test_random_programs_have_the_derivatives_of_their_unrolled_ones(steps: Any) -> None:
    looped, y = program(steps), np.cos(X)

    def total(x: Any, y: Any) -> Any:
        a, b, s = looped(x, y)
        return np.sum(a * np.arange(N)) + np.sum(b) + s

    for backend in ("numpy", "numba"):
        with irgrad.use_backend(backend):
            found = irgrad.compile(irgrad.grad(total, argnums=(0, 1)), unroll=2)(X, y)
            wanted = irgrad.compile(irgrad.grad(total, argnums=(0, 1)), unroll=N)(X, y)
        for got, expected in zip(found, wanted, strict=True):
            np.testing.assert_allclose(got, expected, rtol=1e-10, atol=1e-10)


# programs as their users write them


def lu(A: Any) -> Any:
    n = A.shape[0]
    for i in range(n):
        for j in range(i):
            A[i, j] -= A[i, :j] @ A[:j, j]
            A[i, j] /= A[j, j]
        for j in range(i, n):
            A[i, j] -= A[i, :i] @ A[:i, j]
    return A


def pivoted(A: Any) -> Any:
    for k in range(A.shape[0] - 1):
        p = k + np.argmax(np.abs(A[k:, k]))
        A[[k, p]] = A[[p, k]]
        A[k + 1 :, k] /= A[k, k]
        A[k + 1 :, k + 1 :] -= np.outer(A[k + 1 :, k], A[k, k + 1 :])
    return A


def gramschmidt(A: Any) -> Any:
    n = A.shape[1]
    Q, R = np.zeros_like(A), np.zeros((n, n))
    for k in range(n):
        R[k, k] = np.sqrt(np.dot(A[:, k], A[:, k]))
        Q[:, k] = A[:, k] / R[k, k]
        R[k, k + 1 :] = Q[:, k] @ A[:, k + 1 :]
        A[:, k + 1 :] -= Q[:, k][:, None] * R[k, k + 1 :]
    return Q + R


def durbin(A: Any) -> Any:
    r = 0.1 * A[0]
    y = np.empty_like(r)
    alpha, beta = -r[0], 1.0
    y[0] = -r[0]
    for k in range(1, r.shape[0]):
        beta *= 1.0 - alpha * alpha
        alpha = -(r[k] + np.dot(r[k - 1 :: -1], y[:k])) / beta
        y[:k] += alpha * np.flip(y[:k])
        y[k] = alpha
    return y


def windows(A: Any) -> Any:
    n = A.shape[0]
    out = np.zeros_like(A)
    for i in range(1, n - 1):
        for j in range(1, n - 1):
            near = A[i - 1 : i + 2, j - 1 : j + 2]
            out[i, j] = near.mean() * near[1, 1]
            out[i - 1 : i + 2, j] += near[:, 0]
    return out


def statistics(A: Any) -> Any:
    n = A.shape[0]
    out = np.zeros(n)
    for k in range(1, n):
        row = np.zeros(k)
        row[:] = A[k, :k]
        row[::2] += np.arange(len(row))[::2]
        part = A[k:, :k]
        out[k] = np.linalg.norm(row) + np.var(A[k - 1 :, k]) + np.prod(1.1 + row[:2])
        out[k] += np.sum(part.mean(axis=0)) + np.max(part) - np.min(part) + part.T[0].sum()
        out[k] += np.cumsum(row)[k // 2] + np.sort(row)[0] + np.sum(np.diff(row))
        out[k] += np.sum(np.log(np.abs(row) + 1)) + np.sum(row[row > 0]) + np.std(part, axis=1)[0]
        out[k] += np.einsum("ij,j->", part, row) + row.shape[0] + np.count_nonzero(part)
    return out


def corners(A: Any) -> Any:
    n = A.shape[0]
    for i in range(n):
        A[:i, :i] = A[:i, :i].T
        A[:i, i] = np.where(A[:i, i] > 0, A[:i, i], 2 * A[:i, i])
        A[i, :-i] *= 1.5
        A[i::-1, 0] += A[: i + 1, 1]
        A[i, i::2] -= 1.0
        A[i, :] += A[:, :i].sum(axis=1) + (A[:, :i] @ A[:i, i])
    return A


PROGRAMS = [lu, pivoted, gramschmidt, durbin, windows, statistics, corners]


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda f: f.__name__)
def test_programs(program: Any) -> None:
    B = np.random.default_rng(2).standard_normal((7, 7))
    A = 0.1 * (B + B.T) + 2 * np.eye(7)
    wanted = program(A.copy())
    weights = np.cos(np.arange(wanted.size)).reshape(wanted.shape)

    def total(A: Any) -> Any:
        return np.sum(program(A) * weights)

    looped = irgrad.compile(total, unroll=2)
    assert is_loop(total, A)
    for backend in ("numpy", "numba"):
        with irgrad.use_backend(backend):
            np.testing.assert_allclose(irgrad.compile(program, unroll=2)(A), wanted, rtol=1e-11)
            irgrad.check_grads(looped, (A,), order=1)


def test_second_order() -> None:
    def f(x: Any) -> Any:
        s = 0.0
        for i in range(5):
            s = s + np.sum(np.log(x[:i])) * x[i] + np.sum(1 / x[i:])
        return s

    irgrad.check_grads(irgrad.compile(f, unroll=2), (np.arange(1.0, 6.0),))


@pytest.mark.parametrize("backend", ["numpy", "numba"])
@pytest.mark.parametrize("poison", [np.nan, np.inf, 0.0])
def test_what_is_outside_leaks_into_nothing(backend: str, poison: float) -> None:
    def f(a: Any, x: Any, k: Any) -> Any:
        part = x[:k]
        s = np.sum(a * np.log(part)) + np.dot(part, 1 / part) + np.max(part) * a
        return s + np.mean(a / part) + np.sum(part**a) + np.linalg.norm(part) + np.prod(part)

    x = np.array([1.0, 2.0, 3.0, poison, poison])
    with irgrad.use_backend(backend):
        value, (d_a, d_x) = irgrad.value_and_grad(f, argnums=(0, 1))(2.0, x, np.int64(3))
        wanted, (e_a, e_x) = irgrad.value_and_grad(lambda a, x: f(a, x, 3), argnums=(0, 1))(
            2.0, x[:3].copy()
        )
        nothing = irgrad.grad(lambda a, x, k: np.sum(a * np.log(x[k:k])))(2.0, x, np.int64(3))
    np.testing.assert_allclose([value, d_a], [wanted, e_a], rtol=1e-12)
    np.testing.assert_allclose(d_x, [*e_x, 0.0, 0.0], rtol=1e-12)
    assert nothing == 0


def test_a_row_at_a_traced_index_is_a_view() -> None:
    def f(A: Any, k: Any) -> Any:
        row, rest = A[k], A[k, 1:]
        row[0] = 5.0
        rest += 1
        A[k] *= 2
        A[k, :2] += 1
        A[:, k] = 7
        A[k][1:][0] = 3
        return row * np.sum(rest) + A[0]

    A = np.arange(25.0).reshape(5, 5)
    np.testing.assert_array_equal(irgrad.compile(f)(A, np.int64(3)), f(A.copy(), 3))


def test_a_known_number_of_elements_has_a_known_shape() -> None:
    def f(x: Any) -> Any:
        s = 0.0
        for i in range(1, len(x) - 1):
            near = x[i - 1 : i + 2]
            assert near.shape == (3,)
            s = s + near @ np.array([1.0, -2.0, 1.0])
        return s

    x = np.sin(np.arange(30.0))
    assert irgrad.compile(f)(x) == pytest.approx(f(x))


def test_python_ints_of_a_loop_promote_as_such() -> None:
    def f(x: Any) -> Any:
        s = x[0]
        for i in range(1, 20):
            s = s + x[i] * i + x[i] * (i + 1)
        return s

    assert irgrad.compile(f)(np.ones(20, np.float32)).dtype == np.float32


def test_conditions_carry_them() -> None:
    def f(x: Any, k: Any) -> Any:
        part = x[:k]
        if np.sum(x) > 0:
            part = 2 * part
        while np.sum(part) > 1:
            part = 0.5 * part
        return np.sum(part)

    x = np.arange(5.0)
    assert irgrad.compile(f)(x, np.int64(3)) == f(x, 3)


@pytest.mark.parametrize("backend", ["numpy", "numba"])
def test_lengths_are_checked(backend: str) -> None:
    def add(x: Any, j: Any, k: Any) -> Any:
        return np.sum(x[:j] + x[:k])

    def fixed(x: Any, j: Any) -> Any:
        return np.sum(x[j : j + 3] * np.arange(3.0))

    def write(x: Any, j: Any) -> Any:
        x[:j] = np.arange(3.0)
        return x

    x = np.arange(6.0)
    with irgrad.use_backend(backend):
        assert irgrad.compile(add)(x, np.int64(2), np.int64(2)) == 2
        assert irgrad.compile(fixed)(x, np.int64(2)) == fixed(x, 2)
        assert irgrad.compile(write)(x, np.int64(3))[:3].tolist() == [0, 1, 2]
        for function, wrong in ((add, (2, 3)), (fixed, (4,)), (fixed, (-2,)), (write, (4,))):
            with pytest.raises(IndexError):
                irgrad.compile(function)(x, *map(np.int64, wrong))
        with pytest.raises(IndexError):
            irgrad.compile(lambda x, k: x[:k][4])(x, np.int64(4))


REFUSALS: dict[str, tuple[Any, type[Exception], str]] = {
    "result": (lambda x, k: x[:k], UnsupportedError, "return the whole array"),
    "function": (lambda x, k: np.unique(x[:k]), UnsupportedError, "np.unique is not supported"),
    "method": (lambda x, k: x[:k].tolist(), UnsupportedError, "ndarray.tolist"),
    "step": (lambda x, k: np.sum(x[::k]), UnsupportedError, r"np.arange\(n\)"),
    "float": (lambda x, k: np.sum(x[: x[0]]), IrgradError, "slice indices must be integers"),
    "too_many": (lambda x, k: np.sum(x[:k, 0]), IndexingError, "too many indices"),
    "truth": (lambda x, k: 1 if x[:k] else 2, TraceError, "np.any"),
    "iteration": (lambda x, k: list(x[:k]), TraceError, r"range\(x.shape\[0\]\)"),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_refusals_name_the_line_and_the_remedy(name: str) -> None:
    function, error, text = REFUSALS[name]
    with pytest.raises(error, match=text) as caught:
        irgrad.compile(function)(np.arange(1.0, 7.0), np.int64(3))
    assert "test_bounded.py" in str(caught.value)
