"""grad, value_and_grad, vjp and jvp: meaning, pytrees, nesting, caching."""

from __future__ import annotations

import threading
from collections import namedtuple
from typing import Any

import numpy as np
import pytest

import irgrad
from irgrad.errors import ArgumentError
from irgrad.runtime.compiled import Compiled

X = np.array([0.3, -1.2, 2.0])


def close(got, expected, **options) -> None:
    np.testing.assert_allclose(got, expected, rtol=1e-12, atol=1e-12, **options)


def test_grad_has_the_argument_s_shape_and_dtype() -> None:
    for dtype in (np.float32, np.float64):
        for shape in ((), (3,), (0,), (2, 0, 3), (1, 4)):
            x = np.full(shape, 0.5, dtype)
            g = irgrad.grad(lambda x: np.sum(x * x))(x)
            assert g.dtype == dtype
            assert g.shape == shape
            close(g, 2 * x)


def test_argnums_by_position_name_and_tuples() -> None:
    def f(x, y, z=2.0):
        return x * x * y * z

    close(irgrad.grad(f)(3.0, 5.0), 60)
    close(irgrad.grad(f, 1)(3.0, 5.0), 18)
    close(irgrad.grad(f, -1)(3.0, 5.0), 18)
    close(irgrad.grad(f, "y")(3.0, 5.0), 18)
    close(irgrad.grad(f, "z")(3.0, 5.0, z=2.0), 45)
    close(irgrad.grad(f, "y")(3.0, y=5.0), 18)
    both = irgrad.grad(f, (0, "y"))(3.0, 5.0)
    assert isinstance(both, tuple)
    close(both, (60, 18))
    assert isinstance(irgrad.grad(f, (0,))(3.0, 5.0), tuple)


Pair = namedtuple("Pair", "w b")


def test_pytrees_in_and_out() -> None:
    def loss(params, data):
        hidden = np.tanh(data["x"] @ params["layers"][0].w + params["layers"][0].b)
        return np.sum((hidden - data["y"]) ** 2) * params["scale"]

    rng = np.random.default_rng(0)
    params = {"layers": [Pair(rng.standard_normal((3, 2)), rng.standard_normal(2))], "scale": 0.5}
    data = {"x": rng.standard_normal((4, 3)), "y": rng.standard_normal((4, 2))}
    value, gradient = irgrad.value_and_grad(loss)(params, data)
    close(value, loss(params, data))
    assert isinstance(gradient["layers"][0], Pair)
    assert gradient["layers"][0].w.shape == (3, 2)
    step = 1e-6
    bumped = {**params, "scale": params["scale"] + step}
    np.testing.assert_allclose(gradient["scale"], (loss(bumped, data) - value) / step, rtol=1e-6)
    irgrad.check_grads(loss, (params, data))


def test_results_are_pytrees_with_static_leaves() -> None:
    out = irgrad.compile(
        lambda x: {"twice": 2 * x, "name": "x", "n": 3, "none": None, "pair": (x, [x + 1])}
    )(X)
    assert out["name"] == "x"
    assert out["n"] == 3
    assert out["none"] is None
    close(out["twice"], 2 * X)
    close(out["pair"][1][0], X + 1)


def test_has_aux() -> None:
    def f(x):
        y = np.sin(x)
        return np.sum(y), {"y": y, "k": 7}

    gradient, aux = irgrad.grad(f, has_aux=True)(X)
    close(gradient, np.cos(X))
    close(aux["y"], np.sin(X))
    assert aux["k"] == 7
    (value, aux), gradient = irgrad.value_and_grad(f, has_aux=True)(X)
    close(value, np.sum(np.sin(X)))
    close(gradient, np.cos(X))


