"""Derivatives of `cond`: those of its branches, chosen by the same selector.

The branches keep different values for their adjoints; each gives a slot for every kept value of
any branch, with zeros in those of the others. Slots of one type are shared."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from irgrad.autodiff.composed import distinct
from irgrad.autodiff.loop_rules import bound
from irgrad.autodiff.regions import (
    RegionPullback,
    RegionPush,
    piece,
    present,
    with_more_outputs,
    zeros_in,
)
from irgrad.autodiff.structured import RULES, Pull, Rule, region_influence
from irgrad.ir.graph import Graph, Node, Value, input_value
from irgrad.ir.op import Op
from irgrad.ir.types import ArrayType
from irgrad.ops.cond import Cond
from irgrad.ops.linear import zeros_like

Slot = tuple[ArrayType, int]
"""A type, and which of the slots of that type."""


class CondRule(Rule):
    """The same choice among branches with tangents, or among adjoints of branches."""

    def influence(self, op: Cond, active: Sequence[bool]) -> list[bool]:
        found = [region_influence(branch, active[1:]) for branch in op.branches]
        return [any(column) for column in zip(*found, strict=True)]

    def push(
        self, op: Cond, primals: Sequence[Any], tangents: Sequence[Any]
    ) -> tuple[Sequence[Any], Sequence[Any]]:
        given = [tangent is not None for tangent in tangents[1:]]
        pushed = [RegionPush(branch, given) for branch in op.branches]
        count = len(op.branches[0].outputs)
        live = [any(p.tangents[k] is not None for p in pushed) for k in range(count)]
        branches: list[Graph] = []
        for p in pushed:
            named = list(zip(p.region.output_names, p.outputs, strict=True))
            dots = [(f"{named[k][0]}.dot", p.tangent(k)) for k in range(count) if live[k]]
            branches.append(p.graph([*p.region.inputs, *present(p.dots)], [*named, *dots]))
        operands = [*primals, *(x for x in tangents[1:] if x is not None)]
        found = bound(primals[0].builder, Cond(tuple(branches)), operands)
        dots = iter(found[count:])
        return found[:count], [next(dots) if yes else None for yes in live]

    def plan(
        self,
        op: Cond,
        wants: Sequence[bool],
        receives: Sequence[bool],
        changing: Sequence[bool] = (),
        course: Any = None,
    ) -> tuple[Op, Pull]:
        wrt = [k for k, want in enumerate(wants[1:]) if want]
        seeded = [k for k, get in enumerate(receives) if get]
        numbers = [k for k, yes in enumerate(changing[1:]) if yes]
        adjoint = _Adjoint(op, wrt, seeded, numbers)
        count = len(receives)

        def pull(
            primals: Sequence[Any], outputs: Sequence[Any], cotangents: Sequence[Any]
        ) -> Sequence[Any]:
            return adjoint.pull(primals, outputs[:count], outputs[count:], cotangents)

        return adjoint.forward, pull


class _Adjoint:
    def __init__(
        self, op: Cond, wrt: Sequence[int], seeded: Sequence[int], changing: Sequence[int]
    ) -> None:
        self.wrt, self.seeded = wrt, seeded
        self.pullbacks = [
            RegionPullback(branch, wrt, seeded, changing=changing) for branch in op.branches
        ]
        self.results = [present([p.cotangents[k] for k in wrt]) for p in self.pullbacks]
        cuts = [
            _kept(p, results, changing)
            for p, results in zip(self.pullbacks, self.results, strict=True)
        ]
        self.kept = [kept for kept, _ in cuts]
        self.again = [again for _, again in cuts]
        self.slots = slots_of(self.kept)
        self.own = [assigned(kept) for kept in self.kept]
        self.forward = Cond(
            tuple(
                with_slots(p.region, own, self.slots)
                for p, own in zip(self.pullbacks, self.own, strict=True)
            )
        )

    def pull(
        self,
        primals: Sequence[Any],
        outputs: Sequence[Any],
        tapes: Sequence[Any],
        cotangents: Sequence[Any],
    ) -> Sequence[Any]:
        """The cotangents of the operands."""
        live = [k for k in self.wrt if any(p.cotangents[k] is not None for p in self.pullbacks)]
        if not live:
            return [None] * len(primals)
        branches = tuple(self._branch(number, live) for number in range(len(self.pullbacks)))
        seeds = [
            zeros_like(outputs[k]) if cotangents[k] is None else cotangents[k] for k in self.seeded
        ]
        op = Cond(branches)
        found = bound(primals[0].builder, op, [primals[0], *primals[1:], *tapes, *seeds])
        result: list[Any] = [None] * len(primals)
        for k, value in zip(live, found, strict=True):
            result[k + 1] = value
        return result

    def _branch(self, number: int, live: Sequence[int]) -> Graph:
        p = self.pullbacks[number]
        names = p.region.names | {v: v.name or "x" for v in p.builder.inputs}
        bars = {k: p.cotangents[k] for k in live}
        results = [
            (f"{names[p.region.inputs[k]]}.bar", v) for k, v in bars.items() if v is not None
        ]
        own = {slot: value for value, slot in self.own[number].items()}
        tapes = [own.get(slot) or input_value("other", slot[0]) for slot in self.slots]
        leaves = [*p.region.inputs, *tapes, *(p.seeds[k] for k in self.seeded)]
        nodes = [*self.again[number], *p.backward]
        graph = piece(f"{p.region.name}.bar", names, leaves, nodes, results)
        found = iter(graph.outputs)
        outputs: list[tuple[str, Value]] = []
        zeros: list[Node] = []
        for k in live:
            like = p.region.inputs[k]
            value = zeros_in(zeros, like) if bars[k] is None else next(found)
            outputs.append((f"{names[like]}.bar", value))
        return Graph(graph.name, graph.inputs, [*graph.nodes, *zeros], distinct(outputs))


def _kept(
    p: RegionPullback, results: Sequence[Value], changing: Sequence[int]
) -> tuple[list[Value], list[Node]]:
    """What a branch keeps, and which of its nodes run again: parts of an operand that changes
    rather than what they are parts of, but no operand itself, which the adjoint gets again.
    """
    inputs = p.region.inputs
    steady = [v for k, v in enumerate(inputs) if k not in changing]
    kept, _ = p.residuals(steady, results)
    return p.residuals([*steady, *(v for v in kept if v.node.is_input)], results)


def assigned(kept: Sequence[Value]) -> dict[Value, Slot]:
    """A slot for each value that a branch keeps."""
    counts: Counter[ArrayType] = Counter()
    own: dict[Value, Slot] = {}
    for value in kept:
        own[value] = (value.type, counts[value.type])
        counts[value.type] += 1
    return own


def slots_of(kept: Sequence[Sequence[Value]]) -> list[Slot]:
    """The slots for what the branches keep, which they share."""
    found: dict[Slot, None] = {}
    for values in kept:
        found.update(dict.fromkeys(assigned(values).values()))
    return list(found)


def with_slots(region: Graph, own: dict[Value, Slot], slots: Sequence[Slot]) -> Graph:
    """A branch that also gives a value for each slot: its own, or zeros."""
    holders = {slot: value for value, slot in own.items()}
    nodes = list(region.nodes)
    values = [holders.get(slot) or zeros_in(nodes, input_value("zero", slot[0])) for slot in slots]
    return with_more_outputs(region.replace(nodes=nodes), values, "tape")


RULES[Cond] = CondRule()
