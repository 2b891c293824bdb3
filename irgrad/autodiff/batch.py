"""Batching: a graph for one example becomes a graph for many at once.

The batch axis of a value is its first. What does not depend on the example is computed once, by the
nodes of the graph as they are; every other node is replaced by what its op's batching rule emits:
`Op.batch`, or an entry of `RULES` for ops with regions. Where an op has no rule it is applied to
one example after the other, in a loop."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from irgrad.autodiff.outside import held
from irgrad.errors import UnsupportedError
from irgrad.frontend.tracer import Tracer
from irgrad.ir.builder import Builder, rebuilt
from irgrad.ir.bulk import paused_gc
from irgrad.ir.graph import Graph, Node, Origin, Value, input_value
from irgrad.ir.op import Op
from irgrad.ir.types import ArrayType
from irgrad.ops.base import bind_all
from irgrad.ops.linear import broadcast_to
from irgrad.ops.loop import Loop
from irgrad.ops.region import INDEX

Rule = Callable[[Any, Sequence[Any], Sequence[bool], int], Sequence[Any]]
"""(op, operands, which of them are batched, the number of examples) -> outputs, as `Op.batch`."""
RULES: dict[type[Op], Rule] = {}
"""The rules of ops that have regions, which are to be batched too."""


@paused_gc()
def batch(
    graph: Graph, batched: Sequence[bool], size: int, spread: Sequence[bool] = ()
) -> tuple[Graph, list[bool]]:
    """`graph` for `size` examples at once, and which of its outputs differ between them.

    The inputs that are `batched` (one entry for each, captured ones included) get an axis of `size`
    in front, and so do the outputs that depend on them, and those that `spread` names."""
    builder = Builder(Tracer)
    builder.provenance.busy = True
    types = [ArrayType(value.type.dtype, (size, *value.type.shape)) for value in graph.inputs]
    images = {
        value: input_value(graph.names[value], type)
        for value, type, is_batched in zip(graph.inputs, types, batched, strict=True)
        if is_batched
    }
    walk = Batching(builder, images, size)
    for node in graph.nodes:
        walk.visit(node)
    moved = [walk.values.get(value, value) for value in graph.outputs]
    for k, wanted in enumerate(spread):
        if wanted and moved[k] not in walk.batched:
            moved[k] = walk.repeated(moved[k])
    outputs = dict(zip(graph.output_names, moved, strict=True))
    inputs = [images.get(value, value) for value in graph.inputs]
    return (
        Graph(graph.name, inputs, builder.nodes, outputs, graph.captured),
        [value in walk.batched for value in moved],
    )


class Batching:
    """The walk: where old values have gone, and which of the new ones have a batch axis. It begins
    with the batched `images` of some values, and appends to `builder`.
    """

    def __init__(self, builder: Builder, images: Mapping[Value, Value], size: int) -> None:
        self.builder = builder
        self.size = size
        self.values = dict(images)
        self.images: dict[Node, Node] = {}
        self.batched = set(images.values())

    def visit(self, node: Node) -> None:
        """Append what stands for `node` in the batch."""
        operands = tuple(self.values.get(operand, operand) for operand in node.operands)
        batched = [operand in self.batched for operand in operands]
        if not any(batched):
            self._keep(node, operands)
            return
        for old, new in zip(node.outputs, self._apply(node, operands, batched), strict=True):
            if new.type.ndim != old.type.ndim:
                self.batched.add(new)
            self.values[old] = new
        self._name(node, self.values[Value(node, 0)])

    def _keep(self, node: Node, operands: tuple[Value, ...]) -> None:
        """The node itself, on what its operands have become."""
        copy = node
        origin = node.origin.of if node.origin is not None else None
        if operands != node.operands or origin in self.images:
            copy = rebuilt(node, operands, self.images)
            self.images[node] = copy
            self.values.update(zip(node.outputs, copy.outputs, strict=True))
        self.builder.nodes.append(copy)

    def _apply(self, node: Node, operands: tuple[Value, ...], batched: list[bool]) -> list[Value]:
        traced = [Tracer(self.builder, operand) for operand in operands]
        with self.builder.emitting(node.location, self._origin(node)):
            rule = RULES.get(type(node.op))
            if rule is not None:
                results = rule(node.op, traced, batched, self.size)
            else:
                results = node.op.batch(traced, batched)
            if results is None:
                results = one_by_one(node, traced, batched, self.size)
            results = held(self.builder, node.op, "batch", results, self._types(node, results))
        return [self.builder.lift(result) for result in results]

    def _types(self, node: Node, results: Sequence[Any]) -> list[ArrayType]:
        """Of results that are batches of what the node gives, or the same for all examples."""
        return [
            one._replace(shape=(self.size, *one.shape)) if result.ndim > one.ndim else one
            for one, result in zip(node.types, results, strict=False)
        ]

    def repeated(self, value: Value) -> Value:
        """A value that is the same for all examples, with a batch axis."""
        with self.builder.emitting(value.node.location, None):
            x = broadcast_to(Tracer(self.builder, value), (self.size, *value.type.shape))
        self.batched.add(x.value)
        return x.value

    def _origin(self, node: Node) -> Origin | None:
        """A batched adjoint is still whose adjoint it was."""
        if node.origin is None or isinstance(node.origin.of, str):
            return node.origin
        return Origin(node.origin.rule, self.images.get(node.origin.of, node.origin.of))

    def _name(self, node: Node, value: Value) -> None:
        image = value.node
        if image.is_input or image.is_constant:
            return
        self.images[node] = image
        if image.names == (None,) * len(node.names):
            image.names = node.names


def one_by_one(
    node: Node, operands: Sequence[Any], batched: Sequence[bool], size: int
) -> list[Any]:
    """The outputs of a node for each example, stacked by a loop over the examples: right for any
    op.
    """
    if any(type.is_dynamic for type in node.types):
        raise UnsupportedError(
            f"vmap of {node.op.name}, which has no batching rule, on stacks of unknown length",
            location=node.location,
        )
    types = [value.type for value in node.operands]
    slots = [k for k in range(len(types)) if batched[k]] + [
        k for k in range(len(types)) if not batched[k]
    ]
    inputs = [input_value(f"x{k}", type) for k, type in enumerate(types)]
    inner = Node(node.op, tuple(inputs), node.types, names=node.names, location=node.location)
    outputs = {f"y{k}": value for k, value in enumerate(inner.outputs)}
    given = [input_value("i", INDEX), *(inputs[k] for k in slots)]
    body = Graph(node.op.name, given, [inner], outputs)
    return bind_all(Loop(0, sum(batched), size, False, False, body), *(operands[k] for k in slots))
