"""Roots, fixed points, minima and linear maps: values, both modes, second order, nesting, text."""

from __future__ import annotations

import gc
from typing import Any

import numpy as np
import pytest
from scipy.sparse.linalg import gmres

import irgrad
from irgrad.errors import (
    ArgumentError,
    BackendError,
    DTypeError,
    NoConvergence,
    OptionError,
    ShapeError,
    Singular,
    UnsupportedError,
)
from irgrad.ops.implicit import _UNREGISTERED, SOLVERS

A = np.array([[3.0, 0.5, 0.1], [0.2, 2.0, 0.3], [0.1, 0.4, 4.0]])
B = np.array([1.0, -0.5, 2.0])


def residual(x: Any, a: Any, b: Any) -> Any:
    return a @ x + 0.2 * np.sin(x) - b


def solve(a: Any, b: Any, **options: Any) -> Any:
    return irgrad.root(residual, np.zeros(3), (a, b), **options)


@pytest.mark.parametrize("solver", ["hybr", "lm", "broyden1", "krylov"])
def test_root(solver: str) -> None:
    x = solve(A, B, solver=solver)
    np.testing.assert_allclose(residual(x, A, B), 0, atol=1e-9)


@pytest.mark.parametrize("backend", irgrad.backends())
def test_root_in_both_modes_and_second_order(backend: str) -> None:
    with irgrad.use_backend(backend):
        irgrad.check_grads(solve, (A, B), order=2)
        irgrad.check_grads(lambda a, b: np.sum(np.exp(solve(a, b)) * b), (A, B), order=2)


def test_against_the_derivative_that_is_known() -> None:
    def cube_root(a: Any) -> Any:
        return irgrad.root(lambda x, a: x**3 - a, 1.0, (a,))

    derivative: Any = cube_root
    expected = [2.0, 1 / 12, -2 / 9 * 8 ** (-5 / 3), 10 / 27 * 8 ** (-8 / 3)]
    for value in expected:
        np.testing.assert_allclose(irgrad.compile(derivative)(8.0), value, rtol=1e-10)
        derivative = irgrad.grad(derivative)


def test_pytrees_and_closures() -> None:
    def f(theta: Any) -> Any:
        def equations(p: Any) -> Any:
            return {"u": p["u"] - np.tanh(theta) * p["v"][0], "v": [p["v"][0] ** 2 - theta]}

        found = irgrad.root(equations, {"u": 0.0, "v": [np.ones(2)[0]]})
        return found["u"] * found["v"][0]

    np.testing.assert_allclose(f(4.0), 4 * np.tanh(4.0), rtol=1e-9)
    expected = np.tanh(4.0) + 4.0 / np.cosh(4.0) ** 2
    np.testing.assert_allclose(irgrad.grad(f)(4.0), expected, rtol=1e-9)


def test_the_start_has_no_derivative() -> None:
    gradient = irgrad.grad(lambda x0: irgrad.root(lambda x: x * x - 4.0, x0))(1.0)
    assert gradient == 0


def test_fixed_point() -> None:
    def f(a: Any) -> Any:
        return irgrad.fixed_point(lambda x, a: 0.3 * np.cos(x) * a + 1, np.zeros(2), (a,))

    a = np.array([0.5, 1.5])
    np.testing.assert_allclose(f(a), 0.3 * np.cos(f(a)) * a + 1, rtol=1e-12)
    irgrad.check_grads(f, (a,), order=2)


@pytest.mark.parametrize("solver", ["BFGS", "trust-exact", "Newton-CG"])
def test_minimize_argmin(solver: str) -> None:
    def nearest(a: Any) -> Any:
        def objective(x: Any, a: Any) -> Any:
            return np.sum(np.cosh(x - a)) + 0.5 * np.sum(x[1:] * x[:-1]) + 0.1 * np.sum(x**4)

        return irgrad.minimize_argmin(objective, np.zeros(3), (a,), solver=solver)

    irgrad.check_grads(nearest, (B,), order=2)


