"""Bounds and constraints on a pytree, as those on a vector that SciPy takes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import scipy

from irgrad.errors import ArgumentError, OptionError, ShapeError
from irgrad.frontend.pytree import flatten_arrays, subtrees, unflatten
from irgrad.frontend.site import call_site
from irgrad.runtime.implicit import Unknown, arguments
from irgrad.scipy.vector import bounds_error, limits, numbers, vectorised

ENTRIES = ("type", "fun", "jac", "args")


def bounds_of(bounds: Any, unknown: Unknown) -> Any:
    """SciPy's `Bounds` of the vector: from `Bounds`, a pair for each element of a vector, or a
    pytree like the unknown with a pair (low, high) in place of each leaf.
    """
    if isinstance(bounds, scipy.optimize.Bounds):
        return bounds
    is_vector = len(unknown.types) == 1 and unknown.tree.is_leaf()
    pairs = list(bounds) if is_vector and np.iterable(bounds) else None
    if pairs is not None and len(pairs) != unknown.vector.size:
        raise bounds_error(
            "minimize", f"hold {len(pairs)} pairs for {unknown.vector.size} unknowns"
        )
    try:
        pairs = subtrees(unknown.tree, bounds) if pairs is None else pairs
        low, high = zip(*((None, None) if pair is None else pair for pair in pairs), strict=True)
        if is_vector:
            low, high = (
                np.array([default if x is None else x for x in side], float)
                for side, default in ((low, -np.inf), (high, np.inf))
            )
    except (TypeError, ValueError) as error:
        each = "element of x0" if is_vector else "leaf, in the structure of x0"
        got = str(error) if "mismatch" in str(error) else f"got {bounds!r:.60}"
        must = f"must be a pair (low, high) for each {each}: {got}"
        raise bounds_error("minimize", must) from None
    if not is_vector:
        low = limits(unknown, "minimize", unflatten(unknown.tree, low), -np.inf)
        high = limits(unknown, "minimize", unflatten(unknown.tree, high), np.inf)
    sides: Any = scipy.optimize.Bounds
    return sides(low, high)


def constraint_of(constraint: Any, number: int, x0: Any, unknown: Unknown, second: bool) -> Any:
    """A constraint of the vector, with exact derivatives where the user gives none, also of
    `second` order where the method takes these.
    """
    name = f"minimize: constraints[{number}]"
    optimize = scipy.optimize
    if isinstance(constraint, optimize.LinearConstraint):
        return _linear(name, constraint, unknown)
    if isinstance(constraint, optimize.NonlinearConstraint):
        return _nonlinear(name, constraint, x0, unknown, second)
    if not isinstance(constraint, dict):
        raise ArgumentError(
            f"{name} must be a dict or one of SciPy's constraints, got {constraint!r:.60}",
            location=call_site().location,
            hint='{"type": "ineq", "fun": f} for f(x) >= 0, "eq" for f(x) = 0, or '
            "scipy.optimize.NonlinearConstraint(f, low, high); bounds= takes bounds",
        )
    _check_entries(name, constraint)
    args = arguments(constraint.get("args", ()))
    vector, _ = vectorised(name, constraint["fun"], x0, args, what='"fun"')
    jac: Any = vector.dense_jacobian
    if constraint.get("jac") is not None:
        jac = _own(unknown, constraint["jac"], f'{name}: "jac"', _rows)
    return {**constraint, "fun": numbers("minimize", vector.value), "jac": jac, "args": args}


def _check_entries(name: str, constraint: dict[Any, Any]) -> None:
    kind = constraint.get("type")
    if not isinstance(kind, str) or kind.lower() not in ("eq", "ineq"):
        raise OptionError(
            f'{name}: "type" must be "eq" or "ineq", got {kind!r}',
            location=call_site().location,
            hint='"ineq" means f(x) >= 0',
        )
    if not callable(constraint.get("fun")):
        raise ArgumentError(
            f'{name}: "fun" must be a function of x, got {constraint.get("fun")!r:.60}',
            location=call_site().location,
        )
    for entry in constraint:
        if entry not in ENTRIES:
            raise ArgumentError(
                f"{name} has an entry {entry!r}; there are {', '.join(map(repr, ENTRIES))}",
                location=call_site().location,
            )
    jac = constraint.get("jac")
    if jac is not None and not callable(jac):
        raise ArgumentError(
            f'{name}: "jac" must be a function of x, got {jac!r:.60}',
            location=call_site().location,
            hint='leave "jac" out: the Jacobian of "fun" is exact',
        )


def _linear(name: str, constraint: Any, unknown: Unknown) -> Any:
    columns = constraint.A.shape[-1]
    if columns != unknown.vector.size:
        raise ShapeError(
            f"{name}: its matrix has {columns} columns, expected {unknown.vector.size}, one for "
            "each unknown",
            location=call_site().location,
            hint="the leaves of a pytree are flattened one after the other, those of a dict by key",
        )
    return constraint


def _nonlinear(name: str, constraint: Any, x0: Any, unknown: Unknown, second: bool) -> Any:
    vector, _ = vectorised(name, constraint.fun, x0, what="fun")
    if callable(constraint.jac):
        jacobian: Any = _own(unknown, constraint.jac, f"{name}: jac", _rows)
    else:
        sparse = vector.jacobian_pays((unknown.vector,))
        jacobian = vector.jacobian if sparse else vector.dense_jacobian

    def weighted(x: Any, weights: Any) -> Any:
        return vector.combined_hessian(np.asarray(weights, float), x)

    hess: Any = weighted
    if callable(constraint.hess):
        hess = _own(unknown, constraint.hess, f"{name}: hess", _square)
    elif not second:  # SciPy's default, of which it does not warn
        hess = scipy.optimize.BFGS()
    return scipy.optimize.NonlinearConstraint(
        numbers("minimize", vector.value),
        constraint.lb,
        constraint.ub,
        jac=jacobian,
        hess=hess,
        keep_feasible=constraint.keep_feasible,
    )


def own_hessian(unknown: Unknown, hess: Callable[..., Any]) -> Callable[..., Any]:
    """The user's Hessian of the pytree x as a function of the vector."""
    return _own(unknown, hess, "minimize: hess", _square)


