"""custom_jvp, custom_vjp, checkpoint and stop_gradient in bodies, branches and captured loops:
every place under every operator.

The rules are wrong by a factor of ten on purpose, so that only a derivative that used them agrees
with `tenfold`, which has the same value and the derivatives of ten sines by other means."""

from __future__ import annotations

from functools import partial, wraps
from typing import Any

import numpy as np
import pytest

import irgrad
from irgrad.errors import ArgumentError
from irgrad.frontend.pytree import leaves_of
from irgrad.ir.graph import Graph
from irgrad.ops.cond import Cond
from irgrad.ops.loop import Loop
from irgrad.ops.while_loop import While

X = np.array([0.3, -0.5, 0.8])
XS = np.stack([X, 1 - X])


def tenfold(x):
    """The sine, with the derivatives of ten sines (without a rule)."""
    return np.sin(x) * 10 - 9 * irgrad.stop_gradient(np.sin(x))


@irgrad.custom_jvp
def by_jvp(x):
    return np.sin(x)


@by_jvp.defjvp
def by_jvp_rule(primals, tangents):
    return by_jvp(primals[0]), 10 * np.cos(primals[0]) * tangents[0]


@irgrad.custom_vjp
def by_vjp(x):
    return np.sin(x)


by_vjp.defvjp(lambda x: (by_vjp(x), x), lambda x, y_bar: (10 * np.cos(x) * y_bar,))
again = irgrad.checkpoint(tenfold)
both = irgrad.checkpoint(lambda x: by_jvp(x) * 1.0)


@irgrad.custom_jvp
def outer(x):
    return irgrad.fori_loop(0, 2, lambda i, c: by_jvp(c), x) * 1.0


@outer.defjvp
def outer_rule(primals, tangents):
    """A rule that has a loop itself."""
    step = lambda i, s: (by_jvp(s[0]), 10 * np.cos(s[0]) * s[1])  # noqa: E731
    return irgrad.fori_loop(0, 2, step, (primals[0], tangents[0]))


KINDS = {
    "custom_jvp": (by_jvp, tenfold),
    "custom_vjp": (by_vjp, tenfold),
    "checkpoint": (again, tenfold),
    "checkpoint of custom_jvp": (both, tenfold),
    "a rule with a loop": (outer, lambda x: tenfold(tenfold(x))),
}


def in_scan(f, x):
    carry, rows = irgrad.scan(lambda c, t: (f(c) * t + x, f(t * c)), x, x * x)
    return np.sum(carry) + np.sum(rows)


def in_fori(f, x):
    return np.sum(irgrad.fori_loop(0, 3, lambda i, c: f(c) * x + c, x))


def in_while(f, x):
    body = lambda s: (f(s[0]) * x, s[1] + 1.0)  # noqa: E731
    return np.sum(irgrad.while_loop(lambda s: s[1] < 2.5, body, (x, 0.0))[0])


def in_condition(f, x):
    """Only its value counts there."""
    body = lambda s: (np.tanh(s[0]) * x, s[1] + 1.0 + 0 * np.sum(f(s[0])))  # noqa: E731
    return np.sum(irgrad.while_loop(lambda s: np.sum(f(s[1])) > -0.1, body, (x, 0.0))[0])


def in_cond(f, x):
    return np.sum(irgrad.cond(x[0] > 0, lambda x: f(x) * x, lambda x: f(f(x)), x))


def in_switch(f, x):
    branches = [lambda x: x, lambda x: f(x * x), lambda x: f(x)]
    return np.sum(irgrad.switch(1 * (x[0] > 0) + 1, branches, x))


def in_map(f, x):
    return np.sum(irgrad.map(lambda t: f(t * x), x))


def in_nest(f, x):
    def step(c, t):
        inner = lambda i, d: irgrad.cond(d[0] > 0.2, f, lambda d: f(d) * t, d)  # noqa: E731
        return irgrad.fori_loop(0, 2, inner, c), f(t)

    carry, rows = irgrad.scan(step, x, x)
    return np.sum(carry) + np.sum(rows)


def in_vmap_of_loop(f, x):
    one = lambda t: irgrad.fori_loop(0, 2, lambda i, c: f(c * t), t)  # noqa: E731
    return np.sum(irgrad.vmap(one)(x))


def in_loop_of_vmap(f, x):
    return np.sum(irgrad.fori_loop(0, 2, lambda i, c: irgrad.vmap(f)(c) + x, x))


def in_vmap_of_cond(f, x):
    one = lambda t: irgrad.cond(t > 0, f, lambda t: f(t) * t, t)  # noqa: E731
    return np.sum(irgrad.vmap(one)(x))


def in_for(f, x):
    total = x * 1.0
    for k in range(20):
        total = f(total) + x * k / 20
    return np.sum(total)


