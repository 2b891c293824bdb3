"""Sparsity patterns: which elements of the outputs of a graph can depend on which elements of some
inputs, read off the graph without running its floats.

Every value that depends on the inputs has a pattern: a boolean CSR matrix with a row for each of
its elements (in C order) and a column for each element of the inputs. An op's rule makes the
pattern of its output from those of its operands; an op without a rule depends on all that reaches
it.

A pattern holds for all floats. What integers and bools decide (which element a gather picks, which
branch a `where` takes) is evaluated where it follows from constants, and from integer or bool
inputs whose arrays are given: the pattern then holds for those, which the result names."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sp

from irgrad.autodiff.calls import Checkpoint
from irgrad.ir.graph import Graph, Node, Value
from irgrad.ir.op import Array, Op
from irgrad.ir.types import Shape, is_inexact, keep_axes
from irgrad.ops.accumulate import AddStacks
from irgrad.ops.call import Barrier, Call
from irgrad.ops.cast import Astype, Conjugate, Imag, Real
from irgrad.ops.contract import Contract, split_spec
from irgrad.ops.elementwise import Elementwise
from irgrad.ops.index import Gather, ScatterAdd, UpdateAt
from irgrad.ops.linalg.matrix import Stacked
from irgrad.ops.linear import BroadcastTo, Reshape, Sum
from irgrad.ops.reduction import Max, Min, Prod
from irgrad.ops.scan import Cummax, Cummin, Cumprod, Cumsum, Recurrence
from irgrad.ops.select import Where
from irgrad.ops.shape import Concatenate, Flip, Pad, Slice, Transpose, UpdateSlice
from irgrad.ops.sorting import Sort

Rows = Any
"""A boolean `scipy.sparse.csr_array`, a row for each element of a value."""

LARGEST_KNOWN = 10**7
"""Integers and bools beyond that many elements are not evaluated."""
MOST_VISITS = 20_000
"""Steps of loops are followed one by one, with their positions known, up to so many nodes."""
LARGEST_SCAN = 10**7
"""Entries in the triangle of a running sum; beyond that, all of a line depends on all of it."""


class Dependence(NamedTuple):
    """The pattern of all outputs, one below the other, and the inputs whose arrays decided it."""

    pattern: Rows
    decided_by: frozenset[Value]


class Known(NamedTuple):
    """What is known of a value: its pattern (None where it does not depend on the inputs), or its
    numbers, and the inputs whose arrays decided these.

    The pattern of a stack of dynamic extent is that of one row, the union of them all."""

    pattern: Rows | None
    numbers: Array | None
    sources: frozenset[Value]


UNKNOWN = Known(None, None, frozenset())


class Context:
    """The node at hand: the patterns of its operands, and what is known of them."""

    def __init__(self, walk: Walk, node: Node) -> None:
        self.walk = walk
        self.node = node
        self.op: Any = node.op
        self.patterns = [
            walk.patterns.get(operand) if node.op.differentiable(slot) else None
            for slot, operand in enumerate(node.operands)
        ]

    def shape(self, slot: int) -> Shape:
        """The shape of an operand."""
        return self.node.operands[slot].type.shape

    @property
    def result(self) -> Shape:
        """The shape of the first output."""
        return self.node.types[0].shape

    def known(self, slot: int) -> Array | None:
        """The numbers of an operand, where they are known."""
        return self.walk.read(self.node.operands[slot])


Rule = Callable[[Context], Rows | None]
RULES: dict[type[Op], Rule] = {}
REGIONS: dict[type[Op], Callable[[Walk, Node], Sequence[Known]]] = {}
"""What is known of the outputs of ops with regions."""


def rule(*kinds: type[Op]) -> Callable[[Rule], Rule]:
    """Decorator: how these ops make the pattern of their one output."""

    def decorate(function: Rule) -> Rule:
        for kind in kinds:
            RULES[kind] = function
        return function

    return decorate


def dependence(graph: Graph, wrt: Sequence[Value], arrays: Mapping[Value, Array]) -> Dependence:
    """The pattern of the Jacobian of all outputs (each flattened, one below the other) to all of
    `wrt` (side by side); `arrays` are those of some inputs.
    """
    walk = Walk(wrt, arrays)
    for node in graph.nodes:
        walk.visit(node)
    rows = [walk.pattern_of(value) for value in graph.outputs]
    matrix = sp.vstack(rows, format="csr") if rows else walk.empty(0)
    return Dependence(tidy(matrix), frozenset(walk.decided_by))


class Walk:
    """Patterns of the values that depend on the inputs, numbers of those that follow from known
    ones. `visits` is how many more nodes of regions are looked at step by step.
    """

    def __init__(
        self, wrt: Sequence[Value], arrays: Mapping[Value, Array], visits: int = MOST_VISITS
    ) -> None:
        self.columns = sum(value.type.size for value in wrt)
        self.patterns: dict[Value, Rows] = {}
        self.numbers: dict[Value, Array] = {}
        self.sources: dict[Value, frozenset[Value]] = {}
        self.decided_by: set[Value] = set()
        self.visits = visits
        start = 0
        for value in wrt:
            own = sp.eye_array(value.type.size, self.columns, k=start, dtype=bool, format="csr")
            self.patterns[value] = own
            start += value.type.size
        for value, array in arrays.items():
            if not is_inexact(value.type.dtype):
                self.numbers[value] = array
                self.sources[value] = frozenset((value,))

    def known(self, value: Value) -> Known:
        """What is known of a value."""
        if value.constant is not None:
            return Known(None, value.constant, frozenset())
        sources = self.sources.get(value, frozenset[Value]())
        return Known(self.patterns.get(value), self.numbers.get(value), sources)

    def learn(self, value: Value, known: Known) -> None:
        """Enter what is known of a value."""
        if known.pattern is not None and is_inexact(value.type.dtype):
            self.patterns[value] = known.pattern
        elif known.numbers is not None:
            self.numbers[value], self.sources[value] = known.numbers, known.sources

    def follow(self, region: Graph, given: Sequence[Known]) -> list[Known]:
        """What is known of the outputs of a region, given that of its inputs."""
        inner = Walk((), {}, self.visits)
        inner.columns, inner.decided_by = self.columns, self.decided_by
        for value, known in zip(region.inputs, given, strict=True):
            inner.learn(value, known)
        for node in region.nodes:
            inner.visit(node)
        self.visits = inner.visits
        return list(map(inner.known, region.outputs))

    def empty(self, rows: int) -> Rows:
        """The pattern of what depends on nothing."""
        return sp.csr_array((rows, self.columns), dtype=bool)

    def pattern_of(self, value: Value) -> Rows:
        """The pattern of any value."""
        found = self.patterns.get(value)
        return self.empty(value.type.size) if found is None else found

    def read(self, value: Value) -> Array | None:
        """Known numbers; the pattern depends on them from now on."""
        if value.constant is not None:
            return value.constant
        if value in self.numbers:
            self.decided_by |= self.sources[value]
        return self.numbers.get(value)

    def visit(self, node: Node) -> None:
        """The patterns of a node's outputs; or their numbers, where it does not depend on the
        inputs.
        """
        context = Context(self, node)
        if all(pattern is None for pattern in context.patterns):
            self._evaluate(node)
            return
        if isinstance(node.op, Call) and isinstance(node.op.rule, Checkpoint | None):
            found = self.follow(node.op.body, list(map(self.known, node.operands)))
            for value, known in zip(node.outputs, found, strict=True):
                self.learn(value, known)
            return
        if type(node.op) in REGIONS:
            outputs = REGIONS[type(node.op)](self, node)
            for value, known in zip(node.outputs, outputs, strict=True):
                self.learn(value, known)
            return
        smooth = [value for value in node.outputs if is_inexact(value.type.dtype)]
        found = _rule_of(type(node.op))
        if found is None or len(node.types) > 1:
            groups = _stacks(context) if isinstance(node.op, Stacked) else (1, _all_of)
            for value in smooth:
                self.patterns[value] = _grouped(context, value, *groups)
        elif smooth:
            pattern = found(context)
            if pattern is not None:
                self.patterns[smooth[0]] = pattern

    def _evaluate(self, node: Node) -> None:
        operands = [
            self.numbers.get(value) if value.constant is None else value.constant
            for value in node.operands
        ]
        if any(x is None for x in operands) or any(t.size > LARGEST_KNOWN for t in node.types):
            return
        if any(type.is_dynamic for type in node.types):
            return
        try:
            with np.errstate(all="ignore"):
                result = node.op.reference(*operands)  # pyright: ignore[reportArgumentType] -- none is None
        except (ArithmeticError, ValueError, IndexError, NotImplementedError):
            return  # the same error is due when the graph runs
        results = result if isinstance(result, tuple) else (result,)
        known = (self.sources.get(value, frozenset()) for value in node.operands)
        sources: frozenset[Value] = frozenset().union(*known)
        for value, array in zip(node.outputs, results, strict=True):
            self.numbers[value] = array
            self.sources[value] = sources


def _rule_of(kind: type) -> Rule | None:
    return next((RULES[base] for base in kind.__mro__ if base in RULES), None)


def tidy(matrix: Rows) -> Rows:
    """The matrix itself, in canonical form."""
    matrix.sum_duplicates()
    matrix.sort_indices()
    return matrix


def _numbered(shape: Shape) -> Array:
    """The number of each element, in C order."""
    return np.arange(int(np.prod(shape, dtype=int))).reshape(shape)


def _picked(pattern: Rows, places: Array) -> Rows:
    """Row i is row `places[i]` of `pattern`."""
    return pattern[places.reshape(-1)]


def _sent(pattern: Rows, places: Array, count: int) -> Rows:
    """Row i is the union of those rows of `pattern` whose place is i."""
    flat = pattern.tocoo()
    rows = places.reshape(-1)[flat.row]
    united = sp.csr_array((flat.data, (rows, flat.col)), shape=(count, pattern.shape[1]))
    return tidy(united)


def union(patterns: Sequence[Rows | None]) -> Rows | None:
    """The entries of any of the patterns; None where there is none."""
    present = [pattern for pattern in patterns if pattern is not None]
    total = present[0] if present else None
    for pattern in present[1:]:
        total = pattern if pattern is total else total + pattern
    return total


def _spread(pattern: Rows | None, shape: Shape, result: Shape) -> Rows | None:
    """Broadcasting."""
    if pattern is None or shape == result:
        return pattern
    return _picked(pattern, np.broadcast_to(_numbered(shape), result))


@rule(Elementwise)
def _elementwise(at: Context) -> Rows | None:
    return union(
        [_spread(pattern, at.shape(k), at.result) for k, pattern in enumerate(at.patterns)]
    )


@rule(AddStacks)
def _stacked(at: Context) -> Rows | None:
    return union(at.patterns)


@rule(Reshape, Astype, Real, Imag, Conjugate, Barrier)
def _same(at: Context) -> Rows | None:
    return at.patterns[0]


@rule(BroadcastTo, Transpose, Slice, Flip, Pad, Concatenate, UpdateSlice)
def _moved(at: Context) -> Rows | None:
    """Ops that only move elements move the numbers of rows; 0 is the row of a padding zero."""
    return _by_reference(at, list(range(len(at.patterns))))


def _by_reference(at: Context, slots: Sequence[int], *, before: Sequence[Any] = ()) -> Rows | None:
    """The op's reference on numbers of rows in place of the operands in `slots`."""
    blocks: list[Rows] = [at.walk.empty(1)]
    numbers: list[Array] = []
    count = 1
    for slot in slots:
        operand = at.node.operands[slot]
        own = _numbered(operand.type.shape)
        pattern = at.patterns[slot]
        if pattern is None:
            numbers.append(np.zeros_like(own))
            continue
        blocks.append(pattern)
        numbers.append(own + count)
        count += own.size
    after = [at.known(k) for k in range(len(before) + len(slots), len(at.patterns))]
    places = at.op.reference(*before, *numbers, *after)
    return _picked(sp.vstack(blocks, format="csr"), places)


