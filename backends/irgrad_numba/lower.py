"""A value of the graph at an index, as an expression: elementwise ops become applications, ops that
move elements change the index, values with a buffer become loads.

There is no recursion: a rule names the (value, index) pairs that it needs, and what it makes of
their expressions."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, NamedTuple

from irgrad.errors import IndexOutOfBounds, IrgradError
from irgrad.ir.blame import blame
from irgrad.ir.graph import Node, Value
from irgrad.ir.types import Shape, contiguous_strides
from irgrad.ops.call import Barrier
from irgrad.ops.cast import Astype
from irgrad.ops.create import Iota
from irgrad.ops.elementwise import Elementwise
from irgrad.ops.index import Gather
from irgrad.ops.linear import BroadcastTo, Reshape
from irgrad.ops.select import Where
from irgrad.ops.shape import Concatenate, Flip, Pad, Slice, Transpose, UpdateSlice
from irgrad.ops.stop import StopGradient
from irgrad_numba.arranged import Arranged
from irgrad_numba.columns import before_turns
from irgrad_numba.complex_parts import (
    TO_COMPLEX,
    TO_REAL,
    Arithmetic,
    in_memory,
    is_complex,
    part_type,
)
from irgrad_numba.decided import DecidedPool, affine
from irgrad_numba.expression import Expr, Pool
from irgrad_numba.index import ZERO, Index, Range, View, flat, unflatten
from irgrad_numba.intervals import interval_of
from irgrad_numba.patched import Patched
from irgrad_numba.updates import ADDING, Copy, UpdateWindow

LARGEST = 2**63 - 1
"""What larger unsigned indices count as."""
Place = tuple[Index, ...]
"""An index for each axis of a value."""


Need = tuple[Value, Place] | tuple[Value, Place, int]
"""A value at a place; of a complex one, part 0 (real) or 1 (imaginary) of it."""


class Demand(NamedTuple):
    """The values a rule needs, each at a place, and the expression (or further demand) made of
    them.
    """

    needs: Sequence[Need]
    make: Callable[..., Expr | Demand]


class Sites:
    """The indices that are checked when a program runs, by numbers: the node that indexes, and the
    axis.
    """

    def __init__(self) -> None:
        self.known: dict[tuple[Node, int], int] = {}

    def number(self, node: Node, axis: int) -> int:
        """The number of an index."""
        return self.known.setdefault((node, axis), len(self.known))

    def error(self, number: int, index: int) -> IrgradError:
        """What an index outside its axis raises."""
        node, axis = list(self.known)[number]
        told = _told(before_turns(node))
        here: Any = node.op.parameters["axes"]
        axes: Any = told.op.parameters["axes"]
        place = here.index(axis)
        operand = len(told.operands) - len(axes) + place
        extent = node.operands[0].type.shape[axis]
        what = f"{index} or more" if index == LARGEST else index
        error = IndexOutOfBounds.of(what, axes[place], extent, operand)
        blame(error, told)
        return error


def _told(node: Node) -> Node:
    """A node as the user knows it: without copies, a write into a window by the row that it first
    reads, an addition by what is added to an array.
    """
    op = node.op
    x, *rest = [v.node.operands[0] if isinstance(v.node.op, Copy) else v for v in node.operands]
    operands, types = (x, *rest), node.types
    if isinstance(op, ADDING):
        operands = tuple(rest)
    elif isinstance(op, UpdateWindow):
        op, operands = Gather(op.axes), (x, *rest[1:])
        types = op.result_types(*(v.type for v in operands))
    return Node(op, operands, types, location=node.location, origin=node.origin)


class Lowering:
    """Expressions for one piece: `views` are the values that are read from buffers, `ranges` those
    of the loop variables.
    """

    def __init__(
        self,
        views: Mapping[Value, View],
        ranges: Sequence[Range],
        made: Collection[Value],
        known: Mapping[Value, Range],
        sites: Sites,
    ) -> None:
        self.views = views
        self.ranges = ranges
        self.made = made
        """What the piece itself computes, and reads from no buffer."""
        self.intervals = known
        """What integers values hold, where that is known."""
        self.sites = sites
        self.pool = DecidedPool(ranges)
        self.cuts: list[tuple[int, int]] = []
        """Loop variables and their values at which something undecided is decided."""
        self._known: dict[Need, Expr] = {}

    def at(self, *wanted: Any) -> Expr:
        """The expression for a value at a place (and part)."""
        waiting: list[tuple[Need, Demand | None]] = [(wanted, None)]
        while waiting:
            key, demand = waiting.pop()
            if key in self._known:
                continue
            if demand is None:
                demand = self._demand(*key)  # pyright: ignore[reportArgumentType] -- a need
            missing = [need for need in demand.needs if need not in self._known]
            if missing:
                waiting.append((key, demand))
                waiting.extend((need, None) for need in reversed(missing))
                continue
            made = demand.make(*[self._known[need] for need in demand.needs])
            if isinstance(made, Demand):
                waiting.append((key, made))
            else:
                self._known[key] = made
        return self._known[wanted]

    def _demand(self, value: Value, place: Place, part: int | None = None) -> Demand:
        type = part_type(value.type.dtype)
        constant = value.constant
        view = None if value in self.made else self.views.get(value)
        if view is not None:
            position = flat(place, view.strides, view.offset)
            position = position if part is None else in_memory(position, part)
            return Demand([], lambda: self._loaded(value, type, view.buffer, position))
        if constant is not None:
            number = constant.reshape(-1)[0].item()
            number = number if part is None else (number.real, number.imag)[part]
            return Demand([], lambda: self.pool.number(type, number))
        if any(is_complex(v.type) for v in (value, *value.node.operands)):
            return _complex(self, value.node, place, part)
        return RULES[_class(value.node)](self, value.node, place)

    def _loaded(self, value: Value, type: str, buffer: int, position: Index) -> Expr:
        e = self.pool.load(type, buffer, position)
        interval = interval_of(value, self.intervals) if type == "i64" else None
        if interval is not None:
            self.pool.intervals[e] = interval
        return e

    def index_on(self, node: Node, axis: int, extent: int, value: Value, e: Expr) -> Index:
        """The index on an axis that `e`, an element of `value`, means for `node`."""
        interval = interval_of(value, self.intervals)
        if interval is None or not -extent <= interval[0] <= interval[1] < extent:
            if e.type == "u64":
                e = self.pool.apply("minimum", "u64", e, self.pool.number("u64", LARGEST))
            site = self.sites.number(node, axis)
            checked = self.pool.place(self.pool.cast("i64", e), extent, site)
            return Index(0, (), ((checked, 1),))
        position = affine(self.pool.cast("i64", e))
        if interval[0] >= 0:
            return position
        if interval[1] < 0:
            return position + extent
        pool, number = self.pool, self.pool.index(position)
        negative = pool.apply("less", "bool", number, pool.number("i64", 0))
        turned = pool.apply("add", "i64", number, pool.number("i64", extent))
        return Index(0, (), ((pool.apply("where", "i64", negative, turned, number), 1),))


def _class(node: Node) -> type:
    return Elementwise if isinstance(node.op, Elementwise) else type(node.op)


def _complex(low: Lowering, node: Node, place: Place, part: int | None) -> Demand:
    """A part of a node with complex numbers; of a real one, itself."""
    op, shape = node.op, node.types[0].shape
    rules: dict[str, Callable[..., Any]] = TO_REAL if part is None else TO_COMPLEX
    if isinstance(op, Astype):
        return _complex_cast(low, node, place, part)
    if op.name not in rules:
        return _of_part(RULES[_class(node)](low, node, place), part)
    places = [(v, broadcast_place(place, v.type.shape, shape)) for v in node.operands]
    needs = [(*each, number) for each in places for number in (0, 1)]
    arithmetic = Arithmetic(low.pool, part_type(node.operands[0].type.dtype))

    def make(*parts: Expr) -> Expr:
        made = rules[op.name](arithmetic, *zip(parts[::2], parts[1::2], strict=True))
        return made if part is None else made[part]

    return Demand(needs, make)


def _complex_cast(low: Lowering, node: Node, place: Place, part: int | None) -> Demand:
    type, (x,) = part_type(node.types[0].dtype), node.operands
    if is_complex(x.type):
        return Demand([(x, place, part or 0)], lambda e: low.pool.cast(type, e))
    if part:
        return Demand([], lambda: low.pool.number(type, 0.0))
    return Demand([(x, place)], lambda e: low.pool.cast(type, e))


def _of_part(demand: Demand, part: int | None) -> Demand:
    """A demand of an op that moves elements, for one part of them."""

    def make(*args: Expr) -> Expr | Demand:
        made = demand.make(*args)
        return _of_part(made, part) if isinstance(made, Demand) else made

    needs: list[Need] = [
        (need[0], need[1], part or 0) if is_complex(need[0].type) else need for need in demand.needs
    ]
    return Demand(needs, make)


def broadcast_place(place: Place, shape: Shape, result: Shape) -> Place:
    """The place in an operand of `shape` for a place in the `result` that it broadcasts to."""
    tail = place[len(result) - len(shape) :]
    return tuple(ZERO if extent == 1 else i for i, extent in zip(tail, shape, strict=True))


def _elementwise(low: Lowering, node: Node, place: Place) -> Demand:
    shape, type, name = node.types[0].shape, part_type(node.types[0].dtype), node.op.name
    needs = [(v, broadcast_place(place, v.type.shape, shape)) for v in node.operands]
    return Demand(needs, lambda *args: low.pool.apply(name, type, *args))


def _cast(low: Lowering, node: Node, place: Place) -> Demand:
    type = part_type(node.types[0].dtype)
    return Demand([(node.operands[0], place)], lambda x: low.pool.cast(type, x))


def _moved(move: Callable[[Lowering, Node, Place], Place]) -> Callable[..., Demand]:
    """A rule for an op that only moves elements: where an element comes from."""

    def rule(low: Lowering, node: Node, place: Place) -> Demand:
        return Demand([(node.operands[0], move(low, node, place))], lambda x: x)

    return rule


def _before_transpose(low: Lowering, node: Node, place: Place) -> Place:
    axes = node.op.parameters["axes"]
    return tuple(place[axes.index(axis)] for axis in range(len(axes)))


def _before_slice(low: Lowering, node: Node, place: Place) -> Place:
    p = node.op.parameters
    return tuple(
        i.scaled(step) + start for i, start, step in zip(place, p["start"], p["step"], strict=True)
    )


def _before_flip(low: Lowering, node: Node, place: Place) -> Place:
    axes, shape = node.op.parameters["axes"], node.types[0].shape
    return tuple(
        i.scaled(-1) + (shape[axis] - 1) if axis in axes else i for axis, i in enumerate(place)
    )


def _before_broadcast(low: Lowering, node: Node, place: Place) -> Place:
    return broadcast_place(place, node.operands[0].type.shape, node.types[0].shape)


def _before_reshape(low: Lowering, node: Node, place: Place) -> Place:
    shape = node.operands[0].type.shape
    if not shape:
        return ()
    position = flat(place, contiguous_strides(node.types[0].shape))
    found = unflatten(position, shape, low.ranges)
    if found is None:
        found = []
        for extent in reversed(shape[1:]):
            position, remainder = low.pool.divided(position, extent)
            found.insert(0, remainder)
        found.insert(0, position)
    return tuple(found)


def _iota(low: Lowering, node: Node, place: Place) -> Demand:
    p = node.op.parameters
    type = part_type(node.types[0].dtype)
    return Demand([], lambda: low.pool.cast(type, low.pool.index(place[p["axis"]])))


def decided(low: Lowering, index: Index, start: int, stop: int) -> bool | None:
    """Whether start <= index < stop at every point, at none (False), or it depends (None); where it
    depends on one loop variable, the values at which it changes are noted.
    """
    bounds = index.bounds(low.ranges)
    if bounds is None:
        return None
    if start <= bounds[0] and bounds[1] < stop:
        return True
    if bounds[1] < start or bounds[0] >= stop:
        return False
    if len(index.terms) == 1:
        ((v, by),) = index.terms
        for edge in (start, stop):
            beyond = index.constant - edge if by > 0 else edge - index.constant - 1
            at = -(beyond // abs(by))  # the first value on the other side of the edge
            if low.ranges[v][0] < at < low.ranges[v][1]:
                low.cuts.append((v, at))
    return None


def _clamped(pool: Pool, index: Index, extent: int) -> Index:
    """An index kept inside its axis, for a load whose result is thrown away outside of it."""
    low, high = pool.number("i64", 0), pool.number("i64", extent - 1)
    kept = pool.apply("minimum", "i64", pool.apply("maximum", "i64", pool.index(index), low), high)
    return Index(0, (), ((kept, 1),))


def _pad(low: Lowering, node: Node, place: Place) -> Demand:
    """Zero outside of the window; where elements stand apart, zero between them too."""
    p, pool = node.op.parameters, low.pool
    (operand,) = node.operands
    type = part_type(node.types[0].dtype)
    steps = tuple(between + 1 for between in p["inside"])
    window = _window(low, place, p["low"], steps, operand.type.shape)
    zero = pool.number(type, _zero(type))
    if window is None:
        return Demand([], lambda: zero)
    inner, conditions = window
    return Demand([(operand, inner)], lambda x: _where_all(pool, conditions, x, zero))


def _update_slice(low: Lowering, node: Node, place: Place) -> Demand:
    """The second operand inside the window, the first elsewhere."""
    p, pool = node.op.parameters, low.pool
    x, y = node.operands
    window = _window(low, place, p["start"], p["step"], y.type.shape)
    if window is None:
        return Demand([(x, place)], lambda old: old)
    inner, conditions = window
    if not conditions:
        return Demand([(y, inner)], lambda new: new)
    needs = [(x, place), (y, inner)]
    return Demand(needs, lambda old, new: _where_all(pool, conditions, new, old))


def _window(
    low: Lowering, place: Place, start: Shape, step: Shape, shape: Shape
) -> tuple[Place, list[Expr]] | None:
    """The place in a window of `shape` that begins at `start`, its elements `step` apart, and under
    what conditions there is one; None where there is none.
    """
    pool = low.pool
    inner: list[Index] = []
    conditions: list[Expr] = []
    for i, first, by, extent in zip(place, start, step, shape, strict=True):
        shifted, length = i + -first, (extent - 1) * by + 1
        certain = decided(low, shifted, 0, length) if extent else False
        if certain is False:
            return None
        if certain is None:
            conditions.append(pool.inside(shifted, 0, length))
        if by > 1:
            shifted, remainder = low.pool.divided(shifted, by)
            divides = decided(low, remainder, 0, 1)
            if divides is False:
                return None
            if divides is None:
                conditions.append(_is_zero(pool, remainder))
        inner.append(_clamped(pool, shifted, extent) if certain is None else shifted)
    return tuple(inner), conditions


def _is_zero(pool: Pool, index: Index) -> Expr:
    return pool.apply("equal", "bool", pool.index(index), pool.number("i64", 0))


def _where_all(pool: Pool, conditions: list[Expr], x: Expr, y: Expr) -> Expr:
    """`x` where all conditions hold, else `y`."""
    for condition in conditions:
        x = pool.apply("where", x.type, condition, x, y)
    return x


def _gather(low: Lowering, node: Node, place: Place) -> Demand:
    """The element at the place that the indices say; what is not indexed comes last."""
    x, *indices = node.operands
    count = indices[0].type.ndim

    def make(*found: Expr) -> Demand:
        return Demand([(x, indexed(low, node, node.op.parameters["axes"], found, place))], _itself)

    return Demand([(index, place[:count]) for index in indices], make)


def _itself(e: Expr) -> Expr:
    return e


def indexed(
    low: Lowering, node: Node, axes: Sequence[int], found: Sequence[Expr], place: Place
) -> Place:
    """The place in the first operand of a node that indexes its `axes`, given the elements of the
    index arrays: these are the node's last operands.
    """
    x, indices = node.operands[0], node.operands[len(node.operands) - len(found) :]
    rest = iter(place[indices[0].type.ndim :])
    at = {
        axis: low.index_on(node, axis, x.type.shape[axis], value, e)
        for axis, value, e in zip(axes, indices, found, strict=True)
    }
    return tuple(at[axis] if axis in at else next(rest) for axis in range(x.type.ndim))


def _zero(type: str) -> Any:
    return False if type == "bool" else 0.0 if type in ("f32", "f64") else 0


def _concatenate(low: Lowering, node: Node, place: Place) -> Demand:
    axis, pool = node.op.parameters["axis"], low.pool
    type = part_type(node.types[0].dtype)
    needs: list[tuple[Value, Place]] = []
    conditions: list[Expr] = []
    start = 0
    for operand in node.operands:
        extent = operand.type.shape[axis]
        index = place[axis] + -start
        certain = decided(low, index, 0, extent) if extent else False
        start += extent
        if certain is False:
            continue
        inner = index if certain else _clamped(pool, index, extent)
        needs.append((operand, (*place[:axis], inner, *place[axis + 1 :])))
        if certain:
            break
        conditions.append(pool.inside(index, 0, extent))

    def make(*parts: Expr) -> Expr:
        result = parts[-1]
        for condition, part in zip(conditions[: len(parts) - 1], parts, strict=False):
            result = pool.apply("where", type, condition, part, result)
        return result

    return Demand(needs, make)


RULES: dict[type, Callable[[Lowering, Node, Place], Demand]] = {
    Elementwise: _elementwise,
    Where: _elementwise,
    Astype: _cast,
    Arranged: _moved(lambda low, node, place: place),
    Barrier: _moved(lambda low, node, place: place),
    StopGradient: _moved(lambda low, node, place: place),
    Transpose: _moved(_before_transpose),
    Slice: _moved(_before_slice),
    Flip: _moved(_before_flip),
    BroadcastTo: _moved(_before_broadcast),
    Reshape: _moved(_before_reshape),
    Pad: _pad,
    UpdateSlice: _update_slice,
    Patched: _update_slice,
    Gather: _gather,
    Concatenate: _concatenate,
    Iota: _iota,
    Copy: _moved(lambda low, node, place: place),
}
