"""What one iteration of a loop computes: expressions over loads, numbers and loop variables.

Expressions of one piece of a kernel are made through a `Pool`, which gives the same object for the
same expression, in an order in which operands come before their users."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from irgrad_numba.index import Index


class Expr:
    """A scalar at each point of the loops.

    kind "number": `data` is the Python number; "load": `data` is (buffer, Index); "index": `data`
    is an Index, as an i64; "inside": `data` is (Index, low, high), whether low <= index < high;
    "apply": `data` is the name of an elementwise op; "cast": to `type`; "place": the operand as an
    index from 0 on an axis, `data` is its extent and the number of this index among those checked.
    """

    __slots__ = ("args", "data", "kind", "level", "type")

    def __init__(self, kind: str, type: str, args: tuple[Expr, ...], data: Any, level: int) -> None:
        self.kind = kind
        self.type = type
        """Short name of the dtype."""
        self.args = args
        self.data = data
        self.level = level
        """How many of the outermost loops it depends on."""

    def __repr__(self) -> str:
        return f"{self.kind}:{self.type}({self.data}{self.args or ''})"


@dataclass(frozen=True)
class Store:
    """`buffer[index] = value` at each point."""

    buffer: int
    index: Index
    value: Expr


@dataclass(frozen=True)
class Reduce:
    """`buffer[index] = op over the loops in axes of value`."""

    buffer: int
    index: Index
    value: Expr
    op: str
    axes: tuple[int, ...]


@dataclass(frozen=True)
class Add:
    """`buffer[index] += value` at each point, one after the other where places may be equal."""

    buffer: int
    index: Index
    value: Expr


Statement = Store | Reduce | Add


class Pool:
    """The expressions of one piece, each made once."""

    def __init__(self) -> None:
        self.order: list[Expr] = []
        self._known: dict[Any, Expr] = {}

    def _make(self, kind: str, type: str, args: tuple[Expr, ...], data: Any, level: int) -> Expr:
        key = (kind, type, data, args)
        found = self._known.get(key)
        if found is None:
            level = max([level, *(arg.level for arg in args)])
            found = self._known[key] = Expr(kind, type, args, data, level)
            self.order.append(found)
        return found

    def number(self, type: str, number: Any) -> Expr:
        """A constant; floats are told apart by their bits, so that 0.0 and -0.0 differ."""
        data = number.hex() if isinstance(number, float) else number
        return self._make("number", type, (), data, 0)

    def load(self, type: str, buffer: int, index: Index) -> Expr:
        """An element of a buffer."""
        args = tuple(e for e, _ in index.dynamic)
        return self._make("load", type, args, (buffer, index), _level(index))

    def index(self, index: Index) -> Expr:
        """An index as a number."""
        if len(index.dynamic) == 1 and not (index.constant or index.terms):
            ((number, by),) = index.dynamic
            if by == 1:
                return number
        args = tuple(e for e, _ in index.dynamic)
        return self._make("index", "i64", args, index, _level(index))

    def inside(self, index: Index, low: int, high: int) -> Expr:
        """Whether low <= index < high."""
        args = tuple(e for e, _ in index.dynamic)
        return self._make("inside", "bool", args, (index, low, high), _level(index))

    def place(self, x: Expr, extent: int, site: int) -> Expr:
        """An index on an axis of `extent`, from the end where it is negative, checked."""
        return self._make("place", "i64", (x,), (extent, site), 0)

    def apply(self, op: str, type: str, *args: Expr) -> Expr:
        """An elementwise op."""
        return self._make("apply", type, args, op, 0)

    def cast(self, type: str, x: Expr) -> Expr:
        """`x` as another dtype."""
        return x if x.type == type else self._make("cast", type, (x,), None, 0)

    def forget(self, buffer: int) -> None:
        """A buffer has been written to: its elements must be loaded again."""
        keys = [k for k, e in self._known.items() if e.kind == "load" and e.data[0] == buffer]
        for key in keys:
            del self._known[key]


class Copies:
    """The expressions of one piece in the pool of another, each index changed, and then each place
    in memory; `load` makes what is loaded.
    """

    def __init__(
        self,
        pool: Pool,
        change: Callable[[Index], Index] = lambda index: index,
        home: Callable[[int, Index], tuple[int, Index]] = lambda *place: place,
        load: Callable[[str, int, Index], Expr] | None = None,
    ) -> None:
        self.pool = pool
        self.change = change
        self.home = home
        self.load = load or pool.load
        self.known: dict[Expr, Expr] = {}

    def _index(self, index: Index) -> Index:
        dynamic = tuple((self.known[e], by) for e, by in index.dynamic)
        return self.change(index)._replace(dynamic=dynamic)

    def make(self, e: Expr) -> Expr:
        """The copy of an expression, whose operands have been copied."""
        pool, args = self.pool, [self.known[x] for x in e.args]
        if e.kind == "number":
            number = float.fromhex(e.data) if isinstance(e.data, str) else e.data
            copy = pool.number(e.type, number)
        elif e.kind == "load":
            copy = self.load(e.type, *self.home(e.data[0], self._index(e.data[1])))
        elif e.kind == "index":
            copy = pool.index(self._index(e.data))
        elif e.kind == "inside":
            copy = pool.inside(self._index(e.data[0]), *e.data[1:])
        elif e.kind == "place":
            copy = pool.place(args[0], *e.data)
        elif e.kind == "cast":
            copy = pool.cast(e.type, args[0])
        else:
            copy = pool.apply(e.data, e.type, *args)
        self.known[e] = copy
        return copy

    def statement(self, s: Statement) -> Statement:
        """The copy of a statement."""
        buffer, index = self.home(s.buffer, self._index(s.index))
        return replace(s, value=self.known[s.value], buffer=buffer, index=index)


def _level(index: Index) -> int:
    return max((v + 1 for v, _ in index.terms), default=0)
