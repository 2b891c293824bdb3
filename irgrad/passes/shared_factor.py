"""Two contractions with an operand in common, added: one contraction with the sum of the others.

The gradient of A A^T is such a sum: M A and M^T A."""

from __future__ import annotations

import math
from typing import NamedTuple

from irgrad.ir.graph import Value
from irgrad.ir.op import Op
from irgrad.ops.arithmetic import ADD, MULTIPLY
from irgrad.ops.contract import Contract, split_spec
from irgrad.ops.shape import Transpose
from irgrad.passes.rewrite import Rewriter, Rules, rule

SHARED: Rules = {}
LONG = 8
"""Products for each element of what is added, so that one product costs more than the sum."""


class Factor(NamedTuple):
    """An operand of a contraction and its letters."""

    letters: str
    value: Value


class Product(NamedTuple):
    """A contraction: one operand, the other, the letters of the result, and a number with which all
    of it is multiplied, or an operand is.
    """

    shared: Factor
    rest: Factor
    result: str
    number: Value | None


@rule(SHARED, "add")
def add_contractions(r: Rewriter, op: Op, x: Value, y: Value) -> Value | None:
    """sum_k a_ik b_kj + sum_k a_ik c_jk = sum_k a_ik (b_kj + c_jk), where adding b and c takes a
    small part of the work of a product.
    """
    for one in _products(r, x):
        for other in _products(r, y):
            axes = _axes(one, other)
            if axes is None or not _is_worth(one):
                continue
            turned = r.emit(Transpose(axes), other.rest.value)
            rest, shared = r.emit(ADD, one.rest.value, turned), one.shared.value
            if one.number is not None:
                shared = r.emit(MULTIPLY, one.number, shared)
            spec = f"{one.rest.letters},{one.shared.letters}->{one.result}"
            return r.emit(Contract(spec), rest, shared)
    return None


def _is_worth(product: Product) -> bool:
    rest = set(product.rest.letters)
    extents = zip(product.shared.letters, product.shared.value.type.shape, strict=True)
    return math.prod(extent for c, extent in extents if c not in rest) >= LONG


def _axes(one: Product, other: Product) -> tuple[int, ...] | None:
    """The axes of what the other product has besides, in the order of the first; None where the
    products differ otherwise.
    """
    if one.shared.value != other.shared.value or not _same(one.number, other.number):
        return None
    names = dict(zip(other.shared.letters, one.shared.letters, strict=True))
    for old, new in zip(other.result, one.result, strict=True):
        if names.setdefault(old, new) != new:
            return None
    letters = [names.get(c) for c in other.rest.letters]
    if len(set(names.values())) != len(names) or sorted(map(str, letters)) != sorted(
        one.rest.letters
    ):
        return None
    return tuple(letters.index(c) for c in one.rest.letters)


def _products(r: Rewriter, value: Value) -> list[Product]:
    """What a value, which has no other use, is as a product: either operand may be the one that is
    shared.
    """
    number, contraction = _scaled(value)
    op = contraction.node.op if contraction.constant is None else None
    if not isinstance(op, Contract) or not (r.used_once(value) and r.used_once(contraction)):
        return []
    left, right, result = split_spec(op.spec)
    found: list[Product] = []
    operands = contraction.node.operands
    for k, letters, others in ((0, left, right), (1, right, left)):
        shared, rest = operands[k], operands[1 - k]
        inner, source = _scaled(shared)
        if number is None and inner is not None:
            found.append(Product(Factor(letters, source), Factor(others, rest), result, inner))
        found.append(Product(Factor(letters, shared), Factor(others, rest), result, number))
    return found


def _scaled(value: Value) -> tuple[Value | None, Value]:
    """A number and a value whose product a value is."""
    if value.constant is None and value.node.op is MULTIPLY:
        for number, other in (value.node.operands, value.node.operands[::-1]):
            if not number.type.shape and other.type == value.type:
                return number, other
    return None, value


def _same(one: Value | None, other: Value | None) -> bool:
    """Whether two numbers are known to be the same."""
    if one is None or other is None or one == other:
        return one == other
    if one.constant is None or other.constant is None or one.type != other.type:
        return False
    return one.constant.tobytes() == other.constant.tobytes()
