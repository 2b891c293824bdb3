"""custom_jvp, custom_vjp and checkpoint: every derivative against that of the plain function, under
every other operator and on every backend; what they print; what they refuse.
"""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

import irgrad
from irgrad.errors import ArgumentError, ShapeError, TraceError, UnsupportedError
from irgrad.frontend.pytree import leaves_of
from irgrad.ir.graph import Graph, Value
from irgrad.ops.call import Call, inlined
from irgrad.passes.pipeline import optimise

X = np.arange(3.0) / 3 + 0.2
XS = np.stack([X, X + 1])


def plain(x, w):
    return np.log(1 + np.exp(x * w))


@irgrad.custom_jvp
def by_jvp(x, w):
    return plain(x, w)


@by_jvp.defjvp
def by_jvp_rule(primals, tangents):
    (x, w), (x_dot, w_dot) = primals, tangents
    return by_jvp(x, w), (x_dot * w + x * w_dot) / (1 + np.exp(-x * w))


@irgrad.custom_jvp
def by_jvps(x, w):
    return plain(x, w)


by_jvps.defjvps(
    lambda x_dot, y, x, w: x_dot * w / (1 + np.exp(-x * w)),
    lambda w_dot, y, x, w: w_dot * x / (1 + np.exp(-x * w)),
)


@irgrad.custom_vjp
def by_vjp(x, w):
    return plain(x, w)


by_vjp.defvjp(
    lambda x, w: (plain(x, w), {"x": x, "w": w, "name": "sigmoid"}),
    lambda r, y_bar: (
        y_bar * r["w"] / (1 + np.exp(-r["x"] * r["w"])),
        np.sum(y_bar * r["x"] / (1 + np.exp(-r["x"] * r["w"]))),
    ),
)

KINDS = {"jvp": by_jvp, "jvps": by_jvps, "vjp": by_vjp, "checkpoint": irgrad.checkpoint(plain)}
OPERATORS = {
    "value": lambda f: irgrad.compile(f)(X, 1.5),
    "grad": lambda f: irgrad.grad(f, (0, 1))(X, 1.5),
    "value_and_grad": lambda f: irgrad.value_and_grad(f)(X, 1.5),
    "jacrev": lambda f: irgrad.jacrev(lambda x: np.stack([f(x, 1.5), f(2 * x, 0.5)]))(X),
    "hessian": lambda f: irgrad.hessian(f)(X, 1.5),
    "reverse over reverse": lambda f: irgrad.jacrev(irgrad.grad(f, 1), 0)(X, 1.5),
    "hvp": lambda f: irgrad.hvp(f)(X, 1.5, X),
    "vjp": lambda f: irgrad.vjp(f, X, 1.5)[1](2.0),
    "vmap": lambda f: irgrad.vmap(f, (0, None))(XS, 1.5),
    "vmap of grad": lambda f: irgrad.vmap(irgrad.grad(f, (0, 1)), (0, None))(XS, 1.5),
    "grad of vmap": lambda f: irgrad.grad(
        lambda x, w: np.sum(irgrad.vmap(f, (0, None))(x, w)), (0, 1)
    )(XS, 1.5),
    "grad of vmap of vmap": lambda f: irgrad.grad(
        lambda x, w: np.sum(irgrad.vmap(irgrad.vmap(f, (None, 0)), (0, None))(x, w)), (0, 1)
    )(XS, np.linspace(0.5, 1, 4)),
    "hessian of vmap": lambda f: irgrad.hessian(lambda w: np.sum(irgrad.vmap(f, (0, None))(XS, w)))(
        1.5
    ),
}
FORWARD = {
    "jvp": lambda f: irgrad.jvp(f, (X, 1.5), (X, 2.0)),
    "jacfwd": lambda f: irgrad.jacfwd(f, (0, 1))(X, 1.5),
    "forward over forward": lambda f: irgrad.jacfwd(irgrad.jacfwd(f))(X, 1.5),
    "reverse over forward": lambda f: irgrad.jacrev(irgrad.jacfwd(f))(X, 1.5),
    "linearize": lambda f: irgrad.linearize(f, X, 1.5)[1](X, 1.0),
    "jacfwd of vmap": lambda f: irgrad.jacfwd(irgrad.vmap(f, (0, None)), (0, 1))(XS, 1.5),
    "third": lambda f: irgrad.grad(lambda w: np.sum(irgrad.hessian(f)(X, w)))(1.5),
}