def test_static_arguments_choose_the_program() -> None:
    def f(x, n, mode="sum", flip=False):
        y = x**n
        y = y[::-1] if flip else y
        return np.sum(y) if mode == "sum" else np.sum(np.cos(y))

    close(irgrad.grad(f)(X, 2), 2 * X)
    close(irgrad.grad(f)(X, 3), 3 * X**2)
    close(irgrad.grad(f)(X, 1, mode="cos", flip=True), -np.sin(X))
    assert irgrad.compile(lambda x, flag: x if flag is True else -x)(1.0, True) == 1
    assert irgrad.compile(lambda x, flag: x if flag is True else -x)(1.0, 1) == -1


def test_a_gradient_that_is_zero_or_the_seed_itself() -> None:
    close(irgrad.grad(lambda x, y: np.sum(y), 0)(X, X), 0 * X)
    close(irgrad.grad(lambda x: x)(2.0), 1)
    close(irgrad.grad(lambda x: np.sum(x))(X), np.ones(3))
    close(irgrad.grad(lambda x: np.sum(np.floor(x)))(X), 0 * X)


def test_results_are_fresh_writeable_and_share_nothing() -> None:
    x, y = X.copy(), X + 1
    g = irgrad.grad(lambda x, y: np.sum(x * y), (0, 1))(x, y)
    for array in (*g, irgrad.compile(lambda x: x)(x), irgrad.grad(np.sum)(x)):
        assert array.flags.writeable
        assert not np.shares_memory(array, x)
        assert not np.shares_memory(array, y)
    a, b = irgrad.compile(lambda x: (lambda t: (t, t))(x * 2))(x)
    assert not np.shares_memory(a, b)
    c, d = irgrad.compile(lambda x: (lambda t: (t, t.T))(x * 2))(np.ones((2, 3)))
    assert not np.shares_memory(c, d)


def test_second_order_and_beyond() -> None:
    f = lambda x: np.sin(x) * np.exp(2 * x)  # noqa: E731 -- short
    third = irgrad.grad(irgrad.grad(irgrad.grad(f)))
    x = 0.3
    exact = np.imag((2 + 1j) ** 3 * np.exp((2 + 1j) * x))
    close(third(x), exact)
    forward = lambda g: lambda x: irgrad.jvp(g, (x,), (1.0,))[1]  # noqa: E731 -- short
    close(forward(forward(forward(f)))(x), exact)
    close(forward(irgrad.grad(forward(f)))(x), exact)
    close(irgrad.grad(forward(irgrad.grad(f)))(x), exact)


def test_no_perturbation_confusion() -> None:
    """d/dx x (d/dy x y) at y = 1: the inner derivative is x, so the whole is 2 x."""
    rev, fwd = irgrad.grad, lambda f: lambda x: irgrad.jvp(f, (x,), (1.0,))[1]
    for outer in (rev, fwd):
        for inner in (rev, fwd):
            close(outer(lambda x, d=inner: x * d(lambda y: x * y)(1.0))(3.0), 6)
            close(outer(lambda x, d=inner: x * d(lambda y: x * y * y)(x))(3.0), 9 * 3.0**2 * 2 / 3)


def test_grad_inside_a_traced_function() -> None:
    def step(w, x):
        return w - 0.1 * irgrad.grad(lambda w: np.sum((x @ w) ** 2))(w)

    x = np.arange(6.0).reshape(2, 3)
    close(irgrad.compile(step)(X, x), X - 0.2 * x.T @ (x @ X))

    def after_two(w, x):
        return np.sum(step(step(w, x), x))

    irgrad.check_grads(after_two, (X, x))


def test_vjp_and_jvp_of_pytrees() -> None:
    def f(p, n, q):
        return {"a": p["x"] * q, "b": np.sum(p["x"]) * n}

    args = ({"x": X}, 3, 2.0)
    out, pull = irgrad.vjp(f, *args)
    close(out["a"], 2 * X)
    p_bar, n_bar, q_bar = pull({"a": np.ones(3), "b": 1.0})
    close(p_bar["x"], np.full(3, 5.0))
    assert n_bar is None
    close(q_bar, np.sum(X))
    value, tangent = irgrad.jvp(f, args, ({"x": np.ones(3)}, 0, 1.0))
    close(value["b"], 3 * np.sum(X))
    close(tangent["a"], 2 + X)
    close(tangent["b"], 9)