def test_a_derivative_of_an_optimum_inside_a_derivative() -> None:
    """Pearlmutter and Siskind's saddle: no perturbation is taken for another one."""

    def saddle(a: Any) -> Any:
        def highest(x: Any) -> Any:
            inner = irgrad.minimize_argmin(lambda y: -(x * y - y**2 - 0.1 * y**4), 0.5, ())
            return a * x**2 + x * inner - inner**2

        return irgrad.minimize_argmin(highest, 0.3, ()) + irgrad.grad(highest)(1.0)

    def numerical(a: float) -> float:
        h = 1e-4
        return (saddle(a + h) - saddle(a - h)) / (2 * h)

    np.testing.assert_allclose(irgrad.grad(saddle)(1.0), numerical(1.0), rtol=1e-6)
    np.testing.assert_allclose(irgrad.jvp(saddle, (1.0,), (1.0,))[1], numerical(1.0), rtol=1e-6)


def krylov(operator: Any, b: Any) -> Any:
    return gmres(operator, b, rtol=1e-13)[0]


def dense(operator: Any, b: Any) -> Any:
    return np.linalg.solve(operator @ np.eye(b.size), b)


def of_the_adjoint(operator: Any, b: Any) -> Any:
    return np.linalg.solve(np.conj(operator.rmatmat(np.eye(b.size))).T, b)


OWN = [krylov, dense, of_the_adjoint]


@pytest.mark.parametrize("solver", ["direct", "gmres", "bicgstab", *OWN])
def test_linear_solve(solver: Any) -> None:
    def f(a: Any, b: Any) -> Any:
        return irgrad.linear_solve(lambda x, a: a @ x, b, (a,), solver=solver)

    np.testing.assert_allclose(f(A, B), np.linalg.solve(A, B), rtol=1e-9)
    irgrad.check_grads(f, (A, B), order=2)


@pytest.mark.parametrize("solver", ["direct", *OWN])
def test_linear_solve_of_complex_numbers_and_trees(solver: Any) -> None:
    def product(x: Any) -> Any:
        return {"p": 2j * x["p"] + x["q"], "q": x["q"] * 3}

    def f(b: Any) -> Any:
        return irgrad.linear_solve(product, b, solver=solver)

    b = {"p": np.array([1.0 + 1j, 2.0]), "q": np.array([1.0, 1j])}
    x = f(b)
    np.testing.assert_allclose(2j * x["p"] + x["q"], b["p"])
    irgrad.check_grads(f, (b,), order=1)


@pytest.mark.parametrize("solver", ["direct", "gmres"])
def test_linear_solve_of_what_is_not_linear(solver: str) -> None:
    for square in (lambda x: x * x, lambda x: np.where(x > 0, x, 2 * x)):
        with pytest.raises(ArgumentError, match="not linear"):
            irgrad.linear_solve(square, B, solver=solver)
    with pytest.raises(ArgumentError, match="lambda is not linear: of zeros"):
        irgrad.linear_solve(lambda x: 2 * x + 1.0, B, solver=solver)


@pytest.mark.parametrize("backend", irgrad.backends())
def test_a_linear_solver_of_the_users_in_text_batches_and_loops(backend: str) -> None:
    def f(b: Any) -> Any:
        return irgrad.fori_loop(
            0, 2, lambda i, b: irgrad.linear_solve(lambda x: A @ x, b, solver=dense), b
        )

    inverse = np.linalg.inv(A @ A)
    jacobian = irgrad.compile(irgrad.vmap(irgrad.jacrev(f)), backend=backend)
    np.testing.assert_allclose(jacobian(np.stack([B, 2 * B])), [inverse, inverse], rtol=1e-9)
    graph = irgrad.trace(f, B)
    assert "dense'" in str(graph)
    again = irgrad.parse(str(graph))
    assert again == graph and again.structural_hash == graph.structural_hash
    np.testing.assert_allclose(again(B, A), f(B))
    for wrong, message in [
        (lambda operator, b: gmres(operator, b), r"return result\[0\]: SciPy's Krylov methods"),
        (lambda operator, b: b[:1], r"gave shape \(1,\), expected \(3,\)"),
        (lambda operator: B, r"solver is called with 2 arguments, \(operator, b\)"),
        (lambda operator, b: 1j * b, "return the solution, float64 numbers"),
    ]:
        with pytest.raises((ArgumentError, ShapeError), match=message):
            irgrad.linear_solve(lambda x: A @ x, B, solver=wrong)


