"""Arrays with a window replaced, on the way to another array: computed where they are needed, not
written.

The adjoint of `A[1:-1] = f(B)` sets the adjoint of A to zero in the window, and then adds to all of
it what else has read A. Loops over the sum take zeros for the window and read the array outside
of it alone: the memory is gone through once, not twice."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import Any

from irgrad.ir.exchange import Exchange
from irgrad.ir.graph import Graph, Node, Value
from irgrad.ir.op import Array, Op
from irgrad.ir.types import ArrayType
from irgrad.ops.cast import Astype
from irgrad.ops.elementwise import Elementwise
from irgrad.ops.select import Where
from irgrad.ops.shape import UpdateSlice

POINTWISE = (Elementwise, Where, Astype)


@dataclass(frozen=True, repr=False)
class Patched(Op):
    """`x` after `x[start::step, ...] = y`, element by element: no memory is written to."""

    start: tuple[int, ...]
    step: tuple[int, ...]
    name = "patched"

    def result_types(self, *operands: ArrayType) -> tuple[ArrayType, ...]:
        return operands[:1]

    def reference(self, *operands: Array) -> Array:
        return UpdateSlice(self.start, self.step).reference(*operands)


def patched(graph: Graph) -> Graph:
    """`graph` with writes into windows as `Patched` where nothing but loops over the whole array
    reads their result.
    """
    users: dict[Value, list[Node]] = defaultdict(list)
    for node in graph.nodes:
        for v in node.operands:
            users[v].append(node)
    outputs = set(graph.outputs)
    walk = Exchange(graph)
    for node in graph.nodes:
        value = Value(node, 0)
        op: Any = node.op
        fits = isinstance(op, UpdateSlice) and value.type.size > 1 and value not in outputs
        read = users[value]
        fits = fits and bool(read) and all(goes_through(user, value) for user in read)
        walk.keep(node, Patched(op.start, op.step) if fits else None)
    return walk.result()


def goes_through(node: Node, value: Value) -> bool:
    """Whether a node reads a value element for element."""
    return isinstance(node.op, POINTWISE) and node.types[0].shape == value.type.shape
