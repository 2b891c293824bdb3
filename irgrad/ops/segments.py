"""A loop in segments: the same steps as a loop of loops.

The inner loops are marked to be replayed: an adjoint keeps the carried values before each segment,
and runs the steps of one segment again when it needs what they computed. With n steps of which a
tape would take t bytes each, and carried values of s bytes, segments of k steps keep
s n / k + t k bytes, least for k = sqrt(n s / t). Segments of segments keep less, about
n^(1 / (levels + 1)), and run the steps once more for each level (Griewank, Walther, Evaluating
Derivatives, 2008, chapter 12)."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any, cast

import numpy as np

from irgrad.ir.builder import substitute
from irgrad.ir.graph import Graph, Node, Value, constant_value, input_value
from irgrad.ir.op import Op
from irgrad.ops.arithmetic import ADD, MULTIPLY
from irgrad.ops.linear import Reshape
from irgrad.ops.loop import Groups, Loop
from irgrad.ops.region import INDEX
from irgrad.ops.shape import Concatenate, Slice

LEVELS = 6
"""Loops in loops in loops, at most."""
WORTH = 0.8
"""What a further level must bring the bytes down to."""


def best_segments(steps: int, state: int, tape: int, most: int) -> tuple[int, ...]:
    """The numbers of steps in a segment, in a segment of a segment, ..., each a multiple of the
    next: of the fewest levels that keep at most so many bytes, or of as many as are worth their
    runs.
    """
    best, least = (), float("inf")
    for levels in range(1, LEVELS + 1):
        found = _segments(steps, max(1, state), max(1, tape), levels)
        bytes = kept(found, steps, state, tape)
        if bytes > WORTH * least:
            break
        best, least = found, bytes
        if least <= most:
            break
    return best


def _segments(steps: int, state: int, tape: int, levels: int) -> tuple[int, ...]:
    """Where each level keeps as many bytes: b segments of s bytes, or t k bytes in the last."""
    number = max(2, round((steps * tape / state) ** (1 / (levels + 1))))
    last = max(2, round((steps * state**levels / tape**levels) ** (1 / (levels + 1))))
    cuts = [last * number**k for k in reversed(range(levels))]
    return tuple(k for k in cuts if k <= steps // 2) or (max(2, steps // 2),)


def kept(segments: Sequence[int], steps: int, state: int, tape: int) -> int:
    """The bytes that an adjoint keeps of a loop in segments."""
    every = [steps, *segments]
    numbers = [whole // part for whole, part in zip(every, segments, strict=False)]
    return state * sum(numbers) + tape * segments[-1]


def segmented(node: Node, segments: Sequence[int]) -> Graph:
    """A loop of static length as a graph of its operands: loops over segments of so many steps,
    themselves in segments, and loops for the steps that remain.
    """
    return _Segments(node, segments).graph()


class _Segments:
    def __init__(self, node: Node, segments: Sequence[int]) -> None:
        self.node, self.segments = node, segments
        self.op: Loop = cast(Any, node.op)
        self.nodes: list[Node] = []

    def graph(self) -> Graph:
        op = self.op
        inputs = [input_value(v.name or "x", v.type) for v in self.node.operands]
        groups = op.groups(inputs)
        state = groups.carried
        parts: dict[int, list[Value]] = {}
        spans = self._spans(op.length or 0)
        for start, stop, cuts in reversed(spans) if op.backward else spans:
            slices = [self.emit(_rows(x, start, stop), x) for x in groups.scanned]
            first = constant_value(np.asarray(start))
            given = Groups([], state, slices, [*groups.fixed, first])
            found = self._run(given, stop - start, cuts, op.replay)
            state, parts[start] = found[: op.carried], found[op.carried :]
        stacks = [
            column[0] if len(column) == 1 else self.emit(Concatenate(0), *column)
            for column in zip(*(parts[start] for start in sorted(parts)), strict=True)
        ]
        named = dict(zip(op.body.output_names, [*state, *stacks], strict=True))
        return Graph(op.body.name, inputs, self.nodes, named)

    def _spans(self, length: int) -> list[tuple[int, int, Sequence[int]]]:
        """Ranges of steps, each of whole segments, and the segments that they are cut into."""
        spans: list[tuple[int, int, Sequence[int]]] = []
        start = 0
        for level, every in enumerate([*self.segments, 1]):
            stop = length - (length - start) % every
            if start < stop:
                spans.append((start, stop, self.segments[level:]))
            start = stop
        return spans

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

    def _run(self, given: Groups, steps: int, cuts: Sequence[int], replay: bool) -> list[Value]:
        """The results of so many steps; the last fixed value is the position of the first."""
        every = [*given.carried, *given.scanned, *given.fixed]
        if not cuts:
            op = dataclasses.replace(self.op, length=steps, replay=replay, body=self._shifted())
            return self.outputs(op, every)
        count = steps // cuts[0]
        cut = [self.emit(Reshape((count, cuts[0], *x.type.shape[1:])), x) for x in given.scanned]
        op = dataclasses.replace(self.op, length=count, replay=replay, body=self._segment(cuts))
        found = self.outputs(op, [*given.carried, *cut, *given.fixed])
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

    def _segment(self, cuts: Sequence[int]) -> Graph:
        """The body of a loop over segments: one loop, to be replayed."""
        op, every = self.op, cuts[0]
        a, b = 1 + op.carried, 1 + op.carried + op.scanned
        names, own = op.body.names, op.body.inputs
        number, first = input_value("segment", INDEX), input_value("first", INDEX)
        state = [input_value(names[v], v.type) for v in own[1:a]]
        slices = [
            input_value(names[v], v.type._replace(shape=(every, *v.type.shape))) for v in own[a:b]
        ]
        fixed = [input_value(names[v], v.type) for v in own[b:]]
        outside, self.nodes = self.nodes, []
        offset = self.emit(MULTIPLY, number, constant_value(np.asarray(every)))
        at = self.emit(ADD, first, offset)
        found = self._run(Groups([], state, slices, [*fixed, at]), every, cuts[1:], True)
        nodes, self.nodes = self.nodes, outside
        named = dict(zip(op.body.output_names, found, strict=True))
        inputs = [number, *state, *slices, *fixed, first]
        return Graph(f"{op.body.name}.segment", inputs, nodes, named)


def _rows(x: Value, start: int, stop: int) -> Op:
    zeros, ones = (0,) * (x.type.ndim - 1), (1,) * x.type.ndim
    return Slice((start, *zeros), (stop, *x.type.shape[1:]), ones)
