"""vmap of loops and branches: a loop again, examples that end at different steps, derivatives."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import irgrad
from irgrad.ir.graph import Graph, regions
from irgrad.ir.verify import verify
from irgrad.ops.cond import Cond
from irgrad.ops.loop import Loop
from irgrad.ops.while_loop import While
from tests.control import plain
from tests.control.test_nesting import program

BACKENDS = pytest.mark.parametrize("backend", irgrad.backends())
RNG = np.random.default_rng(5)
X, W = RNG.uniform(0.5, 2.0, 5), RNG.uniform(-0.6, 0.6, (3, 3))
V = RNG.uniform(-1, 1, (5, 3))
N = np.array([3, 0, 5, 1, -2])


def close(got: Any, expected: Any, rtol: float = 1e-10) -> None:
    expected = np.stack(expected) if isinstance(expected, list) else expected
    for one, other in zip(
        irgrad.frontend.pytree.leaves_of(got),
        irgrad.frontend.pytree.leaves_of(expected),
        strict=True,
    ):
        np.testing.assert_allclose(one, other, rtol=rtol, atol=1e-12)


def ops_in(graph: Graph) -> list[Any]:
    """The ops of a graph and of its regions."""
    found: list[Any] = []
    for node in graph.nodes:
        found.append(node.op)
        for region in regions(node.op).values():
            found += ops_in(region)
    return found


def collatz(n: Any, x: Any) -> Any:
    """Steps that depend on the example, and a smooth value along the way."""

    def step(s: Any) -> Any:
        n, x = s
        return irgrad.cond(n % 2 == 0, lambda: n // 2, lambda: 3 * n + 1), np.sin(x) * 1.5

    return irgrad.while_loop(lambda s: s[0] > 1, step, (n, x))[1]


def newton_root(a: Any) -> Any:
    """The square root by Newton's method, to a tolerance."""
    return irgrad.while_loop(
        lambda x: np.abs(x * x - a) > 1e-13, lambda x: 0.5 * (x + a / x), a + 1.0
    )


def recurrent(v: Any) -> Any:
    final, rows = irgrad.scan(lambda c, x: (np.tanh(W @ c + x), c @ c), v, v[::-1] * W)
    return final @ final + np.sum(rows)


def triangle(v: Any) -> Any:
    """A loop in a loop, the inner as long as the outer one's position."""
    inner = lambda i, c: irgrad.fori_loop(0, i, lambda j, d: d + np.sin(d * j), c)  # noqa: E731
    return np.sum(irgrad.fori_loop(0, 4, lambda i, c: inner(i, c) * 0.7, v))


def chosen(x: Any) -> Any:
    branches = [lambda x: np.sin(x), lambda x: np.log(x) * x, lambda x: newton_root(x) ** 3]
    number = irgrad.cond(x < 0.9, lambda: 0, lambda: 1) + 1 * (x > 1.5)
    return irgrad.switch(number, branches, x)


PROGRAMS: dict[str, tuple[Any, Any]] = {
    "until": (newton_root, X),
    "scan": (recurrent, V),
    "triangle": (triangle, V),
    "switch": (chosen, X),
    "map": (lambda v: np.sum(irgrad.map(newton_root, v * v + 0.5)), V),
    "captured": (lambda v: irgrad.fori_loop(0, 3, lambda i, c: np.sin(W @ c) + v, v) @ v, V),
}
EACH = pytest.mark.parametrize("name", PROGRAMS)


