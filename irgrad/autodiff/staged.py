"""Arrays to which each step writes at several places, each of them its own, as several carried
arrays: what all steps write at the first place comes before what all write at the second.

`K[i, i:] = v` and then `K[i:, i] = v` fills a symmetric matrix: no step writes what another one
does."""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from collections.abc import Collection, Hashable, Mapping, Sequence
from typing import NamedTuple

from irgrad.autodiff.independent import Place
from irgrad.autodiff.inequalities import Linear, number, plus
from irgrad.autodiff.parts import Numbers, Part, apart
from irgrad.ir.builder import rebuilt
from irgrad.ir.exchange import Exchange
from irgrad.ir.graph import Graph, Node, Value, input_value
from irgrad.ops.index import Gather, UpdateAt
from irgrad.ops.loop import Loop
from irgrad.ops.select import WHERE


class Stages(NamedTuple):
    """A loop that carries an array for each of the places; the operands that it has; and of further
    arrays, by their numbers, the one that each goes on from.
    """

    op: Loop
    given: list[int]
    before: Mapping[int, int]

    def last(self, k: int) -> int:
        """The array that carried value k of the old loop is in the end."""
        after = {before: later for later, before in self.before.items()}
        while k in after:
            k = after[k]
        return k


class _Chain(NamedTuple):
    """The writes of a step to one array, what each reads there first, and what reads of written
    places are instead.
    """

    writes: list[Node]
    olds: list[Value | None]
    instead: dict[Value, Value]


def staged(op: Loop, numbers: Numbers, steady: Collection[Hashable]) -> Stages:
    """The loop so, where that is possible for one of its arrays; else as it is."""
    users: dict[Value, list[Node]] = defaultdict(list)
    for node in op.body.nodes:
        for v in dict.fromkeys(node.operands):
            users[v].append(node)
    count = op.first + op.carried + op.scanned + len(op.groups(op.body.inputs[1:]).fixed)
    given = list(range(count))
    for k in range(op.carried):
        source, result = op.body.inputs[1 + k], op.body.outputs[k]
        chain = _chain(users, source, result) if source.type.shape else None
        if chain is not None and _are_apart(op, numbers, steady, chain.writes):
            return _in_stages(op, given, k, chain)
    return Stages(op, given, {})


def _chain(users: Mapping[Value, Sequence[Node]], source: Value, result: Value) -> _Chain | None:
    """The writes, at several places, where nothing else is read than what they have written, or
    what they leave there.
    """
    chain = _Chain([], [], {})
    version, place = source, None
    while True:
        following = [n for n in users.get(version, ()) if isinstance(n.op, UpdateAt)]
        write = following[0] if len(following) == 1 and version != result else None
        old = None if write is None else _left_by(write)
        for node in users.get(version, ()):
            if node is write and version not in node.operands[1:]:
                continue
            read = Value(node, 0)
            if isinstance(node.op, Gather) and place is not None and Place.of(node) == place:
                made = _as_written(users, chain.writes[-1], read)
                if made is None:
                    return None
                chain.instead[read] = made
            elif read != old or list(users[read]) != [write and write.operands[1].node]:
                return None
        if write is None:
            break
        place = Place.of(write)
        if any(v.type.shape for v in place.at) or place in map(Place.of, chain.writes):
            return None
        chain.writes.append(write)
        chain.olds.append(old)
        version = Value(write, 0)
    return chain if version == result and len(chain.writes) > 1 else None


def _left_by(write: Node) -> Value | None:
    """What stands already where a write leaves something there."""
    x, y = write.operands[:2]
    if y.constant is not None or y.node.op is not WHERE:
        return None
    old = y.node.operands[2]
    if isinstance(old.node.op, Gather) and old.node.operands[0] == x:
        return old if Place.of(old.node) == Place.of(write) else None
    return None


def _as_written(users: Mapping[Value, Sequence[Node]], write: Node, read: Value) -> Value | None:
    """What a read of a written place gives: where just a part was written, this is all that may be
    looked at.
    """
    new = write.operands[1]
    if _left_by(write) is None:
        return new
    mask, part, _ = new.node.operands
    for node in users[read]:
        if node.op is not WHERE or node.operands[:2] != (mask, read) or node.operands[2] == read:
            return None
    return part if part.type == read.type else None


def _are_apart(
    op: Loop, numbers: Numbers, steady: Collection[Hashable], chain: Sequence[Node]
) -> bool:
    """Whether no step writes at one place what another writes at another."""
    position = op.body.inputs[0]
    here: Linear = {position: 1}
    there: Linear = {("other", position): 1}
    parts = [numbers.written(node) for node in chain]
    others: list[list[Part]] = []
    for part in parts:
        other = part.renamed(steady, "other")
        orders = plus(here, there, -1), plus(there, here, -1)
        others.append([other.within(plus(order, number(-1))) for order in orders])
    pairs = ((a, b) for a in range(len(parts)) for b in range(len(parts)) if a != b)
    return all(apart(parts[a], other) for a, b in pairs for other in others[b])


def _in_stages(op: Loop, given: list[int], k: int, chain: _Chain) -> Stages:
    """The loop with an array for each of the writes to carried value k."""
    body, source = op.body, op.body.inputs[1 + k]
    more = [
        input_value(f"{source.name or 'x'}.{stage}", source.type)
        for stage in range(1, len(chain.writes))
    ]
    walk = Exchange(body)
    arrays = dict(zip(chain.writes[1:], more, strict=True))
    olds = {old: x for old, x in zip(chain.olds[1:], more, strict=True) if old is not None}
    made = [Value(chain.writes[0], 0)]
    for node in body.nodes:
        value = Value(node, 0)
        if value in chain.instead:
            walk.values[value] = walk.moved(chain.instead[value])
        elif value in olds or node in arrays:
            array = olds.get(value) or arrays[node]
            operands = (array, *map(walk.moved, node.operands[1:]))
            image = rebuilt(node, operands, walk.images)
            if node in arrays:
                walk.nodes.append(image)
                made.append(Value(image, 0))
            else:
                walk.replace(node, image, [0])
        else:
            walk.keep(node)
    end = 1 + op.carried
    inputs = [*body.inputs[:end], *more, *body.inputs[end:]]
    outputs = [walk.moved(v) for v in body.outputs]
    outputs[k] = walk.moved(made[0])
    outputs[op.carried : op.carried] = made[1:]
    names = list(body.output_names)
    names[op.carried : op.carried] = [v.name or "x" for v in more]
    graph = Graph(body.name, inputs, walk.nodes, dict(zip(names, outputs, strict=True)))
    at = op.first + op.carried
    operands = [*given[:at], *([given[op.first + k]] * len(more)), *given[at:]]
    stages = [k, *range(op.carried, op.carried + len(more))]
    before = dict(zip(stages[1:], stages, strict=False))
    new = dataclasses.replace(op, carried=op.carried + len(more), body=graph)
    return Stages(new, operands, before)
