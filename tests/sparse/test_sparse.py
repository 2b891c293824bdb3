"""Sparse Jacobians and Hessians against dense ones."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp

import irgrad
from irgrad.errors import ArgumentError, DTypeError, OptionError, ShapeError, TraceError
from irgrad.runtime.sparse import DenseWarning

X = np.random.default_rng(0).standard_normal(12)


def dense(f: Any, x: Any) -> Any:
    """The Jacobian, column by column."""
    columns = [irgrad.jvp(f, (x,), (e.reshape(x.shape),))[1].ravel() for e in np.eye(x.size)]
    return np.stack(columns, axis=1)


def chain(x: Any) -> Any:
    return np.concatenate([np.sin(x[1:]) * x[:-1], x[:1] ** 3])


def energy(x: Any) -> Any:
    return np.sum(np.cos(x[1:] * x[:-1])) + np.sum(x**4) + x[0] * x[-1]


@pytest.mark.parametrize("backend", irgrad.backends())
@pytest.mark.parametrize("mode", [None, "forward", "reverse"])
def test_jacobian(backend: str, mode: str | None) -> None:
    with irgrad.use_backend(backend):
        got = irgrad.sparse_jacobian(chain, mode=mode)(X)
    assert isinstance(got, sp.csr_array) and got.has_sorted_indices and got.dtype == np.float64
    np.testing.assert_allclose(got.toarray(), dense(chain, X), atol=1e-12)


@pytest.mark.parametrize("backend", irgrad.backends())
def test_hessian(backend: str) -> None:
    with irgrad.use_backend(backend):
        got = irgrad.sparse_hessian(energy)(X).toarray()
    np.testing.assert_allclose(got, dense(irgrad.grad(energy), X), atol=1e-12)
    np.testing.assert_allclose(got, got.T, atol=1e-12)


def test_rows_are_coloured_where_they_are_fewer() -> None:
    def f(x: Any) -> Any:
        return np.stack([np.sum(x[:6] ** 2), np.prod(x[6:])])

    jacobian = irgrad.sparse_jacobian(f)
    assert jacobian.sparsity(X).mode == "reverse" and jacobian.sparsity(X).number == 1
    np.testing.assert_allclose(jacobian(X).toarray(), dense(f, X))


def test_pytrees_dtypes_and_results_that_do_not_depend() -> None:
    def f(p: Any, y: Any) -> Any:
        return {"a": p["u"] * y, "b": (y[:2].astype(np.float32), np.ones(2)), "n": 3}

    args = {"u": np.arange(3.0, dtype=np.float32)}, np.array([1.0, 2.0, 3.0])
    got = irgrad.sparse_jacobian(f, argnums=(0, 1))(*args).toarray()
    expected = np.zeros((7, 6))
    expected[:3, :3], expected[:3, 3:] = np.diag(args[1]), np.diag(args[0]["u"])
    expected[3:5, 3:5] = np.eye(2)
    np.testing.assert_allclose(got, expected, rtol=1e-6)


def test_hessian_of_several_arguments() -> None:
    def f(x: Any, y: Any) -> Any:
        return np.sum(x**2 * y) + np.sum(np.exp(y))

    x, y = X[:3], X[3:6]
    got = irgrad.sparse_hessian(f, argnums=("x", "y"))(x, y).toarray()
    whole = dense(irgrad.grad(lambda z: f(z[:3], z[3:])), X[:6])
    np.testing.assert_allclose(got, whole, atol=1e-12)
    assert irgrad.sparse_hessian(f, argnums=("x", "y")).sparsity(x, y).nnz == 12


def test_one_program_for_a_signature() -> None:
    count = 0

    def f(x: Any) -> Any:
        nonlocal count
        count += 1
        return x * x

    jacobian = irgrad.sparse_jacobian(f)
    first, second = jacobian(X), jacobian(2 * X)
    jacobian.sparsity(X)
    assert count == 1
    np.testing.assert_allclose(2 * first.toarray(), second.toarray())
    first.eliminate_zeros()
    first.indices[:] = 0
    np.testing.assert_allclose(2 * X, jacobian(X).diagonal())
    jacobian(X[:3])
    assert count == 2


def test_closed_over_indices_that_change() -> None:
    places = np.array([0, 1])
    jacobian = irgrad.sparse_jacobian(lambda x: x[places] ** 2)
    np.testing.assert_array_equal(jacobian(X).indices, [0, 1])
    places[:] = [5, 2]
    got = jacobian(X)
    np.testing.assert_array_equal(got.indices, [5, 2])
    np.testing.assert_allclose(got.data, 2 * X[[5, 2]])


def test_a_dense_jacobian_says_so() -> None:
    matrix = np.random.default_rng(1).standard_normal((70, 70))
    with pytest.warns(DenseWarning, match="nearly dense"):
        got = irgrad.sparse_jacobian(lambda x: np.tanh(matrix @ x))(np.zeros(70))
    np.testing.assert_allclose(got.toarray(), matrix)
    assert irgrad.sparsity(lambda x: x @ x * x, np.ones(3)).is_dense


def test_empty() -> None:
    assert irgrad.sparse_jacobian(lambda x: x[:0] * 2.0)(X).shape == (0, 12)
    assert irgrad.sparse_jacobian(lambda x: 2 * x)(np.zeros(0)).shape == (0, 0)
    assert irgrad.sparse_jacobian(lambda x: np.ones(3))(X).nnz == 0


def test_the_program_is_one_graph() -> None:
    text = irgrad.sparse_jacobian(chain).dump(X)
    assert irgrad.parse(text).output_names == ("entries",)
    assert "%colours" in text and "%places" in text


def test_brusselator() -> None:
    def f(u: Any) -> Any:
        a, b = u[..., 0], u[..., 1]

        def laplace(z: Any) -> Any:
            around = sum(np.roll(z, step, axis) for step in (-1, 1) for axis in (0, 1))
            return around - 4 * z

        reaction = a * a * b
        return np.stack([1 + reaction - 4.4 * a + laplace(a), 3.4 * a - reaction + laplace(b)], -1)

    u = np.random.default_rng(2).random((32, 32, 2))
    jacobian = irgrad.sparse_jacobian(f)
    got = jacobian(u)
    assert got.shape == (2048, 2048) and got.nnz == 12288
    assert jacobian.sparsity(u).number <= 10
    v = np.random.default_rng(3).random(u.shape)
    np.testing.assert_allclose(got @ v.ravel(), irgrad.jvp(f, (u,), (v,))[1].ravel(), rtol=1e-10)


def test_errors() -> None:
    with pytest.raises(OptionError, match="mode"):
        irgrad.sparse_jacobian(chain, mode="sideways")
    with pytest.raises(TraceError, match="sparse matrix of traced values"):
        irgrad.compile(lambda x: irgrad.sparse_jacobian(chain)(x))(X)
    with pytest.raises(DTypeError, match="complex"):
        irgrad.sparse_jacobian(chain)(X + 1j)
    with pytest.raises(DTypeError, match="not a float"):
        irgrad.sparse_jacobian(chain)(np.arange(3))
    with pytest.raises(ShapeError, match="scalar"):
        irgrad.sparse_hessian(chain)(X)
    with pytest.raises(ArgumentError, match="no array"):
        irgrad.sparse_jacobian(lambda x: 3)(X)


def test_rules_of_calls_are_kept_and_checkpoints_seen_through() -> None:
    @irgrad.custom_jvp
    def twisted(x: Any) -> Any:
        return x * 1.0

    @twisted.defjvp
    def _(primals: Any, tangents: Any) -> Any:
        return primals[0] * 1.0, 3 * tangents[0]

    got = irgrad.sparse_jacobian(lambda x: twisted(x[:3]))(X).toarray()
    np.testing.assert_allclose(got, 3 * np.eye(3, 12))
    inside = irgrad.checkpoint(lambda x: np.sin(x) * x)
    jacobian = irgrad.sparse_jacobian(lambda x: inside(x) + x[::-1])
    assert jacobian.sparsity(X).nnz == 24
    np.testing.assert_allclose(jacobian(X).toarray(), dense(lambda x: np.sin(x) * x + x[::-1], X))


def reversed_by_vjp(x: Any) -> Any:
    f = irgrad.custom_vjp(lambda x: np.sin(x))
    f.defvjp(lambda x: (np.sin(x), x), lambda x, bar: (np.cos(x) * bar + np.roll(bar, 1),))
    return f(x)


def shifted_by_jvp(x: Any) -> Any:
    f = irgrad.custom_jvp(lambda x, k: (np.sin(x) * k, k))
    f.defjvp(lambda p, t: (f(*p), (np.cos(p[0]) * t[0] + np.roll(t[0], -1), np.zeros((), int))))
    return f(x, np.array(2))[0]


@pytest.mark.parametrize("f", [reversed_by_vjp, shifted_by_jvp])
def test_the_pattern_of_a_rule_is_that_of_its_tangents(f: Any) -> None:
    """Also of one in a loop, and of one that was batched."""
    many = irgrad.vmap(lambda t: f(np.stack([t, t * t, t])))
    steps = lambda x: irgrad.map(lambda t: f(np.stack([t, t]))[0], x)  # noqa: E731 -- short
    total = lambda x: np.sum(f(x))  # noqa: E731 -- short
    with irgrad.use_backend("numpy"):
        for function, count in ((f, 24), (lambda x: many(x).ravel(), 36), (steps, 12)):
            jacobian = irgrad.sparse_jacobian(function)
            assert jacobian.sparsity(X).nnz == count
            expected = np.reshape(irgrad.jacobian(function)(X), (-1, 12))
            np.testing.assert_allclose(jacobian(X).toarray(), expected)
        found = irgrad.sparse_hessian(total)(X).toarray()
        np.testing.assert_allclose(found, irgrad.hessian(total)(X), atol=1e-15)
