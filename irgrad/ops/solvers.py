"""The solvers of `implicit`, from SciPy: of equations, of minima, of linear maps.

SciPy loads its packages when they are first used, `optimize` in a tenth of a second."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
import scipy

from irgrad.errors import IrgradError, NoConvergence, Singular
from irgrad.ir.graph import Graph
from irgrad.ir.op import Array
from irgrad.ops.implicit import LINEAR_SOLVERS, SOLVERS, Equation, calculus

ROOTS = ("hybr", "lm", "broyden1", "broyden2", "anderson", "krylov", "df-sane")
MINIMA = ("BFGS", "L-BFGS-B", "CG", "Newton-CG", "trust-exact", "trust-krylov", "trust-ncg")
WITH_JACOBIAN = ("hybr", "lm")
MOST_STEPS = 100_000
MOST_DENSE = 2000
"""Unknowns up to which a root's Jacobian is looked at."""
POLISH = 60
"""The most of Newton's steps on the gradient after a minimiser, whose tolerance is for minima, not
for derivatives; where the minimum is flat they are needed.
"""


def scipy_root(method: str, equation: Equation, start: Array) -> Array:
    """`scipy.optimize.root`, with the exact Jacobian where the method takes one. The others, which
    serve where a Jacobian is too large, are held to their residual, beside that of the start, too.
    """
    goal, options = 0.0, {"jac": equation.jacobian, "tol": 1e-13}
    if method not in WITH_JACOBIAN:
        first = equation.residual(start)
        goal = float(np.finfo(first.dtype).eps) ** 0.75 * max(1.0, _largest(first))
        options: dict[str, Any] = {"options": {"fatol": goal}}
    found = _run(f"root: {method}", scipy.optimize.root, equation.residual, start, method, options)
    left = _largest(found.fun)
    good = not goal or found.success or left <= 10 * goal
    if good and start.size <= MOST_DENSE:
        good = settled(equation, found.x, found.fun)
    if not good:
        raise NoConvergence(
            f"root: {method} stopped where f is {left:.3g}: {found.message}",
            hint="start nearer to the root, if there is one",
        )
    return found.x


def _run(
    what: str,
    solve: Callable[..., Any],
    f: Any,
    start: Array,
    method: str,
    options: dict[str, Any],
) -> Any:
    """What SciPy finds; its complaints about numbers are a `NoConvergence`."""
    try:
        with np.errstate(all="ignore"):
            return solve(f, start, method=method, **options)
    except IrgradError:
        raise
    except (ValueError, ArithmeticError, np.linalg.LinAlgError) as error:
        raise NoConvergence(f"{what}: {error}", hint="start elsewhere") from None


def _largest(x: Array) -> float:
    return float(np.max(np.abs(x), initial=0.0))


def settled(equation: Equation, x: Array, residual: Array) -> bool:
    """Whether there is a root at x: the residual is rounding, or Newton's next step is small, or
    his steps shrink, as they do at multiple roots, but not where f only tends to 0.
    """
    if not np.any(residual) or not np.all(np.isfinite(residual)):
        return bool(np.all(np.isfinite(residual)))
    jacobian, small = equation.jacobian(x), _small(residual)
    if _largest(residual) <= small * _largest(np.abs(jacobian) @ np.abs(x)):
        return True
    step = _newton(jacobian, residual)
    if step is None or _largest(step) <= small * (1 + _largest(x)):
        return step is not None
    left = equation.residual(x - step)
    after = _newton(equation.jacobian(x - step), left)
    shrinks = after is not None and _largest(after) <= 0.9 * _largest(step)
    return shrinks and _largest(left) < _largest(residual)


def _small(x: Array) -> float:
    """What counts as rounding beside 1 in the dtype of x."""
    return float(np.finfo(x.dtype).eps) ** (2 / 3)


def _newton(jacobian: Array, residual: Array) -> Array | None:
    """Newton's step, the shortest one where there are many; None where there is none."""
    try:
        step = np.linalg.solve(jacobian, residual)
    except np.linalg.LinAlgError:
        if not np.all(np.isfinite(jacobian)):
            return None
        step = np.linalg.lstsq(jacobian, residual)[0]
        if _largest(jacobian @ step - residual) > 1e-6 * _largest(residual):
            return None
    return step if np.all(np.isfinite(step)) else None


def iterate(equation: Equation, start: Array) -> Array:
    """x <- x + residual(x), until that changes nothing that counts."""
    x, step = start, np.inf
    for _ in range(MOST_STEPS):
        change = equation.residual(x)
        x, last = x + change, step
        step = float(np.max(np.abs(change), initial=0.0))
        if not np.isfinite(step):
            break
        scale = 1 + float(np.max(np.abs(x), initial=0.0))
        if step <= 1e-15 * scale or (step <= 1e-12 * scale and step >= last):
            return x
    raise NoConvergence(
        f"fixed_point: the last step is {step:.3g}", hint="is it a contraction? try irgrad.root"
    )


