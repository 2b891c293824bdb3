"""Absorbing: a sum of adjoints, one of which a loop or a branch adds up from zeros, is the loop or
branch that goes on from the other.

An adjoint loop adds what each step contributes to zeros of its own, and a branch that contributes
nothing to an array gives zeros: to add these to the adjoint so far takes time for the whole array,
however few places they touch. Only sums that differentiation emitted are taken apart, whose order
nobody has asked for."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any, NamedTuple

from irgrad.ir.builder import rebuilt
from irgrad.ir.exchange import Exchange
from irgrad.ir.graph import Graph, Node, Value, input_value
from irgrad.ops.arithmetic import ADD
from irgrad.ops.cond import Cond
from irgrad.ops.elementwise import Elementwise
from irgrad.ops.linear import BroadcastTo
from irgrad.ops.loop import Loop


class Sum(NamedTuple):
    """`node` adds `other` to output `number` of a loop or branch, which nothing else reads."""

    node: Node
    number: int
    other: Value


def absorb(graph: Graph) -> Graph:
    """Take sums into the loops and branches of a graph."""
    count = sum(isinstance(node.op, (Loop, Cond)) for node in graph.nodes)
    for _ in range(count):
        found = _first(graph)
        if found is None:
            break
        graph = _absorbed(graph, *found)
    return graph


def _first(graph: Graph) -> tuple[Node, list[Sum]] | None:
    users = _users(graph)
    place = {node: k for k, node in enumerate(graph.nodes)}
    for node in graph.nodes:
        if not isinstance(node.op, (Loop, Cond)):
            continue
        able = _loop_totals(node) if isinstance(node.op, Loop) else _branch_parts(node)
        readers = [user for v in node.outputs for user in users[v]]
        until = min((place[user] for user in readers if isinstance(user, Node)), default=0)
        sums = [
            s
            for k in able
            if (s := _sum(users[Value(node, k)], node, k)) is not None
            and s.other.node is not node
            and place.get(s.other.node, -1) < until
        ]
        if sums:
            return node, sums
    return None


def _users(graph: Graph) -> dict[Value, list[Node | None]]:
    """Who reads each value, None for the result."""
    users: dict[Value, list[Node | None]] = defaultdict(list)
    for node in graph.nodes:
        for v in node.operands:
            users[v].append(node)
    for v in graph.outputs:
        users[v].append(None)
    return users


def _sum(users: Sequence[Node | None], node: Node, number: int) -> Sum | None:
    """The sum of adjoints that is alone in reading an output."""
    user = users[0] if len(users) == 1 else None
    if user is None or user.origin is None or not _is_add(user):
        return None
    x, y = user.operands
    other = y if x == Value(node, number) else x
    return Sum(user, number, other) if other.type == node.types[number] == user.types[0] else None


def _is_add(node: Node) -> bool:
    return isinstance(node.op, Elementwise) and node.op.name == "add"


def _is_zero(value: Value) -> bool:
    while value.constant is None:
        if value.node.is_input or not isinstance(value.node.op, BroadcastTo):
            return False
        value = value.node.operands[0]
    return not value.constant.any()


def _loop_totals(node: Node) -> list[int]:
    """The carried values that start at zeros and that steps do nothing with but add to."""
    op: Any = node.op
    starts = op.groups(node.operands).carried
    return [k for k in range(op.carried) if _is_zero(starts[k]) and _adds_to(op.body, 1 + k, k)]


def _adds_to(body: Graph, number: int, output: int) -> bool:
    """Whether an output of a region is one of its inputs, read once, and what is added to it."""
    users, value = _users(body), body.inputs[number]
    while True:
        (user, *more) = users[value] or [value.node]
        if more:
            return False
        if user is None:
            return value == body.outputs[output]
        op: Any = user.op
        if _is_add(user) and user.types[0] == value.type:
            value = Value(user, 0)
        elif isinstance(op, Loop):
            k = user.operands.index(value) - op.first
            if not (0 <= k < op.carried and _adds_to(op.body, 1 + k, k)):
                return False
            value = Value(user, k)
        elif isinstance(op, Cond) and user.operands[0] != value:
            k = user.operands.index(value) - 1
            numbers = [n for n, type in enumerate(user.types) if type == value.type]
            found = [n for n in numbers if all(_adds_to(b, k, n) for b in op.branches)]
            if not found:
                return False
            value = Value(user, found[0])
        else:
            return False


def _branch_parts(node: Node) -> list[int]:
    """The outputs that may be zeros in some branch, or zeros but for a few places."""
    return [k for k, type in enumerate(node.types) if type.size > 1]


def _absorbed(graph: Graph, node: Node, sums: Sequence[Sum]) -> Graph:
    """The graph with the sums inside of the node, which now comes after all that they add."""
    walk = Exchange(graph)
    gone = {s.node: s for s in sums}
    after = max([graph.nodes.index(node), *(_place(graph, s.other) for s in sums)])
    for k, other in enumerate(graph.nodes):
        if other is not node and other not in gone:
            walk.keep(other)
        if k == after:
            operands = list(map(walk.moved, node.operands))
            given = {s.number: walk.moved(s.other) for s in sums}
            make = _loop_from if isinstance(node.op, Loop) else _cond_with
            walk.replace(node, make(walk, node, operands, given), range(len(node.types)))
            for s in sums:
                walk.values[Value(s.node, 0)] = walk.moved(Value(node, s.number))
    return walk.result()


def _place(graph: Graph, value: Value) -> int:
    return graph.nodes.index(value.node) if value.node in graph.nodes else -1


def _loop_from(walk: Exchange, node: Node, operands: list[Value], given: dict[int, Value]) -> Node:
    """The loop, whose totals begin with what they were added to."""
    op: Any = node.op
    for k, other in given.items():
        operands[op.first + k] = other
    return rebuilt(node, tuple(operands), walk.images)


def _cond_with(walk: Exchange, node: Node, operands: list[Value], given: dict[int, Value]) -> Node:
    """The branches, which add to what their outputs were added to."""
    op: Any = node.op
    branches = tuple(absorb(_adding(branch, list(given.items()))) for branch in op.branches)
    return rebuilt(node, (*operands, *given.values()), walk.images, Cond(branches))


def _adding(branch: Graph, given: Sequence[tuple[int, Value]]) -> Graph:
    """A branch with one more input for each of some outputs, to which it adds these."""
    nodes, outputs = list(branch.nodes), list(branch.outputs)
    inputs = [input_value(branch.output_names[k], value.type) for k, value in given]
    for (k, _), start in zip(given, inputs, strict=True):
        outputs[k] = _added(nodes, start, branch.outputs[k])
    named = dict(zip(branch.output_names, outputs, strict=True))
    return Graph(branch.name, [*branch.inputs, *inputs], nodes, named)


def _added(nodes: list[Node], start: Value, value: Value) -> Value:
    """`start + value`, the terms of a sum of adjoints one after the other."""
    waiting, total = [value], start
    while waiting:
        term = waiting.pop()
        node = term.node
        if _is_zero(term):
            continue
        inside = term.constant is None and not node.is_input and node.origin is not None
        if inside and _is_add(node) and all(v.type == term.type for v in node.operands):
            waiting += node.operands[::-1]
            continue
        made = Node(
            ADD, (total, term), (total.type,),
            location=node.location, origin=None if node.is_input else node.origin,
        )  # fmt: skip
        nodes.append(made)
        total = Value(made, 0)
    return total
