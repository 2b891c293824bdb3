"""The solvers of `implicit`, from SciPy: of equations, of minima, of linear maps.

SciPy loads its packages when they are first used, `optimize` in a tenth of a second."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import scipy

from irgrad.ir.graph import Graph
from irgrad.ir.op import Array
from irgrad.ops.implicit import LINEAR_SOLVERS, SOLVERS, Equation, NoConvergence, calculus

ROOTS = ("hybr", "lm", "broyden1", "broyden2", "anderson", "krylov", "df-sane")
MINIMA = ("BFGS", "L-BFGS-B", "CG", "Newton-CG", "trust-exact", "trust-krylov", "trust-ncg")
WITH_JACOBIAN = ("hybr", "lm")
MOST_STEPS = 100_000
POLISH = 5
"""Newton's steps on the gradient after a minimiser, whose tolerance is for minima, not for
derivatives.
"""


def scipy_root(method: str, equation: Equation, start: Array) -> Array:
    """`scipy.optimize.root`; the Jacobian is exact where the method takes one."""
    options: dict[str, Any] = {"tol": 1e-13} if method in WITH_JACOBIAN else {"tol": 1e-10}
    jacobian = equation.jacobian if method in WITH_JACOBIAN else None
    found = scipy.optimize.root(equation.residual, start, jac=jacobian, method=method, **options)
    if not found.success and not _small(equation, found.x):
        raise NoConvergence(f"root: {method}: {found.message}", hint="start nearer to the root")
    return found.x


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
    hessian = equation.jacobian if method.startswith(("trust", "Newton")) else None
    found = scipy.optimize.minimize(
        equation.objective, start, jac=equation.residual, hess=hessian, method=method
    )
    return polished(equation, found.x, f"minimize_argmin: {method}: {found.message}")


def polished(equation: Equation, x: Array, message: str) -> Array:
    """Newton's steps for as long as they make the gradient smaller and the value no larger, which
    they do towards a maximum.
    """
    objective: Any = equation.objective
    gradient, value = equation.residual(x), objective(x)
    most = value + 1e-9 * (1 + abs(value))
    for _ in range(POLISH):
        try:
            nearer = x - np.linalg.solve(equation.jacobian(x), gradient)
        except np.linalg.LinAlgError:
            break
        smaller = equation.residual(nearer)
        if not np.linalg.norm(smaller) < np.linalg.norm(gradient):
            break
        if not objective(nearer) <= most:
            break
        x, gradient = nearer, smaller
    if not _small(equation, x):
        raise NoConvergence(message, hint="start nearer to the minimum, or give another solver")
    curvatures = np.linalg.eigvalsh(equation.jacobian(x)) if x.size else np.ones(1)
    if curvatures[0] < -1e-6 * max(1.0, curvatures[-1]):
        raise NoConvergence(
            f"minimize_argmin: no minimum: the point found has the curvature {curvatures[0]:.3g}",
            hint="a maximum or a saddle, where the gradient is zero too: start elsewhere",
        )
    return x


def _small(equation: Equation, x: Array) -> bool:
    """Whether the residual is as small as rounding lets it be, or nearly."""
    size = np.max(np.abs(equation.residual(x)), initial=0.0)
    return bool(size <= 1e-6 * (1 + np.max(np.abs(x), initial=0.0)))


def direct(product: Graph, right: Array, parameters: Sequence[Array]) -> Array:
    """The matrix of the map, column by column in one batch, and LAPACK."""
    return np.linalg.solve(calculus().matrix(product, parameters), right)


def iterative(method: str, product: Graph, right: Array, parameters: Sequence[Array]) -> Array:
    """A Krylov method of `scipy.sparse.linalg`, which makes no matrix."""
    size = right.size

    def multiply(x: Array) -> Array:
        return calculus().run(product, [x.reshape(size).astype(right.dtype), *parameters])

    sparse: Any = scipy.sparse.linalg  # annotations miss the arguments of LinearOperator's base
    operator = sparse.LinearOperator((size, size), matvec=multiply, dtype=right.dtype)
    found, info = getattr(sparse, method)(operator, right, rtol=1e-12, maxiter=20 * size + 100)
    if info:
        raise NoConvergence(f"linear_solve: {method} gave up (info {info})", hint="solver='direct'")
    return found


for name in ROOTS:
    SOLVERS[name] = partial(scipy_root, name)
for name in MINIMA:
    SOLVERS[name] = partial(scipy_minimum, name)
SOLVERS["iterate"] = iterate
LINEAR_SOLVERS["direct"] = direct
for name in ("cg", "gmres", "bicgstab", "minres"):
    LINEAR_SOLVERS[name] = partial(iterative, name)
