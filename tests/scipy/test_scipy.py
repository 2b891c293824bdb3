"""SciPy's optimisers with exact derivatives, against SciPy's own with formulas or differences."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
from scipy import integrate, optimize

import irgrad
from irgrad.errors import (
    ArgumentError,
    IrgradError,
    NoConvergence,
    OptionError,
    ShapeError,
    TraceError,
)
from irgrad.scipy.vector import vectorised

START = np.array([1.3, 0.7, 0.8, 1.9])


def rosenbrock(x: Any, a: Any = 100.0) -> Any:
    return np.sum(a * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


METHODS = [
    *(None, "BFGS", "L-BFGS-B", "CG", "TNC", "SLSQP", "Newton-CG", "dogleg", "trust-ncg"),
    *("trust-krylov", "trust-exact", "trust-constr", "Powell"),
]


def convex(x: Any) -> Any:
    return np.sum(np.cosh(x - 1.0)) + 0.1 * np.sum(x[1:] * x[:-1])


@pytest.mark.parametrize("method", METHODS)
def test_every_method(method: str | None) -> None:
    result = irgrad.scipy.minimize(convex, START, method=method)
    expected = optimize.minimize(convex, START, tol=1e-10).x
    np.testing.assert_allclose(result.x, expected, atol=1e-3)


def test_value_and_gradient_are_one_call_and_exact() -> None:
    result = irgrad.scipy.minimize(rosenbrock, START, (100.0,))
    by_hand = optimize.minimize(
        optimize.rosen, START, jac=lambda x: optimize.rosen_der(x), method="BFGS"
    )
    assert result.nfev == by_hand.nfev and result.nit == by_hand.nit
    np.testing.assert_allclose(result.x, 1, atol=1e-5)


@pytest.mark.parametrize("hess", ["auto", "product", "dense", "sparse"])
def test_hessians(hess: str) -> None:
    result = irgrad.scipy.minimize(rosenbrock, START, method="trust-constr", hess=hess)
    np.testing.assert_allclose(result.x, 1, atol=1e-5)


def test_hessians_are_the_same() -> None:
    vector, unknown = vectorised("test", rosenbrock, START)
    x, v = unknown.vector, np.arange(4.0)
    expected = optimize.rosen_hess(x)
    np.testing.assert_allclose(vector.dense_hessian(x), expected)
    np.testing.assert_allclose(vector.hessian(x).toarray(), expected)
    np.testing.assert_allclose(vector.product(x, v), expected @ v)


def test_a_large_sparse_hessian_is_chosen() -> None:
    x = np.full(400, 0.5)
    vector, _ = vectorised("test", rosenbrock, x)
    assert vector.hessian_pays((x,)) and isinstance(vector.hessian(x), sp.csr_array)
    result = irgrad.scipy.minimize(rosenbrock, x, method="trust-constr")
    np.testing.assert_allclose(result.x, 1, atol=1e-4)


def test_pytrees_in_start_arguments_bounds_callback_and_result() -> None:
    seen: list[Any] = []

    def f(p: Any, data: Any, power: int) -> Any:
        return np.sum((p["w"] - data["t"]) ** power) + (p["b"][0] - 3.0) ** power

    start = {"w": np.zeros((2, 2)), "b": [0.0]}
    data = {"t": np.array([[1.0, 2.0], [3.0, 4.0]])}
    bounds = {"w": (None, 2.5), "b": [(1.0, 2.0)]}
    result = irgrad.scipy.minimize(f, start, (data, 2), bounds=bounds, callback=seen.append)
    np.testing.assert_allclose(result.x["w"], [[1, 2], [2.5, 2.5]], atol=1e-5)
    np.testing.assert_allclose(result.x["b"][0], 2.0)
    assert result.jac["w"].shape == (2, 2)
    assert seen and seen[-1]["w"].shape == (2, 2)


def test_bounds_as_scipy_has_them() -> None:
    pairs = [(None, 0.5)] * 4
    for bounds in (pairs, iter(pairs), optimize.Bounds(-np.inf, 0.5)):
        result = irgrad.scipy.minimize(rosenbrock, np.zeros(4), bounds=bounds)
        expected = optimize.minimize(rosenbrock, np.zeros(4), bounds=pairs)
        np.testing.assert_allclose(result.x, expected.x, atol=1e-4)


@pytest.mark.parametrize("method", ["SLSQP", "trust-constr"])
def test_constraints(method: str) -> None:
    def circle(p: Any) -> Any:
        return p["x"] ** 2 + p["y"] ** 2

    def total(p: Any) -> Any:
        return p["x"] + 2 * p["y"]

    start = {"x": 0.5, "y": -0.5}
    if method == "SLSQP":
        constraints: Any = {"type": "ineq", "fun": lambda p: 1 - circle(p)}
    else:
        constraints = optimize.NonlinearConstraint(circle, -np.inf, 1.0)
    result = irgrad.scipy.minimize(total, start, method=method, constraints=constraints)
    found = [result.x["x"], result.x["y"]]
    np.testing.assert_allclose(found, [-1 / np.sqrt(5), -2 / np.sqrt(5)], atol=1e-4)


def test_root() -> None:
    def f(p: Any, a: Any) -> Any:
        return [p["u"] + 0.5 * (p["u"] - p["v"]) ** 3 - a, p["v"] + 0.5 * (p["v"] - p["u"]) ** 3]

    for method in ("hybr", "lm", "broyden1"):
        result = irgrad.scipy.root(f, {"u": 0.0, "v": 0.0}, (1.0,), method=method)
        assert result.success
        np.testing.assert_allclose(
            [result.x["u"], result.x["v"]], [0.8411639, 0.1588361], atol=1e-5
        )


@pytest.mark.parametrize("jac", ["auto", "dense", "sparse"])
def test_least_squares(jac: str) -> None:
    t = np.linspace(0, 2, 150)

    def residuals(p: Any, y: Any) -> Any:
        return {"fit": p["a"] * np.exp(-p["k"] * t) - y, "prior": 1e-8 * p["k"]}

    y = 2.0 * np.exp(-1.5 * t)
    start = {"a": 1.0, "k": 0.5}
    bounds = ({"a": 0.0, "k": None}, 5.0)
    result = irgrad.scipy.least_squares(residuals, start, (y,), jac=jac, bounds=bounds)
    np.testing.assert_allclose([result.x["a"], result.x["k"]], [2.0, 1.5], atol=1e-6)


def test_a_large_least_squares_problem_is_sparse() -> None:
    def residuals(x: Any) -> Any:
        return np.concatenate([10 * (x[1:] - x[:-1] ** 2), 1 - x])

    result = irgrad.scipy.least_squares(residuals, np.full(200, 0.8))
    assert sp.issparse(result.jac)
    np.testing.assert_allclose(result.x, 1, atol=1e-6)


@pytest.mark.parametrize("method", ["Radau", "BDF", "LSODA", "RK45"])
def test_solve_ivp(method: str) -> None:
    def robertson(t: Any, y: Any, k: Any) -> Any:
        a, b, c = y["a"], y["b"], y["c"]
        slow, quick, middle = k * a, 3e3 * b * b, 1e2 * b * c
        return {"a": -slow + middle, "b": slow - middle - quick, "c": quick}

    start = {"a": 1.0, "b": 0.0, "c": 0.0}
    got = irgrad.scipy.solve_ivp(robertson, (0, 5), start, method, (0.04,), rtol=1e-8, atol=1e-10)

    def flat(t: float, y: Any) -> Any:
        return list(robertson(t, dict(zip("abc", y, strict=True)), 0.04).values())

    expected = integrate.solve_ivp(flat, (0, 5), [1, 0, 0], "Radau", rtol=1e-10, atol=1e-12)
    for row, name in enumerate("abc"):
        np.testing.assert_allclose(got.y[name][-1], expected.y[row, -1], atol=1e-7)
        assert got.y[name].shape == got.t.shape


def test_solve_ivp_of_a_field() -> None:
    def heat(t: Any, u: Any) -> Any:
        return 100 * (np.roll(u, 1) - 2 * u + np.roll(u, -1)) - u**3

    u0 = np.sin(np.linspace(0, 2 * np.pi, 150, endpoint=False))
    got = irgrad.scipy.solve_ivp(heat, (0, 0.5), u0, jac="auto")
    expected = integrate.solve_ivp(heat, (0, 0.5), u0, "Radau")
    np.testing.assert_allclose(got.y[:, -1], expected.y[:, -1], atol=1e-3)
    assert got.nfev <= expected.nfev


def test_a_second_call_compiles_nothing() -> None:
    count = 0

    def f(x: Any, a: Any) -> Any:
        nonlocal count
        count += 1
        return np.sum((x - a) ** 2)

    for a in (1.0, 2.0):
        irgrad.scipy.minimize(f, np.zeros(3), (a,))
    assert count == 1


def test_errors() -> None:
    minimize = irgrad.scipy.minimize
    with pytest.raises(OptionError, match="'bfgs' takes no Hessian"):
        minimize(rosenbrock, START, method="BFGS", hess="dense")
    with pytest.raises(OptionError, match="hess must be"):
        minimize(rosenbrock, START, method="dogleg", hess="magic")
    with pytest.raises(ArgumentError, match="4 unknowns"):
        minimize(rosenbrock, START, bounds=[(0, 1)])
    with pytest.raises(ArgumentError, match="structure of x0"):
        minimize(lambda p: p["a"] ** 2, {"a": 1.0}, bounds={"b": (0, 1)})
    with pytest.raises(ShapeError, match="scalar"):
        minimize(lambda x: x, START)
    with pytest.raises(OptionError, match="lm"):
        irgrad.scipy.least_squares(lambda x: x, START, method="lm", jac="sparse")


def ball(x: Any) -> Any:
    return np.sum(x * x)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda s: s.minimize(ball, START, method="BFSG"), "minimize: no method 'BFSG'; there are"),
        (lambda s: s.minimize(ball, START, method="BFSG"), "method='BFGS'"),
        (lambda s: s.minimize(ball, START, method=3), "a name or a solver, got an int"),
        (lambda s: s.minimize(ball, START, tol="a"), "minimize: tol must be a number"),
        (lambda s: s.minimize(ball, START, options=3), "options must be a dict, got 3"),
        (lambda s: s.minimize(ball, START, constraints="a"), r"constraints\[0\] must be a dict"),
        (lambda s: s.minimize(ball, START, constraints=[{"fun": sum}]), '"eq" or "ineq", got N'),
        (lambda s: s.minimize(ball, START, constraints={"type": "le"}), "got 'le'"),
        (lambda s: s.minimize(ball, START, constraints={"type": "eq"}), '"fun" must be a func'),
        (lambda s: s.root(ball, START, method="newton"), "root: no method 'newton'; there are"),
        (lambda s: s.root(ball, START, method=len), "root: method must be a name, got a"),
        (lambda s: s.root(ball, START, tol="a"), "root: tol must be a number"),
        (lambda s: s.least_squares(ball, START, method="LM"), "method='lm'"),
        (lambda s: s.solve_ivp(lambda t, y: y, (0, 1), START, "rk45"), "method='RK45'"),
        (
            lambda s: s.minimize(lambda x, a: x @ x * a, START),
            "minimize: f is called with 1 argume",
        ),
        (lambda s: s.minimize(lambda x: x @ x, START, 2.0), r"2 arguments, \(x, args\[0\]\), but"),
        (lambda s: s.root(lambda x, a: x - a, START), "root: f is called with 1 argument"),
        (lambda s: s.least_squares(lambda: START, START), "least_squares: f is called with 1 argu"),
        (
            lambda s: s.solve_ivp(lambda y: y, (0, 1), START),
            r"called with 2 arguments, \(t, y\), b",
        ),
    ],
)
def test_options_that_scipy_does_not_have(call, message) -> None:
    with pytest.raises(IrgradError, match=message) as caught:
        call(irgrad.scipy)
    assert "test_scipy.py:" in str(caught.value)


def test_methods_in_any_case_and_no_constraints() -> None:
    for method in ("bfgs", "BFGS", "Trust-Exact"):
        result = irgrad.scipy.minimize(rosenbrock, START, method=method, constraints=None)
        np.testing.assert_allclose(result.x, 1, atol=1e-3)
    assert irgrad.scipy.root(lambda x: x - 1, START, method="HYBR").success


def test_what_f_must_give_and_pairs() -> None:
    for method in ("hybr", "lm", "krylov"):
        with pytest.raises(ShapeError, match="root: f gives 2 numbers, expected 3"):
            irgrad.scipy.root(lambda x: x[:2], np.ones(3), method=method)
    for method in ("RK45", "Radau", "LSODA"):
        with pytest.raises(ShapeError, match="solve_ivp: f gives 2 numbers, expected 3"):
            irgrad.scipy.solve_ivp(lambda t, y: y[:2], (0, 1), np.ones(3), method)
    with pytest.raises(ArgumentError, match=r"t_span must be a pair \(first, last\).*got 3"):
        irgrad.scipy.solve_ivp(lambda t, y: y, 3, np.ones(3))
    with pytest.raises(ArgumentError, match=r"bounds must be a pair \(low, high\), got \(5,\)"):
        irgrad.scipy.least_squares(lambda x: x, np.ones(3), bounds=(5,))


OWN, STRATEGY = irgrad.hessian(convex), optimize.BFGS()
TAKEN = {
    "newton-cg": ("product", "dense", "sparse", None, OWN, STRATEGY),
    "trust-constr": ("product", "dense", "sparse", None, OWN, STRATEGY),
    "trust-ncg": ("product", "dense", OWN),
    "trust-krylov": ("product", "dense", OWN),
    "trust-exact": ("dense", OWN),
    "dogleg": ("dense", OWN),
    "bfgs": (None,),
    "nelder-mead": (None,),
}


@pytest.mark.parametrize("method", TAKEN)
def test_what_a_method_takes_of_second_order_works_and_the_rest_is_refused(method) -> None:
    for hess in TAKEN["trust-constr"]:
        if hess in TAKEN[method]:
            result = irgrad.scipy.minimize(convex, START, method=method, hess=hess)
            np.testing.assert_allclose(result.x, [0.9, 0.83, 0.83, 0.92], atol=0.1)
        else:
            with pytest.raises(OptionError, match=f"minimize: method '{method}' (takes|needs)"):
                irgrad.scipy.minimize(convex, START, method=method, hess=hess)


def heavy(p: Any) -> Any:
    return (p["a"] - 1) ** 2 + np.sum((p["b"] - 2) ** 2)


def norm(p: Any) -> Any:
    return p["a"] ** 2 + np.sum(p["b"] ** 2)


BOX = {"type": "ineq", "fun": lambda p: 1 - p["b"][:, 0]}
Nonlinear: Any = optimize.NonlinearConstraint
CONSTRAINTS: dict[str, Any] = {
    "linear": optimize.LinearConstraint([[1.0, 1.0, 1.0]], -np.inf, 2),
    "nonlinear": Nonlinear(norm, -np.inf, 2),
    "own derivatives": Nonlinear(
        norm,
        -np.inf,
        2,
        jac=lambda p: {"a": 2 * p["a"], "b": 2 * p["b"]},
        hess=lambda p, w: 2 * w[0] * np.eye(3),
    ),
    "dict": BOX,
    "own matrix": {**BOX, "jac": lambda p: [[0, -1, 0], [0, 0, -1.0]]},
    "args": {"type": "ineq", "fun": lambda p, a: a - p["b"][:, 0], "args": (1.0,)},
    "args of own": {
        "type": "ineq",
        "fun": lambda p, a: {"two": a - p["b"]},
        "jac": lambda p, a: {"a": np.zeros(2), "b": -np.eye(2)},
        "args": 1.0,
    },
    "list": [BOX, optimize.LinearConstraint(np.ones((1, 3)), -np.inf, 2)],
}
EXPECTED = {
    "linear": [0, 1, 1],
    "list": [0, 1, 1],
    **dict.fromkeys(("nonlinear", "own derivatives"), np.array([1, 2, 2]) * np.sqrt(2) / 3),
}


@pytest.mark.filterwarnings("ignore:delta_grad", "ignore:Constraint options")
@pytest.mark.parametrize("name", CONSTRAINTS)
def test_every_kind_of_constraint_on_a_pytree(name) -> None:
    start = {"a": 0.5, "b": np.ones((2, 1))}
    for method in ("SLSQP", "trust-constr", "COBYLA"):
        result = irgrad.scipy.minimize(heavy, start, (), method, constraints=CONSTRAINTS[name])
        found = [result.x["a"], *result.x["b"][:, 0]]
        np.testing.assert_allclose(found, EXPECTED.get(name, [1, 1, 1]), atol=5e-3)


def test_bounds_of_scalars_and_matrices() -> None:
    s = irgrad.scipy
    assert s.minimize(lambda x: (x - 1) ** 2, 0.0, bounds=[(0, 0.5)]).x == 0.5
    square = s.minimize(lambda x: np.sum((x - 1) ** 2), np.zeros((1, 2)), bounds=[(0, 0.5), None])
    np.testing.assert_allclose(square.x, [[0.5, 1.0]])


def test_a_right_hand_side_of_another_structure_is_refused() -> None:
    """Its numbers would go to other unknowns."""
    for f, error in (
        (lambda t, y: {"a": -y["a"], "c": y["b"]}, ArgumentError),
        (lambda t, y: {"a": y["b"], "b": y["a"]}, ShapeError),
        (lambda t, y: [y["a"], y["b"]], ArgumentError),
    ):
        with pytest.raises(error, match="solve_ivp: <lambda> gives"):
            irgrad.scipy.solve_ivp(f, (0, 1), {"a": np.ones(2), "b": 1.0})


def test_a_list_of_numbers_is_an_array_as_it_is_for_scipy() -> None:
    s = irgrad.scipy
    np.testing.assert_allclose(s.minimize(lambda x: np.sum((x - 1) ** 2), [0, 0]).x, 1)
    np.testing.assert_allclose(s.root(lambda x: x**2 - 4, (1.0, 3.0)).x, 2)
    np.testing.assert_allclose(s.least_squares(lambda x: x - 1, [[0.0, 0.5]]).x, [[1, 1]])
    y = s.solve_ivp(lambda t, y: [y[1], -y[0]], (0, 1), [1.0, 0]).y
    np.testing.assert_allclose(y[:, -1], [np.cos(1), -np.sin(1)], atol=1e-2)


def test_callbacks_events_and_dense_output_get_and_give_pytrees() -> None:
    def event(t: Any, y: Any, k: Any) -> Any:
        return y["u"] - 0.5

    def never(t: Any, y: Any, k: Any) -> Any:
        return y["u"] + 1

    event.terminal = True  # pyright: ignore[reportFunctionMemberAccess] -- SciPy reads it there
    start = {"u": 1.0, "v": np.ones((1, 2))}
    got = irgrad.scipy.solve_ivp(
        lambda t, y, k: {"u": -k * y["u"], "v": 0 * y["v"]},
        *((0, 9), start, "Radau", (2.0,)),
        events=[never, event],
        dense_output=True,
        rtol=1e-8,
    )
    assert got.status == 1 and [len(t) for t in got.t_events] == [0, 1]
    assert got.y_events[0]["v"].shape == (1, 2, 0) and got.y_events[1]["v"].shape == (1, 2, 1)
    np.testing.assert_allclose(got.t[-1], np.log(2) / 2, rtol=1e-5)
    np.testing.assert_allclose(got.sol(0.1)["u"], np.exp(-0.2), rtol=1e-5)
    assert got.sol(np.zeros(3))["v"].shape == (1, 2, 3) and got.sol.t_max == got.t[-1]
    seen: list[Any] = []
    irgrad.scipy.root(
        lambda p: {"x": p["x"] - 1}, {"x": np.zeros(2)}, method="krylov",
        callback=lambda x, residual: seen.append((x["x"], residual)),
    )  # fmt: skip
    np.testing.assert_allclose(seen[-1], [[1, 1], [0, 0]], atol=1e-5)


@pytest.mark.parametrize(
    ("name", "call"),
    [
        ("minimize", lambda s, a: s.minimize(lambda x: (x - a) ** 2, 1.0)),
        ("minimize", lambda s, a: s.minimize(lambda x, a: (x - a) ** 2, 1.0, (a,))),
        ("minimize", lambda s, a: s.minimize(lambda x: (x - 1) ** 2, a, method="Powell")),
        ("minimize", lambda s, a: s.minimize(ball, 1.0, constraints={**BOX, "args": (a,)})),
        ("root", lambda s, a: s.root(lambda x: x - a, 1.0)),
        ("root", lambda s, a: s.root(lambda x, a: x - a, {"u": 1.0}, (a,))),
        ("least_squares", lambda s, a: s.least_squares(lambda x: x - a, 1.0)),
        ("solve_ivp", lambda s, a: s.solve_ivp(lambda t, y: -a * y, (0, 1), 1.0)),
    ],
)
def test_solvers_of_scipy_in_a_function_that_is_differentiated(name, call) -> None:
    """The error says what can be differentiated."""
    with pytest.raises(TraceError, match=f"irgrad.scipy.{name} of traced values") as caught:
        irgrad.grad(lambda a: call(irgrad.scipy, a).x)(2.0)
    assert "can be differentiated" in str(caught.value) and "test_scipy.py" in str(caught.value)


def test_keywords_of_scipy_that_have_no_place() -> None:
    s: Any = irgrad.scipy
    for call, message in [
        (lambda: s.minimize(ball, START, jac=True), "no keyword 'jac'.*\n.*\n.*is exact"),
        (lambda: s.minimize(ball, START, maxiter=3), 'options={"maxiter": 100}'),
        (lambda: s.minimize(ball, START, contraints=()), "did you mean 'constraints'"),
        (lambda: s.root(ball, START, jac=True), "no keyword 'jac'"),
        (lambda: s.least_squares(ball, START, tol=1e-3), "ftol="),
        (lambda: s.least_squares(ball, START, jac="2-point"), "'sparse', got '2-point'"),
        (lambda: s.solve_ivp(ball, (0, 1), START, jac_sparsity=1), "jac='sparse'"),
        (lambda: s.solve_ivp(lambda t, y: y, (0, 1), START, "LSODA", jac="sparse"), "no sparse J"),
    ]:
        with pytest.raises((TypeError, ValueError), match=message):
            call()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"bounds": (0, 0.5)}, "2 pairs for 4 unknowns"),
        ({"bounds": [0, 0.5, 1, 1]}, r"bounds must be a pair \(low, high\) for each element"),
        ({"bounds": [("a", 1)] * 4}, "bounds must be a pair"),
        ({"bounds": 3}, "bounds must be a pair"),
        ({"callback": lambda a, b, c: 0}, "callback is called with 1 argument"),
        ({"method": "trust-exact", "hess": lambda x: 3}, r"hess gave 3, expected.*\(4, 4\)"),
        ({"method": "trust-exact", "hess": lambda x, y: 3}, "hess is called with 1 argument"),
        ({"tol": -1}, "tol must be a number, not negative"),
        ({"constraints": {**BOX, "arg": 1}}, r"constraints\[0\] has an entry 'arg'"),
        ({"constraints": {**BOX, "jac": True}}, '"jac" must be a function of x, got True'),
        ({"constraints": [BOX, optimize.LinearConstraint(np.eye(2))]}, "2 columns, expected 4"),
        ({"constraints": {"type": "eq", "fun": lambda x: None}}, "is None, no array"),
        ({"constraints": {"type": "eq", "fun": ball, "args": 1}}, r"constraints\[0\]: "),
    ],
)
def test_options_that_do_not_fit(options, message) -> None:
    with pytest.raises(IrgradError, match=message) as caught:
        irgrad.scipy.minimize(ball, START, **options)
    assert "test_scipy.py:" in str(caught.value)


@pytest.mark.parametrize("method", ["RK45", "Radau", "BDF", "LSODA"])
def test_a_start_where_the_slope_is_not_defined_is_refused(method: str) -> None:
    """SciPy looks for a first step there without end, or fails inside LAPACK."""
    with pytest.raises(NoConvergence, match="slope at the start, t = 0, is not finite"):
        irgrad.scipy.solve_ivp(lambda t, y: np.log(y - 2), (0, 1), 1.0, method)


def test_bounds_of_a_tuple_with_arrays_in_it() -> None:
    def f(p: Any) -> Any:
        return p[0] + np.sum((p[1] + 3) ** 2)

    bounds = ((-1, 2), (np.array([-1.0, -2.0]), None))
    x = irgrad.scipy.minimize(f, (0.1, np.zeros(2)), bounds=bounds).x
    np.testing.assert_allclose(x[0], -1, atol=1e-6)
    np.testing.assert_allclose(x[1], [-1, -2], atol=1e-6)


def test_none_in_the_start_stays_none() -> None:
    s = irgrad.scipy
    start, goal = {"a": np.zeros(2), "none": None, "b": (None, 0.5)}, np.array([1.0, 2.0])

    def residuals(p: Any) -> Any:
        return {"a": p["a"] - goal, "none": p["none"], "b": (None, p["b"][1] - 1.0)}

    def last(y: Any) -> Any:
        return {"a": y["a"][:, -1], "none": y["none"], "b": (y["b"][0], y["b"][1][-1])}

    def squares(p: Any) -> Any:
        return np.sum((p["a"] - goal) ** 2) + (p["b"][1] - 1.0) ** 2

    bounds = {"a": (0.0, 1.5), "none": None, "b": (None, (0.0, 2.0))}
    low, high = ({**start, "a": x, "b": (None, x)} for x in (-1.0, 1.5))
    box = {"type": "ineq", "fun": lambda p: {"none": None, "a": 1.5 - p["a"]}}
    for result in (
        s.root(residuals, start),
        s.least_squares(residuals, start, bounds=(low, high)),
        s.minimize(squares, start, bounds=bounds),
        s.minimize(squares, start, constraints=box),
        irgrad.descend(squares, start, rate=0.3),
        s.solve_ivp(lambda t, p: residuals(p), (0, -20), start),
    ):
        x = result.x if hasattr(result, "x") else last(result.y)
        assert x["none"] is None and x["b"][0] is None
        np.testing.assert_allclose(np.minimum(x["a"], 1.5), [1.0, 1.5], atol=1e-3)
        np.testing.assert_allclose(x["b"][1], 1.0, atol=1e-3)
    with pytest.raises(ArgumentError, match=r"minimize needs a scalar, .* returns a tuple of 2"):
        s.minimize(lambda p: (squares(p), p["a"]), start)
    with pytest.raises(ShapeError, match=r"minimize needs a scalar, .* array of shape \(2,\)"):
        s.minimize(lambda p: p["a"], start)
    for solve in (s.minimize, s.root, s.least_squares):
        with pytest.raises(ArgumentError, match="the start has no element"):
            solve(lambda p: np.sum(p["a"]), {"a": np.zeros(0), "none": None})
        with pytest.raises(ArgumentError, match="the start is None"):
            solve(lambda p: p, None)


ALL = ["Nelder-Mead", "COBYLA", "COBYQA", *METHODS]


@pytest.mark.parametrize("method", ALL)
def test_a_callback_of_the_result_on_the_way(method: str | None) -> None:
    seen: list[Any] = []

    def told(intermediate_result: Any) -> None:
        seen.append(intermediate_result.x["p"])

    options = {"maxfun" if method == "TNC" else "maxiter": 30}
    start = {"p": START}
    irgrad.scipy.minimize(
        lambda x: convex(x["p"]), start, method=method, callback=told, options=options
    )
    assert all(x.shape == (4,) for x in seen) and (seen or method == "COBYLA")


@pytest.mark.parametrize("method", ["SLSQP", "COBYLA", "COBYQA", None])
def test_a_nonlinear_constraint_is_no_reason_to_warn(method: str | None) -> None:
    inside = optimize.NonlinearConstraint(lambda x: x @ x, -np.inf, 1.0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        result = irgrad.scipy.minimize(convex, START / 3, method=method, constraints=inside)
    np.testing.assert_allclose(result.x @ result.x, 1.0, atol=1e-3)


def test_what_scipy_says_about_an_argument_gets_the_users_line() -> None:
    f, x = (lambda x: x), np.ones(2)
    squares, integrated = irgrad.scipy.least_squares, irgrad.scipy.solve_ivp
    for call in (
        lambda: squares(f, x, loss="none"),
        lambda: squares(f, x, method="lm", loss="huber"),
        lambda: squares(lambda x: x[0], x, method="lm"),
        lambda: squares(lambda x: x * np.nan, x),
        lambda: squares(f, x, x_scale=-1.0),
        lambda: squares(f, x, ftol="a"),
        lambda: integrated(lambda t, y: y, (0, 1), x, t_eval=[2.0]),
        lambda: irgrad.scipy.minimize(np.sum, x, bounds=[(2, 1), (0, 1)]),
    ):
        with pytest.raises(
            (ArgumentError, OptionError), match=r"(?s)test_scipy\.py.*hint: "
        ) as got:
            call()
        assert str(got.value).startswith(("least_squares: ", "solve_ivp: ", "minimize: "))


def test_what_a_function_of_the_users_raises_stays_what_it_is() -> None:
    def event(t: Any, y: Any) -> Any:
        raise ValueError("mine")

    def told(x: Any) -> None:
        raise TypeError("mine")

    with pytest.raises(ValueError, match=r"^mine$"):
        irgrad.scipy.solve_ivp(lambda t, y: -y, (0, 1), 1.0, events=event)
    with pytest.raises(TypeError, match=r"^mine$"):
        irgrad.scipy.minimize(convex, START, callback=told)


def test_an_event_is_one_number() -> None:
    with pytest.raises(ShapeError, match=r"an event must give one number, <lambda> gives f64\[2\]"):
        irgrad.scipy.solve_ivp(lambda t, y: -y, (0, 1), np.ones(2), events=lambda t, y: y - 0.5)
    solution = irgrad.scipy.solve_ivp(
        lambda t, y: -y, (0, 1), np.ones(1), events=lambda t, y: y - 0.5
    )
    np.testing.assert_allclose(solution.t_events[0], np.log(2), rtol=1e-3)
