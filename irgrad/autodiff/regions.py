"""The derivative of a region: its nodes with adjoint or tangent nodes, and cutting pieces out of
that."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from irgrad.autodiff.budget import within_budget
from irgrad.autodiff.composed import distinct
from irgrad.autodiff.forward import push_forward
from irgrad.autodiff.lasting import Course
from irgrad.autodiff.residuals import is_cheap, residuals_of
from irgrad.autodiff.reverse import backpropagate, prepare, zero_of
from irgrad.frontend.tracer import Tracer
from irgrad.ir.builder import Builder, substitute
from irgrad.ir.graph import Graph, Node, Value, constant_value, input_for
from irgrad.ops.call import joined
from irgrad.ops.linear import BroadcastTo


class RegionPullback:
    """A region with adjoint nodes from the outputs in `seeded` to the inputs in `wrt` (numbers).

    The cotangents of the inputs in `summed` are added to what they are so far, a further input:
    one contribution after the other, so that none needs an array of its own. Inputs in `changing`
    are not at hand again unless a loop keeps them at each step."""

    def __init__(
        self,
        region: Graph,
        wrt: Sequence[int],
        seeded: Sequence[int],
        summed: Sequence[int] = (),
        changing: Sequence[int] = (),
        course: Course | None = None,
    ) -> None:
        wanted = [region.inputs[k] for k in wrt]
        region, _ = within_budget(region, [region.outputs[k] for k in seeded], wanted, 1)
        outputs = [region.outputs[k] for k in seeded]
        varying = [region.inputs[k] for k in changing]
        prepared = prepare(region, outputs, wanted, varying, course)
        self.region = prepared.graph
        self.builder = Builder.extending(self.region, Tracer)
        self.seeds: dict[int, Value] = {}
        incoming: dict[Value, Any] = {}
        for k in seeded:
            output = self.region.outputs[k]
            seed = self.builder.input(f"{region.output_names[k]}.bar", output.type)
            self.seeds[k] = seed.value
            incoming[output] = incoming[output] + seed if output in incoming else seed
        totals = {k: self._total(self.region.inputs[k]) for k in summed}
        for k, total in totals.items():
            value = self.region.inputs[k]
            incoming[value] = total + incoming[value] if value in incoming else total
        found = backpropagate(self.builder, prepared, incoming, wanted)
        self.totals = {k: total.value for k, total in totals.items()}
        given = {k: x.value for k, x in zip(wrt, found, strict=True) if x is not None}
        new = {k: bar for k, bar in given.items() if bar != self.totals.get(k)}
        self.cotangents = dict.fromkeys(wrt) | self._joined(new)
        self._decide_early()

    @property
    def backward(self) -> list[Node]:
        """The adjoint nodes."""
        return self.builder.nodes[len(self.region.nodes) :]

    def _joined(self, cotangents: Mapping[int, Value]) -> dict[int, Value]:
        """Take the second halves of split calls away, which have had their adjoint nodes -> where
        the cotangents have gone.
        """
        region, late = self.region, len(self.backward)
        results = list(zip(region.output_names, region.outputs, strict=True))
        results += [("bar", value) for value in cotangents.values()]
        nodes = self.builder.nodes
        whole = Graph(region.name, self.builder.inputs, nodes, distinct(results))
        joint = joined(whole)
        if joint is whole:
            return dict(cotangents)
        self.builder.nodes = list(joint.nodes)
        early = self.builder.nodes[: len(joint.nodes) - late]
        outputs = dict(zip(region.output_names, joint.outputs, strict=False))
        self.region = region.replace(nodes=early, outputs=outputs)
        return dict(zip(cotangents, joint.outputs[len(outputs) :], strict=True))

    def _decide_early(self) -> None:
        """Make what derivatives of `maximum`, `where` and the like decide by, masks of what the
        region computes, part of the region: a mask is an eighth of the numbers that it compares,
        and may be what is kept.
        """
        early = {value for node in self.region.nodes for value in node.outputs}
        early.update(self.region.inputs)
        cheap: dict[Node, None] = {}
        for node in self.backward:
            if is_cheap(node) and all(v in early or v.constant is not None for v in node.operands):
                early.update(node.outputs)
                cheap[node] = None
        wanted = {n for n in cheap if n.types[0].dtype.kind == "b" and n.types[0].shape}
        for node in reversed(cheap):
            if node in wanted:
                wanted.update(v.node for v in node.operands if v.node in cheap)
        moved = [node for node in cheap if node in wanted]
        late = [node for node in self.backward if node not in wanted]
        self.region = self.region.replace(nodes=[*self.region.nodes, *moved])
        self.builder.nodes = [*self.region.nodes, *late]

    def zeros(self, like: Value) -> Value:
        """Zeros of a value's type, by an adjoint node."""
        return zero_of(self.builder, like).value

    def _total(self, of: Value) -> Any:
        return self.builder.input(f"{self.region.names[of]}.sum", of.type)

    def residuals(
        self, free: Sequence[Value], results: Sequence[Value]
    ) -> tuple[list[Value], list[Node]]:
        """What must be kept of the region for the adjoint nodes and the results, and which of its
        nodes run again.
        """
        seeds = set(self.builder.inputs[len(self.region.inputs) :])
        own = set(self.region.nodes) | {value.node for value in self.region.inputs}
        read = [v for node in self.backward for v in node.operands] + list(results)
        needed = [value for value in read if value.node in own and value not in seeds]
        return residuals_of(self.region.nodes, free, needed)


