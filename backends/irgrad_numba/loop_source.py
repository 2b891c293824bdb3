"""The loops of a schedule as Python that Numba's own compiler takes: for modules that need no
irgrad. Buffers are flat arrays, named as the values in them."""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np

from irgrad.ir.graph import Value
from irgrad.ir.types import DTYPES
from irgrad.runtime.backend import WrittenStep
from irgrad_numba.calls import Group
from irgrad_numba.complex_parts import is_complex
from irgrad_numba.control import Control
from irgrad_numba.expression import Expr, Reduce, Statement
from irgrad_numba.fold import IDENTITY
from irgrad_numba.indices import Check
from irgrad_numba.listing import INFIX, Listing
from irgrad_numba.pieces import Piece, pieces
from irgrad_numba.products import Gemm
from irgrad_numba.schedule import Kernel, Schedule
from irgrad_numba.stacks import StackSum
from irgrad_numba.updates import is_update

FUNCTIONS = {
    "where": "({1} if {0} else {2})", "square": "{0} * {0}", "negative": "-{0}",
    "positive": "{0}", "quotient": "{0} // {1}", "modulo": "{0} % {1}", "erf": "math.erf({0})",
    "erfc": "math.erfc({0})", "bitwise_and": "{0} & {1}", "bitwise_or": "{0} | {1}",
    "bitwise_xor": "{0} ^ {1}", "root": "np.sqrt({0})",
    "ratio": "({0} / {1} if {0} != 0 or {1} != 0 else {0})",
    "scale": "({0} * {1} if {0} * {1} == 0 or ({0} != 0 and {1} != 0) "
             "else {0} if {0} == 0 else {1})",
}  # fmt: skip
NUMPY = frozenset({
    "sin", "cos", "tan", "arcsin", "arccos", "arctan", "sinh", "cosh", "tanh", "arcsinh", "arccosh",
    "arctanh", "exp", "exp2", "expm1", "log", "log2", "log10", "log1p", "sqrt", "absolute", "fabs",
    "sign", "floor", "ceil", "trunc", "rint", "maximum", "minimum", "fmax", "fmin", "power",
    "arctan2", "hypot", "copysign", "reciprocal", "floor_divide", "remainder", "fmod", "isnan",
    "isinf", "isfinite", "logical_and", "logical_or", "logical_xor", "logical_not", "deg2rad",
    "rad2deg", "radians", "degrees", "invert", "left_shift", "right_shift", "logaddexp", "signbit",
})  # fmt: skip
"""Ufuncs that Numba compiles for scalars."""
NATURAL = ("f64", "i64", "bool")
"""Types in which Python's own numbers compute."""


ATOM = re.compile(r"[\w.]*(\[[^]]*\]|\([^)]*\))?")


class _UnwrittenError(Exception):
    """An op that Numba's compiler does not know."""


class LoopSource(Listing):
    """The steps of a schedule as functions."""

    def __init__(self, schedule: Schedule) -> None:
        super().__init__(schedule)
        own = re.compile(r"[iv]\d+|np|math|numba")
        self.buffers = [f"{b}_" if own.fullmatch(b) else b for b in self.buffers]

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
        roots = [Value(node, 0) for node in kernel.roots]
        written = [self.schedule.views[v].buffer for v in roots]
        parts = pieces(self.schedule, kernel)
        used = dict.fromkeys(
            e.data[0] for part in parts for e in part.expressions if e.kind == "load"
        )
        reads = [b for b in used if b not in written]
        owners = self.schedule.buffers
        if not parts or any(is_complex(owners[b].type) for b in (*reads, *written)):
            return WrittenStep(kernel.roots, [], [], [])
        try:
            lines = [line for part in parts for line in self._piece(part)]
        except _UnwrittenError:
            return WrittenStep(kernel.roots, [], [], [])
        body = [*(self._start(s) for s in _folds(parts[0])), *lines]
        names = [self.buffers[b] for b in (*reads, *written)]
        head = f"({', '.join(names)}):"
        return WrittenStep([], [owners[b] for b in reads], roots, [head, *body])

    def _start(self, fold: Reduce) -> str:
        type = fold.value.type
        identity = IDENTITY[fold.op](type)
        return f"{self.buffers[fold.buffer]}[:] = {_number(type, identity)}"

    def _expression(self, e: Expr, names: dict[Expr, str]) -> str:
        args = [names[x] if ATOM.fullmatch(names[x]) else f"({names[x]})" for x in e.args]
        if e.kind == "number":
            return _number(e.type, float.fromhex(e.data) if isinstance(e.data, str) else e.data)
        if e.kind == "cast":
            return f"({args[0]} != 0)" if e.type == "bool" else f"np.{_name(e.type)}({args[0]})"
        if e.kind == "place":
            raise _UnwrittenError
        if e.kind != "apply":
            return super()._expression(e, names)
        if e.data in INFIX:
            text = f"{args[0]} {INFIX[e.data]} {args[1]}"
        elif e.data in FUNCTIONS:
            text = FUNCTIONS[e.data].format(*args)
        elif e.data in NUMPY:
            text = f"np.{e.data}({', '.join(args)})"
        else:
            raise _UnwrittenError
        return text if e.type in NATURAL else f"np.{_name(e.type)}({text})"

    def _statement(self, statement: Statement, names: dict[Expr, str]) -> str:
        text = super()._statement(statement, names)
        return re.sub(r"= (maximum|minimum)\(", r"= np.\1(", text)


def is_written_in_place(schedule: Schedule) -> bool:
    """Whether steps write into arrays that are there, or are loops: then buffers are not values,
    and the source of a step is that of its ops.
    """
    return any(
        isinstance(step, (Control, StackSum))
        or (isinstance(step, Kernel) and any(map(is_update, step.roots)))
        for step in schedule.steps
    )


def _folds(piece: Piece) -> list[Reduce]:
    return [s for s in piece.statements if isinstance(s, Reduce)]


def _name(type: str) -> str:
    return "bool_" if type == "bool" else DTYPES[type].name


def _number(type: str, number: float) -> str:
    if isinstance(number, float) and not np.isfinite(number):
        text = "np.nan" if number != number else "np.inf" if number > 0 else "-np.inf"
    else:
        text = str(number)
    if type == "f64" and "." not in text and "e" not in text and "n" not in text:
        text += ".0"
    return text if type in NATURAL else f"np.{_name(type)}({text})"
