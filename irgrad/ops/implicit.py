"""Values that an equation defines: roots, minima, solutions of linear maps.

Each op holds the equation as a region, whose first input is the unknown vector, and the name of a
solver in `SOLVERS`. In text a solver is that name, so that loading text runs nothing; running a
graph whose solver is not registered is an error.

Derivatives follow from the equation alone, by the implicit function theorem: with f(x, a) = 0,
f_x x_dot = -f_a a_dot. They are linear equations, hence `solve_linear` again, to any order. What
differentiates and runs regions is `CALCULUS`, which `irgrad.autodiff.implicit` enters, since ops
know nothing of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol
from weakref import WeakValueDictionary

import numpy as np

from irgrad.errors import ArgumentError, BackendError, ShapeError, UnsupportedError
from irgrad.ir.graph import Graph
from irgrad.ir.op import Array, Op, register
from irgrad.ir.types import ArrayType
from irgrad.ops.base import bind
from irgrad.ops.call import BARRIER


class Equation(NamedTuple):
    """What a solver gets: the residual of a vector, its Jacobian matrix, and the function to
    minimise where there is one.
    """

    residual: Callable[[Array], Array]
    jacobian: Callable[[Array], Array]
    objective: Callable[[Array], Array] | None = None


Solver = Callable[[Equation, Array], Any]
SOLVERS: dict[str, Solver] = {}
"""Name -> (equation, start) -> the solution."""
_UNREGISTERED: WeakValueDictionary[str, Solver] = WeakValueDictionary()
"""Those that graphs hold by their names' objects, and that are forgotten with the last of these."""


class SolverName(str):
    """The name of a solver that is not registered, and the solver itself."""

    solver: Solver

    def __reduce__(self) -> Any:
        return str, (str(self),)


def solver_of(name: str) -> Solver | None:
    """The solver with a name, None where there is none."""
    return SOLVERS.get(name) or _UNREGISTERED.get(name)


def name_of(solver: Solver) -> str:
    """A name for a solver, by which graphs find it for as long as any of them, or of its user's
    code, has it.
    """
    first = f"{getattr(solver, '__module__', '')}.{getattr(solver, '__qualname__', 'solver')}"
    name, count = first, 1
    while solver_of(name) not in (None, solver):
        count += 1
        name = f"{first}_{count}"
    try:
        _UNREGISTERED[name] = solver
    except TypeError:  # it takes no weak references
        SOLVERS[name] = solver
    found = SolverName(name)
    found.solver = solver
    return found


class Calculus(Protocol):
    """What these ops need to have done to their regions."""

    def tangent(self, region: Graph, slots: tuple[int, ...]) -> Graph:
        """(inputs, tangents of those in `slots`) -> tangent of the output."""
        ...

    def cotangent(self, region: Graph, slots: tuple[int, ...]) -> Graph:
        """(inputs, cotangent of the output) -> cotangents of those in `slots`."""
        ...

    def linear(self, region: Graph, transposed: bool) -> Graph:
        """(v, inputs) -> J v or J^T v, with J the derivative to the first input."""
        ...

    def varies(self, region: Graph) -> bool:
        """Whether the derivative to the first input may depend on that input."""
        ...

    def stepped(self, region: Graph, slots: tuple[int, ...]) -> list[int]:
        """Those of the inputs in `slots` that the output depends on without a derivative."""
        ...

    def vanishes(self, region: Graph, transposed: bool) -> bool:
        """Whether the derivative to the first input is zero wherever it is taken."""
        ...

    def transposed(self, product: Graph) -> Graph:
        """(y, parameters) -> A^T y, for a product (x, parameters) -> A x."""
        ...

    def run(self, region: Graph, arrays: Sequence[Array]) -> Array:
        """The one output of a region."""
        ...

    def matrix(self, product: Graph, parameters: Sequence[Array]) -> Array:
        """The matrix of a linear map."""
        ...


CALCULUS: dict[str, Calculus] = {}


def calculus() -> Calculus:
    """The one that is entered."""
    return CALCULUS["regions"]


def emitted(region: Graph, operands: Sequence[Any]) -> list[Any]:
    """The outputs of a region whose nodes become part of the graph of the traced operands."""
    builder = max((x.builder for x in operands if hasattr(x, "builder")), key=lambda b: b.level)
    values = builder.inline(region, [builder.lift(x) for x in operands])
    return [builder.wrap(builder, value) for value in values]