def close(got, expected) -> None:
    for one, other in zip(leaves_of(got), leaves_of(expected), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-10, atol=1e-11)


@pytest.mark.parametrize("backend", irgrad.backends())
@pytest.mark.parametrize("kind", KINDS)
def test_derivatives_are_those_of_the_plain_function(kind, backend) -> None:
    operators = OPERATORS if kind == "vjp" else {**OPERATORS, **FORWARD}
    mine, other = (lambda x, w, f=f: np.sum(np.sin(f(x, w)) ** 2) for f in (KINDS[kind], plain))
    with irgrad.use_backend(backend):
        for operator in operators.values():
            close(operator(mine), operator(other))


@irgrad.custom_vjp
def reverse_only(x):
    return np.sin(x) * x


reverse_only.defvjp(
    lambda x: (reverse_only(x), x), lambda x, y_bar: (y_bar * (np.cos(x) * x + np.sin(x)),)
)


def total(f):
    return lambda x: np.sum(np.sin(f(x)) ** 2 * x[0])


FREE = {
    "jacobian": lambda f: irgrad.jacobian(lambda x: f(x) * np.ones((3, 1)))(X),
    "of a loop": lambda f: irgrad.jacobian(lambda x: irgrad.fori_loop(0, 2, lambda i, x: f(x), x))(
        X
    ),
    "of a checkpoint": lambda f: irgrad.jacobian(irgrad.checkpoint(lambda x: f(f(x))))(X),
    "under vmap": lambda f: irgrad.vmap(irgrad.jacobian(f))(XS),
    "hessian": lambda f: irgrad.hessian(total(f))(X),
    "third": lambda f: irgrad.jacobian(irgrad.hessian(total(f)))(X),
    "hvp": lambda f: irgrad.hvp(total(f))(X, X + 1),
    "sparse_jacobian": lambda f: irgrad.sparse_jacobian(f)(X).toarray(),
    "sparse_hessian": lambda f: irgrad.sparse_hessian(total(f))(X).toarray(),
    "root": lambda f: irgrad.root(lambda x: f(x) - 0.5, X),
    "tangent of a root": lambda f: irgrad.jvp(
        lambda a: irgrad.root(lambda x: f(x) - a, X), (0.5,), (1.0,)
    ),
    "minimize_argmin": lambda f: irgrad.minimize_argmin(lambda x: np.sum((f(x) - 0.5) ** 2), X),
}


@pytest.mark.parametrize("operator", FREE)
def test_where_the_mode_is_free_a_rule_for_reverse_mode_serves(operator) -> None:
    """Also where its fwd calls the function itself, and is differentiated again."""
    close(FREE[operator](reverse_only), FREE[operator](lambda x: np.sin(x) * x))


def test_a_second_derivative_of_a_rule_that_is_no_derivative_is_the_same_in_all_ways() -> None:
    """What is no gradient of anything has no symmetric Jacobian."""
    turned = irgrad.custom_vjp(lambda x: x * 1.0)
    turned.defvjp(lambda x: (turned(x), x), lambda x, y_bar: (y_bar * x[::-1],))
    f = lambda x: np.sum(turned(x) ** 2) * x[2]  # noqa: E731 -- short
    matrix = irgrad.hessian(f)(X)
    assert not np.allclose(matrix, matrix.T)
    close(matrix, irgrad.jacrev(irgrad.grad(f))(X))
    for v in np.eye(3):
        close(irgrad.hvp(f)(X, v), matrix @ v)


