"""What nodes are to the loops: of which sort each is, over which space it is computed, and along
which axes of that its operands lie."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

from irgrad.ir.graph import Node, Value
from irgrad.ir.types import SHORT, Shape
from irgrad.ops.cast import Astype, Conjugate, Imag, Real
from irgrad.ops.contract import Contract, split_spec
from irgrad.ops.create import Iota
from irgrad.ops.elementwise import Elementwise
from irgrad.ops.index import Gather
from irgrad.ops.linear import BroadcastTo, Sum
from irgrad.ops.reduction import All, Any_, Max, Min, Prod
from irgrad.ops.select import Where
from irgrad.ops.shape import Concatenate, Pad, UpdateSlice
from irgrad_numba.arranged import Arranged
from irgrad_numba.complex_parts import has_parts, is_complex
from irgrad_numba.elementwise import row_of
from irgrad_numba.patched import Patched
from irgrad_numba.products import BLAS_TYPES
from irgrad_numba.updates import Copy, is_update
from irgrad_numba.views import VIEWS

MOVES = (Pad, Concatenate, Iota, UpdateSlice, Patched, Gather, Arranged, Copy)
REDUCTIONS: dict[type, str] = {
    Sum: "add", Prod: "multiply", Max: "maximum", Min: "minimum",
    Any_: "logical_or", All: "logical_and",
}  # fmt: skip
SMALL_PRODUCT = 16**3
"""Products of matrices with fewer multiplications are loops."""


def sort_of(node: Node) -> str:
    """view, point, update, reduction or call."""
    op = node.op
    dtypes = [SHORT[v.type.dtype] for v in node.operands]
    types = [*(v.type for v in node.operands), *node.types]
    if any(map(is_complex, types)):
        return _complex_sort(node)
    if isinstance(op, VIEWS):
        return "view"
    if is_update(node):
        return "update"
    if isinstance(op, Gather) and node.operands[1].type.size and 0 in _indexed_extents(node):
        return "call"
    if isinstance(op, (*MOVES, Where, Astype)):
        return "point"
    if isinstance(op, Elementwise):
        return "call" if row_of(op.name, dtypes) is None or _may_raise(node) else "point"
    if type(op) in REDUCTIONS:
        return "reduction"
    return "reduction" if isinstance(op, Contract) and _is_loops(node) else "call"


def _may_raise(node: Node) -> bool:
    """Whether NumPy's loop may raise, which a loop outside Python cannot: an integer to a power
    that is not known not to be negative.
    """
    if node.op.name != "power" or node.types[0].dtype.kind != "i":
        return False
    exponent = node.operands[1]
    while exponent.constant is None and isinstance(exponent.node.op, BroadcastTo):
        (exponent,) = exponent.node.operands
    return exponent.constant is None or exponent.constant.min(initial=0) < 0


def _indexed_extents(node: Node) -> list[int]:
    return [node.operands[0].type.shape[axis] for axis in node.op.parameters["axes"]]


def _complex_sort(node: Node) -> str:
    """The sort of a node with complex numbers."""
    op = node.op
    if isinstance(op, VIEWS):
        return "view"
    if isinstance(op, (*MOVES, Where, Astype)):
        return "point"
    if isinstance(op, Sum) or (isinstance(op, Contract) and _is_loops(node)):
        return "reduction"
    operands = [v.type for v in node.operands]
    pointwise = isinstance(op, (Elementwise, Real, Imag, Conjugate))
    return "point" if pointwise and has_parts(op.name, operands, node.types[0]) else "call"


def _is_loops(node: Node) -> bool:
    """Whether a contraction runs as loops: a product with a vector, or a small one."""
    left, right, result = split_spec(node.op.parameters["spec"])
    extents = contract_extents(node)
    shared = [c for c in left if c in right]
    inner = [c for c in shared if c not in result]
    rows = [c for c in left if c not in right]
    columns = [c for c in right if c not in left]
    big = all(any(extents[c] > 1 for c in group) for group in (inner, rows, columns))
    if node.types[0].dtype.kind not in "fc":
        return True
    return not big or math.prod(extents.values()) <= SMALL_PRODUCT


def contract_extents(node: Node) -> dict[str, int]:
    """The extent of each letter of a contraction, in the order of its loops: as the largest of the
    three arrays lies in memory, and innermost the letter along which most elements lie side by
    side.
    """
    left, right, result = split_spec(node.op.parameters["spec"])
    x, y = (operand.type.shape for operand in node.operands)
    extents = dict(zip(left + right, x + y, strict=True))
    arrays = [(left, x), (right, y), (result, node.types[0].shape)]

    def side_by_side(letter: str) -> tuple[int, int]:
        """Elements of the arrays in which a step along the letter moves by one place or none."""
        total = 0
        for letters, shape in arrays:
            long = [c for c in letters if extents[c] != 1]
            if letter not in long or letter == long[-1]:
                total += math.prod(shape)
        return total, extents[letter]

    _, largest = max((math.prod(shape), letters) for letters, shape in reversed(arrays))
    order = list(dict.fromkeys(largest + result + left))
    innermost = max(reversed([c for c in order if extents[c] != 1]), key=side_by_side, default=None)
    order.sort(key=lambda c: c == innermost)
    return {c: extents[c] for c in order}


def space_of(node: Node) -> Shape:
    """The extents of the loops that compute a node, those of 1 included."""
    if isinstance(node.op, Contract):
        return tuple(contract_extents(node).values())
    if type(node.op) in REDUCTIONS:
        return node.operands[0].type.shape
    if is_update(node):
        return node.operands[1].type.shape
    return node.types[0].shape


@lru_cache(maxsize=4096)
def squeezed(shape: Shape) -> Shape:
    """`shape` without extents of 1."""
    return tuple(extent for extent in shape if extent != 1)


def operand_axes(node: Node) -> list[tuple[Value, tuple[int, ...]]]:
    """The operands of a node, each with the axes of the node's space along which its own axes (but
    those of extent 1) lie.
    """
    space = space_of(node)
    if isinstance(node.op, Contract):
        left, right, _ = split_spec(node.op.parameters["spec"])
        order = list(contract_extents(node))
        return [
            (v, tuple(order.index(c) for c in letters if space[order.index(c)] != 1))
            for v, letters in zip(node.operands, (left, right), strict=True)
        ]
    if is_update(node):
        return [
            (v, tuple(axis for axis, e in enumerate(v.type.shape) if e != 1))
            for v in node.operands[1:]
        ]
    if isinstance(node.op, Gather):
        return [(v, tuple(range(v.type.ndim)) if k else ()) for k, v in enumerate(node.operands)]
    if isinstance(node.op, (*VIEWS, *MOVES)) and not isinstance(node.op, BroadcastTo):
        return [(v, tuple(range(v.type.ndim))) for v in node.operands]
    return [
        (v, tuple(axis + len(space) - v.type.ndim for axis, e in enumerate(v.type.shape) if e != 1))
        for v in node.operands
    ]


def merges(node: Node) -> bool:
    """Whether a reshape makes one axis of several, so that its index takes a division."""
    old, new = squeezed(node.operands[0].type.shape), squeezed(node.types[0].shape)
    ends: set[int] = set()
    size = 1
    for extent in new:
        size *= extent
        ends.add(size)
    size = 1
    for extent in old:
        size *= extent
        if size not in ends:  # an old axis ends inside a new one
            return True
    return False


def distinct(node: Node) -> bool:
    """Whether an update at indices writes to each place once."""
    op: Any = node.op
    return getattr(op, "distinct", False) or node.operands[-1].type.size == 1


def is_product(node: Node) -> bool:
    """Whether a node is a product for BLAS."""
    return sort_of(node) == "call" and SHORT[node.types[0].dtype] in BLAS_TYPES
