"""The meaning of a graph: each op's reference on arrays, in order. Backends are tested against
this.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, cast

from irgrad.ir.blame import blame
from irgrad.ir.graph import Graph, Value
from irgrad.ir.op import Array


def evaluate(graph: Graph, arrays: Sequence[Array]) -> list[Array]:
    """The outputs of `graph` for `arrays` in place of all its inputs, captured ones included."""
    return planned(graph)(arrays)


class Step(NamedTuple):
    """One node: its reference, the slots that it reads, those that it writes."""

    call: Callable[..., Any]
    reads: tuple[int, ...]
    writes: tuple[int, ...]


class Plan:
    """A graph as steps on numbered slots: the region of a loop runs many times."""

    def __init__(self, graph: Graph) -> None:
        self.slot: dict[Value, int] = {value: k for k, value in enumerate(graph.inputs)}
        self.count = len(graph.inputs)
        self.template: list[Any] = []
        self.nodes = graph.nodes
        self.steps = [
            Step(
                node.op.reference,
                tuple(map(self._slot, node.operands)),
                tuple(map(self._slot, node.outputs)),
            )
            for node in graph.nodes
        ]
        self.outputs = tuple(map(self._slot, graph.outputs))

    def _slot(self, value: Value) -> int:
        if value not in self.slot:
            self.slot[value] = self.count + len(self.template)
            self.template.append(value.constant)
        return self.slot[value]

    def __call__(self, arrays: Sequence[Array]) -> list[Array]:
        """The outputs; they may share memory with inputs and with each other."""
        if len(arrays) != self.count:
            raise ValueError(f"{self.count} arrays expected, got {len(arrays)}")
        slots: list[Any] = [*arrays, *self.template]
        writes: tuple[int, ...] = ()
        try:
            for call, reads, writes in self.steps:
                result = call(*[slots[k] for k in reads])
                if isinstance(result, tuple):
                    parts = cast("tuple[Array, ...]", result)
                    for k, part in zip(writes, parts, strict=True):
                        slots[k] = part
                else:
                    slots[writes[0]] = result
        except Exception as error:
            for step, node in zip(self.steps, self.nodes, strict=True):
                if step.writes is writes:
                    blame(error, node)
            raise
        return [slots[k] for k in self.outputs]


def planned(graph: Graph) -> Plan:
    """The plan of a graph, made once."""
    memory = vars(graph)
    plan = memory.get("__plan__")
    if plan is None:
        plan = memory["__plan__"] = Plan(graph)
    return plan
