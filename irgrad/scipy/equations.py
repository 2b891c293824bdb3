"""`root` and `least_squares`: SciPy's, with exact Jacobians."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import scipy

from irgrad.errors import ArgumentError, OptionError
from irgrad.frontend.called import check_callable, check_takes
from irgrad.frontend.keywords import keywords
from irgrad.frontend.site import call_site
from irgrad.runtime.implicit import Unknown, arguments
from irgrad.scipy.calling import called
from irgrad.scipy.options import check_jacobian, check_method, check_options, check_tolerance
from irgrad.scipy.vector import as_many, in_structure, limits, numbers, vectorised

WITH_JACOBIAN = ("hybr", "lm")
ROOTS = (
    *WITH_JACOBIAN, "broyden1", "broyden2", "anderson", "linearmixing", "diagbroyden",
    "excitingmixing", "krylov", "df-sane",
)  # fmt: skip
LEAST_SQUARES = ("trf", "dogbox", "lm")


@keywords(
    jac="the Jacobian of f is exact; a rule of your own is irgrad.custom_jvp",
    maxiter='options={"maxiter": 100}, or "maxfev" for \'hybr\'',
    bounds="irgrad.scipy.least_squares takes bounds",
)
def root(
    f: Any,
    x0: Any,
    args: Any = (),
    method: Any = "hybr",
    *,
    tol: float | None = None,
    callback: Callable[..., Any] | None = None,
    options: dict[str, Any] | None = None,
) -> Any:
    """`scipy.optimize.root` of f(x, *args) from `x0`, a pytree of floats or a list of numbers, with
    the exact Jacobian where the method takes one ("hybr", "lm"). f returns as many numbers as there
    are unknowns, in any structure: equations have an order and names of their own.
    `callback(x, residual)` is called at each step of the others.

    The result is SciPy's, with `x` in the structure of `x0`. For a root that is itself to be
    differentiated see `irgrad.root`.

    >>> import numpy as np
    >>> result = root(lambda x: np.stack([x[0] + 2 * x[1] - 2, x[0] ** 2 - x[1]]), np.ones(2))
    >>> bool(result.success), result.x.round(3).tolist()
    (True, [0.781, 0.61])
    """
    check_method("root", method, ROOTS)
    check_tolerance("root", tol)
    check_options("root", options)
    args = arguments(args)
    vector, unknown = vectorised("root", f, x0, args)
    jacobian = vector.dense_jacobian if method.lower() in WITH_JACOBIAN else None

    def value(x: Any, *rest: Any) -> Any:
        return as_many("root", unknown, vector.value(x, *rest))

    result = called(
        "root",
        scipy.optimize.root,
        value,
        unknown.vector,
        args=args,
        method=method,
        jac=jacobian,
        tol=tol,
        callback=None if callback is None else _callback(callback, unknown),
        options=options,
    )
    return in_structure(unknown, result, "x")


def _callback(callback: Callable[..., Any], unknown: Unknown) -> Callable[..., Any]:
    """The user's callback, called with a pytree."""
    check_callable("root", "callback", callback, "f, x0, args, callback=")
    check_takes("root", "callback", callback, "x", "residual")
    return lambda x, residual: callback(unknown.build(np.array(x)), residual)


@keywords(
    tol="ftol=, xtol= and gtol= are its tolerances",
    options="options are keywords, as in max_nfev=100",
    maxiter="max_nfev=100",
    jac_sparsity="the pattern is that of the graph: jac='sparse'",
)
def least_squares(
    f: Any,
    x0: Any,
    args: Any = (),
    *,
    method: str = "trf",
    jac: str = "auto",
    bounds: Any = (None, None),
    **options: Any,
) -> Any:
    """`scipy.optimize.least_squares` of the residuals f(x, *args) from `x0`, a pytree of floats or
    a list of numbers, with the exact Jacobian: `jac` "dense", "sparse", or "auto" for sparse where
    the pattern is.

    `bounds` is a pair (low, high) of None, numbers, or pytrees like `x0`. The residuals are a
    pytree of arrays, flattened. The result is SciPy's, with `x` in the structure of `x0`.

    >>> import numpy as np
    >>> t = np.linspace(0, 1, 20)
    >>> def residuals(p):
    ...     return p["a"] * np.exp(-p["k"] * t) - 2 * np.exp(-3 * t)
    >>> result = least_squares(residuals, {"a": 1.0, "k": 1.0})
    >>> {name: float(value.round(6)) for name, value in result.x.items()}
    {'a': 2.0, 'k': 3.0}
    """
    check_method("least_squares", method, LEAST_SQUARES, exact=True)
    args = arguments(args)
    vector, unknown = vectorised("least_squares", f, x0, args)
    check_jacobian("least_squares", jac)
    if jac == "sparse" and method == "lm":
        raise OptionError(
            "least_squares: method 'lm' takes no sparse Jacobian",
            location=call_site().location,
            hint="method='trf'",
        )
    if jac == "auto":
        pays = method != "lm" and vector.jacobian_pays((unknown.vector, *args))
        jac = "sparse" if pays else "dense"
    jacobian: Any = vector.jacobian if jac == "sparse" else vector.dense_jacobian
    result = called(
        "least_squares",
        scipy.optimize.least_squares,
        numbers("least_squares", vector.value),
        unknown.vector,
        jac=jacobian,
        bounds=_both_sides(unknown, bounds),
        method=method,
        args=args,
        **options,
    )
    return in_structure(unknown, result, "x", "grad")


def _both_sides(unknown: Unknown, bounds: Any) -> Any:
    if isinstance(bounds, scipy.optimize.Bounds):
        return bounds
    if not isinstance(bounds, (tuple, list)) or len(bounds) != 2:
        raise ArgumentError(
            f"least_squares: bounds must be a pair (low, high), got {bounds!r:.60}",
            location=call_site().location,
            hint="each a number, None, or a pytree like x0: ({'a': 0.0, 'b': None}, None)",
        )
    low, high = bounds
    limit = partial(limits, unknown, "least_squares")
    return limit(low, -np.inf), limit(high, np.inf)
