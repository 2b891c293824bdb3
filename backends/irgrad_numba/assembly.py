"""The steps of a schedule, from the decisions of its planner: values get their buffers, those that
one stage computes over the same extents a kernel, and nodes that are calls what runs them."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from irgrad.ir.graph import Node, Value
from irgrad.ir.types import Shape
from irgrad.ops.accumulate import AddStacks
from irgrad.ops.contract import Contract
from irgrad_numba.bands import Room
from irgrad_numba.calls import Group
from irgrad_numba.control import Control, Surroundings, is_native
from irgrad_numba.factorisations import lapack_of
from irgrad_numba.in_place import bases
from irgrad_numba.index import View, contiguous
from irgrad_numba.indices import Check
from irgrad_numba.products import gemm_of
from irgrad_numba.routine import routine_of
from irgrad_numba.schedule import Kernel, Schedule, Step
from irgrad_numba.spans import Span
from irgrad_numba.stacks import sum_of
from irgrad_numba.tapes import parts_read, rows_of_loops
from irgrad_numba.updates import AddAt, AddWindow, Copy
from irgrad_numba.views import viewed

if TYPE_CHECKING:
    from irgrad_numba.planning import Planner


class Assembly:
    """Kernels by stage and space, buffers, and the views that need no loops."""

    def __init__(self, decided: Planner, plan: Callable[[Surroundings], Schedule]) -> None:
        self.decided = decided
        self.plan = plan
        """For the regions of loops and branches."""
        self.graph = decided.graph
        self.outputs = set(self.graph.outputs)
        self.views: dict[Value, View] = {}
        self.buffers: list[Value] = []
        self.why: dict[Value, str] = {}
        self.kernels: dict[tuple[int, Shape, Span, int, Node | None], Kernel] = {}
        self.beside: dict[tuple[int, Shape, int], list[Node]] = defaultdict(list)
        self.calls: list[tuple[int, Node | Check]] = []
        """Each with its stage."""
        self.checked: set[tuple[Value, int]] = set()

    def run(self) -> Schedule:
        """The schedule."""
        place = self.decided.place
        for k, value in enumerate(self.graph.inputs):
            self._allot(value)
            if k in place.strides:
                self.views[value] = View(k, 0, place.strides[k])
        for node in self.graph.nodes:
            self._constants(node)
            self._checks(node)
            if not self._is_view(node):
                self._memory(node)
                self._step(node)
        for value in self.graph.outputs:
            if value not in self.views:
                self._allot(value)
        known = self.decided.intervals
        self._drop_unread()
        steps = self._in_order()
        return Schedule(self.graph, steps, self.views, self.buffers, self.why, known, place.sites)

    def _drop_unread(self) -> None:
        """Write to memory no value that nothing but kernels beside its own read, which compute it
        themselves.
        """
        homes = {node: key for key, kernel in self.kernels.items() for node in kernel.roots}
        shown = Counter(view.buffer for view in self.views.values())
        readers = self._readers_besides_nodes()
        for node in reversed(self.graph.nodes):
            value, key = Value(node, 0), homes.get(node)
            home = None if key is None else (key[0], key[1], key[3], key[4])
            own = self.decided.sorts[node] in ("view", "point") and value not in self.outputs
            alone = key is not None and own and shown[self.views[value].buffer] == 1
            if key is not None and alone and readers[value] and readers[value] <= {home}:
                self._drop(node, self.kernels[key])
            for operand in node.operands:
                if self.decided.sorts[node] == "call":
                    readers[operand].add(node)
                else:
                    readers[operand] |= readers[value] if home is None else {home}
        self.kernels = {key: kernel for key, kernel in self.kernels.items() if kernel.roots}

    def _readers_besides_nodes(self) -> dict[Value, set[object]]:
        """Where loops end, and indices that are checked."""
        readers: dict[Value, set[object]] = defaultdict(set)
        for _, call in self.calls:
            if isinstance(call, Check):
                readers[call.array].add("check")
        for kernel in self.kernels.values():
            for condition in kernel.limits:
                if condition.bound is not None:
                    readers[condition.bound].add("limit")
        return readers

    def _drop(self, node: Node, kernel: Kernel) -> None:
        """A root no more."""
        value = Value(node, 0)
        kernel.roots.remove(node)
        if node in kernel.beside:
            kernel.beside.remove(node)
        del self.views[value], self.why[value], self.decided.stored[value]

    def _allot(self, value: Value) -> None:
        self.views[value] = contiguous(len(self.buffers), value.type.shape)
        self.buffers.append(value)

    def _constants(self, node: Node) -> None:
        called = self.decided.sorts[node] == "call" or node in self.decided.checks
        for operand in node.operands:
            large = operand.type.size > 1
            if operand.constant is not None and operand not in self.views and (large or called):
                self._allot(operand)

    def _checks(self, node: Node) -> None:
        for check in self.decided.checks.get(node, ()):
            if (check.array, check.extent) not in self.checked:
                self.checked.add((check.array, check.extent))
                stage = self.decided.stage.get(check.array, (0, 0))[1]
                self.calls.append((stage, check))

    def _is_view(self, node: Node) -> bool:
        """Whether a node's value lies in memory of its operand's; then there it is."""
        value = Value(node, 0)
        own = value in self.outputs or value in self.decided.solid
        if own or self.decided.sorts[node] != "view":
            return False
        source = self.views.get(node.operands[0])
        view = None if source is None else viewed(node, source)
        if view is None:
            return False
        self.views[value] = view
        self.decided.stored.pop(value, None)
        return True

    def _has_loops(self, node: Node) -> bool:
        """Whether a node is a root of a kernel."""
        folds = self.decided.sorts[node] in ("reduction", "update")
        return folds or (
            self.decided.sorts[node] != "call" and Value(node, 0) in self.decided.stored
        )

    def _memory(self, node: Node) -> None:
        """Buffers for what a node makes, or those that it overwrites."""
        if self.decided.sorts[node] not in ("call", "update"):
            if self._has_loops(node):
                self._allot(Value(node, 0))
            return
        taken = bases(node)
        for result in node.outputs:
            if result.index in taken:
                self.views[result] = self.views[node.operands[taken[result.index]]]
            else:
                self._allot(result)

    def _step(self, node: Node) -> None:
        value = Value(node, 0)
        if isinstance(node.op, Room):
            return
        if self.decided.sorts[node] == "call":
            self.calls.append((self.decided.stage[value][0] - 1, node))
        elif self._has_loops(node):
            self.why[value] = self._reason(node)
            alone = node if self._is_alone(node) else None
            stage, space, limits, segment = self.decided.place_of(node)
            key = (stage, space, limits, segment, alone)
            kernel = self.kernels.setdefault(key, Kernel(stage, space, limits))
            kernel.roots.append(node)
            if alone is None:
                kernel.beside = self.beside[stage, space, segment]
                kernel.beside.append(node)

    def _is_alone(self, node: Node) -> bool:
        """Whether a node has a kernel of its own: it adds to places one by one, where others would
        go by the vector or by the thread. A part of a row is too short for it to matter.
        """
        if not isinstance(node.op, (AddAt, AddWindow)) or node.operands[1].type.size == 1:
            return False
        short = node.operands[2].type.size == 1 or bool(self.decided.spans.of(node))
        return not (self.decided.place.inside and short)

    def _reason(self, node: Node) -> str:
        """Why a node is a statement of a kernel."""
        if self.decided.sorts[node] != "update":
            return self.decided.stored.get(Value(node, 0), "a reduction")
        x = node.operands[0]
        name = "its copy" if isinstance(x.node.op, Copy) else f"%{self.graph.names[x]}"
        return f"in place, in the memory of {name}"

    def _in_order(self) -> list[Step]:
        """Kernels and what calls become, by stages: library calls, or groups for Python."""
        large_first = sorted(self.kernels.values(), key=lambda k: -math.prod(k.space))
        order: list[tuple[int, Kernel | Node | Check]] = [(k.stage, k) for k in large_first]
        order = sorted([*order, *self.calls], key=lambda step: step[0])
        readers: dict[Value, list[Node]] = defaultdict(list)
        for node in self.graph.nodes:
            for operand in node.operands:
                readers[operand].append(node)
        result: list[Step] = []
        pending: list[Node] = []
        for _, step in order:
            native = step if isinstance(step, (Kernel, Check)) else self._native(step, readers)
            if native is not None or (isinstance(step, Node) and self._is_moved(step, pending)):
                result += self._group(pending, readers)
                pending = []
            if native is not None:
                result.append(native)
            else:
                assert isinstance(step, Node)
                pending.append(step)
        return [*result, *self._group(pending, readers)]

    def _is_moved(self, node: Node, pending: Sequence[Node]) -> bool:
        """Whether a node reads what pending ones make otherwise than as they make it."""
        direct = {v for other in pending for v in other.outputs}
        made = {self.views[v].buffer for v in direct}
        return any(self.views[v].buffer in made and v not in direct for v in node.operands)

    def _group(self, nodes: list[Node], readers: dict[Value, list[Node]]) -> list[Step]:
        """Nodes for Python in a row, and what is kept of their results."""
        inside = set(nodes)
        kept = [
            v
            for node in nodes
            for v in node.outputs
            if v in self.outputs or any(reader not in inside for reader in readers[v])
        ]
        return [Group(nodes, kept, self.views)] if nodes else []

    def _native(self, node: Node, readers: dict[Value, list[Node]]) -> Step | None:
        """What runs a call; None where Python does."""
        views = self.views
        if is_native(node):
            alone = {v for v in node.operands if readers[v] == [node] and v not in self.outputs}
            known, sites = self.decided.intervals, self.decided.place.sites
            spent, parts = rows_of_loops(node, alone), parts_read(node, readers, self.outputs)
            return Control.of(node, views, known, sites, self.plan, spent, parts)
        if isinstance(node.op, AddStacks) and node.types[0].is_dynamic:
            return sum_of(node, [views[v].buffer for v in (*node.operands, *node.outputs)])
        if isinstance(node.op, Contract):
            return gemm_of(node, views)
        routine = routine_of(node, views) if self.decided.is_routine(node) else None
        return routine or lapack_of(node, views)
