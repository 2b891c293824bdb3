"""Products with 2 that are computed as sums: x + x is 2 x to the last bit. Of two products that are
added, one becomes part of a fused multiplication and addition, and the other is a multiplication of
its own; where that is one with 2, as in gradients of squares, the adders can do it, which wait for
the multipliers on some processors and are the same units on others."""

from __future__ import annotations

from collections import defaultdict

from irgrad_numba.expression import Expr
from irgrad_numba.llvm import Value
from irgrad_numba.pieces import Piece

PRODUCTS, SUMS = ("multiply", "square"), ("add", "subtract")


def doubled(piece: Piece) -> dict[Expr, tuple[float, Expr]]:
    """The products that are computed as sums: 2 or -2, and of what."""
    found = {e: pair for e in piece.expressions if (pair := _doubling(e)) is not None}
    if not found:
        return {}
    readers: dict[Expr, list[Expr]] = defaultdict(list)
    for e in piece.expressions:
        for x in e.args:
            readers[x].append(e)
    stored = {s.value for s in piece.statements}

    def beside_product(e: Expr, reader: Expr) -> bool:
        others = [x for x in reader.args if x is not e]
        return reader.data in SUMS and any(_is_product(x) and x not in found for x in others)

    return {
        e: pair
        for e, pair in found.items()
        if e not in stored and all(beside_product(e, reader) for reader in readers[e])
    }


def _is_product(e: Expr) -> bool:
    return e.kind == "apply" and e.data in PRODUCTS


def _doubling(e: Expr) -> tuple[float, Expr] | None:
    """2 or -2, and what it is multiplied with."""
    if not _is_product(e) or e.type not in ("f32", "f64") or len(e.args) != 2:
        return None
    for number, x in (e.args, e.args[::-1]):
        factor = float.fromhex(number.data) if number.kind == "number" else 0.0
        if abs(factor) == 2:
            return factor, x
    return None


def as_sum(factor: float, x: Value) -> Value:
    """2 x or -2 x."""
    return x + x if factor > 0 else -(x + x)