def test_pullback_can_be_called_again_and_traced() -> None:
    _, pull = irgrad.vjp(np.sin, X)
    close(pull(np.ones(3))[0], np.cos(X))
    close(pull(2 * np.ones(3))[0], 2 * np.cos(X))
    jacobian = irgrad.compile(lambda x: irgrad.vjp(np.sin, x)[1](np.ones(3))[0])
    close(jacobian(X), np.cos(X))


def test_complex() -> None:
    z = np.array([1 + 2j, 0.5 - 1j])
    close(irgrad.grad(lambda z: z[0] ** 3 + z[1], holomorphic=True)(z), [3 * z[0] ** 2, 1])
    _, pull = irgrad.vjp(lambda z: np.sum(np.abs(z) ** 2), z)
    close(pull(1.0)[0], 2 * np.conj(z))
    irgrad.check_grads(lambda z: np.sum(np.real(z * np.conj(z) * np.exp(z))), (z,))
    close(
        irgrad.grad(lambda x: np.sum(np.abs(np.exp(1j * x)) + np.real(x * 1j * 1j)))(X), -np.ones(3)
    )


@pytest.mark.parametrize(
    "f",
    [
        lambda z: np.sum(np.abs(z) ** 2),
        lambda z: np.sum(z.real**2 + 3 * z.imag),
        lambda z: np.sum(np.exp(z)).real,
        lambda z: np.sum(np.sin(z) * np.conj(z)).imag,
        lambda z: np.abs(np.sum(z * z)),
        lambda z: np.sum(np.angle(z)),
    ],
)
@pytest.mark.parametrize("dtype", [np.complex64, np.complex128])
def test_real_functions_of_complex_arguments(f, dtype) -> None:
    """The gradient is df/dx - i df/dy, as JAX has it."""
    z = np.array([1 + 2j, 0.5 - 1j, -0.3 + 0.7j], dtype)
    got = irgrad.grad(f)(z)
    assert got.dtype == dtype
    step, wide = 1e-6, z.astype(np.complex128)
    for k, unit in enumerate(np.eye(3)):
        d_x, d_y = (
            (f(wide + s * step * unit) - f(wide - s * step * unit)) / (2 * step) for s in (1, 1j)
        )
        np.testing.assert_allclose(got[k], d_x - 1j * d_y, rtol=2e-5, atol=2e-5)
    weak = irgrad.grad(lambda w: f(w * np.ones(1)))(1 + 2j)
    assert weak.dtype == np.complex128


def test_vjp_and_jvp_with_aux() -> None:
    def f(x, n):
        y = np.sin(x)
        return {"sum": np.sum(y) * n}, {"y": y, "first": y[0], "n": n, "none": None}

    out, pull, aux = irgrad.vjp(f, X, 2, has_aux=True)
    plain, plain_pull = irgrad.vjp(lambda x, n: f(x, n)[0], X, 2)
    close(out["sum"], plain["sum"])
    close(pull({"sum": 3.0})[0], plain_pull({"sum": 3.0})[0])
    assert pull({"sum": 3.0})[1] is None
    for given in (aux, irgrad.jvp(f, (X, 2), (X, None), has_aux=True)[2]):
        close(given["y"], np.sin(X))
        close(given["first"], np.sin(X[0]))
        assert (given["n"], given["none"]) == (2, None)
    value, tangent, _ = irgrad.jvp(f, (X, 2), (X, None), has_aux=True)
    close(value["sum"], 2 * np.sum(np.sin(X)))
    close(tangent["sum"], 2 * np.sum(np.cos(X) * X))
    value, push, aux = irgrad.linearize(lambda x: f(x, 2), X, has_aux=True)
    close(value["sum"], out["sum"])
    close(push(X)["sum"], tangent["sum"])
    close(aux["y"], np.sin(X))