def test_the_rule_is_what_counts() -> None:
    """A rule that is wrong on purpose shows in every order and mode that uses it."""
    f = irgrad.custom_jvp(np.sin)
    f.defjvp(lambda p, t: (np.sin(p[0]), 10 * p[0] * t[0]))
    assert irgrad.grad(f)(2.0) == irgrad.jvp(f, (2.0,), (1.0,))[1] == 20
    assert irgrad.grad(irgrad.grad(f))(2.0) == irgrad.hessian(f)(2.0) == 10
    np.testing.assert_array_equal(irgrad.vmap(irgrad.grad(f))(X), 10 * X)
    g = irgrad.custom_vjp(np.sin)
    g.defvjp(lambda x: (np.sin(x), x), lambda x, c: (c * 10 * x,))
    assert irgrad.grad(g)(2.0) == 20
    assert irgrad.grad(irgrad.grad(g))(2.0) == irgrad.hessian(g)(2.0) == 10
    np.testing.assert_array_equal(irgrad.vmap(irgrad.grad(g))(X), 10 * X)
    assert irgrad.compile(g)(2.0) == g(2.0) == np.sin(2.0)
    assert irgrad.grad(lambda x: irgrad.compile(g)(x) * 1.0)(2.0) == 20


def test_a_rule_on_shared_arguments_adds_up_over_the_batch() -> None:
    f = irgrad.custom_vjp(lambda x, w: x * w)
    f.defvjp(lambda x, w: (x * w, x), lambda x, c: (None, 100 * c * x))
    total = lambda w: np.sum(irgrad.vmap(f, (0, None))(X, w))  # noqa: E731 -- differentiated below
    assert np.isclose(irgrad.grad(total)(2.0), 100 * np.sum(X))
    np.testing.assert_array_equal(irgrad.grad(lambda x: np.sum(f(x, X)))(X), 0 * X)
    constant = irgrad.custom_vjp(lambda x, w: x * w)
    constant.defvjp(lambda x, w: (x * w, None), lambda _, c: (0 * c, 7.0))
    assert irgrad.grad(lambda w: np.sum(irgrad.vmap(constant, (0, None))(X, w)))(2.0) == 21


def test_nondiff_arguments_pytrees_and_keywords() -> None:
    @partial(irgrad.custom_vjp, nondiff_argnums=(0, 2))
    def apply(f, p, mode, scale=2.0):
        return {"y": f(p["a"]) * scale, "mode": mode}

    def fwd(f, p, mode, scale):
        return apply(f, p, mode, scale), (p["a"], scale)

    def bwd(f, mode, residuals, bar):
        assert mode == "fast" and bar["mode"] is None and f is np.sin
        return {"a": 3 * bar["y"], "n": None}, None

    apply.defvjp(fwd, bwd)
    loss = lambda p: np.sum(apply(np.sin, p, mode="fast")["y"])  # noqa: E731 -- short
    p = {"a": X, "n": 3}
    with pytest.raises(irgrad.errors.DTypeError):
        irgrad.grad(loss)(p)
    gradient = irgrad.grad(lambda a: loss({"a": a, "n": 3}))(X)
    np.testing.assert_array_equal(gradient, np.full(3, 3.0))

    power = irgrad.custom_jvp(lambda x, n: x**n, nondiff_argnums=1)
    power.defjvp(lambda n, p, t: (power(p[0], n), n * p[0] ** (n - 1) * t[0]))
    assert irgrad.grad(power)(2.0, 3) == 12
    assert irgrad.grad(irgrad.grad(power))(2.0, 3) == 12
    close(irgrad.grad(lambda x: np.sum(power(x, np.arange(3.0))))(X), X * [0, 0, 2] + [0, 1, 0])


def test_methods_and_integers() -> None:
    class Model:
        scale = 3.0

        @irgrad.custom_jvp
        def f(self, x, k):
            return self.scale * x[k]

    Model.f.defjvp(lambda p, t: (p[0].f(p[1], p[2]), p[0].scale * t[1][p[2]]))
    k = np.array([2, 0])
    got = irgrad.grad(lambda x: np.sum(Model().f(x, k)))(X)
    np.testing.assert_array_equal(got, [3.0, 0.0, 3.0])
    np.testing.assert_array_equal(irgrad.jacfwd(lambda x: Model().f(x, k))(X), 3 * np.eye(3)[k])