@rule(Where)
def _where(at: Context) -> Rows | None:
    condition = at.known(0)
    if condition is None:
        return _elementwise(at)
    return _by_reference(at, (1, 2), before=(condition,))


@rule(Gather)
def _gather(at: Context) -> Rows | None:
    indices = [at.known(k) for k in range(1, len(at.patterns))]
    if any(index is None for index in indices):
        return _along(at, at.op.axes, at.shape(0), at.patterns[0], _gathered)
    return _by_reference(at, (0,))


def _gathered(at: Context, rest: Array) -> Array:
    """Any element along the indexed axes may be what is picked."""
    lead = len(at.result) - rest.ndim
    return np.broadcast_to(rest.reshape((1,) * lead + rest.shape), at.result)


@rule(UpdateAt)
def _update_at(at: Context) -> Rows | None:
    if all(at.known(k) is not None for k in range(2, len(at.patterns))):
        return _by_reference(at, (0, 1))
    x, y = at.patterns[:2]
    if y is None:
        return x
    rest = _numbered(tuple(n for k, n in enumerate(at.result) if k not in at.op.axes))
    written = _sent(y, np.broadcast_to(rest, at.shape(1)), rest.size)
    places = np.broadcast_to(np.expand_dims(rest, tuple(sorted(at.op.axes))), at.result)
    return union([x, _picked(written, places)])


