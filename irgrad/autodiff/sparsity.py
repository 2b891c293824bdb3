"""Sparsity patterns: which elements of the outputs of a graph can depend on which elements of some
inputs, read off the graph without running its floats.

Every value that depends on the inputs has a pattern. An op's rule makes that of its output from
those of its operands; an op without a rule depends on all that reaches it.

A pattern holds for all floats. What integers and bools decide (which element a gather picks, which
branch a `where` takes) is evaluated where it follows from constants, and from integer or bool
inputs whose arrays are given: the pattern then holds for those, which the result names."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sp

from irgrad.autodiff.calls import Checkpoint
from irgrad.autodiff.modes import pushed_forward
from irgrad.autodiff.patterns import Rows, numbered, picked, sent, tidy, union
from irgrad.ir.graph import Graph, Node, Value, input_value
from irgrad.ir.op import Array, Op
from irgrad.ir.types import Shape, is_inexact
from irgrad.ops.call import Call
from irgrad.ops.linalg.matrix import Stacked

LARGEST_KNOWN = 10**7
"""Integers and bools beyond that many elements are not evaluated."""
MOST_VISITS = 20_000
"""Steps of loops are followed one by one, with their positions known, up to so many nodes."""


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
    ones. `visits` is how many more nodes of regions are looked at step by step, `tangents` what the
    rules of calls give.
    """

    def __init__(
        self, wrt: Sequence[Value], arrays: Mapping[Value, Array], visits: int = MOST_VISITS
    ) -> None:
        self.columns = sum(value.type.size for value in wrt)
        self.patterns: dict[Value, Rows] = {}
        self.numbers: dict[Value, Array] = {}
        self.sources: dict[Value, frozenset[Value]] = {}
        self.decided_by: set[Value] = set()
        self.tangents: dict[tuple[Node, tuple[int, ...]], Graph] = {}
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
        inner.tangents = self.tangents
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
        if isinstance(node.op, Call) or type(node.op) in REGIONS:
            inside = _through_call if isinstance(node.op, Call) else REGIONS[type(node.op)]
            outputs = inside(self, node)
            for value, known in zip(node.outputs, outputs, strict=True):
                self.learn(value, known)
            return
        smooth = [value for value in node.outputs if is_inexact(value.type.dtype)]
        found = _rule_of(type(node.op))
        if found is None or len(node.types) > 1:
            groups = _stacks(context) if isinstance(node.op, Stacked) else (1, all_of)
            for value in smooth:
                self.patterns[value] = grouped(context, value, *groups)
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


def _through_call(walk: Walk, node: Node) -> Sequence[Known]:
    """The outputs of a call depend on what its body says; where it has a rule of the user's, on
    what their tangents by that rule depend on.
    """
    op: Any = node.op
    given = list(map(walk.known, node.operands))
    if isinstance(op.rule, Checkpoint | None):
        return walk.follow(op.body, given)
    along = tuple(k for k, known in enumerate(given) if known.pattern is not None)
    if (node, along) not in walk.tangents:
        walk.tangents[node, along] = _tangents(node, along)
    primals = [known._replace(pattern=None) for known in given]
    found = walk.follow(walk.tangents[node, along], [*primals, *(given[k] for k in along)])
    return [
        known if is_inexact(type.dtype) else UNKNOWN
        for known, type in zip(found, node.types, strict=True)
    ]


def _tangents(node: Node, along: Sequence[int]) -> Graph:
    """From the operands of a node, and the tangents of some of them, to those of its outputs."""
    inputs = [input_value(f"x{k}", value.type) for k, value in enumerate(node.operands)]
    alone = Node(node.op, tuple(inputs), node.types)
    outputs = {f"out_{k}": value for k, value in enumerate(alone.outputs)}
    return pushed_forward(Graph("alone", inputs, [alone], outputs), [inputs[k] for k in along])


def _rule_of(kind: type) -> Rule | None:
    return next((RULES[base] for base in kind.__mro__ if base in RULES), None)


Grouping = Callable[[Shape], Array]


def all_of(shape: Shape) -> Array:
    """All elements of a value in the one group."""
    return np.zeros(shape, int)


def _stacks(at: Context) -> tuple[int, Grouping]:
    """A group for each matrix of a stack."""
    lead = at.shape(0)[:-2]
    numbers = numbered(lead)

    def grouping(shape: Shape) -> Array:
        rest = shape[len(lead) :]
        return np.broadcast_to(numbers.reshape(lead + (1,) * len(rest)), shape)

    return numbers.size, grouping


def grouped(at: Context, value: Value, count: int, grouping: Grouping) -> Rows:
    """Each element of a group depends on all that reaches the group."""
    united = union(
        [
            None if pattern is None else sent(pattern, grouping(at.shape(k)), count)
            for k, pattern in enumerate(at.patterns)
        ]
    )
    return picked(united, grouping(value.type.shape))
