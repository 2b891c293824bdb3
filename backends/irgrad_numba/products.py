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

BLAS_TYPES = ("f32", "f64", "c64", "c128")


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

    @property
    def work(self) -> int:
        """How many products of numbers it adds up."""
        return math.prod(self.extents)

    @property
    def extents(self) -> tuple[int, ...]:
        """Those of its axes: of the batch, rows, inner, columns."""
        return (*self.batch, self.rows, self.inner, self.columns)

    def strides(self, axis: int) -> tuple[int, int, int]:
        """How far apart neighbours along one of its axes are in each of the matrices."""
        x, y, z = self.left, self.right, self.result
        own = ((x.row, 0, z.row), (x.column, y.row, 0), (0, y.column, z.column))
        count = len(self.batch)
        return own[axis - count] if axis >= count else (x.batch[axis], y.batch[axis], z.batch[axis])

    def folds(self, axis: int) -> bool:
        """Whether it adds up over an axis."""
        return axis == len(self.batch) + 1

    def moved(self, by: Sequence[int]) -> Gemm:
        """The product of the matrices so many elements on."""
        x, y, z = (
            matrix._replace(offset=matrix.offset + more)
            for matrix, more in zip((self.left, self.right, self.result), by, strict=True)
        )
        return self._replace(left=x, right=y, result=z)

    def over(self, axis: int, extent: int) -> Gemm:
        """The product over the first elements of an axis."""
        extents = [*self.extents]
        extents[axis] = extent
        *batch, rows, inner, columns = extents
        return self._replace(batch=tuple(batch), rows=rows, inner=inner, columns=columns)


def gemm_of(node: Node, views: Mapping[Value, View]) -> Gemm | None:
    """The call for a contraction of values that lie in memory; None where no strides fit."""
    type = SHORT[node.types[0].dtype]
    extent = extents_of(node)
    groups = plan(node.op.parameters["spec"])
    found = matrices_of(node, views)
    if type not in BLAS_TYPES or None in found:
        return None
    left, right, result = (matrix for matrix in found if matrix is not None)
    sides = (groups.rows, groups.inner, groups.columns)
    rows, inner, columns = (math.prod(extent[c] for c in group) for group in sides)
    batch = tuple(extent[c] for c in groups.batch if extent[c] != 1)
    return Gemm(type, batch, rows, inner, columns, left, right, result)


def extents_of(node: Node) -> dict[str, int]:
    """The extent of each letter of a contraction."""
    left, right, _ = split_spec(node.op.parameters["spec"])
    x, y = node.operands
    return dict(zip(left + right, x.type.shape + y.type.shape, strict=True))


def matrices_of(node: Node, views: Mapping[Value, View]) -> list[Matrix | None]:
    """Both operands and the result of a contraction as BLAS takes them, None where it does not."""
    left, right, result = split_spec(node.op.parameters["spec"])
    groups = plan(node.op.parameters["spec"])
    extent = extents_of(node)
    batch = [c for c in groups.batch if extent[c] != 1]
    x, y = node.operands
    shapes = (
        (left, views[x], groups.rows, groups.inner),
        (right, views[y], groups.inner, groups.columns),
        (result, views[Value(node, 0)], groups.rows, groups.columns),
    )
    return [
        _matrix(view, letters, (rows, columns), batch, extent)
        for letters, view, rows, columns in shapes
    ]


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