def test_closures() -> None:
    scale = np.array([1.0, 2.0, 3.0])
    f = irgrad.custom_vjp(lambda x: x * scale)
    f.defvjp(lambda x: (x * scale, None), lambda _, c: (c * scale * 2,))
    np.testing.assert_array_equal(irgrad.grad(lambda x: np.sum(f(x)))(X), 2 * scale)

    def outer(w):
        g = irgrad.custom_vjp(lambda x: x * w)
        g.defvjp(lambda x: (x * w, None), lambda _, c: (c * w,))
        return np.sum(g(X))

    with pytest.raises(TraceError, match="closes over"):
        irgrad.grad(outer)(2.0)
    inside = irgrad.checkpoint(lambda x: x * scale)
    close(
        irgrad.grad(lambda s: np.sum(irgrad.checkpoint(lambda x: x * s * scale)(X)))(2.0), X @ scale
    )
    close(irgrad.grad(lambda x: np.sum(inside(x)))(X), scale)


class Held:
    """A module's array, one of an object, and a view: what a rule may read without being given."""

    def __init__(self, w):
        self.w = w
        self.view = w[1:][:2]


def held_by_jvp(w):
    held = Held(w)
    f, inner = irgrad.custom_jvp(np.sin), irgrad.custom_jvp(np.cos)
    inner.defjvp(lambda p, t: (inner(p[0]), held.w * t[0]))
    total = lambda x: np.sum(held.view * np.exp(0 * x[1:]))  # noqa: E731 -- a name for a term
    f.defjvp(lambda p, t: (f(p[0]), inner(p[0]) * w * total(p[0]) * t[0] * np.arange(3.0)))
    return f


def held_by_vjp(w):
    held = Held(w)
    f = irgrad.custom_vjp(np.sin)
    f.defvjp(
        lambda x: (f(x), (x, held.view)),
        lambda r, c: (np.cos(r[0]) * w * np.sum(r[1]) * c * np.arange(3.0),),
    )
    return f


def made_inside(w):
    """Rules and an array of theirs that are made anew in every trace."""

    def f(x):
        fresh = np.arange(3.0)
        g = irgrad.custom_jvp(np.sin)
        g.defjvp(lambda p, t: (g(p[0]), np.cos(p[0]) * w * (w[1:] @ p[0][1:]) * t[0] * fresh))
        return g(x)

    return f


def in_steps(f):
    return lambda x: np.sum(irgrad.scan(lambda c, t: (f(c * t), None), x, np.stack([x, x]))[0])


READING = {
    "grad": lambda f: irgrad.grad(lambda x: np.sum(f(x))),
    "vjp": lambda f: lambda x: irgrad.vjp(f, x)[1](X)[0],
    "jacobian": irgrad.jacobian,
    "vmap of grad": lambda f: irgrad.vmap(irgrad.grad(lambda x: np.sum(f(x)))),
    "hessian": lambda f: irgrad.hessian(lambda x: np.sum(f(x))),
    "sparse": lambda f: lambda x: irgrad.sparse_jacobian(f)(x).toarray(),
    "grad in a loop": lambda f: irgrad.grad(in_steps(f)),
    "grad in a function": lambda f: irgrad.compile(lambda x: irgrad.grad(in_steps(f))(x) * x),
    "grad of a root": lambda f: irgrad.grad(
        lambda a: np.sum(irgrad.root(lambda x: x + 0.1 * f(x) - a, a))
    ),
    "jvp": lambda f: lambda x: irgrad.jvp(f, (x,), (x,))[1],
    "linearize": lambda f: lambda x: irgrad.linearize(f, x)[1](x),
}


@pytest.mark.parametrize("make", [held_by_jvp, held_by_vjp, made_inside])
def test_arrays_that_rules_read_are_inputs_by_reference(make) -> None:
    """Derivatives made before an in-place change are those made after it."""
    operators = list(READING)[: len(READING) - 2 * (make is held_by_vjp)]
    with irgrad.use_backend("numpy"):
        for name in operators:
            w = np.array([1.5, -0.5, 2.0])
            at = XS if "vmap" in name else X
            before = READING[name](make(w))
            old = before(at)
            w *= [2.0, 3.0, -1.0]
            new = before(at)
            assert not np.allclose(old, new)
            close(new, READING[name](make(w.copy()))(at))


