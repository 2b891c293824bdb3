"""Loops and branches as machine code: the steps of their regions, in order, with no call of Python,
no memory to get and nothing to look up in between.

What is small is a local variable, which becomes a register. A large carried array is updated in
place, or read from one place and written to another, which change roles after each step. Slices of
scanned arrays and rows of stacked results are where they are: addresses move along."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from irgrad.ir.graph import Node, Value
from irgrad.ir.types import DTYPES, ArrayType
from irgrad.ops.cond import Cond
from irgrad.ops.loop import Loop
from irgrad.ops.while_loop import While
from irgrad_numba.body import Body, Step
from irgrad_numba.control import Control
from irgrad_numba.frames import Frame, Local
from irgrad_numba.in_place import SMALL
from irgrad_numba.index import View, contiguous
from irgrad_numba.memory import packed, rounded
from irgrad_numba.schedule import Schedule
from irgrad_numba.stacks import is_stack
from irgrad_numba.trials import Trial

UNKNOWN_TRIPS = 100
"""How often a loop is taken to run where it is not known."""


def trips(node: Node) -> int:
    """How often the regions of a node run, about."""
    op: Any = node.op
    if isinstance(op, Cond):
        return 1
    return op.length if isinstance(op, Loop) and op.length is not None else UNKNOWN_TRIPS


def row_bytes(stack: Value) -> int:
    """The bytes of a row of a stack."""
    return math.prod(stack.type.shape[1:]) * stack.type.dtype.itemsize


class Part:
    """A region ready to be written."""

    def __init__(
        self, schedule: Schedule, steps: Sequence[Step], types: Sequence[ArrayType], number: int
    ) -> None:
        self.schedule = schedule
        self.steps = steps
        self.types = types
        """Those of all buffers."""
        self.constants = {k for k, v in enumerate(schedule.buffers) if v.constant is not None}
        self.number = number
        """By which its constants are known."""
        graph = schedule.graph
        self.inputs = len(graph.inputs)
        self.results = [schedule.views[v].buffer for v in graph.outputs]
        self.checks = any(step.checks for step in steps)

    def size(self, buffer: int) -> int:
        """The bytes of a buffer."""
        return self.types[buffer].nbytes

    def is_local(self, buffer: int) -> bool:
        """Whether a buffer is a local variable."""
        return 0 <= self.size(buffer) <= SMALL

    def is_stack(self, buffer: int) -> bool:
        """Whether a buffer grows."""
        return self.types[buffer].is_dynamic

    def large(self, elsewhere: Sequence[int], lasting: Sequence[int]) -> tuple[dict[int, int], int]:
        """Places in scratch memory for large buffers but those that lie `elsewhere`, and its size;
        `lasting` ones live from step to step.
        """
        first: dict[int, int] = {}
        last: dict[int, int] = {}
        for place, step in enumerate(self.steps):
            for b in step.buffers:
                own = b >= self.inputs and b not in self.constants
                if own and not self.is_stack(b) and b not in elsewhere and not self.is_local(b):
                    first.setdefault(b, place)
                    last[b] = place
        for b in lasting:
            first[b], last[b] = 0, len(self.steps)
        return packed([(first[b], last[b], rounded(self.size(b)), b) for b in first])

    def memory(
        self, body: Body, scratch: str, places: Mapping[int, int], given: Mapping[int, str]
    ) -> dict[int, str]:
        """The addresses of all buffers that stay where they are; `given` are known."""
        found = dict(given)
        used = {b for step in self.steps for b in step.buffers} | set(self.results)
        for b in sorted(used - set(found)):
            if b in places:
                found[b] = body.moved(scratch, places[b])
            elif self.is_stack(b):
                found[b] = body.stack(self.number, b)
            elif b in self.constants:
                found[b] = body.state("constant", self.number, b)
            elif b >= self.inputs and self.is_local(b):
                found[b] = body.local(self.size(b))
        return found

    def run(self, body: Body, pointers: Mapping[int, str]) -> None:
        """Write the steps."""
        frame = Local(pointers)
        for step in self.steps:
            body.step(step, frame)


class NativeControl:
    """A loop or branch, and the scratch memory that it takes of what is around it."""

    def __init__(
        self, step: Control, parts: Sequence[Part], allot: Callable[[ArrayType], int]
    ) -> None:
        self.step = step
        self.node = step.node
        self.op: Any = step.node.op
        self.parts = parts
        self.checks = any(part.checks for part in parts)
        self.buffers = list(step.buffers)
        self.places: list[dict[int, int]] = []
        size = 0
        for part in parts:
            places, more = part.large(*self._apart(part))
            start = 0 if isinstance(self.op, Cond) else size
            self.places.append({b: at + start for b, at in places.items()})
            size = max(size, start + more)
        self.scratch: int | None = None
        if size:
            self.scratch = allot(ArrayType(DTYPES["u8"], (size,)))
            self.buffers.append(self.scratch)

    @property
    def carried(self) -> int:
        """How many values a loop carries."""
        return 0 if isinstance(self.op, Cond) else self.op.carried

    def _apart(self, part: Part) -> tuple[list[int], list[int]]:
        """Results of a region that are not in scratch memory, and those that last."""
        results = part.results
        if part is not self.parts[-1] and isinstance(self.op, While):  # the condition
            return [], []
        taken = results[: self.carried]
        if isinstance(self.op, Cond):
            taken = [results[k] for k in self.step.bases]
        twins = [b for b in taken if b >= part.inputs and not part.is_local(b)]
        return [b for b in results if b not in taken], twins

    def emit(self, body: Body, frame: Frame) -> None:
        """Write it."""
        Writer(self, body, frame).run()


class Writer:
    """The code of a loop or branch, in a function."""

    def __init__(self, control: NativeControl, body: Body, frame: Frame) -> None:
        self.control = control
        self.body = body
        step = control.step
        self.op = control.op
        self.operands = [self._address(frame, v) for v in step.operands]
        self.results = [
            self.operands[step.bases[k]] if k in step.bases else self._address(frame, v)
            for k, v in enumerate(step.results)
        ]
        scratch = control.scratch
        self.scratch = "" if scratch is None else frame.pointer(body, scratch)
        self.sizes = [v.type.nbytes for v in control.node.operands]

    def _address(self, frame: Frame, view: View) -> str:
        pointer = frame.pointer(self.body, view.buffer)
        return self.body.moved(pointer, view.offset * self._item(view))

    def _item(self, view: View) -> int:
        """The bytes of an element of what a view of the code around shows."""
        step = self.control.step
        values = [*step.node.operands, *step.node.outputs]
        views = [*step.operands, *step.results]
        return next(v.type.dtype.itemsize for v, w in zip(values, views, strict=True) if w is view)

    def run(self) -> None:
        if isinstance(self.op, Cond):
            self._branches()
        elif isinstance(self.op, While):
            self._while()
        else:
            self._loop()

    def _variables(self, numbers: Sequence[int], carried: int = 0) -> dict[int, str]:
        """Addresses for operands that stay where they are, by the position in `numbers`: copies of
        small ones, which are registers then. The first ones are `carried`: those that are small are
        written to.
        """
        found: dict[int, str] = {}
        step, body = self.control.step, self.body
        for place, k in enumerate(numbers):
            type, strides = step.node.operands[k].type, step.operands[k].strides
            plain = strides == contiguous(0, type.shape).strides
            found[place] = self.operands[k]
            if self.sizes[k] <= SMALL and plain:
                found[place] = body.local(self.sizes[k])
                body.copy(found[place], self.operands[k], self.sizes[k])
            elif self.sizes[k] <= SMALL and place < carried:
                found[place] = body.local(self.sizes[k])
                self._gather(found[place], k, strides)
        return found

    def _gather(self, target: str, k: int, strides: Sequence[int]) -> None:
        """Copy a small operand, element by element."""
        type = self.control.node.operands[k].type
        size = type.dtype.itemsize
        for place, index in enumerate(np.ndindex(type.shape)):
            at = sum(i * stride for i, stride in zip(index, strides, strict=True))
            to = self.body.moved(target, place * size)
            self.body.copy(to, self.body.moved(self.operands[k], at * size), size)

    def _loop(self) -> None:
        op, body, part = self.op, self.body, self.control.parts[0]
        groups = op.groups(list(range(len(self.operands))))
        count = self._count(groups.trips)
        place, pointers = self._entered(groups)
        turns = Turns(body, part, pointers, list(range(1, 1 + op.carried)))
        self._stacks_of(groups.scanned, count)
        done, head = body.name("done"), body.name("loop")
        sure = op.length is not None and op.length > 0
        if sure:
            body.emit(f"br label %{head}")
        else:
            some = body.value(f"icmp sgt i64 {count}, 0")
            body.emit(f"br i1 {some}, label %{head}, label %{done}")
        before = body.block
        trial = Trial(body)
        body.label(head)
        i = turns.begin(before)
        at = i
        if op.backward:
            at = body.value(f"sub i64 {body.value(f'sub i64 {count}, 1')}, {i}")
        body.emit(f"store i64 {at}, ptr {place}")
        for k, number in enumerate(groups.scanned):
            pointers[1 + op.carried + k] = self._row(number, at)
        self._rows(pointers, at)
        part.run(body, pointers)
        trial.step()
        turns.change()
        more = body.value(f"icmp slt i64 {turns.following}, {count}")
        turns.end(head, done, more)
        trial.end()
        body.label(done)
        turns.finish(self.results, "" if sure else before)

    def _entered(self, groups: Any) -> tuple[str, dict[int, str]]:
        """Where the number of the step lies, and all buffers of a loop's body."""
        op, body = self.op, self.body
        place = body.local(8)
        first = 1 + op.carried + op.scanned
        held = self._variables(groups.carried, op.carried)
        given = {0: place, **{1 + k: p for k, p in held.items()}}
        given |= {first + k: p for k, p in self._variables(groups.fixed).items()}
        places = self.control.places[0]
        return place, self.control.parts[0].memory(body, self.scratch, places, given)

    def _rows(self, pointers: dict[int, str], at: str) -> None:
        """Where the rows of step `at` go."""
        body, part = self.body, self.control.parts[0]
        for k in range(self.op.carried, len(part.results)):
            by = body.value(f"mul i64 {at}, {part.size(part.results[k])}")
            pointers[part.results[k]] = body.moved(self.results[k], by)

    def step(self, at: str) -> None:
        """One step of a loop that carries nothing on, by itself."""
        place, pointers = self._entered(self.op.groups(list(range(len(self.operands)))))
        self.body.emit(f"store i64 {at}, ptr {place}")
        self._rows(pointers, at)
        self.control.parts[0].run(self.body, pointers)

    def _stacks_of(self, scanned: Sequence[int], count: str) -> None:
        """Where the rows of stacks are that a loop of `count` steps reads and writes."""
        body, node = self.body, self.control.node
        for k in scanned:
            if is_stack(node.operands[k]):
                self.operands[k] = body.value(f"load ptr, ptr {self.operands[k]}")
        for k, value in enumerate(node.outputs):
            if is_stack(value):
                many = body.value(f"call i64 @llvm.smax.i64(i64 {count}, i64 0)")
                body.module.declare("llvm.smax.i64", "i64 {}(i64, i64)")
                size = body.value(f"mul i64 {many}, {row_bytes(value)}")
                body.use(self.results[k], size)
                self.results[k] = body.room(self.results[k], body.value(f"add i64 {size}, 1"))

    def _count(self, trips: Sequence[int]) -> str:
        if not trips:
            return str(self.op.length)
        return self.body.value(f"load i64, ptr {self.operands[trips[0]]}")

    def _row(self, number: int, at: str) -> str:
        view, value = self.control.step.operands[number], self.control.node.operands[number]
        stride = view.strides[0] * value.type.dtype.itemsize
        return self.body.moved(self.operands[number], self.body.value(f"mul i64 {at}, {stride}"))

    def _while(self) -> None:
        op, body = self.op, self.body
        test, part = self.control.parts
        numbers = range(len(self.operands))
        given = self._variables(numbers, op.carried)
        pointers = part.memory(body, self.scratch, self.control.places[1], given)
        tested = test.memory(body, self.scratch, self.control.places[0], given)
        turns = Turns(body, part, pointers, list(range(op.carried)))
        head, go_on, done = body.name("while"), body.name("body"), body.name("done")
        body.emit(f"br label %{head}")
        before = body.block
        trial = Trial(body)
        body.label(head)
        steps = turns.begin(before)
        tested |= {k: pointers[k] for k in range(op.carried)}
        test.run(body, tested)
        truth = body.value(f"load i8, ptr {tested[test.results[0]]}")
        holds = body.value(f"icmp ne i8 {truth}, 0")
        body.emit(f"br i1 {holds}, label %{go_on}, label %{done}")
        body.label(go_on)
        rows = range(op.carried, len(part.results))
        for k in rows:
            size = part.size(part.results[k])
            at = body.value(f"mul i64 {steps}, {size}")
            all_rows = body.room(self.results[k + 1], body.value(f"add i64 {at}, {size + 1}"))
            pointers[part.results[k]] = body.moved(all_rows, at)
        part.run(body, pointers)
        if self.control.checks:
            body.stop_if_outside()
        trial.step()
        turns.change()
        turns.end(head, None, "")
        trial.end()
        body.label(done)
        turns.finish(self.results, "", counted=True)
        body.emit(f"store i64 {steps}, ptr {self.results[op.carried]}")
        for k in rows:
            used = body.value(f"mul i64 {steps}, {part.size(part.results[k])}")
            body.use(self.results[k + 1], used)

    def _branches(self) -> None:
        body, control = self.body, self.control
        labels = [body.name("branch") for _ in control.parts]
        join = body.name("join")
        type = control.node.operands[0].type
        if type.dtype.kind == "b":
            truth = body.value(f"load i8, ptr {self.operands[0]}")
            holds = body.value(f"icmp ne i8 {truth}, 0")
            body.emit(f"br i1 {holds}, label %{labels[1]}, label %{labels[0]}")
        else:
            number = body.value(f"load i64, ptr {self.operands[0]}")
            under = body.value(f"icmp sle i64 {number}, 0")
            arms = " ".join(f"i64 {k}, label %{label}" for k, label in enumerate(labels[:-1]))
            low = body.value(f"select i1 {under}, i64 0, i64 {number}")
            body.emit(f"switch i64 {low}, label %{labels[-1]} [{arms}]")
        for part, places, label in zip(control.parts, control.places, labels, strict=True):
            body.label(label)
            self._branch(part, places)
            body.emit(f"br label %{join}")
        body.label(join)

    def _branch(self, part: Part, places: Mapping[int, int]) -> None:
        step = self.control.step
        given = dict(enumerate(self.operands[1:]))
        for k, b in enumerate(part.results):
            if k not in step.bases:
                given[b] = self.results[k]
        pointers = part.memory(self.body, self.scratch, places, given)
        part.run(self.body, pointers)
        for k, slot in step.bases.items():
            b = part.results[k]
            if b != slot - 1:
                self.body.copy(self.results[k], pointers[b], part.size(b))


