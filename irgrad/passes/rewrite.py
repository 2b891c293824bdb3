"""Rewriting a graph: one walk in order, each node kept, rebuilt on new operands, or replaced.

A rule looks at a node with its operands as they now are, and returns the value that takes the
node's place, or None. A value of lower rank or smaller extents will do: the walk broadcasts it to
the shape of what it replaces, here for every rule. What a rule emits is itself offered to the
rules, so one walk reaches a local fixed point. New nodes carry the name, the user's line and the
origin of the node that they replace."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from irgrad.ir.builder import rebuilt
from irgrad.ir.graph import Graph, Node, Origin, Value, constant_value
from irgrad.ir.op import Array, Op
from irgrad.ir.types import ArrayType
from irgrad.ops.linear import BroadcastTo

Rule = Callable[..., Value | None]
Rules = dict[str, list[Rule]]
MAX_DEPTH = 50


def rule(table: Rules, *names: str) -> Callable[[Rule], Rule]:
    """Decorator: enter a rule into `table` for the ops called `names`. It is called as
    rule(rewriter, op, *operands).
    """

    def decorate(function: Rule) -> Rule:
        for name in names:
            table.setdefault(name, []).append(function)
        return function

    return decorate


def uses(graph: Graph) -> Counter[Value]:
    """How often each value is read, being an output included, but by nodes that nothing reads."""
    counts: Counter[Value] = Counter(graph.outputs)
    for node in reversed(graph.nodes):
        if any(counts[value] for value in node.outputs):
            counts.update(node.operands)
    return counts


class Rewriter:
    """The walk: where old values have gone, and the nodes of the new graph."""

    def __init__(self, graph: Graph, rules: Mapping[str, Sequence[Rule]]) -> None:
        self.graph = graph
        self.rules = rules
        self.nodes: list[Node] = []
        self.values: dict[Value, Value] = {}
        self.images: dict[Node, Node] = {}
        self.uses = uses(graph)
        self.current: Node | None = None
        self.depth = 0

    def run(self) -> Graph:
        """The rewritten graph; the graph itself where no rule applied."""
        changed = False
        for node in self.graph.nodes:
            changed |= self._visit(node)
        if not changed:
            return self.graph
        results = [self.values.get(value, value) for value in self.graph.outputs]
        return self.graph.replace(
            nodes=self.nodes, outputs=dict(zip(self.graph.output_names, results, strict=True))
        )

    def _visit(self, node: Node) -> bool:
        operands = node.operands
        if any(operand in self.values for operand in operands):
            operands = tuple(self.values.get(operand, operand) for operand in operands)
        self.current = node
        found = self._replacement(node.op, operands, node.types)
        if found is not None:
            value = Value(node, 0)
            self.values[value] = found
            self.images[node] = found.node
            self.uses[found] += self.uses[value]
            return True
        if operands is node.operands and (node.origin is None or node.origin.of not in self.images):
            self.nodes.append(node)
            return False
        copy = rebuilt(node, operands, self.images)
        self.nodes.append(copy)
        self.images[node] = copy
        for old, new in zip(node.outputs, copy.outputs, strict=True):
            self.values[old] = new
            self.uses[new] = self.uses[old]
        return True

    def _replacement(
        self, op: Op, operands: tuple[Value, ...], types: tuple[ArrayType, ...]
    ) -> Value | None:
        if self.depth < MAX_DEPTH:
            for apply in self.rules.get(op.name, ()):
                found = apply(self, op, *operands)
                if found is not None:
                    same = found.type == types[0]
                    return found if same else self.emit(BroadcastTo(types[0].shape), found)
        return None

    def emit(self, op: Op, *operands: Value) -> Value:
        """The value of `op` on `operands`: what the rules make of it, else a new node."""
        types = op.result_types(*[operand.type for operand in operands])
        self.depth += 1
        found = self._replacement(op, operands, types)
        self.depth -= 1
        if found is not None:
            return found
        old = self.current
        if old is None:
            raise RuntimeError("emit is for rules, inside a walk")
        origin = old.origin
        if origin is not None and not isinstance(origin.of, str) and origin.of in self.images:
            origin = Origin(origin.rule, self.images[origin.of])
        names = old.names if self.depth == 0 and len(old.names) == len(types) else ()
        node = Node(op, operands, types, names=names, location=old.location, origin=origin)
        self.nodes.append(node)
        return Value(node, 0)

    def constant(self, array: Array) -> Value:
        """A constant."""
        return constant_value(np.asarray(array))

    def used_once(self, value: Value) -> bool:
        """Whether nothing but the node at hand reads `value`."""
        return self.uses.get(value, 1) <= 1


def rewrite(graph: Graph, rules: Mapping[str, Sequence[Rule]]) -> Graph:
    """Apply `rules`, a table from op names, in one walk."""
    return Rewriter(graph, rules).run()
