"""`minimize`: SciPy's, with exact gradients, Hessians and constraints' Jacobians."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import scipy

from irgrad.errors import ArgumentError, OptionError
from irgrad.frontend.called import check_callable
from irgrad.frontend.pytree import subtrees, unflatten
from irgrad.runtime.implicit import Unknown
from irgrad.scipy.options import check_constraint, check_method, check_options, check_tolerance
from irgrad.scipy.vector import Vectorised, arguments, in_structure, limits, vectorised

WITHOUT_GRADIENT = ("nelder-mead", "powell", "cobyla", "cobyqa")
WITH_PRODUCT = ("newton-cg", "trust-ncg", "trust-krylov", "trust-constr")
WITH_MATRIX = ("dogleg", "trust-exact")
METHODS = (
    "Nelder-Mead", "Powell", "CG", "BFGS", "Newton-CG", "L-BFGS-B", "TNC", "COBYLA", "COBYQA",
    "SLSQP", "trust-constr", "dogleg", "trust-ncg", "trust-exact", "trust-krylov",
)  # fmt: skip
HESS = ("auto", "product", "dense", "sparse", None)


def minimize(
    f: Any,
    x0: Any,
    args: Any = (),
    *,
    method: str | None = None,
    hess: Any = "auto",
    bounds: Any = None,
    constraints: Any = (),
    tol: float | None = None,
    callback: Callable[..., Any] | None = None,
    options: dict[str, Any] | None = None,
) -> Any:
    """`scipy.optimize.minimize` of f(x, *args) from `x0`, a pytree of floats.

    SciPy gets value and gradient from one compiled call. `hess` says what it gets of second order,
    where the method takes it: "product" (Hessian times vector, "newton-cg" and "trust-*"),
    "dense", "sparse", None, a function of your own, or "auto": matrices for "dogleg" and
    "trust-exact", for "trust-constr" a sparse matrix where the pattern is sparse, else products.

    `bounds` are SciPy's (`Bounds`, or a pair for each element of a vector), or, for a pytree, a
    pytree of the same structure with a pair (low, high) in place of each leaf. `constraints` are
    SciPy's: dicts and `NonlinearConstraint` with functions of the pytree x get exact Jacobians
    (and Hessians, for "trust-constr"); a function with a `jac` of its own keeps that.

    The result is SciPy's, with `x` and `jac` in the structure of `x0`.

    >>> import numpy as np
    >>> def rosenbrock(p):
    ...     return (1 - p["a"]) ** 2 + 100 * (p["b"] - p["a"] ** 2) ** 2
    >>> result = minimize(rosenbrock, {"a": -1.0, "b": 2.0}, method="trust-exact")
    >>> {name: float(value.round(4)) for name, value in result.x.items()}
    {'a': 1.0, 'b': 1.0}
    """
    check_method("minimize", method, METHODS, own=True)
    check_tolerance("minimize", tol)
    check_options("minimize", options)
    args = arguments(args)
    vector, unknown = vectorised("minimize", f, x0, args)
    constraints = [_constraint(each, k, x0, unknown) for k, each in enumerate(_listed(constraints))]
    limited = None if bounds is None else _bounds(bounds, unknown)
    name = _method(method, limited, constraints)
    extra: dict[str, Any] = {}
    fun, jac = vector.value_and_gradient, True
    if name in WITHOUT_GRADIENT:
        fun, jac = vector.value, None
    else:
        extra = _second_order(vector, name, hess, (unknown.vector, *args))
    result = scipy.optimize.minimize(
        fun,
        unknown.vector,
        args=args,
        method=method,
        jac=jac,
        bounds=limited,
        constraints=constraints,
        tol=tol,
        callback=None if callback is None else _callback(callback, unknown),
        options=options,
        **extra,
    )
    return in_structure(unknown, result, "x", "jac")


def _listed(constraints: Any) -> list[Any]:
    if constraints is None:
        return []
    return list(constraints) if isinstance(constraints, (list, tuple)) else [constraints]


def _method(method: str | None, bounds: Any, constraints: Sequence[Any]) -> str:
    """The method that SciPy uses, in lower case."""
    if method is None:
        return "slsqp" if constraints else "bfgs" if bounds is None else "l-bfgs-b"
    if not isinstance(method, str):
        return "custom"
    return method.lower()


def _second_order(
    vector: Vectorised, method: str, hess: Any, args: tuple[Any, ...]
) -> dict[str, Any]:
    """The keywords `hess` or `hessp` for SciPy."""
    if not callable(hess) and hess not in HESS:
        raise OptionError(f"hess must be one of {', '.join(map(repr, HESS))}, got {hess!r}")
    if hess is None or method not in (*WITH_PRODUCT, *WITH_MATRIX):
        if hess in ("auto", None):
            return {}
        raise OptionError(
            f"method {method!r} takes no Hessian",
            hint="leave hess out, or use method='trust-exact'",
        )
    if callable(hess):
        return {"hess": hess}
    if hess == "auto":
        hess = "dense" if method in WITH_MATRIX else "product"
        if method == "trust-constr" and vector.hessian_pays(args):
            hess = "sparse"
    if hess == "product":
        if method in WITH_MATRIX:
            raise OptionError(f"method {method!r} needs a matrix", hint="hess='dense'")
        return {"hessp": vector.product}
    return {"hess": vector.hessian if hess == "sparse" else vector.dense_hessian}


def _bounds(bounds: Any, unknown: Unknown) -> Any:
    """SciPy's `Bounds` of the vector."""
    if isinstance(bounds, scipy.optimize.Bounds):
        return bounds
    if len(unknown.types) == 1 and unknown.tree.is_leaf():
        pairs = list(bounds)
        if len(pairs) != unknown.vector.size:
            raise ArgumentError(
                f"bounds: {len(pairs)} pairs for {unknown.vector.size} unknowns",
                hint="a pair (low, high) for each element, or scipy.optimize.Bounds(low, high)",
            )
        low = np.array([-np.inf if pair[0] is None else pair[0] for pair in pairs], float)
        high = np.array([np.inf if pair[1] is None else pair[1] for pair in pairs], float)
        return _sides(low, high)
    try:
        pairs = [(None, None) if pair is None else pair for pair in subtrees(unknown.tree, bounds)]
        low, high = zip(*pairs, strict=True)
    except (TypeError, ValueError) as error:
        raise ArgumentError(
            f"bounds must have the structure of x0, with a pair (low, high) for each leaf: {error}"
        ) from None
    sides = [unflatten(unknown.tree, side) for side in (low, high)]
    return _sides(limits(unknown, sides[0], -np.inf), limits(unknown, sides[1], np.inf))


