"""One point of a piece, or a vector of points along its innermost loop: the expressions, what they
read, and where statements write."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from irgrad_numba import truncate, vector_math
from irgrad_numba.doubled import as_sum, doubled
from irgrad_numba.elementwise import row_of
from irgrad_numba.expression import Add, Expr, Reduce, Store
from irgrad_numba.index import Index
from irgrad_numba.llvm import Code, Type, Value
from irgrad_numba.pieces import Piece
from irgrad_numba.strips import element, load, save


class Points:
    """The values of expressions at a point of the loops, whose variables are known."""

    def __init__(self, code: Code, piece: Piece) -> None:
        self.code = code
        self.piece = piece
        self.depth = len(piece.ranges)
        self.doubled = doubled(piece)
        self.variables: list[Value] = []
        self.scalars: dict[Expr, Value] = {}
        """Those of the loops around the innermost one."""
        self._values: dict[Expr, Value] = {}
        self.places: dict[Any, Value] | None = None
        """Those of elements that the body has computed; none outside of it."""

    def _uniform(self, index: Index) -> bool:
        """Whether the dynamic terms of an index are the same in all lanes of a vector."""
        return all(e.level < self.depth for e, _ in index.dynamic)

    def _apart(self, index: Index) -> bool:
        """Whether the lanes of a vector have places of their own."""
        return self._uniform(index) and bool(index.coefficient(self.depth - 1))

    def _number(self, n: int) -> Value:
        return self.code.constant(Type("i64"), n)

    def _value(self, expression: Expr, width: int) -> Value:
        found = self._values.get(expression)
        if found is None:
            found = self._values[expression] = self.scalars[expression].splat(width)
        return found

    def emit(self, e: Expr, at: Value | None, width: int) -> Value:
        """The value of an expression whose operands are known."""
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
            return self.read(buffer, type, index, at)
        if e.kind == "index":
            return self.positions(e.data, at, width)
        if e.kind == "inside":
            index, low, high = e.data
            position = self.positions(index, at, width)
            return (position >= low) & (position < high)
        if e in self.doubled:
            factor, x = self.doubled[e]
            return as_sum(factor, operand(x))
        args = [operand(x) for x in e.args]
        if e.kind == "cast":
            return truncate.cast(args[0], e.type)
        if e.kind == "place":
            return checked(self.code, args[0], *e.data)
        if e.data in vector_math.MATH and args[0].type.is_float:
            if e.data == "power" and e.args[1].kind == "number":
                return vector_math.power_of(args[0], float.fromhex(e.args[1].data))
            return vector_math.call(e.data, *args)
        row = row_of(e.data, [x.type for x in e.args])
        assert row is not None, e.data
        return row(*args)

    def _scalar_position(self, index: Index, at: Value | None = None) -> Value:
        """The element at which a vector begins, from the loop variables."""
        if self.places is None:
            return self._place(index.terms, at) + index.constant
        key = index.terms, at and at.text
        if key not in self.places:
            self.places[key] = self._place(index.terms, at)
        if (key, index.constant) not in self.places:
            self.places[key, index.constant] = self.places[key] + index.constant
        return self.places[key, index.constant]

    def _place(self, terms: Sequence[tuple[int, int]], at: Value | None) -> Value:
        total = self._number(0)
        for v, by in terms:
            i = at if v == self.depth - 1 else self.variables[v]
            if i is not None:
                total = total + i * by
        return total

    def positions(self, index: Index, at: Value | None, width: int) -> Value:
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

    def read(self, buffer: int, type: Type, index: Index, at: Value | None) -> Value:
        by = index.coefficient(self.depth - 1) if at is not None else 0
        if any(e.level == self.depth for e, _ in index.dynamic) and type.width > 1:
            return self._gathered(buffer, type, self.positions(index, at, type.width))
        first = self.positions(index, at, 1)
        if by == 0 or type.width == 1:
            address = element(self.code, buffer, type.element, first)
            return load(self.code, Type(type.element), address).splat(type.width)
        if by == 1:
            return load(self.code, type, element(self.code, buffer, type.element, first))
        if by == -1:
            first = first + (1 - type.width)
            return load(self.code, type, element(self.code, buffer, type.element, first)).reverse()
        return self._gathered(buffer, type, self.positions(index, at, type.width))

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

    def write(
        self, statement: Store | Reduce | Add, value: Value, at: Value | None, width: int
    ) -> None:
        index, buffer = statement.index, statement.buffer
        by = index.coefficient(self.depth - 1) if at is not None else 0
        if width == 1 or (by == 1 and self._uniform(index)):
            position = self.positions(index, at, 1)
            save(value, element(self.code, buffer, value.type.element, position))
            return
        if by == -1 and self._uniform(index):
            position = self.positions(index, at, 1) + (1 - width)
            save(value.reverse(), element(self.code, buffer, value.type.element, position))
            return
        positions = self.positions(index, at, width)
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
