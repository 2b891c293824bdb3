"""What a graph costs: arithmetic operations and bytes, counted node by node from the types.

An operation is one addition, multiplication, comparison or elementary function. A contraction over
n terms takes n products and n - 1 sums an element, a reduction of n numbers n - 1 operations;
moving numbers takes none. Bytes are those of the operands and results of each node, as if each ran
by itself: a backend that fuses moves fewer. Views move nothing, and a gather what it takes.

A loop costs its number of steps times its body; where only the run decides that number, `steps`
says it, of solvers too (`implicit_cost`). A step that writes some elements of an array which it
carries moves these, not the array. Of a branch, the dearest arm counts: a bound from above.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from functools import singledispatch
from types import MappingProxyType
from typing import Any, NamedTuple

from irgrad.errors import UnsupportedError
from irgrad.inspect.polynomial import Polynomial
from irgrad.ir.graph import Graph, Node, Value, regions
from irgrad.ir.op import Op
from irgrad.ir.types import DYNAMIC, ArrayType
from irgrad.ops.call import Call
from irgrad.ops.cast import Astype
from irgrad.ops.cond import Cond
from irgrad.ops.contract import Contract, split_spec
from irgrad.ops.create import Iota
from irgrad.ops.fourier import FFT
from irgrad.ops.index import Gather, ScatterAdd, UpdateAt
from irgrad.ops.linear import Linear, Sum
from irgrad.ops.loop import Loop
from irgrad.ops.reduction import All, Any_, Argmax, Argmin, Max, Min, Prod
from irgrad.ops.region import FIRST, SEGMENT, part_of
from irgrad.ops.scan import Cumsum, Recurrence
from irgrad.ops.select import Where
from irgrad.ops.sorting import Argsort, Searchsorted, Sort
from irgrad.ops.while_loop import While

Types = tuple[ArrayType, ...]
Often = Mapping[Node, int]
"""How often a node runs, apart from the loops around it, where that is not once."""


class Count(NamedTuple):
    """Operations and bytes, as numbers and as formulas in named sizes (None where not asked for, or
    where there is no such polynomial).

    >>> Count(3, 16) + Count(1, 8).times(2)
    Count(operations=5, bytes=32, operations_formula=None, bytes_formula=None)
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


def count(
    nodes: Graph | Iterable[Node], steps: int | None = None, often: Often = MappingProxyType({})
) -> Count:
    """The cost of a graph, or of some nodes, each `often` times, those in regions too. Loops whose
    number of steps only the run decides take `steps`; an `UnsupportedError` where there is one and
    no number is given.

    >>> import irgrad
    >>> graph = irgrad.trace(lambda W, x: W @ x, irgrad.spec("f64[4,3]"), irgrad.spec("f64[3]"))
    >>> count(graph).operations, count(graph).bytes
    (20, 152)
    """
    total = Count(0, 0)
    for node in nodes:
        total += counted(node.op, node, steps, often)
    return total


@singledispatch
def counted(op: Op, node: Node, steps: int | None, often: Often) -> Count:
    """The cost of one node; those with regions have rules of their own."""
    operands = tuple(_sized(node, value.type, steps) for value in node.operands)
    types = tuple(_sized(node, type, steps) for type in node.types)
    return Count(operations(op, operands, types), _moved(op, operands, types)).times(
        often.get(node, 1)
    )


@counted.register(Loop)
def _loop(op: Loop, node: Node, steps: int | None, often: Often) -> Count:
    carried = op.body.inputs[1 : 1 + op.carried]
    return _step(op.body, carried, steps, often).times(steps_of(node, op.length, steps))


@counted.register(While)
def _while(op: While, node: Node, steps: int | None, often: Often) -> Count:
    step = _step(op.body, op.body.inputs[: op.carried], steps, often)
    test = count(op.condition, steps, often)
    return (step + test).times(steps_of(node, None, steps)) + test


