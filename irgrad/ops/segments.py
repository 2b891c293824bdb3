"""A loop in segments: the same steps as a loop of loops.

The inner loops are marked to be replayed: an adjoint keeps the carried values before each segment,
and runs the steps of one segment again when it needs what they computed. With n steps of which a
tape would take t bytes each, and carried values of s bytes, segments of k steps keep
s n / k + t k bytes, least for k = sqrt(n s / t) (Griewank, Walther, Evaluating Derivatives, 2008,
chapter 12, has the schemes with more levels)."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import Any, cast

import numpy as np

from irgrad.ir.builder import substitute
from irgrad.ir.graph import Graph, Node, Value, constant_value, input_value
from irgrad.ir.op import Op
from irgrad.ops.arithmetic import ADD, MULTIPLY
from irgrad.ops.linear import Reshape
from irgrad.ops.loop import Loop
from irgrad.ops.region import INDEX
from irgrad.ops.shape import Concatenate, Slice


def best_segment(steps: int, state: int, tape: int) -> int:
    """The number of steps in a segment that keeps the fewest bytes."""
    best = math.isqrt(max(1, steps * max(1, state) // max(1, tape)))
    return min(max(best, 2), max(2, steps // 2))


def segmented(node: Node, every: int) -> Graph:
    """A loop of static length as a graph of its operands: a loop over segments of `every` steps,
    and a loop for the steps that remain.
    """
    return _Segments(node, every).graph()


class _Segments:
    def __init__(self, node: Node, every: int) -> None:
        self.node, self.every = node, every
        self.op: Loop = cast(Any, node.op)
        self.nodes: list[Node] = []

    def graph(self) -> Graph:
        op = self.op
        length = op.length or 0
        cut = length - length % self.every
        inputs = [input_value(v.name or "x", v.type) for v in self.node.operands]
        groups = op.groups(inputs)
        state = groups.carried
        parts: dict[int, list[Value]] = {}
        spans = [(0, cut), (cut, length)] if cut < length else [(0, cut)]
        for start, stop in reversed(spans) if op.backward else spans:
            slices = [self.emit(_rows(x, start, stop), x) for x in groups.scanned]
            run = self._whole if start == 0 else self._rest
            found = run(state, slices, groups.fixed, stop - start, start)
            state, parts[start] = found[: op.carried], found[op.carried :]
        stacks = [
            column[0] if len(column) == 1 else self.emit(Concatenate(0), *column)
            for column in zip(*(parts[start] for start in sorted(parts)), strict=True)
        ]
        named = dict(zip(op.body.output_names, [*state, *stacks], strict=True))
        return Graph(op.body.name, inputs, self.nodes, named)

    def emit(self, op: Op, *operands: Value) -> Value:
        """A node with the provenance of the loop."""
        return self.outputs(op, operands)[0]

    def outputs(self, op: Op, operands: Sequence[Value]) -> list[Value]:
        """The outputs of a node with the provenance of the loop."""
        types = op.result_types(*[v.type for v in operands])
        whose = self.node
        node = Node(op, tuple(operands), types, location=whose.location, origin=whose.origin)
        self.nodes.append(node)
        return list(node.outputs)

    def _rest(
        self,
        state: Sequence[Value],
        slices: Sequence[Value],
        fixed: Sequence[Value],
        steps: int,
        first: int,
    ) -> list[Value]:
        op = dataclasses.replace(self.op, length=steps, body=self._shifted())
        base = constant_value(np.asarray(first))
        return self.outputs(op, [*state, *slices, *fixed, base])

    def _whole(
        self,
        state: Sequence[Value],
        slices: Sequence[Value],
        fixed: Sequence[Value],
        steps: int,
        first: int,
    ) -> list[Value]:
        count = steps // self.every
        cut = [self.emit(Reshape((count, self.every, *x.type.shape[1:])), x) for x in slices]
        op = dataclasses.replace(self.op, length=count, body=self._segment())
        found = self.outputs(op, [*state, *cut, *fixed])
        stacks = found[self.op.carried :]
        joined = [self.emit(Reshape((steps, *y.type.shape[2:])), y) for y in stacks]
        return [*found[: self.op.carried], *joined]

    def _shifted(self) -> Graph:
        """The body with a further fixed input that is added to the position."""
        body = self.op.body
        inputs = [input_value(body.names[v], v.type) for v in body.inputs]
        base = input_value("first", INDEX)
        outside, self.nodes = self.nodes, []
        position = self.emit(ADD, base, inputs[0])
        outputs = substitute(body, [position, *inputs[1:]], self.nodes.append)
        named = dict(zip(body.output_names, outputs, strict=True))
        nodes, self.nodes = self.nodes, outside
        return Graph(body.name, [*inputs, base], nodes, named)

    def _segment(self) -> Graph:
        """The body of the loop over segments: one loop, to be replayed."""
        op, every = self.op, self.every
        a, b = 1 + op.carried, 1 + op.carried + op.scanned
        names, own = op.body.names, op.body.inputs
        number = input_value("segment", INDEX)
        state = [input_value(names[v], v.type) for v in own[1:a]]
        slices = [
            input_value(names[v], v.type._replace(shape=(every, *v.type.shape))) for v in own[a:b]
        ]
        fixed = [input_value(names[v], v.type) for v in own[b:]]
        steps = dataclasses.replace(op, length=every, replay=True, body=self._shifted())
        outside, self.nodes = self.nodes, []
        first = self.emit(MULTIPLY, number, constant_value(np.asarray(every)))
        found = self.outputs(steps, [*state, *slices, *fixed, first])
        nodes, self.nodes = self.nodes, outside
        named = dict(zip(op.body.output_names, found, strict=True))
        inputs = [number, *state, *slices, *fixed]
        return Graph(f"{op.body.name}.segment", inputs, nodes, named)


def _rows(x: Value, start: int, stop: int) -> Op:
    zeros, ones = (0,) * (x.type.ndim - 1), (1,) * x.type.ndim
    return Slice((start, *zeros), (stop, *x.type.shape[1:]), ones)
