"""Functions that an equation defines: `root`, `fixed_point`, `minimize_argmin`, `linear_solve`.

A solver finds the value; the derivative is that of the equation (implicit function theorem), in
both modes and to any order, whatever the solver did. Unknowns are pytrees of floats; what the
function closes over, traced values included, counts as arguments."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from irgrad.autodiff import implicit as _calculus
from irgrad.errors import ArgumentError, DTypeError, OptionError, ShapeError, with_article
from irgrad.frontend.called import check_function, check_unknown
from irgrad.frontend.capture import captured
from irgrad.frontend.entry import about_call
from irgrad.frontend.keywords import keywords
from irgrad.frontend.lower import Argument, classify, lower, signature_of
from irgrad.frontend.promote import any_traced, convert_to, innermost, lift
from irgrad.frontend.pytree import difference, flatten, flatten_arrays, unflatten, written_path
from irgrad.frontend.site import call_site, defined_at
from irgrad.ir.builder import substitute
from irgrad.ir.graph import Graph, constant_value
from irgrad.ir.op import Op
from irgrad.ir.types import BOOL, ArrayType
from irgrad.ops import solvers as _solvers
from irgrad.ops.base import bind
from irgrad.ops.implicit import (
    LINEAR_SOLVERS,
    SOLVERS,
    Equation,
    SolveLinear,
    SolveMinimum,
    SolveRoot,
    calculus,
    name_of,
    solver_of,
)
from irgrad.runtime.transforms import differentiable

ROOT_SOLVERS, MINIMISERS = _solvers.ROOTS, _solvers.MINIMA
assert _calculus.CALCULUS, "the rules of these ops are entered"


class Unknown(NamedTuple):
    """The structure of the unknown, its leaves as they were given, and as one vector."""

    tree: Any
    types: tuple[ArrayType, ...]
    leaves: tuple[Any, ...]
    vector: Any

    def build(self, vector: Any) -> Any:
        """The pytree from the vector; arrays without axes are scalars, as NumPy's results are."""
        leaves: list[Any] = []
        start = 0
        for type in self.types:
            leaf = np.reshape(vector[start : start + type.size], type.shape)
            leaf = leaf if leaf.dtype == type.dtype else leaf.astype(type.dtype)
            leaves.append(leaf[()] if isinstance(leaf, np.ndarray) and not leaf.ndim else leaf)
            start += type.size
        return unflatten(self.tree, leaves)


@about_call
def unknown_of(name: str, tree: Any) -> Unknown:
    """A pytree of floats as an unknown; ints are taken as floats, and None stays None."""
    if tree is None:
        raise ArgumentError(f"{name}: the start is None", hint="pass an array or a pytree of them")
    given, structure = flatten_arrays(tree)
    leaves: list[Any] = [float(leaf) if isinstance(leaf, int) else leaf for leaf in given]
    for leaf in leaves:
        if not isinstance(classify(leaf), Argument):
            raise ArgumentError(
                f"{name}: the start holds {with_article(type(leaf).__name__)}, no array"
            )
    if any_traced(leaves):
        leaves = [lift(innermost(leaves), leaf) for leaf in leaves]
    arrays = [leaf if any_traced(leaf) else np.asarray(leaf) for leaf in leaves]
    arrays = [x.astype(float) if x.dtype.kind in "biu" else x for x in arrays]
    types = tuple(ArrayType(np.dtype(x.dtype), x.shape) for x in arrays)
    dtype = np.result_type(*(type.dtype for type in types)) if types else np.dtype(float)
    return Unknown(structure, types, tuple(leaves), raveled(arrays, dtype))


def raveled(leaves: Sequence[Any], dtype: Any) -> Any:
    """Arrays as one vector."""
    parts = [convert_to(np.reshape(leaf, (-1,)), np.dtype(dtype)) for leaf in leaves]
    if len(parts) == 1:
        return parts[0]
    return np.concatenate(parts) if parts else np.zeros(0, dtype)


class _Problem(NamedTuple):
    """A region of (vector, parameters), and the operands that stand for its inputs."""

    region: Graph
    operands: tuple[Any, ...]


