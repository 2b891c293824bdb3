"""The one product with sums: `contract{spec='ij,jk->ik'}` is dot, matmul, outer, einsum and
tensordot.
"""

from __future__ import annotations

import string
from collections.abc import Sequence
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from irgrad.errors import DTypeError, ShapeError
from irgrad.ir.op import Array, register
from irgrad.ir.types import ArrayType
from irgrad.ops.base import Bilinear, bind

LETTERS = string.ascii_letters + "αβγδεζηθικλμνξοπρστυφχψω"  # more than NumPy's 64 axes


class Plan(NamedTuple):
    """How a spec runs as one (batched) matrix product: letters of each group, and permutations."""

    batch: str
    rows: str
    inner: str
    columns: str

    @property
    def left(self) -> str:
        """The order of letters of the left matrix."""
        return self.batch + self.rows + self.inner

    @property
    def right(self) -> str:
        """The order of letters of the right matrix."""
        return self.batch + self.inner + self.columns

    @property
    def result(self) -> str:
        """The order of letters of the product."""
        return self.batch + self.rows + self.columns


@cache
def split_spec(spec: str) -> tuple[str, str, str]:
    """`'ij,jk->ik'` -> ('ij', 'jk', 'ik'), checked.

    Each letter stands in at least two of the three groups and once in each: a sum over a letter of
    one operand alone, or a diagonal, is an op of its own."""
    try:
        operands, result = spec.split("->")
        left, right = operands.split(",")
    except ValueError:
        raise ShapeError(f"contract: spec {spec!r} must read 'ij,jk->ik'") from None
    for letter in set(left + right + result):
        groups = [group.count(letter) for group in (left, right, result)]
        if max(groups) > 1 or sum(groups) < 2 or not letter.isalpha():
            raise ShapeError(
                f"contract: in {spec!r}, '{letter}' must stand in two or three groups, once in each"
            )
    return left, right, result


@cache
def plan(spec: str) -> Plan:
    """The matrix product that a spec is."""
    left, right, result = split_spec(spec)
    return Plan(
        batch="".join(c for c in result if c in left and c in right),
        rows="".join(c for c in result if c not in right),
        inner="".join(c for c in left if c in right and c not in result),
        columns="".join(c for c in result if c not in left),
    )


@register("contract")
class Contract(Bilinear):
    """Products of elements of two operands, summed over the letters that the result lacks."""

    spec: str

    def result_types(self, *operands: ArrayType) -> tuple[ArrayType, ...]:
        x, y = operands
        left, right, result = split_spec(self.spec)
        if x.dtype != y.dtype:
            raise DTypeError(f"contract: {x} and {y} differ in dtype", hint="insert astype")
        extents: dict[str, int] = {}
        for letters, operand in ((left, x), (right, y)):
            if len(letters) != operand.ndim:
                raise ShapeError(f"contract: '{letters}' of {self.spec!r} does not fit {operand}")
            for letter, extent in zip(letters, operand.shape, strict=True):
                if extents.setdefault(letter, extent) != extent:
                    raise ShapeError(
                        f"contract: '{letter}' of {self.spec!r} is {extents[letter]} in {x} "
                        f"but {extent} in {y}",
                        hint=_remedy(self.spec),
                    )
        return (ArrayType(x.dtype, tuple(extents[letter] for letter in result)),)

    def reference(self, *operands: Array) -> Array:
        x, y = operands
        groups = plan(self.spec)
        left, right, result = split_spec(self.spec)
        extent = dict(zip(left + right, x.shape + y.shape, strict=True))
        size = [int(np.prod([extent[c] for c in group], dtype=int)) for group in groups]
        a = x.transpose([left.index(c) for c in groups.left])
        b = y.transpose([right.index(c) for c in groups.right])
        batch = [extent[c] for c in groups.batch]
        product = np.matmul(
            a.reshape(*batch, size[1], size[2]), b.reshape(*batch, size[2], size[3])
        )
        full = product.reshape([extent[c] for c in groups.result])
        return full.transpose([groups.result.index(c) for c in result])

    def batch(self, operands: Sequence[Any], batched: Sequence[bool]) -> Sequence[Any]:
        """The batch axis is one more letter, of the batched operands and of the result."""
        letter = next(c for c in LETTERS if c not in self.spec)
        left, right = (
            letter * is_batched + letters
            for letters, is_batched in zip(split_spec(self.spec), batched, strict=False)
        )
        return [bind(Contract(f"{left},{right}->{letter}{split_spec(self.spec)[2]}"), *operands)]

    def transpose(self, operand: int, cotangent: Any, primals: Sequence[Any]) -> Any:
        left, right, result = split_spec(self.spec)
        if operand == 0:
            return bind(Contract(f"{result},{right}->{left}"), cotangent, primals[1])
        return bind(Contract(f"{left},{result}->{right}"), primals[0], cotangent)


def _remedy(spec: str) -> str:
    if spec in ("ij,jk->ik", "ij,j->i"):
        return "a @ b needs a.shape[1] == b.shape[0]"
    return "a contraction needs equal extents on both sides"


def contract(spec: str, x: Any, y: Any) -> Any:
    """`np.einsum(spec, x, y)` for a spec of two operands with each letter in two or three
    groups.
    """
    return bind(Contract(spec), x, y)