def _check(name: str, region: Graph, operands: Sequence[ArrayType]) -> tuple[ArrayType, ...]:
    unknown = operands[0]
    if unknown.ndim != 1 or unknown.dtype.kind not in "fc":
        raise ShapeError(f"{name}: the unknown must be a vector of floats, got {unknown}")
    if region.captured or region.input_types != tuple(operands):
        raise ShapeError(
            f"{name}: the region @{region.name} takes {_listed(region.input_types)}, got "
            f"{_listed(operands)}"
        )
    if region.output_types != (unknown,):
        raise ShapeError(
            f"{name}: the region @{region.name} gives {_listed(region.output_types)}, expected "
            f"{unknown}: as many equations as unknowns"
        )
    return (unknown,)


def _listed(types: Sequence[ArrayType]) -> str:
    return ", ".join(map(str, types)) or "nothing"


class _Root(Op):
    """x with residual(x, *parameters) = 0, from a start that has no influence on derivatives."""

    residual: Graph
    solver: str

    def result_types(self, *operands: ArrayType) -> tuple[ArrayType, ...]:
        return _check(self.name, self.residual, operands)

    def differentiable(self, operand: int) -> bool:
        return operand > 0

    def _objective(self, parameters: Sequence[Array]) -> Callable[[Array], Array] | None:
        return None

    def reference(self, *operands: Array) -> Array:
        start, *parameters = operands
        solve = solver_of(self.solver)
        if solve is None:
            raise BackendError(
                f"{self.name}: no solver '{self.solver}' is registered",
                hint="irgrad.register_solver(name, function) before the graph runs",
            )
        jacobian = calculus().linear(self.residual, False)
        equation = Equation(
            lambda x: calculus().run(self.residual, [x, *parameters]),
            lambda x: calculus().matrix(jacobian, [x, *parameters]),
            self._objective(parameters),
        )
        return _found(self, solve(equation, np.array(start)), start)

    def _check_derivative(self, transposed: bool) -> None:
        """Refuse a derivative where nothing says how x moves."""
        if calculus().vanishes(self.residual, transposed):
            raise UnsupportedError(
                f"the derivative of {self.name}: the equation is flat in the unknown",
                hint="np.sign, np.floor and comparisons are, and so is the gradient of np.abs: "
                "round them off, as np.sqrt(x * x + 1e-6)",
            )

    def jvp(
        self, primals: Sequence[Any], outputs: Sequence[Any], tangents: Sequence[Any]
    ) -> Sequence[Any]:
        self._check_derivative(False)
        (x,), parameters = outputs, primals[1:]
        slots = tuple(k for k, tangent in enumerate(tangents) if tangent is not None)
        along = [tangents[k] for k in slots]
        (flow,) = emitted(calculus().tangent(self.residual, slots), [x, *parameters, *along])
        product = calculus().linear(self.residual, False)
        return [solve_linear(product, -flow, x, *parameters)]

    def vjp(
        self,
        primals: Sequence[Any],
        outputs: Sequence[Any],
        cotangents: Sequence[Any],
        wanted: Sequence[bool],
    ) -> Sequence[Any]:
        self._check_derivative(True)
        (x,), parameters = outputs, primals[1:]
        product = calculus().linear(self.residual, True)
        weight = solve_linear(product, -cotangents[0], x, *parameters)
        bars = _spread(self.residual, wanted, [x, *parameters, weight])
        for k in calculus().stepped(self.residual, _slots(wanted)):
            bars[k] = bind(BARRIER, bars[k], weight)  # zero, where the equation has a solution
        return bars


def _found(op: _Root | SolveLinear, given: Any, like: Array) -> Array:
    """What a solver gave, as a vector `like` another."""
    try:
        found = np.asarray(given)
    except ValueError:
        found = np.asarray(None)
    what = f"{op.name}: the solver '{op.solver}' gave"
    if found.dtype.kind not in ("biufc" if like.dtype.kind == "c" else "biuf"):
        pair = isinstance(given, tuple) and len(given) == 2
        raise ArgumentError(
            f"{what} {given!r:.60}, expected an array of shape {like.shape}",
            hint="return result.x"
            if hasattr(given, "x")
            else "return result[0]: SciPy's Krylov methods give (x, info)"
            if pair
            else f"return the solution, {np.dtype(like.dtype)} numbers",
        )
    if found.shape != like.shape:
        raise ShapeError(
            f"{what} shape {found.shape}, expected {like.shape}",
            hint="one number for each unknown, in the order of the start",
        )
    return found.astype(like.dtype)


