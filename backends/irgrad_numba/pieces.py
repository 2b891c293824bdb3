"""A kernel as loops: its space cut into boxes in which every pad and concatenation is decided, and
the statements that each box runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import pairwise, product
from typing import Any, NamedTuple

from irgrad.ir.graph import Graph, Node, Value
from irgrad.ir.types import Shape
from irgrad.ops.contract import Contract, split_spec
from irgrad.ops.index import UpdateAt
from irgrad_numba.complex_parts import Arithmetic, in_memory, is_complex, multiply, part_type
from irgrad_numba.expression import Add, Expr, Reduce, Statement, Store
from irgrad_numba.index import ZERO, Index, Range, View, flat, variable
from irgrad_numba.lower import Lowering, Place, indexed
from irgrad_numba.schedule import Kernel, Schedule
from irgrad_numba.sorts import REDUCTIONS, contract_extents, space_of, squeezed
from irgrad_numba.spans import Condition, Span
from irgrad_numba.updates import ADDING, AddAt, UpdateRows, is_update

MOST_BOXES = 64
"""Where cutting would give more boxes, what is undecided is decided at run time."""


class Limit(NamedTuple):
    """What else bounds a loop: its variable is at least a number that the program makes, or below
    it.
    """

    variable: int
    at_least: bool
    bound: Expr


class Piece(NamedTuple):
    """Loops over `ranges` within `limits`, outermost first, that run `statements` at each point;
    expressions in an order in which operands come first. `turns` say before how many of these each
    statement runs, where what comes later loads what it writes; else all run at the end.
    """

    ranges: tuple[Range, ...]
    statements: tuple[Statement, ...]
    expressions: tuple[Expr, ...]
    limits: tuple[Limit, ...] = ()
    turns: tuple[int, ...] = ()


def pieces(schedule: Schedule, kernel: Kernel) -> list[Piece]:
    """The boxes of a kernel with their statements."""
    if 0 in kernel.space:
        return []
    result: list[Piece] = []
    waiting = _boxes(kernel)[::-1]
    while waiting:
        box = waiting.pop()
        piece, cuts = _lowered(schedule, kernel, box)
        cut = next(iter(cuts), None)
        if cut is None or len(result) + len(waiting) >= MOST_BOXES:
            result.append(_collapsed(piece))
        else:
            axis = cut[0]
            low, high = box[axis]
            ends = [low, *sorted({at for v, at in cuts if v == axis}), high]
            waiting += [
                (*box[:axis], (start, stop), *box[axis + 1 :])
                for start, stop in reversed([*pairwise(ends)])
            ]
    return result


def _boxes(kernel: Kernel) -> list[tuple[Range, ...]]:
    """The parts of a kernel's space in which some of its roots are computed, and those everywhere;
    all are in the first.
    """
    spaces = {squeezed(space_of(node)) for node in kernel.roots}
    ends = [sorted({0, *extents}) for extents in zip(*spaces, strict=True)]
    boxes = product(*[[*pairwise(axis)] for axis in ends])
    return [box for box in boxes if any(_covers(space, box) for space in spaces)]


def _covers(space: Shape, box: tuple[Range, ...]) -> bool:
    return all(high <= extent for extent, (_, high) in zip(space, box, strict=True))


def _lowered(
    schedule: Schedule, kernel: Kernel, box: tuple[Range, ...]
) -> tuple[Piece, list[tuple[int, int]]]:
    roots = [node for node in kernel.roots if _covers(squeezed(space_of(node)), box)]
    made = {Value(node, 0) for node in [*kernel.roots, *kernel.beside]}
    low = Lowering(schedule.views, box, made, schedule.intervals, schedule.sites)
    conditions = _in_order(kernel.limits, schedule.graph)
    limits = tuple(_limit(low, condition, len(box)) for condition in conditions)
    statements = tuple(s for node in roots for s in _statements(schedule, low, node))
    return Piece(box, statements, tuple(_live(low, statements, limits)), limits), low.cuts


def _in_order(span: Span, graph: Graph) -> list[Condition]:
    """Conditions in an order that does not depend on where values lie in memory."""
    if len(span) < 2:
        return list(span)
    names: Mapping[Value | None, str] = {None: "", **graph.names}
    return sorted(span, key=lambda c: (c.axis, c.at_least, c.offset, names.get(c.bound, "")))


def _limit(low: Lowering, condition: Condition, depth: int) -> Limit:
    """A condition as a limit, which what is computed next may rely on."""
    pool, number = low.pool, depth + condition.axis
    bound = pool.number("i64", condition.offset)
    if condition.bound is not None:
        start = low.at(condition.bound, (ZERO,) * condition.bound.type.ndim)
        bound = pool.apply("add", "i64", start, bound) if condition.offset else start
    pool.limit(number, condition.at_least, bound)
    return Limit(number, condition.at_least, bound)


def _live(
    low: Lowering, statements: tuple[Statement, ...], limits: tuple[Limit, ...]
) -> list[Expr]:
    """The expressions that the statements use, and the indices to be checked, used or not."""
    needed = {statement.value for statement in statements}
    needed.update(limit.bound for limit in limits)
    needed.update(e for e in low.pool.order if e.kind == "place")
    for statement in statements:
        needed.update(e for e, _ in statement.index.dynamic)
    for expression in reversed(low.pool.order):
        if expression in needed:
            needed.update(expression.args)
    return [e for e in low.pool.order if e in needed]


def _statements(schedule: Schedule, low: Lowering, node: Node) -> list[Statement]:
    """What computes a node: one statement, or one for each part of a complex number."""
    place = _variables(space_of(node))
    value = Value(node, 0)
    view = schedule.views[value]
    parts: list[tuple[int, ...]] = [(0,), (1,)] if is_complex(value.type) else [()]
    if isinstance(node.op, Contract):
        return _products(schedule, low, node)
    if is_update(node):
        return [_update(low, node, view, place)]
    op = REDUCTIONS.get(type(node.op))
    if op is None:
        index = flat(place, view.strides)
        return [Store(view.buffer, _at(index, p), low.at(value, place, *p)) for p in parts]
    axes = node.op.parameters["axes"]
    index = flat([i for axis, i in enumerate(place) if axis not in axes], view.strides)
    over = [place[axis] for axis in axes]
    return [
        _folded(view.buffer, _at(index, p), low.at(node.operands[0], place, *p), op, over)
        for p in parts
    ]


def _at(index: Index, part: tuple[int, ...]) -> Index:
    return in_memory(index, *part) if part else index


def _update(low: Lowering, node: Node, view: View, place: Place) -> Statement:
    """A write into part of what `view` shows."""
    _, y, *indices = node.operands
    op: Any = node.op
    at = place
    if isinstance(node.op, UpdateRows):
        axis = node.op.axis
        first = Index(0, (), ((low.at(*indices, ()), y.type.shape[axis]),))
        at, indices = (*at[:axis], at[axis] + first, *at[axis + 1 :]), []
    elif not isinstance(op, (UpdateAt, AddAt)):
        at = tuple(
            i.scaled(step) + start for i, start, step in zip(place, op.start, op.step, strict=True)
        )
    if indices:
        found = [low.at(index, place[: index.type.ndim]) for index in indices]
        at = indexed(low, node, op.axes, found, at)
    index, value = flat(at, view.strides, view.offset), low.at(y, place)
    make = Add if isinstance(op, ADDING) else Store
    return make(view.buffer, index, value)


def _folded(buffer: int, index: Index, value: Expr, op: str, over: list[Index]) -> Statement:
    axes = tuple(v for i in over for v, _ in i.terms)
    return Reduce(buffer, index, value, op, axes) if axes else Store(buffer, index, value)


def _products(schedule: Schedule, low: Lowering, node: Node) -> list[Statement]:
    left, right, result = split_spec(node.op.parameters["spec"])
    extents = contract_extents(node)
    at = dict(zip(extents, _variables(tuple(extents.values())), strict=True))
    places = [
        (v, tuple(at[c] for c in letters))
        for v, letters in zip(node.operands, (left, right), strict=True)
    ]
    type = part_type(node.types[0].dtype)
    view = schedule.views[Value(node, 0)]
    index = flat([at[c] for c in result], view.strides)
    over = [at[c] for c in extents if c not in result]
    if is_complex(node.types[0]):
        x, y = ((low.at(*place, 0), low.at(*place, 1)) for place in places)
        return [
            _folded(view.buffer, in_memory(index, k), part, "add", over)
            for k, part in enumerate(multiply(Arithmetic(low.pool, type), x, y))
        ]
    name, op = ("logical_and", "logical_or") if type == "bool" else ("multiply", "add")
    product = low.pool.apply(name, type, *(low.at(*place) for place in places))
    return [_folded(view.buffer, index, product, op, over)]


def _variables(space: Shape) -> Place:
    """A loop variable for each extent but 1."""
    place: list[Index] = []
    for extent in space:
        place.append(ZERO if extent == 1 else variable(sum(i is not ZERO for i in place)))
    return tuple(place)


def _collapsed(piece: Piece) -> Piece:
    """Neighbouring loops that run through memory as one become one: the outer one is left with a
    single step.
    """
    ranges, limited = list(piece.ranges), {limit.variable for limit in piece.limits}
    indices = [s.index for s in piece.statements]
    folds = [s.axes if isinstance(s, Reduce) else () for s in piece.statements]
    for e in piece.expressions:
        if e.kind == "load":
            indices.append(e.data[1])
        elif e.kind in ("index", "inside"):
            indices.append(e.data if e.kind == "index" else e.data[0])
    inner = len(ranges) - 1
    for k in range(len(ranges) - 2, -1, -1):
        (low, high), (low_in, high_in) = ranges[k], ranges[inner]
        together = (
            low == low_in == 0
            and not {k, inner} & limited
            and all(i.coefficient(k) == i.coefficient(inner) * high_in for i in indices)
            and all((k in fold) == (inner in fold) for fold in folds)
        )
        if together:
            ranges[k], ranges[inner] = (0, 1), (0, high * high_in)
        else:
            inner = k
    return piece._replace(ranges=tuple(ranges))


class Operand(NamedTuple):
    """A buffer as a kernel sees it, from an element on."""

    buffer: int
    start: int
    type: str


def relocated(parts: list[Piece]) -> tuple[list[Piece], list[Operand]]:
    """The pieces with their buffers numbered in order of appearance and addressed from the first
    element in use, so that kernels that differ only in where their data lies are the same; and what
    those numbers mean.
    """
    least: dict[int, int] = {}
    types: dict[int, str] = {}
    for part in parts:
        accesses = [(*e.data, e.type) for e in part.expressions if e.kind == "load"]
        accesses += [(s.buffer, s.index, s.value.type) for s in part.statements]
        for buffer, index, type in accesses:
            first = 0 if index.dynamic else index.constant
            least[buffer] = min(first, least.get(buffer, first))
            types[buffer] = type
    number = {buffer: k for k, buffer in enumerate(least)}
    result: list[Piece] = []
    for part in parts:
        for e in part.expressions:
            if e.kind == "load":
                buffer, index = e.data
                e.data = number[buffer], index + -least[buffer]
        statements = tuple(
            replace(s, buffer=number[s.buffer], index=s.index + -least[s.buffer])
            for s in part.statements
        )
        result.append(part._replace(statements=statements))
    return result, [Operand(b, least[b], types[b]) for b in least]
