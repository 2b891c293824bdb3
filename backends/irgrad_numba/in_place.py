"""Which operand a node's result takes the memory of, and making that right: readers of an array
come before the write into it where the program allows, and where it does not, or the memory is not
the program's own, an explicit copy is written to.

After `prepared`, every update, loop and branch of a graph works in place."""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Collection
from typing import Any, NamedTuple

from irgrad.ir.builder import rebuilt
from irgrad.ir.graph import Graph, Node, Value
from irgrad.ops.call import Barrier
from irgrad.ops.cond import Cond
from irgrad.ops.linear import BroadcastTo, Reshape
from irgrad.ops.loop import Loop
from irgrad.ops.shape import Flip, Slice, Transpose
from irgrad.ops.stop import StopGradient
from irgrad.ops.while_loop import While
from irgrad_numba.summed import summed
from irgrad_numba.updates import COPY, is_update, spread_out
from irgrad_numba.windows import in_windows

VIEWS = (BroadcastTo, Reshape, Transpose, Slice, Flip, StopGradient, Barrier)
CONTROL = (Loop, While, Cond)
SMALL = 256
"""Values of at most so many bytes are local variables of a loop."""


def is_small(value: Value) -> bool:
    """Whether a value is a local variable of a loop that carries it."""
    return value.type.nbytes <= SMALL


def bases(node: Node) -> dict[int, int]:
    """The outputs of a node that take the memory of an operand: which operand."""
    op: Any = node.op
    if is_update(node):
        return {0: 0}
    if isinstance(op, (Loop, While)):
        first = op.first if isinstance(op, Loop) else 0
        return {k: first + k for k in range(op.carried) if not is_small(node.operands[first + k])}
    return _branch_bases(node, op) if isinstance(op, Cond) else {}


def _branch_bases(node: Node, op: Cond) -> dict[int, int]:
    """Outputs that a branch makes by writing into an operand, or hands on."""
    found: dict[int, int] = {}
    for k, type in enumerate(node.types):
        if is_small(Value(node, k)):
            continue
        for branch in op.branches:
            source = origin(branch.outputs[k])
            slot = branch.inputs.index(source) + 1 if source in branch.inputs else 0
            if slot and slot not in found.values() and node.operands[slot].type == type:
                found[k] = slot
                break
    return found


def origin(value: Value) -> Value:
    """The value whose memory this one has, by way of updates."""
    while True:
        slot = bases(value.node).get(value.index)
        if slot is None:
            return value
        value = value.node.operands[slot]


class Prepared(NamedTuple):
    """A graph that works in place, and why each copy in it is needed."""

    graph: Graph
    why: dict[Value, str]


def prepared(graph: Graph, owned: Collection[int] = ()) -> Prepared:
    """`graph` with updates in place. Of its inputs, the `owned` ones may be written to."""
    graph = summed(spread_out(graph))
    if not any(bases(node) for node in graph.nodes):
        return Prepared(graph, {})
    return _with_copies(readers_first(in_windows(graph)), owned)


def readers_first(graph: Graph) -> Graph:
    """The nodes in an order in which others read an array before it is written to, where they can,
    and otherwise as they were.
    """
    return graph.replace(nodes=_Order(graph).run())


class _Order:
    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.position = {node: k for k, node in enumerate(graph.nodes)}
        self.seen_as: dict[Value, Value] = {}
        """The value that a view shows."""
        self.readers: dict[Value, set[Node]] = defaultdict(set)
        for node in graph.nodes:
            for v in node.operands:
                self.readers[self._shown(v)].add(node)
            if isinstance(node.op, VIEWS):
                self.seen_as[Value(node, 0)] = self._shown(node.operands[0])
        self.ready: list[int] = []
        self.writers: list[int] = []

    def _shown(self, value: Value) -> Value:
        return self.seen_as.get(value, value)

    def run(self) -> list[Node]:
        users: dict[Node, list[Node]] = defaultdict(list)
        missing: dict[Node, int] = {}
        for node in self.graph.nodes:
            sources = {v.node for v in node.operands if v.node in self.position}
            whose = node.origin and node.origin.of
            if isinstance(whose, Node) and whose in self.position:  # which text has above it
                sources.add(whose)
            missing[node] = len(sources)
            for source in sources:
                users[source].append(node)
            if not sources:
                self._add(node)
        result: list[Node] = []
        while self.ready or self.writers:
            node = self._next()
            result.append(node)
            for v in node.operands:
                self.readers[self._shown(v)].discard(node)
            for user in users[node]:
                missing[user] -= 1
                if not missing[user]:
                    self._add(user)
        return result

    def _add(self, node: Node) -> None:
        heapq.heappush(self.writers if bases(node) else self.ready, self.position[node])

    def _next(self) -> Node:
        """What only reads; else the first write that nobody waits for; else the first."""
        if self.ready:
            return self.graph.nodes[heapq.heappop(self.ready)]
        for k, place in enumerate(self.writers):
            node = self.graph.nodes[place]
            shown = [self._shown(node.operands[slot]) for slot in bases(node).values()]
            if all(self.readers[v] <= {node} for v in shown):
                self.writers[k] = self.writers[-1]
                self.writers.pop()
                heapq.heapify(self.writers)
                return node
        return self.graph.nodes[heapq.heappop(self.writers)]


def _with_copies(graph: Graph, owned: Collection[int]) -> Prepared:
    last: dict[Value, int] = {}
    for place, node in enumerate(graph.nodes):
        last.update(dict.fromkeys(node.operands, place))
    mine = {graph.inputs[k] for k in owned}
    inputs, outputs = set(graph.inputs), set(graph.outputs)
    why: dict[Value, str] = {}
    nodes: list[Node] = []
    values: dict[Value, Value] = {}

    def reason(node: Node, place: int, x: Value) -> str:
        if x.constant is not None:
            return "a constant"
        if x in inputs and x not in mine:
            return "not the program's own memory"
        if isinstance(x.node.op, VIEWS):
            return "a view"
        if x in outputs:
            return "a result itself"
        if last[x] > place or node.operands.count(x) > 1:
            return "read later"
        return ""

    for place, node in enumerate(graph.nodes):
        operands = [values.get(v, v) for v in node.operands]
        for slot in bases(node).values():
            x = node.operands[slot]
            said = reason(node, place, x)
            if said:
                copy = Node(COPY, (operands[slot],), (x.type,), location=node.location)
                nodes.append(copy)
                operands[slot] = Value(copy, 0)
                why[operands[slot]] = f"written to, and what it copies is {said}"
        if tuple(operands) != node.operands:
            image = rebuilt(node, tuple(operands), {})
            values.update(zip(node.outputs, image.outputs, strict=True))
            node = image
        nodes.append(node)
    named = [values.get(v, v) for v in graph.outputs]
    return Prepared(
        graph.replace(nodes=nodes, outputs=dict(zip(graph.output_names, named, strict=True))), why
    )
