"""`minimize`: SciPy's, with exact gradients, Hessians and constraints' Jacobians."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import scipy

from irgrad.frontend.called import check_callable, check_takes
from irgrad.frontend.keywords import keywords
from irgrad.runtime.implicit import Unknown, arguments
from irgrad.scipy.calling import called
from irgrad.scipy.constraints import bounds_of, constraint_of
from irgrad.scipy.options import check_method, check_options, check_tolerance
from irgrad.scipy.second_order import second_order
from irgrad.scipy.vector import in_structure, numbers, vectorised

WITHOUT_GRADIENT = ("nelder-mead", "powell", "cobyla", "cobyqa")
METHODS = (
    "Nelder-Mead", "Powell", "CG", "BFGS", "Newton-CG", "L-BFGS-B", "TNC", "COBYLA", "COBYQA",
    "SLSQP", "trust-constr", "dogleg", "trust-ncg", "trust-exact", "trust-krylov",
)  # fmt: skip


@keywords(
    jac="the gradient of f is exact; a rule of your own is irgrad.custom_vjp",
    hessp="hess='product' gives the method products with the Hessian",
    maxiter='options={"maxiter": 100}',
    has_aux="return the value alone: a second function can compute what is beside it",
)
def minimize(
    f: Any,
    x0: Any,
    args: Any = (),
    method: Any = None,
    *,
    hess: Any = "auto",
    bounds: Any = None,
    constraints: Any = (),
    tol: float | None = None,
    callback: Callable[..., Any] | None = None,
    options: dict[str, Any] | None = None,
) -> Any:
    """`scipy.optimize.minimize` of f(x, *args) from `x0`, a pytree of floats or a list of numbers.

    SciPy gets value and gradient from one compiled call. `hess` says what it gets of second order,
    where the method takes it: "product" (Hessian times vector; "newton-cg" and "trust-*", but not
    "trust-exact"), "dense" (these, "dogleg" and "trust-exact"), "sparse" ("newton-cg",
    "trust-constr"), None or an update strategy of SciPy's (the same two), a function of your own
    hess(x, *args), or "auto": a matrix for "dogleg" and "trust-exact", for "trust-constr" a sparse
    one where the pattern is sparse, else products.

    `bounds` are SciPy's (`Bounds`, or a pair for each element of a vector), or, for a pytree, a
    pytree of the same structure with a pair (low, high) in place of each leaf. `constraints` are
    SciPy's, one or a list: dicts and `NonlinearConstraint` with functions of the pytree x get exact
    Jacobians (and Hessians, for "trust-constr") unless they have a `jac` (a `hess`) of their own,
    which takes the pytree, too; the columns of a `LinearConstraint` are the elements of x,
    flattened.

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
    listed = _listed(constraints)
    limited = None if bounds is None else bounds_of(bounds, unknown)
    name = _method(method, limited, listed)
    second = name == "trust-constr"
    constraints = [constraint_of(each, k, x0, unknown, second) for k, each in enumerate(listed)]
    fun, jac = vector.value_and_gradient, True
    if name in WITHOUT_GRADIENT:
        fun, jac = vector.value, None
    extra = second_order(vector, unknown, name, hess, (unknown.vector, *args))
    result = called(
        "minimize",
        scipy.optimize.minimize,
        numbers("minimize", fun),
        unknown.vector,
        args=args,
        method=method,
        jac=jac,
        bounds=limited,
        constraints=constraints,
        tol=tol,
        callback=None if callback is None else _callback(callback, unknown, name),
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


def _callback(callback: Callable[..., Any], unknown: Unknown, method: str) -> Callable[..., Any]:
    """The user's callback, called with pytrees."""
    check_callable("minimize", "callback", callback, "f, x0, args, callback=")
    try:
        names = list(inspect.signature(callback).parameters)
    except (TypeError, ValueError):
        names = []
    if names == ["intermediate_result"]:

        def with_result(intermediate_result: Any) -> Any:
            given = intermediate_result
            if isinstance(given, np.ndarray):  # of methods that have no result on the way
                given = scipy.optimize.OptimizeResult(x=np.array(given))
            return callback(intermediate_result=in_structure(unknown, given, "x"))

        return with_result

    check_takes("minimize", "callback", callback, "x", *["state"] * (method == "trust-constr"))

    def with_x(x: Any, *rest: Any) -> Any:
        return callback(unknown.build(np.array(x)), *rest)

    return with_x
