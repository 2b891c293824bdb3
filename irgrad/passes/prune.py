"""Pruning loops and branches: rows that nobody reads, carried values that reach no result, operands
that no region reads or that come in twice, values that a loop carries and never changes, constants
that come in from outside."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Sequence
from typing import Any, NamedTuple

from irgrad.ir.builder import rebuilt, substitute
from irgrad.ir.exchange import Exchange
from irgrad.ir.graph import Graph, Node, Value, input_value
from irgrad.ir.op import Op
from irgrad.ops.cond import Cond
from irgrad.ops.loop import Loop
from irgrad.ops.while_loop import While
from irgrad.passes.dce import dce
from irgrad.passes.regions import has_regions


class Pruned(NamedTuple):
    """What takes a node's place: an op (or none), its operands, and for each output of the node the
    number of the new output, the operand that it always equals, or None where nobody reads it.
    """

    op: Op | None
    operands: list[Value]
    outputs: list[int | Value | None]


def prune(graph: Graph) -> Graph:
    """Remove what no result depends on from the loops and branches of a graph."""
    if not has_regions(graph):
        return graph
    used = {operand for node in graph.nodes for operand in node.operands} | set(graph.outputs)
    walk = Exchange(graph)
    for node in graph.nodes:
        rule = RULES.get(type(node.op))
        found = None if rule is None else rule(node, [value in used for value in node.outputs])
        if found is None:
            walk.keep(node)
            continue
        if found.op is not None:
            operands = tuple(map(walk.moved, found.operands))
            image = rebuilt(node, operands, walk.images, found.op)
            order = {k: old for old, k in enumerate(found.outputs) if isinstance(k, int)}
            kept = [order[k] for k in range(len(image.types))]
            image.names = tuple(node.names[k] for k in kept)
            walk.replace(node, image, kept)
        for old, new in enumerate(found.outputs):
            if isinstance(new, Value):
                walk.values[Value(node, old)] = walk.moved(new)
    return walk.result()


def _loop(node: Node, used: Sequence[bool]) -> Pruned | None:
    op: Any = node.op
    n, body, groups = op.carried, op.body, op.groups(node.operands)
    end = 1 + n + op.scanned
    state, slices, fixed = body.inputs[1 : 1 + n], body.inputs[1 + n : end], body.inputs[end:]
    rows = [k for k in range(n, len(used)) if used[k]]
    live, same = live_carried(body, state, used, rows)
    kept = [*live, *rows]
    read = reached(body, [body.outputs[k] for k in kept])
    scanned, given = _merged(list(zip(groups.scanned, slices, strict=True)), read, False)
    pairs = [(groups.carried[k], state[k]) for k in same]
    rest, merged = _merged([*pairs, *zip(groups.fixed, fixed, strict=True)], read)
    if len(kept) == len(used) and len(scanned) == op.scanned and len(rest) == len(fixed):
        return None
    outputs = _numbered(len(used), kept, {k: groups.carried[k] for k in same})
    if not kept:
        return Pruned(None, [], outputs)
    more = [*scanned, *rest]
    inputs = [body.inputs[0], *(state[k] for k in live), *(value for _, value in more)]
    new = narrowed(body, inputs, given | merged, kept)
    operands = [*groups.trips, *(groups.carried[k] for k in live), *(v for v, _ in more)]
    loop = dataclasses.replace(op, carried=len(live), scanned=len(scanned), body=new)
    return Pruned(loop, operands, outputs)


def _while(node: Node, used: Sequence[bool]) -> Pruned | None:
    op: Any = node.op
    n, body, test = op.carried, op.body, op.condition
    twin = dict(zip(body.inputs, test.inputs, strict=True))
    tested = reached(test, test.outputs)
    rows = [k for k in range(n, len(body.outputs)) if used[k + 1]]
    wanted = [used[k] or test.inputs[k] in tested for k in range(n)]
    live, same = live_carried(body, body.inputs[:n], wanted, rows)
    read = reached(body, [body.outputs[k] for k in (*live, *rows)])
    read |= {one for one, other in twin.items() if other in tested}
    pairs = list(zip(node.operands, body.inputs, strict=True))
    rest, given = _merged([*(pairs[k] for k in same), *pairs[n:]], read)
    if len(live) + len(rows) == len(body.outputs) and len(rest) == len(node.operands) - n:
        return None
    inputs = [*(body.inputs[k] for k in live), *(value for _, value in rest)]
    new = narrowed(body, inputs, given, [*live, *rows])
    merged = {twin[one]: twin.get(other, other) for one, other in given.items()}
    condition = narrowed(test, [twin[value] for value in inputs], merged, [0])
    operands = [*(node.operands[k] for k in live), *(operand for operand, _ in rest)]
    kept = [*live, n, *(k + 1 for k in rows)]
    outputs = _numbered(len(used), kept, {k: node.operands[k] for k in same})
    return Pruned(While(len(live), condition, new), operands, outputs)


def _cond(node: Node, used: Sequence[bool]) -> Pruned | None:
    op: Any = node.op
    branches: tuple[Graph, ...] = op.branches
    first = branches[0].inputs
    through = _handed_on(branches, node.operands[1:], len(used))
    kept = [k for k, yes in enumerate(used) if yes and k not in through]
    places = [{value: k for k, value in enumerate(b.inputs)} for b in branches]
    read = {
        first[place[value]]
        for b, place in zip(branches, places, strict=True)
        for value in reached(b, [b.outputs[k] for k in kept])
        if value in place
    }
    rest, given = _merged(list(zip(node.operands[1:], first, strict=True)), read)
    outputs = _numbered(len(used), kept, through)
    if not kept:
        return Pruned(None, [], outputs)
    if len(kept) == len(used) and len(rest) == len(first):
        return None
    numbers = [places[0][value] for _, value in rest]
    new: list[Graph] = []
    for b in branches:
        own = dict(zip(first, b.inputs, strict=True))
        merged = {own[one]: own.get(other, other) for one, other in given.items()}
        new.append(narrowed(b, [b.inputs[k] for k in numbers], merged, kept))
    operands = [node.operands[0], *(operand for operand, _ in rest)]
    return Pruned(Cond(tuple(new)), operands, outputs)


def _handed_on(
    branches: Sequence[Graph], operands: Sequence[Value], count: int
) -> dict[int, Value]:
    """The outputs that are the same operand in every branch."""
    found: dict[int, Value] = {}
    for k in range(count):
        sources = {
            b.inputs.index(b.outputs[k]) if b.outputs[k] in b.inputs else -1 for b in branches
        }
        if len(sources) == 1 and sources != {-1}:
            found[k] = operands[sources.pop()]
    return found


def reached(graph: Graph, results: Collection[Value]) -> set[Value]:
    """The values that results depend on, themselves included."""
    found = set(results)
    nodes = {value.node for value in results}
    for node in reversed(graph.nodes):
        if node in nodes:
            found.update(node.operands)
            nodes.update(operand.node for operand in node.operands)
    return found


def live_carried(
    body: Graph, inputs: Sequence[Value], used: Sequence[bool], rows: Sequence[int]
) -> tuple[list[int], list[int]]:
    """The carried values that a result depends on, over any number of steps: those that change, and
    those that never do.
    """
    live = {k for k in range(len(inputs)) if used[k]}
    while True:
        read = reached(body, [body.outputs[k] for k in (*live, *rows)])
        grown = live | {k for k, value in enumerate(inputs) if value in read}
        if grown == live:
            break
        live = grown
    same = [k for k in sorted(live) if body.outputs[k] == inputs[k]]
    return [k for k in sorted(live) if k not in same], same


def _merged(
    pairs: Sequence[tuple[Value, Value]], read: Collection[Value], constants: bool = True
) -> tuple[list[tuple[Value, Value]], dict[Value, Value]]:
    """The operands whose inputs are read, each once, and what the other inputs become."""
    first: dict[Value, Value] = {}
    kept: list[tuple[Value, Value]] = []
    given: dict[Value, Value] = {}
    for operand, value in pairs:
        if value not in read:
            given[value] = value
        elif constants and operand.constant is not None:
            given[value] = operand
        elif operand in first:
            given[value] = first[operand]
        else:
            first[operand] = value
            kept.append((operand, value))
    return kept, given


def _numbered(
    count: int, kept: Sequence[int], through: dict[int, Value]
) -> list[int | Value | None]:
    place = {old: new for new, old in enumerate(kept)}
    return [through.get(k, place.get(k)) for k in range(count)]


def narrowed(
    region: Graph, inputs: Sequence[Value], given: dict[Value, Value], outputs: Sequence[int]
) -> Graph:
    """A region with these of its inputs and outputs; `given` says what others have become."""
    fresh = {value: input_value(value.name or "x", value.type) for value in inputs}
    named = {region.output_names[k]: region.outputs[k] for k in outputs}
    live = dce(region.replace(outputs=named))
    leaves = list(region.inputs)
    images = []
    for value in leaves:
        target = given.get(value, value)
        images.append(fresh.get(target, target))
    nodes: list[Node] = []
    results = substitute(live, images, nodes.append)
    return Graph(region.name, list(fresh.values()), nodes, dict(zip(named, results, strict=True)))


RULES: dict[type[Op], Callable[[Node, Sequence[bool]], Pruned | None]] = {
    Loop: _loop,
    While: _while,
    Cond: _cond,
}
