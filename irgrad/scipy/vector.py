"""A function of a pytree as a function of one float64 vector, and its derivatives as SciPy calls
them.

The unknown's start is a pytree, or what SciPy takes for an array: a list of numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from irgrad.errors import ArgumentError, DTypeError, ShapeError, TraceError
from irgrad.frontend.called import check_unknown
from irgrad.frontend.capture import captured
from irgrad.frontend.promote import any_traced
from irgrad.frontend.pytree import leaves_of, subtrees
from irgrad.frontend.site import call_site, defined_at
from irgrad.runtime.compiled import Compiled
from irgrad.runtime.implicit import Unknown, check_arrays, matching, raveled, unknown_of
from irgrad.runtime.jacobian import hessian, hvp, jacobian
from irgrad.runtime.remember import kept
from irgrad.runtime.sparse import SparseDerivative, sparse_hessian, sparse_jacobian
from irgrad.runtime.transforms import Gradient, described, differentiable

DIFFERENTIABLE = {
    "minimize": "irgrad.minimize_argmin(f, x0, args) can be differentiated",
    "root": "irgrad.root(f, x0, args) can be differentiated",
    "least_squares": "irgrad.minimize_argmin of the sum of squares can be differentiated",
    "solve_ivp": "steps of an integrator in irgrad.scan can be differentiated",
}
"""What to write in a function that is differentiated, where SciPy's solvers take numbers only."""
SPARSE_FROM = 100
"""Unknowns from which a sparse matrix can be worth its overhead."""


class Vectorised:
    """`f(x, *args)` for pytrees x as functions of one vector; made once for a function and a
    structure, so that what is compiled serves the next call too.
    """

    def __init__(self, f: Callable[..., Any], unknown: Unknown, first: int = 0) -> None:
        followed = captured(f)

        def called(args: tuple[Any, ...]) -> Any:
            return followed(*args[:first], unknown.build(args[first]), *args[first + 1 :])

        def flat(*args: Any) -> Any:
            result = called(args)
            if first and not unknown.tree.is_leaf():
                return matching("solve_ivp", f, unknown)(result)
            leaves = check_arrays("irgrad.scipy", f, result, takes_none=result is not None)
            scalar = len(leaves) == 1 and np.shape(leaves[0]) == ()
            return leaves[0] if scalar else raveled(leaves, np.float64)

        def scalar(*args: Any) -> Any:
            result = called(args)
            leaves = check_arrays("minimize", f, result)
            if len(leaves) != 1:
                raise ArgumentError(
                    f"minimize needs a scalar, {flat.__name__} returns {described(result)}",
                    location=defined_at(f),
                    hint="return the value alone: a second function can compute what is beside it",
                )
            if shape := np.shape(leaves[0]):
                raise ShapeError(
                    f"minimize needs a scalar, {flat.__name__} returns an array of shape {shape}",
                    location=defined_at(f),
                    hint="sum the result, or use irgrad.scipy.least_squares for residuals",
                )
            return leaves[0]

        flat.__name__ = scalar.__name__ = getattr(f, "__name__", "f")
        self.flat = flat
        self.first = first
        self.value = Compiled(flat)
        slope = Gradient(scalar, first, False, False, True, "minimize")
        self.value_and_gradient = Compiled(slope)
        self._product = Compiled(hvp(flat, first))
        self.dense_hessian = Compiled(hessian(flat, first))

        def several(*args: Any) -> Any:
            return np.atleast_1d(flat(*args))

        def total(weights: Any, *args: Any) -> Any:
            return np.sum(weights * several(*args))

        self.dense_jacobian = Compiled(jacobian(several, first))
        self.combined_hessian = Compiled(hessian(total, first + 1))
        self.jacobian: SparseDerivative = sparse_jacobian(flat, first)
        self.hessian: SparseDerivative = sparse_hessian(flat, first)

    def product(self, x: Any, v: Any, *args: Any) -> Any:
        """The Hessian times v."""
        return self._product(x, *args, np.asarray(v, float).reshape(x.shape))

    def jacobian_pays(self, args: tuple[Any, ...]) -> bool:
        """Whether a sparse Jacobian is worth it at these arguments."""
        return _pays(self.jacobian, args, self.first)

    def hessian_pays(self, args: tuple[Any, ...]) -> bool:
        """Whether a sparse Hessian is worth it at these arguments."""
        return _pays(self.hessian, args, self.first)


def _pays(derivative: SparseDerivative, args: tuple[Any, ...], first: int) -> bool:
    if args[first].size < SPARSE_FROM:
        return False
    found = derivative.sparsity(*args, quietly=True)
    return 4 * found.number <= min(found.shape)