def _sides(low: Any, high: Any) -> scipy.optimize.Bounds:
    return scipy.optimize.Bounds(low, high)


def _constraint(constraint: Any, number: int, x0: Any, unknown: Unknown) -> Any:
    """A constraint of the vector, with exact derivatives where the user gives none."""
    check_constraint(constraint, number)
    if isinstance(constraint, dict):
        if constraint.get("jac"):
            return constraint
        vector, _ = vectorised("constraints", constraint["fun"], x0)
        return {**constraint, "fun": vector.value, "jac": vector.dense_jacobian}
    if isinstance(constraint, scipy.optimize.NonlinearConstraint):
        if callable(constraint.jac):
            return constraint
        vector, _ = vectorised("constraints", constraint.fun, x0)

        def weighted(x: Any, weights: Any) -> Any:
            return vector.combined_hessian(np.asarray(weights, float), x)

        sparse = vector.jacobian_pays((unknown.vector,))
        jacobian: Any = vector.jacobian if sparse else vector.dense_jacobian
        return scipy.optimize.NonlinearConstraint(
            vector.value,
            constraint.lb,
            constraint.ub,
            jac=jacobian,
            hess=constraint.hess if callable(constraint.hess) else weighted,
            keep_feasible=constraint.keep_feasible,
        )
    return constraint


def _callback(callback: Callable[..., Any], unknown: Unknown) -> Callable[..., Any]:
    """The user's callback, called with pytrees."""
    check_callable("minimize", "callback", callback, "f, x0, args, callback=")
    if set(inspect.signature(callback).parameters) == {"intermediate_result"}:

        def with_result(intermediate_result: Any) -> Any:
            return callback(intermediate_result=in_structure(unknown, intermediate_result, "x"))

        return with_result

    def with_x(x: Any, *rest: Any) -> Any:
        return callback(unknown.build(np.array(x)), *rest)

    return with_x
