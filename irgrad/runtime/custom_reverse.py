"""The rule of `custom_vjp`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

from irgrad.autodiff.calls import Batched
from irgrad.errors import ArgumentError, UnsupportedError
from irgrad.frontend.lower import Argument
from irgrad.frontend.pytree import flatten, leaves_of, map_leaves, unflatten
from irgrad.ir.graph import Graph, input_value
from irgrad.ir.types import is_inexact
from irgrad.ops.call import Call, Rule, apply
from irgrad.ops.linear import zeros_like
from irgrad.runtime.custom_rules import Array, Site, UserRule, converted, merged
from irgrad.runtime.transforms import Slot, described, result_template


class VjpRule(UserRule):
    """That of `custom_vjp`. In reverse mode the user's fwd takes the place of the function, and its
    residuals go to bwd.
    """

    kind = "custom_vjp"

    def __init__(
        self, site: Site, fwd: Callable[..., Any] | None, bwd: Callable[..., Any] | None
    ) -> None:
        super().__init__(site)
        self.fwd = fwd
        self.bwd = bwd

    def jvp(
        self, op: Call, primals: Sequence[Any], outputs: Sequence[Any], tangents: Sequence[Any]
    ) -> Sequence[Any]:
        raise UnsupportedError(
            f"forward mode of {self.site.name}, which has a custom_vjp rule",
            hint="use reverse mode (grad, vjp, jacobian), or give the function a custom_jvp rule, "
            "which serves both modes; for forward mode of its gradient, let fwd not call the "
            "function itself",
        )

    @cached_property
    def _forward(self) -> tuple[Graph, Any]:
        """From the operands of the call to its outputs and residuals; and these as a pytree of
        `Array`s and static values.
        """
        site = self.site
        lowered = self.lowered(self.fwd, "fwd", merged(site.arguments(), site.fixed))
        template = result_template(lowered)
        if not isinstance(template, tuple) or len(template) != 2:
            raise ArgumentError(
                f"fwd of {site.name} must return (result, residuals), got {described(template)}",
                location=site.location,
            )
        outputs = iter(site.lowered.graph.output_types)
        types = [None if static is not None else next(outputs) for static in site.lowered.statics]
        slots = self.expect(lowered, "fwd", template[0], types, site.lowered.result_tree)
        results = [
            (lowered.graph.outputs[slot.output], type)
            for slot, type in zip(slots, types, strict=True)
            if slot is not None and type is not None
        ]
        if len(results) != len(site.lowered.graph.outputs):
            raise ArgumentError(
                f"fwd of {site.name} returns None for an array", location=site.location
            )
        kept = [leaf for leaf in leaves_of(template[1]) if isinstance(leaf, Slot)]
        saved = [lowered.graph.outputs[slot.output] for slot in kept]
        residuals = map_leaves(
            lambda leaf: (
                Array(Argument(lowered.graph.outputs[leaf.output].type))
                if isinstance(leaf, Slot)
                else leaf.value
            ),
            template[1],
        )
        count = len(site.signature.traced)
        more = site.lowered.graph.inputs[count:]
        unused = [input_value(f"closed_over_{i}", value.type) for i, value in enumerate(more)]
        inputs = [*lowered.graph.inputs[:count], *unused, *lowered.graph.inputs[count:]]
        outputs = [*results, *((value, value.type) for value in saved)]
        return converted(lowered.graph, inputs, outputs), residuals

    @cached_property
    def _backward(self) -> tuple[Graph, list[int]]:
        """From residuals and cotangents to the cotangents of arguments, and which these are."""
        site = self.site
        outputs = iter(site.lowered.graph.output_types)
        bars = [
            Array(Argument(type))
            if static is None and is_inexact((type := next(outputs)).dtype)
            else None
            for static in site.lowered.statics
        ]
        cotangent = unflatten(site.lowered.result_tree, bars)
        fixed = tuple(value for _, value in site.fixed)
        given = (*fixed, self._forward[1], cotangent)
        lowered = self.lowered(self.bwd, "bwd", given, ("residuals", "cotangent"))
        template, arguments = result_template(lowered), site.arguments()
        if not isinstance(template, tuple) or len(template) != len(arguments):
            raise ArgumentError(
                f"bwd of {site.name} must return a tuple with the cotangent of each of its "
                f"{len(arguments)} arguments, got {described(template)}",
                location=site.location,
            )
        found: list[Slot | None] = []
        for argument, part in zip(arguments, template, strict=True):
            leaves, tree = flatten(argument)
            types = [
                leaf.argument.type if isinstance(leaf, Array) and leaf.smooth else None
                for leaf in leaves
            ]
            slots = self.expect(lowered, "bwd", part, types, tree)
            found += [
                slot for slot, leaf in zip(slots, leaves, strict=True) if isinstance(leaf, Array)
            ]
        types = site.lowered.graph.input_types
        chosen = {
            k: (lowered.graph.outputs[slot.output], types[k])
            for k, slot in enumerate(found)
            if slot is not None
        }
        graph = converted(lowered.graph, lowered.graph.inputs, list(chosen.values()))
        return graph, list(chosen)

    def split(self, op: Call) -> tuple[Graph, Rule]:
        return self._forward[0], Backward(self)

    def pulled(
        self,
        operands: Sequence[Any],
        residuals: Sequence[Any],
        outputs: Sequence[Any],
        cotangents: Sequence[Any],
    ) -> dict[int, Any]:
        """The cotangents of the arguments that have one, by bwd."""
        graph, places = self._backward
        bars = [
            zeros_like(y) if bar is None else bar
            for y, bar in zip(outputs, cotangents, strict=True)
            if is_inexact(y.dtype)
        ]
        given = [*residuals, *bars, *self.site.beside(operands)]
        results = apply(outputs[0].builder, graph, given)
        return dict(zip(places, results, strict=True))

    def vjp(
        self,
        op: Call,
        primals: Sequence[Any],
        outputs: Sequence[Any],
        cotangents: Sequence[Any],
        wanted: Sequence[bool],
    ) -> Sequence[Any]:
        self.check_closure(wanted)
        results = apply(primals[0].builder, self._forward[0], primals)
        found = self.pulled(primals, results[len(outputs) :], outputs, cotangents)
        return [found.get(k) if want else None for k, want in enumerate(wanted)]


class Backward(Rule):
    """The second half: a call on (outputs, operands, residuals) that hands the outputs on."""

    hands_on = True

    def __init__(self, whole: VjpRule) -> None:
        self.whole = whole

    def batch(self, op: Call, operands: Sequence[Any], batched: Sequence[bool]) -> Sequence[Any]:
        return Batched.call(self, op, operands, batched)

    def jvp(
        self, op: Call, primals: Sequence[Any], outputs: Sequence[Any], tangents: Sequence[Any]
    ) -> Sequence[Any]:
        return self.whole.jvp(op, primals, outputs, tangents)

    def vjp(
        self,
        op: Call,
        primals: Sequence[Any],
        outputs: Sequence[Any],
        cotangents: Sequence[Any],
        wanted: Sequence[bool],
    ) -> Sequence[Any]:
        first = len(outputs)
        last = first + self.whole.site.operands
        self.whole.check_closure(wanted[first:last])
        found = self.whole.pulled(primals[first:last], primals[last:], outputs, cotangents)
        return [found.get(k - first) if first <= k < last else None for k in range(len(primals))]
