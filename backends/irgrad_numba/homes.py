"""Results of a region that are computed into the memory of what they replace.

A carried array that a step makes anew, element for element, needs no second array: all that reads
the old one at other places is done before, and what reads the new one at other places finds it
where the old one was."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

from irgrad.ir.exchange import Exchange
from irgrad.ir.graph import Graph, Node, Value
from irgrad.ops.index import Gather
from irgrad.ops.shape import Flip, Pad, Slice, Transpose, UpdateSlice
from irgrad_numba.patched import POINTWISE, Patched

MOVING = (Slice, Flip, Transpose, Pad, Gather)
"""Ops that read an array at other places than they are read themselves."""


class Homes:
    """Which results of a graph may be computed into the memory of inputs."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.users: dict[Value, list[Node]] = defaultdict(list)
        for node in graph.nodes:
            for v in node.operands:
                self.users[v].append(node)
        self.written: set[Value] = set()
        """Results that are in memory before anything reads them."""

    def overwrites(self, x: Value, y: Value) -> bool:
        """Whether `y` can be computed into the memory of `x`: all that reads `x` is on the way,
        element for element, or done before.
        """
        if y.node.is_input or y.constant is not None or y.type.dtype.kind == "c":
            return False
        way: set[Node] = set()
        waiting = [y]
        while waiting:
            v = waiting.pop()
            op = v.node.op
            if v.type.shape != x.type.shape or v.node in way:
                continue
            if isinstance(op, (*POINTWISE, Patched)):
                way.add(v.node)
                waiting += v.node.operands[: 1 if isinstance(op, Patched) else None]
        beside = [node for node in self.users[x] if node not in way or _moves(node, x)]
        return len(beside) < len(self.users[x]) and self._are_done(beside, y)

    def _are_done(self, nodes: list[Node], y: Value) -> bool:
        """Whether all that nodes are computed for is in memory before `y` is computed."""
        if not nodes:
            return True
        before = _made_of(y)
        waiting, seen = list(nodes), set[Node]()
        while waiting:
            node = waiting.pop()
            if node in seen:
                continue
            seen.add(node)
            if node not in before:
                return False
            values = [v for v in node.outputs if v not in self.written]
            if any(v == y or v in self.graph.outputs for v in values):
                return False
            waiting += [user for v in values for user in self.users[v]]
        return True

    def keep(self, y: Value) -> None:
        """Note that `y` is computed into the memory of an input. What moves its elements reads it
        there, and all others, if any, where it is computed.
        """
        if all(isinstance(user.op, MOVING) for user in self.users[y]):
            self.written.add(y)


def _moves(node: Node, x: Value) -> bool:
    return isinstance(node.op, Patched) and node.operands[1] == x


def _made_of(value: Value) -> set[Node]:
    """The nodes that a value is computed from."""
    found: set[Node] = set()
    waiting = [value]
    while waiting:
        node = waiting.pop().node
        if node not in found:
            found.add(node)
            waiting += node.operands
    return found


def into_homes(graph: Graph, homes: Mapping[int, Value]) -> Graph:
    """`graph` with those of its results whose number `homes` knows computed into the memory of an
    input where they can be.
    """
    able = Homes(graph)
    order = {node: k for k, node in enumerate(graph.nodes)}
    pairs = [(graph.outputs[k], home) for k, home in homes.items()]
    chosen: dict[Value, Value] = {}
    for value, home in sorted(pairs, key=lambda pair: order.get(pair[0].node, -1)):
        if value not in chosen and able.overwrites(home, value):
            chosen[value] = home
            able.keep(value)
    return _written(graph, chosen, able) if chosen else graph


def _written(graph: Graph, chosen: Mapping[Value, Value], able: Homes) -> Graph:
    """`graph` with the `chosen` results written over their homes."""
    walk = Exchange(graph)
    finals: dict[Value, Value] = {}

    def write(value: Value) -> Value:
        home = chosen[value]
        op = UpdateSlice((0,) * home.type.ndim, (1,) * home.type.ndim)
        operands = (home, walk.moved(value))
        node = Node(op, operands, (value.type,), location=value.node.location)
        walk.nodes.append(node)
        return Value(node, 0)

    for node in graph.nodes:
        walk.keep(node)
        for value in node.outputs:
            if value in able.written:
                walk.values[value] = write(value)
    for value in chosen:
        finals[value] = walk.moved(value) if value in able.written else write(value)
    outputs = [finals.get(v) or walk.moved(v) for v in graph.outputs]
    named = dict(zip(graph.output_names, outputs, strict=True))
    return graph.replace(nodes=walk.nodes, outputs=named)