@rule(ScatterAdd)
def _scatter_add(at: Context) -> Rows | None:
    pattern = at.patterns[0]
    indices: list[Any] = [at.known(k) for k in range(1, len(at.patterns))]
    if any(index is None for index in indices):
        return _grouped(at, at.node.outputs[0], 1, _all_of)
    places = Gather(at.op.axes).reference(_numbered(at.result), *indices)
    return _sent(pattern, places, at.node.types[0].size)


@rule(Sum, Prod, Max, Min)
def _reduced(at: Context) -> Rows | None:
    shape = at.shape(0)
    places = _numbered(at.result).reshape(keep_axes(shape, at.op.axes))
    return _sent(at.patterns[0], np.broadcast_to(places, shape), at.node.types[0].size)


@rule(Contract)
def _contract(at: Context) -> Rows | None:
    """Each element of the result depends on a line of each operand: all that the letters summed
    over range through.
    """
    left, right, result = split_spec(at.op.spec)
    parts: list[Rows | None] = []
    for slot, letters in enumerate((left, right)):
        pattern = at.patterns[slot]
        if pattern is None:
            continue
        extents = dict(zip(letters, at.shape(slot), strict=True))
        kept = [c for c in result if c in letters]
        numbers = _numbered(tuple(extents[c] for c in kept))
        aligned = numbers.reshape([extents[c] if c in kept else 1 for c in result])
        inside = [kept.index(c) for c in letters if c in kept]
        lines = numbers.transpose(inside).reshape([extents[c] if c in kept else 1 for c in letters])
        united = _sent(pattern, np.broadcast_to(lines, at.shape(slot)), numbers.size)
        parts.append(_picked(united, np.broadcast_to(aligned, at.result)))
    return union(parts)


