"""jacobian, hessian, hvp and linearize: structure, modes, closed forms, nesting, errors."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import irgrad
from irgrad.errors import ArgumentError, DTypeError, OptionError
from tests.programs import small
from tests.test_programs import load

RNG = np.random.default_rng(0)
X = RNG.standard_normal(3)
W = RNG.standard_normal((3, 2))
MODES = ("forward", "reverse")


def close(got, expected, tolerance: float = 1e-12) -> None:
    np.testing.assert_allclose(got, expected, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("backend", irgrad.backends())
@pytest.mark.parametrize("mode", [None, *MODES])
def test_closed_forms(mode, backend) -> None:
    with irgrad.use_backend(backend):
        close(irgrad.jacobian(lambda x: x @ W, mode=mode)(X), W.T)
        close(irgrad.jacobian(np.sin, mode=mode)(X), np.diag(np.cos(X)))
        close(irgrad.jacobian(lambda x: np.sum(x * x), mode=mode)(X), 2 * X)
        close(irgrad.jacobian(lambda t: t * X, mode=mode)(2.0), X)
        close(irgrad.jacobian(np.sin, mode=mode)(0.0), 1.0)
        inverse = irgrad.jacobian(lambda a: a @ a, mode=mode)(W @ W.T)
        a, unit = W @ W.T, np.eye(3)
        expected = np.einsum("ik,lj->ijkl", unit, a) + np.einsum("ik,jl->ijkl", a, unit)
        close(inverse, expected)
        close(irgrad.jacobian(np.sort, mode=mode)(X), np.eye(3)[np.argsort(X)])


def test_shape_and_dtype() -> None:
    for dtype in (np.float32, np.float64):
        for inside in ((), (2,), (0,), (1, 2)):
            for outside in ((), (3,), (0, 2)):
                x = np.ones(inside, dtype)
                for mode in MODES:
                    j = irgrad.jacobian(
                        lambda x, s=outside: np.sum(x) * np.ones(s, x.dtype), mode=mode
                    )
                    assert j(x).shape == outside + inside
                    assert j(x).dtype == dtype


@pytest.mark.parametrize("mode", [None, *MODES])
def test_pytrees(mode) -> None:
    def f(p, t, n):
        return {"a": np.tanh(p["w"] @ p["v"]) * t, "rest": (n * t * t, None)}

    p = {"w": W.T, "v": X}
    j = irgrad.jacobian(f, (0, "t"), mode)(p, 2.0, 3)
    u = np.tanh(W.T @ X)
    d_p, d_t = j["a"]
    close(d_p["v"], 2 * (1 - u**2)[:, None] * W.T)
    close(d_p["w"], 2 * np.einsum("ij,k->ijk", np.diag(1 - u**2), X))
    close(d_t, u)
    close(j["rest"][0][0]["v"], np.zeros(3))
    close(j["rest"][0][1], 12.0)
    assert j["rest"][1] is None
    alone = irgrad.jacobian(f, 0, mode)(p, 2.0, 3)
    close(alone["a"]["v"], d_p["v"])


def test_has_aux_and_inner_values() -> None:
    def f(x):
        u = np.sin(x)
        return u * u[0], {"u": u, "n": 3}

    for mode in (None, *MODES):
        j, aux = irgrad.jacobian(f, mode=mode, has_aux=True)(X)
        close(j, irgrad.jacobian(lambda x: np.sin(x) * np.sin(x[0]))(X))
        close(aux["u"], np.sin(X))
        assert aux["n"] == 3
        j, d_x = irgrad.jacobian(lambda x: f(x)[0], ("u", 0), mode=mode)(X)
        u = np.sin(X)
        close(j, np.eye(3) * u[0] + np.outer(u, [1, 0, 0]))
        close(d_x, j * np.cos(X))
    h, aux = irgrad.hessian(lambda x: (np.sum(x**3), x[0]), has_aux=True)(X)
    close(h, np.diag(6 * X))
    close(aux, X[0])
    with_aux = lambda x: (np.sum(x**3), {"x": x[0], "n": 3})  # noqa: E731
    for run in (
        irgrad.hvp(with_aux, has_aux=True),
        irgrad.hvp(irgrad.compile(with_aux), 0, has_aux=True),
    ):
        product, aux = run(X, X)
        close(product, 6 * X * X)
        assert aux == {"x": X[0], "n": 3}
    both = irgrad.jacobian(lambda x: irgrad.hvp(with_aux, has_aux=True)(x, x), has_aux=True)
    close(both(X)[0], np.diag(12 * X))


def test_the_cheaper_mode_is_chosen() -> None:
    """By the batch that the graph has: three unit arrays, not a hundred."""
    wide = irgrad.trace(irgrad.jacobian(lambda x: np.sin(np.ones((3, 100)) @ x)), np.ones(100))
    tall = irgrad.trace(irgrad.jacobian(lambda x: np.sin(np.ones((100, 3)) @ x)), np.ones(3))
    for graph in (wide, tall):
        assert "iota() {dtype=i64, shape=(3, 3), axis=0}" in str(graph)
        assert len(graph) < 20


def test_complex() -> None:
    z = np.array([1 + 2j, 0.5 - 1j])
    for mode in (None, *MODES):
        j = irgrad.jacobian(lambda z: z**2 * z[0], mode=mode, holomorphic=True)(z)
        close(j, np.diag(2 * z * z[0]) + np.outer(z**2, [1, 0]))
    j = irgrad.jacobian(lambda x: np.exp(1j * x))(X)
    close(j, np.diag(1j * np.exp(1j * X)))
    j = irgrad.jacobian(lambda z: np.abs(z) ** 2)(z)
    close(j, np.diag(2 * np.conj(z)))
    for f, x, mode, remedy in (
        (lambda z: z * z, z, None, "holomorphic=True"),
        (lambda x: x * 1j, X, "reverse", "mode='forward'"),
        (lambda z: z.real, z, "forward", "mode='reverse'"),
    ):
        with pytest.raises(DTypeError, match=remedy):
            irgrad.jacobian(f, mode=mode)(x)
    with pytest.raises(DTypeError, match="needs complex arguments"):
        irgrad.jacobian(lambda x: x * 1j, holomorphic=True)(X)
    with pytest.raises(DTypeError, match="needs complex results"):
        irgrad.jacobian(lambda x: x.real, holomorphic=True)(z)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: irgrad.jacobian(np.sin, mode="fwd"), OptionError, "mode must be one of"),
        (lambda: irgrad.jacobian(np.sin, mode=X), OptionError, "mode must be one of"),
        (lambda: irgrad.jacobian(lambda x: (x, 3))(X), ArgumentError, r"the result\[1\].*int 3"),
        (lambda: irgrad.jacobian(lambda x: {"a": x > 0})(X), DTypeError, r"\['a'\].*bool\[3\]"),
        (lambda: irgrad.jacobian(np.sin)(3), DTypeError, "jacobian with respect to x.*3"),
        (lambda: irgrad.jacobian(lambda x: x, 1)(X), ArgumentError, "1 positional"),
        (lambda: irgrad.jacobian(lambda x: x, 1.5), ArgumentError, "argnums"),
        (lambda: irgrad.hvp(np.sum)(X), ArgumentError, "and then a direction"),
        (lambda: irgrad.hvp(np.sum)(X, X[:2]), ArgumentError, "the direction is f64.2., expected"),
        (lambda: irgrad.hvp(np.sum)(X, (X, X)), ArgumentError, "the direction's structure"),
        (lambda: irgrad.hvp(lambda x: x)(X, X), ValueError, "needs a scalar"),
        (lambda: irgrad.linearize(np.sin, X)[1](X[:2]), ArgumentError, "tangent of x"),
        (lambda: irgrad.linearize(np.sin, X)[1](X, X), ArgumentError, "structure"),
    ],
)
def test_errors(call, error, message) -> None:
    with pytest.raises(error, match=message):
        call()


def test_hessians() -> None:
    f = lambda x, w: np.sum(np.tanh(x @ w) ** 2)  # noqa: E731 -- used in many ways
    h = irgrad.hessian(f, (0, 1))(X, W)
    assert h[0][0].shape == (3, 3) and h[0][1].shape == (3, 3, 2) and h[1][1].shape == (3, 2, 3, 2)
    close(h[0][0], h[0][0].T)
    close(h[0][1], np.transpose(h[1][0], (2, 0, 1)))
    close(h[1][1], np.transpose(h[1][1], (2, 3, 0, 1)))
    v, u = RNG.standard_normal(3), RNG.standard_normal((3, 2))
    close(irgrad.hvp(f)(X, W, v), h[0][0] @ v)
    by_x, by_w = irgrad.hvp(f, (0, 1))(X, W, (v, u))
    close(by_x, h[0][0] @ v + np.tensordot(h[0][1], u, 2))
    close(by_w, np.tensordot(h[1][0], v, 1) + np.tensordot(h[1][1], u, 2))
    several = irgrad.hessian(lambda x: np.stack([np.sum(x**2), np.prod(x)]))(X)
    close(several[0], 2 * np.eye(3))
    close(several[1], several[1].T)
    for one in MODES:
        for other in MODES:
            close(irgrad.jacobian(irgrad.jacobian(f, mode=one), mode=other)(X, W), h[0][0])
    assert float(irgrad.hessian(lambda x: x**3)(2.0)) == 12.0


def test_hvp_of_pytrees_with_none() -> None:
    """None is no argument of a derivative, wherever it stands."""
    f = lambda p: np.sum(p["b"] ** 3) * p["z"]  # noqa: E731 -- short
    p = {"a": None, "b": X, "c": {"d": None}, "z": 2.0}
    got = irgrad.hvp(f)(p, {**p, "b": np.ones(3), "z": 0.0})
    assert got["a"] is None and got["c"]["d"] is None
    close(got["b"], 12 * X)
    with pytest.raises(ArgumentError, match=r"\['b'\] is None, expected f64\[3\]"):
        irgrad.hvp(f)(p, {**p, "b": None})


def test_hvp_of_pytrees_numbers_and_keywords() -> None:
    def f(p, *, scale):
        return scale * np.sum(np.sin(p["a"]) * p["b"])

    p, v = {"a": X, "b": 2.0}, {"a": np.ones(3), "b": 1}
    got = irgrad.hvp(f)(p, v, scale=3.0)
    close(got["a"], 3 * (-np.sin(X) * 2 + np.cos(X)))
    close(got["b"], 3 * np.sum(np.cos(X)))
    close(irgrad.hvp(lambda x: x**3)(2.0, 1.0), 12.0)
    single = irgrad.hvp(lambda x: np.sum(x**3))(X.astype(np.float32), X)
    assert single.dtype == np.float32
    data = X.copy()
    captured = irgrad.hvp(lambda x: np.sum(data * x**3))
    close(captured(X, np.ones(3)), 6 * X * X)


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_hessians_of_random_programs_are_symmetric(seed) -> None:
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 4))
    a, x = rng.standard_normal((n, n)), rng.standard_normal(n)
    steps = rng.integers(0, 6, 4)

    def f(x):
        for step in steps:
            x = (
                np.sin(x), a @ x, x * x[0], np.cumsum(x), np.sqrt(1 + x * x), x / (2 + np.cos(x))
            )[step]  # fmt: skip
        return np.sum(x * x)

    with irgrad.use_backend("numpy"):
        h = irgrad.hessian(f)(x)
        scale = 1 + np.max(np.abs(h))
        np.testing.assert_allclose(h, h.T, atol=1e-12 * scale)
        v = rng.standard_normal(n)
        np.testing.assert_allclose(irgrad.hvp(f)(x, v), h @ v, atol=1e-11 * scale)
        reverse = irgrad.jacrev(irgrad.jacrev(f))(x)
        np.testing.assert_allclose(reverse, h, atol=1e-11 * scale)


@pytest.mark.parametrize("backend", irgrad.backends())
def test_kmeans_direction_of_newton(backend) -> None:
    """The gradient over the diagonal of the Hessian, which is the product with ones: the Hessian of
    k-means is diagonal.
    """
    d = load("gradbench/kmeans_k10_n1000_d8")
    with irgrad.use_backend(backend):
        gradient = irgrad.grad(small.kmeans)(d["centroids"], d["points"])
        ones = np.ones_like(d["centroids"])
        diagonal = irgrad.hvp(small.kmeans)(d["centroids"], d["points"], ones)
    close(gradient / diagonal, d["dir"], 1e-9)


def test_linearize() -> None:
    f = lambda x, w, n: {"y": np.tanh(x @ w) * n, "none": None}  # noqa: E731 -- short
    out, f_jvp = irgrad.linearize(f, X, W, 2)
    close(out["y"], 2 * np.tanh(X @ W))
    v = RNG.standard_normal(3)
    tangent = f_jvp(v, np.zeros((3, 2)), None)
    close(tangent["y"], irgrad.jvp(lambda x: f(x, W, 2), (X,), (v,))[1]["y"])
    assert tangent["none"] is None
    rows = irgrad.vmap(lambda v: f_jvp(v, 0 * W, 0)["y"])(np.eye(3))
    close(rows.T, irgrad.jacobian(lambda x: f(x, W, 2)["y"])(X))

    def inside(x):
        out, linear = irgrad.linearize(np.sin, x)
        return out + linear(x) + linear(linear(x))

    close(irgrad.compile(inside)(X), np.sin(X) + np.cos(X) * X + np.cos(X) ** 2 * X)
    irgrad.check_grads(inside, (X,))


def test_the_linear_part_of_linearize_has_no_nonlinear_work() -> None:
    from irgrad.frontend.lower import signature_of
    from irgrad.runtime.linearize import Linearization

    signature, _ = signature_of((X,), {})
    _, second = Linearization(lambda x: np.exp(np.sin(x)) * x).lower(signature)
    assert {node.op.name for node in second.graph.nodes} <= {"multiply", "add"}


def test_jacobians_nested_in_everything() -> None:
    f = lambda x: np.tanh(x @ W) * x[:2]  # noqa: E731 -- used in many ways
    j = irgrad.jacobian(f)
    xs = RNG.standard_normal((4, 3))
    close(irgrad.vmap(j)(xs), [j(x) for x in xs])
    irgrad.check_grads(lambda x: np.sum(j(x) ** 2), (X,))
    irgrad.check_grads(lambda x: irgrad.jacobian(f, mode="reverse")(x), (X,), order=1)
    third = irgrad.jacobian(irgrad.hessian(lambda x: np.sum(x**4)))(X)
    expected = np.zeros((3, 3, 3))
    expected[range(3), range(3), range(3)] = 24 * X
    close(third, expected)
    whole = irgrad.jacobian(irgrad.vmap(np.sin))(X)
    close(whole, np.diag(np.cos(X)))
    newton = irgrad.compile(lambda x: x - np.sum(irgrad.jacobian(lambda y: y**3)(x), 1))
    close(newton(X), X - 3 * X**2)