@BACKENDS
@EACH
def test_derivatives_in_any_order(name: str, backend: str) -> None:
    f, points = PROGRAMS[name]
    with irgrad.use_backend(backend):
        many, grad, hessian = irgrad.vmap(f), irgrad.grad(f), irgrad.hessian(f)
        each = [irgrad.compile(irgrad.value_and_grad(f))(x) for x in points]
        slopes, curvatures = np.stack([g for _, g in each]), np.stack([hessian(x) for x in points])
        close(many(points), np.stack([y for y, _ in each]))
        close(irgrad.vmap(grad)(points), slopes)
        close(irgrad.vmap(hessian)(points), curvatures, 1e-8)
        close(irgrad.grad(lambda p: np.sum(many(p)))(points), slopes)
        if backend != "numpy":
            return
        close(irgrad.jvp(many, (points,), (0 * points + 1.0,))[1], slopes.reshape(5, -1).sum(1))
        close(irgrad.vmap(irgrad.jacobian(grad, mode="reverse"))(points), curvatures, 1e-8)
        close(irgrad.vmap(irgrad.vmap(grad))(np.stack([points, points]))[1], slopes)
        if points.ndim == 2:
            close(curvatures, np.swapaxes(curvatures, 1, 2), 1e-8)
        irgrad.check_grads(f, (points[0],), order=2, rtol=1e-5)
        irgrad.check_grads(many, (points,), rtol=1e-6)


@pytest.mark.parametrize("seed", range(8))
def test_random_nests(seed: int) -> None:
    run = program(np.random.default_rng(seed), 3)
    x, v = RNG.uniform(-0.6, 0.6, 3), RNG.uniform(-0.6, 0.6, (3, 3))
    expected = [run(plain, (one, two)) for one, two in zip(x, v, strict=True)]
    nested = lambda x, v: run(irgrad, (x, v))  # noqa: E731
    with irgrad.use_backend(irgrad.backends()[seed % len(irgrad.backends())]):
        got = irgrad.vmap(nested)(x, v)
        for one, other in zip(got, zip(*expected, strict=True), strict=True):
            np.testing.assert_allclose(one, np.stack(other), rtol=1e-9, atol=1e-12)
        close(irgrad.vmap(nested, (None, 0))(x[0], v)[1][0], run(plain, (x[0], v[0]))[1], 1e-9)
        if all(np.abs(np.asarray(y)).max() < 50 for row in expected for y in row):
            scalar = lambda x, v: nested(x, v)[0] * 1.0  # noqa: E731
            gradient = irgrad.grad(scalar, (0, 1))
            each = [gradient(one, two) for one, two in zip(x, v, strict=True)]
            close(irgrad.vmap(gradient)(x, v), tuple(map(np.stack, zip(*each, strict=True))), 1e-8)
            verify(irgrad.trace(irgrad.vmap(gradient), x, v))


@BACKENDS
def test_a_trip_count_for_each_example(backend: str) -> None:
    def f(n: Any, x: Any) -> Any:
        return irgrad.fori_loop(0, n, lambda i, c: np.sin(c * x) + i, x)

    def by_hand(n: int, x: float) -> float:
        c = x
        for i in range(n):
            c = np.sin(c * x) + i
        return c

    with irgrad.use_backend(backend):
        close(irgrad.vmap(f)(N, X), [by_hand(n, x) for n, x in zip(N, X, strict=True)])
        slopes = [irgrad.grad(f, 1)(n, x) for n, x in zip(N, X, strict=True)]
        close(irgrad.vmap(irgrad.grad(f, 1))(N, X), slopes)
        close(irgrad.vmap(irgrad.grad(f, 1), (0, None))(N, X[0])[2], irgrad.grad(f, 1)(5, X[0]))
        curved = irgrad.grad(irgrad.grad(f, 1), 1)
        close(irgrad.vmap(curved)(N, X), [curved(n, x) for n, x in zip(N, X, strict=True)], 1e-8)


@BACKENDS
def test_a_number_of_steps_that_depends_on_the_example(backend: str) -> None:
    starts = np.array([6, 1, 27, 7, 16])
    with irgrad.use_backend(backend):
        expected = [irgrad.compile(collatz)(n, x) for n, x in zip(starts, X, strict=True)]
        close(irgrad.vmap(collatz)(starts, X), expected)
        slope = irgrad.grad(collatz, 1)
        close(irgrad.vmap(slope)(starts, X), [slope(n, x) for n, x in zip(starts, X, strict=True)])
        nested = irgrad.vmap(irgrad.vmap(slope, (0, None)), (None, 0))(starts, X)
        close(nested[3, 2], slope(starts[2], X[3]))


