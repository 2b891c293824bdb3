"""Kernels of one stage whose spaces differ at the border as one kernel: a sum over the differences
of neighbours and its gradient, say, so that what both read is read once.

They join where they read less together, and the border is cut no finer than it was: a kernel in one
box stays so, and may run chunk by chunk with what follows it."""

from __future__ import annotations

from collections.abc import Sequence

from irgrad_numba.chunks import bytes_of
from irgrad_numba.expression import Add
from irgrad_numba.pieces import Piece, pieces
from irgrad_numba.schedule import Kernel, Schedule, Step
from irgrad_numba.updates import is_update

INTERIOR = 16
"""An axis is at least so many times as long as the border."""
LARGEST = 100
"""Expressions in one point of joined loops."""


def joined(schedule: Schedule) -> Schedule:
    """`schedule` with such kernels in the place of the first of them."""
    steps: list[Step] = []
    for step in schedule.steps:
        earlier = steps[-1] if steps else None
        both = None
        if isinstance(step, Kernel) and isinstance(earlier, Kernel):
            both = _joined(schedule, earlier, step)
        if both is None:
            steps.append(step)
        else:
            steps[-1] = both
    schedule.steps = steps
    return schedule


def _joined(schedule: Schedule, one: Kernel, other: Kernel) -> Kernel | None:
    """One kernel for two, where they may join and it saves something."""
    if one.stage != other.stage or not (_is_free(one) and _is_free(other)):
        return None
    if not _are_near(one.space, other.space):
        return None
    space = tuple(map(max, one.space, other.space))
    both = Kernel(one.stage, space, roots=[*one.roots, *other.roots])
    apart, together = [pieces(schedule, kernel) for kernel in (one, other)], pieces(schedule, both)
    fine = len(together) <= max(map(len, apart)) and all(map(_is_simple, together))
    saves = sum(map(bytes_of, together)) < sum(bytes_of(part) for parts in apart for part in parts)
    return both if fine and saves else None


def _is_free(kernel: Kernel) -> bool:
    """Whether a kernel runs through all of its space, and nothing but its stage says when."""
    alone = len(kernel.beside) <= len(kernel.roots)
    return alone and not kernel.limits and not any(map(is_update, kernel.roots))


def _are_near(one: Sequence[int], other: Sequence[int]) -> bool:
    return (
        one != other
        and len(one) == len(other)
        and all(abs(a - b) * INTERIOR <= min(a, b) for a, b in zip(one, other, strict=True))
    )


def _is_simple(piece: Piece) -> bool:
    """Whether threads may share a piece, which is not too long."""
    return (
        len(piece.expressions) <= LARGEST
        and not any(isinstance(s, Add) or s.index.dynamic for s in piece.statements)
        and not any(e.kind == "place" for e in piece.expressions)
    )
