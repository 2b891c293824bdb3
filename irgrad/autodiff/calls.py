"""Calls under differentiation and batching: `checkpoint`, batched rules, and calls whose reverse
mode needs residuals of another program than their body.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from irgrad.autodiff.batch import batch
from irgrad.autodiff.graphs import pullback, pushforward, ready
from irgrad.frontend.tracer import Tracer
from irgrad.ir.builder import Builder
from irgrad.ir.exchange import Exchange
from irgrad.ir.graph import Graph, Node, Value, input_value, regions, with_regions
from irgrad.ir.types import ArrayType, is_inexact
from irgrad.ops.base import bind, bind_all
from irgrad.ops.batching import size_of
from irgrad.ops.call import BARRIER, Call, Rule, apply, joined, splice
from irgrad.ops.linear import broadcast_to, zeros_like
from irgrad.ops.region import Structured
from irgrad.passes.dce import dce

Change = Callable[[Node, tuple[Value, ...], list[Node]], Node | None]


def with_residuals(graph: Graph) -> tuple[Graph, dict[Value, Value]]:
    """`graph` made ready for reverse mode, and where its values have gone: a call whose rule splits
    becomes the rule's forward program and a call that hands its results on, in loops and branches
    too, which give what their adjoints keep. `settled` undoes the calls once adjoint nodes are
    there.
    """
    changed, values = _changed(graph, _split)
    prepared, moved = ready(changed)
    if prepared is not changed:
        every = [*graph.inputs, *(value for node in graph.nodes for value in node.outputs)]
        values = {value: moved(values.get(value, value)) for value in every}
    return prepared, values


def can_wait(graph: Graph) -> bool:
    """Whether a graph can be differentiated later as well as now, and what comes of it follows from
    its structure: no rule has a part in it that is not irgrad's own.
    """
    ops = {id(node.op): node.op for node in graph.nodes}.values()
    if any(op.home is not None or isinstance(op, Call) for op in ops):
        return False
    return all(can_wait(region) for op in ops for region in regions(op).values())


def settled(graph: Graph) -> Graph:
    """`graph` without the calls that hand on the results of `with_residuals`. What was split inside
    checkpoints, where they were differentiated, is split in them too.
    """
    return _changed(joined(graph), _settled_checkpoint)[0]


def _changed(graph: Graph, change: Change) -> tuple[Graph, dict[Value, Value]]:
    """`graph` with what `change` makes of each node, given its operands and the nodes so far (None
    leaves it), also inside loops and branches, and where its values have gone.
    """
    walk = Exchange(graph)
    for node in graph.nodes:
        image = change(node, tuple(map(walk.moved, node.operands)), walk.nodes)
        if image is not None:
            walk.replace(node, image, range(len(node.types)))
        elif isinstance(node.op, Structured):
            op = with_regions(node.op, lambda region: _changed(region, change)[0])
            walk.keep(node, None if op is node.op else op)
        else:
            walk.keep(node)
    return walk.result(), walk.values


def _split(node: Node, operands: tuple[Value, ...], nodes: list[Node]) -> Node | None:
    op = node.op
    found = op.rule.split(op) if isinstance(op, Call) and op.rule is not None else None
    if found is None:
        return None
    forward, rule = found
    results = splice(forward, operands, nodes, node.location, node.origin)
    count = len(node.types)
    given = (*results[:count], *operands, *results[count:])
    call = Call(_first(given, count), node.op.parameters["label"]).ruled(rule)
    return Node(
        call, given, node.types, names=node.names, location=node.location, origin=node.origin
    )


def _settled_checkpoint(node: Node, operands: tuple[Value, ...], nodes: list[Node]) -> Node | None:
    if not isinstance(node.op, Call) or node.op.rule is not CHECKPOINT:
        return None
    body = settled(_changed(node.op.body, _split)[0])
    if body is node.op.body:
        return None
    call = Call(body, node.op.label).ruled(CHECKPOINT)
    return Node(
        call, operands, node.types, names=node.names, location=node.location, origin=node.origin
    )


def _first(values: Sequence[Value], count: int) -> Graph:
    """The graph that gives the first of its inputs back."""
    inputs = [input_value(f"x{i}", value.type) for i, value in enumerate(values)]
    return Graph("given", inputs, [], {f"out_{i}": x for i, x in enumerate(inputs[:count])})


class Checkpoint(Rule):
    """Reverse mode computes the body again instead of keeping what it computed.

    A barrier on the operands, which waits for the cotangents, keeps the second computation apart
    from the first."""

    def jvp(
        self, op: Call, primals: Sequence[Any], outputs: Sequence[Any], tangents: Sequence[Any]
    ) -> Sequence[Any]:
        along = [x for x, t in zip(op.body.inputs, tangents, strict=True) if t is not None]
        pushed = pushforward(op.body, along)
        given = [t for t in tangents if t is not None]
        results = apply(primals[0].builder, only_new(op.body, pushed), [*primals, *given])
        return [
            tangent if is_inexact(type.dtype) else None
            for tangent, type in zip(results, op.body.output_types, strict=True)
        ]

    def vjp(
        self,
        op: Call,
        primals: Sequence[Any],
        outputs: Sequence[Any],
        cotangents: Sequence[Any],
        wanted: Sequence[bool],
    ) -> Sequence[Any]:
        body, _ = with_residuals(op.body)
        inputs = [x for x, want in zip(body.inputs, wanted, strict=True) if want]
        pulled = only_new(body, settled(pullback(body, inputs)))
        arrived = next(c for c in cotangents if c is not None)
        again = [x if x.value.constant is not None else bind(BARRIER, x, arrived) for x in primals]
        seeds = [
            zeros_like(y) if c is None else c for c, y in zip(cotangents, outputs, strict=True)
        ]
        results = iter(apply(primals[0].builder, pulled, [*again, *seeds]))
        return [next(results) if want else None for want in wanted]

    def batch(self, op: Call, operands: Sequence[Any], batched: Sequence[bool]) -> Sequence[Any]:
        body, _ = batch(op.body, batched, size_of(operands, batched))
        return bind_all(Call(body, op.label).ruled(self), *operands)


CHECKPOINT = Checkpoint()


def only_new(graph: Graph, joint: Graph) -> Graph:
    """A pullback or pushforward of `graph` with nothing but what was added to it as outputs."""
    outputs = list(zip(joint.output_names, joint.outputs, strict=True))[len(graph.outputs) :]
    return dce(joint.replace(outputs=dict(outputs)))


def _for_each(
    graph: Graph, batched: Sequence[bool], size: int, count: int
) -> tuple[Graph, list[bool]]:
    """`graph` for many examples, and which outputs differ between them. The first `count` outputs
    have an axis for the examples in any case, and so do their cotangents: what the graph gives may
    be the same for all examples, what a rule makes of a cotangent not.
    """
    many, differ = batch(graph, batched, size)
    builder = Builder.extending(many, Tracer)
    outputs: dict[str, Value] = {}
    for k, (name, value) in enumerate(zip(many.output_names, many.outputs, strict=True)):
        if k < count and not differ[k]:
            whole = broadcast_to(Tracer(builder, value), (size, *value.type.shape))
            value = builder.lift(whole)
        outputs[name] = value
    every = [k < count or differs for k, differs in enumerate(differ)]
    return many.replace(nodes=builder.nodes, outputs=outputs), every


class Batched(Rule):
    """The rule of a call whose body was batched: its rule for one example, batched."""

    def __init__(self, rule: Rule, op: Call, batched: Sequence[bool], size: int) -> None:
        self.rule = rule
        self.hands_on = rule.hands_on
        self.op = op
        self.batched = list(batched)
        self.size = size

    @staticmethod
    def call(rule: Rule, op: Call, operands: Sequence[Any], batched: Sequence[bool]) -> Any:
        """The outputs of a call for a batch."""
        size = size_of(operands, batched)
        body, _ = _for_each(op.body, batched, size, len(op.body.outputs))
        return bind_all(Call(body, op.label).ruled(Batched(rule, op, batched, size)), *operands)

    def batch(self, op: Call, operands: Sequence[Any], batched: Sequence[bool]) -> Sequence[Any]:
        return Batched.call(self, op, operands, batched)

    def jvp(
        self, op: Call, primals: Sequence[Any], outputs: Sequence[Any], tangents: Sequence[Any]
    ) -> Sequence[Any]:
        one = self.op
        count = len(one.body.inputs)
        given = [k for k, t in enumerate(tangents) if t is not None]
        types = [*one.body.input_types, *one.body.output_types]
        types += [one.body.input_types[k] for k in given]

        def rule(*values: Any) -> Sequence[Any]:
            mine: list[Any] = [None] * count
            for k, tangent in zip(given, values[len(types) - len(given) :], strict=True):
                mine[k] = tangent
            return self.rule.jvp(one, values[:count], values[count : len(types) - len(given)], mine)

        operands = [*primals, *outputs, *(tangents[k] for k in given)]
        results = self._apply(rule, types, operands)
        return [
            t if t is None or t.ndim == y.ndim else broadcast_to(t, y.shape)
            for t, y in zip(results, outputs, strict=True)
        ]

    def vjp(
        self,
        op: Call,
        primals: Sequence[Any],
        outputs: Sequence[Any],
        cotangents: Sequence[Any],
        wanted: Sequence[bool],
    ) -> Sequence[Any]:
        one = self.op
        count, total = len(one.body.inputs), len(one.body.inputs) + len(one.body.outputs)
        given = [k for k, c in enumerate(cotangents) if c is not None]
        types = [*one.body.input_types, *one.body.output_types]
        types += [one.body.output_types[k] for k in given]

        def rule(*values: Any) -> Sequence[Any]:
            mine: list[Any] = [None] * len(cotangents)
            for k, cotangent in zip(given, values[total:], strict=True):
                mine[k] = cotangent
            return self.rule.vjp(one, values[:count], values[count:total], mine, wanted)

        results = self._apply(rule, types, [*primals, *outputs, *(cotangents[k] for k in given)])
        return [
            None if c is None else self._gathered(c, x, is_batched)
            for c, x, is_batched in zip(results, primals, self.batched, strict=True)
        ]

    def _gathered(self, cotangent: Any, primal: Any, is_batched: bool) -> Any:
        """The cotangent of an operand: what all examples share adds theirs up."""
        if is_batched:
            same = cotangent.ndim == primal.ndim
            return cotangent if same else broadcast_to(cotangent, primal.shape)
        return np.sum(cotangent, 0) if cotangent.ndim > primal.ndim else cotangent * self.size

    def split(self, op: Call) -> tuple[Graph, Rule] | None:
        found = self.rule.split(self.op)
        if found is None:
            return None
        forward, rule = found
        count = len(self.op.body.outputs)
        many, differ = _for_each(forward, self.batched, self.size, count)
        values = (*forward.outputs[:count], *forward.inputs, *forward.outputs[count:])
        one = Call(_first(values, count), self.op.label)
        flags = [*differ[:count], *self.batched, *differ[count:]]
        return many, Batched(rule, one, flags, self.size)

    def _apply(
        self, rule: Callable[..., Sequence[Any]], types: Sequence[ArrayType], operands: list[Any]
    ) -> list[Any]:
        """`rule`, written for one example, on the operands of the batch."""
        builder = Builder(Tracer)
        inputs = [builder.input(f"x{i}", type) for i, type in enumerate(types)]
        with builder.emitting(None, None):
            results = rule(*inputs)
        outputs = {
            f"out_{i}": builder.lift(result)
            for i, result in enumerate(results)
            if result is not None
        }
        graph, _ = builder.finish("rule", outputs)
        flags = [x.ndim > type.ndim for x, type in zip(operands, types, strict=True)]
        many = batch(dce(graph), flags, self.size)[0]
        found = iter(apply(operands[0].builder, many, operands))
        return [None if result is None else next(found) for result in results]