@BACKENDS
def test_a_jacobian_through_a_loop_is_a_loop(backend: str) -> None:
    def f(v: Any) -> Any:
        step = lambda s: (s[0] + 1, np.sin(W @ s[1]) + v)  # noqa: E731
        return irgrad.while_loop(lambda s: s[0] < 4, step, (0, v))[1]

    with irgrad.use_backend(backend):
        both = [irgrad.jacobian(f, mode=mode)(V[0]) for mode in ("forward", "reverse")]
        close(both[0], both[1])
        irgrad.check_grads(irgrad.jacobian(f, mode="reverse"), (V[0],), rtol=1e-6)
        second = irgrad.jacobian(irgrad.jacobian(f, mode="reverse"), mode="reverse")(V[0])
        close(second, np.swapaxes(second, 1, 2))
        close(irgrad.vmap(irgrad.jacobian(f))(V)[0], both[0])
    graph = irgrad.trace(irgrad.jacobian(f, mode="reverse"), V[0])
    assert len(graph) < 40


def test_what_becomes_a_loop_and_what_a_choice() -> None:
    """Loops stay single ones; of what all examples share, nothing gets an axis."""
    size, v = 5, V
    ops = ops_in(irgrad.compile(irgrad.vmap(recurrent)).graph(v))
    assert sum(isinstance(op, Loop) for op in ops) == 1
    ops = ops_in(irgrad.compile(irgrad.vmap(newton_root)).graph(X))
    assert sum(isinstance(op, While) for op in ops) == 1
    same = irgrad.vmap(lambda k, x: irgrad.cond(k, np.sin, np.cos, x), (None, 0))
    ops = ops_in(irgrad.compile(same).graph(np.asarray(True), X))
    assert sum(isinstance(op, Cond) for op in ops) == 1
    each = irgrad.vmap(lambda k, x: irgrad.cond(k, np.sin, np.cos, x))
    ops = ops_in(irgrad.compile(each).graph(X > 1, X))
    assert not any(isinstance(op, Cond) for op in ops)

    def shared(x: Any, w: Any) -> Any:
        step = lambda i, c: (np.sin(c[0] @ c[0]) * c[0], c[1] + c[0][0])  # noqa: E731
        return irgrad.fori_loop(0, 3, step, (w, x))[1]

    (loop,) = [
        node
        for node in irgrad.compile(irgrad.vmap(shared, (0, None))).graph(X, W[0]).nodes
        if isinstance(node.op, Loop)
    ]
    assert sorted(str(value.type) for value in loop.operands) == ["f64[3]", f"f64[{size}]"]


@BACKENDS
def test_examples_that_have_ended_leave_no_nan(backend: str) -> None:
    """1 / (n - i) is infinite where an example has ended, log of its rest a nan."""

    def f(n: Any, x: Any, w: Any) -> Any:
        def step(s: Any) -> Any:
            left, c = s
            return left - 1.0, c + np.log(left) * w[0, 0] * x / left + np.sqrt(left * x)

        return irgrad.while_loop(lambda s: s[0] > 0, step, (n, x))[1]

    n = np.array([2.0, 4.0, 0.0])
    with irgrad.use_backend(backend), np.errstate(all="raise"):
        gradient = irgrad.grad(f, (1, 2))
        each = [gradient(one, x, W) for one, x in zip(n, X[:3], strict=True)]
        got = irgrad.vmap(gradient, (0, 0, None))(n, X[:3], W)
        close(got, tuple(map(np.stack, zip(*each, strict=True))))
        total = lambda x, w: np.sum(irgrad.vmap(f, (0, 0, None))(n, x, w))  # noqa: E731
        by_x, by_w = irgrad.grad(total, (0, 1))(X[:3], W)
        close((by_x, by_w), (got[0], got[1].sum(0)))
        irgrad.check_grads(total, (X[:3], W), order=2, rtol=1e-5)


