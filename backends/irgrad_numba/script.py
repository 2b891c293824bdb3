"""In what order the body of a loop computes its expressions and runs its statements."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import chain

from irgrad_numba.expression import Expr, Statement
from irgrad_numba.pieces import Piece


def script_of(piece: Piece, order: Sequence[Expr]) -> list[Expr | Statement]:
    """Expressions of the innermost loop in `order`, and the statements, each at its turn."""
    return _in_turn(piece) if piece.turns else _as_they_can(piece, order)


def _as_they_can(piece: Piece, order: Sequence[Expr]) -> list[Expr | Statement]:
    """Statements that nothing else in the body waits for come as soon as they can, so that no
    register waits with their values; then the others.
    """
    loaded = {e.data[0] for e in piece.expressions if e.kind == "load"}
    written = Counter(s.buffer for s in piece.statements)
    early: dict[Expr, list[Statement]] = {}
    late: list[Statement] = []
    for s in piece.statements:
        alone = written[s.buffer] == 1 and s.buffer not in loaded
        if alone and s.value.level == len(piece.ranges) and not s.index.dynamic:
            early.setdefault(s.value, []).append(s)
        else:
            late.append(s)
    return [*chain.from_iterable((e, *early.get(e, ())) for e in order), *late]


def _in_turn(piece: Piece) -> list[Expr | Statement]:
    result: list[Expr | Statement] = []
    done, depth = 0, len(piece.ranges)
    for s, turn in zip(piece.statements, piece.turns, strict=True):
        result += [e for e in piece.expressions[done:turn] if e.level == depth]
        result.append(s)
        done = turn
    return result
