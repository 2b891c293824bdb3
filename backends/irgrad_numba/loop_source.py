"""The loops of a schedule as Python that Numba's own compiler takes: for modules that need no
irgrad. Buffers are flat arrays, named as the values in them; of complex numbers, of their parts."""

from __future__ import annotations

import keyword
import re
from collections.abc import Iterator, Sequence

import numpy as np

from irgrad.ir.graph import Value
from irgrad.runtime.backend import WrittenStep
from irgrad_numba.calls import Group
from irgrad_numba.complex_parts import is_complex, part_type
from irgrad_numba.emit import Start
from irgrad_numba.expression import Expr, Reduce, Statement
from irgrad_numba.fold import first
from irgrad_numba.indices import Check
from irgrad_numba.kernel import nothing
from irgrad_numba.listing import Listing
from irgrad_numba.pieces import Piece, pieces
from irgrad_numba.products import Gemm
from irgrad_numba.schedule import Kernel, Schedule
from irgrad_numba.spelled import dtype_text, spelled
from irgrad_numba.stacks import StackSum

NATURAL = ("f64", "i64", "bool")
"""Types in which Python's own numbers compute."""


ATOM = re.compile(r"[\w.]*(\[[^]]*\]|\([^)]*\))?")


class UnwrittenError(Exception):
    """An op that Numba's compiler does not know, or computes otherwise."""


class LoopSource(Listing):
    """The steps of a schedule as functions."""

    def __init__(self, schedule: Schedule) -> None:
        super().__init__(schedule)
        own = re.compile(r"[iv]\d+|np|math|numba|numpy_\w+")
        taken = [bool(own.fullmatch(b)) or keyword.iskeyword(b) for b in self.buffers]
        self.buffers = [f"{b}_" if t else b for b, t in zip(self.buffers, taken, strict=True)]

    def written(self) -> Iterator[WrittenStep]:
        """Each step: its function's parameters and body, or the nodes that it computes."""
        for step in self.schedule.steps:
            if isinstance(step, Check):
                yield WrittenStep([], [step.array], [], [str(step.extent)])
            elif isinstance(step, Kernel):
                yield self._kernel(step)
            elif isinstance(step, Gemm):
                continue  # products are written where they are needed
            else:
                assert not isinstance(step, StackSum)
                nodes = step.nodes if isinstance(step, Group) else [step.node]
                yield WrittenStep(list(nodes), [], [], [])

    def _kernel(self, kernel: Kernel) -> WrittenStep:
        nodes = WrittenStep(kernel.roots, [], [], [])
        if 0 in kernel.space:
            return nodes
        try:
            body = list(self.loops(kernel))
        except UnwrittenError:
            return nodes
        roots = [Value(node, 0) for node in kernel.roots]
        written = [self.schedule.views[v].buffer for v in roots]
        reads = [b for b in loaded(pieces(self.schedule, kernel)) if b not in written]
        owners = self.schedule.buffers
        head = f"({', '.join(self.buffers[b] for b in (*reads, *written))}):"
        return WrittenStep(
            [], [owners[b] for b in reads], roots, [head, *body], [(v, v) for v in roots]
        )

    def loops(self, kernel: Kernel) -> Iterator[str]:
        """The lines of a kernel."""
        parts, owners = pieces(self.schedule, kernel), self.schedule.buffers
        for start in _starts(parts[0]) if parts else nothing(self.schedule, kernel):
            type = part_type(owners[start.buffer].type.dtype)
            yield f"{self.whole(start.buffer)} = {_number(type, start.number)}"
        for part in parts:
            yield from self._piece(part)

    def is_complex(self, kernel: Kernel) -> bool:
        """Whether a kernel reads or writes complex numbers."""
        parts, owners = pieces(self.schedule, kernel), self.schedule.buffers
        written = {s.buffer for part in parts for s in part.statements}
        return any(is_complex(owners[b].type) for b in (*loaded(parts), *written))

    def whole(self, buffer: int) -> str:
        """All elements of a buffer."""
        return f"{self.buffers[buffer]}[:]"

    def _before(self, e: Expr, names: dict[Expr, str], margin: str) -> Iterator[str]:
        if e.kind == "place":
            (x,), (extent, _) = [names[x] for x in e.args], e.data
            yield f"{margin}if not -{extent} <= {x} < {extent}:"
            yield f"{margin}    raise IndexError('{outside(extent)}')"

    def _expression(self, e: Expr, names: dict[Expr, str]) -> str:
        args = [names[x] if ATOM.fullmatch(names[x]) else f"({names[x]})" for x in e.args]
        if e.kind == "number":
            return _number(e.type, float.fromhex(e.data) if isinstance(e.data, str) else e.data)
        if e.kind == "cast":
            return f"({args[0]} != 0)" if e.type == "bool" else f"{dtype_text(e.type)}({args[0]})"
        if e.kind == "place":
            return f"{args[0]} + {e.data[0]} if {args[0]} < 0 else {args[0]}"
        if e.kind != "apply":
            return super()._expression(e, names)
        text = spelled(e.data, [x.type for x in e.args], args)
        if text is None:
            raise UnwrittenError
        return text if e.type in NATURAL else f"{dtype_text(e.type)}({text})"

    def _statement(self, statement: Statement, names: dict[Expr, str]) -> str:
        text = super()._statement(statement, names)
        return re.sub(r"= (maximum|minimum)\(", r"= np.\1(", text)


def loaded(parts: Sequence[Piece]) -> list[int]:
    """The buffers that pieces read."""
    loads = (e for part in parts for e in part.expressions if e.kind == "load")
    return list(dict.fromkeys(e.data[0] for e in loads))


def outside(extent: int) -> str:
    """What an index outside its axis is told."""
    return f"an index is out of bounds for an axis of size {extent}"


def _starts(part: Piece) -> list[Start]:
    """What folds start from."""
    folds = [s for s in part.statements if isinstance(s, Reduce)]
    return [Start(s.buffer, first(s.op, s.value.type), 0) for s in folds]


def _number(type: str, number: float) -> str:
    if isinstance(number, float) and not np.isfinite(number):
        text = "np.nan" if number != number else "np.inf" if number > 0 else "-np.inf"
    else:
        text = str(number)
    if type == "f64" and "." not in text and "e" not in text and "n" not in text:
        text += ".0"
    return text if type in NATURAL else f"{dtype_text(type)}({text})"