def newton(equation: Any, start: Any) -> Any:
    x = start
    for _ in range(50):
        x = x - np.linalg.solve(equation.jacobian(x), equation.residual(x))
    return x


def test_a_users_solver_and_its_name_in_the_text() -> None:
    def f(a: Any, b: Any) -> Any:
        return np.sum(solve(a, b, solver=newton) ** 2)

    gradient = irgrad.compile(irgrad.grad(f, argnums="b"))
    text = gradient.dump(A, B)
    assert "newton'" in text and "{residual= graph @residual" in " ".join(text.split())
    graph = gradient.graph(A, B)
    assert irgrad.parse(str(graph)).structural_hash == graph.structural_hash
    again = irgrad.compile(irgrad.parse(text))
    np.testing.assert_allclose(again(A, B), gradient(A, B))
    np.testing.assert_allclose(gradient(A, B), irgrad.grad(lambda b: f(A, b))(B))


def test_a_text_whose_solver_is_not_registered() -> None:
    text = str(irgrad.trace(lambda b: solve(A, b), B)).replace("'hybr'", "'nobody'")
    graph = irgrad.parse(text)
    assert "nobody" not in SOLVERS
    with pytest.raises(BackendError, match="nobody"):
        irgrad.compile(graph)(B, A)


def contracted(b: Any) -> Any:
    return irgrad.fixed_point(lambda x, b: 0.3 * np.cos(x) * np.sin(b) + 1, np.zeros(3), (b,))


def solved(b: Any) -> Any:
    return irgrad.linear_solve(lambda x: A @ x + b**2 * x, b)


def least(b: Any) -> Any:
    bowl = lambda x, b: np.sum(np.cosh(x - b)) + 0.1 * np.sum(x**4)  # noqa: E731 -- a function
    return irgrad.minimize_argmin(bowl, np.zeros(3), (b,))


def root_of_a_fixed_point(b: Any) -> Any:
    return irgrad.root(
        lambda x, b: A @ x + 0.2 * np.sin(x) * contracted(b * x) - b, np.zeros(3), (b,)
    )


def least_distance_to_a_root(b: Any) -> Any:
    far = lambda x, b: np.sum((x - solve(A, b * x)) ** 2) + np.sum((x - b) ** 2)  # noqa: E731
    return irgrad.minimize_argmin(far, np.zeros(3), (b,))


KINDS = [
    *(lambda b: solve(A, b), contracted, solved, least),
    *(root_of_a_fixed_point, least_distance_to_a_root),
]
NAMES = ["root", "fixed_point", "linear_solve", "argmin", "root of fixed_point", "argmin of root"]


