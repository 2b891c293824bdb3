"""An interpreter that plans once: a step for each node, which values die after it, and which buffer
it may write into.

A buffer is reused through `out=` where the op is a ufunc, the operand dies there, no view of it
lives on, its memory is the interpreter's own, and dtype and shape are the result's. Updates happen
in the array itself under the same conditions, and copy it first elsewhere."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from irgrad.ir.blame import blame
from irgrad.ir.bulk import paused_gc
from irgrad.ir.graph import Graph, Node, Value
from irgrad.ir.op import Array
from irgrad_numpy.footprint import footprint, is_dynamic
from irgrad_numpy.kernels import UPDATES, is_ufunc, kernel


class Step(NamedTuple):
    """One node: what to call, slots to read, slots to write, slots to clear, and the slot whose
    buffer to reuse.
    """

    call: Callable[..., Any]
    reads: tuple[int, ...]
    writes: tuple[int, ...]
    dies: tuple[int, ...]
    reuse: int | None


class NumpyBackend:
    """Runs graphs with NumPy, one call a node."""

    name = "numpy"

    @paused_gc()
    def compile(self, graph: Graph) -> Interpreter:
        """A function from the arrays of all inputs to the arrays of all outputs."""
        return Interpreter(graph)


class Interpreter:
    """A planned graph, ready to run; safe to call from several threads at once."""

    def __init__(self, graph: Graph) -> None:
        plan = Plan(graph)
        self.nodes = graph.nodes
        self.steps = plan.steps
        self.template = plan.template
        self.inputs = len(graph.inputs)
        self.outputs = [plan.slot[value] for value in graph.outputs]
        self.copies = plan.outputs_to_copy()
        self.graph = graph

    def __call__(self, arrays: Sequence[Array]) -> list[Array]:
        """The outputs: fresh, writeable arrays that share no memory with the inputs or each
        other.
        """
        with np.errstate(all="ignore"):
            results = self.run(arrays)
        return [
            np.array(result) if copy else np.asarray(result)
            for result, copy in zip(results, self.copies, strict=True)
        ]

    def scratch_bytes(self) -> int | None:
        """Bytes of the arrays that are alive beside the results, at the worst moment."""
        return None if is_dynamic(self.graph) else footprint(self.graph, self.steps)

    def run(self, arrays: Sequence[Array]) -> list[Array]:
        """The outputs, which may share memory with the inputs and each other; none is written
        to.
        """
        slots: list[Any] = [*arrays, *self.template]
        writes: tuple[int, ...] = ()
        try:
            for call, reads, writes, dies, reuse in self.steps:
                operands = [slots[read] for read in reads]
                result = call(*operands) if reuse is None else call(*operands, out=slots[reuse])
                if len(writes) == 1:
                    slots[writes[0]] = result
                else:
                    for write, part in zip(writes, result, strict=True):
                        slots[write] = part
                for dead in dies:
                    slots[dead] = None
        except Exception as error:
            for step, node in zip(self.steps, self.nodes, strict=True):
                if step.writes is writes:
                    blame(error, node)
            raise
        return [slots[slot] for slot in self.outputs]


class Plan:
    """Liveness and memory sharing of a graph's values.

    The root of a value is the value whose memory it may share (itself, unless it is a view).
    """

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.slot: dict[Value, int] = {value: index for index, value in enumerate(graph.inputs)}
        self.template: list[Any] = []
        self.root: dict[Value, Value] = {}
        self.last_read: dict[Value, int] = {}
        self.last_root_read: dict[Value, int] = {}
        self._find_last_reads()
        self.own: set[Value] = set()
        self.steps = [self._step(index, node) for index, node in enumerate(graph.nodes)]
        for value in graph.outputs:
            self._slot(value)

    def outputs_to_copy(self) -> list[bool]:
        """Which outputs must be copied: inputs, constants, views, and what shares memory with
        another output.
        """
        sharing = Counter(map(self._root, self.graph.outputs))
        return [
            value not in self.own or sharing[self._root(value)] > 1 for value in self.graph.outputs
        ]

    def _find_last_reads(self) -> None:
        for index, node in enumerate(self.graph.nodes):
            if node.op.is_view:
                self.root[Value(node, 0)] = self._root(node.operands[0])
            for operand in node.operands:
                self.last_read[operand] = self.last_root_read[self._root(operand)] = index
        for value in self.graph.outputs:
            self.last_read[value] = self.last_root_read[self._root(value)] = len(self.graph.nodes)

    def _root(self, value: Value) -> Value:
        return self.root.get(value, value)

    def _slot(self, value: Value) -> int:
        if value not in self.slot:
            self.slot[value] = len(self.graph.inputs) + len(self.template)
            self.template.append(value.constant)
        return self.slot[value]

    def _step(self, index: int, node: Node) -> Step:
        reads = tuple(map(self._slot, node.operands))
        writes = tuple(map(self._slot, node.outputs))
        dying = [
            v
            for v in dict.fromkeys(node.operands)
            if self.last_read[v] == index and v.constant is None
        ]
        reuse = self._reusable(index, node, dying)
        if not node.op.is_view:
            self.own.update(node.outputs)
        unread = [value for value in node.outputs if value not in self.last_read]
        dies = tuple(self.slot[value] for value in (*dying, *unread))
        return Step(kernel(node), reads, writes, dies, None if reuse is None else self.slot[reuse])

    def _reusable(self, index: int, node: Node, dying: list[Value]) -> Value | None:
        if isinstance(node.op, UPDATES):
            dying = [v for v in dying if v == node.operands[0] and v not in node.operands[1:]]
        elif not is_ufunc(node.op) or not node.types[0].shape:
            return None
        for value in dying:
            if (
                value in self.own
                and self.last_root_read[value] == index
                and value.type == node.types[0]
            ):
                return value
        return None
