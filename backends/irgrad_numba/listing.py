"""What a program does, step by step, as loops that read like Python: which nodes became which loop,
what each reads and writes, and why a value has memory of its own."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Any

from irgrad.ir.graph import Node, Value
from irgrad.ops.cond import Cond
from irgrad.ops.while_loop import While
from irgrad_numba.bands import Bands
from irgrad_numba.blas import share_of
from irgrad_numba.control import Control
from irgrad_numba.expression import Add, Expr, Reduce, Statement
from irgrad_numba.index import Index
from irgrad_numba.indices import Check
from irgrad_numba.kernel import runs_of
from irgrad_numba.lapack import Lapack
from irgrad_numba.pieces import Piece, pieces
from irgrad_numba.products import Gemm
from irgrad_numba.routine import Routine
from irgrad_numba.schedule import Blocks, Kernel, Schedule
from irgrad_numba.stacks import StackSum
from irgrad_numba.updates import is_update

INFIX = {
    "add": "+", "subtract": "-", "multiply": "*", "divide": "/", "less": "<", "less_equal": "<=",
    "greater": ">", "greater_equal": ">=", "equal": "==", "not_equal": "!=",
}  # fmt: skip
FOLDS = {"add": "+=", "multiply": "*=", "logical_or": "|=", "logical_and": "&="}


class Listing:
    """The text of a schedule; buffers are called by the names of the values that own them."""

    def __init__(self, schedule: Schedule, inside: bool = False) -> None:
        self.schedule = schedule
        self.inside = inside
        """Whether it is a region."""
        names = schedule.graph.names
        self.buffers = [
            f"constant{k}" if value.constant is not None else names[value].replace(".", "_")
            for k, value in enumerate(schedule.buffers)
        ]
        self.buffers = [f"t{name}" if name.isdigit() else name for name in self.buffers]

    def __str__(self) -> str:
        return "\n\n".join("\n".join(lines) for lines in self.steps())

    def steps(self) -> Iterator[list[str]]:
        """The lines of each step."""
        cuts = self._cuts()
        for number, step in enumerate(self.schedule.steps, 1):
            if isinstance(step, Kernel):
                yield [*self._head(number, step), *cuts.get(number, []), *self._loops(step)]
            elif isinstance(step, Gemm):
                share = share_of(step)
                parts = cuts.get(number) or self._parts(share.chunks if share else 0)
                yield [f"# {number}: matrix product, by BLAS", *parts, self._product(step)]
            elif isinstance(step, StackSum):
                x, y, z = (self.buffers[b] for b in step.buffers)
                yield [f"# {number}: a sum of stacks, row by row", f"{z} = {x} + {y}"]
            elif isinstance(step, Control):
                yield [f"# {number}: {self._kind(step)}", *self._shared(step), *self._regions(step)]
            elif isinstance(step, Check):
                yield [f"# {number}: indices that are looked at", self._check(step)]
            elif isinstance(step, Lapack):
                parts = self._parts(step.chunks)
                yield [f"# {number}: by LAPACK", *parts, self._call(step.node)]
            elif isinstance(step, Routine):
                yield [f"# {number}: loops of its own", self._call(step.node)]
            else:
                head = f"# {number}: in Python, no kernel for it"
                yield [head, *map(self._call, step.nodes)]

    def _parts(self, count: int) -> list[str]:
        """What is said of the parts of a step that threads share."""
        return [f"#    in {count} parts for the threads"] if count and not self.inside else []

    def _shared(self, step: Control) -> list[str]:
        """What is said of a loop over bands of rows."""
        op = step.node.op
        return [f"#    in {op.length} bands for the threads"] if isinstance(op, Bands) else []

    def _kind(self, step: Control) -> str:
        """What a loop or branch does, and where it writes."""
        results = ", ".join(map(self._name, step.node.outputs))
        operands = ", ".join(
            self._name(v) if v.constant is None else "constant" for v in step.node.operands
        )
        placed = ", ".join(
            f"{self._name(step.node.outputs[k])} in the memory of {self._name(v)}"
            for k, slot in step.bases.items()
            if (v := step.node.operands[slot]).constant is None
        )
        told = f"; {placed}" if placed else ""
        return f"{results} = {step.node.op.name}({operands}), machine code{told}"

    def _regions(self, step: Control) -> Iterator[str]:
        """The loops or branches themselves, and below them the steps of their regions."""
        op: Any = step.node.op
        if isinstance(op, Cond):
            heads = [f"if selected == {k}:" for k in range(len(step.regions))]
        elif isinstance(op, While):
            heads = ["while condition:  # what follows makes it", "if condition:"]
        else:
            steps = self._name(step.node.operands[0]) if op.length is None else op.length
            back = "reversed(range({}))" if op.backward else "range({})"
            heads = [f"for step in {back.format(steps)}:"]
        for head, region in zip(heads, step.regions, strict=True):
            yield head
            inputs = ", ".join(f"%{region.graph.names[v]}" for v in region.graph.inputs)
            outputs = ", ".join(
                "constant" if v.constant is not None else f"%{region.graph.names[v]}"
                for v in region.graph.outputs
            )
            yield f"    # ({inputs}) -> ({outputs})"
            for line in str(Listing(region, inside=True)).split("\n"):
                yield f"    {line}".rstrip()

    def _name(self, value: Value) -> str:
        return f"%{self.schedule.graph.names[value]}"

    def _head(self, number: int, kernel: Kernel) -> list[str]:
        extents = " x ".join(map(str, kernel.space)) or "a single point"
        lines = [f"# {number}: loops over {extents}"]
        for node in kernel.roots:
            value = Value(node, 0)
            why = self.schedule.why.get(value, "")
            said = why if is_update(node) else f"kept: {why}"
            lines.append(f"#    {self._name(value)} = {node.op.name}, {said}")
        return lines

    def _cuts(self) -> dict[int, list[str]]:
        """By the number of a step what is said of its chunks."""
        lines: dict[int, list[str]] = {}
        numbers = itertools.count(1)
        for kind, steps in self.schedule.stretches():
            own = list(itertools.islice(numbers, len(steps)))
            if isinstance(kind, Blocks):
                lines |= _said(own, kind.count, "block")
                lines[own[-1]] += self._block(kind)
            elif kind is Kernel:
                left = iter(own)
                kernels = [(k, pieces(self.schedule, k)) for k in steps if isinstance(k, Kernel)]
                for run, cuts in runs_of(self.schedule, kernels, self.inside):
                    together = [*itertools.islice(left, len(run))]
                    if cuts:
                        lines |= _said(together, cuts[0].extent, "chunk")
        return lines

    def _block(self, blocks: Blocks) -> list[str]:
        """What is said of the memory of steps that run block by block."""
        names = ", ".join(
            f"%{self.schedule.graph.names[self.schedule.buffers[b]]}" for b in blocks.own
        )
        return [f"#    of {names} each thread keeps one block of {blocks.height} rows"]

    def _loops(self, kernel: Kernel) -> Iterator[str]:
        for piece in pieces(self.schedule, kernel):
            yield from self._piece(piece)

    def _piece(self, piece: Piece) -> Iterator[str]:
        names: dict[Expr, str] = {}
        depth = len(piece.ranges)
        for level in range(depth + 1):
            margin = "    " * level
            for e in piece.expressions:
                if e.level == level:
                    names[e] = self._expression(e, names)
                    if e.kind in ("apply", "cast", "load", "place") and e.args:
                        name = f"v{len(names)}"
                        yield from self._before(e, names, margin)
                        yield f"{margin}{name} = {names[e]}"
                        names[e] = name
            if level < depth:
                low, high = _range(piece, level, names)
                yield f"{margin}for i{level} in range({low}, {high}):"
        for statement in piece.statements:
            yield "    " * depth + self._statement(statement, names)

    def _before(self, e: Expr, names: dict[Expr, str], margin: str) -> Iterator[str]:
        """Lines that an expression needs before it is computed."""
        yield from ()

    def _element(self, buffer: int, index: Index, names: dict[Expr, str]) -> str:
        """An element of a buffer."""
        return f"{self.buffers[buffer]}[{written_index(index, names)}]"

    def _expression(self, e: Expr, names: dict[Expr, str]) -> str:
        args = [names[x] for x in e.args]
        if e.kind == "number":
            return str(float.fromhex(e.data) if isinstance(e.data, str) else e.data)
        if e.kind == "load":
            return self._element(e.data[0], e.data[1], names)
        if e.kind == "index":
            return f"({written_index(e.data, names)})"
        if e.kind == "inside":
            index, low, high = e.data
            return f"({low} <= {written_index(index, names)} < {high})"
        if e.kind == "place":
            return f"place({args[0]}, {e.data[0]})"
        if e.kind == "cast":
            return f"{e.type}({args[0]})"
        if e.data in INFIX:
            return f"{args[0]} {INFIX[e.data]} {args[1]}"
        return f"{e.data}({', '.join(args)})"

    def _statement(self, statement: Statement, names: dict[Expr, str]) -> str:
        target = self._element(statement.buffer, statement.index, names)
        value = names[statement.value]
        if isinstance(statement, Add):
            return f"{target} += {value}"
        if not isinstance(statement, Reduce):
            return f"{target} = {value}"
        if statement.op in FOLDS:
            return f"{target} {FOLDS[statement.op]} {value}"
        return f"{target} = {statement.op}({target}, {value})"

    def _product(self, gemm: Gemm) -> str:
        left, right, result = (self.buffers[b] for b in gemm.buffers)
        batch = f" for each of {gemm.batch}" if gemm.batch else ""
        sizes = f"{gemm.rows} x {gemm.inner} by {gemm.inner} x {gemm.columns}"
        return f"{result} = {left} @ {right}  # {sizes}{batch}"

    def _check(self, check: Check) -> str:
        index = self._name(check.array)
        if check.array.constant is not None:
            index = "constant"
        return f"check -{check.extent} <= {index} < {check.extent}"

    def _call(self, node: Node) -> str:
        results = ", ".join(map(self._name, node.outputs))
        operands = ", ".join(
            self._name(v) if v.constant is None else "constant" for v in node.operands
        )
        return f"{results} = {node.op.name}({operands})"


def _said(numbers: Sequence[int], count: int, what: str) -> dict[int, list[str]]:
    """Of steps that run together, by their numbers, what is said of the parts they are cut into."""
    lines: dict[int, list[str]] = {}
    for number in numbers:
        others = ", ".join(str(other) for other in numbers if other != number)
        beside = f", {what} by {what} with {others}" if others else ""
        lines[number] = [f"#    in {count} {what}s for the threads{beside}"]
    return lines


def _range(piece: Piece, level: int, names: dict[Expr, str]) -> tuple[str, str]:
    """Where a loop begins and ends; limits are written as they stand."""
    low, high = ([str(end)] for end in piece.ranges[level])
    for limit in piece.limits:
        if limit.variable == level:
            (low if limit.at_least else high).append(names[limit.bound])
    return (
        low[0] if len(low) == 1 else f"max({', '.join(low)})",
        high[0] if len(high) == 1 else f"min({', '.join(high)})",
    )


def written_index(index: Index, names: dict[Expr, str]) -> str:
    """A position, of loop variables and of the names of expressions."""
    terms = [(f"i{v}", by) for v, by in index.terms]
    terms += [(names[e], by) for e, by in index.dynamic]
    signs = {1: "", -1: "-"}
    parts = [f"{signs.get(by, f'{by}*')}{name}" for name, by in terms]
    if index.constant or not parts:
        parts.append(str(index.constant))
    return " + ".join(parts).replace("+ -", "- ")