@pytest.mark.parametrize("f", KINDS, ids=NAMES)
def test_inside_vmap_loops_and_each_other(f: Any) -> None:
    stack = np.stack([B, 2 * B, 0.5 * B])
    scalar = lambda b: np.sum(f(b) ** 2)  # noqa: E731 -- differentiated below
    each = np.stack([irgrad.grad(scalar)(b) for b in stack])
    hessians = irgrad.vmap(irgrad.hessian(scalar))(stack)
    with irgrad.use_backend("numpy"):
        np.testing.assert_allclose(irgrad.vmap(f)(stack), [f(b) for b in stack], rtol=1e-9)
        np.testing.assert_allclose(irgrad.vmap(irgrad.grad(scalar))(stack), each, rtol=1e-8)
        whole = irgrad.grad(lambda s: np.sum(irgrad.vmap(scalar)(s)))(stack)
        np.testing.assert_allclose(whole, each, rtol=1e-8)
        irgrad.check_grads(f, (B,), order=2, rtol=1e-5)
        if f in KINDS[4:]:
            return
        again = lambda b: irgrad.fori_loop(0, 2, lambda i, c: 0.5 * (f(c) + b), b)  # noqa: E731
        irgrad.check_grads(again, (B,), order=2, rtol=1e-5)
        np.testing.assert_allclose(
            irgrad.vmap(irgrad.jacobian(again))(stack)[1],
            irgrad.jacobian(again)(stack[1]),
            rtol=1e-8,
        )
    np.testing.assert_allclose(hessians, np.swapaxes(hessians, 1, 2), rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(hessians[1], irgrad.hessian(scalar)(stack[1]), rtol=1e-7, atol=1e-9)


def test_a_batch_is_a_loop_in_the_graph() -> None:
    graph = irgrad.trace(irgrad.vmap(contracted), np.zeros((50, 3)))
    assert [node.op.name for node in graph.nodes] == ["broadcast_to", "loop"]


STEPS = {
    "fori_loop": lambda x, a: irgrad.fori_loop(0, 2, lambda i, c: c + 0.2 * np.sin(c) * a, x),
    "traced bounds": lambda x, a: irgrad.fori_loop(
        0, np.astype(a * 0 + 2.0, int), lambda i, c: c + 0.2 * np.sin(c) * a, x
    ),
    "scan": lambda x, a: irgrad.scan(lambda c, t: (c + 0.2 * np.sin(c * t) * a, c), x, B[::2])[0],
    "while_loop": lambda x, a: irgrad.while_loop(
        lambda c: c[1] < 2, lambda c: (c[0] + 0.2 * np.sin(c[0]) * a, c[1] + 1), (x, 0)
    )[0],
    "cond": lambda x, a: irgrad.cond(a > 0, lambda: x + 0.3 * np.sin(x) * a, lambda: x),
    "map": lambda x, a: x + 0.1 * np.sum(irgrad.map(lambda t: np.sin(t * x) * a, B)),
    "checkpoint": lambda x, a: irgrad.checkpoint(lambda x: x + 0.3 * np.sin(x) * a)(x),
}
EQUATIONS = {
    "root": lambda h, a: irgrad.root(lambda x, a: h(x, a) - a - 1.0, 1.0, (a,)),
    "fixed_point": lambda h, a: irgrad.fixed_point(lambda x: x - 0.5 * (h(x, a) - a - 1.0), 1.0),
    "minimize_argmin": lambda h, a: irgrad.minimize_argmin(
        lambda x, a: np.sum((x - a) ** 2) + 0.1 * np.sum(h(x[0], a) ** 2), np.ones(1), (a,)
    )[0],
    "linear_solve": lambda h, a: irgrad.linear_solve(lambda v: (2 + h(1.0, a)) * v, a),
}


@pytest.mark.parametrize("step", STEPS)
def test_loops_and_branches_in_equations(step: str) -> None:
    """The slope's slope in all four mixes of modes, against differences; equations take turns."""
    equation = list(EQUATIONS.values())[list(STEPS).index(step) % len(EQUATIONS)]
    f = lambda a: equation(STEPS[step], a)  # noqa: E731
    forward = lambda f: lambda a: irgrad.jvp(f, (a,), (1.0,))[1]  # noqa: E731
    with irgrad.use_backend("numpy"):
        slope = irgrad.grad(f)
        second = (slope(AT + 1e-4) - slope(AT - 1e-4)) / 2e-4
        np.testing.assert_allclose(slope(0.7), (f(AT + 1e-4) - f(AT - 1e-4)) / 2e-4, rtol=1e-6)
        for outer in (irgrad.grad, forward):
            for inner in (irgrad.grad, forward):
                np.testing.assert_allclose(outer(inner(f))(0.7), second, rtol=1e-5, atol=1e-6)


AT = np.float64(0.7)


def test_errors() -> None:
    with pytest.raises(NoConvergence, match="root"):
        irgrad.root(lambda x: x * x + 1.0, 0.5)
    with pytest.raises(NoConvergence, match="last step"):
        irgrad.fixed_point(lambda x: 2 * x + 1.0, 1.0)
    with pytest.raises(ShapeError, match=r"gives \(2,\), expected .* unknown, \(3,\)"):
        irgrad.root(lambda x: x[:2], B)
    with pytest.raises(ShapeError, match="scalar"):
        irgrad.minimize_argmin(lambda x: x, B)
    with pytest.raises(ShapeError, match="'f' is an expression; for a function of that name"):
        irgrad.minimize_argmin("f", B)
    with pytest.raises(OptionError, match="hybr"):
        irgrad.root(lambda x: x, 1.0, solver="magic")
    with pytest.raises(OptionError, match="direct"):
        irgrad.linear_solve(lambda x: x, B, solver="magic")
    with pytest.raises(DTypeError, match="complex"):
        irgrad.root(lambda x: x, 1j)
    with pytest.raises(ArgumentError, match="start"):
        irgrad.root(lambda x: x, "here")
    with pytest.raises(np.linalg.LinAlgError):
        irgrad.grad(lambda a: irgrad.root(lambda x: x**3 - a, 0.0))(0.0)


def test_what_is_no_solver_is_not_registered() -> None:
    for name, solver in (("one", 1), (1, newton), ("one", lambda equation: 0)):
        with pytest.raises(ArgumentError, match="register_solver: "):
            irgrad.register_solver(name, solver)  # pyright: ignore[reportArgumentType]
    assert "one" not in SOLVERS


def test_complex_equations_of_real_unknowns() -> None:
    for call in (irgrad.root, irgrad.fixed_point, irgrad.scipy.root, irgrad.scipy.least_squares):
        with pytest.raises(DTypeError, match=r"real and imaginary|\.real"):
            call(lambda x: 1j * x, B)


def test_a_custom_derivative_inside_an_equation() -> None:
    @irgrad.custom_vjp
    def cube(x: Any) -> Any:
        return np.round(x, 30) ** 3

    cube.defvjp(lambda x: (x**3, x), lambda x, y_bar: (3 * x**2 * y_bar,))
    found = irgrad.grad(lambda a: irgrad.root(lambda x, a: x - a + 0 * a, a, (a,)) ** 2)(3.0)
    assert found == 6.0
    derivative = irgrad.grad(lambda a: irgrad.root(lambda x: x - cube(a), a, solver="lm"))(2.0)
    np.testing.assert_allclose(derivative, 12.0)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: irgrad.root(lambda x, a: x - a, B), r"root: f is called with 1 argument, \(x\)"),
        (lambda: irgrad.root(lambda x: x, B, (2.0,)), r"called with 2 arguments, \(x, args\[0\]\)"),
        (lambda: irgrad.fixed_point(lambda: B, B), "fixed_point: f is called with 1 argument"),
        (lambda: irgrad.minimize_argmin(lambda x, a: x @ x, B), "minimize_argmin: f is called"),
        (lambda: irgrad.linear_solve(lambda x, a: x, B), "linear_solve: matvec is called with 1"),
        (lambda: irgrad.root(lambda x: x, B, solver=lambda x: x), "root: solver is called with 2"),
        (lambda: irgrad.root(lambda x: None, 1.0), "the result of <lambda> is None, no"),
        (lambda: irgrad.root(lambda x: {"a": "b"}, {"a": 1.0}), r"t\['a'\] of <lambda> is 'b'"),
        (lambda: irgrad.root(lambda x: x - 1, B, solver=lambda e, x: "no"), "gave .no., expect"),
        (lambda: irgrad.root(lambda x: {"b": x["a"]}, {"a": 1.0}),
            "the result is a dict of 'b', expected a dict of 'a'"),
        (lambda: irgrad.fixed_point(lambda x: (x,), 1.0), "a tuple of 1, expected a single value"),
        (lambda: irgrad.linear_solve(lambda x: {"a": [x["a"]]}, {"a": 1.0}),
            r"the result\['a'\] is a list of 1, expected a single value"),
    ],
)  # fmt: skip
def test_functions_that_do_not_fit(call: Any, message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        call()


def test_results_without_axes_are_scalars() -> None:
    root = irgrad.root(lambda x: {"a": x["a"] - 1, "b": x["b"]}, {"a": 0.0, "b": B})
    assert isinstance(root["a"], np.float64) and root["b"].shape == B.shape
    single = irgrad.root(lambda x: x * x - 4, np.float32(1))
    assert isinstance(single, np.float32)
    for x in (
        irgrad.fixed_point(np.cos, 1.0),
        irgrad.minimize_argmin(lambda x: (x - 1) ** 2, 0.0),
        irgrad.linear_solve(lambda x: 2 * x, 1.0),
        irgrad.descend(lambda x: x * x, 1.0).x,
        irgrad.scipy.minimize(lambda x: (x - 1) ** 2, 0.0).x,
        irgrad.scipy.least_squares(lambda p: p["a"] - 1, {"a": 0.0}).x["a"],
    ):
        assert isinstance(x, np.float64)


def test_a_stationary_point_that_is_no_minimum_is_no_result() -> None:
    for objective, start in (
        (lambda x: -(x**2), 0.3),  # unbounded; Newton's steps lead to the maximum
        (lambda x: np.cos(x), 0.0),  # a start on a maximum, where the gradient is zero
        (lambda x: x[0] ** 2 - x[1] ** 2, np.array([1.0, 0.0])),  # a saddle
    ):
        with pytest.raises(NoConvergence, match="minimize_argmin"):
            irgrad.minimize_argmin(objective, start)
    flat = irgrad.minimize_argmin(lambda x: (x[0] - 1) ** 2 + 0 * x[1], np.array([0.0, 3.0]))
    np.testing.assert_allclose(flat, [1.0, 3.0])


UNSOLVABLE = {
    "no root": lambda x: x * x + 1,
    "tends to 0": lambda x: np.exp(-x),
    "tends to 0 slowly": lambda x: 1 / x,
    "small everywhere": lambda x: 1e-9 * (x * x + 1),
    "constant": lambda x: 0 * x + 1,
    "nan": lambda x: np.log(-x),
}


@pytest.mark.parametrize("name", UNSOLVABLE)
def test_where_there_is_no_root_there_is_no_result(name: str) -> None:
    for method in ("hybr", "lm"):
        with pytest.raises(NoConvergence, match=f"root: {method} stopped where f is") as caught:
            irgrad.root(UNSOLVABLE[name], np.array([1.0, 2.0]), solver=method)
        assert "test_implicit.py" in str(caught.value)
    for method in ("broyden1", "krylov", "df-sane"):
        with pytest.raises(NoConvergence, match=f"root: {method}"):
            irgrad.root(UNSOLVABLE[name], np.array([1.0, 2.0]), solver=method)


UNBOUNDED = {
    "linear": lambda x: np.sum(x),
    "logarithm": lambda x: np.sum(np.log(x)),
    "tends to 0": lambda x: np.sum(np.exp(-x)),
    "tends to 0 slowly": lambda x: np.sum(1 / (1 + x * x)),
    "flat on one side": lambda x: np.sum(x**3),
    "kink": lambda x: np.sum(np.abs(x)),
}


@pytest.mark.parametrize("solver", ["BFGS", "L-BFGS-B", "trust-exact"])
@pytest.mark.parametrize("name", UNBOUNDED)
def test_where_there_is_no_smooth_minimum_there_is_no_result(name: str, solver: str) -> None:
    with pytest.raises(NoConvergence, match="minimize_argmin"):
        irgrad.minimize_argmin(UNBOUNDED[name], np.array([1.0, 2.0]), solver=solver)


def test_flat_and_singular_solutions_are_results() -> None:
    for method in ("hybr", "lm"):
        solve = lambda f, x, m=method: irgrad.root(f, x, solver=m)  # noqa: E731 -- short
        np.testing.assert_allclose(solve(lambda x: (x - 3) ** 2, 1.0), 3, rtol=1e-6)
        np.testing.assert_allclose(solve(lambda x: (x - 3) ** 3, 1.0), 3, rtol=1e-4)
        np.testing.assert_allclose(np.sum(solve(lambda x: np.sum(x) - 2 + 0 * x, B)), 2)
        np.testing.assert_array_equal(solve(lambda x: 0 * x, B), B)
        single = solve(lambda x: 1e3 * (np.cos(x) - x), np.ones(2, np.float32))
        np.testing.assert_allclose(single, 0.7390851, rtol=1e-6)
    found = irgrad.grad(lambda a: irgrad.minimize_argmin(lambda x: (x - a) ** 4, 0.0))(3.0)
    np.testing.assert_allclose(found, 1.0, rtol=1e-6)
    valley = irgrad.minimize_argmin(lambda x: (x[0] + x[1] - 2) ** 2, np.zeros(2))
    np.testing.assert_allclose(np.sum(valley), 2)


def test_a_krylov_method_is_held_to_its_residual() -> None:
    ones = np.ones((2, 2))
    with pytest.raises(NoConvergence, match="minres gave up where the residual is"):
        irgrad.linear_solve(lambda x: ones @ x, np.array([1.0, 2.0]), solver="minres")


MAPPED: dict[str, Any] = {
    "root": lambda a: irgrad.root(lambda y: y * y - a, 1.0),
    "fixed_point": lambda a: irgrad.fixed_point(lambda y: np.cos(y) * a / 9, 1.0),
    "minimize_argmin": lambda a: irgrad.minimize_argmin(lambda y: (y - a) ** 2 + y**4, 1.0),
    "linear_solve": lambda a: irgrad.linear_solve(lambda z: a * z, np.ones(2))[0],
}


@pytest.mark.parametrize("backend", irgrad.backends())
@pytest.mark.parametrize("over", [irgrad.vmap, lambda solve: lambda x: irgrad.map(solve, x)])
@pytest.mark.parametrize("name", MAPPED)
def test_a_pullback_through_a_mapped_solver(name: str, over: Any, backend: str) -> None:
    """Its loop is that of the primal pass, once it has been made ready for the reverse one."""
    mapped = over(MAPPED[name])
    x = np.array([4.0, 9.0])
    with irgrad.use_backend(backend):
        expected = irgrad.jacfwd(mapped)(x)
        np.testing.assert_allclose(irgrad.vjp(mapped, x)[1](np.ones(2))[0], np.diag(expected))
        pulled = irgrad.jacrev(lambda x: irgrad.vjp(mapped, x)[1](np.ones(2))[0])(x)
        np.testing.assert_allclose(
            pulled, irgrad.jacfwd(irgrad.grad(lambda x: np.sum(mapped(x))))(x), atol=1e-12
        )


def least_of(f: Any) -> Any:
    return lambda a: np.sum(irgrad.minimize_argmin(f, np.array([0.5, -0.5]), a))


def root_of(f: Any, x0: float = 0.0) -> Any:
    return lambda a: irgrad.root(f, x0, a)


UNDEFINED: dict[str, tuple[Any, Any, str]] = {
    "a double root": (root_of(lambda x, a: x * x - a), Singular, "_(jvp|vjp) is singular"),
    "a kink at a root": (root_of(lambda x, a: np.abs(x - a)), Singular, "is singular"),
    "a step": (root_of(lambda x, a: np.sign(x - a)), UnsupportedError, "flat in the unknown"),
    "a valley": (least_of(lambda x, a: (x[0] + x[1] - a) ** 2), Singular, "is singular"),
    "a kink": (least_of(lambda x, a: np.sum(np.abs(x - a))), UnsupportedError, "flat"),
    "a kink in a bowl": (
        least_of(lambda x, a: np.abs(x[0] - a) + np.sum(x**2)),
        NoConvergence,
        "minimize_argmin",
    ),
    "a kink aside": (
        least_of(lambda x, a: np.abs(x[0] - a) + x[1] ** 2),
        NoConvergence,
        "minimize_argmin",
    ),
    "a kink that is met": (
        lambda a: irgrad.minimize_argmin(lambda x: np.abs(x - a) + (x - a) ** 2, a),
        NoConvergence,
        "the slope jumps by 2 at",
    ),
    "a singular map": (
        lambda a: np.sum(irgrad.linear_solve(lambda x: np.ones((2, 2)) @ x, np.stack([a, a]))),
        Singular,
        "is singular",
    ),
}


@pytest.mark.parametrize("name", UNDEFINED)
def test_what_has_no_derivative_is_an_error_and_never_zero(name: str) -> None:
    function, error, message = UNDEFINED[name]
    with irgrad.use_backend("numpy"):
        for derivative in (
            irgrad.grad(function), irgrad.value_and_grad(function),
            lambda a: irgrad.jvp(function, (a,), (1.0,)),
            irgrad.jacrev(function), irgrad.compile(irgrad.grad(function)),
        ):  # fmt: skip
            with pytest.raises(error, match=message) as caught:
                derivative(0.0)
            assert "test_implicit.py" in str(caught.value)


def test_none_in_the_unknown_stays_none() -> None:
    start = {"a": np.ones(2), "none": None, "more": [None, 2.0]}

    def f(p: Any, a: Any) -> Any:
        return {"a": p["a"] * 2 - a, "none": None, "more": [None, p["more"][1] ** 3 - a]}

    def half(p: Any, a: Any) -> Any:
        return {"a": (p["a"] + a) / 2, "none": p["none"], "more": [None, a / 2]}

    def squares(p: Any, a: Any) -> Any:
        return np.sum((p["a"] - a) ** 2) + (p["more"][1] - a) ** 2

    def doubled(p: Any) -> Any:
        return {"a": 2 * p["a"], "none": None, "more": [None, 2 * p["more"][1]]}

    for solve, a, more in (
        (lambda a: irgrad.root(f, start, a), 4.0, 8.0 ** (1 / 3)),
        (lambda a: irgrad.fixed_point(half, start, a), 8.0, 4.0),
        (lambda a: irgrad.minimize_argmin(squares, start, a), 8.0, 8.0),
        (lambda a: irgrad.linear_solve(doubled, {**start, "a": np.full(2, a)}), 4.0, 1.0),
    ):
        found = solve(8.0)
        assert found["none"] is None and found["more"][0] is None
        np.testing.assert_allclose(found["a"], a)
        np.testing.assert_allclose(found["more"][1], more)
    slope = irgrad.grad(lambda a: np.sum(irgrad.root(f, start, a)["a"]))(8.0)
    np.testing.assert_allclose(slope, 1.0)
    with pytest.raises(ArgumentError, match="the start is None"):
        irgrad.root(lambda x: x, None)
    with pytest.raises(ArgumentError, match=r"result\['a'\] of .* is None"):
        irgrad.root(lambda p: {"a": None, "b": p["b"]}, {"a": 1.0, "b": 1.0})


def test_a_solver_is_forgotten_with_the_last_graph_that_has_it() -> None:
    def use() -> Any:
        return lambda a: irgrad.root(
            lambda x: x - a, 0 * a, solver=lambda equation, x: x - equation.residual(x)
        )

    before = len(_UNREGISTERED)
    kept = irgrad.compile(use())
    assert kept(2.0) == 2.0
    for _ in range(3):
        assert use()(3.0) == 3.0
    gc.collect()
    assert len(_UNREGISTERED) == before + 1
    assert kept(2.0) == 2.0
