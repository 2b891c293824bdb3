"""Which values are kept in buffers, and which loops compute them: Graph -> Schedule.

Every node is of one sort. A *view* only moves elements, a *point* computes each element from
elements of its operands, a *reduction* folds axes, a *call* goes to a library or to the op's
reference. Points and views are computed inside the loops that need them, unless

- their value is a result, or an operand of a call that no strides can describe,
- they are needed at several places (shifted, at another stage) and cost more to compute again than
  to store and load,
- a loop would repeat costly work along its innermost axis, or grow beyond `LARGEST`.

Stages number the barriers on the way to a value: what a reduction or a call makes, and what is
stored and then read at another place, can be read one stage later. All loops of one stage over the
same extents are one kernel; so are those whose extents differ at the border, where that saves
reading (see `joined`)."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Collection, Sequence
from typing import Any

from irgrad.ir.bulk import paused_gc
from irgrad.ir.graph import Graph, Node, Value
from irgrad.ir.types import Shape
from irgrad.ops.index import Gather
from irgrad.ops.linear import BroadcastTo, Reshape
from irgrad_numba.arranged import Arranged, arranged
from irgrad_numba.assembly import Assembly
from irgrad_numba.bands import in_bands
from irgrad_numba.blocks import blocked
from irgrad_numba.columns import columns_first
from irgrad_numba.control import Surroundings
from irgrad_numba.deferred import deferred
from irgrad_numba.elementwise import LIBRARY_COST, cost_of
from irgrad_numba.in_place import bases, prepared
from irgrad_numba.indices import INDEXED, checks_of
from irgrad_numba.intervals import intervals
from irgrad_numba.joined import joined
from irgrad_numba.layout import Layout
from irgrad_numba.lower import Sites
from irgrad_numba.overlaps import reads_in_place
from irgrad_numba.scalar_replacement import scalars_replaced
from irgrad_numba.schedule import Schedule
from irgrad_numba.short_axes import short_axes_first
from irgrad_numba.sorts import (
    MOVES,
    is_product,
    merges,
    operand_axes,
    sort_of,
    space_of,
    squeezed,
)
from irgrad_numba.spans import Span, Spans, made_of_places
from irgrad_numba.tapes import spans_needed

LARGEST = 100
"""Points in one kernel."""
STORE_COST = 6
"""What storing and loading an element costs, in additions."""
HOIST_COST = 4
"""Above this, work that does not depend on all loops is done once and stored."""
MUCH = 8
"""A value so many times as large as a part of it is computed from the part again."""
REPEATED, SEVERAL = "else repeated in a loop", "computed for several at once"
LANES = 32
"""From so many elements on, library functions run in a loop of their own, over vectors."""


class Planner:
    """The decisions, one pass each."""

    def __init__(self, place: Surroundings) -> None:
        self.place = place
        self.graph, self.copied = prepared(place.graph, place.owned)
        graph = self.graph
        self.sorts = {node: sort_of(node) for node in graph.nodes}
        looped = [node for node in graph.nodes if self.sorts[node] != "call"]
        self.spaces = {node: space_of(node) for node in looped}
        self.loops = {node: squeezed(space) for node, space in self.spaces.items()}
        """The spaces without extents of 1."""
        self.axes = {node: operand_axes(node) for node in looped}
        self.checks = {
            node: found
            for node in graph.nodes
            if self.is_routine(node) and (found := checks_of(node))
        }
        self.stored: dict[Value, str] = {}
        self.solid: set[Value] = set()
        """Views that have memory of their own."""
        self.dies = {
            node.operands[slot]: k
            for k, node in enumerate(graph.nodes)
            for slot in bases(node).values()
        }
        """The arrays that are overwritten: by which node."""
        self.reads: dict[Value, frozenset[Value]] = {}
        """Which of these a value that has no memory is computed from."""
        self.intervals = intervals(graph, place.known)
        self.spans = Spans(graph, self.sorts, spans_needed(graph, place.parts))
        self.stage: dict[Value, tuple[int, int]] = {}
        self.segment: dict[Node, int] = {}
        """Which part of very long code over its space a node belongs to."""
        self.cost: dict[Value, int] = {}
        self.places_of: dict[Value, int] = {}
        """How many places need a value that is stored for them; 0 where their loops are longer."""
        self.places = made_of_places(graph)

    def run(self) -> Schedule:
        self._require()
        self._save()
        self._cut()
        self._costs()
        self._stages()
        self._share()
        if self._inline_again():
            self._stages()
            self._share()
        self._inline_cheap()
        self._stages()
        return joined(Assembly(self, plan_region).run())

    def _inlined(self, value: Value) -> bool:
        """Whether loops compute the value where they need it."""
        return self.sorts.get(value.node) in ("view", "point") and value not in self.stored

    def _store(self, value: Value, why: str) -> None:
        if self.sorts.get(value.node) in ("view", "point"):
            self.stored.setdefault(value, why)

    def _require(self) -> None:
        """Results, operands of calls, and what a reshape merges must lie in memory."""
        for value in self.graph.outputs:
            self._store(value, "a result")
        for value, why in self.copied.items():
            self._store(value, why)
        for node in self.graph.nodes:
            if self.sorts[node] == "call":
                for operand in node.operands:
                    self._store(operand, f"an operand of {node.op.name}")
            elif self.sorts[node] == "update":
                self._store(node.operands[0], f"the memory of {node.op.name}")
            elif isinstance(node.op, Arranged):
                self._store(Value(node, 0), "in another order")
            elif isinstance(node.op, Reshape) and merges(node):
                self._store(node.operands[0], "reshaped")
            for check in self.checks.get(node, ()):
                self._store(check.array, "indices to be checked")

    def is_routine(self, node: Node) -> bool:
        """Whether a node that is a call may be a routine; one that indexes only where its indices
        can be looked through before, which is not in a region.
        """
        return self.sorts[node] == "call" and not (
            self.place.inside and isinstance(node.op, INDEXED)
        )

    def _save(self) -> None:
        """What is read from an array after a write into it is computed before."""
        for place, node in enumerate(self.graph.nodes):
            ends = place + (self.sorts[node] == "call")
            for v in node.operands:
                gone = {x for x in self.reads.get(v, ()) if self.dies[x] < ends}
                if gone:
                    self._keep_before(v, gone, "its array is overwritten")
            if self.sorts[node] == "update":
                x, y, *indices = node.operands
                for v in (y, *indices):
                    if x in self._touched([v]) and not reads_in_place(node, v, self._touched):
                        self._keep_before(v, {x}, "the write reads other places of its array")
            if self.sorts[node] in ("view", "point"):
                value = Value(node, 0)
                if self.sorts[node] == "view" or value not in self.stored:
                    self.reads[value] = self._touched(node.operands)

    def _keep_before(self, value: Value, gone: Collection[Value], why: str) -> None:
        """Store a value before arrays that it is computed from are overwritten; where it takes
        little from these, single numbers or a row, that.
        """
        numbers: dict[Value, None] = {}
        way: set[Value] = set()
        waiting = [value]
        while waiting:
            v = waiting.pop()
            way.add(v)
            for operand in v.node.operands:
                if operand in gone:
                    self._keep(value, why)
                    return
                if not self.reads.get(operand, frozenset()).isdisjoint(gone) and operand not in way:
                    if operand.type.size == 1 or operand.type.size * MUCH <= value.type.size:
                        numbers[operand] = None
                    else:
                        waiting.append(operand)
        for number in numbers:
            shown = self._before_moves(number, gone)
            way.update(shown[1:])
            self._keep(shown[0], why)
        for node in self.graph.nodes if len(way) > 1 else [value.node]:
            if Value(node, 0) in way:
                self.reads[Value(node, 0)] = self._touched(node.operands)

    def _before_moves(self, value: Value, gone: Collection[Value]) -> list[Value]:
        """The value that one shows in another shape, and the views between them."""
        found = [value]
        while self.sorts.get(value.node) == "view" and not isinstance(value.node.op, BroadcastTo):
            source = value.node.operands[0]
            if source in gone or source.type.size != value.type.size:
                break
            value = source
            found.insert(0, value)
        return found

    def _keep(self, value: Value, why: str) -> None:
        self.stored[value] = why
        self.reads.pop(value, None)
        if self.sorts[value.node] == "view":
            self.solid.add(value)

    def _touched(self, values: Sequence[Value]) -> frozenset[Value]:
        """The arrays yet to be overwritten that computing values reads."""
        if not self.dies:  # nearly always
            return frozenset()
        found = [self.reads[v] for v in values if v in self.reads]
        return frozenset(v for v in values if v in self.dies).union(*found)

    def _cut(self) -> None:
        """Very long straight code is cut into segments; what crosses a cut is stored."""
        count: dict[Shape, int] = defaultdict(int)
        for node in self.graph.nodes:
            if self.sorts[node] == "call":
                continue
            space = self.loops[node]
            near = [v.node for v in node.operands if squeezed(v.type.shape) == space]
            if self.sorts[node] in ("view", "point"):
                count[space] += self.sorts[node] == "point"
                own = count[space] // LARGEST
            else:
                own = max((self.segment.get(n, 0) for n in near), default=0)
            self.segment[node] = own
            for n in near:
                if self.segment.get(n, own) != own:
                    self._store(Value(n, 0), "the loop would be too large")

    def _costs(self) -> None:
        for node in self.graph.nodes:
            if self.sorts[node] in ("view", "point"):
                self._cost(node)
                self._hoist(node)
                self._gathered(node)
            elif self.sorts[node] in ("reduction", "update"):
                self._hoist(node)

    def _cost(self, node: Node) -> None:
        """What computing a view or a point takes, from what is stored."""
        below = sum(self.cost.get(v, 0) for v in node.operands if self._inlined(v))
        own = cost_of(node.op.name) if self.sorts[node] == "point" else 0
        masks = Value(node, 0) in self.spans.inside  # loops inside of them need none
        self.cost[Value(node, 0)] = 0 if masks else min(10**6, own + below)

    def _inline_again(self) -> bool:
        """Take back what was stored for work that others, stored since, do for it."""
        hoisted = [v for v, why in self.stored.items() if why in (REPEATED, SEVERAL)]
        for value in hoisted:
            del self.stored[value]
        if hoisted:
            self._costs()
        return any(value not in self.stored for value in hoisted)

    def _inline_cheap(self) -> None:
        """Take back what was stored for several places, and costs little to compute again from what
        has been stored since.
        """
        if not self.places_of:
            return
        for node in self.graph.nodes:
            value = Value(node, 0)
            if self.sorts[node] in ("view", "point"):
                self._cost(node)
                others = self.places_of.get(value, 0) - 1
                if others > 0 and others * self.cost[value] <= STORE_COST:
                    del self.stored[value]

    def _hoist(self, node: Node) -> None:
        """Costly operands that a larger space repeats along its innermost axis are stored."""
        if self.sorts[node] == "view" and not isinstance(node.op, BroadcastTo):
            return
        for operand, axes in self.axes[node]:
            space = self.spaces[node]
            repeated = any(space[a] > 1 for a in range(len(space)) if a not in axes)
            innermost = max((a for a in range(len(space)) if space[a] > 1), default=-1)
            cost = self.cost.get(operand, 0)
            if repeated and innermost in axes and cost >= HOIST_COST:
                self._store(operand, REPEATED)
            elif repeated and cost >= LIBRARY_COST and operand.type.size >= LANES:
                self._store(operand, SEVERAL)

    def _gathered(self, node: Node) -> None:
        """What is gathered from is stored, unless computing a few elements costs less."""
        if isinstance(node.op, Gather):
            x = node.operands[0]
            cost = self.cost.get(x, 0)
            if node.types[0].size * cost > x.type.size * (cost + STORE_COST):
                self._store(x, "gathered from")

    def _stages(self) -> None:
        """(when a value can be read in place, when it can be read elsewhere), in stages."""
        stage = self.stage = dict.fromkeys(self.graph.inputs, (0, 0))
        busy: dict[Value, int] = {}
        for node in self.graph.nodes:
            sort = self.sorts[node]
            free = max((busy.get(node.operands[s], -1) for s in bases(node).values()), default=-1)
            if sort in ("view", "point"):
                at = self._point_stage(node)
                here = at[0] if Value(node, 0) in self.stored else None
            else:
                here = max(free + 1, self._call_stage(node))
                at = (here + 1, here + 1)
            for value in node.outputs:
                stage[value] = at
            if here is not None:
                for x in self._touched(node.operands):
                    busy[x] = max(here, busy.get(x, -1))

    def _call_stage(self, node: Node) -> int:
        """When all is there that a reduction, an update or a call reads."""
        sort, known = self.sorts[node], self.stage
        if sort == "call":
            return max((known.get(v, (0, 0))[1] for v in node.operands), default=0)
        here = max((self._read(node, v, axes) for v, axes in self.axes[node]), default=0)
        return max(here, known.get(node.operands[0], (0, 0))[1]) if sort == "update" else here

    def _read(self, node: Node, operand: Value, axes: Sequence[int]) -> int:
        """When loops over the node's space can read an operand."""
        in_place, elsewhere = self.stage.get(operand, (0, 0))
        pure = squeezed(operand.type.shape) == self.loops[node] and (list(axes) == sorted(axes))
        return in_place if pure else elsewhere

    def _point_stage(self, node: Node) -> tuple[int, int]:
        value = Value(node, 0)
        moves = self.sorts[node] == "view" or isinstance(node.op, MOVES)
        known = [self.stage.get(v, (0, 0)) for v in node.operands]
        elsewhere = max((at[1] for at in known), default=0)
        if moves:
            at = (elsewhere, elsewhere)
        else:
            reads = [self._read(node, v, axes) for v, axes in self.axes[node]]
            at = (max(reads, default=0), elsewhere)
        return (at[0], at[0] + 1) if value in self.stored else at

    def place_of(self, node: Node) -> tuple[int, Shape, Span, int]:
        """Which kernel stores a node's value: its stage, space, the limits in it, and segment."""
        folds = self.sorts[node] in ("reduction", "update")
        stage = self.stage[Value(node, 0)][0] - folds
        return stage, self.loops[node], self._limits(node, stage), self.segment[node]

    def _limits(self, node: Node, stage: int) -> Span:
        """The part of its space that a node's loops run through: the conditions whose bounds are
        known at a stage.
        """
        space = self.spaces[node]
        return frozenset(
            c._replace(axis=-sum(extent != 1 for extent in space[c.axis :]))
            for c in self.spans.of(node)
            if space[c.axis] != 1 and self._bound_stage(c.bound) <= stage
        )

    def _bound_stage(self, bound: Value | None) -> int:
        return 0 if bound is None else self.stage.get(bound, (0, 0))[1]

    def _share(self) -> None:
        """What several places need is stored where computing it again costs more. The places stand
        in an order that is the same in every process.
        """
        places: dict[Value, dict[Any, None]] = defaultdict(dict)
        for node in reversed(self.graph.nodes):
            sort = self.sorts[node]
            if sort == "call":
                continue
            value = Value(node, 0)
            own = places[value]
            if sort not in ("reduction", "update") and value not in self.stored:
                again = 0 if value in self.places else self.cost[value]
                if sort == "point" and (len(own) - 1) * again > STORE_COST:
                    self._store(value, f"needed at {len(own)} places")
                    self.places_of[value] = 0
            if value in self.places_of:
                alike = all(math.prod(_loops_at(at)) <= 2 * value.type.size for at in own)
                self.places_of[value] = len(own) if alike else 0
            if sort in ("reduction", "update") or value in self.stored:
                own = {self.place_of(node): None}
            for operand, axes in self.axes[node]:
                pure = sort != "view" and not isinstance(node.op, MOVES)
                if pure and squeezed(operand.type.shape) == self.loops[node]:
                    places[operand] |= own
                else:
                    how = (
                        node.op
                        if not pure and not isinstance(node.op, BroadcastTo)
                        else tuple(axes)
                    )
                    found = [(how, self.spaces[node], place) for place in list(own)[:3]]
                    places[operand] |= dict.fromkeys(found)


def _loops_at(place: Any) -> Shape:
    """The loops of the kernel at a place, or at one that is reached through others."""
    while len(place) == 3:
        place = place[2]
    return place[1]


@paused_gc()
def plan(graph: Graph, layouts: Sequence[Layout] = ()) -> Schedule:
    """The schedule of an optimised graph, for inputs that lie in memory as `layouts` say (all in C
    order).
    """
    strides = {k: strides for k, strides in enumerate(layouts) if strides is not None}
    for run in (in_bands, columns_first, deferred, short_axes_first, scalars_replaced):
        graph = run(graph)
    whole = arranged(graph, layouts, is_product)
    place = Surroundings(whole, strides=strides, sites=Sites(), inside=False)
    return blocked(plan_region(place))


def plan_region(place: Surroundings) -> Schedule:
    """The schedule of a graph that runs inside of another."""
    return Planner(place).run()
