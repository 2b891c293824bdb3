"""Which part of an array matters, where only the running program knows: slices with traced bounds
are arrays of a known shape under masks of places, `low <= place < high`.

A *span* is a set of such conditions and stands for the places where all of them hold: the union of
two sets is the part that both spans share, and what two sets have in common holds in both spans.
Forwards, each value has a span outside of which it is one known number (zero, say); backwards, one
outside of which nobody needs it. Loops run through what remains."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

from irgrad.ir.graph import Graph, Node, Value
from irgrad.ir.types import I64, SHORT
from irgrad.ops.cast import Astype
from irgrad.ops.contract import Contract, split_spec
from irgrad.ops.create import Iota
from irgrad.ops.elementwise import Elementwise
from irgrad.ops.index import Gather, UpdateAt
from irgrad.ops.linear import BroadcastTo, Reshape
from irgrad.ops.select import Where
from irgrad.ops.shape import Pad, Slice, Transpose, UpdateSlice
from irgrad_numba.fold import IDENTITY
from irgrad_numba.sorts import REDUCTIONS, contract_extents, space_of, squeezed
from irgrad_numba.updates import ADDING, Copy


class Condition(NamedTuple):
    """On the place along an axis, counted from the last, -1: at least `bound + offset`, or below
    it; the bound is an integer that the program makes, None for 0.
    """

    axis: int
    at_least: bool
    bound: Value | None
    offset: int


Span = frozenset[Condition]
EVERYWHERE: Span = frozenset()

COMPARED = {
    "less": (False, 0), "less_equal": (False, 1), "greater": (True, 1), "greater_equal": (True, 0),
}  # fmt: skip
"""Comparisons of a place with a bound: whether it is at least that, and what the bound lacks."""
TURNED = {
    "less": "greater", "less_equal": "greater_equal",
    "greater": "less", "greater_equal": "less_equal",
}  # fmt: skip
MOVED = (Reshape, BroadcastTo, Transpose, Slice, Pad)
"""Ops that only move elements, or put zeros beside them."""
BOTH_ZERO = {"add", "subtract", "multiply", "maximum", "minimum"}
"""Functions of two numbers that are 0 where both are."""
ZERO = {"negative", "positive", "absolute", "square", "conjugate"}
"""Functions that are 0 where their operand is."""


class Known:
    """Forwards: masks of places, and where values are one known number."""

    def __init__(self, graph: Graph) -> None:
        self.inside: dict[Value, Span] = {}
        """Of masks: they hold nowhere else."""
        self.outside: dict[Value, tuple[Any, Span]] = {}
        """The number that a value is, and the span outside of which it is that."""
        for node in graph.nodes:
            self._know(node)

    def _know(self, node: Node) -> None:
        value, op = Value(node, 0), node.op
        if len(node.types) == 1 and value.type.dtype.kind == "b":
            span = self._mask(node)
            if span:
                self.inside[value] = span
        elif isinstance(op, Where):
            mask, x, y = node.operands
            inside, fill = self.inside.get(mask, EVERYWHERE), _number(y)
            if inside and fill is not None:
                self.outside[value] = fill, inside
            elif _number(x) == 0:
                self._zero(value, self.span(y))
            else:
                self._zero(value, self.span(x) & self.span(y))
        elif isinstance(op, Elementwise) and op.name in BOTH_ZERO:
            x, y = node.operands
            self._zero(value, _spread(self.span(x) & self.span(y), value))
        elif isinstance(op, Astype) or (isinstance(op, Elementwise) and op.name in ZERO):
            self._zero(value, self.span(node.operands[0]))
        elif isinstance(op, MOVED):
            self._zero(value, _forwards(node, self.span(node.operands[0])))

    def _mask(self, node: Node) -> Span:
        op, operands = node.op, node.operands
        if isinstance(op, MOVED):
            return _forwards(node, self.inside.get(operands[0], EVERYWHERE))
        if not isinstance(op, Elementwise):
            return EVERYWHERE
        if op.name == "logical_and":
            x, y = (self.inside.get(v, EVERYWHERE) for v in operands)
            return x | y
        if op.name in COMPARED:
            (x, y), name = operands, op.name
            if _axis_of_places(x) is None:
                (x, y), name = (y, x), TURNED[op.name]
            axis = _axis_of_places(x)
            if axis is not None and y.type.size == 1 and y.type.dtype == I64:
                at_least, offset = COMPARED[name]
                number = _number(y)
                bound = (y, offset) if number is None else (None, offset + int(number))
                return frozenset([Condition(axis, at_least, *bound)])
        return EVERYWHERE

    def _zero(self, value: Value, span: Span) -> None:
        if span:
            self.outside[value] = 0, span

    def span(self, value: Value, number: Any = 0) -> Span:
        """The span outside of which a value is a number."""
        fill, span = self.outside.get(value, (0, EVERYWHERE))
        return span if fill == number else EVERYWHERE


class Spans(Known):
    """Backwards too: which part of each value is needed, and so which part of its space the loops
    of a node must run through.
    """

    def __init__(
        self, graph: Graph, sorts: Mapping[Node, str], parts: Mapping[Value, Span] = {}
    ) -> None:
        super().__init__(graph)
        self.sorts = sorts
        self.needed: dict[Value, Span] = {}
        """Nobody needs another part of the value; of outputs, what `parts` says."""
        if self.inside or parts:
            self.needed = dict.fromkeys(graph.outputs, EVERYWHERE) | dict(parts)
            for node in reversed(graph.nodes):
                self._need(node)

    def of(self, node: Node) -> Span:
        """The part of the space of a node that its loops must run through, where it is computed
        into memory.
        """
        if not self.needed:
            return EVERYWHERE
        if self.sorts[node] == "update":
            return self._written(node)
        if self.sorts[node] == "reduction":
            return self._folded(node)
        return self.needed.get(Value(node, 0), EVERYWHERE)

    def _demand(self, value: Value, span: Span) -> None:
        known = self.needed.get(value)
        self.needed[value] = span if known is None else known & span

    def _need(self, node: Node) -> None:
        op, operands = node.op, node.operands
        span = self.needed.get(Value(node, 0), EVERYWHERE) if len(node.types) == 1 else EVERYWHERE
        parts: Sequence[Span] = [EVERYWHERE] * len(operands)
        if self.sorts[node] == "call":
            pass
        elif isinstance(op, Where):
            inside = self.inside.get(operands[0], EVERYWHERE)
            parts = [span, span | inside, span]
        elif isinstance(op, (Elementwise, Astype, Copy)):
            parts = [span] * len(operands)
        elif isinstance(op, MOVED):
            parts = [_backwards(node, span)]
        elif isinstance(op, Gather):
            rest = [a for a in range(operands[0].type.ndim) if a not in op.axes]
            ndim = operands[0].type.ndim
            moved = {-k: a - ndim for k, a in enumerate(reversed(rest), 1)}
            parts = [_renumbered(span, moved), *parts[1:]]
        elif self.sorts[node] == "update":
            parts = [EVERYWHERE, self._written(node), *parts[2:]]
        elif isinstance(op, Contract):
            parts = self._sides(node)
        elif type(op) in REDUCTIONS:
            parts = [self._folded(node)]
        for operand, part in zip(operands, parts, strict=True):
            self._demand(operand, frozenset(c for c in part if _has(operand, c.axis)))

    def _sides(self, node: Node) -> list[Span]:
        """The parts of its two operands that a contraction needs."""
        folded, letters = self._folded(node), list(contract_extents(node))
        place = {c: k - len(letters) for k, c in enumerate(letters)}
        return [
            _renumbered(folded, {place[c]: k - len(own) for k, c in enumerate(own)})
            for own in split_spec(node.op.parameters["spec"])[:2]
        ]

    def _written(self, node: Node) -> Span:
        """Where an update changes anything, in the axes of what it writes."""
        y = node.operands[1]
        if isinstance(node.op, ADDING):
            return self.span(y)
        op = y.node.op if not y.node.is_input and y.constant is None else None
        if isinstance(op, Where) and y.node.operands[2].type == y.type:
            mask, _, old = y.node.operands
            if _is_before(node, old):
                return self.inside.get(mask, EVERYWHERE)
        return EVERYWHERE

    def _folded(self, node: Node) -> Span:
        """The part of its space that a fold needs."""
        result = self.needed.get(Value(node, 0), EVERYWHERE)
        space = space_of(node)
        if isinstance(node.op, Contract):
            letters = list(contract_extents(node))
            *operands, out = split_spec(node.op.parameters["spec"])
            place = {c: k - len(space) for k, c in enumerate(letters)}
            sides = [
                _renumbered(self.span(v), {k - len(own): place[c] for k, c in enumerate(own)})
                for v, own in zip(node.operands, operands, strict=True)
            ]
            moved = {k - len(out): place[c] for k, c in enumerate(out)}
            summed = set(place.values()) - set(moved.values())
            zero = _along(sides[0] & sides[1], summed)
            return zero | _renumbered(result, moved)
        (x,) = node.operands
        axes = node.op.parameters["axes"]
        left = [axis - len(space) for axis in range(len(space)) if axis not in axes]
        identity = IDENTITY[REDUCTIONS[type(node.op)]](SHORT[x.type.dtype])
        moved = {k - len(left): axis for k, axis in enumerate(left)}
        summed = {axis - len(space) for axis in axes}
        return _along(self.span(x, identity), summed) | _renumbered(result, moved)


PLACES = {"add", "subtract", "minimum", "maximum", "logical_and", "logical_or", *COMPARED}
"""Functions of places that are places again, or masks of places."""


def made_of_places(graph: Graph) -> set[Value]:
    """Numbers of places along one axis, and what is made of these and of single integers alone:
    next to nothing is left of it where loops run through the part of an array that it is meant for.
    """
    found: set[Value] = set()
    for node in graph.nodes:
        value, op = Value(node, 0), node.op
        known = all(v in found or v.type.size == 1 for v in node.operands)
        moves = isinstance(op, (Where, Reshape, BroadcastTo, Transpose))
        chosen = moves or (isinstance(op, Elementwise) and op.name in PLACES)
        single = value.type.dtype.kind in "ib" and len(squeezed(value.type.shape)) == 1
        if single and (isinstance(op, Iota) or (chosen and known)):
            found.add(value)
    return found


def _number(value: Value) -> Any:
    """The number that all elements of a value are, where that is known."""
    while value.constant is None:
        if value.node.is_input or not isinstance(value.node.op, (BroadcastTo, Reshape)):
            return None
        value = value.node.operands[0]
    return value.constant.reshape(-1)[0].item() if value.constant.size == 1 else None


def _axis_of_places(value: Value) -> int | None:
    """The axis along which a value numbers places from 0."""
    node = value.node
    if value.constant is not None or node.is_input or value.type.dtype != I64:
        return None
    if isinstance(node.op, Iota):
        return node.op.axis - value.type.ndim
    if isinstance(node.op, (Reshape, BroadcastTo, Transpose)):
        axis = _axis_of_places(node.operands[0])
        return None if axis is None else _moves(node).get(axis)
    return None


def _moves(node: Node) -> Mapping[int, int]:
    """For each axis of the operand of a node that moves elements, from the last, the axis of the
    result; none of what a reshape merges or cuts.
    """
    old, new = node.operands[0].type.shape, node.types[0].shape
    if isinstance(node.op, Transpose):
        axes, count = node.op.parameters["axes"], len(new)
        return {axis - count: k - count for k, axis in enumerate(axes)}
    if isinstance(node.op, BroadcastTo):
        return {-k: -k for k in range(1, len(old) + 1) if old[-k] == new[-k]}
    if isinstance(node.op, (Slice, Pad)):
        p = node.op.parameters
        near = {1} if isinstance(node.op, Slice) else {0}
        apart = p["step"] if isinstance(node.op, Slice) else p["inside"]
        return {k - len(old): k - len(old) for k, by in enumerate(apart) if by in near}
    if squeezed(old) != squeezed(new):
        return {}
    long = [[a - len(s) for a in range(len(s)) if s[a] != 1] for s in (old, new)]
    return dict(zip(*long, strict=True))


def _forwards(node: Node, span: Span) -> Span:
    return _shifted(node, _renumbered(span, _moves(node)), 1) if span else span


def _backwards(node: Node, span: Span) -> Span:
    moves = {new: old for old, new in _moves(node).items()}
    return _shifted(node, _renumbered(span, moves), -1) if span else span


def _shifted(node: Node, span: Span, sign: int) -> Span:
    """Conditions as far on as places are in the result of a slice or pad, or (-1) back."""
    op: Any = node.op
    if not isinstance(op, (Slice, Pad)):
        return span
    by = [-start for start in op.start] if isinstance(op, Slice) else list(op.low)
    return frozenset(c._replace(offset=c.offset + sign * by[c.axis]) for c in span)


def _renumbered(span: Span, axes: Mapping[int, int]) -> Span:
    """The conditions on the axes that `axes` knows, on the axes that it says."""
    return frozenset(c._replace(axis=axes[c.axis]) for c in span if c.axis in axes)


def _along(span: Span, axes: Collection[int]) -> Span:
    """The conditions on some of the axes."""
    return frozenset(c for c in span if c.axis in axes)


def _spread(span: Span, value: Value) -> Span:
    return frozenset(c for c in span if _has(value, c.axis))


def _has(value: Value, axis: int) -> bool:
    """Whether a value has more than one place along an axis counted from the last."""
    return -axis <= value.type.ndim and value.type.shape[axis] != 1


def _is_before(node: Node, old: Value) -> bool:
    """Whether a value is what an update overwrites, element for element."""
    x, _, *indices = node.operands
    arrays = (x, x.node.operands[0]) if isinstance(x.node.op, Copy) else (x,)
    op: Any = node.op
    if isinstance(op, UpdateSlice):
        whole = old.type == x.type and not any(op.start) and set(op.step) <= {1}
        return whole and old in arrays
    read: Any = old.node.op
    return (
        isinstance(op, UpdateAt)
        and isinstance(read, Gather)
        and read.axes == op.axes
        and old.node.operands[0] in arrays
        and list(old.node.operands[1:]) == indices
        and (op.distinct or indices[0].type.size == 1)
    )