def in_python_while(f, x):
    total, steps = x * 1.0, 0.0 * x[0]
    while steps < 2.5:
        if total[0] > 0.1:
            total = f(total) * x
        else:
            total = total + f(x)
        steps = steps + 1
    return np.sum(total)


def in_writes(f, x):
    table = np.zeros((20, 3))
    table[0] = x
    for k in range(1, 20):
        table[k] = f(table[k - 1]) * x
    return np.sum(table)


PLACES = [
    in_scan, in_fori, in_while, in_condition, in_cond, in_switch, in_map, in_nest, in_vmap_of_loop,
    in_loop_of_vmap, in_vmap_of_cond, in_for, in_python_while, in_writes,
]  # fmt: skip
REVERSE = {
    "grad": lambda h: irgrad.grad(h)(X),
    "vmap of grad": lambda h: irgrad.vmap(irgrad.grad(h))(XS),
    "grad of vmap": lambda h: irgrad.grad(lambda xs: np.sum(irgrad.vmap(h)(xs) ** 2))(XS),
    "reverse over reverse": lambda h: irgrad.jacrev(irgrad.grad(h))(X),
}
FORWARD = {
    "jvp": lambda h: irgrad.jvp(h, (X,), (X,)),
    "vmap of jvp": lambda h: irgrad.vmap(lambda x, v: irgrad.jvp(h, (x,), (v,)))(XS, XS),
    "linearize": lambda h: irgrad.linearize(h, X)[1](X),
    "forward over reverse": lambda h: irgrad.hvp(h)(X, X),
    "reverse over forward": lambda h: irgrad.grad(lambda x: irgrad.jvp(h, (x,), (x,))[1])(X),
}


def close(got: Any, expected: Any) -> None:
    for one, other in zip(leaves_of(got), leaves_of(expected), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.__name__)
def test_the_rule_is_what_counts(place: Any, kind: str) -> None:
    """Each operator meets every place and every kind, though not every pair of them."""
    mine, other = (partial(place, f) for f in KINDS[kind])
    operators = list((REVERSE if kind == "custom_vjp" else {**REVERSE, **FORWARD}).values())
    first = (PLACES.index(place) + list(KINDS).index(kind)) % 3
    with irgrad.use_backend("numpy"):
        close(irgrad.compile(mine)(X), place(np.sin if "loop" not in kind else _twice, X))
        for operator in operators[first::3]:
            close(operator(mine), operator(other))


@irgrad.custom_vjp
def rounded(x):
    return np.round(4 * np.sin(x)) / 4


rounded.defvjp(lambda x: (np.round(4 * np.sin(x)) / 4, np.cos(x)), lambda c, y_bar: (c * y_bar,))


def with_fixed(f, x):
    """The call is the same in all steps, and moves out of the loop."""
    return np.sum(irgrad.fori_loop(0, 3, lambda i, c: c * f(x) + f(c), x))


def in_checkpoint(f, x):
    return in_nest(irgrad.checkpoint(f), x)


REGIONS = [*PLACES, with_fixed, in_checkpoint]
SECOND = {
    "grad of grad": lambda h: np.stack(
        [irgrad.grad(lambda x, v: irgrad.grad(h)(x) @ v)(X, v) for v in np.eye(3)]
    ),
    "jvp of grad": lambda h: np.stack(
        [irgrad.jvp(irgrad.grad(h), (X,), (v,))[1] for v in np.eye(3)], 1
    ),
    "hvp": lambda h: np.stack([irgrad.hvp(h)(X, v) for v in np.eye(3)], 1),
    "hessian": lambda h: irgrad.hessian(h)(X),
    "linearize of grad": lambda h: np.stack(
        list(map(irgrad.linearize(irgrad.grad(h), X)[1], np.eye(3))), 1
    ),
    "vjp of vjp": lambda h: np.stack(
        [irgrad.vjp(lambda x: irgrad.vjp(h, x)[1](1.0)[0], X)[1](v)[0] for v in np.eye(3)]
    ),
}


@pytest.mark.parametrize(
    ("place", "backend"),
    [*((place, "numpy") for place in REGIONS), (in_nest, "numba")],
)
def test_second_derivatives_are_those_of_fwd_and_bwd(place: Any, backend: str) -> None:
    """The gradient is a function like any other: the slopes of a rule that rounds are those of
    what it computes. Each place meets a third of the operators."""
    mine = partial(place, rounded)
    with irgrad.use_backend(backend):
        gradient = irgrad.compile(irgrad.grad(mine))
        steps = 1e-6 * np.eye(3)
        slopes = [(gradient(X + step) - gradient(X - step)) / 2e-6 for step in steps]
        for operator in list(SECOND.values())[REGIONS.index(place) % 3 :: 3]:
            np.testing.assert_allclose(operator(mine), np.stack(slopes, 1), rtol=1e-6, atol=1e-7)
        close(irgrad.vjp(mine, X)[1](1.0)[0], gradient(X))