class Turns:
    """What changes from step to step of a loop: its number, and where carried values lie."""

    def __init__(
        self, body: Body, part: Part, pointers: dict[int, str], inputs: Sequence[int]
    ) -> None:
        self.body, self.part, self.pointers, self.inputs = body, part, pointers, inputs
        carried = list(zip(inputs, part.results, strict=False))
        self.small = [(k, b) for k, b in carried if b != k and part.is_local(b)]
        self.large = [(k, b) for k, b in carried if b != k and not part.is_local(b)]
        self.homes = {b: pointers[b] for pair in self.large for b in pair}
        self.here: dict[int, str] = {}
        """The names of the places that change, at the head of the loop."""
        self.following = ""

    def begin(self, before: str) -> str:
        """Write the head; the block before it is `before` -> the number of the step."""
        self.before, self.at = before, len(self.body.lines)
        self.number = f"%{self.body.name()}"
        self.body.lines.append("")
        for b in self.homes:
            self.here[b] = self.pointers[b] = f"%{self.body.name()}"
            self.body.lines.append("")
        return self.number

    def change(self) -> None:
        """Hand on what a step has made of the carried values."""
        body = self.body
        for k, b in self.small:
            body.copy(self.pointers[k], self.pointers[b], self.part.size(b))
        self.following = body.value(f"add nuw nsw i64 {self.number}, 1")

    def end(self, head: str, done: str | None, more: str) -> None:
        """Write the end, and what is known only then at the head."""
        body = self.body
        self.last = body.block
        after = {one: self.here[other] for a, b in self.large for one, other in ((a, b), (b, a))}
        rows = [f"  {self.number} = phi i64 [0, %{self.before}], [{self.following}, %{self.last}]"]
        self.after = after
        for b, name in self.here.items():
            rows.append(
                f"  {name} = phi ptr [{self.homes[b]}, %{self.before}], [{after[b]}, %{self.last}]"
            )
        body.lines[self.at : self.at + len(rows)] = rows
        if done is None:
            body.emit(f"br label %{head}")
        else:
            body.emit(f"br i1 {more}, label %{head}, label %{done}")

    def finish(self, results: Sequence[str], before: str, counted: bool = False) -> None:
        """After the loop, bring the carried values to where results are looked for; the loop may
        come from `before` without a step.
        """
        body = self.body
        places: dict[int, str] = {}
        for k, _ in self.large:
            places[k] = self.here[k] if counted else self.after[k]
            if before:
                places[k] = body.value(
                    f"phi ptr [{self.homes[k]}, %{before}], [{self.after[k]}, %{self.last}]"
                )
        for number, k in enumerate(self.inputs):
            size = self.part.size(k)
            if k not in places:
                body.copy(results[number], self.pointers[k], size)
                continue
            moved, there = body.name("moved"), body.name("there")
            same = body.value(f"icmp eq ptr {places[k]}, {results[number]}")
            body.emit(f"br i1 {same}, label %{there}, label %{moved}")
            body.label(moved)
            body.copy(results[number], places[k], size)
            body.emit(f"br label %{there}")
            body.label(there)
