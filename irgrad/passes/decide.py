"""Control flow that is decided before the program runs: branches on a constant, loops of no step or
of one, loops that never start."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from irgrad.ir.builder import rebuilt
from irgrad.ir.exchange import Exchange
from irgrad.ir.graph import Graph, Node, Value, constant_value
from irgrad.ir.op import Op
from irgrad.ops.cond import Cond, selected
from irgrad.ops.linear import BroadcastTo, Reshape
from irgrad.ops.loop import Loop
from irgrad.ops.while_loop import While
from irgrad.passes.regions import has_regions


def decide(graph: Graph) -> Graph:
    """Put what they do in the place of branches and loops of which it is known."""
    if not has_regions(graph):
        return graph
    walk = Exchange(graph)
    for node in graph.nodes:
        found = _decided(walk, node)
        counted = _counted(walk, node)
        if counted is not None:
            walk.replace(node, counted, range(len(node.types)))
        elif found is None:
            walk.keep(node)
        else:
            walk.values.update(zip(node.outputs, found, strict=True))
            walk.images[node] = found[0].node
    return walk.result()


def _decided(walk: Exchange, node: Node) -> list[Value] | None:
    """What the outputs of a node become, where that is known."""
    op: Any = node.op
    operands = list(map(walk.moved, node.operands))
    if isinstance(op, Cond) and operands[0].constant is not None:
        branch = op.branches[selected(operands[0].constant, len(op.branches))]
        return list(walk.inline(branch, operands[1:]))
    if isinstance(op, While) and len(node.types) == op.carried + 1:
        holds = op.condition.outputs[0].constant
        if holds is not None and not holds:
            return [*operands[: op.carried], constant_value(np.asarray(0))]
    if isinstance(op, Loop) and op.length == 0:
        return [*operands[: op.carried], *(_emptied(walk, node, k) for k in _rows(op))]
    if isinstance(op, Loop) and op.length == 1:
        return _once(walk, node, op, operands)
    return None


def _rows(op: Loop) -> range:
    return range(op.carried, len(op.body.outputs))


def _emitted(walk: Exchange, like: Node, op: Op, operand: Value) -> Value:
    types = op.result_types(operand.type)
    node = Node(op, (operand,), types, location=like.location, origin=like.origin)
    walk.nodes.append(node)
    return Value(node, 0)


def _emptied(walk: Exchange, node: Node, output: int) -> Value:
    type = node.types[output]
    return _emitted(walk, node, BroadcastTo(type.shape), constant_value(np.zeros((), type.dtype)))


def _once(walk: Exchange, node: Node, op: Loop, operands: list[Value]) -> list[Value]:
    groups = op.groups(operands)
    slices = [_emitted(walk, node, Reshape(x.type.shape[1:]), x) for x in groups.scanned]
    given = [constant_value(np.asarray(0)), *groups.carried, *slices, *groups.fixed]
    found = walk.inline(op.body, given)
    rows = [_emitted(walk, node, Reshape(node.types[k].shape), found[k]) for k in _rows(op)]
    return [*found[: op.carried], *rows]


def _counted(walk: Exchange, node: Node) -> Node | None:
    """The loop with its constant trip count as a parameter, where it stacks and scans nothing."""
    op: Any = node.op
    if not isinstance(op, Loop) or op.length is not None:
        return None
    operands = tuple(map(walk.moved, node.operands))
    count = operands[0].constant
    if count is None or op.scanned or len(op.body.outputs) > op.carried:
        return None
    fixed = dataclasses.replace(op, length=max(0, int(count)))
    return rebuilt(node, operands[1:], walk.images, fixed)
