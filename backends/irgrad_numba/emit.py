"""A piece of a kernel as LLVM: the loops, the innermost one over vectors, what is left over as one
shorter vector.

Expressions are computed in the outermost loop that they depend on. Folds along the innermost loops
run in a vector of partial results, other folds accumulate in memory (see `row_sums`)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

from irgrad_numba import vector_math
from irgrad_numba.expression import Add, Expr, Reduce, Statement, Store
from irgrad_numba.fold import BLOCK, Fold, combine, gather_some
from irgrad_numba.index import Index
from irgrad_numba.llvm import BITS, Code, Module, Type, Value
from irgrad_numba.neighbours import Neighbours, moved, neighbours
from irgrad_numba.pieces import Limit, Piece
from irgrad_numba.points import Points
from irgrad_numba.row_sums import RowSum, with_row_sums
from irgrad_numba.script import script_of
from irgrad_numba.strips import (
    VECTOR_BYTES,
    element,
    guarded,
    load,
    loop,
    save,
    stored_form,
    strips,
    when,
)
from irgrad_numba.tiles import TILE, is_scattered, tiles_of

LIGHT = 12
"""Expressions in a loop below which four vectors go together; so they do where a library function
is called: its long chain of operations leaves the processor idle for one vector."""
TOGETHER = 4
"""Rows that are added to sums in memory at a time."""
LONG = 32
"""A loop of at least so many vectors is worth looking back before it, and over before what is left
over counts."""
INLINED = 320
"""Instructions of a kernel that becomes part of the loop around it,"""
INLINED_BYTES = 1 << 10
"""the memory that it has of its own,"""
INLINED_WORK = 8_000
"""and the expressions that it computes in all: what has more to do does not feel the call, and LLVM
takes longer for one long function than for two short ones."""


class Start(NamedTuple):
    """What a buffer must hold before the loops."""

    buffer: int
    number: Any
    size: int
    """How many elements; of a buffer with a row for each chunk, those of all rows."""
    apart: bool = True
    """Whether chunks have rows of their own in it."""


def emit_kernel(
    module: Module,
    types: Sequence[str],
    written: set[int],
    parts: list[Piece],
    starts: Sequence[Start],
    accumulated: set[int],
    chunks: int = 0,
    inline: bool = False,
    brief: bool = False,
) -> str:
    """Define a function of a pointer for each buffer, numbered from 0, of element types `types` ->
    its name: the same for the same code. Folds go on from what `accumulated` buffers hold. With
    `chunks` the function also takes the number of one, below that, which is the outermost variable
    of all pieces. With `inline`, short code becomes part of what calls it. What is `brief` is over
    soon: its library functions are those that are there already, of more lanes than it needs.
    """
    code = Code(module)
    code.brief = brief
    chunk = Value(code, Type("i64"), "%chunk") if chunks else None
    for start in starts:
        apart = chunk if start.apart else None
        _fill(code, start, types[start.buffer], apart, chunks if apart else 1)
    local = len(types)
    memory = 0
    for part in parts:
        piece, sums = with_row_sums(part, local)
        for each in sums:
            _own(code, each)
        local += 2 * len(sums)
        memory += sum(each.local_bytes for each in sums)
        Loops(code, piece, accumulated, chunk, sums).run()
    code.emit("ret void")
    arguments = [
        f"ptr noalias nocapture {'' if b in written else 'readonly '}%b{b}"
        for b in range(len(types))
    ]
    if checks(parts):
        arguments += ["ptr noalias nocapture %fault.site", "ptr noalias nocapture %fault.index"]
    arguments += ["i64 %chunk"] * bool(chunks)
    lines = ["entry:", *code.allocas, *code.lines]
    short = len(lines) < INLINED and memory < INLINED_BYTES
    inline = inline and short and sum(map(_work, parts)) < INLINED_WORK
    place = "alwaysinline" if inline else "noinline"
    head = f"({', '.join(arguments)}) nounwind {place} {{\n"
    return module.shared("kernel", head + "\n".join(lines) + "\n}")


def _work(piece: Piece) -> int:
    """How many expressions a piece computes."""
    return math.prod(high - low for low, high in piece.ranges) * len(piece.expressions)


def checks(parts: Sequence[Piece]) -> bool:
    """Whether pieces check an index: then the kernel also takes where to note what is outside."""
    return any(e.kind == "place" for part in parts for e in part.expressions)


def _fill(code: Code, start: Start, type: str, chunk: Value | None, chunks: int) -> None:
    count = start.size // chunks
    width = max(1, min(count, VECTOR_BYTES * 8 // max(8, BITS[type])))
    value = stored_form(code.constant(Type(type, width), start.number))
    for at, wide in strips(code, 0, count, width):
        if wide != width:
            value = stored_form(code.constant(Type(type, wide), start.number))
        address = element(code, start.buffer, type, at if chunk is None else at + chunk * count)
        code.emit(f"store {value.type.text} {value.text}, ptr {address}, align 1")


def _own(code: Code, sum: RowSum) -> None:
    """The elements of a sum that belong to the function."""
    type = sum.total.value.type
    for s, size, number in zip((sum.part, sum.error), sum.sizes, (-0.0, 0.0), strict=True):
        code.allocas.append(f"  %b{s.buffer} = alloca [{size} x {Type(type).text}], align 64")
        _fill(code, Start(s.buffer, number, size), type, None, 1)


class Loops(Points):
    """The loops of one piece; the outermost variable is `chunk` where that is given."""

    def __init__(
        self,
        code: Code,
        piece: Piece,
        accumulated: set[int],
        chunk: Value | None,
        row_sums: Sequence[RowSum] = (),
    ) -> None:
        super().__init__(code, piece)
        self.accumulated = accumulated
        self.chunk = chunk
        self.row_sums = row_sums
        self.by_level: dict[int, list[Expr]] = {}
        for expression in piece.expressions:
            self.by_level.setdefault(expression.level, []).append(expression)
        innermost = self.by_level.get(self.depth, [])
        widest = max(
            [8, *(BITS[e.type] for e in innermost), *(BITS[s.value.type] for s in piece.statements)]
        )
        called = any(e.kind == "apply" and e.data in vector_math.MATH for e in innermost)
        together = called or (len(innermost) < LIGHT and not any(map(self._picks, innermost)))
        self.width = VECTOR_BYTES * 8 // widest * (4 if together else 1)
        self.limits: dict[int, list[Limit]] = {}
        for limit in piece.limits:
            self.limits.setdefault(limit.variable, []).append(limit)
        if self.depth:
            low, high = piece.ranges[-1]
            self.width = min(self.width, max(1, high - low))
            if self._limited():
                self.width = 1 << (self.width.bit_length() - 1)
        alone = any(isinstance(s, Add) and not self._apart(s.index) for s in piece.statements)
        if alone or is_scattered(piece):
            self.width = 1
        self.tiles = tiles_of(piece, 0 if chunk is None else 1)
        if self.tiles is not None:
            self.width = TILE
        self.register = min(self.width, VECTOR_BYTES * 8 // widest)
        self.folds: dict[Reduce, Fold] = {}
        for s in piece.statements:
            if isinstance(s, Reduce) and self.depth - 1 in s.axes:
                depth = self.depth
                while depth and depth - 1 in s.axes:
                    depth -= 1
                self.folds[s] = Fold(code, piece.ranges, s, depth, self.width)
        self.script = script_of(piece, innermost)
        """What the body computes and writes, in order."""
        self.neighbours: Neighbours | None = None
        looks_back = self.depth and self.width > 1 and not self._limited() and not self.tiles
        if looks_back and self._count() >= LONG and not piece.turns:
            self.neighbours = neighbours(piece)
        self.given: dict[Expr, Value] = {}
        """Expressions of the innermost loop that are known before its body."""
        self.kept: dict[Expr, str] = {}
        """Places for vectors that the next one takes lanes from, while the loop runs."""

    def _count(self) -> int:
        """How many whole vectors the innermost loop takes."""
        low, high = self.piece.ranges[-1]
        return (high - low) // self.width

    def run(self) -> None:
        """Emit everything."""
        self._level(0)

    def _picks(self, e: Expr) -> bool:
        """Whether an expression takes elements of an array lane by lane."""
        if e.kind != "load":
            return e.kind == "place"
        index: Index = e.data[1]
        return not self._uniform(index) or abs(index.coefficient(self.depth - 1)) > 1

    def _level(self, depth: int) -> None:
        if depth == self.depth:  # a piece without loops
            self.body(None, 1)
            return
        for expression in self.by_level.get(depth, []):
            self.scalars[expression] = self.emit(expression, None, 1)
        low, high = self.piece.ranges[depth]
        limited = depth in self.limits
        starting = [fold for fold in self.folds.values() if fold.depth == depth]
        for fold in starting:
            fold.start(self._widths())
        if depth == 0 and self.chunk is not None:
            self.variables.append(self.chunk)
            self._level(1)
        elif depth == self.depth - 1 and limited:
            self._some(*self._bounds(depth))
        elif depth == self.depth - 1:
            self._innermost(low, high)
        elif limited:
            with guarded(self.code, *self._bounds(depth), 1) as i:
                self._row(depth, i)
        elif self.tiles is not None and depth == self.tiles.axis:
            self.tiles.run(self, low, high)
        else:
            self.steps(depth, low, high)
        for fold in starting:
            self._finish(fold)
        for each in self.row_sums:
            if each.outermost == depth:
                each.settle(self)

    def steps(self, depth: int, low: int, high: int) -> None:
        """A loop that is not the innermost one, several steps at a time where they may go together;
        row sums are moved when they are due.
        """
        together = depth == self.depth - 2 and high - low >= TOGETHER and self._sums_rows()
        several = TOGETHER if together else 1
        whole = (high - low) // several * several
        due = [each for each in self.row_sums if each.depth == depth]
        if due:
            step = min(each.step for each in due) // several * several or several
            with loop(self.code, low, low + whole, step) as start:
                stop = start + step
                stop = (stop < low + whole).where(stop, low + whole)
                self._turns(depth, start, stop, several)
                for each in due:
                    each.move(self)
        elif whole:
            self._turns(depth, low, low + whole, several)
        if low + whole < high:
            self._together([self._number(k) for k in range(low + whole, high)])
            for each in due:
                each.move(self)

    def _turns(self, depth: int, low: int | Value, high: int | Value, several: int) -> None:
        """A loop of `several` steps at a time."""
        if several == 1 and isinstance(low, int) and high == low + 1:
            self._row(depth, self._number(low))
            return
        with loop(self.code, low, high, several) as i:
            if several == 1:
                self._row(depth, i)
            else:
                self._together([i + k for k in range(several)])

    def _row(self, depth: int, i: Value) -> None:
        self.variables.append(i)
        self._level(depth + 1)
        self.variables.pop()

    def _sums_rows(self) -> bool:
        """Whether several rows may go together: what they add up in memory is then loaded and
        stored once for them.
        """
        outer, statements = self.depth - 2, self.piece.statements
        written = {s.buffer for s in statements}
        innermost = self.by_level.get(self.depth, [])
        return (
            not self._limited()
            and any(
                isinstance(s, Reduce) and s not in self.folds and outer in s.axes
                for s in statements
            )
            and not any(isinstance(s, Add) or s.index.dynamic for s in statements)
            and not any(f.careful or f.depth == self.depth - 1 for f in self.folds.values())
            and not any(e.kind == "load" and e.data[0] in written for e in self.piece.expressions)
            and not any(e.kind == "place" for e in self.piece.expressions)
            and len(innermost) <= LIGHT
        )

    def _together(self, rows: Sequence[Value]) -> None:
        outer, own = self.scalars, self.by_level.get(self.depth - 1, [])
        scalars: list[dict[Expr, Value]] = []
        for row in rows:
            self.variables.append(row)
            self.scalars = dict(outer)
            for expression in own:
                self.scalars[expression] = self.emit(expression, None, 1)
            scalars.append(self.scalars)
            self.variables.pop()
        low, high = self.piece.ranges[-1]
        body = len(rows) * len(self.by_level.get(self.depth, []))
        for at, width in strips(self.code, low, high, self.width, body):
            for row, self.scalars in zip(rows, scalars, strict=True):
                self.variables.append(row)
                self.body(at, width)
                self.variables.pop()
        self.scalars = outer

    def _limited(self) -> bool:
        """Whether only the running program knows how long the innermost loop is."""
        return self.depth - 1 in self.limits

    def _bounds(self, depth: int) -> tuple[Value, Value]:
        """Where a loop with limits begins and ends."""
        first, last = map(self._number, self.piece.ranges[depth])
        low, high = first, last
        for limit in self.limits[depth]:
            bound = self.scalars[limit.bound]
            if limit.at_least:
                low = (bound > low).where(bound, low)
            else:
                high = (bound < high).where(bound, high)
        return (low < last).where(low, last), high

    def _some(self, low: Value, high: Value) -> None:
        """The innermost loop between limits. Where it has few steps, these are all: none of the
        vectors is looked at, nor folded.
        """
        folds = list(self.folds.values())
        if self.register == 1 or any(fold.depth != self.depth - 1 for fold in folds):
            self._parts(low, high, self._widths())
            return
        first = self.code.alloca(low.type)
        self.code.put(first, low)
        with when(self.code, high - low >= self.register):
            self.code.put(first, self._parts(low, high, self._widths() - {1}))
            for fold in folds:
                fold.narrow()
        with guarded(self.code, self.code.get(first, low.type), high, 1) as i:
            self.body(i, 1)

    def _parts(self, low: Value, high: Value, widths: set[int]) -> Value:
        """Blocks of vectors whose errors are kept, vectors, one register, single elements -> where
        what is left begins.
        """
        careful = [fold for fold in self.folds.values() if fold.careful]
        block, first = BLOCK * self.width, low
        if careful:
            end = self._end(low, high, block)
            with guarded(self.code, low, end, block) as start:
                with loop(self.code, 0, block, self.width) as i:
                    self.body(start + i, self.width)
                for fold in careful:
                    fold.gather()
            low = end
        for width in sorted(widths, reverse=True):
            end = self._end(low, high, width)
            with guarded(self.code, low, end, width) as i:
                self.body(i, width)
            low = end
        if careful:
            gather_some(self.code, careful, high - first >= block)
        return low

    def _end(self, low: Value, high: Value, width: int) -> Value:
        """Where the last whole vector between two places ends, for a power of two."""
        some = high > low
        return some.where(low + ((high - low) & -width), low)

    def _widths(self) -> set[int]:
        if self._limited():
            return {self.width, self.register, 1}
        low, high = self.piece.ranges[-1]
        rest = (high - low) % self.width
        return {w for w in (self.width if high - low >= self.width else 0, rest) if w}

    def _innermost(self, low: int, high: int) -> None:
        block, long = BLOCK * self.width, self._count() >= LONG
        careful = [fold for fold in self.folds.values() if fold.careful]
        self._look_back(low)
        if careful and high - low > 2 * block:
            whole = (high - low) // block * block
            with loop(self.code, low, low + whole, block) as start:
                with loop(self.code, 0, block, self.width) as i:
                    self.body(start + i, self.width)
                for fold in careful:
                    fold.gather()
            low += whole
        body, brief = len(self.by_level.get(self.depth, [])), self.code.brief
        for at, width in strips(self.code, low, high, self.width, body):
            self.code.brief = brief or (width < self.width and long)
            self.body(at, width)
        self.code.brief = brief
        self.kept = {}
        for fold in careful:
            fold.gather()

    def _look_back(self, low: int) -> None:
        """Know what the first vector needs of the step before it."""
        if self.neighbours is None:
            return
        self._values = {}
        for e in self.neighbours.first:
            self._values[e] = self.emit(e, self._number(low - 1), 1)
        for e in self.neighbours.behind.values():
            self.kept[e] = self.code.alloca(Type(e.type, self.width))
            self.code.put(self.kept[e], self._values[e].splat(self.width))

    def _moved(self, e: Expr) -> Value:
        """A vector of what was computed a step before."""
        now = self._values[e]
        before = self.code.get(self.kept[e], now.type)
        self.code.put(self.kept[e], now)
        return moved(before, now)

    def _finish(self, fold: Fold) -> None:
        statement = fold.statement
        total = fold.result()
        if statement.op == "add":
            total = total + 0  # a sum is never -0.0, in NumPy
        outer = any(axis < fold.depth for axis in statement.axes)
        self._save(statement, total, accumulate=outer or statement.buffer in self.accumulated)

    def _save(self, statement: Reduce, total: Value, accumulate: bool) -> None:
        address = element(
            self.code, statement.buffer, total.type.element, self._scalar_position(statement.index)
        )
        if accumulate:
            total = combine(statement.op, load(self.code, total.type, address), total)
        save(total, address)

    def body(self, at: Value | None, width: int) -> None:
        """One vector, or point."""
        self._values, self.places = dict(self.given), {}
        script, behind = self.script, dict[Expr, Expr]()
        if self.kept and self.neighbours is not None and width == self.width:
            order, behind, _ = self.neighbours
            script = script_of(self.piece, order)
        for step in script:
            if not isinstance(step, Expr):
                self._state(step, at, width)
            elif step not in self.given:
                ahead = behind.get(step)
                self._values[step] = (
                    self.emit(step, at, width) if ahead is None else self._moved(ahead)
                )
        self.places = None

    def _state(self, statement: Statement, at: Value | None, width: int) -> None:
        value = self._value(statement.value, width)
        if isinstance(statement, Store):
            self.write(statement, value, at, width)
        elif isinstance(statement, Reduce) and statement in self.folds:
            self.folds[statement].add(value)
        else:
            op = "add" if isinstance(statement, Add) else statement.op
            old = self.read(statement.buffer, value.type, statement.index, at)
            self.write(statement, combine(op, old, value), at, width)
