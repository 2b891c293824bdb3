"""Calls that do what an op's reference does with less work at each run: plans made once, from the
types.

An op without a row here runs its reference.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeGuard

import numpy as np

from irgrad.ir.graph import Node
from irgrad.ir.op import Op
from irgrad.ops.contract import Contract, plan, split_spec
from irgrad.ops.elementwise import Elementwise
from irgrad.ops.index import UpdateAt
from irgrad.ops.linear import Reshape, Sum
from irgrad.ops.shape import Concatenate, Transpose, UpdateSlice

Kernel = Callable[..., Any]


def is_ufunc(op: Op) -> TypeGuard[Elementwise]:
    """Whether a ufunc computes it, which takes `out`."""
    return isinstance(op, Elementwise) and op.is_ufunc


def kernel(node: Node) -> Kernel:
    """The function that computes a node from the arrays of its operands."""
    if is_ufunc(node.op):
        return node.op.ufunc
    make = KERNELS.get(type(node.op))
    return node.op.reference if make is None else make(node)


def contraction(node: Node) -> Kernel:
    """One BLAS call where the spec is a matrix product of its operands as they lie, or of their
    transposes.
    """
    op = node.op
    assert isinstance(op, Contract)
    left, right, result = split_spec(op.spec)
    groups = plan(op.spec)
    x, y = (operand.type for operand in node.operands)
    if left == right and not result and len(left) == 1 and x.size > BLOCK and x.dtype in SINGLE:
        return dot_by_blocks
    known = _small(left, right, result)
    if known is not None:
        return known
    extent = dict(zip(left + right, x.shape + y.shape, strict=True))
    rows, inner, columns = (
        _product(extent, group) for group in (groups.rows, groups.inner, groups.columns)
    )
    batch = [extent[c] for c in groups.batch]
    arrange_x = _arrange(left, groups.left, [*batch, rows, inner])
    arrange_y = _arrange(right, groups.right, [*batch, inner, columns])
    shape = [extent[c] for c in groups.result]
    order = [groups.result.index(c) for c in result]

    def run(a: Any, b: Any) -> Any:
        return np.matmul(arrange_x(a), arrange_y(b)).reshape(shape).transpose(order)

    return run


BLOCK = 1024
SINGLE = (np.dtype(np.float32), np.dtype(np.complex64))


def dot_by_blocks(a: Any, b: Any) -> Any:
    """The product of two long vectors in single precision, its blocks summed pairwise: BLAS alone
    adds in sequence, and would lose what `np.sum(a * b)` keeps.
    """
    whole = a.size - a.size % BLOCK
    rows = np.matmul(a[:whole].reshape(-1, 1, BLOCK), b[:whole].reshape(-1, BLOCK, 1))
    return np.add.reduce(rows.ravel()) + np.dot(a[whole:], b[whole:])


def _small(left: str, right: str, result: str) -> Kernel | None:
    """Vectors and matrices: the call that NumPy hands to BLAS at once."""
    if left == right and not result and len(left) == 1:
        return np.dot
    if len(left) == len(right) == 1 and result in (left + right, right + left):
        return np.multiply.outer if result == left + right else lambda a, b: np.multiply.outer(b, a)
    if max(len(left), len(right)) != 2 or set(left) == set(right):
        return None
    shared = set(left) & set(right)
    if len(shared) != 1 or shared & set(result):
        return None
    letter = shared.pop()
    flip_left, flip_right = (
        left[0] == letter and len(left) == 2,
        right[-1] == letter and len(right) == 2,
    )
    flip_result = result != (left + right).replace(letter, "")

    def run(a: Any, b: Any) -> Any:
        product = np.dot(a.T if flip_left else a, b.T if flip_right else b)
        return product.T if flip_result else product

    return run


def _product(extent: dict[str, int], letters: str) -> int:
    return int(np.prod([extent[c] for c in letters], dtype=int))


def _arrange(have: str, wanted: str, shape: list[int]) -> Kernel:
    order = [have.index(c) for c in wanted]
    if order == sorted(order):
        return lambda a: a.reshape(shape)
    return lambda a: a.transpose(order).reshape(shape)


def summation(node: Node) -> Kernel:
    """`np.add.reduce` without the wrapper."""
    op, dtype = node.op, node.types[0].dtype
    assert isinstance(op, Sum)
    axes = op.axes[0] if len(op.axes) == 1 else op.axes
    return lambda x: np.add.reduce(x, axes, dtype)


def update(node: Node) -> Kernel:
    """A write into a copy of the first operand, or with `out=` into that operand itself."""
    op = node.op
    assert isinstance(op, UPDATES)
    write = op.write

    def run(x: Any, *rest: Any, out: Any = None) -> Any:
        return write(x.copy() if out is None else out, *rest)

    return run


UPDATES = (UpdateSlice, UpdateAt)
KERNELS: dict[type, Callable[[Node], Kernel]] = {
    Contract: contraction,
    Sum: summation,
    UpdateSlice: update,
    UpdateAt: update,
    Reshape: lambda node: lambda x, shape=node.types[0].shape: x.reshape(shape),
    Transpose: lambda node: lambda x, axes=node.op.parameters["axes"]: x.transpose(axes),
    Concatenate: lambda node: lambda *xs, axis=node.op.parameters["axis"]: np.concatenate(xs, axis),
}
