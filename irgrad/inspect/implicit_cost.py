"""The cost of roots, minima and linear solves, whose numbers of steps only the run decides.

Each of the `steps` of a root or a minimum counts as one of Newton's method, whatever the solver:
the residual, its Jacobian column by column, and elimination; a step of a fixed-point iteration as
the residual. A linear equation counts as its matrix, column by column, and elimination, which is
what the direct solver does and a bound for what Krylov methods need in exact arithmetic.
"""

from __future__ import annotations

from irgrad.inspect.cost import Count, Often, count, counted, steps_of
from irgrad.inspect.linalg_cost import lu, substitutions
from irgrad.ir.graph import Graph, Node
from irgrad.ops.implicit import SolveLinear, SolveMinimum, SolveRoot, calculus


@counted.register(SolveRoot)
@counted.register(SolveMinimum)
def _root(op: SolveRoot | SolveMinimum, node: Node, steps: int | None, often: Often) -> Count:
    unknown = node.types[0]
    step = count(op.residual, steps) + Count(unknown.size, 3 * unknown.nbytes)
    if op.solver != "iterate":
        step += _solved(calculus().linear(op.residual, False), node, steps)
    return step.times(steps_of(node, None, steps) * often.get(node, 1))


@counted.register(SolveLinear)
def _linear(op: SolveLinear, node: Node, steps: int | None, often: Often) -> Count:
    return _solved(op.product, node, steps).times(often.get(node, 1))


def _solved(product: Graph, node: Node, steps: int | None) -> Count:
    """The matrix of a linear map, and one system with it."""
    unknown = node.types[0]
    n = unknown.size
    elimination = Count(lu(n) + substitutions(n, 1), (n + 2) * unknown.nbytes)
    return count(product, steps).times(n) + elimination


__all__: list[str] = []
