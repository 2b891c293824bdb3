"""Loops and branches as steps of a program: their regions are planned like programs of their own,
reading and writing the memory of the program around them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from irgrad.ir.graph import Graph, Node, Value, regions
from irgrad.ops.cond import Cond
from irgrad.ops.loop import Loop
from irgrad.ops.while_loop import While
from irgrad_numba.homes import into_homes
from irgrad_numba.in_place import CONTROL, bases, is_small, origin
from irgrad_numba.index import Range, View
from irgrad_numba.intervals import interval_of
from irgrad_numba.lower import Sites
from irgrad_numba.masked import in_parts
from irgrad_numba.patched import patched
from irgrad_numba.rejoined import rejoined
from irgrad_numba.stacks import is_known
from irgrad_numba.summed import summed
from irgrad_numba.tapes import WHOLE, Parts
from irgrad_numba.updates import COPY, spread_out

if TYPE_CHECKING:
    from irgrad_numba.schedule import Schedule


class Surroundings(NamedTuple):
    """A graph to plan, and what is known of its inputs."""

    graph: Graph
    owned: frozenset[int] = frozenset()
    """The inputs that may be written to."""
    strides: Mapping[int, tuple[int, ...]] = {}
    """Those of inputs that are not contiguous."""
    known: Mapping[Value, Range] = {}
    """What integers inputs hold."""
    sites: Sites = Sites()
    inside: bool = True
    """Whether it is a region."""
    parts: Parts = WHOLE
    """Of outputs of which no more is needed."""


class Control(NamedTuple):
    """A loop or a branch: where its operands and results lie, and its regions, planned."""

    node: Node
    operands: list[View]
    results: list[View]
    bases: dict[int, int]
    """The results that have the memory of an operand."""
    regions: list[Schedule]

    @property
    def buffers(self) -> list[int]:
        """What it reads and writes."""
        return [view.buffer for view in (*self.operands, *self.results)]

    @staticmethod
    def of(
        node: Node,
        views: Mapping[Value, View],
        known: Mapping[Value, Range],
        sites: Sites,
        plan: Callable[[Surroundings], Schedule],
        spent: Collection[int] = (),
        parts: Parts = WHOLE,
    ) -> Control:
        """The step for a node whose operands and results lie in `views`. The operands with numbers
        in `spent` are the program's own, and nothing else reads them; of results of a loop, no more
        than `parts` is read.
        """
        operands = [views[v] for v in node.operands]
        results = [views[v] for v in node.outputs]
        found = [interval_of(v, known) for v in node.operands]
        planned = [
            plan(place._replace(sites=sites, parts=parts))
            for place in _surroundings(node, operands, found, spent)
        ]
        return Control(node, operands, results, bases(node), planned)


def is_native(node: Node) -> bool:
    """Whether machine code runs a loop or branch, with all that is in it."""
    return isinstance(node.op, CONTROL) and _knows_all(node)


def _knows_all(node: Node) -> bool:
    return is_known(node) and all(
        _knows_all(inner) for region in regions(node.op).values() for inner in region.nodes
    )


def _surroundings(
    node: Node,
    operands: Sequence[View],
    found: Sequence[Range | None],
    spent: Collection[int],
) -> Iterable[Surroundings]:
    op: Any = node.op
    strides = [view.strides for view in operands]
    if isinstance(op, Loop):
        groups = op.groups(list(range(len(operands))))
        numbers = [*groups.carried, *groups.scanned, *groups.fixed]
        inner = [strides[k][k in groups.scanned :] for k in numbers]
        inner[: op.carried] = [()] * op.carried
        known = [None if k in groups.carried else found[k] for k in numbers]
        steps = op.length if op.length is not None else (found[0] or (0, 2**61))[1]
        own = [k for k, number in enumerate(numbers, 1) if k <= op.carried or number in spent]
        ranges = [(0, max(0, steps - 1)), *known]
        yield _region(op.body, op.carried, 1, [(), *inner], ranges, own)
    elif isinstance(op, While):
        known = [None if k < op.carried else found[k] for k in range(len(operands))]
        strides[: op.carried] = [()] * op.carried
        yield _region(op.condition, 0, 0, strides, known, [])
        yield _region(op.body, op.carried, 0, strides, known, range(op.carried))
    elif isinstance(op, Cond):
        taken = bases(node)
        for branch in op.branches:
            own = {k: slot - 1 for k, slot in taken.items()}
            yield _own_results(branch, own, strides[1:], found[1:], own.values())


def _region(
    graph: Graph,
    carried: int,
    first: int,
    strides: Sequence[tuple[int, ...]],
    known: Sequence[Range | None],
    own: Iterable[int],
) -> Surroundings:
    """A body whose first results take the place of what it carries; it may write to the inputs
    with numbers in `own`.
    """
    same = {k: first + k for k in range(carried)}
    return _own_results(graph, same, strides, known, own)


def _own_results(
    graph: Graph,
    own: Mapping[int, int],
    strides: Sequence[tuple[int, ...]],
    known: Sequence[Range | None],
    owned: Iterable[int],
) -> Surroundings:
    """A region each result of which has memory of its own, or that of the input that `own` says."""
    owned = frozenset(owned)
    graph = patched(in_parts(rejoined(summed(spread_out(graph))), {graph.inputs[k] for k in owned}))
    homes = {k: home for k, n in own.items() if not is_small(home := graph.inputs[n])}
    graph = into_homes(graph, homes)
    inputs, seen = graph.inputs, set[Value]()
    nodes = list(graph.nodes)
    outputs: list[Value] = []
    for k, value in enumerate(graph.outputs):
        source = origin(value)
        home = inputs[own[k]] if k in own else None
        foreign = source in inputs and source != home
        if foreign or value.constant is not None or value in seen:
            node = Node(COPY, (value,), (value.type,), location=value.node.location)
            nodes.append(node)
            value = Value(node, 0)
        seen.add(value)
        outputs.append(value)
    region = graph.replace(nodes=nodes, outputs=dict(zip(graph.output_names, outputs, strict=True)))
    intervals = {v: x for v, x in zip(inputs, known, strict=True) if x is not None}
    bent = {
        k: s for k, (v, s) in enumerate(zip(inputs, strides, strict=True)) if s and v.type.shape
    }
    return Surroundings(region, owned, bent, intervals)
