"""Folds: the partial results that a loop keeps in vectors, and how these become one number.

Float sums gather them every `BLOCK` vectors with their rounding errors (TwoSum), so that the error
does not grow with the length."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from irgrad_numba.elementwise import row_of
from irgrad_numba.expression import Reduce
from irgrad_numba.index import Range
from irgrad_numba.llvm import BITS, Code, Type, Value
from irgrad_numba.strips import VECTOR_BYTES

BLOCK = 16
IDENTITY: dict[str, Callable[[str], Any]] = {
    "add": lambda type: -0.0 if type in ("f32", "f64") else 0,
    "multiply": lambda type: 1,
    "maximum": lambda type: _least(type),
    "minimum": lambda type: _greatest(type),
    "logical_or": lambda type: False,
    "logical_and": lambda type: True,
}


def first(op: str, type: str) -> Any:
    """What a fold starts from: an identity, but a sum is never -0.0, in NumPy."""
    return 0 if op == "add" else IDENTITY[op](type)


def _least(type: str) -> Any:
    if type in ("f32", "f64"):
        return -math.inf
    return -(1 << (BITS[type] - 1)) if type.startswith("i") else 0


def _greatest(type: str) -> Any:
    if type in ("f32", "f64"):
        return math.inf
    return (1 << (BITS[type] - type.startswith("i"))) - 1


class Fold:
    """A reduction whose innermost loops are folded in a vector: its accumulators."""

    def __init__(
        self, code: Code, ranges: Sequence[Range], statement: Reduce, depth: int, width: int
    ) -> None:
        self.code = code
        self.statement = statement
        self.depth = depth
        """How many loops are around the accumulators."""
        self.op = statement.op
        self.type = statement.value.type
        count = math.prod(high - low for low, high in ranges[depth:])
        self.careful = (
            self.op == "add" and self.type in ("f32", "f64") and count > 2 * BLOCK * width
        )
        self.narrowed = False
        self.parts: dict[int, tuple[str, str, str]] = {}
        """For each width of vectors: places of the partial result, its sum so far, and errors."""

    def start(self, widths: set[int]) -> None:
        """Set the accumulators to the identity."""
        self.narrowed = False
        alloca = self.code.alloca
        self.parts = {
            type.width: (alloca(type), alloca(type), alloca(type))
            for type in [Type(self.type, w) for w in widths]
        }
        for w, (part, total, error) in self.parts.items():
            identity = self.code.constant(Type(self.type, w), IDENTITY[self.op](self.type))
            self.code.put(part, identity)
            if self.careful:
                self.code.put(total, identity)
                self.code.put(error, self.code.constant(Type(self.type, w), 0))

    def add(self, value: Value) -> None:
        """Fold one vector."""
        part = self.parts[value.type.width][0]
        self.code.put(part, combine(self.op, self.code.get(part, value.type), value))

    def gather(self) -> None:
        """Move the partial results of a float sum to the totals, keeping the rounding errors."""
        if not self.careful:
            return
        for w, (part, total, error) in self.parts.items():
            type = Type(self.type, w)
            s, lost = two_sum(self.code.get(total, type), self.code.get(part, type))
            self.code.put(error, self.code.get(error, type) + lost)
            self.code.put(total, s)
            self.code.put(part, self.code.constant(type, -0.0))

    def take(self) -> None:
        """The partial results of a float sum are its totals, for nothing has been gathered."""
        for w, (part, total, _) in self.parts.items():
            self.code.put(total, self.code.get(part, Type(self.type, w)))

    def narrow(self) -> None:
        """Fold all vectors into the single element, which is the result from now on."""
        one = Type(self.type)
        wide = [value for value in self._folded() if value.type != one]
        part, *_ = self.parts[1]
        self.code.put(part, combine(self.op, across(self.op, wide), self.code.get(part, one)))
        self.narrowed = True

    def result(self) -> Value:
        """The fold of all lanes."""
        if self.narrowed:
            return self.code.get(self.parts[1][0], Type(self.type))
        return across(self.op, self._folded())

    def _folded(self) -> list[Value]:
        """What each accumulator holds."""
        values: list[Value] = []
        for w, (part, total, error) in self.parts.items():
            type = Type(self.type, w)
            if self.careful:
                values.append(settled(self.code.get(total, type), self.code.get(error, type)))
            else:
                values.append(self.code.get(part, type))
        return values


def gather_some(code: Code, folds: Sequence[Fold], long: Value) -> None:
    """The totals of float sums, of which blocks have gathered something where they are `long`."""
    many, few, done = map(code.fresh_label, ("many", "few", "done"))
    code.emit(f"br i1 {long.text}, label %{many}, label %{few}")
    for label, finish in ((many, Fold.gather), (few, Fold.take)):
        code.label(label)
        for fold in folds:
            finish(fold)
        code.emit(f"br label %{done}")
    code.label(done)


def two_sum(a: Value, b: Value) -> tuple[Value, Value]:
    """A sum, and what is lost by its rounding."""
    with a.code.exact():
        total = a + b
        rounded = total - a
        return total, (a - (total - rounded)) + (b - rounded)


def settled(total: Value, error: Value) -> Value:
    """A sum with what was lost on the way; that is nan where the sum is infinite or nan."""
    with total.code.exact():
        return (error == error).where(total + error, total)


def combine(op: str, x: Value, y: Value) -> Value:
    """The fold of two values."""
    row = row_of(op, [x.type.element])
    assert row is not None
    return row(x, y)


def across(op: str, vectors: Sequence[Value]) -> Value:
    """The fold of all lanes of vectors: first of whole registers, then by halves."""
    lanes = VECTOR_BYTES * 8 // max(8, BITS[vectors[0].type.element])
    parts = [
        vector.part(at, min(lanes, vector.type.width - at))
        for vector in vectors
        for at in range(0, vector.type.width, lanes)
    ]
    parts.sort(key=lambda part: -part.type.width)
    while len(parts) > 1 or parts[0].type.width > 1:
        if len(parts) > 1 and parts[0].type.width == parts[1].type.width:
            parts = [combine(op, parts[0], parts[1]), *parts[2:]]
        else:
            half = (parts[0].type.width + 1) // 2
            low, high = parts[0].part(0, half), parts[0].part(half, parts[0].type.width - half)
            parts = sorted([low, high, *parts[1:]], key=lambda part: -part.type.width)
    return parts[0]
