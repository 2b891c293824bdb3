"""Ops that are loops of their own, over whole arrays that lie in memory: nothing is fused into
them. `whole_array` writes the loops."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from irgrad.ir.graph import Node, Value
from irgrad.ir.types import SHORT, ArrayType
from irgrad.ops.index import Nonzero, ScatterAdd, UpdateAt
from irgrad.ops.linalg.lu import LU, Permutation
from irgrad.ops.reduction import Argmax, Argmin
from irgrad.ops.scan import Cummax, Cummin, Cumprod, Cumsum, Recurrence
from irgrad.ops.sorting import Argsort, Searchsorted, Sort
from irgrad_numba.calls import Group
from irgrad_numba.index import View
from irgrad_numba.sorting import temporaries

ROUTINES = (
    ScatterAdd, UpdateAt, Cumsum, Cumprod, Cummax, Cummin, Recurrence, Argmax, Argmin,
    Searchsorted, Sort, Argsort, Permutation, Nonzero,
)  # fmt: skip
COMPLEX = (ScatterAdd, UpdateAt, Cumsum)
"""Those that treat a complex number as two reals."""


class Routine(NamedTuple):
    """A node with the places of its operands and of its result, and what Python does where the
    loops say that it must.
    """

    node: Node
    operands: tuple[View, ...]
    result: View
    otherwise: Group | None = None

    @property
    def buffers(self) -> list[int]:
        """What it reads and writes."""
        return [view.buffer for view in (*self.operands, self.result)]

    @property
    def temporaries(self) -> list[ArrayType]:
        """Memory that it needs besides."""
        return temporaries(self.node) if isinstance(self.node.op, (Sort, Argsort)) else []

    @property
    def work(self) -> int:
        """Elements that it reads and writes."""
        values = (*self.node.operands, Value(self.node, 0))
        return sum(value.type.size for value in values)


def has_routine(node: Node) -> bool:
    """Whether machine code computes the node from arrays in memory."""
    dtypes = [SHORT[v.type.dtype] for v in (*node.operands, *node.outputs)]
    if any(dtype.startswith("c") for dtype in dtypes) and not isinstance(node.op, COMPLEX):
        return False
    if isinstance(node.op, Permutation):  # of pivots that name rows, as LAPACK's do
        return isinstance(node.operands[0].node.op, LU)
    return isinstance(node.op, ROUTINES)


def routine_of(node: Node, views: Mapping[Value, View]) -> Routine | None:
    """The routine of a node, if it has one."""
    if not has_routine(node):
        return None
    may_fail = isinstance(node.op, Nonzero)  # of a mask that has other places by now
    otherwise = Group([node], node.outputs, views) if may_fail else None
    return Routine(node, tuple(views[v] for v in node.operands), views[Value(node, 0)], otherwise)
