"""Loops whose tapes would be too large run in segments: less memory, the same derivatives."""

from __future__ import annotations

import tracemalloc
from typing import Any

import numpy as np
import pytest

import irgrad
from irgrad.autodiff.open_loops import lengths
from irgrad.errors import OptionError
from irgrad.ir.graph import Graph, regions
from irgrad.ops.loop import Loop
from irgrad.ops.segments import best_segments
from irgrad.ops.segments import kept as kept_by
from tests.programs import recurrent


@pytest.fixture(params=irgrad.backends(), autouse=True)
def _backend(request):
    with irgrad.use_backend(request.param):
        yield request.param


def kept(graph: Graph) -> int:
    """The bytes that the loops of a gradient stack."""
    return sum(
        type.nbytes
        for node in graph.nodes
        if isinstance(node.op, Loop) and node.origin is None
        for name, type in zip(node.op.body.output_names, node.types, strict=True)
        if ".tape" in name
    )


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("steps", [4, 9, 23, 24])
def test_segments_give_the_same(steps: int, reverse: bool) -> None:
    rng = np.random.default_rng(steps)
    x, w, xs = rng.uniform(0.5, 1, 3), rng.uniform(0.5, 1, 3), rng.uniform(0.5, 1, (steps, 3))

    def run(x, w, xs):
        step = lambda c, t: ((np.sin(c[0]) * t * w, c[1] + 1), (c[0] * t, c[1]))  # noqa: E731
        (c, n), (ys, _) = irgrad.scan(step, (x, 0), xs, reverse=reverse)
        return np.sum(c) * n + np.sum(ys**2)

    expected = irgrad.grad(run, (0, 1, 2))(x, w, xs)
    with irgrad.tape_budget(0):
        small = irgrad.grad(lambda x, w, xs: run(x, w, xs), (0, 1, 2))
        for got, wanted in zip(small(x, w, xs), expected, strict=True):
            np.testing.assert_allclose(got, wanted, rtol=1e-12)
        if steps == 9:
            irgrad.check_grads(run, (x, w, xs))
        assert "replay=True" in irgrad.compile(small).dump(x, w, xs)


def test_the_index_counts_through_the_segments() -> None:
    run = lambda x: irgrad.fori_loop(3, 40, lambda i, c: np.sin(c * i) + x, x)  # noqa: E731
    with irgrad.tape_budget(64):
        slope = irgrad.grad(lambda x: run(x))(0.3)
    np.testing.assert_allclose(slope, irgrad.grad(run)(0.3), rtol=1e-12)


def test_memory_grows_with_the_square_root() -> None:
    def gradient(steps: int):
        return irgrad.grad(lambda x: np.sum(irgrad.fori_loop(0, steps, lambda i, c: np.sin(c), x)))

    x = np.ones(8)
    whole = kept(irgrad.compile(gradient(10_000)).graph(x))
    with irgrad.tape_budget(10_000):
        small = irgrad.compile(gradient(10_000)).graph(x)
    assert whole == 10_000 * x.nbytes
    assert kept(small) <= 2 * 100 * x.nbytes
    segments = [n for n in small.nodes if isinstance(n.op, Loop) and n.origin is not None]
    assert any(
        inner.op.name == "loop" and inner.op.parameters["replay"]
        for node in segments
        for inner in regions(node.op)["body"].nodes
    )


def test_what_fits_is_kept() -> None:
    f = irgrad.grad(lambda x: irgrad.fori_loop(0, 100, lambda i, c: np.sin(c), x))
    assert "replay=True" not in irgrad.compile(f).dump(0.5)
    with irgrad.tape_budget(10):
        linear = irgrad.grad(lambda x: irgrad.fori_loop(0, 100, lambda i, c: c * 0.5, x))
        assert "replay=True" not in irgrad.compile(linear).dump(0.5), "a linear body has no tape"
    with pytest.raises(OptionError), irgrad.tape_budget(-1):
        pass


