"""`root` and `least_squares`: SciPy's, with exact Jacobians."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy

from irgrad.errors import ArgumentError, OptionError
from irgrad.runtime.implicit import Unknown
from irgrad.scipy.options import check_method, check_tolerance
from irgrad.scipy.vector import arguments, as_many, in_structure, limits, vectorised

WITH_JACOBIAN = ("hybr", "lm")
ROOTS = (
    *WITH_JACOBIAN, "broyden1", "broyden2", "anderson", "linearmixing", "diagbroyden",
    "excitingmixing", "krylov", "df-sane",
)  # fmt: skip
LEAST_SQUARES = ("trf", "dogbox", "lm")


def root(f: Any, x0: Any, args: Any = (), *, method: str = "hybr", **options: Any) -> Any:
    """`scipy.optimize.root` of f(x, *args) from `x0`, a pytree of floats, with the exact Jacobian
    where the method takes one. f returns as many numbers as there are unknowns.

    The result is SciPy's, with `x` in the structure of `x0`. For a root that is itself to be
    differentiated see `irgrad.root`.

    >>> import numpy as np
    >>> result = root(lambda x: np.stack([x[0] + 2 * x[1] - 2, x[0] ** 2 - x[1]]), np.ones(2))
    >>> bool(result.success), result.x.round(3).tolist()
    (True, [0.781, 0.61])
    """
    check_method("root", method, ROOTS)
    check_tolerance("root", options.get("tol"))
    args = arguments(args)
    vector, unknown = vectorised("root", f, x0, args)
    jacobian = vector.dense_jacobian if method.lower() in WITH_JACOBIAN else None

    def value(x: Any, *rest: Any) -> Any:
        return as_many("root", unknown, vector.value(x, *rest))

    result = scipy.optimize.root(
        value, unknown.vector, args=args, method=method, jac=jacobian, **options
    )
    return in_structure(unknown, result, "x")


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
    """`scipy.optimize.least_squares` of the residuals f(x, *args) from `x0`, a pytree of floats,
    with the exact Jacobian: `jac` "dense", "sparse", or "auto" for sparse where the pattern is.

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
    if jac not in ("auto", "dense", "sparse"):
        raise OptionError(f"jac must be 'auto', 'dense' or 'sparse', got {jac!r}")
    if jac == "sparse" and method == "lm":
        raise OptionError("method 'lm' takes no sparse Jacobian", hint="method='trf'")
    if jac == "auto":
        pays = method != "lm" and vector.jacobian_pays((unknown.vector, *args))
        jac = "sparse" if pays else "dense"
    jacobian: Any = vector.jacobian if jac == "sparse" else vector.dense_jacobian
    result = scipy.optimize.least_squares(
        vector.value,
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
            hint="None for a side without bounds",
        )
    low, high = bounds
    return limits(unknown, low, -np.inf), limits(unknown, high, np.inf)
