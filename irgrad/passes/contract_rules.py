"""Sums of products become contractions, and contractions take up what surrounds them."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from irgrad.ir.graph import Value
from irgrad.ir.op import Op
from irgrad.ir.types import broadcast_axes, broadcast_shapes, drop_axes
from irgrad.ops.arithmetic import ABSOLUTE, ADD, MULTIPLY, SQUARE, SUBTRACT
from irgrad.ops.contract import Contract, split_spec
from irgrad.ops.elementwise import UFUNCS
from irgrad.ops.exponential import EXP
from irgrad.ops.linear import BroadcastTo, Reshape, Sum
from irgrad.ops.reduction import Any_
from irgrad.ops.select import WHERE
from irgrad.ops.shape import Transpose
from irgrad.passes.arithmetic_rules import is_power_of_two, is_scalar, made_by, scalar
from irgrad.passes.association import best_association
from irgrad.passes.rewrite import Rewriter, Rules, rule

CONTRACTIONS: Rules = {}
MASKED: Rules = {}
"""For products of which masks differ from one step of a loop to the next."""
LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"


@rule(CONTRACTIONS, "sum")
def sum_of_product(r: Rewriter, op: Sum, x: Value) -> Value | None:
    """sum(a * b) is a contraction, where the product has no other use and each summed axis is in
    both.
    """
    if x.node.op not in (MULTIPLY, SQUARE) or not r.used_once(x) or x.type.dtype.kind not in "fc":
        return None
    a, b = (x.node.operands * 2)[:2]
    shape = broadcast_shapes(a.type.shape, b.type.shape)
    groups = [_letters(value, shape) for value in (a, b)]
    summed = {LETTERS[axis] for axis in op.axes}
    if not all(summed <= set(letters) for letters in groups):
        return None
    result = "".join(LETTERS[axis] for axis in range(len(shape)) if axis not in op.axes)
    if any(letter not in groups[0] + groups[1] for letter in result):
        return None
    operands = [_squeezed(r, value, shape) for value in (a, b)]
    return r.emit(Contract(f"{groups[0]},{groups[1]}->{result}"), *operands)


def _letters(value: Value, shape: tuple[int, ...]) -> str:
    """A letter for each axis of `shape` along which `value` is not repeated."""
    return _named(value, LETTERS[: len(shape)], shape)


def _squeezed(r: Rewriter, value: Value, shape: tuple[int, ...]) -> Value:
    lead = len(shape) - value.type.ndim
    ones = [axis - lead for axis in broadcast_axes(value.type.shape, shape) if axis >= lead]
    return r.emit(Reshape(drop_axes(value.type.shape, ones)), value) if ones else value


@rule(MASKED, "contract")
def contract_masked(r: Rewriter, op: Contract, x: Value, y: Value) -> Value | None:
    """sum_k x_ik where(m_ij, y_jk, 0) = where(m_ij, sum_k x_ik y_jk, 0), so that y need not lie in
    memory for each i. What no i takes of y is masked still: it may be anything.
    """
    left, right, result = split_spec(op.spec)
    for one, other, letters, others in ((x, y, left, right), (y, x, right, left)):
        masked = _masked(one)
        if masked is None:
            continue
        mask, source = (_squeezed(r, v, one.type.shape) for v in masked.operands)
        own, kept = (_named(v, letters, one.type.shape) for v in masked.operands)
        spread = set(own) - set(kept)
        if not spread or not set(own) <= set(result) or not spread <= set(others):
            continue
        if set(own) | set(kept) != set(letters):
            continue
        zero = r.constant(np.zeros((), source.type.dtype))
        used = r.emit(Any_(tuple(a for a, c in enumerate(own) if c in spread)), mask)
        used = r.emit(Reshape(_ones(kept, set(own), source.type.shape)), used)
        taken = r.emit(WHERE, used, source, zero)
        product = r.emit(Contract(f"{kept},{others}->{result}"), taken, other)
        for factor in masked.factors:
            product = r.emit(MULTIPLY, product, factor)
        turned = r.emit(Transpose(tuple(own.index(c) for c in result if c in own)), mask)
        beside = r.emit(Reshape(_ones(result, set(own), product.type.shape)), turned)
        return r.emit(WHERE, beside, product, zero)
    return None


class Masked(NamedTuple):
    """where(mask, source, 0) times numbers: the mask and the source, and these."""

    operands: tuple[Value, Value]
    factors: list[Value]


def _masked(value: Value, inside: Value | None = None) -> Masked | None:
    """`value` taken apart; what is `inside` a mask is masked by that again."""
    if made_by(value, MULTIPLY):
        for number, rest in (value.node.operands, value.node.operands[::-1]):
            found = _masked(rest, inside) if scalar(number) is not None else None
            if found is not None:
                return found._replace(factors=[*found.factors, number])
    if not made_by(value, WHERE) or not is_scalar(value.node.operands[2], 0):
        return None
    mask, source, _ = value.node.operands
    if inside not in (None, mask):
        return None
    return _masked(source, mask) or Masked((mask, source), [])


def _named(value: Value, letters: str, shape: tuple[int, ...]) -> str:
    """Those of the letters of the axes of `shape` along which `value` is not repeated."""
    repeated = broadcast_axes(value.type.shape, shape)
    return "".join(c for axis, c in enumerate(letters) if axis not in repeated)


def _ones(letters: str, kept: set[str], shape: tuple[int, ...]) -> tuple[int, ...]:
    """`shape` with an extent of 1 for all letters but some."""
    return tuple(n if c in kept else 1 for c, n in zip(letters, shape, strict=True))


@rule(CONTRACTIONS, "sum")
def sum_of_contraction(r: Rewriter, op: Sum, x: Value) -> Value | None:
    """sum(contract(a, b)): the summed letters leave the result, or are summed in the one operand
    that has them.
    """
    if not isinstance(x.node.op, Contract) or not r.used_once(x):
        return None
    left, right, result = split_spec(x.node.op.spec)
    summed = {result[axis] for axis in op.axes}
    operands = []
    for letters, other, value in zip((left, right), (right, left), x.node.operands, strict=True):
        alone = tuple(
            i for i, letter in enumerate(letters) if letter in summed and letter not in other
        )
        operands.append(r.emit(Sum(alone), value) if alone else value)
    kept = [
        "".join(letter for letter in letters if letter not in summed or letter in other)
        for letters, other in ((left, right), (right, left))
    ]
    remaining = "".join(letter for letter in result if letter not in summed)
    return r.emit(Contract(f"{kept[0]},{kept[1]}->{remaining}"), *operands)


@rule(CONTRACTIONS, "sum")
def sum_of_adjoints(r: Rewriter, op: Sum, x: Value) -> Value | None:
    """sum(a + b) = sum(a) + sum(b) where a or b is a contraction that then needs fewer
    multiplications. Only sums that differentiation emitted are taken apart, whose order nobody has
    asked for.
    """
    if x.node.op not in (ADD, SUBTRACT) or x.node.origin is None or not r.used_once(x):
        return None
    terms = x.node.operands
    if any(v.type != x.type for v in terms) or not any(_shrinks(r, op, v) for v in terms):
        return None
    return r.emit(x.node.op, *(r.emit(op, v) for v in terms))


@rule(CONTRACTIONS, "sum")
def sum_of_positive_terms(r: Rewriter, op: Sum, x: Value) -> Value | None:
    """sum(a + b) = sum(a) + sum(b) for products that are not negative, so that nothing cancels, and
    sum(c a) = c sum(a) for a product a and a number c of at least 1, or a power of two, so that
    nothing overflows: to multiply and to add to the sum is then one instruction for each term.
    """
    if x.type.dtype.kind != "f" or not r.used_once(x) or not _is_long(op, x):
        return None
    if made_by(x, ADD):
        terms = x.node.operands
        same = all(v.type == x.type for v in terms)
        if not same or not all(_is_positive_product(r, v) for v in terms):
            return None
        return r.emit(ADD, *(r.emit(op, v) for v in terms))
    number, factor = _numbered(x)
    if number is None or not (number >= 1 or (number > 0 and is_power_of_two(number))):
        return None
    if not np.isfinite(number) or factor.type != x.type or not _is_product(r, factor):
        return None
    return r.emit(MULTIPLY, r.constant(number), r.emit(op, factor))


LONG_SUM = 16
"""Sums of fewer elements stay whole."""


def _is_long(op: Sum, x: Value) -> bool:
    return int(np.prod([x.type.shape[axis] for axis in op.axes], dtype=object)) >= LONG_SUM


def _numbered(x: Value) -> tuple[Any, Value]:
    """The number in a product with one, else None, and the rest."""
    if made_by(x, MULTIPLY):
        for factor, rest in (x.node.operands, x.node.operands[::-1]):
            number = scalar(factor)
            if number is not None:
                return number, rest
    return None, x


def _is_product(r: Rewriter, x: Value) -> bool:
    return x.node.op in (MULTIPLY, SQUARE) and r.used_once(x)


def _is_positive_product(r: Rewriter, x: Value, depth: int = 4) -> bool:
    """Whether a value is a product, or a sum of few products, and not negative."""
    if made_by(x, ADD) and r.used_once(x) and depth:
        terms = x.node.operands
        return all(v.type == x.type and _is_positive_product(r, v, depth - 1) for v in terms)
    return _is_product(r, x) and _is_positive(x, depth)


def _is_positive(x: Value, depth: int) -> bool:
    """Whether a value is not negative, as far as a few products show it."""
    number = scalar(x)
    if number is not None:
        return bool(number >= 0)
    if made_by(x, MULTIPLY) and depth:
        return all(_is_positive(v, depth - 1) for v in x.node.operands)
    return x.node.op in (SQUARE, ABSOLUTE, EXP)


def _shrinks(r: Rewriter, op: Sum, x: Value) -> bool:
    """Whether a contraction sums an operand, once it is itself summed."""
    if not isinstance(x.node.op, Contract) or not r.used_once(x):
        return False
    left, right, result = split_spec(x.node.op.spec)
    return any(
        (result[axis] in left) != (result[axis] in right) and x.type.shape[axis] > 1
        for axis in op.axes
    )


@rule(CONTRACTIONS, "contract")
def contract_transposed(r: Rewriter, op: Contract, x: Value, y: Value) -> Value | None:
    """A transposed operand is the operand with its letters permuted."""
    left, right, result = split_spec(op.spec)
    for value in (x, y):
        if isinstance(value.node.op, Transpose):
            break
    else:
        return None
    (left, x), (right, y) = _untransposed(left, x), _untransposed(right, y)
    return r.emit(Contract(f"{left},{right}->{result}"), x, y)


def _untransposed(letters: str, value: Value) -> tuple[str, Value]:
    if not isinstance(value.node.op, Transpose):
        return letters, value
    axes = value.node.op.axes
    return "".join(letters[axes.index(axis)] for axis in range(len(axes))), value.node.operands[0]


@rule(CONTRACTIONS, "contract")
def contract_masked_transpose(r: Rewriter, op: Contract, x: Value, y: Value) -> Value | None:
    """where(m, x^T, 0) as a factor is where(m^T, x, 0) with its letters turned."""
    *groups, result = split_spec(op.spec)
    for k, value in enumerate((x, y)):
        if not made_by(value, WHERE) or not r.used_once(value):
            continue
        mask, source, zero = value.node.operands
        turn, ndim = source.node.op, value.type.ndim
        whole = source.type.shape == value.type.shape and zero.type.size == 1
        if not isinstance(turn, Transpose) or not whole:
            continue
        back = tuple(turn.axes.index(a) for a in range(ndim))
        ones = (1,) * (ndim - mask.type.ndim)
        mask = r.emit(Transpose(back), r.emit(Reshape((*ones, *mask.type.shape)), mask))
        groups[k] = "".join(groups[k][a] for a in back)
        turned = r.emit(WHERE, mask, source.node.operands[0], zero)
        operands = (turned, y) if k == 0 else (x, turned)
        return r.emit(Contract(f"{groups[0]},{groups[1]}->{result}"), *operands)
    return None


@rule(CONTRACTIONS, "where")
def where_twice(r: Rewriter, op: Op, mask: Value, x: Value, y: Value) -> Value | None:
    """where(m, where(n, x, c), c) = where(m and n, x, c), for masks along different axes."""
    if not made_by(x, WHERE) or not r.used_once(x) or y.constant is None:
        return None
    inner, source, other = x.node.operands
    if other.constant is None or y.type.shape or other.type != y.type:
        return None
    if max(mask.type.size, inner.type.size) >= x.type.size:
        return None
    if other.constant.tobytes() != y.constant.tobytes():
        return None
    return r.emit(WHERE, r.emit(UFUNCS[np.logical_and], mask, inner), source, y)


@rule(CONTRACTIONS, "transpose")
def transpose_of_contraction(r: Rewriter, op: Transpose, x: Value) -> Value | None:
    """The transpose of a contraction that has no other use: its result's letters permuted."""
    if not isinstance(x.node.op, Contract) or not r.used_once(x):
        return None
    left, right, result = split_spec(x.node.op.spec)
    permuted = "".join(result[axis] for axis in op.axes)
    return r.emit(Contract(f"{left},{right}->{permuted}"), *x.node.operands)


