"""`solve_ivp`: SciPy's, with exact Jacobians for its implicit methods."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy

from irgrad.errors import ArgumentError, NoConvergence, OptionError, ShapeError
from irgrad.frontend.called import check_callable, check_takes
from irgrad.frontend.keywords import keywords
from irgrad.frontend.pytree import unflatten
from irgrad.frontend.site import call_site, defined_at
from irgrad.ir.types import type_of
from irgrad.runtime.implicit import Unknown, arguments
from irgrad.scipy.calling import called
from irgrad.scipy.options import check_jacobian, check_method
from irgrad.scipy.vector import as_many, vectorised

IMPLICIT = ("Radau", "BDF", "LSODA")
METHODS = ("RK45", "RK23", "DOP853", *IMPLICIT)


@keywords(
    tol="rtol= and atol= are its tolerances",
    options="options are keywords, as in rtol=1e-6",
    jac_sparsity="the pattern is that of the graph: jac='sparse'",
    hmax="max_step=0.1",
)
def solve_ivp(
    f: Any,
    t_span: Any,
    y0: Any,
    method: Any = "Radau",
    args: Any = (),
    *,
    jac: str = "auto",
    events: Any = None,
    **options: Any,
) -> Any:
    """`scipy.integrate.solve_ivp` of y' = f(t, y, *args) from `y0`, a pytree of floats or a list of
    numbers, with compiled f and the exact Jacobian for the implicit methods "Radau", "BDF" and
    "LSODA": `jac` "dense", "sparse", or "auto" for sparse where the pattern is ("LSODA" takes dense
    ones only).

    f returns a pytree like `y0`, `events` are functions event(t, y, *args) of it. The result is
    SciPy's, with `y`, each of `y_events` and what `sol(t)` gives in the structure of `y0`, each
    leaf with the times as its last axis. Where the slope at the start is not finite, it is a
    `NoConvergence`.

    >>> import numpy as np
    >>> solution = solve_ivp(lambda t, y: {"u": -50 * (y["u"] - np.cos(t))}, (0, 1), {"u": 0.0})
    >>> bool(solution.success), float(solution.y["u"][-1].round(2))
    (True, 0.56)
    """
    check_method("solve_ivp", method, METHODS, exact=True, own=True)
    args = arguments(args)
    vector, unknown = vectorised("solve_ivp", f, y0, args, first=1)
    check_jacobian("solve_ivp", jac)
    if jac == "sparse" and method == "LSODA":
        raise OptionError(
            "solve_ivp: method 'LSODA' takes no sparse Jacobian",
            location=call_site().location,
            hint="method='BDF'",
        )
    if np.shape(t_span) != (2,):
        raise ArgumentError(
            f"solve_ivp: t_span must be a pair (first, last) of times, got {t_span!r:.60}",
            location=call_site().location,
            hint="t_eval= chooses the times between them",
        )

    def slope(t: Any, y: Any, *rest: Any) -> Any:
        return as_many("solve_ivp", unknown, vector.value(float(t), y, *rest))

    first = slope(t_span[0], unknown.vector, *args)
    if not np.all(np.isfinite(first)):
        raise NoConvergence(
            f"solve_ivp: the slope at the start, t = {t_span[0]}, is not finite: {first!r:.60}",
            location=call_site().location,
            hint="y0 must lie where the right-hand side is defined",
        )
    if method in IMPLICIT:
        start = (float(t_span[0]), unknown.vector, *args)
        if jac == "auto":
            jac = "sparse" if method != "LSODA" and vector.jacobian_pays(start) else "dense"
        matrix: Any = vector.jacobian if jac == "sparse" else vector.dense_jacobian
        options["jac"] = lambda t, y, *rest: matrix(float(t), np.array(y), *rest)
    result = called(
        "solve_ivp",
        scipy.integrate.solve_ivp,
        slope,
        t_span,
        unknown.vector,
        method,
        args=args or None,
        events=_events(events, unknown, args),
        **options,
    )
    result.y = _over_time(unknown, result.y)
    if result.get("y_events") is not None:
        result.y_events = [
            _over_time(unknown, np.reshape(y, (-1, unknown.vector.size)).T) for y in result.y_events
        ]
    if result.get("sol") is not None:
        result.sol = Solution(unknown, result.sol)
    return result


class Solution:
    """The solution at any time of the span: t -> y in the structure of the start, each leaf with
    the axes of t last. Its attributes are those of SciPy's `OdeSolution`.
    """

    def __init__(self, unknown: Unknown, dense: Any) -> None:
        self._unknown = unknown
        self._dense = dense

    def __call__(self, t: Any) -> Any:
        y = self._dense(t)
        return self._unknown.build(y) if y.ndim == 1 else _over_time(self._unknown, y)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._dense, name)


def _events(events: Any, unknown: Unknown, args: tuple[Any, ...]) -> Any:
    """The user's events as functions of the vector, with what SciPy reads off them."""
    if events is None:
        return None
    several = isinstance(events, (list, tuple))
    made = [_event(each, unknown, args) for each in (events if several else [events])]
    return made if several else made[0]


def _event(event: Any, unknown: Unknown, args: tuple[Any, ...]) -> Any:
    check_callable("solve_ivp", "an event", event, "f, t_span, y0, events=")
    given = ("t", "y", *(f"args[{k}]" for k in range(len(args))))
    check_takes("solve_ivp", "an event", event, *given)

    def of_vector(t: Any, y: Any, *rest: Any) -> Any:
        value = event(t, unknown.build(np.array(y)), *rest)
        if np.size(value) != 1:
            raise ShapeError(
                f"solve_ivp: an event must give one number, {getattr(event, '__name__', 'it')} "
                f"gives {type_of(np.asarray(value))}",
                location=defined_at(event) or call_site().location,
                hint="events are functions event(t, y) whose zeros are found; a list takes several",
            )
        return np.reshape(value, ())[()]

    vars(of_vector).update(getattr(event, "__dict__", {}))
    return of_vector


def _over_time(unknown: Unknown, y: Any) -> Any:
    """The leaves of the unknown with a last axis of times."""
    leaves: list[Any] = []
    start = 0
    for type in unknown.types:
        part = y[start : start + type.size]
        leaves.append(part.reshape(*type.shape, part.shape[-1]))
        start += type.size
    return unflatten(unknown.tree, leaves)