HELD = np.array(1.5)
scaled = irgrad.custom_vjp(lambda x: HELD * np.sin(x))
scaled.defvjp(lambda x: (HELD * np.sin(x), x), lambda x, bar: (bar * HELD * np.cos(x),))


@pytest.mark.parametrize("place", REGIONS)
def test_functions_in_regions_close_over_arrays(place: Any) -> None:
    """Which take no part in a derivative. Each place meets a third of the further ways."""
    plain = lambda x: place(lambda x: HELD * np.sin(x), x)  # noqa: E731
    mine = lambda x: place(scaled, x)  # noqa: E731
    ways = [
        lambda f: irgrad.vjp(f, X)[1](1.0)[0],
        lambda f: irgrad.jacrev(f)(X),
        lambda f: irgrad.grad(lambda x: irgrad.grad(f)(x) @ X)(X),
    ]
    with irgrad.use_backend("numpy"):
        for way in (lambda f: irgrad.grad(f)(X), ways[REGIONS.index(place) % 3]):
            close(way(mine), way(plain))


@pytest.mark.parametrize("rule", [irgrad.custom_jvp, irgrad.custom_vjp])
def test_rules_of_the_identity_count_in_every_derivative(rule: Any) -> None:
    """Each derivative has a factor of three, though there is nothing to compute."""
    same = rule(lambda x: x)
    if rule is irgrad.custom_jvp:
        same.defjvp(lambda p, t: (same(p[0]), 3 * t[0]))
    else:
        same.defvjp(lambda x: (same(x), None), lambda _, bar: (3 * bar,))
    cube = lambda x: same(x) ** 3  # noqa: E731
    with irgrad.use_backend("numpy"):
        assert irgrad.grad(irgrad.grad(cube))(2.0) == 9 * 6 * 2.0


def _twice(x):
    return np.sin(np.sin(x))


@pytest.mark.parametrize("backend", irgrad.backends())
@pytest.mark.parametrize("kind", KINDS)
def test_on_every_backend(kind: str, backend: str) -> None:
    """A loop, a branch and a captured loop in one, in the modes once and twice."""
    mine, other = (
        lambda x, f=f: in_nest(f, x) + in_while(f, x) * in_for(f, x) for f in KINDS[kind]
    )
    names = ["vmap of grad"] if kind == "custom_vjp" else ["vmap of grad", "forward over reverse"]
    with irgrad.use_backend(backend):
        for name in names:
            operator = {**REVERSE, **FORWARD}[name]
            close(operator(mine), operator(other))


@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.__name__)
def test_a_stopped_gradient_is_that_of_a_constant(place: Any) -> None:
    """stop_gradient(sin(x)) has the derivative of a function whose rule says zero."""

    @irgrad.custom_jvp
    def still(x):
        return np.sin(x)

    still.defjvp(lambda p, t: (np.sin(p[0]), 0 * t[0]))
    stopped = lambda x: irgrad.stop_gradient(np.sin(x))  # noqa: E731
    with irgrad.use_backend("numpy"):
        for operator in {**REVERSE, **FORWARD}.values():
            close(operator(partial(place, stopped)), operator(partial(place, still)))
        close(irgrad.compile(partial(place, stopped))(X), place(np.sin, X))


def test_a_stopped_gradient_in_a_loop_keeps_no_tape() -> None:
    step = lambda i, c: c * 0.5 + irgrad.stop_gradient(np.sin(c))  # noqa: E731
    f = irgrad.compile(irgrad.grad(lambda x: np.sum(irgrad.fori_loop(0, 9, step, x))))
    np.testing.assert_allclose(f(X), np.full(3, 0.5**9), rtol=1e-15)
    assert ".tape" not in f.dump(X)


def test_a_rule_in_a_loop_stays_a_loop() -> None:
    """Neither calls nor Python are left, and no loop is unrolled."""

    def kinds(graph: Graph) -> list[type]:
        return [type(node.op) for node in graph.nodes if type(node.op) in (Loop, While, Cond)]

    gradient = irgrad.compile(irgrad.grad(partial(in_fori, by_vjp)))
    assert kinds(gradient.graph(X)) == [Loop, Loop]
    assert kinds(irgrad.compile(irgrad.grad(partial(in_while, by_jvp))).graph(X)) == [While, Loop]


