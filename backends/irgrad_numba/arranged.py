"""Products whose matrices lie so that BLAS cannot take them: their operands are stored anew, in the
order of a batch of matrices, and results turned.

What the loops before compute for such a product they write in that order to begin with."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from irgrad.ir.graph import Graph, Node, Value
from irgrad.ir.op import Array, Op
from irgrad.ir.types import ArrayType
from irgrad.ops.contract import Contract, plan, split_spec
from irgrad.ops.shape import Transpose
from irgrad.passes.rewrite import Rewriter, rewrite
from irgrad_numba.index import View, contiguous
from irgrad_numba.layout import Layout
from irgrad_numba.products import matrices_of
from irgrad_numba.views import VIEWS, viewed


class Arranged(Op):
    """The operand, in memory of its own."""

    name = "arranged"

    def result_types(self, *operands: ArrayType) -> tuple[ArrayType, ...]:
        (x,) = operands
        return (x,)

    def reference(self, *operands: Array) -> Array:
        return operands[0].copy()


def arranged(graph: Graph, layouts: Sequence[Layout], is_product: Callable[[Node], bool]) -> Graph:
    """The graph with the operands of its products in order, for inputs that lie in memory as
    `layouts` say (all in C order).
    """
    views = {
        value: View(0, 0, strides)
        for value, strides in zip(graph.inputs, layouts, strict=bool(layouts))
        if strides is not None
    }

    def in_order(rewriter: Rewriter, op: Contract, x: Value, y: Value) -> Value | None:
        node = Node(op, (x, y), op.result_types(x.type, y.type))
        if not is_product(node):
            return None
        result = Value(node, 0)
        known = {v: _view_of(v, views) for v in (x, y)} | {result: contiguous(0, result.type.shape)}
        fits = [matrix is not None for matrix in matrices_of(node, known)]
        if all(fits):
            return None
        groups, letters = plan(op.spec), split_spec(op.spec)
        wanted = groups.left, groups.right, groups.result
        left, right, made = (
            old if fit else new for fit, old, new in zip(fits, letters, wanted, strict=True)
        )
        x = x if fits[0] else _stored(rewriter, letters[0], left, x)
        y = y if fits[1] else _stored(rewriter, letters[1], right, y)
        product = rewriter.emit(Contract(f"{left},{right}->{made}"), x, y)
        return product if fits[2] else _turned(rewriter, made, letters[2], product)

    return rewrite(graph, {"contract": [in_order]})


def _view_of(value: Value, known: dict[Value, View]) -> View:
    """How a value lies, where loops store what they make in C order."""
    chain = [value]
    while isinstance(chain[-1].node.op, VIEWS) and chain[-1] not in known:
        chain.append(chain[-1].node.operands[0])
    for below, each in zip([None, *reversed(chain)], reversed(chain), strict=False):
        if each not in known:
            moved = None if below is None else viewed(each.node, known[below])
            known[each] = moved or contiguous(0, each.type.shape)
    return known[value]


def _turned(rewriter: Rewriter, letters: str, order: str, value: Value) -> Value:
    if order == letters:
        return value
    return rewriter.emit(Transpose(tuple(letters.index(c) for c in order)), value)


def _stored(rewriter: Rewriter, letters: str, order: str, value: Value) -> Value:
    return rewriter.emit(Arranged(), _turned(rewriter, letters, order, value))
