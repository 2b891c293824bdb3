"""What a vector needs of the one before it: of two expressions one may be the other a step further
back along the innermost loop, as in gradients of sums over neighbours. Its lanes have been computed
already, the first of them a vector ago."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from irgrad_numba.expression import Expr
from irgrad_numba.llvm import Value
from irgrad_numba.pieces import Piece

SAVED = 2
"""Expressions that taking one from the vector before must save, for its lanes must be moved."""

Shape = tuple[object, int | None]
"""What an expression is, wherever it is, and its place along the innermost loop."""


class Neighbours(NamedTuple):
    """`order` are the expressions of the innermost loop as they must be computed where `behind`
    tells of which others some are a step behind; `first` those that must be known of the step
    before all others.
    """

    order: list[Expr]
    behind: dict[Expr, Expr]
    first: list[Expr]


def neighbours(piece: Piece) -> Neighbours | None:
    """The expressions that are a step behind others; None where to know them saves too little."""
    if any(e.kind == "place" for e in piece.expressions):  # all of these are looked at
        return None
    depth = len(piece.ranges)
    shapes = _shapes(piece, depth)
    known = {shapes[e]: e for e in shapes if e.kind == "apply"}
    behind: dict[Expr, Expr] = {}
    for e in known.values():
        what, place = shapes[e]
        ahead = None if place is None else known.get((what, place + 1))
        if ahead is not None and e.type != "bool":
            behind[e] = ahead
    roots = [s.value for s in piece.statements]
    roots += [e for s in piece.statements for e, _ in s.index.dynamic]
    before, order = _order(roots, {}, depth), _order(roots, behind, depth)
    used = {e: behind[e] for e in order if e in behind}
    if not used or len(before) - len(order) < SAVED * len(used):
        return None
    return Neighbours(order, used, _order([*used.values()], {}, depth))


def _order(roots: Sequence[Expr], behind: Mapping[Expr, Expr], depth: int) -> list[Expr]:
    """The expressions of the innermost loop that others need, operands first."""
    found: dict[Expr, None] = {}
    waiting = [(e, False) for e in reversed(roots)]
    while waiting:
        e, ready = waiting.pop()
        if ready:
            found.setdefault(e)
        elif e.level == depth and e not in found:
            needs = (behind[e],) if e in behind else e.args
            waiting += [(e, True), *((x, False) for x in reversed(needs))]
    return list(found)


def _shapes(piece: Piece, depth: int) -> dict[Expr, Shape]:
    """Those of the expressions that are computed the same way at every step."""
    written = {s.buffer for s in piece.statements}
    numbers: dict[object, int] = {}
    shapes: dict[Expr, Shape] = {}
    for e in piece.expressions:
        parts = [shapes[x] for x in e.args if x in shapes]
        if e.level < depth:
            shapes[e] = e, None
        elif e.kind == "load":
            shape = _loaded(e, depth - 1, written)
            if shape is not None:
                shapes[e] = shape
        elif e.kind in ("apply", "cast") and len(parts) == len(e.args):
            start = min(place for _, place in parts if place is not None)
            apart = [(what, None if at is None else at - start) for what, at in parts]
            what = (e.kind, e.type, e.data, *apart)
            shapes[e] = numbers.setdefault(what, len(numbers)), start
    return shapes


def _loaded(e: Expr, innermost: int, written: Collection[int]) -> Shape | None:
    """The shape of an element that nothing here writes."""
    buffer, index = e.data
    by = index.coefficient(innermost)
    if not by or buffer in written or any(x.level > innermost for x, _ in index.dynamic):
        return None
    place, rest = divmod(index.constant, by)
    return ("load", e.type, buffer, rest, index.terms, index.dynamic), place


def moved(before: Value, now: Value) -> Value:
    """The last lane of one vector and all but the last of the next."""
    type, width = now.type, now.type.width
    lanes = ", ".join(f"i32 {k}" for k in range(width - 1, 2 * width - 1))
    both = f"{type.text} {before.text}, {type.text} {now.text}"
    return now.code.value(type, f"shufflevector {both}, <{width} x i32> <{lanes}>")