def test_checkpoint_of_a_body_keeps_less() -> None:
    """The tape of a loop whose body is a checkpoint has its carried values only."""

    def body(i, c):
        return np.tanh(np.sin(c) * np.exp(c) + np.cos(c) * c)

    def kept(step):
        f = irgrad.grad(lambda x: np.sum(irgrad.fori_loop(0, 9, step, x)))
        graph = irgrad.compile(f).graph(X)
        loop = next(node for node in graph.nodes if isinstance(node.op, Loop))
        return sum(type.nbytes for type in loop.types[1:])

    assert kept(irgrad.checkpoint(body)) == 9 * X.nbytes
    assert kept(body) >= 4 * 9 * X.nbytes


def _with_vjp(fwd, bwd):
    f = irgrad.custom_vjp(lambda x, y: x * y)
    f.defvjp(fwd, bwd)
    return f


def _with_jvp(rule):
    f = irgrad.custom_jvp(lambda x, y: x * y)
    f.defjvp(rule)
    return f


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: _with_vjp(lambda x: (x, x), lambda r, g: (g, g)), "fwd of <lambda> is called"),
        (lambda: _with_vjp(lambda x, y: (x, x), lambda g: (g, g)), r"\(residuals, cota"),
        (lambda: _with_vjp(3, np.sin), "defvjp: fwd must be a function, got int 3"),
        (lambda: _with_vjp(np.sin, 3), "defvjp: bwd must be a function, got int 3"),
        (lambda: _with_jvp(lambda p: p), r"2 arguments, \(primals, tangents\), but"),
        (lambda: _with_jvp(3), "defjvp: jvp must be a function, got int 3"),
        (lambda: _with_jvp(lambda p, t: (p[0] * p[1], t[0] ** 2)), "linear in the tangents: its"),
        (lambda: _with_jvp(lambda p, t: (p[0] * p[1], abs(t[0]))), "linear in the tangents: its"),
        (lambda: _with_jvp(lambda p, t: (p[0] * p[1], 3.0)), "that of f64.* is 3.0 for any"),
    ],
)  # fmt: skip
def test_rules_that_do_not_fit(make, message) -> None:
    with pytest.raises(ArgumentError, match=message):
        irgrad.grad(make())(1.0, 2.0)


def test_linear_rules_of_every_form_are_transposed() -> None:
    """Sums, branches, loops and None: what is linear in the tangents is no error."""
    rules = [
        lambda p, t: (p[0] * p[1], p[1] * t[0] + p[0] * t[1]),
        lambda p, t: (p[0] * p[1], np.where(p[0] > 0, p[1], p[1] * 1.0) * t[0] + p[0] * t[1]),
        lambda p, t: (p[0] * p[1], irgrad.fori_loop(0, 2, lambda i, c: c / 2, 4 * p[1] * t[0])),
        lambda p, t: (p[0] * p[1], irgrad.cond(p[0] > 0, lambda: p[1] * t[0], lambda: 0 * t[0])),
        lambda p, t: (p[0] * p[1], irgrad.jvp(lambda x: x * p[1], (p[0],), (t[0],))[1]),
    ]
    for rule in rules:
        assert irgrad.grad(_with_jvp(rule))(1.0, 2.0) == 2.0
    assert irgrad.grad(_with_jvp(lambda p, t: (p[0] * p[1], None)))(1.0, 2.0) == 0.0
    zero = _with_jvp(lambda p, t: (p[0] * p[1], np.zeros_like(t[0])))
    assert irgrad.grad(zero)(1.0, 2.0) == 0.0


def quartic(x):
    return x**4


TRANSFORMED = {
    "grad": irgrad.grad(quartic),
    "grad of grad": irgrad.grad(irgrad.grad(quartic)),
    "value_and_grad": irgrad.value_and_grad(quartic),
    "compiled": irgrad.compile(irgrad.grad(quartic)),
    "vmap": lambda x: irgrad.checkpoint(irgrad.vmap(np.sum))(np.stack([x * np.ones(2)] * 3)),
    "hvp": lambda x: irgrad.checkpoint(irgrad.hvp(quartic))(x, 1.0),
    "custom_jvp": by_jvp,
    "custom_vjp": by_vjp,
}


@pytest.mark.parametrize("name", TRANSFORMED)
def test_a_checkpoint_is_of_what_it_is_given(name: str) -> None:
    function = TRANSFORMED[name]
    again = irgrad.checkpoint(function)
    close(again(2.0), function(2.0))
    for operator in (lambda h: irgrad.vjp(h, 2.0), lambda h: irgrad.vjp(lambda x: h(x), 2.0)):
        (value, pull), (other, back) = operator(again), operator(function)
        close(pull(value), back(other))


@pytest.mark.parametrize("kind", KINDS)
def test_a_decorator_that_copies_attributes_stays_in_force(kind: str) -> None:
    inner = KINDS[kind][0]

    @wraps(inner)
    def twice(x):
        return 2 * inner(x)

    with irgrad.use_backend("numpy"):
        close(irgrad.checkpoint(twice)(X), 2 * inner(X))
