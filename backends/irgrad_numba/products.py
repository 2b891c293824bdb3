"""Which contractions are products of matrices as BLAS takes them.

A contraction is one where its letters fall into groups (batch, rows, inner, columns), each of which
a single stride walks through, and one stride of each matrix is 1: transposes and strided views cost
nothing."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

from irgrad.ir.graph import Node, Value
from irgrad.ir.types import SHORT
from irgrad.ops.contract import plan, split_spec
from irgrad_numba.index import View

FLOATS = ("f32", "f64")


class Matrix(NamedTuple):
    """A (batch of) matrices in a buffer: offset and strides in elements."""

    buffer: int
    offset: int
    batch: tuple[int, ...]
    row: int
    column: int


class Gemm(NamedTuple):
    """result = left @ right, for every place of the batch."""

    type: str
    batch: tuple[int, ...]
    rows: int
    inner: int
    columns: int
    left: Matrix
    right: Matrix
    result: Matrix

    @property
    def buffers(self) -> tuple[int, int, int]:
        """What it reads and writes."""
        return self.left.buffer, self.right.buffer, self.result.buffer


def gemm_of(node: Node, views: Mapping[Value, View]) -> Gemm | None:
    """The call for a contraction of values that lie in memory; None where no strides fit."""
    left, right, result = split_spec(node.op.parameters["spec"])
    groups = plan(node.op.parameters["spec"])
    value = Value(node, 0)
    type = SHORT[value.type.dtype]
    if type not in FLOATS:
        return None
    extent = dict(zip(left, node.operands[0].type.shape, strict=True))
    extent |= dict(zip(right, node.operands[1].type.shape, strict=True))
    batch = [c for c in groups.batch if extent[c] != 1]
    shapes = (
        (left, views[node.operands[0]], groups.rows, groups.inner),
        (right, views[node.operands[1]], groups.inner, groups.columns),
        (result, views[value], groups.rows, groups.columns),
    )
    found: list[Matrix] = []
    for letters, view, rows, columns in shapes:
        matrix = _matrix(view, letters, (rows, columns), batch, extent)
        if matrix is None:
            return None
        found.append(matrix)
    sides = (groups.rows, groups.inner, groups.columns)
    rows, inner, columns = (math.prod(extent[c] for c in group) for group in sides)
    return Gemm(type, tuple(extent[c] for c in batch), rows, inner, columns, *found)


def _matrix(
    view: View,
    letters: str,
    groups: tuple[str, str],
    batch: Sequence[str],
    extent: Mapping[str, int],
) -> Matrix | None:
    """A view as a batch of matrices that BLAS takes, or None."""
    stride = dict(zip(letters, view.strides, strict=True))
    row, column = (_merged(group, extent, stride) for group in groups)
    rows, columns = (math.prod(extent[c] for c in group) for group in groups)
    if row is None or column is None:
        return None
    leading, least = (column, rows) if row == 1 else (row, columns)
    if 1 not in (row, column) or not least <= leading < 2**31 or max(rows, columns) >= 2**31:
        return None
    return Matrix(view.buffer, view.offset, tuple(stride[c] for c in batch), row, column)


def _merged(letters: str, extent: Mapping[str, int], stride: Mapping[str, int]) -> int | None:
    """The stride of several axes walked through as one."""
    long = [c for c in letters if extent[c] != 1]
    for outer, inner in pairwise(long):
        if stride[outer] != stride[inner] * extent[inner]:
            return None
    return stride[long[-1]] if long else 1