def with_more_outputs(region: Graph, more: Sequence[Value], suffix: str) -> Graph:
    """`region` with further outputs, named after their values."""
    pairs = [*zip(region.output_names, region.outputs, strict=True)]
    pairs += [(f"{region.names.get(v, 'x')}.{suffix}", v) for v in more]
    return region.replace(outputs=distinct(pairs))


def piece(
    name: str,
    names: Mapping[Value, str],
    leaves: Sequence[Value],
    nodes: Sequence[Node],
    results: Sequence[tuple[str, Value]],
    absent: Sequence[Value] = (),
) -> Graph:
    """A region of some nodes of another graph: `leaves` become its inputs, `absent` ones zeros."""
    inputs = [input_for(v, names) for v in leaves]
    body: list[Node] = []
    zeros = [zeros_in(body, value) for value in absent]
    named = distinct(results)
    whole = Graph(name, [*leaves, *absent], nodes, named)
    outputs = substitute(whole, [*inputs, *zeros], body.append)
    return Graph(name, inputs, body, dict(zip(named, outputs, strict=True)))


def zeros_in(nodes: list[Node], like: Value) -> Value:
    """Zeros of a value's type, as a node appended to `nodes` where they are no scalar."""
    zero = constant_value(np.zeros((), like.type.dtype))
    if not like.type.shape:
        return zero
    node = Node(BroadcastTo(like.type.shape), (zero,), (like.type,), location=like.node.location)
    nodes.append(node)
    return Value(node, 0)


def used_by(nodes: Sequence[Node], results: Sequence[Value]) -> set[Value]:
    """The values that nodes or results read."""
    return {value for node in nodes for value in node.operands} | set(results)


class RegionPush:
    """A region with tangent nodes for its active inputs."""

    def __init__(self, region: Graph, active: Sequence[bool]) -> None:
        self.region = region
        self.builder = Builder.extending(region, Tracer)
        self.builder.nodes = []
        seeds = {
            value: self.builder.input(f"{region.names[value]}.dot", value.type)
            for value, yes in zip(region.inputs, active, strict=True)
            if yes
        }
        self.dots = [seeds[value].value if value in seeds else None for value in region.inputs]
        self.outputs, tangents = push_forward(self.builder, region, seeds)
        self.tangents = [None if x is None else x.value for x in tangents]

    def tangent(self, output: int) -> Value:
        """The tangent of an output, perhaps zeros."""
        found = self.tangents[output]
        return zero_of(self.builder, self.outputs[output]).value if found is None else found

    def graph(self, inputs: Sequence[Value], outputs: Sequence[tuple[str, Value]]) -> Graph:
        """The nodes as a region with these inputs and outputs."""
        return Graph(self.region.name, inputs, self.builder.nodes, distinct(outputs))


def present(values: Sequence[Value | None]) -> list[Value]:
    """Those that are not None."""
    return [value for value in values if value is not None]
