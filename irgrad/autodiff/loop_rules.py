"""Derivatives of `loop` and `while`."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

from irgrad.autodiff.regions import RegionPush, present
from irgrad.autodiff.steps import StepsPullback, active_carried
from irgrad.autodiff.structured import RULES, Pull, Rule
from irgrad.ir.graph import Graph, Value, input_value
from irgrad.ir.op import Op
from irgrad.ops.linear import zeros_like
from irgrad.ops.loop import Groups, Loop
from irgrad.ops.while_loop import While


def bound(builder: Any, op: Op, operands: Sequence[Any]) -> tuple[Any, ...]:
    """The outputs of `op`, always as a tuple."""
    result = builder.bind(op, operands)
    return result if isinstance(result, tuple) else (result,)


class LoopRule(Rule):
    """A loop of the body and its tangents; a loop of the body's adjoint in the other direction."""

    def influence(self, op: Loop, active: Sequence[bool]) -> list[bool]:
        return active_carried(op.body, 1, op.groups(active))

    def push(
        self, op: Loop, primals: Sequence[Any], tangents: Sequence[Any]
    ) -> tuple[Sequence[Any], Sequence[Any]]:
        groups, along = op.groups(primals), op.groups(tangents)
        given = op.groups([tangent is not None for tangent in tangents])
        outputs = active_carried(op.body, 1, given)
        live = outputs[: op.carried]
        region = RegionPush(op.body, [False, *live, *given.scanned, *given.fixed])
        body, rows = pushed_steps(region, 1, op.carried, op.scanned, live)
        scanned = [x for x in along.scanned if x is not None]
        pushed = dataclasses.replace(
            op, carried=op.carried + sum(live), scanned=op.scanned + len(scanned), body=body
        )
        found = bound(
            primals[0].builder,
            pushed,
            [
                *groups.trips,
                *groups.carried,
                *start(groups.carried, along.carried, live),
                *groups.scanned,
                *scanned,
                *groups.fixed,
                *(w for w in along.fixed if w is not None),
            ],
        )
        return told_apart(found, op.carried, len(op.body.outputs), live, rows)

    def plan(
        self,
        op: Loop,
        wants: Sequence[bool],
        receives: Sequence[bool],
        changing: Sequence[bool] = (),
        course: Any = None,
    ) -> tuple[Op, Pull]:
        steps = StepsPullback(op.body, 1, op.groups(wants), receives, op.length, course)
        count = len(op.body.outputs)
        back = dataclasses.replace(op, backward=not op.backward, replay=False)

        def pull(
            primals: Sequence[Any], outputs: Sequence[Any], cotangents: Sequence[Any]
        ) -> Sequence[Any]:
            found = steps.pull(
                back, op.groups(primals), outputs[: op.carried], outputs[count:], cotangents
            )
            return [x for group in found for x in group]

        return dataclasses.replace(op, body=steps.body), pull


class WhileRule(Rule):
    """As of a loop; the adjoint loop has the trip count that the while loop gave."""

    def influence(self, op: While, active: Sequence[bool]) -> list[bool]:
        found = active_carried(op.body, 0, _groups(op, active))
        return [*found[: op.carried], False, *found[op.carried :]]

    def push(
        self, op: While, primals: Sequence[Any], tangents: Sequence[Any]
    ) -> tuple[Sequence[Any], Sequence[Any]]:
        groups, along = _groups(op, primals), _groups(op, tangents)
        given = _groups(op, [tangent is not None for tangent in tangents])
        outputs = active_carried(op.body, 0, given)
        live = outputs[: op.carried]
        region = RegionPush(op.body, [*live, *given.fixed])
        body, rows = pushed_steps(region, 0, op.carried, 0, live)
        found = bound(
            primals[0].builder,
            While(op.carried + sum(live), _widened(op, live, given.fixed), body),
            [
                *groups.carried,
                *start(groups.carried, along.carried, live),
                *groups.fixed,
                *(w for w in along.fixed if w is not None),
            ],
        )
        place = op.carried + sum(live)
        steps, found = found[place], (*found[:place], *found[place + 1 :])
        results, dots = told_apart(found, op.carried, len(op.body.outputs), live, rows)
        return (
            [*results[: op.carried], steps, *results[op.carried :]],
            [*dots[: op.carried], None, *dots[op.carried :]],
        )

    def plan(
        self,
        op: While,
        wants: Sequence[bool],
        receives: Sequence[bool],
        changing: Sequence[bool] = (),
        course: Any = None,
    ) -> tuple[Op, Pull]:
        n = op.carried
        steps = StepsPullback(op.body, 0, _groups(op, wants), [*receives[:n], *receives[n + 1 :]])
        back = Loop(0, 0, None, True, False, steps.body)

        def pull(
            primals: Sequence[Any], outputs: Sequence[Any], cotangents: Sequence[Any]
        ) -> Sequence[Any]:
            groups = _groups(op, primals)._replace(trips=[outputs[n]])
            tapes = outputs[n + 1 + len(op.body.outputs) - n :]
            bars = [*cotangents[:n], *cotangents[n + 1 :]]
            found = steps.pull(back, groups, outputs[:n], tapes, bars)
            return [*found.carried, *found.fixed]

        return While(n, op.condition, steps.body), pull