@rule(CONTRACTIONS, "contract")
def contract_broadcast(r: Rewriter, op: Contract, x: Value, y: Value) -> Value | None:
    """A repeated operand: its repeated letters leave it, and are summed in the other or broadcast
    in the result.
    """
    left, right, result = split_spec(op.spec)
    if isinstance(x.node.op, BroadcastTo) and not isinstance(y.node.op, BroadcastTo):
        return r.emit(Contract(f"{right},{left}->{result}"), y, x)
    if not isinstance(y.node.op, BroadcastTo):
        return None
    source = y.node.operands[0]
    gone = {right[axis] for axis in broadcast_axes(source.type.shape, y.type.shape)}
    if not gone:
        return None
    kept = "".join(c for c in right if c not in gone)
    alone = tuple(i for i, c in enumerate(left) if c in gone and c not in result)
    others = "".join(c for i, c in enumerate(left) if i not in alone)
    inside = "".join(c for c in result if c in kept + others)
    value = r.emit(
        Contract(f"{others},{kept}->{inside}"),
        r.emit(Sum(alone), x) if alone else x,
        _squeezed(r, source, y.type.shape),
    )
    extent = dict(zip(left + right, x.type.shape + y.type.shape, strict=True))
    return _broadcast_letters(r, value, inside, result, extent)