def _own(unknown: Unknown, f: Callable[..., Any], what: str, matrix: Any) -> Callable[..., Any]:
    """A derivative that the user gives, as a function of the vector."""

    def of_vector(x: Any, *args: Any) -> Any:
        return matrix(unknown, f(unknown.build(np.array(x)), *args), what)

    return of_vector


def _rows(unknown: Unknown, given: Any, what: str) -> Any:
    """A Jacobian with a column for each element of the unknown: from such a matrix, or from a
    pytree like the unknown, its leaves with the axes of the result in front.
    """
    size = unknown.vector.size
    if hasattr(given, "tocsr"):
        return given
    leaves, tree = flatten_arrays(given)
    try:
        if tree == unknown.tree:
            parts = zip(leaves, unknown.types, strict=True)
            return np.hstack([np.reshape(leaf, (-1, type.size)) for leaf, type in parts])
        return np.reshape(np.asarray(given, float), (-1, size))
    except (TypeError, ValueError):
        raise _wrong(what, given, f"a matrix of {size} columns, one for each unknown") from None


def _square(unknown: Unknown, given: Any, what: str) -> Any:
    """A Hessian with a row and a column for each element of the unknown."""
    size = unknown.vector.size
    if hasattr(given, "matvec") or hasattr(given, "tocsr"):
        return given
    try:
        return np.reshape(np.asarray(given, float), (size, size))
    except (TypeError, ValueError):
        raise _wrong(what, given, f"a matrix of shape {(size, size)}") from None


def _wrong(what: str, given: Any, expected: str) -> ShapeError:
    got = f"shape {given.shape}" if isinstance(given, np.ndarray) else f"{given!r:.60}"
    return ShapeError(f"{what} gave {got}, expected {expected}", location=call_site().location)