@counted.register(Cond)
def _cond(op: Cond, node: Node, steps: int | None, often: Often) -> Count:
    arms = [count(branch, steps, often) for branch in op.branches]
    return Count(max(arm.operations for arm in arms), max(arm.bytes for arm in arms))


def _moved(op: Op, operands: Types, results: Types) -> int:
    if op.is_view:
        return 0
    read = (*results, *operands[1:]) if isinstance(op, Gather) else operands
    return sum(type.nbytes for type in (*read, *results))


def _step(body: Graph, carried: Sequence[Value], steps: int | None, often: Often) -> Count:
    """One step of a loop. `add(a, scatter_add(u))` and `update_at(a, u)` of a carried array `a`
    write into it: their cost is that of u.
    """
    total = Count(0, 0)
    own = set(carried)  # what lies in the memory of a carried array
    for node in body.nodes:
        written = _written_in_place(node, own)
        if written is None:
            total += counted(node.op, node, steps, often)
            continue
        updates, indices, scatter = written
        own.add(Value(node, 0))
        if scatter is not None:
            total += counted(scatter.op, scatter, steps, often).times(-1)
        moved = 3 * updates.nbytes + sum(index.nbytes for index in indices)
        total += Count(0 if scatter is None else updates.size, moved).times(often.get(node, 1))
    return total


def _written_in_place(node: Node, own: set[Value]) -> tuple[ArrayType, Types, Node | None] | None:
    """What a node writes into an array of `own`: the updates, the indices, and the `scatter_add`
    that it takes the place of; None where it does not.
    """
    types = tuple(operand.type for operand in node.operands)
    if isinstance(node.op, UpdateAt) and node.operands[0] in own:
        return types[1], types[2:], None
    if node.op.name == "add" and any(operand in own for operand in node.operands):
        for operand in node.operands:
            if isinstance(operand.node.op, ScatterAdd):
                updates, *indices = (value.type for value in operand.node.operands)
                return updates, tuple(indices), operand.node
    return None


def _sized(node: Node, type: ArrayType, steps: int | None) -> ArrayType:
    """The type with an extent of as many as a loop's steps, where only the run decides that."""
    if not type.is_dynamic:
        return type
    extent = steps_of(node, None, steps)
    return ArrayType(type.dtype, tuple(extent if n == DYNAMIC else n for n in type.shape))


def steps_of(node: Node, length: int | None, steps: int | None) -> int:
    """The number of steps of a loop or solver: `length` where that is known, else `steps`. Of a
    loop that has been cut to keep a budget, all steps count as those of one segment.
    """
    known = steps if length is None else length
    op: Any = node.op
    if steps is not None and isinstance(op, (Loop, While)) and length is None:
        known = {FIRST: 0, SEGMENT: 1}.get(part_of(op.body) or "", steps)
    if known is None:
        raise UnsupportedError(
            f"cost: how many steps this '{node.op.name}' takes is known only when it runs",
            location=node.location,
            hint="say how many to count: steps=100",
        )
    return known


@singledispatch
def operations(op: Op, operands: Types, results: Types) -> int:
    """The operations of one node: of an elementwise op one for each element; the rules for other
    kinds are registered below.
    """
    if regions(op):  # loops and branches are counted where their regions are
        raise UnsupportedError(
            f"cost: how often the region of a '{op.name}' runs is not known",
            hint="register a rule: irgrad.inspect.cost.counted.register(YourOp)",
        )
    return sum(type.size for type in results)


@operations.register(Linear)
@operations.register(Iota)
@operations.register(Astype)
def _moves(op: Op, operands: Types, results: Types) -> int:
    return 0


@operations.register(FFT)
def _transforms(op: FFT, operands: Types, results: Types) -> int:
    """5 n log2 n for each sequence, as is usual to count (Frigo and Johnson, 2005)."""
    extent, size = operands[0].shape[op.axis], operands[0].size
    return math.ceil(5 * size * math.log2(extent))


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


__all__ = ["Count", "count", "counted", "operations", "steps_of"]