def test_the_best_segments() -> None:
    for steps, state, tape in [(100, 8, 8), (1000, 80, 8), (50, 8, 800), (4, 8, 8)]:
        (best,) = best_segments(steps, state, tape, 10**9)
        cost = lambda k: state * steps / k + tape * k  # noqa: E731, B023 -- used at once
        assert cost(best) <= 1.3 * min(cost(k) for k in range(2, steps // 2 + 1))
    before = float("inf")
    for most in (10**9, 200_000, 60_000, 20_000, 0):
        segments = best_segments(10**6, 80, 320, most)
        inner = [*segments[1:], 1]
        assert all(a % b == 0 for a, b in zip(segments, inner, strict=True))
        assert kept_by(segments, 10**6, 80, 320) <= before
        before = kept_by(segments, 10**6, 80, 320)
        assert before <= most or most == 0
    assert best_segments(5, 8, 8, 0) == (2,)


def replayed(graph: Graph) -> int:
    """How many replayed loops stand in each other."""
    depths = [0]
    for node in graph.nodes:
        inner = max(map(replayed, regions(node.op).values()), default=0)
        depths.append(inner + (isinstance(node.op, Loop) and node.op.replay))
    return max(depths)


def test_derivatives_of_every_kind_under_a_budget_that_no_segments_keep() -> None:
    """A loop that has been cut is not cut again, whichever way its adjoint is asked for."""
    run = lambda x: irgrad.fori_loop(0, 43, lambda i, c: np.sin(c * x) + i * x, x)  # noqa: E731
    slope, curvature = irgrad.grad(run)(0.7), irgrad.hessian(run)(0.7)
    with irgrad.tape_budget(0):
        small = lambda x: run(x)  # noqa: E731 -- another function, compiled anew
        assert replayed(irgrad.compile(irgrad.grad(small)).graph(0.7)) >= 1
        np.testing.assert_allclose(irgrad.vjp(small, 0.7)[1](1.0)[0], slope, rtol=1e-11)
        pulled = lambda x: irgrad.vjp(small, x)[1](1.0)[0]  # noqa: E731
        for second in (irgrad.grad(pulled), irgrad.hessian(small), irgrad.jacrev(pulled)):
            np.testing.assert_allclose(second(0.7), curvature, rtol=1e-10)
        np.testing.assert_allclose(irgrad.vmap(irgrad.grad(small))(np.full(2, 0.7)), slope)
        np.testing.assert_allclose(irgrad.linearize(small, 0.7)[1](1.0), slope, rtol=1e-11)
        irgrad.check_grads(small, (0.7,), order=2, rtol=1e-4)


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("most", [3000, 1000, 500, 0])
def test_segments_of_segments_give_the_same(most: int, reverse: bool) -> None:
    rng = np.random.default_rng(0)
    x, w, xs = rng.uniform(0.5, 1, 2), rng.uniform(0.5, 1, 2), rng.uniform(0.5, 1, (1003, 2))

    def run(x, w, xs):
        step = lambda c, t: ((np.sin(c[0] * t) + w, c[1] + 1), (c[0] * t, c[1]))  # noqa: E731
        (c, n), (ys, _) = irgrad.scan(step, (x, 0), xs, reverse=reverse)
        return np.sum(c) * n + np.sum(ys**2)

    gradient = lambda: irgrad.compile(irgrad.grad(lambda *a: run(*a), (0, 1, 2)))  # noqa: E731
    expected = gradient()(x, w, xs)
    with irgrad.tape_budget(most):
        small = gradient()
        for got, wanted in zip(small(x, w, xs), expected, strict=True):
            np.testing.assert_allclose(got, wanted, rtol=1e-11)
        assert replayed(small.graph(x, w, xs)) >= (2 if most <= 500 else 1), "loops in loops"
        _, pull = irgrad.vjp(lambda *a: run(*a), x, w, xs)
        for got, wanted in zip(pull(1.0), expected, strict=True):
            np.testing.assert_allclose(got, wanted, rtol=1e-11)


def test_an_ode_of_many_steps_in_the_memory_of_few() -> None:
    """The bytes of a gradient's call, as planned, stay within the budget."""
    x, most = np.linspace(0.5, 1.5, 10), 200_000

    def gradient(steps: int):
        return irgrad.grad(lambda x: recurrent.ode(irgrad.fori_loop, x, steps)[-1])

    whole = irgrad.compile(gradient(100_000)).memory(x)
    assert whole.scratch > 100_000 * x.nbytes
    with irgrad.tape_budget(most):
        for steps in (10_000, 100_000, 1_000_000):
            assert irgrad.compile(gradient(steps)).memory(x).scratch < most
    few = gradient(50)
    expected = few(x)
    with irgrad.tape_budget(0):
        np.testing.assert_allclose(gradient(50)(x), expected, rtol=1e-13)


HELD = np.array([0.1, 0.2, 0.3])


def whole(x):
    """Carries integers and bools besides, and reads an array from outside."""
    step = lambda s: (s[0] + 1, np.sin(s[1] * x) + HELD, ~s[2])  # noqa: E731
    n, c, odd = irgrad.while_loop(lambda s: s[0] < 61, step, (0, x, False))
    return np.sum(c) * n + odd


def counted(x):
    n = np.sum(x > 0) + 40
    return np.sum(irgrad.fori_loop(2, n, lambda i, c: np.sin(c * x) + 0.01 * i, x))


def nested(x):
    def step(s):
        inner = irgrad.while_loop(lambda c: np.sum(c) > 0.3, lambda c: np.sin(c) * 0.8, s[1])
        return s[0] + 1, np.cos(inner) * x

    return np.sum(irgrad.while_loop(lambda s: s[0] < 9, step, (0, x))[1])


def left(x):
    c, k, total = x, 0, 0.0
    while True:
        c = np.sin(c) * x + 0.3
        total += np.sum(c)
        k += 1
        if total > 40:
            break
        if k % 3 == 0:
            continue
        c = c * 1.01
    return total + np.sum(c) * k


def within(x):
    """Known steps around unknown ones, under a branch."""
    halve = lambda c: irgrad.while_loop(lambda c: np.sum(c) > 0.3, lambda c: np.sin(c) * 0.8, c)  # noqa: E731
    run = lambda x: np.sum(irgrad.fori_loop(0, 5, lambda i, c: np.cos(halve(c)) * x + i, x))  # noqa: E731
    return irgrad.cond(np.sum(x) > 0, run, np.sum, x)


OPEN = pytest.mark.parametrize(
    "f", [whole, counted, nested, left, within], ids=lambda f: f.__name__
)


@pytest.mark.parametrize("most", [0, 2000])
@OPEN
def test_unknown_numbers_of_steps_keep_a_budget(f: Any, most: int) -> None:
    x = np.array([0.7, 0.9, 0.5])
    value, slope = irgrad.value_and_grad(lambda x: f(x))(x)
    with irgrad.tape_budget(most):
        got, other = irgrad.value_and_grad(lambda x: f(x))(x)
    assert got == value, "the very same"
    np.testing.assert_allclose(other, slope, rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("_backend", ["numpy"], indirect=True)
@OPEN
def test_unknown_numbers_of_steps_in_other_derivatives(f: Any) -> None:
    x = np.array([0.7, 0.9, 0.5])
    many = np.stack([x, 0.8 * x, 1.1 * x])  # of which each has a number of steps of its own
    for way in (
        lambda f: irgrad.vjp(f, x)[1](1.0)[0],
        lambda f: irgrad.hessian(f)(x),
        lambda f: irgrad.jacrev(irgrad.grad(f))(x),
        lambda f: irgrad.vmap(irgrad.grad(f))(many),
        lambda f: irgrad.linearize(f, x)[1](x),
    ):
        expected = way(lambda x: f(x))
        with irgrad.tape_budget(300):
            got = way(lambda x: f(x))
        np.testing.assert_allclose(got, expected, rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("_backend", ["numpy"], indirect=True)
def test_the_tape_of_unknown_numbers_of_steps_stays_small() -> None:
    """Rows that are gathered first and then stacked are there twice for a moment."""
    x, most = np.linspace(0.5, 0.9, 1000), 400_000

    def gradient(x, n):
        step = lambda s: (s[0] + 1, np.sin(s[1]) * x + 0.1)  # noqa: E731
        run = lambda x: irgrad.while_loop(lambda s: s[0] < n, step, (0, x))[1]  # noqa: E731
        return irgrad.grad(lambda x: np.sum(run(x)))(x)

    with irgrad.tape_budget(most):
        f = irgrad.compile(lambda x, n: gradient(x, n))
        f(x, np.int64(1))
        tracemalloc.start()
        f(x, np.int64(600))
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak < 2 * most < 600 * x.nbytes / 5


def test_lengths_of_segments() -> None:
    for state, tape in [(24, 8), (816, 800), (816, 8), (24, 3200)]:
        for most in (2**16, 2**20, 2**28):
            found = lengths(state, tape, most)
            assert found.first * tape <= most / 2
            each = found.inner[-1] if found.inner else found.start
            assert each * tape <= max(most / 4, state + tape)
            assert all(a % b == 0 for a, b in zip(found.inner, found.inner[1:], strict=False))
    assert lengths(24, 8, 2**20).inner == (), "one level will do"
    assert len(lengths(816, 800, 2**20).inner) == 1
    assert lengths(24, 8, 0) == (0, 3, 3, ())
    assert max(lengths(24, 8, 10**30)[:3]) < 2**62


@pytest.mark.parametrize(
    ("loop", "remarks"),
    [
        (lambda x, n: irgrad.while_loop(lambda c: c > n, np.sin, x), 1),
        (lambda x, n: irgrad.fori_loop(0, np.int64(n), lambda i, c: np.sin(c), x), 1),
        (lambda x, n: irgrad.while_loop(lambda c: c > n, lambda c: c / 2, x), 0),
        (lambda x, n: irgrad.fori_loop(0, 9, lambda i, c: np.sin(c), x), 0),
    ],
)
def test_the_text_says_where_no_budget_is_kept(loop: Any, remarks: int) -> None:
    """Where the number of steps is known only when it runs, and steps are kept."""
    graph = irgrad.compile(irgrad.grad(loop)).graph(1.0, 0.5)
    text = str(graph)
    assert text.count("  # a tape has as many rows as there are steps: no tape_budget") == remarks
    assert irgrad.parse(text) == graph and str(irgrad.parse(text)) == text
    with irgrad.tape_budget(1000):
        graph = irgrad.compile(irgrad.grad(lambda *args: loop(*args))).graph(1.0, 0.5)
        text = str(graph)
    assert "no tape_budget" not in text
    assert text.count("  # a tape of as many steps as take half of the tape_budget;") == remarks
    assert (text.count("  # a tape has a row for each segment of steps") > 0) == remarks
    assert irgrad.parse(text) == graph and str(irgrad.parse(text)) == text
