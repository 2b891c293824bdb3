"""Programs that write in place, or have loops, as source for modules that need no irgrad: NumPy for
what calls a library, and a function for Numba's own compiler for all steps between two of these."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import groupby

from irgrad.ir.graph import Node, Value
from irgrad.ir.types import contiguous_strides
from irgrad.runtime.backend import WrittenStep
from irgrad_numba.calls import Group
from irgrad_numba.control import Control
from irgrad_numba.indices import Check
from irgrad_numba.loop_source import LoopSource, UnwrittenError, loaded
from irgrad_numba.pieces import pieces
from irgrad_numba.products import Gemm
from irgrad_numba.region_source import Lies, Names, Steps
from irgrad_numba.schedule import Kernel, Schedule, Step
from irgrad_numba.stacks import StackSum
from irgrad_numba.updates import ADDING, Copy, is_update


def is_written_in_place(schedule: Schedule) -> bool:
    """Whether steps write into arrays that are there, or are loops: then buffers are not values,
    and the source of a step is that of its ops.
    """
    return any(
        isinstance(step, (Control, StackSum))
        or (isinstance(step, Kernel) and any(map(is_update, step.roots)))
        for step in schedule.steps
    )


class InPlaceSource:
    """The steps of such a program; an `UnwrittenError` where one is neither."""

    def __init__(self, schedule: Schedule) -> None:
        self.schedule = schedule
        self.source = LoopSource(schedule)
        self.buffers = {id(step): self._buffers(step) for step in schedule.steps}
        self.uses = Counter(b for step in schedule.steps for b in self.buffers[id(step)])
        self.lasting = {schedule.views[v].buffer for v in schedule.graph.outputs}
        """Buffers that are more than a function's own memory; so are inputs."""
        self.lasting |= set(range(len(schedule.graph.inputs)))
        self.changing = {b for step in schedule.steps for b in self._changed(step)}
        self.made: set[int] = set(range(len(schedule.graph.inputs)))
        """Those that are there before the next step."""

    def written(self) -> Iterator[WrittenStep]:
        """Each step as it is written."""
        for in_loops, some in groupby(self.schedule.steps, self._is_in_loops):
            steps = list(some)
            if in_loops:
                yield self._function(steps)
            else:
                yield from map(self._in_numpy, steps)

    def _buffers(self, step: Step) -> set[int]:
        if isinstance(step, Check):
            return {self.schedule.views[step.array].buffer}
        if not isinstance(step, Kernel):
            return set(step.buffers)
        written = {self.schedule.views[Value(node, 0)].buffer for node in step.roots}
        return written.union(loaded(pieces(self.schedule, step)))

    def _changed(self, step: Step) -> list[int]:
        """The buffers of other steps that a step writes to."""
        if isinstance(step, Control):
            return [step.results[k].buffer for k in step.bases]
        roots = step.roots if isinstance(step, Kernel) else []
        return [self.schedule.views[Value(n, 0)].buffer for n in roots if is_update(n)]

    def _is_in_loops(self, step: Step) -> bool:
        """Whether a step is written in loops; one that cannot be, and writes into arrays, makes the
        program one that is not.
        """
        if not isinstance(step, (Kernel, Control, StackSum)):
            return False
        try:
            Steps(self.schedule, Names(), {}).lines([step])
        except UnwrittenError:
            if self._writes(step):
                raise
            return False
        return True

    def _writes(self, step: Step) -> bool:
        if isinstance(step, Control):
            return bool(step.bases)
        roots = step.roots if isinstance(step, Kernel) else []
        return any(is_update(n) or isinstance(n.op, (Copy, *ADDING)) for n in roots)

    def _in_numpy(self, step: Step) -> WrittenStep:
        if isinstance(step, Check):
            return WrittenStep([], [step.array], [], [str(step.extent)])
        nodes = self._nodes(step)
        buffers = {v: self.schedule.views[v].buffer for node in nodes for v in node.outputs}
        self.made.update(buffers.values())
        arrays = [v for v, b in buffers.items() if b in self.changing]
        return WrittenStep(nodes, [], [], [], arrays=arrays)

    def _nodes(self, step: Step) -> list[Node]:
        if isinstance(step, Kernel):
            return step.roots
        if isinstance(step, Gemm):
            return [self.schedule.buffers[step.result.buffer].node]
        if isinstance(step, Group):
            return list(step.nodes)
        assert not isinstance(step, (Check, StackSum))
        return [step.node]

    def _function(self, steps: Sequence[Step]) -> WrittenStep:
        """Neighbouring steps; what no other step uses is memory of the function."""
        owners, names = self.schedule.buffers, Names()
        inside = Counter(b for step in steps for b in self.buffers[id(step)])
        given = [
            b
            for b in sorted(inside)
            if owners[b].constant is None and (b in self.lasting or inside[b] < self.uses[b])
        ]
        if any(owners[b].type.is_dynamic for b in given):
            raise UnwrittenError
        new = [b for b in given if b not in self.made]
        given = [b for b in given if b in self.made] + new
        self.made.update(new)
        lies = {b: Lies(names.new(self.source.buffers[b])) for b in given}
        lines = Steps(self.schedule, names, lies).lines(steps)
        reads = [b for b in given if b not in new]
        parameters = [lies[b].array for b in reads]
        parameters += [*names.constants.values(), *(lies[b].array for b in new)]
        return WrittenStep(
            [],
            [*(owners[b] for b in reads), *names.constants],
            [owners[b] for b in new],
            [f"({', '.join(parameters)}):", *names.memory, *lines],
            self._results(steps, given),
        )

    def _results(self, steps: Sequence[Step], given: Sequence[int]) -> list[tuple[Value, Value]]:
        """What values the steps make in arrays that are given, and the owners of these."""
        views, owners = self.schedule.views, self.schedule.buffers
        found: list[tuple[Value, Value]] = []
        for step in steps:
            nodes = step.roots if isinstance(step, Kernel) else []
            nodes = [step.node] if isinstance(step, Control) else nodes
            for value in (v for node in nodes for v in node.outputs):
                view = views[value]
                if view.buffer not in given:
                    continue
                whole = view.offset == 0 and view.strides == contiguous_strides(value.type.shape)
                if not whole or value.type.size != owners[view.buffer].type.size:
                    raise UnwrittenError
                found.append((value, owners[view.buffer]))
        return found