def _broadcast_letters(
    r: Rewriter, value: Value, have: str, wanted: str, extent: dict[str, int]
) -> Value:
    if have == wanted:
        return value
    ones = tuple(extent[letter] if letter in have else 1 for letter in wanted)
    shaped = r.emit(Reshape(ones), value)
    return r.emit(BroadcastTo(tuple(extent[letter] for letter in wanted)), shaped)


@rule(CONTRACTIONS, "contract")
def contract_elementwise(r: Rewriter, op: Contract, x: Value, y: Value) -> Value | None:
    """No sum, and no letter that only one operand has unless the other is a scalar: a product of
    elements.
    """
    left, right, result = split_spec(op.spec)
    if len(result) != len(set(left + right)) or (left and right and set(left) != set(right)):
        return None
    aligned = [
        r.emit(Transpose(tuple(letters.index(c) for c in result)), value)
        if letters and letters != result
        else value
        for letters, value in ((left, x), (right, y))
    ]
    return r.emit(MULTIPLY, *aligned)


@rule(CONTRACTIONS, "contract")
def reassociate(r: Rewriter, op: Contract, x: Value, y: Value) -> Value | None:
    """A chain of contractions in the order that needs the fewest multiplications."""
    chain = Chain(r, op, (x, y))
    if len(chain.leaves) < 3:
        return None
    groups, result, extents = chain.normal_form()
    tree, cost = best_association(groups, result, extents)
    if cost >= chain.cost(extents):
        return None
    return chain.emit(r, tree, groups, result)


