"""What a graph costs: arithmetic operations and bytes, counted node by node from the types.

An operation is one addition, multiplication, comparison or elementary function. A contraction over
n terms takes n products and n - 1 sums an element, a reduction of n numbers n - 1 operations;
moving numbers takes none. Bytes are those of the operands and results of each node, as if each ran
by itself: a backend that fuses moves fewer. Views move nothing.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from functools import singledispatch
from typing import NamedTuple

from irgrad.errors import UnsupportedError
from irgrad.inspect.polynomial import Polynomial
from irgrad.ir.graph import Graph, Node, regions
from irgrad.ir.op import Op
from irgrad.ir.types import ArrayType
from irgrad.ops.call import Call
from irgrad.ops.cast import Astype
from irgrad.ops.contract import Contract, split_spec
from irgrad.ops.create import Iota
from irgrad.ops.index import ScatterAdd
from irgrad.ops.linear import Linear, Sum
from irgrad.ops.reduction import All, Any_, Argmax, Argmin, Max, Min, Prod
from irgrad.ops.scan import Cumsum, Recurrence
from irgrad.ops.select import Where
from irgrad.ops.sorting import Argsort, Searchsorted, Sort

Types = tuple[ArrayType, ...]


class Count(NamedTuple):
    """Operations and bytes, as numbers and as formulas in named sizes (None where not asked for, or
    where there is no such polynomial).
    """

    operations: int
    bytes: int
    operations_formula: Polynomial | None = None
    bytes_formula: Polynomial | None = None

    def __add__(self, other: object) -> Count:
        if not isinstance(other, Count):
            return NotImplemented
        return Count(self.operations + other.operations, self.bytes + other.bytes)

    def times(self, factor: int) -> Count:
        """The same, `factor` times."""
        return Count(self.operations * factor, self.bytes * factor)


def count(nodes: Graph | Iterable[Node]) -> Count:
    """The cost of a graph, or of some nodes.

    >>> import irgrad
    >>> graph = irgrad.trace(lambda W, x: W @ x, irgrad.spec("f64[4,3]"), irgrad.spec("f64[3]"))
    >>> count(graph).operations, count(graph).bytes
    (20, 152)
    """
    total = Count(0, 0)
    for node in nodes:
        operands = tuple(operand.type for operand in node.operands)
        moved = 0 if node.op.is_view else sum(type.nbytes for type in (*operands, *node.types))
        total += Count(operations(node.op, operands, node.types), moved)
    return total


@singledispatch
def operations(op: Op, operands: Types, results: Types) -> int:
    """The operations of one node: of an elementwise op one for each element; the rules for other
    kinds are registered below.
    """
    if regions(op):
        raise UnsupportedError(
            f"cost: how often the region of a '{op.name}' runs is not known",
            hint="register a rule: irgrad.inspect.cost.operations.register(YourOp)",
        )
    return sum(type.size for type in results)


@operations.register(Linear)
@operations.register(Iota)
@operations.register(Astype)
def _moves(op: Op, operands: Types, results: Types) -> int:
    return 0


@operations.register(Where)
def _chooses(op: Op, operands: Types, results: Types) -> int:
    return results[0].size


@operations.register(Contract)
def _contracts(op: Contract, operands: Types, results: Types) -> int:
    left, right, _ = split_spec(op.spec)
    extents = dict(zip(left + right, operands[0].shape + operands[1].shape, strict=True))
    products = math.prod(extents.values())
    return max(0, 2 * products - results[0].size)


@operations.register(Sum)
@operations.register(Prod)
@operations.register(Max)
@operations.register(Min)
@operations.register(Argmax)
@operations.register(Argmin)
@operations.register(Any_)
@operations.register(All)
def _reduces(op: Op, operands: Types, results: Types) -> int:
    return max(0, operands[0].size - results[0].size)


@operations.register(Call)
def _runs_once(op: Call, operands: Types, results: Types) -> int:
    return count(op.body).operations


@operations.register(ScatterAdd)
def _adds_updates(op: Op, operands: Types, results: Types) -> int:
    return max((type.size for type in operands if type.dtype == results[0].dtype), default=0)


@operations.register(Cumsum)
def _runs(op: Op, operands: Types, results: Types) -> int:
    return results[0].size


@operations.register(Recurrence)
def _recurs(op: Op, operands: Types, results: Types) -> int:
    return 2 * results[0].size


@operations.register(Sort)
@operations.register(Argsort)
@operations.register(Searchsorted)
def _compares(op: Op, operands: Types, results: Types) -> int:
    """n log2 n comparisons, rounded up: the bound of sorting by comparison."""
    size = max(type.size for type in operands)
    return size * max(1, math.ceil(math.log2(max(size, 2))))


__all__ = ["Count", "count", "operations"]