def vectorised(
    name: str, f: Any, x0: Any, args: tuple[Any, ...] = (), first: int = 0, what: str = "f"
) -> tuple[Vectorised, Unknown]:
    """The function of a vector, and the unknown at its start; f takes the unknown, after a time
    where it is not the `first` argument, and `args`. In messages it is the argument `what`.
    """
    function = differentiable(name, f)
    if any(map(any_traced, leaves_of((x0, args)))):
        raise traced_error(name)
    check_unknown(name, function, args, *(("t", "y") if first else ("x",)), name=what)
    unknown = unknown_of(name, _array_like(x0))
    if unknown.vector.dtype.kind == "c":
        raise DTypeError(
            f"{name} of complex unknowns",
            location=call_site().location,
            hint="split them into real and imaginary",
        )
    if not unknown.vector.size:
        raise ArgumentError(
            f"{name}: the start has no element",
            location=call_site().location,
            hint="there is nothing to solve for: leave the call out",
        )
    unknown = unknown._replace(vector=unknown.vector.astype(np.float64))
    made = kept(function, dict, "scipy")
    key = (unknown.tree, unknown.types, first)
    if key not in made:
        made[key] = Vectorised(function, unknown, first)
    return made[key], unknown


def traced_error(name: str) -> TraceError:
    """The error for a solver of SciPy's in a function that is being lowered."""
    name, _, _ = name.partition(":")
    return TraceError(
        f"irgrad.scipy.{name} of traced values: SciPy takes numbers only",
        location=call_site().location,
        hint=DIFFERENTIABLE[name],
    )


def numbers(name: str, f: Callable[..., Any]) -> Callable[..., Any]:
    """`f`, which gives SciPy numbers unless what it closes over is traced: an error then."""

    def checked(*args: Any) -> Any:
        result = f(*args)
        if any_traced(result):
            raise traced_error(name)
        return result

    return checked


def _array_like(x0: Any) -> Any:
    """A list of numbers, or of such lists, as an array; any other pytree as it is."""
    return np.array(x0, float) if type(x0) in (list, tuple) and x0 and _is_listed(x0) else x0


def _is_listed(x: Any) -> bool:
    if type(x) in (list, tuple):
        return all(map(_is_listed, x)) and len(set(map(np.shape, x))) == 1
    return isinstance(x, (int, float, np.floating, np.integer))


def as_many(name: str, unknown: Unknown, result: Any) -> Any:
    """What f gave, as a vector; `ShapeError` where it has not one number for each unknown."""
    if any_traced(result):
        raise traced_error(name)
    vector = np.atleast_1d(result)
    if vector.shape != unknown.vector.shape:
        raise ShapeError(
            f"{name}: f gives {vector.size} numbers, expected {unknown.vector.size}, one for each "
            "unknown",
            location=call_site().location,
            hint="return a pytree like the start"
            if name == "solve_ivp"
            else "least_squares takes any number of residuals",
        )
    return vector


def limits(unknown: Unknown, name: str, side: Any, default: float) -> Any:
    """A lower or upper limit of the unknown as a vector: None, a number, or a pytree like it of
    numbers and arrays that broadcast to its leaves.
    """
    if side is None or (not isinstance(side, (dict, list, tuple)) and np.ndim(side) == 0):
        return np.full(unknown.vector.shape, default if side is None else side, float)
    try:
        parts = subtrees(unknown.tree, side)
    except ValueError as error:
        got = f"got {side!r:.60}" if "mismatch" not in str(error) else str(error)
        raise bounds_error(name, f"do not have the structure of x0: {got}") from None
    try:
        filled = [
            np.broadcast_to(np.asarray(default if part is None else part, float), type.shape)
            for part, type in zip(parts, unknown.types, strict=True)
        ]
    except (TypeError, ValueError) as error:
        raise bounds_error(name, f"must be numbers and arrays that fit x0: {error}") from None
    return raveled(filled, np.float64)


def bounds_error(name: str, message: str) -> ArgumentError:
    """The error for bounds that do not fit."""
    hint = (
        "a pair (low, high) of None, numbers and pytrees like x0: ({'a': 0.0, 'b': None}, None)"
        if name == "least_squares"
        else "for a pytree, one of its structure: {'a': (0, None)} for x0 = {'a': ...}; else a "
        "pair for each element, or scipy.optimize.Bounds(low, high)"
    )
    return ArgumentError(f"{name}: bounds {message}", location=call_site().location, hint=hint)


def in_structure(unknown: Unknown, result: Any, *keys: str) -> Any:
    """A result of SciPy with its vectors in the structure of the unknown."""
    for key in keys:
        vector = result.get(key)
        if isinstance(vector, np.ndarray) and vector.shape == unknown.vector.shape:
            result[key] = unknown.build(vector)
    return result
