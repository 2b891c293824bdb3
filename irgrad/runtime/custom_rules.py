"""What rules of custom functions share, between the user's functions and the graph; and the rule of
`custom_jvp`.

A rule is lowered when a derivative is taken, for the types of one call, and its nodes become part
of the derivative's graph. What it closes over is among the operands of the call, the last ones:
traced values, since the trace that they are of may be over by then, and after them arrays."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from irgrad.autodiff.calls import Batched, only_new, settled, with_residuals
from irgrad.autodiff.graphs import pullback
from irgrad.autodiff.partial import dependents
from irgrad.errors import (
    ArgumentError,
    Location,
    ShapeError,
    TraceError,
    UnsupportedError,
)
from irgrad.frontend.called import check_takes
from irgrad.frontend.capture import captured
from irgrad.frontend.capture.handles import builder
from irgrad.frontend.closures import standing_for
from irgrad.frontend.guards import shared_captures
from irgrad.frontend.lower import Argument, Lowered, Signature, lower
from irgrad.frontend.promote import convert_to
from irgrad.frontend.pytree import flatten, map_leaves, unflatten, written_path
from irgrad.frontend.site import defined_at
from irgrad.frontend.tracer import Tracer, snapshot
from irgrad.ir.builder import Builder, substitute
from irgrad.ir.graph import Graph, Node, Value, constant_value, input_value
from irgrad.ir.types import ArrayType, is_inexact, type_of
from irgrad.ops.call import Call, Rule, apply
from irgrad.ops.linear import zeros_like
from irgrad.runtime.rule_arrays import RuleArrays
from irgrad.runtime.target import has_traced
from irgrad.runtime.transforms import Slot, described, result_template


@dataclass(frozen=True)
class Array:
    """A leaf that stands for an array of a type (an `Argument` itself would be a pytree node)."""

    argument: Argument

    @property
    def smooth(self) -> bool:
        """Whether it has derivatives."""
        return is_inexact(self.argument.type.dtype)


class Site(NamedTuple):
    """One call of a custom function: its name, where it stands, the signature of its arguments that
    may be differentiated, the others by position, what it became, and the traced values and the
    arrays that its rule closes over.
    """

    name: str
    location: Location | None
    signature: Signature
    fixed: tuple[tuple[int, Any], ...]
    lowered: Lowered
    closed: tuple[Tracer, ...]
    arrays: RuleArrays

    @property
    def operands(self) -> int:
        """The number of operands of the call."""
        return len(self.lowered.graph.inputs) + len(self.closed) + len(self.arrays.known)

    def beside(self, operands: Sequence[Any]) -> Sequence[Any]:
        """Those of the operands that stand for what the rule closes over."""
        return operands[len(self.lowered.graph.inputs) : self.operands]

    def arguments(self) -> tuple[Any, ...]:
        """The arguments that may be differentiated, as pytrees of `Array`s and static values."""
        leaves = [Array(x) if isinstance(x, Argument) else x.value for x in self.signature.leaves]
        return unflatten(self.signature.tree, leaves)[0]


def merged(args: Sequence[Any], fixed: Sequence[tuple[int, Any]]) -> list[Any]:
    """All arguments by position: those that may be differentiated, and the `fixed` ones."""
    every = list(args)
    for position, value in fixed:
        every.insert(position, value)
    return every


class UserRule(Rule):
    """The rule of one call of a custom function."""

    kind: str

    def __init__(self, site: Site) -> None:
        self.site = site

    def batch(self, op: Call, operands: Sequence[Any], batched: Sequence[bool]) -> Sequence[Any]:
        return Batched.call(self, op, operands, batched)

    def check_closure(self, differentiated: Sequence[bool]) -> None:
        """Refuse a derivative with respect to what the function closes over, of which its rule
        knows nothing; its values follow the arguments among the operands.
        """
        captured = slice(len(self.site.signature.traced), len(self.site.lowered.graph.inputs))
        if any(differentiated[captured]):
            raise TraceError(
                f"{self.site.name} closes over a value that is differentiated, which its "
                f"{self.kind} rule does not cover",
                location=self.site.location,
                hint=f"pass it to {self.site.name} as an argument",
            )

    def lowered(
        self,
        function: Callable[..., Any] | None,
        what: str,
        args: Sequence[Any],
        last: Sequence[str] = (),
    ) -> Lowered:
        """A part of the rule, lowered for arguments given as `Array`s and static values, of which
        the `last` are called so. Inputs for what the rule closes over come after these.
        """
        if function is None:
            method = "defvjp" if self.kind == "custom_vjp" else "defjvp"
            raise UnsupportedError(
                f"{self.site.name} is a {self.kind} function without a rule",
                hint=f"give it one: {self.site.name}.{method}(...)",
            )
        first = [f"args[{k}]" for k in range(len(args) - len(last))]
        check_takes(self.kind, f"{what} of {self.site.name}", function, *first, *last)
        leaves, tree = flatten(tuple(args))
        traced = [leaf.argument for leaf in leaves if isinstance(leaf, Array)]
        followed, closed = captured(function), self.site.closed
        lasting: set[int] = set()

        def run(*given: Any) -> Any:
            remaining = iter(given)
            filled = [next(remaining) if isinstance(x, Array) else x for x in leaves]
            with standing_for(closed, list(remaining)):
                result = map_leaves(_held, followed(*unflatten(tree, filled)))
            lasting.update(map(id, shared_captures()))
            return result

        run.__name__ = f"{self.site.name}_{what}"
        traced += [Argument(x.version.type, x.weak) for x in closed]
        given = (tuple(range(len(traced))), {})
        signature = Signature.of(given, flatten(given)[1], traced)
        closed_over = TraceError(
            f"{what} of {self.site.name} closes over a traced value",
            location=defined_at(function),
            hint=f"pass it to {self.site.name} as an argument",
        )
        try:
            lowered = lower(run, signature)
        except TraceError as error:
            raise (closed_over if "escaped" in error.message else error) from None
        if has_traced(lowered.captured):
            raise closed_over
        self.site.arrays.guards.extend(lowered.guards)
        places = [self.site.arrays.place(x, id(x) in lasting) for x in lowered.captured]
        graph = self._reading_arrays(lowered.graph, lowered.captured, places)
        return lowered._replace(graph=graph, captured=())

    def _reading_arrays(
        self, graph: Graph, captured: Sequence[Any], places: Sequence[int | None]
    ) -> Graph:
        """A part of the rule, with an input for each array that the rule is known to read, among
        which are those of the captured ones that have `places` there. The others are constants.
        """
        own = graph.inputs[: len(graph.inputs) - len(captured)]
        known = [input_value(f"read_{k}", type_of(x)) for k, x in enumerate(self.site.arrays.known)]
        instead = [
            constant_value(x) if place is None else known[place]
            for x, place in zip(captured, places, strict=True)
        ]
        nodes: list[Node] = []
        outputs = substitute(graph, [*own, *instead], nodes.append)
        named = dict(zip(graph.output_names, outputs, strict=True))
        return Graph(graph.name, [*own, *known], nodes, named)

    def expect(
        self, lowered: Lowered, what: str, template: Any, types: Sequence[Any], tree: Any
    ) -> list[Slot | None]:
        """The leaves of a part of a rule's result, which must have the structure `tree` and, where
        `types` has one, that shape. None in the place of a leaf, or a subtree, is zero.
        """
        expected = unflatten(tree, range(len(types)))
        found: list[Slot | None] = [None] * len(types)
        if _is_none(template):
            return found
        leaves, structure = flatten(template)
        if structure != tree:
            raise ArgumentError(
                f"{what} of {self.site.name} returns {_drawn(template)}, expected the structure "
                f"{_drawn(expected)}",
                location=self.site.location,
            )
        for position, (leaf, type) in enumerate(zip(leaves, types, strict=True)):
            if _is_none(leaf) or type is None:
                continue
            place = written_path(tree, position, "the result")
            if not isinstance(leaf, Slot):
                raise ArgumentError(
                    f"{what} of {self.site.name}: {place} is {described(leaf)}, expected {type}",
                    location=self.site.location,
                )
            got = lowered.graph.outputs[leaf.output]
            if got.type.shape != type.shape:
                raise ShapeError(
                    f"{what} of {self.site.name}: {place} is {got.type}, expected {type}",
                    location=got.node.location or self.site.location,
                )
            found[position] = leaf
        return found


def _held(leaf: Any) -> Any:
    """A leaf of a rule's result as it is now: of an array the value that stands for it."""
    if isinstance(leaf, np.ndarray):
        here = builder()
        return here.wrap(here, here.lift(leaf))
    return snapshot(leaf)