def test_what_a_rule_reads_is_an_input_and_what_decides_there_is_looked_at() -> None:
    w, count = np.array([1.5, -0.5, 2.0]), np.array(2)
    f = irgrad.custom_jvp(np.sin)

    @f.defjvp
    def rule(primals, tangents):
        total = 0.0 * tangents[0]
        for _ in range(count):
            total = total + w * tangents[0]
        return f(primals[0]), total

    gradient = irgrad.compile(irgrad.grad(lambda x: np.sum(f(x))))
    close(gradient(X), 2 * w)
    count[...] = 3
    close(gradient(X), 3 * w)
    graph = gradient.graph(X)
    assert graph.captured == 1
    close(irgrad.compile(lambda x: gradient(x) + 0.0)(X), 3 * w)


@irgrad.custom_vjp
def doubled_by_vjp(x, w):
    return 2.0 * x


@irgrad.custom_jvp
def doubled_by_jvp(x, w):
    return 2.0 * x


doubled_by_vjp.defvjp(lambda x, w: (2.0 * x, w), lambda w, c: (c * w, None))
doubled_by_jvp.defjvp(lambda p, t: (2.0 * p[0], t[0] * p[1]))


@pytest.mark.parametrize("function", [doubled_by_vjp, doubled_by_jvp])
def test_a_rule_may_differ_between_examples_where_the_function_does_not(function) -> None:
    ws, weights = np.array([3.0, 0.5]), np.array([2.0, -1.0])
    along = np.ones(3)

    def total(x):
        return irgrad.vmap(function, (None, 0))(x, ws) * weights[:, None]

    def nested(x):
        many = irgrad.vmap(irgrad.vmap(function, (None, 0)), (None, 0))
        return np.sum(many(x, np.outer(weights, ws)), axis=(0, 1))

    close(total(X), 2 * np.outer(weights, X))
    close(irgrad.grad(lambda x: np.sum(total(x)))(X), weights @ ws * along)
    close(irgrad.jacrev(nested)(X), np.sum(np.outer(weights, ws)) * np.eye(3))
    if function is doubled_by_jvp:
        close(irgrad.jvp(total, (X,), (along,))[1], np.outer(weights * ws, along))


def scaled_by_vjp(w):
    """2 x, with w in the place of the derivative's 2."""
    f = irgrad.custom_vjp(lambda x: 2.0 * x)
    f.defvjp(lambda x: (f(x), {"w": w}), lambda r, c: (c * w[:1] * r["w"][1],))
    return f


def scaled_by_jvp(w):
    class Scales:
        def __init__(self):
            self.view = w[1:]

    scales = Scales()
    f = irgrad.custom_jvp(lambda x: 2.0 * x)
    f.defjvp(lambda p, t, first=w[0]: (f(p[0]), t[0] * first * scales.view[0]))
    return f


@pytest.mark.parametrize("make", [scaled_by_vjp, scaled_by_jvp])
def test_rules_that_close_over_traced_values(make) -> None:
    """Of traces around the derivative, whether they go on when it is taken or not."""
    w = np.array([3.0, 0.5])
    ones, product = np.ones(3), w[0] * w[1]

    def slope(x, w):
        return irgrad.grad(lambda y: np.sum(make(w)(y)))(x)

    close(irgrad.compile(slope)(X, w), product * ones)
    close(irgrad.grad(lambda x, w: np.sum(make(2 * w)(x)))(X, w), 4 * product * ones)
    many = irgrad.vmap(slope, (None, 0))(X, np.stack([w, 2 * w]))
    close(many, product * np.outer([1.0, 4.0], ones))
    loop = lambda x, w: irgrad.scan(lambda c, t: (make(t)(c), None), x, w)[0]  # noqa: E731
    close(irgrad.grad(lambda x: np.sum(loop(x, np.stack([w, w]))))(X), product**2 * ones)
    close(irgrad.grad(lambda w: np.sum(make(w)(X)))(w), 0 * w)
    close(irgrad.jacobian(lambda w: slope(X, w))(w), np.outer(ones, w[::-1]))