def test_aux_inside_a_trace_and_beside_the_plain_forms() -> None:
    f = lambda x: (np.sum(x**2), 3 * x)  # noqa: E731 -- used in four ways

    def both(x):
        _, pull, aux = irgrad.vjp(f, x, has_aux=True)
        _, tangent, again = irgrad.jvp(f, (x,), (x,), has_aux=True)
        return pull(1.0)[0] + aux + again, tangent

    total, tangent = irgrad.compile(both)(X)
    close(total, 8 * X)
    close(tangent, 2 * np.sum(X**2))
    close(irgrad.vjp(f, X)[0][1], 3 * X)
    close(irgrad.jvp(f, (X,), (X,))[1][1], 3 * X)


def test_weak_python_scalars() -> None:
    x = np.ones(2, np.float32)
    f = irgrad.value_and_grad(lambda x, rate: np.sum(x * rate * rate), (0, 1))
    value, (d_x, d_rate) = f(x, 0.5)
    assert value.dtype == d_x.dtype == np.float32
    close(d_rate, 2.0)
    assert irgrad.compile(lambda x, s: x * s)(x, np.float64(0.5)).dtype == np.float64
    assert irgrad.compile(lambda x: x * 2 + 1.0 - True)(x).dtype == np.float32


def test_the_adjoint_of_an_inner_value_by_name() -> None:
    def f(x):
        u = np.sin(x)
        v = u * u
        return np.sum(v) + np.sum(u)

    close(irgrad.grad(f, "u")(X), 2 * np.sin(X) + 1)
    close(irgrad.grad(f, "v")(X), np.ones(3))
    close(irgrad.grad(f, ("x", "u"))(X)[0], (2 * np.sin(X) + 1) * np.cos(X))


def test_a_function_is_traced_once_for_each_signature() -> None:
    traced = []

    def f(x):
        traced.append(1)
        return np.sum(x * x)

    for _ in range(3):
        irgrad.grad(f)(X)
        irgrad.grad(f)(X + 1)
    assert len(traced) == 1
    irgrad.grad(f)(X[:2])
    assert len(traced) == 2


def test_compile_takes_transformations_graphs_and_compiled_functions() -> None:
    f = irgrad.compile(lambda x: np.sum(x**3))
    close(irgrad.grad(f)(X), 3 * X**2)
    g = irgrad.compile(irgrad.grad(f), backend="numpy")
    close(g(X), 3 * X**2)
    close(irgrad.compile(g.graph(X))(X), 3 * X**2)
    assert isinstance(g, Compiled)
    assert g.graph(X, stage="lowered") != g.graph(X, stage="differentiated")


def test_the_lowered_stage_is_the_function_as_it_is_called() -> None:
    def f(x: Any) -> Any:
        return np.sum(np.sin(x) * x) if x.ndim else x * np.sin(x)

    x, batch = np.ones(3), np.ones((2, 3))
    for transformed, args, type in [
        (irgrad.hvp(f), (x, x), "f64[3]"),
        (irgrad.vmap(f), (x,), "f64[]"),
        (irgrad.vmap(irgrad.hvp(f)), (batch, batch), "f64[3]"),
        (irgrad.jacobian(irgrad.vmap(irgrad.vmap(f))), (batch,), "f64[]"),
        (irgrad.vmap(irgrad.grad(f), in_axes=1), (batch,), "f64[2]"),
        (irgrad.grad(irgrad.compile(f)), (x,), "f64[3]"),
    ]:
        graph = irgrad.compile(transformed).graph(*args, stage="lowered")
        assert list(map(str, graph.input_types)) == [type]