def _groups(op: While, operands: Sequence[Any]) -> Groups:
    return Groups([], list(operands[: op.carried]), [], list(operands[op.carried :]))


def _widened(op: While, live: Sequence[bool], fixed: Sequence[bool]) -> Graph:
    """The condition with further inputs for tangents, which it does not read."""
    names = op.condition.names
    inputs = op.condition.inputs

    def dots(values: Sequence[Value], active: Sequence[bool]) -> list[Value]:
        return [
            input_value(f"{names[v]}.dot", v.type)
            for v, yes in zip(values, active, strict=True)
            if yes
        ]

    state, rest = inputs[: op.carried], inputs[op.carried :]
    every = [*state, *dots(state, live), *rest, *dots(rest, fixed)]
    outputs = dict(zip(op.condition.output_names, op.condition.outputs, strict=True))
    return Graph(op.condition.name, every, op.condition.nodes, outputs)


def pushed_steps(
    region: RegionPush, lead: int, carried: int, scanned: int, live: Sequence[bool]
) -> tuple[Graph, list[bool]]:
    """A body with tangents: carried values and theirs, slices and theirs, fixed values and theirs
    -> carried values and theirs, rows and theirs; and which rows have one.
    """
    inputs, dots = region.region.inputs, region.dots
    a, b = lead + carried, lead + carried + scanned
    every = [
        *inputs[:a], *present(dots[lead:a]),
        *inputs[a:b], *present(dots[a:b]),
        *inputs[b:], *present(dots[b:]),
    ]  # fmt: skip
    named = list(zip(region.region.output_names, region.outputs, strict=True))
    state = [(f"{named[k][0]}.dot", region.tangent(k)) for k in range(carried) if live[k]]
    rows = [x is not None for x in region.tangents[carried:]]
    more = [
        (f"{name}.dot", x)
        for (name, _), x in zip(named[carried:], region.tangents[carried:], strict=True)
        if x is not None
    ]
    return region.graph(every, [*named[:carried], *state, *named[carried:], *more]), rows


def start(values: Sequence[Any], tangents: Sequence[Any], live: Sequence[bool]) -> list[Any]:
    """The initial tangents of the carried values that have one."""
    return [
        zeros_like(x) if dot is None else dot
        for x, dot, yes in zip(values, tangents, live, strict=True)
        if yes
    ]


def told_apart(
    found: Sequence[Any], carried: int, total: int, live: Sequence[bool], rows: Sequence[bool]
) -> tuple[list[Any], list[Any]]:
    """The outputs and their tangents, of a loop whose body is `pushed_steps`."""
    after = carried + sum(live)
    state_dots = iter(found[carried:after])
    row_dots = iter(found[after + total - carried :])
    outputs = [*found[:carried], *found[after : after + total - carried]]
    dots = [next(state_dots) if yes else None for yes in live]
    dots += [next(row_dots) if yes else None for yes in rows]
    return outputs, dots


RULES[Loop] = LoopRule()
RULES[While] = WhileRule()