def _problem(
    f: Callable[..., Any], unknown: Unknown, args: tuple[Any, ...], returns: Callable[[Any], Any]
) -> _Problem:
    """`f` traced on the vector, its result brought into form by `returns`.

    Where an operand is traced, the vector is made in the graph: numbers in it are constants, arrays
    are those that the user has, which may change from call to call.
    """

    followed = captured(f)

    def flat(x: Any, *rest: Any) -> Any:
        return returns(followed(unknown.build(x), *rest))

    flat.__name__ = getattr(f, "__name__", "f")
    signature, leaves = signature_of((unknown.vector, *args), {}, flat)
    lowered = lower(flat, signature)
    graph = lowered.graph
    region = Graph(
        graph.name,
        graph.inputs,
        graph.nodes,
        dict(zip(graph.output_names, graph.outputs, strict=True)),
    )
    operands = [*leaves, *lowered.captured]
    types = graph.input_types
    if any_traced(operands):
        builder = innermost(operands)
        if unknown.leaves and not any_traced(unknown.vector):
            start = [lift(builder, leaf) for leaf in unknown.leaves]
            operands[0] = raveled(start, unknown.vector.dtype)
        operands = [lift(builder, x, type.dtype) for x, type in zip(operands, types, strict=True)]
    else:
        operands = [np.asarray(x, type.dtype) for x, type in zip(operands, types, strict=True)]
    return _Problem(region, tuple(operands))


@about_call
def _solved(op: Op, problem: _Problem) -> Any:
    """The solution: computed at once, or a node on the user's line where an operand is traced."""
    if not any_traced(problem.operands):
        return bind(op, *problem.operands)
    with innermost(problem.operands).emitting(call_site().location, None):
        return bind(op, *problem.operands)


def matching(name: str, f: Any, unknown: Unknown) -> Callable[[Any], Any]:
    """The result of f, which has the structure and shapes of the unknown, as a vector like it."""

    def returns(result: Any) -> Any:
        leaves, structure = flatten_arrays(result)
        check_arrays(name, f, result, takes_none=structure == unknown.tree)
        gives = f"{name}: {getattr(f, '__name__', 'the function')} gives"
        if structure != unknown.tree:
            where = difference(structure, unknown.tree, "the result")
            raise ArgumentError(
                f"{gives} another structure than the unknown's: {where}",
                location=defined_at(f),
                hint="return a number for each unknown, in the unknown's structure",
            )
        shapes = [np.shape(leaf) for leaf in leaves]
        wanted = [type.shape for type in unknown.types]
        if shapes != wanted:
            raise ShapeError(
                f"{gives} {_described(shapes)}, expected the shapes of the unknown, "
                f"{_described(wanted)}",
                location=defined_at(f),
                hint="as many equations as unknowns; irgrad.scipy.least_squares takes any number",
            )
        if np.result_type(*leaves, np.float32).kind == "c" and unknown.vector.dtype.kind != "c":
            raise DTypeError(
                f"{gives} complex numbers for real unknowns",
                location=defined_at(f),
                hint="return real and imaginary parts, for a real and an imaginary unknown",
            )
        return raveled(leaves, unknown.vector.dtype)

    return returns


def check_arrays(name: str, f: Any, result: Any, takes_none: bool = False) -> list[Any]:
    """The leaves of what f gave to a solver, `ArgumentError` where one is no array, nor None that
    it takes, and `DTypeError` where one is bools, which Python would take for numbers.
    """
    leaves, structure = flatten(result)
    for place, leaf in enumerate(leaves):
        if isinstance(leaf, bool) or getattr(getattr(leaf, "dtype", None), "kind", "") == "b":
            where = written_path(structure, place, "the result")
            raise DTypeError(
                f"{name}: {where} of {getattr(f, '__name__', 'the function')} is "
                f"{ArrayType(BOOL, np.shape(leaf))}, expected floats",
                location=defined_at(f),
                hint="a comparison has no slope: return the difference of its sides",
            )
        if isinstance(leaf, (str, bytes)) or (leaf is None and not takes_none):
            where = written_path(structure, place, "the result")
            raise ArgumentError(
                f"{name}: {where} of {getattr(f, '__name__', 'the function')} is {leaf!r:.40}, no "
                "array",
                location=defined_at(f),
                hint="is a return missing?" if leaf is None else "",
            )
    return [leaf for leaf in leaves if leaf is not None]


def _described(shapes: Sequence[tuple[int, ...]]) -> str:
    return " and ".join(map(str, shapes)) or "nothing"


def register_solver(name: str, solver: Callable[..., Any]) -> str:
    """Let graphs call `solver` by `name`, and return the name.

    It gets an equation with the functions `residual(x)` and `jacobian(x)` (and `objective(x)` for
    minima) of a vector, and the start; it returns the solution.

    >>> def halve(equation, start):
    ...     return start - equation.residual(start) / equation.jacobian(start)[0, 0]
    >>> register_solver("halve", halve)
    'halve'
    """
    check_function("register_solver", "solver", solver, "name, solver", "equation", "start")
    if not isinstance(name, str):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise ArgumentError(
            f"register_solver: name must be a string, got {name!r:.60}",
            location=call_site().location,
            hint="the order of arguments is register_solver(name, solver)",
        )
    SOLVERS[name] = solver
    return name


