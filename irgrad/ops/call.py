"""`call`: a graph as one node, with a rule for its derivatives; and `barrier`, which keeps what is
computed again apart from what was computed before.

The body is the meaning of a call, the rule says how it is differentiated and batched. A rule may be
a user's Python code, so it is no part of the program: the text of a call has its body and a label,
and reads back without the rule, as a plain call. Calls are inlined by the first pass of the
pipeline, so backends never see them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from irgrad.errors import Location, ShapeError, UnsupportedError
from irgrad.ir.builder import Builder, rebuilt, substitute
from irgrad.ir.evaluate import evaluate
from irgrad.ir.graph import Graph, Node, Origin, Value, with_regions
from irgrad.ir.op import Array, Op, register, register_instance
from irgrad.ir.types import ArrayType
from irgrad.ops.base import bind
from irgrad.ops.linear import Linear


class Rule:
    """How a call is differentiated and batched. Methods are as those of `Op`, with the call's op in
    front.
    """

    hands_on = False
    """Whether it is that of the second half of a `split`, which only hands results on."""

    def jvp(
        self, op: Call, primals: Sequence[Any], outputs: Sequence[Any], tangents: Sequence[Any]
    ) -> Sequence[Any]:
        """Tangents of the outputs."""
        raise UnsupportedError(
            f"{op.label} has no forward derivative",
            hint="use reverse mode (grad, vjp), or give it a rule with irgrad.custom_jvp",
        )

    def vjp(
        self,
        op: Call,
        primals: Sequence[Any],
        outputs: Sequence[Any],
        cotangents: Sequence[Any],
        wanted: Sequence[bool],
    ) -> Sequence[Any]:
        """Cotangents of the operands."""
        raise UnsupportedError(
            f"{op.label} has no reverse derivative",
            hint="use forward mode (jvp, jacfwd), or give it a rule with irgrad.custom_vjp",
        )

    def batch(self, op: Call, operands: Sequence[Any], batched: Sequence[bool]) -> Sequence[Any]:
        """The outputs for a batch."""
        raise NotImplementedError

    def split(self, op: Call) -> tuple[Graph, Rule] | None:
        """Where reverse mode needs another program than the body: a graph from the operands to the
        outputs and then residuals, and the rule of a call on (outputs, operands, residuals) that
        gives its outputs back.
        """
        return None


@register("call")
class Call(Op):
    """`body` applied to the operands. Two calls are equal where body and label are, and neither has
    a rule that the other contradicts.
    """

    body: Graph
    label: str

    def ruled(self, rule: Rule) -> Call:
        """The same call with a rule."""
        call = Call(self.body, self.label)
        vars(call)["_rule"] = rule  # beside the parameters: it neither prints nor reads back
        return call

    def replaced(self, **parameters: Any) -> Op:
        call = super().replaced(**parameters)
        return call.ruled(self.rule) if isinstance(call, Call) and self.rule is not None else call

    @property
    def rule(self) -> Rule | None:
        """How it is differentiated; None where it was read from text."""
        return vars(self).get("_rule")

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Call) or self.label != other.label or self.body != other.body:
            return False
        return self.rule is other.rule or self.rule is None or other.rule is None

    def result_types(self, *operands: ArrayType) -> tuple[ArrayType, ...]:
        if operands != self.body.input_types or not self.body.outputs:
            wanted, got = (", ".join(map(str, t)) for t in (self.body.input_types, operands))
            raise ShapeError(f"call: @{self.body.name} takes {wanted}, got {got}")
        return self.body.output_types

    def reference(self, *operands: Array) -> Array | tuple[Array, ...]:
        results = [result.copy() for result in evaluate(self.body, operands)]
        return tuple(results) if len(results) > 1 else results[0]

    def jvp(
        self, primals: Sequence[Any], outputs: Sequence[Any], tangents: Sequence[Any]
    ) -> Sequence[Any]:
        return self._needed_rule().jvp(self, primals, outputs, tangents)

    def vjp(
        self,
        primals: Sequence[Any],
        outputs: Sequence[Any],
        cotangents: Sequence[Any],
        wanted: Sequence[bool],
    ) -> Sequence[Any]:
        return self._needed_rule().vjp(self, primals, outputs, cotangents, wanted)

    def batch(self, operands: Sequence[Any], batched: Sequence[bool]) -> Sequence[Any] | None:
        return None if self.rule is None else self.rule.batch(self, operands, batched)

    def _needed_rule(self) -> Rule:
        if self.rule is None:
            raise UnsupportedError(
                f"the call of {self.label} was read from text, which holds no derivative rules",
                hint="inline it: irgrad.passes.inline.inline(graph)",
            )
        return self.rule


class Barrier(Linear):
    """The first operand, once the second is known: what is computed from it is no common
    subexpression of what was computed from the operand, and comes later.
    """

    name = "barrier"
    is_view = True

    def result_types(self, *operands: ArrayType) -> tuple[ArrayType, ...]:
        x, _ = operands
        return (x,)

    def reference(self, *operands: Array) -> Array:
        return operands[0]

    def differentiable(self, operand: int) -> bool:
        return operand == 0

    def transpose(self, operand: int, cotangent: Any, primals: Sequence[Any]) -> Any:
        return cotangent

    def jvp(
        self, primals: Sequence[Any], outputs: Sequence[Any], tangents: Sequence[Any]
    ) -> Sequence[Any]:
        return [tangents[0]]

    def batch(self, operands: Sequence[Any], batched: Sequence[bool]) -> Sequence[Any]:
        return [bind(self, *operands)]


BARRIER = register_instance(Barrier())


def inlined(graph: Graph, choose: Callable[[Call], bool] = lambda call: True) -> Graph:
    """`graph` with the bodies of the chosen calls in their places, also inside regions; the graph
    itself where there are none.
    """
    walk = _Inlining(choose)
    for node in graph.nodes:
        walk.visit(node)
    if not walk.changed:
        return graph
    outputs = [walk.values.get(value, value) for value in graph.outputs]
    return graph.replace(
        nodes=walk.nodes, outputs=dict(zip(graph.output_names, outputs, strict=True))
    )


def joined(graph: Graph) -> Graph:
    """`graph` without the second halves of split calls, also inside regions."""
    return inlined(graph, lambda call: call.rule is not None and call.rule.hands_on)


class _Inlining:
    def __init__(self, choose: Callable[[Call], bool]) -> None:
        self.choose = choose
        self.nodes: list[Node] = []
        self.values: dict[Value, Value] = {}
        self.images: dict[Node, Node] = {}
        self.changed = False

    def visit(self, node: Node) -> None:
        """Append a node, or what is in it."""
        operands = tuple(self.values.get(operand, operand) for operand in node.operands)
        op = with_regions(node.op, lambda region: inlined(region, self.choose))
        if isinstance(op, Call) and isinstance(node.op, Call) and self.choose(node.op):
            results = splice(op.body, operands, self.nodes, node.location, node.origin)
            self.values.update(zip(node.outputs, results, strict=True))
            if not (results[0].node.is_input or results[0].node.is_constant):
                self.images[node] = results[0].node
            self.changed = True
            return
        self.changed |= op is not node.op
        origin = node.origin.of if node.origin is not None else None
        if op is node.op and operands == node.operands and origin not in self.images:
            self.nodes.append(node)
            return
        copy = rebuilt(node, operands, self.images)
        copy.op = op
        self.nodes.append(copy)
        self.images[node] = copy
        self.values.update(zip(node.outputs, copy.outputs, strict=True))


def splice(
    graph: Graph,
    operands: Sequence[Value],
    nodes: list[Node],
    location: Location | None,
    origin: Origin | None,
) -> tuple[Value, ...]:
    """Append the nodes of `graph` to `nodes` with `operands` in place of its inputs -> its outputs.
    Nodes without a line or an origin get those given.
    """

    def append(node: Node) -> None:
        node.location = node.location or location
        node.origin = node.origin or origin
        nodes.append(node)

    return substitute(graph, operands, append)


def apply(builder: Builder, graph: Graph, operands: Sequence[Any]) -> list[Any]:
    """The outputs of `graph` for traced operands, emitted with the builder's provenance."""
    now = builder.provenance
    values = [builder.lift(operand) for operand in operands]
    results = splice(graph, values, builder.nodes, now.location, now.origin)
    return [builder.wrap(builder, value) for value in results]
