"""How much memory the interpreter's arrays take, step by step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from irgrad.ir.graph import Graph


class Step(Protocol):
    """What the interpreter does for a node."""

    @property
    def writes(self) -> tuple[int, ...]:
        """Slots that it fills."""
        ...

    @property
    def reads(self) -> tuple[int, ...]:
        """Slots that it reads."""
        ...

    @property
    def dies(self) -> tuple[int, ...]:
        """Slots that it clears."""
        ...

    @property
    def reuse(self) -> int | None:
        """The slot whose memory becomes the result's."""
        ...


def is_dynamic(graph: Graph) -> bool:
    """Whether a stack has a number of rows that is known only when the graph runs."""
    return any(type.is_dynamic for node in graph.nodes for type in node.types)


def footprint(graph: Graph, steps: Sequence[Step]) -> int:
    """Bytes alive beside the results, at the worst moment.

    Slots share the memory of the array that a view looks at or that was written over; it is free
    when the last of them is cleared."""
    owner: dict[int, int] = {}
    users: dict[int, int] = {}
    size: dict[int, int] = {}
    alive = most = 0
    for node, step in zip(graph.nodes, steps, strict=True):
        shared = step.reads[0] if node.op.is_view else step.reuse
        for slot, type in zip(step.writes, node.types, strict=True):
            if shared is not None:
                owner[slot] = owner.get(shared, shared)
            else:
                owner[slot], size[slot] = slot, type.nbytes
                alive += type.nbytes
            users[owner[slot]] = users.get(owner[slot], 0) + 1
        most = max(most, alive)
        for slot in step.dies:
            memory = owner.get(slot)
            if memory is None:  # an argument
                continue
            users[memory] -= 1
            if not users[memory]:
                alive -= size.get(memory, 0)
    return max(0, most - sum(type.nbytes for type in graph.output_types))