@rule(Cumsum, Cumprod, Cummax, Cummin, Recurrence)
def _running(at: Context) -> Rows | None:
    """Element i of a line depends on those up to i (or from i on)."""
    shape, axis = at.result, at.op.axis
    united = union(at.patterns)
    length = shape[axis]
    size = at.node.types[0].size
    if not size:
        return united
    if size * (length + 1) // 2 > LARGEST_SCAN:
        return _along(at, (axis,), shape, united, _line)
    lines = np.moveaxis(_numbered(shape), axis, -1).reshape(-1, length)
    if getattr(at.op, "reverse", False):
        lines = lines[:, ::-1]
    later, earlier = np.tril_indices(length)
    rows, columns = lines[:, later].reshape(-1), lines[:, earlier].reshape(-1)
    ones = np.ones(rows.size, bool)
    return tidy(sp.csr_array((ones, (rows, columns)), shape=(size, size)) @ united)


@rule(Sort)
def _sorted(at: Context) -> Rows | None:
    return _along(at, (at.op.axis,), at.result, at.patterns[0], _line)


def _along(
    at: Context,
    axes: Sequence[int],
    shape: Shape,
    pattern: Rows,
    into: Callable[[Context, Array], Array],
) -> Rows:
    """All elements along `axes` together; `into` says where each such union goes."""
    rest = _numbered(tuple(extent for axis, extent in enumerate(shape) if axis not in axes))
    lines = np.broadcast_to(np.expand_dims(rest, tuple(sorted(axes))), shape)
    return _picked(_sent(pattern, lines, rest.size), into(at, rest))


def _line(at: Context, rest: Array) -> Array:
    return np.broadcast_to(np.expand_dims(rest, at.op.axis), at.result)


Grouping = Callable[[Shape], Array]


def _all_of(shape: Shape) -> Array:
    """All elements of a value in the one group."""
    return np.zeros(shape, int)


def _stacks(at: Context) -> tuple[int, Grouping]:
    """A group for each matrix of a stack."""
    lead = at.shape(0)[:-2]
    numbers = _numbered(lead)

    def grouping(shape: Shape) -> Array:
        rest = shape[len(lead) :]
        return np.broadcast_to(numbers.reshape(lead + (1,) * len(rest)), shape)

    return numbers.size, grouping


def _grouped(at: Context, value: Value, count: int, grouping: Grouping) -> Rows:
    """Each element of a group depends on all that reaches the group."""
    united = union(
        [
            None if pattern is None else _sent(pattern, grouping(at.shape(k)), count)
            for k, pattern in enumerate(at.patterns)
        ]
    )
    return _picked(united, grouping(value.type.shape))