def test_errors_of_a_call_have_its_line() -> None:
    x = np.ones(3)
    for call in (
        lambda: irgrad.vmap(f_of_two)(x, np.ones(4)),
        lambda: irgrad.vmap(f_of_two, in_axes="a"),
        lambda: irgrad.vmap(f_of_two, in_axes=(0, 0, 0))(x, x),
        lambda: irgrad.vmap(f_of_two, out_axes=3)(x, x),
        lambda: irgrad.vmap(f_of_two, out_axes=None)(x, x),
        lambda: irgrad.vmap(f_of_two)(1.0, x),
        lambda: irgrad.vmap(f_of_two, axis_size=-1),
        lambda: irgrad.descend(lambda x: x**4, 9.0, rate=9.0),
        lambda: irgrad.descend(lambda x: x, x),
        lambda: irgrad.sparse_hessian(lambda x: x)(x),
    ):
        with pytest.raises(irgrad.errors.IrgradError, match=r"at .*test_transforms\.py:\d+ "):
            call()


def f_of_two(a: Any, b: Any) -> Any:
    return a * b


def test_bound_methods_callables_and_builtins() -> None:
    class Model:
        def __init__(self) -> None:
            self.scale = 3.0

        def loss(self, x):
            return np.sum(self.scale * x)

        def __call__(self, x):
            return np.sum(x * x)

    model = Model()
    close(irgrad.grad(model.loss)(X), np.full(3, 3.0))
    close(irgrad.grad(model)(X), 2 * X)
    close(irgrad.grad(np.sin)(0.0), 1)


