"""Partial evaluation: a graph in two parts, by which of its inputs are known early.

The early part is what depends on known inputs alone, the late part all else. An op with regions on
both sides becomes two: its regions are split likewise, and the early one also gives what the late
one needs and cannot compute again from what it has (see `residuals`), for a loop a row a step. So
a late loop never repeats work of the early one; only where the rows would have a dynamic extent,
or exceed the tape budget, the late op is the whole op."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any, NamedTuple, cast

from irgrad.autodiff.budget import budget
from irgrad.autodiff.cond_rules import assigned, slots_of, with_slots
from irgrad.autodiff.regions import piece, used_by
from irgrad.autodiff.residuals import residuals_of
from irgrad.ir.builder import rebuilt
from irgrad.ir.graph import Graph, Node, Value, input_value
from irgrad.ir.op import Op
from irgrad.ops.cond import Cond
from irgrad.ops.loop import Groups, Loop
from irgrad.ops.region import INDEX, Structured
from irgrad.ops.while_loop import While
from irgrad.passes.dce import dce
from irgrad.passes.prune import narrowed


def dependents(graph: Graph, sources: Collection[Value]) -> set[Value]:
    """The values that depend on any of `sources`, the sources included."""
    found = set(sources)
    for node in graph.nodes:
        flags = [operand in found for operand in node.operands]
        if any(flags):
            late = _late_outputs(node, flags)
            found.update(v for v, yes in zip(node.outputs, late, strict=True) if yes)
    return found


def dependent_nodes(graph: Graph, sources: Collection[Value]) -> set[Node]:
    """The nodes that depend on any of `sources`, and of their regions those that do."""
    found: set[Node] = set()
    late = dependents(graph, sources)
    for node in graph.nodes:
        flags = [operand in late for operand in node.operands]
        if any(flags):
            found.add(node)
            for region, inputs in _late_inputs(node, flags):
                inner = [v for v, yes in zip(region.inputs, inputs, strict=True) if yes]
                found |= dependent_nodes(region, inner)
    return found


def _late_inputs(node: Node, flags: Sequence[bool]) -> Iterator[tuple[Graph, list[bool]]]:
    """The regions of a node, each with which of its inputs depend on the operands that `flags`
    names.
    """
    op: Any = node.op
    if isinstance(op, Loop):
        groups = op.groups(flags)
        carried = _after_steps(op.body, 1, groups)[: op.carried]
        yield op.body, [any(groups.trips), *carried, *groups.scanned, *groups.fixed]
    elif isinstance(op, While):
        fixed = list(flags[op.carried :])
        state = _after_steps(op.body, 0, Groups([], list(flags[: op.carried]), [], fixed))
        for region in (op.condition, op.body):
            yield region, [*state[: op.carried], *fixed]
    elif isinstance(op, Cond):
        for branch in op.branches:
            yield branch, list(flags[1:])


def _late_outputs(node: Node, flags: Sequence[bool]) -> list[bool]:
    """Which outputs of a node depend on the operands that `flags` names."""
    op: Any = node.op
    everything = [True] * len(node.types)
    if isinstance(op, Loop):
        groups = op.groups(flags)
        return everything if any(groups.trips) else _after_steps(op.body, 1, groups)
    if isinstance(op, While):
        state, fixed = list(flags[: op.carried]), list(flags[op.carried :])
        found = _after_steps(op.body, 0, Groups([], state, [], fixed))
        if any(_of_region(op.condition, [*found[: op.carried], *fixed])):
            return everything
        return [*found[: op.carried], False, *found[op.carried :]]
    if isinstance(op, Cond) and not flags[0]:
        branches = [_of_region(branch, flags[1:]) for branch in op.branches]
        return [any(column) for column in zip(*branches, strict=True)]
    return everything


def _after_steps(body: Graph, lead: int, late: Groups) -> list[bool]:
    """Which outputs of a body are late, over any number of steps."""
    carried = list(late.carried)
    while True:
        found = _of_region(body, [*[False] * lead, *carried, *late.scanned, *late.fixed])
        grown = [a or b for a, b in zip(carried, found, strict=False)]
        if grown == carried:
            return [*carried, *found[len(carried) :]]
        carried = grown


def _of_region(region: Graph, flags: Sequence[bool]) -> list[bool]:
    found = dependents(region, [v for v, yes in zip(region.inputs, flags, strict=True) if yes])
    return [value in found for value in region.outputs]


class Division(NamedTuple):
    """What takes the place of a node with operands of both kinds. `early` is an op on the operands
    `given` (None where it would give nothing), whose first results are the outputs of the node that
    `known` names; `late` one whose operands are the node's or, as numbers, results of `early`.
    """

    early: Op | None
    given: list[Value]
    known: list[int]
    late: Op
    read: list[Value | int]
    unknown: list[int | None]
    """What output of the node each result of `late` is, if it is one."""


class Halves:
    """The nodes of a graph in two parts, where the inputs in `late` become known late."""

    def __init__(self, graph: Graph, late: Collection[Value]) -> None:
        self.graph = graph
        self.is_late = dependents(graph, late)
        self.early: list[Node] = []
        self.late: list[Node] = []
        self._moved: dict[Value, Value] = {}
        self._images: dict[Node, Node] = {}
        for node in graph.nodes:
            flags = [operand in self.is_late for operand in node.operands]
            rule = DIVISIONS.get(type(node.op)) if any(flags) else None
            found = None if rule is None else rule(node, flags)
            if found is None:
                self._keep(node, self.late if any(flags) else self.early)
            else:
                self._divide(node, found)

    def moved(self, value: Value) -> Value:
        """Where a value of the graph has gone."""
        return self._moved.get(value, value)

    def residuals(
        self, free: Sequence[Value], results: Sequence[Value]
    ) -> tuple[list[Value], list[Node]]:
        """What must be kept of the early nodes for the late ones and the results, where the `free`
        values are at hand, and which early nodes run again.
        """
        return residuals_of(self.early, free, self.needed(results))

    def needed(self, results: Sequence[Value]) -> list[Value]:
        """The early values that late nodes or the results read."""
        own = set(self.late) | {v.node for v in self.graph.inputs if v in self.is_late}
        read = [v for node in self.late for v in node.operands] + list(results)
        return [value for value in dict.fromkeys(read) if value.node not in own]

    def _keep(self, node: Node, nodes: list[Node], op: Op | None = None) -> Node:
        operands = tuple(map(self.moved, node.operands))
        stale = node.origin is not None and node.origin.of in self._images
        if op is None and operands == node.operands and not stale:
            nodes.append(node)
            return node
        image = rebuilt(node, operands, self._images, op)
        self._place(node, image, nodes, range(len(node.types)))
        return image

    def _place(
        self, node: Node, image: Node, nodes: list[Node], outputs: Sequence[int | None]
    ) -> None:
        nodes.append(image)
        self._images[node] = image
        for place, k in enumerate(outputs):
            if k is not None:
                self._moved[Value(node, k)] = Value(image, place)

    def _divide(self, node: Node, found: Division) -> None:
        images = dict(self._images)
        results: tuple[Value, ...] = ()
        if found.early is not None:
            first = rebuilt(node, tuple(map(self.moved, found.given)), images, found.early)
            self._place(node, first, self.early, found.known)
            results = first.outputs
        read = [results[x] if isinstance(x, int) else self.moved(x) for x in found.read]
        second = rebuilt(node, tuple(read), images, found.late)
        self._place(node, second, self.late, found.unknown)


def _chosen(values: Sequence[Any], flags: Sequence[bool], which: bool) -> list[Any]:
    return [value for value, flag in zip(values, flags, strict=True) if flag == which]


class _Steps:
    """The body of a loop in two: early steps that give rows for the late ones. `values` and `flags`
    are operands, trip counts apart, and whether they are late.
    """

    def __init__(self, body: Graph, lead: int, values: Groups, flags: Groups) -> None:
        self.body, self.lead, self.count = body, lead, len(values.carried)
        outputs = _after_steps(body, lead, flags)
        self.flags = flags = flags._replace(carried=outputs[: self.count])
        every = [*[False] * lead, *flags.carried, *flags.scanned, *flags.fixed]
        late = [v for v, yes in zip(body.inputs, every, strict=True) if yes]
        self.halves = Halves(body, late)
        self.known = [k for k, yes in enumerate(outputs) if not yes]
        self.unknown = [k for k, yes in enumerate(outputs) if yes]
        inputs = iter(body.inputs[lead:])
        self.inputs = Groups([], *([next(inputs) for _ in group] for group in values[1:]))
        self.values = values
        self.results = [self.halves.moved(body.outputs[k]) for k in self.unknown]
        free = [
            *body.inputs[:lead],
            *_chosen(self.inputs.scanned, flags.scanned, False),
            *_chosen(self.inputs.fixed, flags.fixed, False),
        ]
        self.kept, self.again = self.halves.residuals(free, self.results)
        self.names = {v: v.name or "x" for v in self.kept} | body.names

    def named(self, numbers: Sequence[int]) -> list[tuple[str, Value]]:
        """Outputs of the body with their names."""
        names, outputs = self.body.output_names, self.body.outputs
        return [(names[k], self.halves.moved(outputs[k])) for k in numbers]

    def early(self, rows: bool) -> tuple[Graph, Groups]:
        """The early body, which gives `rows` for the late one or not, and its operands."""
        known = [_chosen(*group, False) for group in zip(self.inputs, self.flags, strict=True)]
        given = [_chosen(*group, False) for group in zip(self.values, self.flags, strict=True)]
        leaves = [*self.body.inputs[: self.lead], *(v for group in known for v in group)]
        tapes = [(f"{self.names[v]}.tape", v) for v in self.kept if rows]
        results = [*self.named(self.known), *tapes]
        graph = piece(self.body.name, self.names, leaves, self.halves.early, results)
        return dce(graph), Groups(*given)

    def late(self, tapes: Sequence[int]) -> tuple[Graph, Groups]:
        """The late body, given the numbers of the results that are its tapes; and its operands."""
        nodes = [*self.again, *self.halves.late]
        used = used_by(nodes, self.results)
        groups: list[list[tuple[Value, Value | int]]] = [
            [
                (x, v)
                for x, v, is_late in zip(*group, strict=True)
                if is_late or (x in used and k > 1)
            ]
            for k, group in enumerate(zip(self.inputs, self.values, self.flags, strict=True))
        ]
        groups[2] += list(zip(self.kept, tapes, strict=True))
        position = self.body.inputs[0] if self.lead else input_value("i", INDEX)
        leaves = [position, *(x for group in groups for x, _ in group)]
        named = self.named(self.unknown)
        graph = piece(self.body.name, self.names, leaves, nodes, named)
        return graph, Groups(*([v for _, v in group] for group in groups))


def _loop(node: Node, flags: Sequence[bool]) -> Division | None:
    op = cast(Loop, node.op)
    values, late = op.groups(node.operands), op.groups(flags)
    if any(late.trips):
        return None
    trips = values.trips
    steps = _Steps(op.body, 1, values._replace(trips=[]), late._replace(trips=[]))
    size = sum(value.type.nbytes for value in steps.kept)
    fits = not steps.kept or (op.length is not None and size * op.length <= budget())
    body, given = steps.early(fits)
    early = dataclasses.replace(
        op, carried=len(given.carried), scanned=len(given.scanned), body=body
    )
    operands = [*trips, *(v for group in given for v in group)]
    first = early if body.outputs else None
    if not fits:
        return _whole(node, first, operands, steps.known)
    tapes = [len(steps.known) + k for k in range(len(steps.kept))]
    inner, read = steps.late(tapes)
    second = dataclasses.replace(
        op, carried=len(read.carried), scanned=len(read.scanned), body=inner
    )
    return Division(
        first, operands, steps.known, second, [*trips, *(v for g in read for v in g)],
        list(steps.unknown),
    )  # fmt: skip


def _while(node: Node, flags: Sequence[bool]) -> Division | None:
    op = cast(While, node.op)
    n = op.carried
    if all(_late_outputs(node, flags)):
        return None
    values = Groups([], list(node.operands[:n]), [], list(node.operands[n:]))
    steps = _Steps(op.body, 0, values, Groups([], list(flags[:n]), [], list(flags[n:])))
    body, given = steps.early(False)
    asked = [*_chosen(op.condition.inputs[:n], steps.flags.carried, False)]
    asked += _chosen(op.condition.inputs[n:], steps.flags.fixed, False)
    early = While(len(given.carried), narrowed(op.condition, asked, {}, [0]), body)
    operands = [*given.carried, *given.fixed]
    place = {k: k if k < n else k + 1 for k in range(len(op.body.outputs))}
    count = len(given.carried)
    known = [place[k] for k in steps.known]
    known[count:count] = [n]
    if steps.kept:
        return _whole(node, early, operands, known)
    inner, read = steps.late([])
    second = Loop(len(read.carried), len(read.scanned), None, False, False, inner)
    return Division(
        early, operands, known, second, [count, *(v for g in read for v in g)],
        [place[k] for k in steps.unknown],
    )  # fmt: skip


def _whole(node: Node, early: Op | None, given: list[Value], known: list[int]) -> Division:
    """The node as it is for the late part, beside what of it is known early."""
    unknown = [None if k in known else k for k in range(len(node.types))]
    return Division(early, given, known, node.op, list(node.operands), unknown)


def _cond(node: Node, flags: Sequence[bool]) -> Division | None:
    op = cast(Cond, node.op)
    if flags[0]:
        return None
    late = _late_outputs(node, flags)
    known, unknown = ([k for k, yes in enumerate(late) if yes == which] for which in (False, True))
    parts: list[Halves] = []
    kept: list[list[Value]] = []
    again: list[list[Node]] = []
    for branch in op.branches:
        half = Halves(branch, _chosen(branch.inputs, flags[1:], True))
        results = [half.moved(branch.outputs[k]) for k in unknown]
        found = half.residuals(_chosen(branch.inputs, flags[1:], False), results)
        parts.append(half)
        kept.append(found[0])
        again.append(found[1])
    slots = slots_of(kept)
    own = [assigned(values) for values in kept]
    first: list[Graph] = []
    second: list[Graph] = []
    for branch, half, mine, repeated in zip(op.branches, parts, own, again, strict=True):
        names = {v: v.name or "x" for v in mine} | branch.names
        given = _chosen(branch.inputs, flags[1:], False)
        named = [(branch.output_names[k], half.moved(branch.outputs[k])) for k in known]
        region = Graph(branch.name, given, half.early, dict(named))
        region = with_slots(region, mine, slots)
        pairs = list(zip(region.output_names, region.outputs, strict=True))
        first.append(dce(piece(branch.name, names, given, region.nodes, pairs)))
        holders = {slot: value for value, slot in mine.items()}
        tapes = [holders.get(slot) or input_value("other", slot[0]) for slot in slots]
        named = [(branch.output_names[k], half.moved(branch.outputs[k])) for k in unknown]
        leaves = [*branch.inputs, *tapes]
        second.append(piece(branch.name, names, leaves, [*repeated, *half.late], named))
    early = Cond(tuple(first)) if first[0].outputs else None
    numbers = [len(known) + k for k in range(len(slots))]
    return Division(
        early, [node.operands[0], *_chosen(node.operands[1:], flags[1:], False)], known,
        Cond(tuple(second)), [*node.operands, *numbers], list(unknown),
    )  # fmt: skip


DIVISIONS: dict[type[Op], Callable[[Node, Sequence[bool]], Division | None]] = {
    Loop: _loop,
    While: _while,
    Cond: _cond,
}
assert all(issubclass(kind, Structured) for kind in DIVISIONS)
