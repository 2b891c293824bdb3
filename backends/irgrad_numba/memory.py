"""Where every buffer lies: an argument, a result array, a constant, or scratch memory, shared by
buffers that do not live at the same time."""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from typing import NamedTuple

from irgrad.ir.graph import Graph, Value
from irgrad.ir.types import ArrayType, contiguous_strides
from irgrad_numba.index import View

ALIGNMENT = 64


class Memory(NamedTuple):
    """The plan, of all but stacks, which grow. `buffers` are the types of all buffers, those of the
    inputs first.
    """

    buffers: list[ArrayType]
    input_types: tuple[ArrayType, ...]
    captured: int
    """How many of the inputs, the last ones, are arrays that the function closes over."""
    constants: dict[int, Value]
    outputs: list[tuple[int, ArrayType]]
    """For each output of the graph the buffer that becomes it."""
    copies: list[tuple[int, int]]
    """(from, to): outputs that are inputs, constants or other outputs too."""
    strided: dict[int, tuple[Value, View]]
    """Inputs that do not lie in C order."""
    offsets: dict[int, int]
    """Places in the scratch memory, in bytes."""
    scratch_bytes: int

    @property
    def arena(self) -> int:
        """The place of the scratch memory in the table of buffers, after them all."""
        return len(self.buffers)


def arrange(
    graph: Graph,
    owners: Sequence[Value],
    views: dict[Value, View],
    accesses: Sequence[Sequence[int]],
    temporaries: Sequence[ArrayType] = (),
) -> Memory:
    """The plan for buffers owned by `owners` and `temporaries` after them, which step k of the
    program uses as `accesses[k]` says.
    """
    buffers = [*(value.type for value in owners), *temporaries]
    constants = {k: value for k, value in enumerate(owners) if value.constant is not None}
    taken = set(range(len(graph.inputs))) | set(constants)
    outputs: list[tuple[int, ArrayType]] = []
    copies: list[tuple[int, int]] = []
    for value in graph.outputs:
        buffer = views[value].buffer
        if buffer in taken:
            copies.append((buffer, len(buffers)))
            buffer = len(buffers)
            buffers.append(value.type)
        taken.add(buffer)
        outputs.append((buffer, value.type))
    first: dict[int, int] = {}
    last: dict[int, int] = {}
    for step, used in enumerate(accesses):
        for buffer in used:
            if buffer not in taken and not buffers[buffer].is_dynamic:
                first.setdefault(buffer, step)
                last[buffer] = step
    lives = [(first[b], last[b], rounded(buffers[b].nbytes), b) for b in first]
    offsets, size = packed(lives)
    return Memory(
        buffers, graph.input_types, graph.captured, constants, outputs, copies,
        _strided(graph, views), offsets, size,
    )  # fmt: skip


def _strided(graph: Graph, views: dict[Value, View]) -> dict[int, tuple[Value, View]]:
    inputs = [(value, views[value]) for value in graph.inputs]
    return {
        view.buffer: (value, view)
        for value, view in inputs
        if view.strides != contiguous_strides(value.type.shape)
    }


def rounded(size: int) -> int:
    """A size such that what follows is aligned."""
    return -(-max(size, 1) // ALIGNMENT) * ALIGNMENT


def packed(lives: Sequence[tuple[int, int, int, int]]) -> tuple[dict[int, int], int]:
    """Places for (first step, last step, size, name) such that what lives at the same time does
    not overlap: the first gap that is large enough -> places, and the size of all.

    >>> packed([(0, 1, 64, 7), (1, 2, 64, 8), (2, 3, 128, 9)])
    ({7: 0, 8: 64, 9: 128}, 256)
    >>> packed([(0, 1, 64, 7), (2, 3, 64, 8)])
    ({7: 0, 8: 0}, 64)
    """
    gaps: list[tuple[int, int]] = []
    dying: list[tuple[int, int, int]] = []
    places: dict[int, int] = {}
    end = 0
    for first, last, size, name in sorted(lives):
        freed = False
        while dying and dying[0][0] < first:
            _, at, length = heapq.heappop(dying)
            gaps.append((at, length))
            freed = True
        if freed:
            gaps = merged(gaps)
        fit = next((k for k, (_, length) in enumerate(gaps) if length >= size), None)
        if fit is not None:
            at, length = gaps[fit]
            gaps[fit : fit + 1] = [(at + size, length - size)] if length > size else []
        elif gaps and sum(gaps[-1]) == end:  # grow the last gap
            at = gaps.pop()[0]
            end = at + size
        else:
            at, end = end, end + size
        places[name] = at
        heapq.heappush(dying, (last, at, size))
    return places, end


def merged(gaps: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Neighbouring gaps as one, in order.

    >>> merged([(64, 64), (0, 64), (256, 64)])
    [(0, 128), (256, 64)]
    """
    result: list[tuple[int, int]] = []
    for at, length in sorted(gaps):
        if result and sum(result[-1]) == at:
            result[-1] = (result[-1][0], result[-1][1] + length)
        else:
            result.append((at, length))
    return result
