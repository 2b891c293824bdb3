"""Rows that one loop stacks for another: of an array that is needed inside traced bounds alone, no
more is kept; and what nothing else reads the other loop may write to.

The bounds are integers of the loop that reads. Where they are computed from its position, and from
operands that both loops have, the loop that writes has them too, and finds them by how they are
computed."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

from irgrad.ir.graph import Graph, Node, Value, regions
from irgrad.ops.loop import Loop
from irgrad.ops.while_loop import While
from irgrad_numba.sorts import sort_of
from irgrad_numba.spans import EVERYWHERE, Condition, Span, Spans

Written = tuple[Any, ...]
"""How an integer is computed: an op with its operands, from inputs, by number, and constants."""


class Part(NamedTuple):
    """A condition whose bound is known by how it is computed."""

    axis: int
    at_least: bool
    bound: Written | None
    offset: int


Parts = Mapping[int, frozenset[Part]]
"""By the number of an output of a region, the part of it that is needed."""
WHOLE: Parts = MappingProxyType({})


def parts_read(
    node: Node, readers: Mapping[Value, Sequence[Node]], results: Collection[Value]
) -> Parts:
    """Which part of each row of a loop the loops that scan these read."""
    op: Any = node.op
    found: dict[int, frozenset[Part]] = {}
    if not isinstance(op, Loop):
        return found
    seen: dict[Node, Mapping[int, frozenset[Part]]] = {}
    for k, value in enumerate(node.outputs[op.carried :], op.carried):
        if len(value.type.shape) > 1 and value not in results:
            for reader in readers[value]:
                if reader not in seen:
                    seen[reader] = _needed(node, reader)
            every = [_part(value, reader, seen[reader]) for reader in readers[value]]
            span = frozenset[Part].intersection(*every) if every else None
            if span:
                found[k] = span
    return found


def rows_of_loops(node: Node, alone: Collection[Value]) -> list[int]:
    """The operands of a loop, scanned by it `alone`, that another loop has stacked: a step may
    write to its row.
    """
    op: Any = node.op
    if not isinstance(op, Loop):
        return []
    made = [
        v in alone and isinstance(v.node.op, (Loop, While)) and v not in _carried(v.node)
        for v in node.operands
    ]
    return [k for k in op.groups(list(range(len(made)))).scanned if made[k]]


def _carried(node: Node) -> Sequence[Value]:
    op: Any = node.op
    return node.outputs[: op.carried]


def _part(value: Value, reader: Node, needed: Mapping[int, frozenset[Part]]) -> frozenset[Part]:
    """Which part of each row of a stack a node needs, given what it does of the inputs of a loop:
    all, where it does not scan the stack.
    """
    if reader.operands.count(value) != 1:
        return frozenset()
    return needed.get(reader.operands.index(value), frozenset())


def _needed(node: Node, reader: Node) -> dict[int, frozenset[Part]]:
    """Of the operands that a loop scans, by number, the part of each row that it needs, with bounds
    as `node` knows them; those of which it needs all are not listed.
    """
    op: Any = reader.op
    found: dict[int, frozenset[Part]] = {}
    if not isinstance(op, Loop):
        return found
    spans = Spans(op.body, {inner: sort_of(inner) for inner in op.body.nodes})
    written = _inputs_of(node, reader) if spans.needed else {}
    for k, inner in enumerate(op.body.inputs[1 + op.carried :][: op.scanned], op.carried):
        conditions = spans.needed.get(inner, EVERYWHERE)
        bounds = {c.bound: None if c.bound is None else _how(c.bound, written) for c in conditions}
        part = frozenset(
            Part(c.axis, c.at_least, bounds[c.bound], c.offset)
            for c in conditions
            if c.bound is None or bounds[c.bound] is not None
        )
        if part:
            found[op.first + k] = part
    return found


def _inputs_of(node: Node, reader: Node) -> dict[Value, Written]:
    """How what a loop reads is known in the body of another: by the numbers of its inputs."""
    op: Any = node.op
    there: Any = reader.op
    groups = op.groups(node.operands)
    start = 1 + op.carried + op.scanned
    known: dict[Value, Written] = {v: ("input", start + k) for k, v in enumerate(groups.fixed)}
    first = 1 + there.carried + there.scanned
    fixed = there.groups(reader.operands).fixed
    found: dict[Value, Written] = {there.body.inputs[0]: ("input", 0)}
    for inside, operand in zip(there.body.inputs[first:], fixed, strict=True):
        if operand.constant is not None:
            found[inside] = _how(operand, {}) or ()
        elif operand in known:
            found[inside] = known[operand]
    return found


def _how(value: Value, known: Mapping[Value, Written]) -> Written | None:
    """How an integer is computed; None where that takes what is not known."""
    if value in known:
        return known[value]
    constant, node = value.constant, value.node
    if constant is not None:
        return ("constant", str(constant.dtype), constant.shape, constant.tobytes())
    if node.is_input or len(node.types) > 1 or value.type.size > 1 or regions(node.op):
        return None
    operands = [_how(v, known) for v in node.operands]
    return None if None in operands else (node.op, *operands)


def spans_needed(graph: Graph, parts: Parts) -> dict[Value, Span]:
    """The parts of the outputs of a region, with the values that their bounds are there."""
    if not parts:
        return {}
    known: dict[Value, Written] = {v: ("input", k) for k, v in enumerate(graph.inputs)}
    for node in graph.nodes:
        value = Value(node, 0)
        if value.type.size == 1 and value.type.dtype.kind in "iub":
            written = _how(value, known)
            if written is not None:
                known[value] = written
    places = {written: value for value, written in reversed(known.items())}
    return {
        graph.outputs[k]: frozenset(
            Condition(p.axis, p.at_least, None if p.bound is None else places[p.bound], p.offset)
            for p in part
            if p.bound is None or p.bound in places
        )
        for k, part in parts.items()
        if graph.outputs.count(graph.outputs[k]) == 1
    }