def test_text_and_json_hold_the_body_and_no_rule() -> None:
    graph = irgrad.trace(lambda x: np.sum(by_vjp(x, 1.5)), X)
    assert "label='custom_vjp by_vjp'" in str(graph)
    read = irgrad.parse(str(graph))
    assert read == graph == irgrad.from_json(graph.to_json())
    (call,) = [node.op for node in read.nodes if isinstance(node.op, Call)]
    assert call.rule is None
    close(irgrad.compile(read)(X), np.sum(plain(X, 1.5)))
    close(irgrad.grad(read)(X), irgrad.grad(lambda x: np.sum(plain(x, 1.5)))(X))
    close(irgrad.vmap(read)(XS), np.sum(plain(XS, 1.5), 1))
    assert not [node for node in optimise(graph).nodes if isinstance(node.op, Call)]
    assert all(node.location is not None for node in inlined(graph).nodes)


def test_calls_with_other_rules_are_not_merged() -> None:
    one, two = (irgrad.custom_vjp(np.sin) for _ in range(2))
    one.defvjp(lambda x: (np.sin(x), None), lambda _, c: (1 * c,))
    two.defvjp(lambda x: (np.sin(x), None), lambda _, c: (2 * c,))
    from irgrad.passes.cse import cse

    graph = cse(irgrad.trace(lambda x: one(x) * two(x), 0.5))
    assert sum(isinstance(node.op, Call) for node in graph.nodes) == 2
    close(irgrad.grad(lambda x: one(x) + two(x))(0.5), 3.0)


def peak(graph: Graph) -> int:
    """The most bytes that are alive at once when the nodes run in order, inputs left out."""
    last: dict[Value, int] = {}
    for at, node in enumerate(graph.nodes):
        last.update(dict.fromkeys(node.operands, at))
    last.update(dict.fromkeys(graph.outputs, len(graph.nodes)))
    alive: dict[Value, int] = {}
    most = 0
    for at, node in enumerate(graph.nodes):
        size = 0 if node.op.is_view else node.types[0].nbytes
        alive.update({value: size for value in node.outputs if value in last})
        most = max(most, sum(alive.values()))
        alive = {value: size for value, size in alive.items() if last[value] > at}
    return most


def test_checkpoint_needs_less_memory() -> None:
    """16 blocks of 8 steps: all steps are kept without it, block ends and one block with it."""

    def block(x):
        for _ in range(8):
            x = np.sin(np.cos(x))
        return x

    def chain(block, x):
        for _ in range(16):
            x = block(x)
        return np.sum(x)

    x = np.ones(1000)
    whole = irgrad.compile(irgrad.grad(partial(chain, block)), "numpy", unroll=16)
    thinned = partial(chain, irgrad.checkpoint(block))
    thin = irgrad.compile(irgrad.grad(thinned), "numpy", unroll=16)
    np.testing.assert_array_equal(thin(x), whole(x))
    before, after = peak(whole.graph(x)), peak(thin.graph(x))
    assert before > 250 * x.nbytes
    assert after < 45 * x.nbytes
    nested = irgrad.checkpoint(partial(chain, irgrad.checkpoint(block)))
    twice = irgrad.compile(irgrad.grad(lambda x: nested(x)), "numpy")
    np.testing.assert_array_equal(twice(x), whole(x))


def test_checkpoint_of_several_results_and_static_ones() -> None:
    f = irgrad.checkpoint(lambda x, n=2: {"a": x**n, "n": n, "k": np.argmax(x), "b": np.sin(x)})
    out, pull = irgrad.vjp(f, X)
    assert out["n"] == 2 and out["k"] == 2
    (got,) = pull({"a": X, "n": None, "k": 0, "b": 0 * X})
    close(got, 2 * X * X)
    close(irgrad.grad(lambda x: np.sum(f(x, n=3)["a"]))(X), 3 * X**2)
    close(f(X)["b"], np.sin(X))
    assert irgrad.checkpoint(lambda x: "text")(X) == "text"


KEYWORD = irgrad.custom_vjp(lambda x, *, k: x)


def bad(fwd=lambda x: (x, None), bwd=lambda r, c: (c,)):
    f = irgrad.custom_vjp(lambda x: x * 1.0)
    f.defvjp(fwd, bwd)
    return irgrad.grad(lambda x: np.sum(f(x)))(X)