def _is_none(leaf: Any) -> bool:
    return leaf is None or (not isinstance(leaf, Slot) and getattr(leaf, "value", 0) is None)


def _drawn(tree: Any) -> str:
    """A structure as Python writes it."""
    return repr(map_leaves(lambda leaf: ..., tree)).replace("Ellipsis", "...")


def converted(
    graph: Graph, inputs: Sequence[Value], outputs: Sequence[tuple[Value, ArrayType]]
) -> Graph:
    """`graph` on `inputs`, its chosen outputs converted to their types."""
    builder = Builder(Tracer)
    builder.inputs, builder.nodes = list(inputs), list(graph.nodes)
    results: dict[str, Value] = {}
    for i, (value, type) in enumerate(outputs):
        with builder.emitting(value.node.location, None):
            results[f"out_{i}"] = builder.lift(convert_to(Tracer(builder, value), type.dtype))
    return Graph(graph.name, inputs, builder.nodes, results)


class JvpRule(UserRule):
    """That of `custom_jvp`: reverse mode is the transpose of the user's rule in its tangents."""

    kind = "custom_jvp"

    def __init__(self, site: Site, function: Callable[..., Any] | None) -> None:
        super().__init__(site)
        self.function = function

    @cached_property
    def _smooth(self) -> list[int]:
        """The arguments that have tangents."""
        traced = [self.site.signature.leaves[i] for i in self.site.signature.traced]
        return [k for k, leaf in enumerate(traced) if is_inexact(leaf.type.dtype)]

    @cached_property
    def _graph(self) -> tuple[Graph, list[int]]:
        """From arguments and tangents to the tangents of results, and which results these are."""
        primals = self.site.arguments()
        tangents = map_leaves(lambda x: x if isinstance(x, Array) and x.smooth else None, primals)
        fixed = tuple(value for _, value in self.site.fixed)
        lowered = self.lowered(
            self.function, "jvp", (*fixed, primals, tangents), ("primals", "tangents")
        )
        template = result_template(lowered)
        if not isinstance(template, tuple) or len(template) != 2:
            raise ArgumentError(
                f"jvp of {self.site.name} must return (result, tangent), got {described(template)}",
                location=self.site.location,
            )
        whole = self.site.lowered
        outputs = iter(whole.graph.output_types)
        types = [None if static is not None else next(outputs) for static in whole.statics]
        self.expect(lowered, "jvp", template[0], types, whole.result_tree)
        slots = self.expect(lowered, "jvp", template[1], types, whole.result_tree)
        slots = [slot for slot, type in zip(slots, types, strict=True) if type is not None]
        found = {
            k: (lowered.graph.outputs[slot.output], type)
            for k, (slot, type) in enumerate(zip(slots, whole.graph.output_types, strict=True))
            if slot is not None and is_inexact(type.dtype)
        }
        for value, type in found.values():
            if value.constant is not None and np.any(value.constant):
                raise self._not_linear(f"that of {type} is {value.constant} for any tangents")
        graph = converted(lowered.graph, lowered.graph.inputs, list(found.values()))
        return graph, list(found)

    def _not_linear(self, why: str) -> ArgumentError:
        return ArgumentError(
            f"jvp of {self.site.name} is not linear in the tangents: {why}",
            location=self.function and defined_at(self.function),
            hint="return derivative * tangent for each argument, summed up",
        )

    def jvp(
        self, op: Call, primals: Sequence[Any], outputs: Sequence[Any], tangents: Sequence[Any]
    ) -> Sequence[Any]:
        self.check_closure([tangent is not None for tangent in tangents])
        graph, places = self._graph
        given = [
            zeros_like(primals[k]) if tangents[k] is None else tangents[k] for k in self._smooth
        ]
        count = len(self.site.signature.traced)
        beside = self.site.beside(primals)
        results = apply(primals[0].builder, graph, [*primals[:count], *given, *beside])
        found = dict(zip(places, results, strict=True))
        return [found.get(k) for k in range(len(outputs))]

    def vjp(
        self,
        op: Call,
        primals: Sequence[Any],
        outputs: Sequence[Any],
        cotangents: Sequence[Any],
        wanted: Sequence[bool],
    ) -> Sequence[Any]:
        self.check_closure(wanted)
        graph, places = self._graph
        count = len(self.site.signature.traced)
        chosen = [i for i, k in enumerate(self._smooth) if wanted[k]]
        graph, _ = with_residuals(graph)
        pulled = pullback(graph, [graph.inputs[count + i] for i in chosen])
        seeds = [zeros_like(outputs[k]) if cotangents[k] is None else cotangents[k] for k in places]
        still = [zeros_like(primals[k]) for k in self._smooth]
        at = [*primals[:count], *still, *self.site.beside(primals), *seeds]
        back = only_new(graph, settled(pulled))
        late = dependents(back, [back.inputs[count + i] for i in range(len(self._smooth))])
        if any(value in late for value in back.outputs):
            raise self._not_linear("its derivative to them depends on them")
        results = apply(primals[0].builder, back, at)
        found = {self._smooth[i]: result for i, result in zip(chosen, results, strict=True)}
        return [found.get(k) for k in range(len(primals))]
