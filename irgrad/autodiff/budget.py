"""The memory that adjoints of loops may keep, and loops in segments where they would keep more."""

from __future__ import annotations

import contextvars
import numbers
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from irgrad.autodiff.open_loops import COUNTS, LEVELS, in_parts, is_open, lengths
from irgrad.autodiff.reverse import prepared_pull
from irgrad.autodiff.structured import RULES, influenced, receiving, wanted_operands
from irgrad.errors import OptionError
from irgrad.ir.exchange import Exchange
from irgrad.ir.graph import Graph, Node, Value
from irgrad.ops.loop import Loop
from irgrad.ops.segments import best_segments, kept, segmented

_BUDGET: contextvars.ContextVar[int | None] = contextvars.ContextVar(
    "irgrad_tape_budget", default=None
)
USUAL = 2**30
"""The budget of loops with a known number of steps where none has been set."""


@contextmanager
def tape_budget(bytes: int) -> Iterator[None]:
    """Let the adjoint of each loop keep at most about so many bytes, for what is compiled inside a
    with block. Elsewhere it is 1 GiB, for loops with a known number of steps alone.

    A loop with a known number of steps that would keep more becomes a loop over segments: its
    carried values are kept before each segment, and the steps of a segment (`replay=True` in the
    dump) run again when the adjoint reaches them, so that it takes one more run of the loop and
    about the square root of the memory. Where that is still too much, segments are themselves cut
    into segments, each level for one more run.

    Where only the running program knows the number of steps (`while_loop`, a traced bound of
    `fori_loop`), it decides: as many steps as take half of the budget are kept as they are, and
    those after them run in segments, of which each is longer than the one before it; with more
    steps than the budget is good for, what is kept grows like their square root. Without a `with`
    block all steps are kept. Comments above the loops in the dump say which.

    >>> import numpy as np, irgrad
    >>> with irgrad.tape_budget(1000):
    ...     f = irgrad.grad(lambda x: irgrad.fori_loop(0, 10_000, lambda i, c: np.sin(c), x))
    ...     text = irgrad.compile(f).dump(1.0)
    >>> "replay=True" in text
    True
    """
    real = isinstance(bytes, numbers.Real) and not isinstance(bytes, bool)
    if not real or not 0 <= bytes < float("inf") or bytes != int(bytes):
        raise OptionError(
            f"tape_budget: expected a number of bytes, got {bytes!r:.60}",
            hint="a whole number, such as 2**20 for a MiB",
        )
    with with_budget(int(bytes)):
        yield


@contextmanager
def with_budget(bytes: int | None) -> Iterator[None]:
    """The same for what `budget_set` has given."""
    token = _BUDGET.set(bytes)
    try:
        yield
    finally:
        _BUDGET.reset(token)


def budget_set() -> int | None:
    """The budget that has been set here."""
    return _BUDGET.get()


def budget() -> int:
    """The bytes that a loop with a known number of steps may keep."""
    chosen = _BUDGET.get()
    return USUAL if chosen is None else chosen


def within_budget(
    graph: Graph, seeded: Sequence[Value], wanted: Sequence[Value], levels: int = LEVELS
) -> tuple[Graph, Any]:
    """`graph` with loops in segments where their tapes would exceed the budget, and where values
    have gone. Segments of loops of unknown length have at most so many `levels`.
    """
    most, chosen = budget(), _BUDGET.get()
    large = {node for node in graph.nodes if _most(node) > most}
    if chosen is not None:
        large |= {node for node in graph.nodes if is_open(node)}
    if not large:
        return graph, lambda value: value
    active = influenced(graph, wanted)
    reached = receiving(graph, active, seeded)
    walk = Exchange(graph)
    for node in graph.nodes:
        found = _in_segments(node, active, reached, most, levels) if node in large else None
        if found is None:
            walk.keep(node)
            continue
        values = walk.inline(found, list(map(walk.moved, node.operands)))
        walk.values.update(zip(node.outputs, values, strict=True))
        walk.images[node] = values[0].node
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


def _in_segments(
    node: Node, active: set[Value], reached: set[Value], most: int, levels: int
) -> Graph | None:
    """A loop as a graph of its operands, in segments that keep less than its tape would."""
    op: Any = node.op
    wants, receives = wanted_operands(node, active), [v in reached for v in node.outputs]
    if not any(wants) or not any(receives) or prepared_pull(op, wants, receives) is not None:
        return None  # what is prepared has been through this
    taped: Any = RULES[type(op)].plan(op, wants, receives)[0]
    rows = taped.body.output_types[len(op.body.outputs) :]
    each = sum(type.nbytes for type in rows)
    state = sum(type.nbytes for type in op.body.output_types[: op.carried])
    if is_open(node):
        return in_parts(node, lengths(state + COUNTS, each, most, levels)) if each else None
    if each * op.length <= most:
        return None
    segments = best_segments(op.length, state, each, most)
    less = kept(segments, op.length, state, each) < each * op.length
    return segmented(node, segments) if less else None
