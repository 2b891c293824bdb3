"""A piece of a kernel as LLVM: the loops, the innermost one over vectors, what is left over as one
shorter vector.

Expressions are computed in the outermost loop that they depend on. Folds along the innermost loops
run in a vector of partial results, other folds accumulate in memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

from irgrad_numba import truncate, vector_math
from irgrad_numba.elementwise import row_of
from irgrad_numba.expression import Add, Expr, Reduce, Statement, Store
from irgrad_numba.fold import BLOCK, Fold, combine
from irgrad_numba.index import Index
from irgrad_numba.llvm import BITS, Code, Module, Type, Value
from irgrad_numba.pieces import Limit, Piece
from irgrad_numba.strips import (
    VECTOR_BYTES,
    element,
    guarded,
    load,
    loop,
    save,
    stored_form,
    strips,
)

LIGHT = 12
"""Expressions in a loop below which four vectors go together; so they do where a library function
is called: its long chain of operations leaves the processor idle for one vector."""
TOGETHER = 4
"""Rows that are added to sums in memory at a time."""
LONG = 32
"""Of a loop of at least so many vectors, what is left over is over soon."""
INLINED = 400
"""Instructions of a kernel that becomes part of the loop around it."""


class Start(NamedTuple):
    """What a buffer must hold before the loops."""

    buffer: int
    number: Any
    size: int
    """How many elements; of a buffer with a row for each chunk, those of all rows."""


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
        _fill(code, start, types[start.buffer], chunk, max(1, chunks))
    for part in parts:
        Loops(code, part, accumulated, chunk).run()
    code.emit("ret void")
    arguments = [
        f"ptr noalias nocapture {'' if b in written else 'readonly '}%b{b}"
        for b in range(len(types))
    ]
    if checks(parts):
        arguments += ["ptr noalias nocapture %fault.site", "ptr noalias nocapture %fault.index"]
    arguments += ["i64 %chunk"] * bool(chunks)
    lines = ["entry:", *code.allocas, *code.lines]
    place = "alwaysinline" if inline and len(lines) < INLINED else "noinline"
    head = f"({', '.join(arguments)}) nounwind {place} {{\n"
    return module.shared("kernel", head + "\n".join(lines) + "\n}")


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


class Loops:
    """The loops of one piece; the outermost variable is `chunk` where that is given."""

    def __init__(
        self, code: Code, piece: Piece, accumulated: set[int], chunk: Value | None
    ) -> None:
        self.code = code
        self.piece = piece
        self.accumulated = accumulated
        self.chunk = chunk
        self.depth = len(piece.ranges)
        self.variables: list[Value] = []
        self.scalars: dict[Expr, Value] = {}
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
        if any(isinstance(s, Add) and not self._apart(s.index) for s in piece.statements):
            self.width = 1
        self.register = min(self.width, VECTOR_BYTES * 8 // widest)
        self.folds: dict[Reduce, Fold] = {}
        for s in piece.statements:
            if isinstance(s, Reduce) and self.depth - 1 in s.axes:
                depth = self.depth
                while depth and depth - 1 in s.axes:
                    depth -= 1
                self.folds[s] = Fold(code, piece.ranges, s, depth, self.width)
        self.early: dict[Expr, list[Statement]] = {}
        """What is stored as soon as it is known, so that no register waits with it."""
        self.late: list[Statement] = []
        self._order()

    def _order(self) -> None:
        """Statements that nothing else in the body waits for come early."""
        piece = self.piece
        loaded = {e.data[0] for e in piece.expressions if e.kind == "load"}
        written = Counter(s.buffer for s in piece.statements)
        for s in piece.statements:
            alone = written[s.buffer] == 1 and s.buffer not in loaded
            if alone and s.value.level == self.depth and not s.index.dynamic:
                self.early.setdefault(s.value, []).append(s)
            else:
                self.late.append(s)

    def run(self) -> None:
        """Emit everything."""
        self._level(0)

    def _picks(self, e: Expr) -> bool:
        """Whether an expression takes elements of an array lane by lane."""
        if e.kind != "load":
            return e.kind == "place"
        index: Index = e.data[1]
        return not self._uniform(index) or abs(index.coefficient(self.depth - 1)) > 1

    def _uniform(self, index: Index) -> bool:
        """Whether the dynamic terms of an index are the same in all lanes of a vector."""
        return all(e.level < self.depth for e, _ in index.dynamic)

    def _apart(self, index: Index) -> bool:
        """Whether the lanes of a vector have places of their own."""
        return self._uniform(index) and bool(index.coefficient(self.depth - 1))

    def _number(self, n: int) -> Value:
        return self.code.constant(Type("i64"), n)

    def _level(self, depth: int) -> None:
        if depth == self.depth:  # a piece without loops
            self._body(None, 1)
            return
        for expression in self.by_level.get(depth, []):
            self.scalars[expression] = self._emit(expression, None, 1)
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
        elif depth == self.depth - 2 and high - low >= TOGETHER and self._sums_rows():
            self._rows(low, high)
        elif high - low == 1:
            self._row(depth, self._number(low))
        else:
            with loop(self.code, low, high, 1) as i:
                self._row(depth, i)
        for fold in starting:
            self._finish(fold)

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

    def _rows(self, low: int, high: int) -> None:
        """The two innermost loops, over several rows at a time."""
        whole = (high - low) // TOGETHER * TOGETHER
        with loop(self.code, low, low + whole, TOGETHER) as i:
            self._together([i + k for k in range(TOGETHER)])
        if low + whole < high:
            self._together([self._number(k) for k in range(low + whole, high)])

    def _together(self, rows: Sequence[Value]) -> None:
        outer, own = self.scalars, self.by_level.get(self.depth - 1, [])
        scalars: list[dict[Expr, Value]] = []
        for row in rows:
            self.variables.append(row)
            self.scalars = dict(outer)
            for expression in own:
                self.scalars[expression] = self._emit(expression, None, 1)
            scalars.append(self.scalars)
            self.variables.pop()
        low, high = self.piece.ranges[-1]
        body = len(rows) * len(self.by_level.get(self.depth, []))
        for at, width in strips(self.code, low, high, self.width, body):
            for row, self.scalars in zip(rows, scalars, strict=True):
                self.variables.append(row)
                self._body(at, width)
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
        """The innermost loop between limits: blocks of vectors whose errors are kept, vectors, one
        register, single elements.
        """
        careful = [fold for fold in self.folds.values() if fold.careful]
        block = BLOCK * self.width
        if careful:
            end = self._end(low, high, block)
            with guarded(self.code, low, end, block) as start:
                with loop(self.code, 0, block, self.width) as i:
                    self._body(start + i, self.width)
                for fold in careful:
                    fold.gather()
            low = end
        for width in sorted(self._widths(), reverse=True):
            end = self._end(low, high, width)
            with guarded(self.code, low, end, width) as i:
                self._body(i, width)
            low = end
        for fold in careful:
            fold.gather()

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
        block, length = BLOCK * self.width, high - low
        careful = [fold for fold in self.folds.values() if fold.careful]
        if careful and high - low > 2 * block:
            whole = (high - low) // block * block
            with loop(self.code, low, low + whole, block) as start:
                with loop(self.code, 0, block, self.width) as i:
                    self._body(start + i, self.width)
                for fold in careful:
                    fold.gather()
            low += whole
        body, brief = len(self.by_level.get(self.depth, [])), self.code.brief
        for at, width in strips(self.code, low, high, self.width, body):
            self.code.brief = brief or (width < self.width and length >= LONG * self.width)
            self._body(at, width)
        self.code.brief = brief
        for fold in careful:
            fold.gather()

    def _finish(self, fold: Fold) -> None:
        statement = fold.statement
        total = fold.result()
        if self.limits and statement.op == "add":
            total = total + 0  # what nothing is added to is 0.0, not -0.0
        outer = any(axis < fold.depth for axis in statement.axes)
        self._save(statement, total, accumulate=outer or statement.buffer in self.accumulated)

    def _save(self, statement: Reduce, total: Value, accumulate: bool) -> None:
        address = element(
            self.code, statement.buffer, total.type.element, self._scalar_position(statement.index)
        )
        if accumulate:
            total = combine(statement.op, load(self.code, total.type, address), total)
        save(total, address)

    def _body(self, at: Value | None, width: int) -> None:
        values: dict[Expr, Value] = {}
        self._values = values
        for expression in self.by_level.get(self.depth, []):
            values[expression] = self._emit(expression, at, width)
            for statement in self.early.get(expression, ()):
                self._state(statement, at, width)
        for statement in self.late:
            self._state(statement, at, width)

    def _state(self, statement: Statement, at: Value | None, width: int) -> None:
        value = self._value(statement.value, width)
        if isinstance(statement, Store):
            self._write(statement, value, at, width)
        elif isinstance(statement, Reduce) and statement in self.folds:
            self.folds[statement].add(value)
        else:
            op = "add" if isinstance(statement, Add) else statement.op
            old = self._read(statement.buffer, value.type, statement.index, at)
            self._write(statement, combine(op, old, value), at, width)

    def _value(self, expression: Expr, width: int) -> Value:
        found = self._values.get(expression)
        if found is None:
            found = self._values[expression] = self.scalars[expression].splat(width)
        return found

    def _emit(self, e: Expr, at: Value | None, width: int) -> Value:
        type = Type(e.type, width)
        operand = (
            (lambda x: self._value(x, width))
            if at is not None or self.depth == 0
            else self.scalars.__getitem__
        )
        if self.depth == 0:
            operand = self._values.__getitem__
        if e.kind == "number":
            number = float.fromhex(e.data) if isinstance(e.data, str) else e.data
            return self.code.constant(type, number)
        if e.kind == "load":
            buffer, index = e.data
            return self._read(buffer, type, index, at)
        if e.kind == "index":
            return self._positions(e.data, at, width)
        if e.kind == "inside":
            index, low, high = e.data
            position = self._positions(index, at, width)
            return (position >= low) & (position < high)
        args = [operand(x) for x in e.args]
        if e.kind == "cast":
            return truncate.cast(args[0], e.type)
        if e.kind == "place":
            return checked(self.code, args[0], *e.data)
        if e.data in vector_math.MATH and args[0].type.is_float:
            return vector_math.call(e.data, *args)
        row = row_of(e.data, [x.type for x in e.args])
        assert row is not None, e.data
        return row(*args)

    def _scalar_position(self, index: Index, at: Value | None = None) -> Value:
        """The element at which a vector begins, from the loop variables."""
        total = None
        for v, by in index.terms:
            i = at if v == self.depth - 1 else self.variables[v]
            if i is not None:
                term = i * by if by != 1 else i
                total = term if total is None else total + term
        if total is None:
            return self._number(index.constant)
        return total + index.constant if index.constant else total

    def _positions(self, index: Index, at: Value | None, width: int) -> Value:
        """The elements of all lanes."""
        first = self._scalar_position(index, at)
        by = index.coefficient(self.depth - 1) if at is not None else 0
        total = first.splat(width)
        if by and width > 1:
            total = total + self.code.lanes(Type("i64", width), [by * k for k in range(width)])
        for expression, times in index.dynamic:
            scalar = self.scalars.get(expression)
            value = self._values[expression] if scalar is None else scalar.splat(width)
            total = total + value * times
        return total

    def _read(self, buffer: int, type: Type, index: Index, at: Value | None) -> Value:
        by = index.coefficient(self.depth - 1) if at is not None else 0
        if any(e.level == self.depth for e, _ in index.dynamic) and type.width > 1:
            return self._gathered(buffer, type, self._positions(index, at, type.width))
        first = self._positions(index, at, 1)
        if by == 0 or type.width == 1:
            address = element(self.code, buffer, type.element, first)
            return load(self.code, Type(type.element), address).splat(type.width)
        if by == 1:
            return load(self.code, type, element(self.code, buffer, type.element, first))
        if by == -1:
            first = first + (1 - type.width)
            return load(self.code, type, element(self.code, buffer, type.element, first)).reverse()
        return self._gathered(buffer, type, self._positions(index, at, type.width))

    def _gathered(self, buffer: int, type: Type, positions: Value) -> Value:
        lanes = [
            load(
                self.code,
                Type(type.element),
                element(self.code, buffer, type.element, positions.lane(k)),
            )
            for k in range(type.width)
        ]
        return lanes[0].joined(lanes[1:])

    def _write(
        self, statement: Store | Reduce | Add, value: Value, at: Value | None, width: int
    ) -> None:
        index, buffer = statement.index, statement.buffer
        by = index.coefficient(self.depth - 1) if at is not None else 0
        if width == 1 or (by == 1 and self._uniform(index)):
            position = self._positions(index, at, 1)
            save(value, element(self.code, buffer, value.type.element, position))
            return
        positions = self._positions(index, at, width)
        for k in range(width):
            save(value.lane(k), element(self.code, buffer, value.type.element, positions.lane(k)))


def checked(code: Code, index: Value, extent: int, site: int) -> Value:
    """`index` counted from 0 on an axis; where it is outside, 0, and the first of those is noted:
    its number, counted from 1, and the index.
    """
    place = (index < 0).where(index + extent, index)
    outside = (place < 0) | (place >= extent)
    width = index.type.width
    wrong = outside.text
    if width > 1:
        bits = code.value(Type("bool"), f"bitcast {outside.type.text} {wrong} to i{width}").text
        wrong = code.value(Type("bool"), f"icmp ne i{width} {bits}, 0").text
    note, go_on = code.fresh_label("outside"), code.fresh_label("inside")
    code.emit(f"br i1 {wrong}, label %{note}, label %{go_on}")
    code.label(note)
    first = index.lane(0)
    for k in range(width - 1, 0, -1):
        first = outside.lane(k).where(index.lane(k), first)
    first = outside.lane(0).where(index.lane(0), first)
    number = Type("i64")
    earlier = code.value(number, "load i64, ptr %fault.site, align 8")
    code.emit(f"store i64 {(earlier == 0).where(site + 1, earlier).text}, ptr %fault.site, align 8")
    kept = (earlier == 0).where(first, code.value(number, "load i64, ptr %fault.index, align 8"))
    code.emit(f"store i64 {kept.text}, ptr %fault.index, align 8")
    code.emit(f"br label %{go_on}")
    code.label(go_on)
    return outside.where(0, place)