def test_many_threads_at_once() -> None:
    f = irgrad.compile(irgrad.grad(lambda x: np.sum(np.sin(x) * np.exp(x) * x)))
    expected = f(X)
    failures = []

    def work(k: int) -> None:
        for i in range(200):
            x = X if i % 2 else np.full(k + 4, 0.5)
            if i % 2 and not np.array_equal(f(x), expected):
                failures.append(k)
            if not i % 2:
                f(x)

    threads = [threading.Thread(target=work, args=(k,)) for k in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures


def test_backend_by_argument_context_and_nesting() -> None:
    f = irgrad.compile(lambda x: x * x, backend="numpy")
    with irgrad.use_backend("numpy"):
        close(f(3.0), 9)


def test_check_grads_catches_a_wrong_derivative(monkeypatch) -> None:
    from irgrad.errors import GradientMismatch
    from irgrad.ops.elementwise import UFUNCS

    monkeypatch.setattr(UFUNCS[np.sin], "partials", (lambda x, y: 1.001 * np.cos(x),))
    for modes in (("fwd",), ("rev",)):
        with pytest.raises(GradientMismatch, match="disagrees"):
            irgrad.check_grads(lambda x: np.sum(np.sin(x)), (X,), order=1, modes=modes)


def test_non_contiguous_and_foreign_byte_order_arguments() -> None:
    f = irgrad.grad(lambda x: np.sum(np.sin(x)))
    x = np.arange(12.0).reshape(3, 4)
    for view in (x.T, x[::-1, ::2], x.astype(">f8"), np.asfortranarray(x)):
        close(f(view), np.cos(view))


def test_nested_traces_keep_the_user_s_line() -> None:
    def outer(x):
        return irgrad.grad(lambda y: x * y * y)(x) + x * 2.0

    for stage in ("lowered", "optimised"):
        graph = irgrad.compile(irgrad.grad(outer)).graph(1.5, stage=stage)
        assert all(node.location is not None for node in graph.nodes)


def test_a_numpy_function_itself_is_placed_at_the_call_that_traces_it() -> None:
    graph = irgrad.trace(np.sin, 1.0)
    (node,) = graph.nodes
    assert node.location is not None
    assert node.location.file == __file__
    assert node.names == (None,)


def test_none_in_a_pytree_has_the_gradient_none() -> None:
    tree = {"a": X, "n": None, "b": [None, 2.0, (None,)]}
    f = lambda t: np.sum(t["a"] ** 2) * t["b"][1]  # noqa: E731 -- used in three ways
    for got in (irgrad.grad(f)(tree), irgrad.vjp(f, tree)[1](1.0)[0]):
        assert (got["n"], got["b"][0], got["b"][2]) == (None, None, (None,))
        close(got["a"], 4 * X)
        close(got["b"][1], np.sum(X**2))
    x_bar, nothing = irgrad.grad(lambda x, t: np.sum(x), (0, 1))(X, None)
    close(x_bar, np.ones(3))
    assert nothing is None
    assert irgrad.grad(lambda t: 1.0 * X[0])({"n": None, "e": ()}) == {"n": None, "e": ()}
    second = irgrad.jvp(irgrad.grad(f), (tree,), (tree,))[1]
    assert second["n"] is None
    irgrad.check_grads(f, (tree,))


def test_a_pullback_of_traced_cotangents() -> None:
    """The pullback is linear: made inside or outside of the trace, to any nesting."""
    _, outside = irgrad.vjp(lambda x: {"y": np.sin(x), "s": np.sum(x * x)}, X)

    def through(pull: Any) -> Any:
        return lambda c: pull({"y": c, "s": np.sum(c)})[0]

    def inside(c: Any) -> Any:
        return through(irgrad.vjp(lambda x: {"y": np.sin(x), "s": np.sum(x * x)}, X)[1])(c)

    matrix = np.diag(np.cos(X)) + np.outer(2 * X, np.ones(3))
    for f in (through(outside), inside):
        close(irgrad.compile(f)(X), matrix @ X)
        close(irgrad.grad(lambda c, f=f: np.sum(f(c)))(X), matrix.T @ np.ones(3))
        quadratic = lambda c, f=f: np.sum(f(c) ** 2)  # noqa: E731 -- differentiated twice
        close(irgrad.jvp(irgrad.grad(quadratic), (X,), (X,))[1], 2 * matrix.T @ matrix @ X)
        nested = irgrad.grad(lambda c, f=f: np.sum(c * irgrad.grad(lambda d: np.sum(f(d * c)))(c)))
        irgrad.check_grads(nested, (X,), order=1)


def test_stop_gradient_of_a_pytree() -> None:
    def f(x, y):
        tree = irgrad.stop_gradient({"a": [x, (y, 2)], "n": None, "s": "text"})
        return np.sum(x * tree["a"][0] + y * tree["a"][1][0] * tree["a"][1][1])

    d_x, d_y = irgrad.grad(f, (0, 1))(X, X + 1)
    close(d_x, X)
    close(d_y, 2 * (X + 1))
    assert irgrad.stop_gradient({"a": 1.0, "b": None}) == {"a": 1.0, "b": None}


@pytest.mark.parametrize("order", [0, -1, 1.5, True, None, "2"])
def test_check_grads_refuses_an_order_that_checks_nothing(order: Any) -> None:
    with pytest.raises(ArgumentError, match="order must be an int of at least 1"):
        irgrad.check_grads(np.sin, (0.5,), order=order)
    with pytest.raises(ArgumentError, match="modes"):
        irgrad.check_grads(np.sin, (0.5,), modes=())


@pytest.mark.parametrize(
    "name",
    ["checkpoint", "cost", "descend", "fixed_point", "grad", "hessian", "hvp", "jacfwd", "jacobian",
     "jacrev", "jvp", "linear_solve", "linearize", "minimize_argmin", "root", "sensitivity",
     "sparse_hessian", "sparse_jacobian", "sparsity", "value_and_grad", "vjp", "vmap"],
)  # fmt: skip
def test_what_is_no_function_is_refused_by_name(name: str) -> None:
    given = {"jvp": ((X,), (X,))}.get(name, (X,))
    takes_more = name in {"cost", "descend", "fixed_point", "jvp", "linear_solve", "linearize",
                          "minimize_argmin", "root", "sensitivity", "sparsity", "vjp"}  # fmt: skip
    with pytest.raises(ArgumentError) as caught:
        getattr(irgrad, name)(3, *(given if takes_more else ()))
    assert str(caught.value).startswith(f"{name}: cannot transform an int, 3\n")
    assert "test_transforms.py:" in str(caught.value)


def test_a_point_must_be_given() -> None:
    for transform in (irgrad.vjp, irgrad.linearize):
        with pytest.raises(ArgumentError, match=r"no arguments for sin(.|\n)*taken at a point"):
            transform(np.sin)
