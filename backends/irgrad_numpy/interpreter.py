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
        self.outputs = plan.outputs
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
    """A slot for each value; when it is last read, and which memory it may share.

    The root of a slot is the slot whose memory its value may share (itself, unless it is a
    view)."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.slot: dict[Value, int] = {value: index for index, value in enumerate(graph.inputs)}
        self.template: list[Any] = []
        self.constants: set[int] = set()
        self.root = list(range(len(graph.inputs)))
        self.last_read = [-1] * len(graph.inputs)
        self.last_root_read = [-1] * len(graph.inputs)
        self.accesses = [self._access(index, node) for index, node in enumerate(graph.nodes)]
        self.outputs = tuple(map(self._slot, graph.outputs))
        self._read(self.outputs, len(graph.nodes))
        self.own: set[int] = set()
        self.steps = [
            self._step(index, node, reads, writes)
            for index, (node, (reads, writes)) in enumerate(
                zip(graph.nodes, self.accesses, strict=True)
            )
        ]

    def outputs_to_copy(self) -> list[bool]:
        """Which outputs must be copied: inputs, constants, views, and what shares memory with
        another output.
        """
        sharing = Counter(self.root[slot] for slot in self.outputs)
        return [slot not in self.own or sharing[self.root[slot]] > 1 for slot in self.outputs]

    def _slot(self, value: Value) -> int:
        slot = self.slot.get(value)
        if slot is None:
            slot = self.slot[value] = len(self.slot)
            constant = value.constant
            if constant is not None:
                self.constants.add(slot)
            self.template.append(constant)
            self.root.append(slot)
            self.last_read.append(-1)
            self.last_root_read.append(-1)
        return slot

    def _access(self, index: int, node: Node) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """The slots that a node reads and writes."""
        reads = tuple(map(self._slot, node.operands))
        writes = tuple(map(self._slot, node.outputs))
        if node.op.is_view:
            self.root[writes[0]] = self.root[reads[0]]
        self._read(reads, index)
        return reads, writes

    def _read(self, slots: tuple[int, ...], index: int) -> None:
        for slot in slots:
            self.last_read[slot] = self.last_root_read[self.root[slot]] = index

    def _step(
        self, index: int, node: Node, reads: tuple[int, ...], writes: tuple[int, ...]
    ) -> Step:
        dying = [
            slot
            for slot in dict.fromkeys(reads)
            if self.last_read[slot] == index and slot not in self.constants
        ]
        reuse = self._reusable(index, node, reads, dying)
        if not node.op.is_view:
            self.own.update(writes)
        dies = (*dying, *(slot for slot in writes if self.last_read[slot] < 0))
        return Step(kernel(node), reads, writes, dies, reuse)

    def _reusable(
        self, index: int, node: Node, reads: tuple[int, ...], dying: list[int]
    ) -> int | None:
        if isinstance(node.op, UPDATES):
            dying = [slot for slot in dying if slot == reads[0] and slot not in reads[1:]]
        elif not is_ufunc(node.op) or not node.types[0].shape:
            return None
        for slot in dying:
            if (
                slot in self.own
                and self.last_root_read[slot] == index
                and node.operands[reads.index(slot)].type == node.types[0]
            ):
                return slot
        return None