def _named(what: str, solver: Any, names: Sequence[str]) -> str:
    """The name of a solver; a callable gets one."""
    if callable(solver):
        check_function(what, "solver", solver, "f, x0, args, solver", "equation", "start")
        return name_of(solver)
    if not isinstance(solver, str) or solver_of(solver) is None:
        raise OptionError(
            f"{what}: no solver {solver!r:.60}; there are {', '.join(names)}, and your own: a "
            "callable (equation, start) -> solution",
            location=call_site().location,
            hint="pass the function itself, or its name after irgrad.register_solver(name, solver)",
        )
    return solver


@keywords(
    method="solver='lm'",
    tol="a solver of yours stops where you want: solver=lambda equation, start: ...",
    options="a solver of yours has its own: solver=lambda equation, start: ...",
    jac="the Jacobian of f is exact; a rule of your own is irgrad.custom_jvp",
    bounds="irgrad.scipy.least_squares takes bounds",
)
def root(f: Any, x0: Any, args: tuple[Any, ...] = (), *, solver: Any = "hybr") -> Any:
    """x with f(x, *args) = 0, as a function of `args` that can be differentiated.

    `x0` is where the search starts, a pytree of floats; f returns one of the same structure and
    shapes. `solver` is a method of `scipy.optimize.root` or a callable (equation, start) ->
    solution on vectors, see `register_solver`. The derivative does not depend on `x0` or on the
    solver: f_x dx = -f_args dargs, with the matrix f_x solved directly.

    Raises a `NoConvergence` (an ArithmeticError) where the solver gives up, or where there is no
    root at the point that it gives, as Newton's steps from there tell (and beyond 2000 unknowns,
    with a method that takes no Jacobian, the residual alone). Where a derivative is asked for and
    f_x is singular at the root, that is a `Singular` (NumPy's LinAlgError); where f_x is zero
    wherever it is taken, as of np.sign, an `UnsupportedError`.

    >>> import irgrad
    >>> def square_root(a):
    ...     return root(lambda x, a: x * x - a, 1.0, (a,))
    >>> float(square_root(9.0).round(12)), float(irgrad.grad(square_root)(9.0).round(12))
    (3.0, 0.166666666667)
    """
    function, args = differentiable("root", f), arguments(args)
    check_unknown("root", function, args)
    unknown = _real("root", unknown_of("root", x0))
    problem = _problem(function, unknown, args, matching("root", function, unknown))
    op = SolveRoot(problem.region, _named("root", solver, ROOT_SOLVERS))
    return unknown.build(_solved(op, problem))


@keywords(
    method="solver='anderson'",
    tol="it goes on until a step changes nothing that counts",
    maxiter="it gives up after 100,000 steps: irgrad.scan takes a number of them",
)
def fixed_point(f: Any, x0: Any, args: tuple[Any, ...] = (), *, solver: Any = "iterate") -> Any:
    """x with f(x, *args) = x, found by iterating f, as a function of `args` that can be
    differentiated.

    As `root` of f(x) - x, whose solvers it takes too.

    >>> import numpy as np
    >>> float(fixed_point(np.cos, 1.0).round(6))
    0.739085
    """
    function, args = differentiable("fixed_point", f), arguments(args)
    check_unknown("fixed_point", function, args)
    unknown = _real("fixed_point", unknown_of("fixed_point", x0))
    vector_of, followed = matching("fixed_point", function, unknown), captured(function)

    def change(x: Any, *rest: Any) -> Any:
        leaves, _ = flatten_arrays(x)
        return vector_of(followed(x, *rest)) - raveled(leaves, unknown.vector.dtype)

    problem = _problem(change, unknown, args, lambda result: result)
    name = _named("fixed_point", solver, ("iterate", *ROOT_SOLVERS))
    return unknown.build(_solved(SolveRoot(problem.region, name), problem))


