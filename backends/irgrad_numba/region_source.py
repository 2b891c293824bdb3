"""Loops, branches and writes into arrays as Python that Numba's own compiler takes: neighbouring
steps of a program in one function of flat arrays, the regions of loops inside it.

It mirrors `loops`: a small carried value is copied from step to step, a large one is updated in
place or changes roles with a twin, and rows of stacks are where they are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from irgrad.ir.graph import Value
from irgrad.ir.names import numbered
from irgrad.ir.types import BOOL, SHORT, ArrayType, contiguous_strides
from irgrad.ops.cond import Cond
from irgrad.ops.loop import Loop
from irgrad_numba.complex_parts import is_complex
from irgrad_numba.control import Control
from irgrad_numba.expression import Expr
from irgrad_numba.in_place import is_small
from irgrad_numba.index import Index, View, flat, variable
from irgrad_numba.listing import written_index
from irgrad_numba.loop_source import LoopSource, UnwrittenError
from irgrad_numba.products import Gemm, Matrix
from irgrad_numba.schedule import Kernel, Schedule, Step
from irgrad_numba.spelled import dtype_text
from irgrad_numba.stacks import StackSum, is_stack

RESERVED = ("np", "math", "numba", "factor")


class Lies(NamedTuple):
    """Where a buffer begins: in a flat array, so many elements on; or a number by itself."""

    array: str
    at: str = "0"
    is_number: bool = False

    def on(self, *more: str | int) -> Lies:
        """So many elements further on."""
        terms = [t for t in (self.at, *map(str, more)) if t != "0"]
        return self._replace(at=" + ".join(terms) or "0")

    def some(self, size: int) -> str:
        """So many elements from there on."""
        return f"{self.array}[{self.at}:{self.on(size).at}]"

    def filled(self, source: Lies, size: int) -> str:
        """The line that copies so many elements to there."""
        if size == 1:
            return f"{self.one()} = {source.one()}"
        return f"{self.some(size)} = {source.some(size)}"

    def one(self, index: str = "0") -> str:
        """An element."""
        return self.array if self.is_number else f"{self.array}[{self.on(index).at}]"


class Names:
    """The variables of one function, and the memory that it takes at its beginning."""

    def __init__(self) -> None:
        self.taken: list[str] = [*RESERVED]
        self.memory: list[str] = []
        self.constants: dict[Value, str] = {}

    def new(self, hint: str) -> str:
        """A name that is not taken."""
        self.taken.append(numbered([*self.taken, hint])[-1])
        return self.taken[-1]

    def array(self, hint: str, type: ArrayType) -> str:
        """Memory for an array; of a stack, for no row yet."""
        name, size = self.new(hint), 0 if type.is_dynamic else type.size
        self.memory.append(f"{name} = np.empty({size}, {dtype_text(SHORT[type.dtype])})")
        return name

    def constant(self, value: Value) -> str:
        """A parameter for a constant array."""
        return self.constants.setdefault(value, self.new("constant"))


class Steps(LoopSource):
    """The steps of a schedule, program or region, in one function; `lies` are the buffers that are
    there already.
    """

    def __init__(self, schedule: Schedule, names: Names, lies: Mapping[int, Lies]) -> None:
        super().__init__(schedule)
        self.names = names
        self.known = dict(lies)

    def lies(self, buffer: int) -> Lies:
        """Where a buffer is, in new memory where it is in none."""
        if buffer not in self.known:
            value, hint = self.schedule.buffers[buffer], self.buffers[buffer]
            if is_complex(value.type):
                raise UnwrittenError
            constant = value.constant is not None
            array = self.names.constant(value) if constant else self.names.array(hint, value.type)
            self.known[buffer] = Lies(array)
        return self.known[buffer]

    def shown(self, view: View) -> Lies:
        """Where a view of a buffer begins."""
        return self.lies(view.buffer).on(view.offset)

    def whole(self, buffer: int) -> str:
        return self.lies(buffer).some(self.schedule.buffers[buffer].type.size)

    def _element(self, buffer: int, index: Index, names: dict[Expr, str]) -> str:
        return self.lies(buffer).one(written_index(index, names))

    def lines(self, steps: Sequence[Step]) -> list[str]:
        """All steps."""
        return [line for step in steps for line in self._step(step)]

    def _step(self, step: Step) -> Iterator[str]:
        if isinstance(step, Kernel):
            if self.is_complex(step):
                raise UnwrittenError
            yield from self.loops(step)
        elif isinstance(step, Gemm):
            yield from self._products(step)
        elif isinstance(step, StackSum):
            x, y, z = (self.lies(b).array for b in step.buffers)
            yield f"{z} = {x}[:min(len({x}), len({y}))] + {y}[:min(len({x}), len({y}))]"
        elif isinstance(step, Control):
            yield from _Control(self, step).lines()
        else:
            raise UnwrittenError

    def _products(self, gemm: Gemm) -> Iterator[str]:
        if gemm.type not in ("f32", "f64"):
            raise UnwrittenError
        extents = [*gemm.batch, gemm.rows, gemm.inner, gemm.columns]
        variables = [variable(k) for k in range(len(extents))]
        *batch, i, k, j = variables

        def element(matrix: Matrix, row: Index, column: Index) -> str:
            strides = [*matrix.batch, matrix.row, matrix.column]
            index = flat([*batch, row, column], strides, matrix.offset)
            return self._element(matrix.buffer, index, {})

        result, zero = element(gemm.result, i, j), f"{dtype_text(gemm.type)}(0)"
        margin = "    " * len(batch)
        for depth, extent in enumerate(extents[:-2]):
            yield f"{'    ' * depth}for i{depth} in range({extent}):"
        inner, last = len(extents) - 2, len(extents) - 1
        yield f"{margin}    for i{last} in range({gemm.columns}):"
        yield f"{margin}        {result} = {zero}"
        yield f"{margin}    for i{inner} in range({gemm.inner}):"
        yield f"{margin}        factor = {element(gemm.left, i, k)}"
        yield f"{margin}        for i{last} in range({gemm.columns}):"
        yield f"{margin}            {result} += factor * {element(gemm.right, k, j)}"


class _Control:
    """A loop or a branch among the steps around it."""

    def __init__(self, outer: Steps, step: Control) -> None:
        self.outer, self.step, self.names = outer, step, outer.names
        self.node = step.node
        self.op: Any = step.node.op
        self.operands = [outer.shown(view) for view in step.operands]
        self.results = [
            self.operands[step.bases[k]] if k in step.bases else outer.shown(view)
            for k, view in enumerate(step.results)
        ]

    def lines(self) -> Iterator[str]:
        if isinstance(self.op, Cond):
            return self._branches()
        return self._loop() if isinstance(self.op, Loop) else self._while()

    def _carry(self, numbers: Sequence[int], first: int) -> Iterator[str]:
        """Give the carried values places of their own, known by the numbers of the body's inputs
        from `first` on.
        """
        self.carried = {first + k: self._own(number) for k, number in enumerate(numbers)}
        self.moved: set[int] = set()
        for place, number in zip(self.carried.values(), numbers, strict=True):
            value, view = self.node.operands[number], self.step.operands[number]
            source, size = self.operands[number], value.type.size
            if not is_small(value):
                yield f"{place.array} = {source.some(size)}"
            elif view.strides == contiguous_strides(value.type.shape):
                yield place.filled(source, size)
            else:
                for k, index in enumerate(np.ndindex(value.type.shape)):
                    at = sum(i * by for i, by in zip(index, view.strides, strict=True))
                    yield f"{place.one(str(k))} = {source.one(str(at))}"

    def _own(self, number: int) -> Lies:
        value = self.node.operands[number]
        if is_small(value):
            return Lies(self.names.array("state", value.type))
        return Lies(self.names.new("state"))

    def _body(self, given: Mapping[int, Lies]) -> tuple[Steps, list[str], list[str], list[str]]:
        """The body of a loop: its steps, and the lines before the loop, of a step, and of the
        change to the next.
        """
        region = self.step.regions[-1]
        inner = Steps(region, self.names, given)
        before: list[str] = []
        change: list[str] = []
        for (k, here), value in zip(self.carried.items(), region.graph.outputs, strict=False):
            b = region.views[value].buffer
            if b != k or is_small(value):
                self.moved.add(k)
            if b == k:
                continue
            there = inner.lies(b)
            if is_small(value):
                change.append(here.filled(there, value.type.size))
            else:
                twin = Lies(self.names.new("twin"))
                before.append(f"{twin.array} = {there.array}")
                inner.known[b] = twin
                change.append(f"{here.array}, {twin.array} = {twin.array}, {here.array}")
        return inner, before, inner.lines(region.steps), change

    def _finish(self) -> Iterator[str]:
        """Bring carried values to where results are looked for."""
        for k, there, value in zip(self.carried, self.results, self.node.outputs, strict=False):
            if k in self.moved:
                yield there.filled(self.carried[k], value.type.size)

    def _loop(self) -> Iterator[str]:
        op, names = self.op, self.names
        groups = op.groups(list(range(len(self.operands))))
        count = str(op.length)
        if groups.trips:
            count = names.new("count")
            yield f"{count} = max(0, {self.operands[groups.trips[0]].one()})"
        yield from self._carry(groups.carried, 1)
        step = names.new("step")
        given = {0: Lies(step, is_number=True), **self.carried}
        rows: list[str] = []
        for k, number in enumerate(groups.scanned, 1 + op.carried):
            by = self.step.operands[number].strides[0]
            given[k], line = self._row(self.operands[number], step, by)
            rows.append(line)
        for k, number in enumerate(groups.fixed, 1 + op.carried + op.scanned):
            given[k] = self.operands[number]
        body = self.step.regions[0]
        for k, value in enumerate(body.graph.outputs[op.carried :], op.carried):
            if is_stack(self.node.outputs[k]):
                yield from self._room(k, f"{count} * {value.type.size}", value.type)
            given[body.views[value].buffer], line = self._row(
                self.results[k], step, value.type.size
            )
            rows.append(line)
        _, before, lines, change = self._body(given)
        yield from before
        backward = f"range({count} - 1, -1, -1)"
        yield f"for {step} in {backward if op.backward else f'range({count})'}:"
        yield from _indented([*rows, *lines, *change])
        yield from self._finish()

    def _row(self, stack: Lies, step: str, size: int) -> tuple[Lies, str]:
        """The row of a stack, and the line that finds it."""
        row = self.names.new("row")
        return Lies(stack.array, row), f"{row} = {stack.on(f'{step} * {size}').at}"

    def _room(self, result: int, size: str, type: ArrayType) -> Iterator[str]:
        """Make room in a stack; its rows stay."""
        stack, larger = self.results[result].array, self.names.new("larger")
        yield f"if len({stack}) < {size}:"
        yield f"    {larger} = np.empty(2 * ({size}), {dtype_text(SHORT[type.dtype])})"
        yield f"    {larger}[:len({stack})] = {stack}"
        yield f"    {stack} = {larger}"

    def _while(self) -> Iterator[str]:
        op, names = self.op, self.names
        test, body = self.step.regions
        yield from self._carry(range(op.carried), 0)
        given = {**dict(enumerate(self.operands)), **self.carried}
        count = names.new("count")
        tested = Steps(test, names, given)
        rows: list[str] = []
        for k, value in enumerate(body.graph.outputs[op.carried :], op.carried + 1):
            rows += self._room(k, f"({count} + 1) * {value.type.size}", value.type)
            given[body.views[value].buffer], line = self._row(
                self.results[k], count, value.type.size
            )
            rows.append(line)
        _, before, lines, change = self._body(given)
        yield from before
        yield f"{count} = 0"
        yield "while True:"
        yield from _indented(tested.lines(test.steps))
        yield f"    if not {tested.shown(test.views[test.graph.outputs[0]]).one()}:"
        yield "        break"
        yield from _indented([*rows, *lines, *change, f"{count} += 1"])
        yield from self._finish()
        yield f"{self.results[op.carried].one()} = {count}"

    def _branches(self) -> Iterator[str]:
        selector = self.operands[0].one()
        count = len(self.step.regions)
        numbers = list(range(count))
        if self.node.operands[0].type.dtype == BOOL:
            heads = [f"if not {selector}:", "else:"]
        else:
            heads = [f"elif {selector} == {k}:" for k in numbers]
            heads[0], heads[-1] = f"if {selector} <= 0:", "else:"
        for head, region in zip(heads, self.step.regions, strict=True):
            yield head if count > 1 else "if True:"
            yield from _indented(self._branch(region) or ["pass"])

    def _branch(self, region: Schedule) -> list[str]:
        bases = self.step.bases
        given = dict(enumerate(self.operands[1:]))
        buffers = [region.views[v].buffer for v in region.graph.outputs]
        given |= {b: self.results[k] for k, b in enumerate(buffers) if k not in bases}
        inner = Steps(region, self.names, given)
        lines = inner.lines(region.steps)
        for k, slot in bases.items():
            if buffers[k] != slot - 1:
                source, size = inner.lies(buffers[k]), self.node.types[k].size
                lines.append(self.results[k].filled(source, size))
        return lines


def _indented(lines: Sequence[str]) -> Iterator[str]:
    return (f"    {line}" for line in lines)
