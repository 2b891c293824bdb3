"""Writing where index arrays say: `scatter_add` and `update_at`, element after element in C order
of the index arrays, which have been checked."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from irgrad.ir.graph import Node
from irgrad_numba.fold import combine
from irgrad_numba.llvm import BITS, Code, Value
from irgrad_numba.walk import Strided, walk, widest

Write = Callable[[Value, Value, int], None]


def scatter_add(code: Code, node: Node, operands: Sequence[Strided], result: Strided) -> None:
    """Zeros, and every update added in its place."""
    updates, *indices = operands
    count = math.prod(result.shape) * max(1, BITS[result.type] // 8)
    code.module.declare("llvm.memset.p0.i64", "void {}(ptr, i8, i64, i1)")
    code.emit(f"call void @llvm.memset.p0.i64(ptr %b{result.buffer}, i8 0, i64 {count}, i1 false)")

    def write(to: Value, of: Value, lanes: int) -> None:
        old, update = result.get(code, to, lanes), updates.get(code, of, lanes)
        result.put(code, to, combine("add", old, update))

    _each(code, node, updates, indices, result, write)


def update_at(code: Code, node: Node, operands: Sequence[Strided], result: Strided) -> None:
    """A copy of the first operand, and every element of the second written into its place."""
    x, y, *indices = operands
    lanes = widest(x.type)

    def copy(at: list[Value], width: int) -> None:
        result.put(code, at[1], x.get(code, at[0], width))

    starts = [x.start(code), result.start(code)]
    walk(code, x.shape, [x.strides, result.strides], starts, lanes, copy)
    _each(
        code,
        node,
        y,
        indices,
        result,
        lambda to, of, width: result.put(code, to, y.get(code, of, width)),
    )


def _each(
    code: Code,
    node: Node,
    source: Strided,
    indices: Sequence[Strided],
    result: Strided,
    write: Write,
) -> None:
    """`write(position in the result, position in the source, lanes)` for all that is indexed."""
    op: Any = node.op
    shape, ndim = indices[0].shape, indices[0].strides
    rest = [axis for axis in range(len(result.shape)) if axis not in op.axes]
    inner = source.strides[len(ndim) :]
    lanes = widest(source.type)

    def place(at: list[Value], _: int) -> None:
        to = result.start(code)
        for array, axis, position in zip(indices, op.axes, at[1:], strict=True):
            to = to + counted(code, array, position, result.shape[axis]) * result.strides[axis]
        walk(
            code,
            tuple(result.shape[axis] for axis in rest),
            [tuple(result.strides[axis] for axis in rest), inner],
            [to, at[0]],
            lanes,
            lambda inside, width: write(inside[0], inside[1], width),
        )

    outer = [source.strides[: len(ndim)], *[array.strides for array in indices]]
    starts = [source.start(code), *[array.start(code) for array in indices]]
    walk(code, shape, outer, starts, 1, place)


def counted(code: Code, array: Strided, position: Value, extent: int) -> Value:
    """An index from the start of its axis."""
    i = array.get(code, position).cast("i64")
    return (i < 0).where(i + extent, i)