def scipy_minimum(method: str, equation: Equation, start: Array) -> Array:
    """`scipy.optimize.minimize` with exact derivatives, then Newton's steps on the gradient."""
    options: dict[str, Any] = {"jac": equation.residual}
    if method.startswith(("trust", "Newton")):
        options["hess"] = equation.jacobian
    if not start.size:
        return start
    what = f"minimize_argmin: {method}"
    found = _run(what, scipy.optimize.minimize, equation.objective, start, method, options)
    x, gradient = polished(equation, found.x)
    if not settled(equation, x, gradient):
        steepest = _largest(gradient)
        raise NoConvergence(
            f"{what} stopped where the largest slope is {steepest:.3g}: {found.message}",
            hint="start nearer to the minimum, if there is one, or give another solver",
        )
    hessian = equation.jacobian(x)
    _check_minimum(equation, x, hessian)
    _check_smooth(equation, x, hessian)
    return x


def polished(equation: Equation, x: Array) -> tuple[Array, Array]:
    """Newton's steps for as long as they make the gradient smaller and the value no larger, which
    they do towards a maximum: the last point, and the gradient there.
    """
    objective: Any = equation.objective
    gradient, value = equation.residual(x), objective(x)
    most = value + 1e-9 * (1 + abs(value))
    for _ in range(POLISH):
        step = _newton(equation.jacobian(x), gradient)
        if step is None:
            break
        nearer = x - step
        smaller = equation.residual(nearer)
        if not np.linalg.norm(smaller) < np.linalg.norm(gradient):
            break
        if not objective(nearer) <= most:
            break
        x, gradient = nearer, smaller
    return x, gradient


def _check_minimum(equation: Equation, x: Array, hessian: Array) -> None:
    """Raise `NoConvergence` where the gradient is zero, but the value falls on both sides (a
    maximum, a saddle) or, where the curvature is zero too, on one.
    """
    objective: Any = equation.objective
    curvatures, directions = np.linalg.eigh(hessian)
    least, most = curvatures[0], max(1.0, curvatures[-1])
    aside = 1e-2 * (1 + np.abs(x)) * directions[:, 0]
    value = objective(x)
    lower = min(objective(x + aside), objective(x - aside)) < value - 1e-9 * (1 + abs(value))
    if least < -1e-6 * most or (least < 1e-6 * most and lower):
        raise NoConvergence(
            f"minimize_argmin: no minimum: the point found has the curvature {least:.3g}",
            hint="a maximum or a saddle, where the gradient is zero too: start elsewhere",
        )


def _check_smooth(equation: Equation, x: Array, hessian: Array) -> None:
    """Raise `NoConvergence` where the gradient jumps at x: what it changes by across x, along a
    direction that no kink has, is not that of its derivative, and no less from nearer by.
    """
    small = float(np.finfo(x.dtype).eps)
    direction = (1 + np.abs(x)) * np.cos(1.0 + np.arange(x.size))
    along = hessian @ direction

    def jump(step: float) -> float:
        ahead, behind = (equation.residual(x + s * direction) for s in (step, -step))
        return _largest(ahead - behind - 2 * step * along)

    near, far = jump(small**0.5), jump(1000 * small**0.5)
    if near > 0.5 * far and near > small ** (1 / 3) * (1 + _largest(along)):
        raise NoConvergence(
            f"minimize_argmin: no smooth minimum: the slope jumps by {near:.3g} at the point found",
            hint="a kink, as of np.abs, has no derivative: round it off, as np.sqrt(x * x + 1e-6)",
        )


def direct(product: Graph, right: Array, parameters: Sequence[Array]) -> Array:
    """The matrix of the map, column by column in one batch, and LAPACK."""
    try:
        return np.linalg.solve(calculus().matrix(product, parameters), right)
    except np.linalg.LinAlgError:
        raise Singular(
            f"the linear map {product.name} is singular",
            hint="what an equation defines has a derivative where that of the equation to the "
            "unknown can be inverted: not at a multiple root, a kink, or a flat minimum",
        ) from None


def operator_of(product: Graph, right: Array, parameters: Sequence[Array]) -> Any:
    """A linear map as a `scipy.sparse.linalg.LinearOperator`, to vectors like `right`."""
    size = right.size

    def multiplied(product: Graph, x: Array) -> Array:
        return calculus().run(product, [x.reshape(size).astype(right.dtype), *parameters])

    def adjoint(y: Array) -> Array:
        return np.conj(multiplied(calculus().transposed(product), np.conj(y)))

    sparse: Any = scipy.sparse.linalg  # annotations miss the arguments of LinearOperator's base
    return sparse.LinearOperator(
        (size, size), matvec=partial(multiplied, product), rmatvec=adjoint, dtype=right.dtype
    )


def iterative(method: str, product: Graph, right: Array, parameters: Sequence[Array]) -> Array:
    """A Krylov method of `scipy.sparse.linalg`, which makes no matrix."""
    operator, most = operator_of(product, right, parameters), 20 * right.size + 100
    found, info = getattr(scipy.sparse.linalg, method)(operator, right, rtol=1e-12, maxiter=most)
    left = _largest(operator.matvec(found) - right)
    if info or not left <= 1e-6 * _largest(right):
        raise NoConvergence(
            f"linear_solve: {method} gave up where the residual is {left:.3g} (info {info})",
            hint="solver='direct'",
        )
    return found


for name in ROOTS:
    SOLVERS[name] = partial(scipy_root, name)
for name in MINIMA:
    SOLVERS[name] = partial(scipy_minimum, name)
SOLVERS["iterate"] = iterate
LINEAR_SOLVERS["direct"] = direct
for name in ("cg", "gmres", "bicgstab", "minres"):
    LINEAR_SOLVERS[name] = partial(iterative, name)
