"""Loops, branches and writes as machine code: against plain Python, what they may not touch, and
what they say of themselves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import irgrad
from irgrad.errors import IndexOutOfBounds
from tests.control import plain

Step = Callable[[Any, Any, Any, Any, Any, Any], tuple[Any, Any, Any, Any]]
PLACES = np.array([3, 1, 38, 3, -2])
ROWS = np.array([4, 0, 2])


def written(what: Callable[[Any, Any, Any, Any, Any], None]) -> Step:
    """A step that writes into the arrays it gets."""

    def step(m: Any, A: Any, B: Any, v: Any, s: Any, i: Any) -> tuple[Any, Any, Any, Any]:
        A, B, v = A.copy(), B.copy(), v.copy()
        what(A, B, v, s, i)
        return A, B, v, s

    return step


def _row(A: Any, B: Any, v: Any, s: Any, i: Any) -> None:
    A[i % 5] = np.sin(B[i % 5]) + s


def _shifted(A: Any, B: Any, v: Any, s: Any, i: Any) -> None:
    A[1:, :-1] += 0.5 * A[:-1, 1:]


def _same_window(A: Any, B: Any, v: Any, s: Any, i: Any) -> None:
    A[::2, 1:] *= 0.5 + 0.1 * B[::2, 1:]


def _points(A: Any, B: Any, v: Any, s: Any, i: Any) -> None:
    v[i] = 0.3 * v[i - 1] + A[i % 5, (i + 1) % 7]
    v[-1 - i] -= s * v[i]


def _places(A: Any, B: Any, v: Any, s: Any, i: Any) -> None:
    v[PLACES] = np.tanh(v[PLACES + 1]) * s
    B[ROWS] += A[ROWS, ::-1]


def _old_and_new(A: Any, B: Any, v: Any, s: Any, i: Any) -> None:
    old, row = A.copy(), A[2] + 0.0
    A[2] = B[i % 5] * 0.5
    B[0] = old[2] - A[2] + row * v[3]


def _by_view(A: Any, B: Any, v: Any, s: Any, i: Any) -> None:
    A.T[i % 7] = np.cos(v[:5])
    B.reshape(-1)[3 * i] = s
    np.add(A, 0.1 * B, out=A)


def _totals(m: Any, A: Any, B: Any, v: Any, s: Any, i: Any) -> tuple[Any, Any, Any, Any]:
    return A * 0.9 + np.outer(v[:5], B[0]) * 0.1, B, v, np.tanh(s + np.sum(A) * 0.01)


def _swapped(m: Any, A: Any, B: Any, v: Any, s: Any, i: Any) -> tuple[Any, Any, Any, Any]:
    return B, A, v[::-1], s * 0.5 + A[1, 2]


def _branch(m: Any, A: Any, B: Any, v: Any, s: Any, i: Any) -> tuple[Any, Any, Any, Any]:
    def one(A: Any, v: Any) -> Any:
        v = v.copy()
        v[i] = np.sum(A[1])
        return A, v

    def other(A: Any, v: Any) -> Any:
        return np.sin(A), v + 0.1

    A, v = m.cond(s > np.sum(B) * 0.05, one, other, A, v)
    return A, B, v, s


def _inner(m: Any, A: Any, B: Any, v: Any, s: Any, i: Any) -> tuple[Any, Any, Any, Any]:
    def step(j: Any, state: Any) -> Any:
        A, v = state[0].copy(), state[1].copy()
        A[j % 5, i % 7] = v[j] * 0.5 + A[i % 5, j % 7]
        v[j + 1] += A[j % 5, 0] * s
        return A, v

    A, v = m.fori_loop(0, i + 2, step, (A, v))
    return A, B, v, s


def _rows(m: Any, A: Any, B: Any, v: Any, s: Any, i: Any) -> tuple[Any, Any, Any, Any]:
    def step(c: Any, x: Any) -> Any:
        return np.tanh(c + x[1:6]), (c * 0.5, np.sum(x))

    last, (stack, sums) = m.scan(step, v[:5], B.T[:, ::-1].T, reverse=True)
    A = A.copy()
    A[:, 1:6] = stack
    return A, B, v, np.tanh(s + sums[2] + last[0])


STEPS: list[Step] = [
    *map(written, (_row, _shifted, _same_window, _points, _places, _old_and_new, _by_view)),
    _totals, _swapped, _branch, _inner, _rows,
]  # fmt: skip


def program(rng: np.random.Generator) -> Callable[..., Any]:
    """A loop over a few random steps."""
    chosen = [STEPS[k] for k in rng.integers(0, len(STEPS), rng.integers(1, 5))]
    count = int(rng.integers(1, 6))
    until = rng.integers(0, 3) == 0

    def run(m: Any, A: Any, B: Any, v: Any, s: Any) -> Any:
        def body(i: Any, state: Any) -> Any:
            for step in chosen:
                state = step(m, *state, i)
            return state

        if until:
            test = lambda x: x[0] < count  # noqa: E731
            return m.while_loop(test, lambda x: (x[0] + 1, body(x[0], x[1])), (0, (A, B, v, s)))[1]
        return m.fori_loop(0, count, body, (A, B, v, s))

    return run


def arguments(rng: np.random.Generator) -> list[Any]:
    shapes: list[tuple[int, ...]] = [(5, 7), (5, 7), (40,), ()]
    return [rng.uniform(-1, 1, shape) for shape in shapes]


@pytest.mark.parametrize("seed", range(24))
def test_random_programs_in_place(seed: int) -> None:
    rng = np.random.default_rng(seed)
    run, args = program(rng), arguments(rng)
    before = [x.copy() for x in args]
    value = irgrad.compile(lambda *args: run(irgrad, *args), backend="numba")
    for one, other in zip(value(*args), run(plain, *args), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-10, atol=1e-12)

    def loss(*args: Any) -> Any:
        return sum(np.sum(np.sin(x)) for x in run(irgrad, *args))

    slope = irgrad.grad(loss, (0, 1, 2, 3))
    found = [irgrad.compile(slope, backend=b)(*args) for b in ("numba", "numpy")]
    for one, other in zip(*found, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-11)
    for one, other in zip(args, before, strict=True):
        np.testing.assert_array_equal(one, other)


def _read_at(x: Any, i: Any) -> Any:
    return irgrad.fori_loop(0, 4, lambda k, s: s + x[i + k], 0.0)  # the line that reads


def test_an_index_outside_is_an_error_on_its_line() -> None:
    read = irgrad.compile(_read_at, backend="numba")
    x = np.arange(6.0)
    assert read(x, np.int64(2)) == 14.0
    assert read(x, np.int64(-5)) == 1.0 + 2.0 + 3.0 + 4.0
    with pytest.raises(
        IndexOutOfBounds, match="index 6 is out of bounds for axis 0 with size 6"
    ) as e:
        read(x, np.int64(3))
    assert "test_loops.py" in str(e.value) and "the line that reads" in str(e.value)
    assert read(x, np.int64(2)) == 14.0

    def write(x: Any, i: Any) -> Any:
        x = x.copy()
        x[i, 0] = 1.0
        return x

    with pytest.raises(IndexOutOfBounds, match="index -4 is out of bounds for axis 0 with size 3"):
        irgrad.compile(write, backend="numba")(np.ones((3, 2)), np.int64(-4))


def test_a_while_loop_stops_at_an_index_outside() -> None:
    def search(x: Any) -> Any:
        return irgrad.while_loop(lambda k: x[k] > 0.0, lambda k: k + 1, 0)

    find = irgrad.compile(search, backend="numba")
    assert find(np.array([1.0, 2.0, -1.0])) == 2
    with pytest.raises(IndexOutOfBounds, match="index 3 "):
        find(np.ones(3))


def test_stacks_grow() -> None:
    def halved(x: Any) -> Any:
        test = lambda state: state[0] < 5_000.0  # noqa: E731
        step = lambda state: (state[0] + 1.0, np.sin(state[1]) * 0.999)  # noqa: E731
        return np.sum(irgrad.while_loop(test, step, (0.0, x))[1])

    x = np.array([0.5, -0.7, 1.1])
    slope = irgrad.value_and_grad(halved)
    compiled = irgrad.compile(slope, backend="numba")
    got = [compiled(x) for _ in range(2)]
    expected = irgrad.compile(slope, backend="numpy")(x)
    for value, gradient in got:
        np.testing.assert_allclose(value, expected[0], rtol=1e-9)
        np.testing.assert_allclose(gradient, expected[1], rtol=1e-9)


def test_what_no_loop_computes_is_called_from_inside() -> None:
    def rotated(z: Any, x: Any) -> Any:
        def step(i: Any, state: Any) -> Any:
            return state[0] * (0.6 + 0.8j), np.sort(state[1]) * 0.9 + np.real(state[0][0])

        return irgrad.fori_loop(0, 50, step, (z, x))

    z, x = np.array([1.0 + 0j, 0.5j]), np.random.default_rng(0).standard_normal(60)
    for one, other in zip(
        irgrad.compile(rotated, backend="numba")(z, x),
        irgrad.compile(rotated, backend="numpy")(z, x),
        strict=True,
    ):
        np.testing.assert_allclose(one, other, rtol=1e-12)


def test_code_does_not_grow_with_the_number_of_steps() -> None:
    def lines(steps: int) -> int:
        def f(W: Any, x: Any) -> Any:
            return np.sum(irgrad.fori_loop(0, steps, lambda i, x: np.tanh(W @ x), x))

        slope = irgrad.compile(irgrad.grad(f), backend="numba")
        return slope.kernels(np.eye(3), np.ones(3)).count("\n")

    assert lines(10) == lines(10_000)


def test_carried_views_and_constants_are_not_written_to() -> None:
    def f(x: Any) -> Any:
        start = np.broadcast_to(np.float64(2.0), (3,)) + np.zeros(3)
        return irgrad.fori_loop(0, 3, lambda i, c: (c[0] * 0.5, c[1] + c[0]), (start, x[::2]))

    compiled = irgrad.compile(f, backend="numba")
    x = np.arange(5.0)
    for _ in range(2):
        halves, sums = compiled(x)
        np.testing.assert_array_equal(halves, [0.25] * 3)
        np.testing.assert_array_equal(sums, x[::2] + 3.5)
    np.testing.assert_array_equal(x, np.arange(5.0))


def test_the_listing_says_what_is_in_place_and_what_is_copied() -> None:
    def f(x: Any) -> Any:
        y = x.copy()
        y[3] = 1.0
        z = y.copy()
        z[4] = 2.0
        return y, z

    text = irgrad.compile(f, backend="numba").kernels(np.ones(100))
    assert "kept: written to, and what it copies is not the program's own memory" in text
    assert "kept: written to, and what it copies is a result itself" in text
    assert text.count("in place, in the memory of its copy") == 2

    def g(x: Any) -> Any:
        def step(i: Any, a: Any) -> Any:
            a = a.copy()
            a[i] = a[i - 1] * 0.5
            return a

        return irgrad.fori_loop(0, 1000, step, x * 2.0)

    text = irgrad.compile(g, backend="numba").kernels(np.ones(1000))
    assert "for step in range(1000):" in text
    assert "in place, in the memory of %a" in text or "in place, in the memory of %c" in text
    assert "copy" not in text


@pytest.mark.parametrize("dtype", [np.float64, np.complex128])
@pytest.mark.parametrize("unroll", [1, 30])
def test_a_result_of_a_branch_outlives_the_steps_after_it(dtype: Any, unroll: int) -> None:
    """It takes the place of an operand, which the later steps still read."""

    def f(x: Any, k: Any) -> Any:
        y = np.zeros_like(x)
        for i in range(20):
            if i >= k:
                y = np.cumsum(np.cumsum(x) + y) / 40
                x = np.full(40, 7.0, dtype)
            else:
                y = x * 2
        return x, y

    x = np.linspace(0, 1, 40).astype(dtype)
    for k in (0, 3, 30):
        compiled = irgrad.compile(f, backend="numba", unroll=unroll)
        for ours, theirs in zip(compiled(x, np.array(k)), f(x, k), strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=1e-12)


def test_complex_rows_written_under_a_condition() -> None:
    def f(G: Any, S: Any) -> Any:
        for i in range(20):
            if i >= 3:
                S[i] += G[i] * G[0]
        return np.sum(S.real) + 0.5 * np.sum(S.imag)

    args = np.full((20, 2), 1 + 2j), np.ones((20, 2), complex)
    slopes = []
    for backend in ("numpy", "numba"):
        with irgrad.use_backend(backend):
            slopes.append(irgrad.grad(f, (0, 1))(*args))
    np.testing.assert_allclose(slopes[1], slopes[0], rtol=1e-12)


def _in_turns(A: Any, B: Any, v: Any) -> Any:
    for _ in range(4):
        B[1:-1] = 0.3 * (A[:-2] + A[1:-1] + A[2:])
        A[1:-1] = 0.3 * (B[:-2] + B[1:-1] + B[2:])
    return A


def _with_borders(A: Any, B: Any, v: Any) -> Any:
    for i in range(4):
        B[0, :] = v[i]
        B[1:, :] -= 0.5 * (A[1:, :] - A[:-1, :])
        A[:, :-1] += 0.4 * B[:, 1:] * B[:, :-1]
        A[:, 0] = 0.0
    return A * B


def _changing_places(A: Any, B: Any, v: Any) -> Any:
    for _ in range(3):
        A, B = B * 0.5 + A, A.copy()
        B[2:4] = np.sin(A[3:5])
    return A + B


def _old_and_shifted(A: Any, B: Any, v: Any) -> Any:
    for i in range(3):
        old = A[1:] * v[i]
        A = A * 0.9 + B
        B = B + 0.1 * A
        B[1:] += old * A[:-1]
    return A - B


def _inside_of_a_loop(A: Any, B: Any, v: Any) -> Any:
    for i in range(3):
        B[:] = 0.0
        for _ in range(2):
            A[1:-1, 1:-1] = 0.2 * (B[2:, 1:-1] + A[:-2, 1:-1] + A[1:-1, 2:] * v[i])
            B[:, 0] = 0.0
            B[:-1] += 0.1 * A[1:]
            A[-1] = A[-2]
    return A


SWEEPS = (_in_turns, _with_borders, _changing_places, _old_and_shifted, _inside_of_a_loop)


@pytest.mark.parametrize("sweep", SWEEPS, ids=lambda f: f.__name__)
def test_adjoints_of_sweeps_go_through_memory_once(sweep: Callable[[Any, Any, Any], Any]) -> None:
    """Windows set to zero are no loops of their own, and what a step makes anew lies where the old
    was: the values are those of the interpreter.
    """
    rng = np.random.default_rng(4)
    args = rng.uniform(0.5, 1.5, (12, 10)), rng.uniform(0.5, 1.5, (12, 10)), rng.uniform(size=4)
    weights = rng.standard_normal((12, 10))

    def total(A: Any, B: Any, v: Any) -> Any:
        return np.sum(sweep(A.copy(), B.copy(), v) * weights)

    run = irgrad.compile(irgrad.value_and_grad(total, (0, 1, 2)), "numba", unroll=0)
    value, found = run(*args)
    np.testing.assert_allclose(value, total(*args), rtol=1e-12)
    with irgrad.use_backend("numpy"):
        _, wanted = irgrad.compile(irgrad.value_and_grad(total, (0, 1, 2)), unroll=0)(*args)
    for one, other in zip(found, wanted, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-11, atol=1e-13)
    if sweep is _in_turns:
        backward = run.kernels(*args).partition("in reversed")[2].partition("\n# ")[0]
        assert backward.count("in place") == 2 and "] = 0.0" not in backward