def bad_jvp(rule):
    f = irgrad.custom_jvp(lambda x: x * 1.0)
    f.defjvp(rule)
    return irgrad.jvp(f, (X,), (X,))


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: irgrad.jvp(by_vjp, (X, 1.0), (X, 0)), UnsupportedError, "forward mode of by_vjp"),
        (lambda: irgrad.jacfwd(by_vjp)(X, 1.0), UnsupportedError, "custom_jvp rule"),
        (lambda: irgrad.grad(irgrad.custom_vjp(plain))(1.0, 1.0), UnsupportedError, "without a"),
        (lambda: irgrad.grad(irgrad.custom_jvp(plain))(1.0, 1.0), UnsupportedError, "without a"),
        (lambda: irgrad.custom_vjp(3), ArgumentError, "takes a function"),
        (lambda: bad(fwd=lambda x: x), ArgumentError, r"must return \(result, residuals\)"),
        (lambda: bad(fwd=lambda x: (x[:2], None)), ShapeError, "is f64.2., expected f64.3."),
        (lambda: bad(fwd=lambda x: ((x, x), None)), ArgumentError, "expected the structure"),
        (lambda: bad(bwd=lambda r, c: c), ArgumentError, "cotangent of each of its 1 argument"),
        (lambda: bad(bwd=lambda r, c: (c, c)), ArgumentError, "a tuple of 2 values"),
        (lambda: bad(bwd=lambda r, c: (c[0],)), ShapeError, r"is f64\[\], expected"),
        (lambda: bad(bwd=lambda r, c: ((c, c),)), ArgumentError, "expected the structure"),
        (lambda: bad(bwd=lambda r, c: (3,)), ArgumentError, "the Python int 3"),
        (lambda: bad_jvp(lambda p, t: t[0]), ArgumentError, r"must return \(result, tangent\)"),
        (lambda: bad_jvp(lambda p, t: (p[0], t[0][0])), ShapeError, r"jvp of .* is f64\[\]"),
        (lambda: irgrad.grad(KEYWORD)(X, k=1), ArgumentError, "k of .* keyword"),
        (lambda: irgrad.grad(irgrad.custom_vjp(lambda x: x))(X, X), ArgumentError, "too many"),
        (lambda: irgrad.grad(irgrad.custom_vjp(plain, 0))(X, X), ArgumentError, "is traced"),
    ],
)  # fmt: skip
def test_errors(call, error, message) -> None:
    with pytest.raises(error, match=message):
        call()


def test_rules_inside_rules_and_checkpoints() -> None:
    """A custom_jvp function in a custom_vjp function in a checkpoint, batched and differentiated
    twice in all orders.
    """
    f = irgrad.custom_jvp(lambda x: np.sin(x))
    f.defjvp(lambda p, t: (f(p[0]), np.cos(p[0]) * t[0]))
    g = irgrad.custom_vjp(lambda x: f(x) * x)
    g.defvjp(lambda x: (f(x) * x, x), lambda x, c: (c * (np.cos(x) * x + f(x)),))
    block = irgrad.checkpoint(lambda x: g(f(x)) * x)
    simple = lambda x: np.sin(np.sin(x)) * np.sin(x) * x  # noqa: E731 -- the same
    stacked = np.stack([XS, XS + 1])
    with irgrad.use_backend("numpy"):
        for operator in (
            lambda h: irgrad.vmap(irgrad.grad(lambda x: np.sum(irgrad.vmap(h)(x) ** 2)))(stacked),
            lambda h: irgrad.hessian(lambda x: np.sum(irgrad.vmap(h)(x) ** 2))(XS),
            lambda h: irgrad.vmap(irgrad.hessian(lambda x: np.sum(h(x) ** 2)))(XS),
            lambda h: irgrad.vmap(irgrad.jacrev(irgrad.jacrev(h)))(XS),
            lambda h: irgrad.hvp(lambda x: np.sum(h(x)))(X, X),
        ):
            close(operator(block), operator(simple))


def test_stop_gradient() -> None:
    f = lambda x: x * irgrad.stop_gradient(x)  # noqa: E731 -- short
    assert irgrad.grad(f)(3.0) == irgrad.jvp(f, (3.0,), (1.0,))[1] == 3.0
    close(irgrad.vmap(irgrad.grad(f))(X), X)
