"""What batching rules share. The batch axis of a value is its first, and the axes of one example
follow; a value that is the same for all examples has no batch axis.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from irgrad.ir.types import I64
from irgrad.ops.create import iota
from irgrad.ops.linear import broadcast_to, reshape


def size_of(operands: Sequence[Any], batched: Sequence[bool]) -> int:
    """The number of examples."""
    return next(x.shape[0] for x, is_batched in zip(operands, batched, strict=True) if is_batched)


def spread(operands: Sequence[Any], batched: Sequence[bool]) -> list[Any]:
    """The operands, all with a batch axis: what is the same for all examples is repeated."""
    size = size_of(operands, batched)
    return [
        x if is_batched else broadcast_to(x, (size, *x.shape))
        for x, is_batched in zip(operands, batched, strict=True)
    ]


def example_shapes(operands: Sequence[Any], batched: Sequence[bool]) -> list[tuple[int, ...]]:
    """The shapes of the operands of one example."""
    return [x.shape[is_batched:] for x, is_batched in zip(operands, batched, strict=True)]


def aligned(operands: Sequence[Any], batched: Sequence[bool]) -> list[Any]:
    """The operands such that NumPy's broadcasting, which aligns last axes, keeps the batch axis
    apart: batched ones of lower rank get axes of 1 behind it.
    """
    ranks = list(map(len, example_shapes(operands, batched)))
    return [
        reshape(x, (x.shape[0], *(1,) * (max(ranks) - rank), *x.shape[1:])) if is_batched else x
        for x, rank, is_batched in zip(operands, ranks, batched, strict=True)
    ]


def example_index(indices: Any) -> Any:
    """For batched indices, the number of the example that each belongs to."""
    return iota(indices, I64, indices.shape, 0)