class Chain:
    """The contractions that end in one contraction, with letters of their own.

    `products` are those that go away when the chain is associated anew: an inner contraction that
    something else reads too may be computed another way here, but it stays, so its cost is paid.
    A contraction with itself stays what it is, a sum of squares: `v` in v . v is a leaf, since the
    Gram matrices of its factors would cancel where it is small.
    """

    LIMIT = 6

    def __init__(self, r: Rewriter, op: Contract, operands: tuple[Value, ...]) -> None:
        self.leaves: list[tuple[str, Value]] = []
        self.products: list[str] = []
        self.squared: set[Value] = set()
        self.fresh = iter(LETTERS)
        self.result = "".join(next(self.fresh) for _ in split_spec(op.spec)[2])
        work = self._open(self.result, op, operands, True)
        while work:
            letters, value, alone = work.pop(0)
            room = len(self.leaves) + len(work) + 2 <= self.LIMIT
            if room and isinstance(value.node.op, Contract) and value not in self.squared:
                alone = alone and r.used_once(value)
                work = self._open(letters, value.node.op, value.node.operands, alone) + work
            else:
                self.leaves.append((letters, value))

    def _open(
        self, letters: str, op: Contract, operands: tuple[Value, ...], alone: bool
    ) -> list[tuple[str, Value, bool]]:
        left, right, result = split_spec(op.spec)
        names = dict(zip(result, letters, strict=True))
        for letter in left + right:
            if letter not in names:
                names[letter] = next(self.fresh)
        if alone:
            self.products.append("".join(names.values()))
        if operands[0] == operands[1]:
            self.squared.add(operands[0])
        return [
            ("".join(names[c] for c in group), operand, alone)
            for group, operand in zip((left, right), operands, strict=True)
        ]

    def normal_form(self) -> tuple[tuple[str, ...], str, tuple[tuple[str, int], ...]]:
        """Letters of the leaves, of the result, and extents: hashable."""
        extents = {
            c: n
            for letters, value in self.leaves
            for c, n in zip(letters, value.type.shape, strict=True)
        }
        return tuple(letters for letters, _ in self.leaves), self.result, tuple(extents.items())

    def cost(self, extents: tuple[tuple[str, int], ...]) -> int:
        """Multiplications that the chain as it stands costs."""
        extent = dict(extents)
        return sum(
            int(np.prod([extent[c] for c in letters], dtype=object)) for letters in self.products
        )

    def emit(self, r: Rewriter, tree: object, groups: tuple[str, ...], result: str) -> Value:
        """The chain associated as `tree` says: an int is a leaf, a pair a contraction."""

        def build(branch: object, outside: str) -> tuple[str, Value]:
            if isinstance(branch, int):
                return self.leaves[branch]
            first, second = branch  # pyright: ignore[reportGeneralTypeIssues]
            left = build(first, outside + _all_letters(second, groups))
            right = build(second, outside + _all_letters(first, groups))
            kept = "".join(c for c in dict.fromkeys(left[0] + right[0]) if c in outside)
            if set(kept) == set(result) == set(outside):
                kept = result
            return kept, r.emit(Contract(f"{left[0]},{right[0]}->{kept}"), left[1], right[1])

        return build(tree, result)[1]


def _all_letters(branch: object, groups: tuple[str, ...]) -> str:
    if isinstance(branch, int):
        return groups[branch]
    first, second = branch  # pyright: ignore[reportGeneralTypeIssues]
    return _all_letters(first, groups) + _all_letters(second, groups)
