"""`linearize` through loops and branches: what the point decides runs once, and the linear part
only what is linear in the tangents.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import irgrad
from irgrad.frontend.lower import signature_of
from irgrad.frontend.pytree import leaves_of
from irgrad.ir.graph import Graph, Node, regions
from irgrad.passes.pipeline import optimise
from irgrad.runtime.linearize import Linearization
from tests.control.test_nesting import program

X, V = np.array([0.4, -0.2, 0.6]), np.array([0.3, 0.1, -0.7])
W = np.random.default_rng(0).uniform(-0.5, 0.5, (3, 3))
NONLINEAR = {"tanh", "sin", "cos", "exp", "sqrt", "log", "power", "while"}


def scanned(x, w):
    step = lambda c, t: (np.tanh(w @ c + t), (np.sum(np.exp(c)), c[0] * t))  # noqa: E731
    return irgrad.scan(step, x, np.stack([x, x * x, w[0]]), reverse=True)


def branching(x, w):
    def step(i, c):
        c = irgrad.cond(c[0] > 0.1, lambda c: np.sin(c) * c, lambda c: np.exp(w @ c), c)
        return irgrad.switch(i, [np.tanh, np.cos, lambda c: c], c)

    return irgrad.fori_loop(0, 4, step, x)


def nested(x, w):
    def outer(c, row):
        return irgrad.fori_loop(0, 3, lambda i, d: np.sin(d * row) + w[i] * c, c), c**2

    return irgrad.scan(outer, x, w)


def mapped(x, w):
    return irgrad.map(lambda row: np.exp(row @ x) * row, w)


def captured(x, w):
    for k in range(30):
        x = np.tanh(w @ x) + k if x[0] > 0 else np.cos(x) * w[1]
    return x


def partly(x, w):
    """A carried value that is constant, one that becomes active late, a row that is not active."""

    def step(c, k):
        fixed, late, own = c
        return (fixed * 0.5 + 1, own * fixed, np.tanh(own)), (fixed, k, late)

    return irgrad.scan(step, (np.ones(3), np.zeros(3), x @ w), np.arange(4.0))


def custom(x, w):
    f = irgrad.custom_jvp(np.sin)
    f.defjvp(lambda p, t: (np.sin(p[0]), 10 * np.cos(p[0]) * t[0]))
    again = irgrad.checkpoint(lambda c: np.tanh(w @ c))
    return irgrad.fori_loop(0, 3, lambda i, c: f(again(c)), x)


def batched(x, w):
    def one(row):
        return irgrad.fori_loop(0, 3, lambda i, c: np.where(c > 0, np.sin(c), c * row), x)

    return irgrad.vmap(one)(w)


def until(x, w):
    body = lambda s: (np.sin(w @ s[0]), s[1] + s[0][0] ** 2 + 1)  # noqa: E731
    return irgrad.while_loop(lambda s: s[1] < 5, body, (x, 0.0))


def halved(x, w):
    """A while loop whose body is linear keeps nothing: the late one runs as often as the early."""
    return irgrad.while_loop(lambda s: s[1] < 5, lambda s: (W @ s[0], s[1] + 1), (x + w[0], 0))[0]


STATIC = {
    f.__name__: f
    for f in (scanned, branching, nested, mapped, captured, partly, custom, batched, halved)
}
EVERY = {**STATIC, "until": until}


def halves(f: Any, *args: Any) -> tuple[Graph, Graph]:
    signature, _ = signature_of(args, {})
    first, second = Linearization(f).lower(signature)
    return optimise(first.graph), optimise(second.graph)


def all_nodes(graph: Graph) -> Iterator[Node]:
    for node in graph.nodes:
        yield node
        for region in regions(node.op).values():
            yield from all_nodes(region)


def check(f: Any, args: Any, *tangents: Any) -> None:
    out, linear = irgrad.linearize(f, *args)
    for along in tangents:
        expected, dots = irgrad.jvp(f, args, along)
        for got, wanted in ((out, expected), (linear(*along), dots)):
            for one, other in zip(leaves_of(got), leaves_of(wanted), strict=True):
                np.testing.assert_allclose(one, other, rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("backend", irgrad.backends())
@pytest.mark.parametrize("name", EVERY)
def test_it_is_the_derivative(name: str, backend: str) -> None:
    with irgrad.use_backend(backend):
        check(EVERY[name], (X, W), (V, 0 * W), (0 * V, W.T), (V, W))
        with irgrad.tape_budget(0):
            check(lambda x, w: EVERY[name](x, w), (X, W), (V, W))
        check(lambda w: EVERY[name](X, w), (W,), (W.T,))


@pytest.mark.parametrize("name", STATIC)
def test_the_linear_part_repeats_nothing(name: str) -> None:
    first, second = halves(STATIC[name], X, W)
    ops = {node.op.name for node in all_nodes(second)}
    assert not ops & NONLINEAR, f"{name}: {second}"
    assert (
        not any(type.is_dynamic for node in first.nodes for type in node.types) or name == "until"
    )


@pytest.mark.parametrize("seed", range(24))
def test_random_nests(seed: int) -> None:
    run = program(np.random.default_rng(seed), 3)
    f = lambda x, v: run(irgrad, (x, v))  # noqa: E731
    with irgrad.use_backend(irgrad.backends()[seed % len(irgrad.backends())]):
        check(f, (0.37, X), (1.0, V), (0.0, X))


def test_a_loop_that_exceeds_the_budget_is_whole() -> None:
    f = lambda x: irgrad.fori_loop(0, 100, lambda i, c: np.sin(c), x)  # noqa: E731
    with irgrad.tape_budget(100 * 8 - 1):
        first, second = halves(f, 0.5)
    assert "sin" in {node.op.name for node in all_nodes(second)}
    assert len(first.outputs) == 2, "the result, and the point"
    with irgrad.tape_budget(100 * 8):
        first, second = halves(lambda x: f(x), 0.5)
    assert [node.op.name for node in all_nodes(second)] == ["loop", "multiply"]


@pytest.mark.parametrize("name", EVERY)
def test_inside_other_derivatives(name: str) -> None:
    f = EVERY[name]

    def total(x, w):
        out, linear = irgrad.linearize(lambda x: f(x, w), x)
        return sum(np.sum(y) for y in [*leaves_of(out), *leaves_of(linear(w[0]))])

    def plain(x, w):
        out, dots = irgrad.jvp(lambda x: f(x, w), (x,), (w[0],))
        return sum(np.sum(y) for y in [*leaves_of(out), *leaves_of(dots)])

    for one, other in zip(
        irgrad.grad(total, (0, 1))(X, W), irgrad.grad(plain, (0, 1))(X, W), strict=True
    ):
        np.testing.assert_allclose(one, other, rtol=1e-10, atol=1e-12)
    _, both = irgrad.linearize(f, X, W)
    linear = lambda v: both(v, 0 * W)  # noqa: E731
    rows = irgrad.vmap(linear)(np.eye(3))
    for one, other in zip(leaves_of(rows), leaves_of(irgrad.jacfwd(f)(X, W)), strict=True):
        if other is not None:
            np.testing.assert_allclose(np.moveaxis(one, 0, -1), other, rtol=1e-10, atol=1e-12)
    in_a_loop = irgrad.fori_loop(0, 2, lambda i, c: c + leaves_of(linear(c))[0].sum(), V)
    by_hand = V
    for _ in range(2):
        by_hand = by_hand + leaves_of(linear(by_hand))[0].sum()
    np.testing.assert_allclose(in_a_loop, by_hand, rtol=1e-12)
