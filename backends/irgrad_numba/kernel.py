"""The functions of kernels, and the calls that run them: one call of the whole, or a sweep over the
chunks of one or several and calls for what is left over."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from itertools import groupby
from typing import NamedTuple

from irgrad.ir.graph import Value
from irgrad.ir.types import SHORT, ArrayType
from irgrad_numba.chunks import COARSE, FINE, Cut, Grain, at_ends, chunked, work_of
from irgrad_numba.complex_parts import in_parts
from irgrad_numba.emit import Start, checks, emit_kernel
from irgrad_numba.expression import Add, Reduce
from irgrad_numba.fold import first
from irgrad_numba.fused import fused, touched
from irgrad_numba.indices import Check
from irgrad_numba.llvm import Module
from irgrad_numba.pieces import Operand, Piece, pieces, relocated
from irgrad_numba.pool import RARELY
from irgrad_numba.schedule import Kernel, Schedule
from irgrad_numba.sorts import REDUCTIONS
from irgrad_numba.sweeps import runs
from irgrad_numba.thread_count import MOST_THREADS
from irgrad_numba.updates import is_update


class NativeCall:
    """A call of a function of the module: the buffers it takes, whether the state too, and whether
    it checks indices.
    """

    def __init__(
        self, name: str, operands: Sequence[Operand], stateful: bool, checks: bool = False
    ) -> None:
        self.name = name
        self.operands = operands
        self.stateful = stateful
        self.checks = checks
        self.buffers = [operand.buffer for operand in operands]


class Groups(NamedTuple):
    """The numbers below `end` in groups of neighbours, by the chunk: of each group the calls run
    for one number after the other, after the `starts`; of some buffers it has a part of its own, of
    so many bytes.
    """

    end: int
    starts: Sequence[NativeCall]
    parts: Mapping[int, int]


class Sweep:
    """Calls that are given the number of a chunk besides, for all numbers below `count`, in any
    order and by several threads; BLAS's own stay out where it is said to leave that `alone`. Of
    some buffers each of at most `threads` threads has a part of its own, of so many bytes. Each of
    `ends` is a number and what belongs to that alone. All together take about `work`
    nanoseconds; by default, long enough to wake threads for them.
    """

    checks = False

    def __init__(
        self,
        count: int,
        calls: Sequence[NativeCall],
        alone: bool = False,
        parts: Mapping[int, int] = {},
        threads: int = MOST_THREADS,
        groups: Groups | None = None,
        work: float = RARELY,
        ends: Sequence[tuple[int, NativeCall]] = (),
    ) -> None:
        self.ends = ends
        self.work = int(work)
        self.groups = groups
        self.alone = alone
        self.parts = parts
        self.threads = threads
        self.count = count
        self.calls = calls
        every = [*calls, *(call for _, call in ends)]
        self.buffers = [buffer for call in every for buffer in call.buffers]


Lowered = tuple[Kernel, list[Piece]]
"""A kernel and its pieces."""


def runs_of(
    schedule: Schedule, lowered: Sequence[Lowered], inside: bool = False
) -> Iterator[tuple[list[Lowered], list[Cut] | None]]:
    """Neighbouring kernels as they are called: together, with the cut of each, or (None) whole.
    Those `inside` a loop are shared more finely.
    """

    def neighbours(pair: Lowered) -> tuple[bool, int]:
        """Whether a kernel must stay whole, and one number for those that may run together."""
        return in_order(pair[1]), apart(pair[0])

    def size(buffer: int) -> int:
        return in_parts(schedule.buffers[buffer].type).size

    for (whole, _), group in groupby(lowered, neighbours):
        some = list(group)
        if whole:
            yield some, None
            continue
        for run in runs([parts for _, parts in some], size, grain(inside)):
            yield [some[k] for k in run.kernels], run.cuts


def grain(inside: bool) -> Grain:
    """How finely kernels are cut, in a loop or outside."""
    return FINE if inside else COARSE


class KernelCalls:
    """Defines the functions of kernels; `temporaries` are the types of buffers, numbered after
    those of the schedule, that they need besides. Small kernels `inside` a loop become part of it;
    `alone` says that one thread runs them all.
    """

    def __init__(
        self, module: Module, schedule: Schedule, inside: bool = False, alone: bool = False
    ) -> None:
        self.module = module
        self.schedule = schedule
        self.inside = inside
        self.alone = alone
        self.temporaries: list[ArrayType] = []
        self._pieces: dict[int, list[Piece]] = {}

    def allot(self, type: ArrayType) -> int:
        """The number of a new buffer."""
        self.temporaries.append(type)
        return len(self.schedule.buffers) + len(self.temporaries) - 1

    def _pieces_of(self, kernel: Kernel) -> list[Piece]:
        """A kernel's loops: what it uses may be asked before it is called."""
        if id(kernel) not in self._pieces:
            self._pieces[id(kernel)] = pieces(self.schedule, kernel)
        return self._pieces[id(kernel)]

    @cached_property
    def _uses(self) -> Counter[int]:
        """How many steps read or write a buffer, and how often it is an input or a result."""
        schedule, graph = self.schedule, self.schedule.graph
        uses = Counter(schedule.views[v].buffer for v in (*graph.inputs, *graph.outputs))
        for step in schedule.steps:
            if isinstance(step, Kernel):
                uses.update(touched(self._pieces_of(step)))
            elif isinstance(step, Check):
                uses[schedule.views[step.array].buffer] += 1
            else:
                uses.update({*step.buffers})
        return uses

    @property
    def types(self) -> list[ArrayType]:
        """Those of all buffers."""
        return [*(value.type for value in self.schedule.buffers), *self.temporaries]

    def of(self, kernels: Sequence[Kernel]) -> list[NativeCall | Sweep]:
        """The calls that run kernels, one after the other."""
        calls: list[NativeCall | Sweep] = []
        lowered = [(kernel, self._pieces_of(kernel)) for kernel in kernels]
        if self.inside and len(kernels) > 1:
            lowered = fused(lowered, self._uses)
        if self.alone:
            return [*self._all_whole(lowered)]
        for run, cuts in runs_of(self.schedule, lowered, self.inside):
            if cuts is None:
                calls += self._all_whole(run)
            else:
                calls += self._swept([parts for _, parts in run], cuts)
        return calls

    def _all_whole(self, kernels: Sequence[Lowered]) -> list[NativeCall]:
        return [call for pair in kernels if (call := self._whole(*pair)) is not None]

    def _whole(self, kernel: Kernel, parts: list[Piece]) -> NativeCall | None:
        """The call of a kernel that is not cut; None where it has nothing to do."""
        if not parts:
            starts = nothing(self.schedule, kernel)
            return self.fill(starts) if starts else None
        several = _folds(parts) if len(parts) > 1 else set[int]()
        return self.call(parts, self.starts(parts[0], several), several)

    def _swept(
        self, kernels: Sequence[list[Piece]], cuts: Sequence[Cut]
    ) -> list[NativeCall | Sweep]:
        """What is filled before, the chunks of all kernels, and what is left over of each."""
        before: list[Start] = []
        chunks: list[NativeCall] = []
        after: list[NativeCall] = []
        ends: list[tuple[int, NativeCall]] = []
        for parts, cut in zip(kernels, cuts, strict=True):
            allotted = len(self.schedule.buffers) + len(self.temporaries)
            made = chunked(parts, cut, self.size, allotted)
            self.temporaries += made.partials
            partial = {s.buffer: number for number, s in made.folds.items()}
            several = _folds(parts) if len(parts) > 1 else set[int]()
            before += [s for s in self.starts(parts[0], several) if s.buffer not in partial]
            inner = {partial.get(buffer, buffer) for buffer in several}
            own = [s for s in self.starts(made.chunks[0], inner) if s.buffer in made.folds]
            chunks.append(self.call(made.chunks, own, inner, cut.extent))
            rest = made.rest
            if len(kernels) == 1:  # else it may read what is left over of others
                beside = at_ends(made, parts, cut)
                rest = [part for part in rest if not any(part in some for some in beside)]
                ends += [
                    (number, self.call(some, [], set(), brief=True))
                    for number, some in zip((0, cut.extent - 1), beside, strict=True)
                    if some
                ]
            if rest:
                after.append(self.call(rest, [], several | set(partial), brief=True))
        fills = [self.fill(before)] if before else []
        work = sum(work_of(part, grain(self.inside)) for parts in kernels for part in parts)
        return [*fills, Sweep(cuts[0].extent, chunks, work=work, ends=ends), *after]

    def size(self, buffer: int) -> int:
        """How many elements a buffer has."""
        return self._type(buffer).size

    def _type(self, buffer: int) -> ArrayType:
        count = len(self.schedule.buffers)
        if buffer < count:
            return in_parts(self.schedule.buffers[buffer].type)
        return self.temporaries[buffer - count]

    def call(
        self,
        parts: list[Piece],
        starts: Sequence[Start],
        accumulated: set[int],
        chunks: int = 0,
        brief: bool = False,
    ) -> NativeCall:
        """Define the function of pieces; folds go on from what `accumulated` buffers hold."""
        written = {s.buffer for part in parts for s in part.statements}
        parts, operands = relocated(parts)
        number = {operand.buffer: k for k, operand in enumerate(operands)}
        name = emit_kernel(
            self.module,
            [operand.type for operand in operands],
            {number[b] for b in written},
            parts,
            [start._replace(buffer=number[start.buffer]) for start in starts],
            {number[b] for b in accumulated if b in number},
            chunks,
            self.inside,
            brief,
        )
        return NativeCall(name, operands, False, checks(parts))

    def fill(self, starts: Sequence[Start]) -> NativeCall:
        """Define the function that sets buffers to the identities of their folds."""
        operands = [Operand(s.buffer, 0, SHORT[self._type(s.buffer).dtype]) for s in starts]
        own = [start._replace(buffer=k) for k, start in enumerate(starts)]
        types = [operand.type for operand in operands]
        every = set(range(len(types)))
        name = emit_kernel(self.module, types, every, [], own, set(), inline=self.inside)
        return NativeCall(name, operands, False)

    def starts(self, part: Piece, accumulated: set[int]) -> list[Start]:
        """What buffers must hold before the loops that accumulate into them; of a chunk, its own
        part of the buffer.
        """
        result: list[Start] = []
        depth = len(part.ranges)
        for s in part.statements:
            if not isinstance(s, Reduce):
                continue
            inner = depth
            while inner and inner - 1 in s.axes:
                inner -= 1
            if inner == depth or s.buffer in accumulated or any(axis < inner for axis in s.axes):
                type = self._type(s.buffer)
                number = first(s.op, SHORT[type.dtype])
                result.append(Start(s.buffer, number, math.prod(type.shape)))
        return result


def nothing(schedule: Schedule, kernel: Kernel) -> list[Start]:
    """The folds of a space without points are their identities."""
    starts: list[Start] = []
    for node in kernel.roots:
        if is_update(node):
            continue
        value, op = Value(node, 0), REDUCTIONS.get(type(node.op), "add")
        made = in_parts(value.type)
        number = first(op, SHORT[made.dtype])
        starts.append(Start(schedule.views[value].buffer, number, made.size))
    return starts


def apart(kernel: Kernel) -> int:
    """A number of its own for a kernel that writes into an array which others read before: no chunk
    of it may run before all of those have; 0 for others.
    """
    return id(kernel) if any(map(is_update, kernel.roots)) else 0


def in_order(parts: Sequence[Piece]) -> bool:
    """Whether the points of a kernel go in order, in one thread: it writes to places that are known
    when it runs, says which index is outside, or has limits that are known then.
    """
    statements = [s for part in parts for s in part.statements]
    if any(part.limits for part in parts):
        return True
    return checks(parts) or any(isinstance(s, Add) or s.index.dynamic for s in statements)


def _folds(parts: Sequence[Piece]) -> set[int]:
    return {s.buffer for s in parts[0].statements if isinstance(s, Reduce)}
