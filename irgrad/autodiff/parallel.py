"""Loops whose steps do not wait for each other (see `independent`): all steps at once, as
operations on whole arrays.

The body is batched over the positions. From the innermost loop outwards, three nested loops that
multiply matrices number by number become one contraction, an update of each inner point an
expression of slices. What a loop adds up may be added in another order, and a -0.0 to which no step
adds may become 0.0."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Sequence
from typing import Any

from irgrad.autodiff.along_axis import is_of_products, over_an_axis
from irgrad.autodiff.batch import Batching
from irgrad.autodiff.common_places import with_common_places
from irgrad.autodiff.independent import Place, Steps
from irgrad.autodiff.parts import Numbers
from irgrad.autodiff.staged import Stages, staged
from irgrad.autodiff.untouched import before_the_loop
from irgrad.frontend.tracer import Tracer
from irgrad.ir.builder import Builder
from irgrad.ir.exchange import Exchange
from irgrad.ir.graph import Graph, Node, Value, input_value, with_regions
from irgrad.ir.types import I64
from irgrad.ops.arithmetic import ADD, SUBTRACT
from irgrad.ops.base import bind
from irgrad.ops.call import Call
from irgrad.ops.cast import Astype
from irgrad.ops.contract import Contract
from irgrad.ops.create import Iota
from irgrad.ops.elementwise import Elementwise
from irgrad.ops.fail import Fail
from irgrad.ops.index import Gather, UpdateAt, scatter_add
from irgrad.ops.linear import BroadcastTo, Sum, broadcast_to
from irgrad.ops.loop import Loop
from irgrad.ops.region import Structured
from irgrad.ops.select import WHERE
from irgrad.passes.contract_rules import CONTRACTIONS, MASKED
from irgrad.passes.cse import cse
from irgrad.passes.dce import dce
from irgrad.passes.fold import fold
from irgrad.passes.prune import live_carried, reached
from irgrad.passes.regions import has_regions
from irgrad.passes.rewrite import rewrite
from irgrad.passes.simplify import simplify

ROOM = 2**20
"""Bytes that the steps of a small loop may take together."""
GROWTH = 4
"""How many times what a loop reads and gives its steps may take together."""


def at_once(graph: Graph, numbers: Numbers | None = None) -> tuple[Graph, Callable[[Value], Value]]:
    """`graph` with the loops gone whose steps can be taken at once, and where values have gone; the
    very graph where there is none: what has been made ready for a sweep stays so. `numbers` are its
    integers.
    """
    if not has_regions(graph):
        return graph, lambda value: value
    walk, changed = Exchange(graph), False
    numbers = numbers or Numbers(graph, {})
    used = {operand for node in graph.nodes for operand in node.operands} | set(graph.outputs)
    for node in graph.nodes:
        inner = numbers.inside(node.op, node.operands)[0] if isinstance(node.op, Loop) else None
        op = with_regions(node.op, lambda region, inner=inner: at_once(region, inner)[0])
        whole = None
        if isinstance(op, Loop):
            whole = _whole(_of_use(op, [v in used for v in node.outputs]), node, numbers)
        changed |= op is not node.op or whole is not None
        if whole is None:
            walk.keep(node, None if op is node.op else op)
            continue
        outputs = walk.inline(whole, list(map(walk.moved, node.operands)))
        walk.values.update(zip(node.outputs, outputs, strict=True))
        walk.images[node] = outputs[0].node
        for name, value in zip(node.names, outputs, strict=True):
            if name and not value.name and not value.node.is_constant:
                value.call(name)
    return (walk.result(), walk.moved) if changed else (graph, lambda value: value)


def _of_use(op: Loop, used: Sequence[bool]) -> Loop:
    """The loop with what it carries for nobody left as it is."""
    body, n = op.body, op.carried
    rows = [k for k in range(n, len(used)) if used[k]]
    live, _ = live_carried(body, body.inputs[1 : 1 + n], used, rows)
    outputs = [v if k in live or k >= n else body.inputs[1 + k] for k, v in enumerate(body.outputs)]
    if outputs == list(body.outputs):
        return op
    named = dict(zip(body.output_names, outputs, strict=True))
    return dataclasses.replace(op, body=body.replace(outputs=named))


def tidy(graph: Graph) -> Graph:
    """A body in the form in which kinds of carried values show."""
    for run in (dce, fold, simplify, cse, _contracted, simplify, cse, dce):
        graph = run(graph)
    return graph


def _contracted(graph: Graph) -> Graph:
    return rewrite(graph, CONTRACTIONS)


def _whole(op: Loop, node: Node, numbers: Numbers) -> Graph | None:
    """What a loop gives, of the same operands, all steps at once; None where that is not possible,
    takes much more memory or work, or is a loop again: of an op that has no rule for a batch.
    """
    if op.replay or (op.length is not None and op.length < 2):
        return None
    if any(isinstance(n.op, (Structured, Call, Fail)) for n in op.body.nodes):
        return None
    if op.length is None and not is_of_products(op):
        return None
    given = list(range(len(node.operands)))
    op = dataclasses.replace(op, body=tidy(op.body))
    op, before = before_the_loop(op, *numbers.inside(op, node.operands))
    given += before
    if op.length is None:
        op = dataclasses.replace(op, body=tidy(op.body))
        found = over_an_axis(op, [node.operands[k] for k in given], numbers)
        if found is None:
            return None
        op, chosen = found
        given = [given[k] for k in chosen]
    stages = staged(op, *numbers.inside(op, [node.operands[k] for k in given]))
    op, given = stages.op, [given[k] for k in stages.given]
    body = tidy(op.body)
    apart = with_common_places(body, body.inputs[1 : 1 + op.carried])
    op = dataclasses.replace(op, body=body if apart is body else tidy(apart))
    steps = Steps(op)
    if not steps.independent or steps.spans_unknown():
        return None
    graph = _Emission(op, steps, node, given).graph(stages)
    is_loop = any(isinstance(inner.op, Structured) for inner in graph.nodes)
    return None if is_loop or not _fits(graph) else graph


class _Emission:
    """All steps of a loop at once, as a graph of its operands."""

    def __init__(self, op: Loop, steps: Steps, node: Node, given: Sequence[int]) -> None:
        assert op.length is not None
        self.op, self.steps, self.size, self.node = op, steps, op.length, node
        self.builder = Builder(Tracer)
        self.builder.provenance.busy = True
        self.inputs = [input_value(v.name or "x", v.type) for v in node.operands]
        groups = op.groups([self.inputs[k] for k in given])
        self.start = groups.carried
        self.batch = Batching(self.builder, {}, self.size)
        known = zip([*steps.scanned, *steps.fixed], [*groups.scanned, *groups.fixed], strict=True)
        self.batch.values.update(known)
        self.batch.batched.update(groups.scanned)
        self.visited: set[Node] = set()

    def graph(self, stages: Stages) -> Graph:
        """The graph, tidied."""
        op, steps = self.op, self.steps
        with self.builder.emitting(self.node.location, None):
            position = self.builder.lift(self.builder.bind(Iota(I64, (self.size,), 0), []))
            self.batch.values[steps.position] = position
            self.batch.batched.add(position)
            for k in steps.same:
                self.batch.values[steps.inner[k]] = self.start[k]
            self._visit([v for place in steps.places.values() for v in place.at])
            rows: dict[int, Any] = {}
            for k in steps.places:
                if k not in stages.before:
                    self._read(k, rows)
            self._visit(steps.free - {steps.outputs[k] for k in stages.before})
            results: list[Any] = []
            for k in range(op.carried):
                if k in stages.before:
                    self.start[k] = self.builder.lift(results[stages.before[k]])
                    self._read(k, rows)
                    self._visit([steps.outputs[k]])
                results.append(self._result(k, rows))
            count = op.carried - len(stages.before)
            results = [results[stages.last(k)] for k in range(count)]
            results += [self._spread(v) for v in steps.outputs[op.carried :]]
        named = {f"out_{k}": self.builder.lift(x) for k, x in enumerate(results)}
        graph = Graph("at_once", self.inputs, self.builder.nodes, named)
        return tidy(rewrite(tidy(graph), MASKED))

    def _read(self, k: int, rows: dict[int, Any]) -> None:
        """Take what stands at the places of carried value k at the start."""
        rows[k] = row = self._at(k, self.start[k])
        self.batch.values[self.steps.rows[k]] = row.value
        if k in self.steps.own:
            self.batch.batched.add(row.value)

    def _visit(self, wanted: Collection[Value]) -> None:
        graph = Graph("steps", [], self.steps.nodes, {str(k): v for k, v in enumerate(wanted)})
        live = {value.node for value in reached(graph, list(wanted))}
        for node in self.steps.nodes:
            if node in live and node not in self.visited:
                self.visited.add(node)
                self.batch.visit(node)

    def _traced(self, value: Value) -> Any:
        return Tracer(self.builder, self.batch.values.get(value, value))

    def _is_batched(self, value: Value) -> bool:
        return self.batch.values.get(value, value) in self.batch.batched

    def _spread(self, value: Value) -> Any:
        """A value for all steps, its first axis that of the steps."""
        x = self._traced(value)
        return x if self._is_batched(value) else broadcast_to(x, (self.size, *x.shape))

    def _index(self, place: Place) -> list[Any]:
        if any(map(self._is_batched, place.at)):
            return [self._spread(v) for v in place.at]
        return [self._traced(v) for v in place.at]

    def _at(self, k: int, array: Value) -> Any:
        place = self.steps.places[k]
        return bind(Gather(place.axes), Tracer(self.builder, array), *self._index(place))

    def _result(self, k: int, rows: dict[int, Any]) -> Any:
        """A carried value after the last step."""
        steps, array = self.steps, Tracer(self.builder, self.start[k])
        if k in steps.same:
            return array
        place, output = steps.places.get(k), steps.outputs[k]
        if k in steps.own:
            new = self._spread(output)
        else:
            start = array if place is None else rows[k]
            new = self._last(output) if k not in steps.totals else self._sum(k, start)
        if place is None:
            return new
        return bind(UpdateAt(place.axes, True), array, new, *self._index(place))

    def _last(self, output: Value) -> Any:
        x = self._traced(output)
        return x[0 if self.op.backward else self.size - 1] if self._is_batched(output) else x

    def _sum(self, k: int, start: Any) -> Any:
        total, result = self.steps.totals[k], start
        for term in total.terms:
            if term.place is None:
                added = bind(Sum((0,)), self._spread(term.value))
            else:
                values = self._spread(term.value)
                index = [self._spread(v) for v in term.place.at]
                added = scatter_add(values, term.place.axes, start.shape, index)
            added = broadcast_to(added, start.shape) if added.shape != start.shape else added
            result = bind(SUBTRACT if term.negated else ADD, result, added)
        if total.mask is None:
            return result
        return bind(WHERE, self._traced(total.mask), result, start)


def _fits(graph: Graph) -> bool:
    """Whether what must lie in memory is about as large as what the loop reads and gives."""
    given = sum(v.type.nbytes for v in (*graph.inputs, *graph.outputs))
    held: set[Value] = set()
    for node in graph.nodes:
        held.update(node.operands if isinstance(node.op, Contract) else ())
        if not (
            isinstance(node.op, (Elementwise, BroadcastTo, Iota, Gather, Astype))
            or node.op is WHERE
            or node.op.is_view
        ):
            held.update(node.outputs)
    held -= set(graph.inputs)
    most = max(ROOM, GROWTH * given)
    largest = max((v.type.nbytes for n in graph.nodes for v in n.outputs), default=0)
    return sum(v.type.nbytes for v in held if v.constant is None) <= most and largest <= 8 * most
