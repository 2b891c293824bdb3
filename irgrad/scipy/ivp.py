"""`solve_ivp`: SciPy's, with exact Jacobians for its implicit methods."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy

from irgrad.errors import ArgumentError, OptionError
from irgrad.frontend.pytree import unflatten
from irgrad.scipy.options import check_method
from irgrad.scipy.vector import arguments, as_many, vectorised

IMPLICIT = ("Radau", "BDF", "LSODA")
METHODS = ("RK45", "RK23", "DOP853", *IMPLICIT)


def solve_ivp(
    f: Any,
    t_span: Any,
    y0: Any,
    method: Any = "Radau",
    args: Any = (),
    *,
    jac: str = "auto",
    **options: Any,
) -> Any:
    """`scipy.integrate.solve_ivp` of y' = f(t, y, *args) from `y0`, a pytree of floats, with
    compiled f and the exact Jacobian for the implicit methods "Radau", "BDF" and "LSODA": `jac`
    "dense", "sparse", or "auto" for sparse where the pattern is ("LSODA" takes dense ones only).

    f returns a pytree like `y0`. The result is SciPy's, with `y` in the structure of `y0`, each
    leaf with the times as its last axis.

    >>> import numpy as np
    >>> solution = solve_ivp(lambda t, y: {"u": -50 * (y["u"] - np.cos(t))}, (0, 1), {"u": 0.0})
    >>> bool(solution.success), float(solution.y["u"][-1].round(2))
    (True, 0.56)
    """
    check_method("solve_ivp", method, METHODS, exact=True, own=True)
    args = arguments(args)
    vector, unknown = vectorised("solve_ivp", f, y0, args, first=1)
    if jac not in ("auto", "dense", "sparse"):
        raise OptionError(f"jac must be 'auto', 'dense' or 'sparse', got {jac!r}")

    if np.shape(t_span) != (2,):
        raise ArgumentError(
            f"solve_ivp: t_span must be a pair (first, last) of times, got {t_span!r:.60}",
            hint="t_eval= chooses the times between them",
        )

    def slope(t: Any, y: Any, *rest: Any) -> Any:
        return as_many("solve_ivp", unknown, vector.value(float(t), y, *rest))

    if method in IMPLICIT:
        start = (float(t_span[0]), unknown.vector, *args)
        if jac == "auto":
            jac = "sparse" if method != "LSODA" and vector.jacobian_pays(start) else "dense"
        matrix: Any = vector.jacobian if jac == "sparse" else vector.dense_jacobian
        options["jac"] = lambda t, y, *rest: matrix(float(t), np.array(y), *rest)
    given = args or None
    result = scipy.integrate.solve_ivp(slope, t_span, unknown.vector, method, args=given, **options)
    result.y = _over_time(unknown, result.y)
    if result.get("y_events") is not None:
        result.y_events = [_over_time(unknown, np.transpose(y)) for y in result.y_events if len(y)]
    return result


def _over_time(unknown: Any, y: Any) -> Any:
    """The leaves of the unknown with a last axis of times."""
    leaves: list[Any] = []
    start = 0
    for type in unknown.types:
        part = y[start : start + type.size]
        leaves.append(part.reshape(*type.shape, part.shape[-1]))
        start += type.size
    return unflatten(unknown.tree, leaves)
