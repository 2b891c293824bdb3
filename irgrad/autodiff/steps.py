"""The adjoint of repeated steps, which `loop` and `while` share.

With c' = f(c, x, w) at every step, the adjoint steps run in the other direction and carry the
adjoints of the carried values, c_bar = (df/dc)^T c'_bar; those of what is the same in all steps add
up, w_bar += (df/dw)^T c'_bar; each step gives the adjoint of its slice, x_bar = (df/dx)^T c'_bar.
What they read of the forward steps and cannot compute again is stacked by these (see
`residuals`). A carried value that is kept before a step is not kept again after the step before:
the adjoint steps pass it on. Nor is an array of which steps overwrite a part: these keep the part
(see `overwritten`)."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Sequence
from typing import Any

from irgrad.autodiff.lasting import Course, Lasting
from irgrad.autodiff.overwritten import Undo, restored
from irgrad.autodiff.regions import RegionPullback, piece, used_by, with_more_outputs
from irgrad.autodiff.structured import influenced, receiving, region_influence
from irgrad.frontend.tracer import Tracer
from irgrad.ir.graph import Graph, Node, Value, input_value
from irgrad.ops.linear import zeros_like
from irgrad.ops.loop import Groups, Loop
from irgrad.ops.region import INDEX


def active_carried(body: Graph, lead: int, active: Groups) -> list[bool]:
    """Which outputs of a body depend smoothly on active operands, over any number of steps."""
    carried = list(active.carried)
    while True:
        given = [False] * lead + carried + active.scanned + active.fixed
        found = region_influence(body, given)
        grown = [a or b for a, b in zip(carried, found, strict=False)]
        if grown == carried:
            return carried + found[len(carried) :]
        carried = grown


class StepsPullback:
    """The adjoint of the steps of `body`: `lead` inputs (the position, or none), carried values,
    slices, fixed values. `wants` names operands, `receives` carried values and rows; `steps` is
    their number, where that is known.
    """

    def __init__(
        self,
        body: Graph,
        lead: int,
        wants: Groups,
        receives: Sequence[bool],
        steps: int | None = None,
        course: Course | None = None,
    ) -> None:
        self.lead, self.count, self.steps = lead, len(wants.carried), steps
        live, rows, wrt = self._flow(body, wants, list(receives))
        self.live, self.rows = live, rows
        after = lead + self.count + len(wants.scanned)
        summed = [k for k in wrt if k >= after]
        self.pullback = RegionPullback(
            body, wrt, [*live, *rows], summed, range(lead, lead + self.count), course
        )
        region = self.pullback.region
        inputs = region.inputs
        self.carried = inputs[lead : lead + self.count]
        self.scanned = inputs[lead + self.count : lead + self.count + len(wants.scanned)]
        self.fixed = inputs[after:]
        bar: dict[Value, Value] = {
            inputs[k]: value for k, value in self.pullback.cotangents.items() if value is not None
        }
        self.state_bars = [
            bar.get(self.carried[k]) or self.pullback.zeros(self.carried[k]) for k in live
        ]
        self.slice_bars = {j: v for j, x in enumerate(self.scanned) if (v := bar.get(x))}
        self.sums = {
            m: (self.pullback.totals[after + m], v)
            for m, x in enumerate(self.fixed)
            if (v := bar.get(x))
        }
        self.course = course or Course(region, carried=())
        self._keep(region)

    def _flow(
        self, body: Graph, wants: Groups, receives: list[bool]
    ) -> tuple[list[int], list[int], list[int]]:
        """Carried values and rows that get a cotangent, and inputs that want one."""
        lead, count = self.lead, self.count
        outputs = active_carried(body, lead, wants)
        active = [False] * lead + outputs[:count] + wants.scanned + wants.fixed
        values = influenced(body, [v for v, yes in zip(body.inputs, active, strict=True) if yes])
        gets = [a and b for a, b in zip(outputs, receives, strict=True)]
        while True:
            seeded = [v for v, yes in zip(body.outputs, gets, strict=True) if yes]
            reached = receiving(body, values, seeded)
            state = body.inputs[lead : lead + count]
            grown = [g or v in reached for g, v in zip(gets, state, strict=False)] + gets[count:]
            if grown == gets:
                break
            gets = grown
        live = [k for k in range(count) if gets[k]]
        rows = [k for k in range(count, len(gets)) if gets[k]]
        wrt = [
            k
            for k, value in enumerate(body.inputs)
            if active[k] and (value in reached or k - lead in live)
        ]
        return live, rows, wrt

    def _keep(self, region: Graph) -> None:
        own = set(region.nodes)
        free = [*region.inputs[: self.lead], *self.scanned, *self.fixed]
        results = [
            *self.state_bars,
            *self.slice_bars.values(),
            *(new for _, new in self.sums.values()),
        ]
        self.lasting = Lasting(self.course, region, self.pullback.backward, results, free)
        kept, self.again = self.pullback.residuals([*free, *self.lasting.nodes], results)
        self.undo = self._undone(region, kept, own)
        self.lasting.drop(self.undo)
        self.lasting.keep(used_by([*self.again, *self.pullback.backward], results))
        if self.lasting.nodes or self.undo:
            free += self.lasting.nodes
            results += self.lasting.operands
        if self.undo:
            free += [v for undo in self.undo.values() for v in (undo.source, undo.versions[0])]
            results += [index for undo in self.undo.values() for index in undo.indices]
        if self.lasting.nodes or self.undo:
            kept, self.again = self.pullback.residuals(free, results)
        after = self._handed_on(region, kept, own)
        self.passed = {k: value for value, k in after.items()}
        olds = [old for undo in self.undo.values() for old in undo.olds]
        self.kept = [*(value for value in kept if value not in after), *olds]
        for undo in self.undo.values():
            region = undo.keeping(region)
        self.body = with_more_outputs(region, self.kept, "tape")

    def _handed_on(
        self, region: Graph, kept: Sequence[Value], own: Collection[Node]
    ) -> dict[Value, int]:
        """The outputs that are kept both before a step and after it, and their numbers."""
        return {
            region.outputs[k]: k
            for k, before in enumerate(self.carried)
            if before in kept and region.outputs[k] in kept and region.outputs[k].node in own
        }

    def _undone(
        self, region: Graph, kept: Sequence[Value], own: Collection[Node]
    ) -> dict[int, Undo]:
        """The carried values of which steps keep what they overwrite, not all of it."""
        after = self._handed_on(region, kept, own)
        found: dict[int, Undo] = {}
        for k, before in enumerate(self.carried):
            result = region.outputs[k]
            if before in kept and result not in after:
                undo = Undo.of(region, before, result, self.steps, self.carried)
                if undo is not None:
                    found[k] = undo
        return found

    def pull(
        self,
        steps: Loop,
        operands: Groups,
        finals: Sequence[Any],
        tapes: Sequence[Any],
        cotangents: Sequence[Any],
    ) -> Groups:
        """The cotangents of the operands. `steps` says how many steps there are, and which way the
        adjoint ones go; `finals` are the carried values after the last.
        """
        p = self.pullback
        read = self.lasting.nodes
        nodes, moved, ends = restored([*self.undo.values()], self.again, p.backward, read)
        results = [(name, moved.get(value, value)) for name, value in self._results(ends)]
        used = used_by(nodes, [value for _, value in results])
        carried = self._carried(operands, finals, cotangents)
        scanned = [
            *((x, v) for x, v in zip(self.scanned, operands.scanned, strict=True) if x in used),
            *((p.seeds[k], cotangents[k]) for k in self.rows if cotangents[k] is not None),
            *zip(self.kept, tapes, strict=True),
        ]
        fixed = [(x, v) for x, v in zip(self.fixed, operands.fixed, strict=True) if x in used]
        builder = next(x.builder for x in [*finals, *cotangents] if x is not None)
        for array in self.course.carried or ():
            if array.last in used:
                outer = array.outer and Tracer(builder, array.outer)
                fixed.append((array.last, finals[array.number] if outer is None else outer))
        pairs = [*carried, *scanned, *fixed]
        position = p.region.inputs[0] if self.lead else input_value("i", INDEX)
        absent = [p.seeds[k] for k in self.rows if cotangents[k] is None]
        leaves = [position, *(leaf for leaf, _ in pairs)]
        body = piece(f"{p.region.name}.bar", self.names, leaves, nodes, results, absent)
        op = dataclasses.replace(steps, carried=len(carried), scanned=len(scanned), body=body)
        bound = builder.bind(op, [*operands.trips, *(given for _, given in pairs)])
        return self._sorted(bound if isinstance(bound, tuple) else (bound,), operands, len(carried))

    @property
    def names(self) -> dict[Value, str]:
        """The names of the region's values, and of the inputs that the adjoint adds."""
        p = self.pullback
        lasts = [array.last for array in self.course.carried or ()]
        return p.region.names | {v: v.name or "x" for v in [*p.builder.inputs, *lasts]}

    def _results(self, ends: Sequence[Value]) -> list[tuple[str, Value]]:
        """What an adjoint step gives: what it carries, then the adjoints of the slices."""
        names = self.names
        bars = zip(self.live, self.state_bars, strict=True)
        return [
            *((f"{names[self.carried[k]]}.bar", value) for k, value in bars),
            *((f"{names[self.fixed[m]]}.sum", new) for m, (_, new) in self.sums.items()),
            *((names[self.carried[k]], self.carried[k]) for k in self.passed),
            *((names[self.carried[k]], v) for k, v in zip(self.undo, ends, strict=True)),
            *((f"{names[self.scanned[j]]}.bar", v) for j, v in self.slice_bars.items()),
        ]

    def _carried(
        self, operands: Groups, finals: Sequence[Any], cotangents: Sequence[Any]
    ) -> list[tuple[Value, Any]]:
        """What the adjoint steps carry, each with where it starts."""
        bars = {
            k: zeros_like(finals[k]) if cotangents[k] is None else cotangents[k] for k in self.live
        }
        return [
            *((self.pullback.seeds[k], bar) for k, bar in bars.items()),
            *((total, zeros_like(operands.fixed[m])) for m, (total, _) in self.sums.items()),
            *((value, finals[k]) for k, value in self.passed.items()),
            *((undo.after, finals[k]) for k, undo in self.undo.items()),
        ]

    def _sorted(self, outputs: Sequence[Any], operands: Groups, carried: int) -> Groups:
        found = Groups(*([None] * len(group) for group in operands))
        for k, value in zip(self.live, outputs, strict=False):
            found.carried[k] = value
        for m, value in zip(self.sums, outputs[len(self.live) :], strict=False):
            found.fixed[m] = value
        for j, value in zip(self.slice_bars, outputs[carried:], strict=True):
            found.scanned[j] = value
        return found