@keywords(
    method="solver='trust-exact'",
    tol="the minimum is made precise by Newton's steps",
    options="a solver of yours has its own: solver=lambda equation, start: ...",
    bounds="irgrad.scipy.minimize takes bounds; a bounded x is a function of an unbounded one",
    constraints="irgrad.scipy.minimize takes constraints",
    jac="the gradient of f is exact; a rule of your own is irgrad.custom_vjp",
)
def minimize_argmin(f: Any, x0: Any, args: tuple[Any, ...] = (), *, solver: Any = "BFGS") -> Any:
    """The x near `x0` that minimises f(x, *args), as a function of `args` that can be
    differentiated.

    `solver` is a method of `scipy.optimize.minimize` for smooth functions without bounds, or a
    callable (equation, start) -> solution. The minimum is made precise by Newton's steps; its
    derivative is that of the root of the gradient, and fails as that of `root` does. Raises a
    `NoConvergence` where there is no smooth minimum: f falls for ever, or has a kink, a maximum or
    a saddle there.

    >>> import numpy as np, irgrad
    >>> def nearest(a):
    ...     return minimize_argmin(lambda x, a: np.sum((x - a) ** 2), np.zeros(2), (a,))
    >>> nearest(np.array([1.0, 2.0])).round(9).tolist()
    [1.0, 2.0]
    """
    function, args = differentiable("minimize_argmin", f), arguments(args)
    check_unknown("minimize_argmin", function, args)
    unknown = _real("minimize_argmin", unknown_of("minimize_argmin", x0))

    def returns(result: Any) -> Any:
        check_arrays("minimize_argmin", function, result)
        return result

    problem = _problem(function, unknown, args, returns)
    location = defined_at(function)
    types, dtype = problem.region.output_types, unknown.vector.dtype
    if types != (ArrayType(dtype, ()),):
        given = ", ".join(map(str, types))
        name = getattr(function, "__name__", "the function")
        remedy = "sum the result" if types and types[0].shape else "make it a real number"
        if len(types) != 1:
            remedy = "return the value alone"
        raise ShapeError(
            f"minimize_argmin needs a scalar of {dtype}, {name} returns {given}",
            location=location or call_site().location,
            hint=f"{f!r} is an expression; for a function of that name, pass it without quotes"
            if isinstance(f, str)
            else remedy,
        )
    slope = _calculus.Regions().cotangent(problem.region, (0,))
    gradient = _of_one(slope, unknown.vector.dtype)
    op = SolveMinimum(problem.region, gradient, _named("minimize_argmin", solver, MINIMISERS))
    return unknown.build(_solved(op, problem))


def _of_one(slope: Graph, dtype: Any) -> Graph:
    """The gradient from the cotangent with 1 for the output's."""
    *inputs, _ = slope.inputs
    nodes: list[Any] = []
    one = constant_value(np.ones((), dtype))
    outputs = substitute(slope, [*inputs, one], nodes.append)
    return Graph("gradient", inputs, nodes, {"gradient": outputs[0]})


@keywords(
    method="solver='cg'",
    tol="the methods that iterate go on to 1e-12",
    preconditioner="multiply both sides with it",
)
def linear_solve(matvec: Any, b: Any, args: tuple[Any, ...] = (), *, solver: Any = "direct") -> Any:
    """x with matvec(x, *args) = b for a function that is linear in x, differentiable to `b` and
    `args`.

    `b` is a pytree of floats; x and what `matvec` returns have its structure. "direct" makes the
    matrix in one batch and solves it with LAPACK; "cg", "gmres", "bicgstab" and "minres" are
    SciPy's and make no matrix. A callable (operator, b) -> x gets a
    `scipy.sparse.linalg.LinearOperator` and a vector, and for derivatives in reverse mode that of
    the transposed map.

    Raises an `ArgumentError` where the derivative of `matvec` depends on x, or where it adds
    something to what is linear, and a `Singular`, NumPy's LinAlgError ("direct"), or a
    `NoConvergence` where there is no solution.

    >>> import numpy as np
    >>> A = np.array([[2.0, 1.0], [1.0, 3.0]])
    >>> linear_solve(lambda x: A @ x, np.array([3.0, 4.0])).round(12).tolist()
    [1.0, 1.0]
    """
    function, args = differentiable("linear_solve", matvec), arguments(args)
    check_unknown("linear_solve", function, args, name="matvec")
    if callable(solver):
        call = "matvec, b, args, solver"
        check_function("linear_solve", "solver", solver, call, "operator", "b")
        solver = name_of(solver)
    elif not isinstance(solver, str) or not (solver in LINEAR_SOLVERS or solver_of(solver)):
        raise OptionError(
            f"linear_solve: no solver {solver!r:.60}; there are {', '.join(LINEAR_SOLVERS)}",
            location=call_site().location,
            hint="or your own: a callable (operator, b) -> solution, as scipy.sparse.linalg's",
        )
    unknown = unknown_of("linear_solve", b)
    problem = _problem(function, unknown, args, matching("linear_solve", function, unknown))
    if calculus().varies(problem.region):
        raise ArgumentError(
            f"linear_solve: {getattr(function, '__name__', 'the function')} is not linear: its "
            "derivative depends on where it is taken",
            location=defined_at(function),
            hint="use irgrad.root",
        )
    return unknown.build(_solved(SolveLinear(problem.region, solver), problem))


@about_call
def _real(name: str, unknown: Unknown) -> Unknown:
    if unknown.vector.dtype.kind == "c":
        raise DTypeError(f"{name} of complex unknowns", hint="split them into real and imaginary")
    return unknown


def arguments(args: Any) -> tuple[Any, ...]:
    """A solver's `args`: a tuple, or the one argument."""
    return args if isinstance(args, tuple) else (args,)


__all__ = [
    "Equation",
    "fixed_point",
    "linear_solve",
    "minimize_argmin",
    "register_solver",
    "root",
]