def _slots(wanted: Sequence[bool]) -> tuple[int, ...]:
    """The parameters that are wanted."""
    return tuple(k for k, want in enumerate(wanted) if want and k)


def _spread(region: Graph, wanted: Sequence[bool], operands: Sequence[Any]) -> list[Any]:
    """The cotangents of the wanted parameters of a region, None for the rest."""
    slots = _slots(wanted)
    found = iter(emitted(calculus().cotangent(region, slots), operands) if slots else ())
    return [next(found) if k in slots else None for k in range(len(wanted))]


@register("solve_root")
class SolveRoot(_Root):
    """x with residual(x, *parameters) = 0."""

    residual: Graph
    solver: str


@register("solve_minimum")
class SolveMinimum(_Root):
    """x that minimises objective(x, *parameters), where its gradient, the residual, is 0."""

    objective: Graph
    residual: Graph
    solver: str

    def _objective(self, parameters: Sequence[Array]) -> Callable[[Array], Array]:
        return lambda x: calculus().run(self.objective, [x, *parameters])


@register("solve_linear")
class SolveLinear(Op):
    """x with product(x, *parameters) = b, for a product that is linear in x.

    With A x the product: x_dot = A^-1 (b_dot - A_dot x), and with w = A^-T x_bar: b_bar = w, the
    parameters' cotangents those of -w . A x."""

    product: Graph
    solver: str

    def result_types(self, *operands: ArrayType) -> tuple[ArrayType, ...]:
        return _check("solve_linear", self.product, operands)

    def reference(self, *operands: Array) -> Array:
        right, *parameters = operands
        solve = LINEAR_SOLVERS.get(self.solver) or self._own()
        rest = calculus().run(self.product, [np.zeros_like(right), *parameters])
        if np.any(np.abs(rest) > 0):
            raise ArgumentError(
                f"linear_solve: {self.product.name} is not linear: of zeros it gives {rest!r:.60}",
                hint="what it adds belongs on the right-hand side",
            )
        return np.asarray(solve(self.product, right, parameters), right.dtype)

    def _own(self) -> LinearSolver:
        """The user's solver, which gets the map as SciPy's have it."""
        from irgrad.ops.solvers import operator_of  # which enters its solvers here

        own: Any = solver_of(self.solver)
        if own is None:
            raise BackendError(
                f"solve_linear: no solver '{self.solver}' is registered; there are "
                f"{', '.join(LINEAR_SOLVERS)}",
                hint="irgrad.register_solver(name, function) before the graph runs",
            )

        def solve(product: Graph, right: Array, parameters: Sequence[Array]) -> Array:
            given = own(operator_of(product, right, parameters), np.array(right))
            return _found(self, given, right)

        return solve

    def jvp(
        self, primals: Sequence[Any], outputs: Sequence[Any], tangents: Sequence[Any]
    ) -> Sequence[Any]:
        (x,), parameters, right = outputs, primals[1:], tangents[0]
        slots = tuple(k for k, tangent in enumerate(tangents) if tangent is not None and k)
        if slots:
            along = [tangents[k] for k in slots]
            (flow,) = emitted(calculus().tangent(self.product, slots), [x, *parameters, *along])
            right = -flow if right is None else right - flow
        return [bind(self, right, *parameters)]

    def vjp(
        self,
        primals: Sequence[Any],
        outputs: Sequence[Any],
        cotangents: Sequence[Any],
        wanted: Sequence[bool],
    ) -> Sequence[Any]:
        (x,), parameters = outputs, primals[1:]
        back = SolveLinear(calculus().transposed(self.product), self.solver)
        weight = bind(back, cotangents[0], *parameters)
        bars = _spread(self.product, wanted, [x, *parameters, -weight])
        return [weight, *bars[1:]]


LinearSolver = Callable[[Graph, Array, Sequence[Array]], Any]
LINEAR_SOLVERS: dict[str, LinearSolver] = {}
"""Name -> (product, right-hand side, parameters) -> the solution."""


def solve_linear(product: Graph, right: Any, *parameters: Any, solver: str = "direct") -> Any:
    """x with product(x, *parameters) = right."""
    return bind(SolveLinear(product, solver), right, *parameters)
