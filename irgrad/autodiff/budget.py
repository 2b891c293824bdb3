"""The memory that adjoints of loops may keep, and loops in segments where they would keep more."""

from __future__ import annotations

import contextvars
import numbers
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from irgrad.autodiff.reverse import prepared_pull
from irgrad.autodiff.structured import RULES, influenced, receiving, wanted_operands
from irgrad.errors import OptionError
from irgrad.ir.graph import Graph, Node, Value
from irgrad.ops.loop import Loop
from irgrad.ops.segments import best_segments, kept, segmented
from irgrad.passes.regions import Exchange

_BUDGET: contextvars.ContextVar[int] = contextvars.ContextVar("irgrad_tape_budget", default=2**30)


@contextmanager
def tape_budget(bytes: int) -> Iterator[None]:
    """Let the adjoint of each loop keep at most about so many bytes, for what is compiled inside a
    with block; 1 GiB elsewhere.

    A loop with a known number of steps that would keep more becomes a loop over segments: its
    carried values are kept before each segment, and the steps of a segment (`replay=True` in the
    dump) run again when the adjoint reaches them, so that it takes one more run of the loop and
    about the square root of the memory. Where that is still too much, segments are themselves cut
    into segments, each level for one more run.

    Where only the running program knows the number of steps (`while_loop`, a traced bound of
    `fori_loop`), the budget is not kept: the stacks grow with the steps, and the dump says so in a
    comment above the loop.

    >>> import numpy as np, irgrad
    >>> with irgrad.tape_budget(1000):
    ...     f = irgrad.grad(lambda x: irgrad.fori_loop(0, 10_000, lambda i, c: np.sin(c), x))
    ...     text = irgrad.compile(f).dump(1.0)
    >>> "replay=True" in text
    True
    """
    if not isinstance(bytes, numbers.Real) or not 0 <= bytes < float("inf"):
        raise OptionError(f"tape_budget: expected a number of bytes, got {bytes!r:.60}")
    token = _BUDGET.set(int(bytes))
    try:
        yield
    finally:
        _BUDGET.reset(token)


def budget() -> int:
    """The bytes that a loop may keep."""
    return _BUDGET.get()


def within_budget(
    graph: Graph, seeded: Sequence[Value], wanted: Sequence[Value]
) -> tuple[Graph, Any]:
    """`graph` with loops in segments where their tapes would exceed the budget, and where values
    have gone.
    """
    most = budget()
    large = {node for node in graph.nodes if _most(node) > most}
    if not large:
        return graph, lambda value: value
    active = influenced(graph, wanted)
    reached = receiving(graph, active, seeded)
    walk = Exchange(graph)
    for node in graph.nodes:
        segments = _segments(node, active, reached, most) if node in large else None
        if segments is None:
            walk.keep(node)
            continue
        found = walk.inline(segmented(node, segments), list(map(walk.moved, node.operands)))
        walk.values.update(zip(node.outputs, found, strict=True))
        walk.images[node] = found[0].node
    return walk.result(), walk.moved


def _most(node: Node) -> int:
    """No less than the tape of a loop takes, in bytes."""
    op: Any = node.op
    if not isinstance(op, Loop) or op.length is None or op.replay or op.length < 4:
        return 0
    return op.length * _size(op.body)


def _size(graph: Graph) -> int:
    total = sum(value.type.nbytes for value in graph.inputs)
    for node in graph.nodes:
        total += sum(max(0, type.nbytes) for type in node.types)
        op: Any = node.op
        if isinstance(op, Loop) and op.length is not None:
            total += op.length * _size(op.body)
    return total


def _segments(
    node: Node, active: set[Value], reached: set[Value], most: int
) -> tuple[int, ...] | None:
    """The numbers of steps in segments, where the tape is too large and segments keep less."""
    op: Any = node.op
    wants, receives = wanted_operands(node, active), [v in reached for v in node.outputs]
    if not any(wants) or not any(receives) or prepared_pull(op, wants, receives) is not None:
        return None  # what is prepared has been through this
    taped, _ = RULES[Loop].plan(op, wants, receives)
    types = taped.result_types(*[v.type for v in node.operands])[len(node.types) :]
    tape = sum(type.nbytes for type in types)
    state = sum(v.type.nbytes for v in op.groups(node.operands).carried)
    each = tape // op.length
    segments = best_segments(op.length, state, each, most)
    return segments if tape > most and kept(segments, op.length, state, each) < tape else None
