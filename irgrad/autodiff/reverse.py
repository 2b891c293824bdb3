"""Reverse mode: append adjoint nodes to a graph.

One sweep backwards over the nodes that the wanted values influence. Each node's rule turns the
cotangents of its outputs into cotangents of its operands; a value's contributions are kept in a
list and added up once, when the sweep reaches it. The result is an ordinary graph, to be
differentiated again, dumped, or run.

Before the sweep, each op with regions through which cotangents will flow is replaced by one that
also gives what its adjoint needs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from irgrad.autodiff.lasting import Course
from irgrad.autodiff.outside import held, remind
from irgrad.autodiff.structured import (
    RULES,
    Pull,
    influenced,
    receiving,
    wanted_operands,
)
from irgrad.frontend.tracer import Tracer
from irgrad.ir.blame import blame
from irgrad.ir.builder import Builder, rebuilt
from irgrad.ir.graph import Graph, Node, Origin, Value
from irgrad.ops.accumulate import add
from irgrad.ops.linear import zeros_like
from irgrad.ops.loop import Loop
from irgrad.ops.region import Structured


class Prepared(NamedTuple):
    """A graph ready to be swept: node for node that of before, where old values have gone, and the
    pullbacks of ops with regions.
    """

    graph: Graph
    moved: Callable[[Value], Value]
    pulls: Mapping[Node, Pull]


def prepare(
    graph: Graph,
    seeded: Sequence[Value],
    wanted: Sequence[Value],
    changing: Sequence[Value] = (),
    course: Course | None = None,
) -> Prepared:
    """`graph` with ops that give what their adjoints need, for a sweep from `seeded` to
    `wanted`. To have `changing` inputs again, a loop must keep them at each step. `course` is that
    of `graph` in the steps around it.
    """
    if not any(isinstance(node.op, Structured) for node in graph.nodes):
        return Prepared(graph, lambda value: value, {})
    active = influenced(graph, wanted)
    reached = receiving(graph, active, seeded)
    varying = set(changing)
    images: dict[Node, Node] = {}
    pulls: dict[Node, Pull] = {}

    def moved(value: Value) -> Value:
        image = images.get(value.node)
        return value if image is None else Value(image, value.index)

    nodes: list[Node] = []
    for node in graph.nodes:
        operands = tuple(map(moved, node.operands))
        receives = [value in reached for value in node.outputs]
        wants = wanted_operands(node, active)
        varies = [v in varying for v in node.operands]
        if any(varies):
            varying.update(node.outputs)
        image = node
        if isinstance(node.op, Structured) and any(receives) and any(wants):
            known = prepared_pull(node.op, wants, receives)
            if known is None:
                loop = course if isinstance(node.op, Loop) else None
                steps = None if loop is None else loop.inside(node)
                op, pull = RULES[type(node.op)].plan(node.op, wants, receives, varies, steps)
                if steps is None or steps.is_alone:
                    vars(op)["_pull"] = len(node.types), wants, receives, pull
                image = rebuilt(node, operands, images, op)
            else:
                pull = known
                if operands != node.operands:
                    image = rebuilt(node, operands, images)
            pulls[image] = pull
        elif operands != node.operands or (node.origin and node.origin.of in images):
            image = rebuilt(node, operands, images)
        if image is not node:
            images[node] = image
        nodes.append(image)
    outputs = dict(zip(graph.output_names, map(moved, graph.outputs), strict=True))
    return Prepared(graph.replace(nodes=nodes, outputs=outputs), moved, pulls)


def prepared_pull(op: Structured, wants: Sequence[bool], receives: Sequence[bool]) -> Pull | None:
    """The pullback of an op that has been prepared for this: nobody has read what it keeps."""
    found = vars(op).get("_pull")
    if found is None:
        return None
    count, planned, expected, pull = found
    enough = all(b or not a for a, b in zip(wants, planned, strict=True))
    enough &= all(b or not a for a, b in zip(receives[:count], expected, strict=True))
    return pull if enough and not any(receives[count:]) else None


def backpropagate(
    builder: Builder,
    prepared: Prepared,
    seeds: Mapping[Value, Any],
    wanted: Sequence[Value],
) -> list[Any]:
    """The cotangents of `wanted`, given those of some outputs; None where nothing depends on them.

    `builder` extends the prepared graph. The cotangent of a wanted value in the middle counts all
    that flows through it, and is the derivative with respect to that value with everything before
    it held fixed."""
    graph = prepared.graph
    active = influenced(graph, wanted)
    pending: dict[Value, list[Any]] = {
        value: [seed] for value, seed in seeds.items() if value in active
    }
    finished: dict[Value, Any] = {}
    keep = set(wanted)

    def total(value: Value) -> Any:
        contributions = pending.pop(value, None)
        if contributions is None:
            return None
        cotangent = accumulate(builder, graph, value, contributions)
        if value in keep:
            finished[value] = cotangent
        return cotangent

    for node in reversed(graph.nodes):
        if not any(value in pending for value in node.outputs):
            continue
        cotangents = [total(value) for value in node.outputs]
        wants = wanted_operands(node, active)
        if any(wants):
            pull = prepared.pulls.get(node)
            for operand, cotangent in pull_back(builder, node, cotangents, wants, pull):
                pending.setdefault(operand, []).append(cotangent)
    for value in graph.inputs:
        total(value)
    return [finished.get(value) for value in wanted]


def pull_back(
    builder: Builder,
    node: Node,
    cotangents: Sequence[Any],
    wants: Sequence[bool],
    pull: Pull | None = None,
) -> list[tuple[Value, Any]]:
    """Run one node's reverse rule -> (operand, contribution) pairs."""
    primals = [Tracer(builder, operand) for operand in node.operands]
    outputs = [Tracer(builder, value) for value in node.outputs]
    with builder.emitting(node.location, Origin("vjp", node)):
        try:
            if pull is None:
                contributions = node.op.vjp(primals, outputs, cotangents, wants)
                types = [operand.type for operand in node.operands]
                contributions = held(builder, node.op, "vjp", contributions, types)
            else:
                contributions = pull(primals, outputs, cotangents)
        except Exception as error:
            blame(error, node)
            remind(error, node.op, "the cotangent of result", cotangents)
            raise
    return [
        (operand, contribution)
        for operand, contribution, want in zip(node.operands, contributions, wants, strict=True)
        if want and contribution is not None
    ]


def accumulate(builder: Builder, graph: Graph, value: Value, contributions: list[Any]) -> Any:
    """The sum of contributions to one adjoint, called `name.bar` after the value."""
    cotangent = contributions[0]
    location = value.node.location or cotangent.value.node.location
    with builder.emitting(location, Origin("adjoint", value.node)):
        for contribution in contributions[1:]:
            cotangent = add(cotangent, contribution)
    name_after(cotangent, value, graph, "bar")
    return cotangent


def name_after(traced: Any, value: Value, graph: Graph, suffix: str) -> None:
    """Call an unnamed value `x.bar` or `x.dot` after the value `x`."""
    name = graph.names[value]
    if traced.value.name is None and traced.value.constant is None and not name[0].isdigit():
        traced.value.call(f"{name}.{suffix}")


def zero_of(builder: Builder, value: Value) -> Any:
    """Zeros of a value's type."""
    with builder.emitting(value.node.location, Origin("adjoint", value.node)):
        return zeros_like(Tracer(builder, value))