@BACKENDS
def test_a_branch_that_is_not_taken_leaves_no_nan(backend: str) -> None:
    def f(x: Any, w: Any) -> Any:
        return irgrad.cond(
            x > 0, lambda: np.log(x) * w + np.sqrt(x), lambda: np.sqrt(-x) * w + np.arcsin(x) ** 2
        )

    def product(x: Any, w: Any) -> Any:
        left = lambda: np.sum(W @ (np.sqrt(x) * w * V[0]))  # noqa: E731
        return irgrad.cond(x > 0, left, lambda: np.sum(W @ (np.sqrt(-x) * V[1])) / w)

    for g, points in (
        (f, np.array([0.5, 2.0, 0.25])),
        (product, np.array([0.5, -1.5, 2.0])),
        (product, np.array([-0.5, -1.5])),
    ):
        with irgrad.use_backend(backend):
            slope = irgrad.grad(g, (0, 1))
            each = [slope(one, 1.5) for one in points]
            got = irgrad.vmap(slope, (0, None))(points, 1.5)
            assert np.all(np.isfinite(got))
            close(got, tuple(map(np.stack, zip(*each, strict=True))))
            total = lambda x, w, g=g: np.sum(irgrad.vmap(g, (0, None))(x, w))  # noqa: E731
            close(irgrad.grad(total, 1)(points, 1.5), got[1].sum())
        irgrad.check_grads(total, (points, 1.5), order=2, rtol=1e-5)


@BACKENDS
def test_examples_that_have_ended_raise_no_error_and_do_not_run_on(backend: str) -> None:
    """Past its end an example's position is out of bounds, and its inner loop would not end."""
    rows = np.arange(4.0)

    def summed(n: Any, x: Any, rows: Any) -> Any:
        def step(s: Any) -> Any:
            i, c = s
            return i + 1, c + irgrad.while_loop(lambda y: y < 1, lambda y: y * (4 - i), x) + rows[i]

        return irgrad.while_loop(lambda s: s[0] < n, step, (0, 0 * x))[1]

    n, x = np.array([3, 1, 0]), np.array([0.3, 0.2, 0.9])
    with irgrad.use_backend(backend):
        each = [summed_by_hand(rows, *pair) for pair in zip(n, x, strict=True)]
        close(irgrad.vmap(summed, (0, 0, None))(n, x, rows), each)
        entry = lambda i, rows: irgrad.cond(i < 4, lambda: rows[i], lambda: -1.0)  # noqa: E731
        close(irgrad.vmap(entry, (0, None))(np.array([7, 1, 9]), rows), np.array([-1, 1, -1]))
        close(irgrad.vmap(entry, (0, None))(np.array([7, 8, 9]), rows), -np.ones(3))


def summed_by_hand(rows: Any, n: int, x: float) -> float:
    total = 0.0
    for i in range(n):
        y = x
        while y < 1:
            y = y * (4 - i)
        total += y + rows[i]
    return total


def test_a_loop_that_ends_for_no_example() -> None:
    """No examples, no steps; and a condition that is constant is refused, see `test_errors`."""
    forever = irgrad.vmap(lambda x: irgrad.while_loop(lambda c: c < np.inf, lambda c: c, x))
    assert forever(np.zeros(0)).shape == (0,)


@BACKENDS
def test_tapes_that_only_some_values_share(backend: str) -> None:
    """A pullback of a loop of unknown length, mapped over its cotangent alone."""

    def f(x: Any) -> Any:
        step = lambda s: (np.sin(s[0]) * s[1], s[1] * 0.9)  # noqa: E731
        a, b = irgrad.while_loop(lambda s: s[1] > 0.2, step, (x, x * 0.5 + 0.5))
        return np.stack([a * b, a, b])

    with irgrad.use_backend(backend):
        pull = lambda c: irgrad.vjp(f, 0.8)[1](c)[0]  # noqa: E731
        rows = irgrad.vmap(pull)(np.eye(3))
        close(rows, irgrad.jacobian(f, mode="forward")(0.8))
        inside = irgrad.vmap(lambda c: irgrad.grad(lambda x: irgrad.vjp(f, x)[1](c)[0])(0.8))
        close(inside(np.eye(3)), irgrad.jacobian(irgrad.jacobian(f), mode="forward")(0.8))
