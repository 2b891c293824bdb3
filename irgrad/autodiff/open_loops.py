"""Loops of which only the running program knows the number of steps, within a budget.

The first steps are a loop of their own, as many as have room on a tape; where these are all,
nothing else runs. What comes after them runs in segments: an adjoint keeps the carried values
before each, and runs its steps again when it reaches it, with a tape that lasts for the segment.
With a tape of t bytes a step, and carried values of s bytes, each segment has s / t steps more than
the one before it: after n steps, of which nobody knew how many there would be, there are at most
sqrt(2 n t / s) segments, and the carried values before them take no more than the tape of the last.
Where that does not go far enough, segments are cut into segments, for one more run of the steps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from irgrad.autodiff.composed import composed, inlined
from irgrad.frontend.tracer import Tracer
from irgrad.ir.builder import Builder
from irgrad.ir.graph import Graph, Node
from irgrad.ops.base import bind_all
from irgrad.ops.loop import Loop
from irgrad.ops.region import AGAIN, FIRST, INDEX, SEGMENT, part_of
from irgrad.ops.while_loop import While

LEVELS = 3
"""Segments in segments in segments, at most."""
MANY = 10**6
"""The steps that are to stay within a budget: of the fewest levels for which they do."""

COUNTS = 2 * INDEX.nbytes
"""The bytes of what segments carry besides: how many steps there have been, and may be."""


class Lengths(NamedTuple):
    """How a loop is cut, in steps: the `first` part, then segments, of which one has `start` steps
    and each that follows `growth` more. These are cut into segments of the first number of `inner`,
    those into segments of the next.
    """

    first: int
    start: int
    growth: int
    inner: tuple[int, ...] = ()


def lengths(state: int, tape: int, most: int, levels: int = LEVELS) -> Lengths:
    """Lengths that keep `most` bytes for as many steps as possible: half of it for the first steps,
    a quarter for the tape of a segment, which takes no less than the carried values before it, and
    a quarter for these.
    """
    most = min(most, 2**60)  # the numbers of steps are int64
    first, quarter, growth = most // 2 // tape, most // 4, -(-state // tape)
    steps = max(quarter // tape, growth)
    best, far = Lengths(first, steps, growth), 0
    for level in range(1, levels + 1):
        number = quarter // ((level + 1) * state)  # of segments at each level, and at the last
        if level == 1:
            found, reach = best, number * (steps + growth * number // 2)
        else:
            inner = tuple(steps * number**k for k in reversed(range(level - 1)))
            found = Lengths(first, inner[0] * number, inner[0], inner)
            reach = inner[0] * number * number * 3 // 2
        if reach > far:
            best, far = found, reach
        if far >= MANY:
            break
    return best


def is_open(node: Node) -> bool:
    """Whether a node is a loop of unknown length as it was written: that keeps nothing yet."""
    op: Any = node.op
    if not isinstance(op, (Loop, While)) or part_of(op.body) is not None:
        return False
    known = isinstance(op, Loop) and (op.length is not None or op.scanned > 0)
    return not known and len(op.body.outputs) == op.carried


def in_parts(node: Node, given: Lengths) -> Graph:
    """An open loop as a graph of its operands: its steps in a first part and in segments."""
    return _Parts(node, given).graph()


class _Parts:
    """What the loops have in common that one loop becomes. They all read how many steps there have
    been, what the loop carries, and what is fixed, of which a trip count is the first.
    """

    def __init__(self, node: Node, given: Lengths) -> None:
        self.node, self.lengths = node, given
        self.op: Any = node.op
        self.counted = isinstance(node.op, Loop)
        self.body: Graph = self.op.body
        self.end = 1 + self.op.carried
        """Where that ends which they carry."""
        names = [self.body.names[v] for v in self.body.inputs]
        self.names = ["at", *(names[1:] if self.counted else names)]
        if self.counted:
            self.names.insert(self.end, "trips")

    def graph(self) -> Graph:
        """The parts, one after the other."""
        builder = Builder(Tracer)
        operands = [builder.input(v.name or "x", v.type) for v in self.node.operands]
        trips, rest = operands[: self.counted], operands[self.counted :]
        zero = Tracer(builder, builder.constant(np.asarray(0)))
        now = [zero, *rest[: self.end - 1], *trips, *rest[self.end - 1 :]]
        with builder.emitting(self.node.location, self.node.origin):
            if self.lengths.first:
                now = self._at_most(self.lengths.first, now, (), FIRST)
            at, *state = self._segments(now)[: self.end]
        results = state if self.counted else [*state, at]
        named = {f"out_{k}": builder.lift(x) for k, x in enumerate(results)}
        return builder.finish(self.body.name, named)[0]

    def _segments(self, now: Sequence[Any]) -> list[Any]:
        """After all steps that there are, in longer and longer segments."""
        inner, growth = self.lengths.inner, self.lengths.growth

        def step(limit: Any, *now: Any) -> list[Any]:
            return [limit + growth, *self._at_most(limit, now, inner, AGAIN)]

        start = Tracer(now[0].builder, now[0].builder.constant(np.asarray(self.lengths.start)))
        holds = lambda limit, *now: self._goes_on(now)  # noqa: E731
        return self._while(SEGMENT, ["limit", *self.names], [start, *now], holds, step)[1:]

    def _at_most(
        self, limit: Any, now: Sequence[Any], inner: Sequence[int], part: str
    ) -> list[Any]:
        """After at most `limit` further steps, in segments of the lengths `inner`."""
        if self.counted and not inner:
            return self._counted(limit, now, part)

        def holds(*now: Any) -> Any:
            return np.logical_and(now[0] < now[-1], self._goes_on(now[:-1]))

        def step(*now: Any) -> list[Any]:
            if inner:
                return self._at_most(inner[0], now[:-1], inner[1:], part)
            return [now[0] + 1, *inlined(now[0].builder, self.body, now[1:-1])]

        name = SEGMENT if inner else part
        found = self._while(name, [*self.names, "end"], [*now, now[0] + limit], holds, step)
        return found[:-1]

    def _while(
        self,
        part: str,
        names: Sequence[str],
        now: Sequence[Any],
        holds: Callable[..., Any],
        step: Callable[..., list[Any]],
    ) -> list[Any]:
        """What is carried after the steps of a loop, and what is fixed."""
        carried = self.end + names.index("at")
        inputs = list(zip(names, (x.value.type for x in now), strict=True))
        builder, name = now[0].builder, f"{self.body.name}.{part}"

        def after(*now: Any) -> list[tuple[str, Any]]:
            return list(zip(names, step(*now)[:carried], strict=False))

        test = composed(name, inputs, builder, lambda *now: [("holds", holds(*now))])
        op = While(carried, test, composed(name, inputs, builder, after))
        return [*bind_all(op, *now)[:carried], *now[carried:]]

    def _counted(self, limit: Any, now: Sequence[Any], part: str) -> list[Any]:
        """As `_at_most`, of a loop with a trip count."""
        at, trips, fixed = now[0], now[self.end], now[self.end + 1 :]
        count = np.minimum(np.maximum(trips - at, 0), limit)
        base = trips - at - count if self.op.backward else at
        body = self.body
        inputs = [(body.names[v], v.type) for v in body.inputs]

        def step(*given: Any) -> list[tuple[str, Any]]:
            i, *values, base = given
            found = inlined(i.builder, body, [base + i, *values])
            return list(zip(body.output_names, found, strict=True))

        shifted = composed(f"{body.name}.{part}", [*inputs, ("base", INDEX)], at.builder, step)
        op = Loop(self.op.carried, 0, None, self.op.backward, False, shifted)
        found = bind_all(op, count, *now[1 : self.end], *fixed, base)
        return [at + count, *found, trips, *fixed]

    def _goes_on(self, now: Sequence[Any]) -> Any:
        """Whether there is a further step."""
        if self.counted:
            return now[0] < now[self.end]
        return inlined(now[0].builder, self.op.condition, now[1:])[0]
