"""Functions that become regions of control-flow ops: tracing them, and the types of their results.

What such a function closes over becomes an operand of the op. A carried value has one type in all
steps: a Python number takes the type that the step gives it, an integer that becomes a float is
one from the start, and any other change is an error on the user's line."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from irgrad.errors import ArgumentError, DTypeError, IrgradError, Location, ShapeError, with_article
from irgrad.frontend.lower import (
    Argument,
    Signature,
    Static,
    classify,
    lower,
)
from irgrad.frontend.promote import innermost, lift
from irgrad.frontend.pytree import flatten, unflatten, written_path
from irgrad.frontend.site import call_site, defined_at
from irgrad.frontend.tracer import Tracer
from irgrad.ir.builder import CURRENT, Traced
from irgrad.ir.graph import Graph, Value, input_value
from irgrad.ir.op import Op
from irgrad.ir.types import ArrayType

_NUMBERS = (bool, int, float, complex)


class Region(NamedTuple):
    """A traced function: its graph (what it closed over comes last), the operands that stand for
    that, its result's structure, and for each leaf of the result its kind (None for a static one)
    and its line.
    """

    graph: Graph
    captured: tuple[Any, ...]
    tree: Any
    kinds: list[Argument | None]
    lines: list[Location | None]

    @property
    def free(self) -> int:
        """The number of inputs that are arguments."""
        return len(self.graph.inputs) - len(self.captured)


_CLOSE = "close over it: let the function read it"
_RETURN = "return arrays, numbers and None: what is the same whatever runs is known outside"


def array_leaf(leaf: Any, remedy: str = _CLOSE) -> Any:
    """A leaf of what goes into a region as it stands in a signature: numbers of all kinds are
    arrays here; None stays None.
    """
    if leaf is None:
        return Static(None)
    if isinstance(leaf, bool):
        return Argument(ArrayType(np.dtype(bool), ()))
    if isinstance(leaf, int):
        return Argument(ArrayType(np.dtype(np.int64), ()), weak=True)
    found = classify(leaf)
    if isinstance(found, Argument):
        return found
    raise ArgumentError(
        f"{with_article(type(leaf).__name__)} is not an array",
        hint=remedy,
    )


def leaf_kinds(
    leaves: Sequence[Any], place: Callable[[int], str], remedy: str = _CLOSE
) -> list[Any]:
    """`array_leaf` of each, with errors that say where it stands."""
    kinds: list[Any] = []
    for position, leaf in enumerate(leaves):
        try:
            kinds.append(array_leaf(leaf, remedy))
        except IrgradError as error:
            error.message = f"{place(position)}: {error.message}"
            raise error.at(call_site().location) from None
    return kinds


def trace_region(
    function: Callable[..., Any],
    args: tuple[Any, ...],
    kinds: Sequence[Any],
    wanted: Sequence[ArrayType | None] = (),
    contains: bool = False,
    repeats: bool = False,
    what: str = "",
) -> Region:
    """Trace `function` on arguments with these leaf kinds. A result whose type is `wanted`, leaf by
    leaf, is converted to that dtype where that loses nothing. See `Builder` for `contains` and
    `repeats`; errors about a result begin with `what`.
    """
    _, tree = flatten((args, {}))
    results: list[Argument | None] = []
    lines: list[Location | None] = []

    @functools.wraps(function)
    def settled(*given: Any) -> Any:
        builder = CURRENT.get()
        assert builder is not None
        builder.repeats |= repeats
        leaves, structure = flatten(function(*given))
        for position, leaf in enumerate(leaves):
            place = functools.partial(written_path, structure, position, f"{what}the result")
            (found,) = leaf_kinds([leaf], lambda _, place=place: place(), _RETURN)
            results.append(found if isinstance(found, Argument) else None)
            lines.append(leaf.value.node.location if isinstance(leaf, Traced) else None)
            want = wanted[position] if position < len(wanted) else None
            if leaf is not None:
                leaves[position] = lift(builder, leaf, _target(leaf, want))
        return unflatten(structure, leaves)

    inside = CURRENT.get() is not None
    lowered = lower(settled, Signature.of((args, {}), tree, kinds), contains, inside)
    graph = lowered.graph
    for value, what in zip(graph.inputs[::-1], lowered.captured[::-1], strict=False):
        if isinstance(what, Traced) and what.value.name:
            value.call(what.value.name)
    named = dict(zip(graph.output_names, graph.outputs, strict=True))
    region = Graph(graph.name, graph.inputs, graph.nodes, named)
    return Region(region, lowered.captured, lowered.result_tree, results, lines)


def _target(leaf: Any, want: ArrayType | None) -> Any:
    """The dtype to convert a result to, where it is not its own."""
    own = array_leaf(leaf)
    if want is None or own.type.dtype == want.dtype:
        return own.type.dtype
    common = joined(Argument(want), own)  # None, which NumPy takes for float64, is no dtype
    return want.dtype if common is not None and common == want.dtype else own.type.dtype


def joined(one: Argument, other: Argument) -> Any:
    """The dtype that both become without loss that NumPy would not have either: Python numbers take
    the other's, integers become floats; None where they differ otherwise.
    """
    if one.type.dtype == other.type.dtype:
        return one.type.dtype
    types = [_python(x) if x.weak else x.type.dtype for x in (one, other)]
    common = np.result_type(*[t(0) if isinstance(t, type) else t for t in types])
    whole = [x.type.dtype.kind in "biu" for x in (one, other)]
    changes = [x.type.dtype != common and not x.weak for x in (one, other)]
    allowed = all(
        not change or (is_whole and common.kind in "biuf")
        for change, is_whole in zip(changes, whole, strict=True)
    )
    return common if allowed else None


def _python(x: Argument) -> type:
    return {"i": int, "f": float, "c": complex}[x.type.dtype.kind]


def settled_carry(
    what: str,
    function: Callable[..., Any],
    trace: Callable[[Sequence[Any]], Region],
    carry: Any,
    kinds: list[Any],
    result_of: Callable[[Any], Any],
) -> tuple[Region, list[Any]]:
    """Trace a step until its carried values have the types that it gives them -> the region and the
    kinds. `carry` is the initial pytree, `result_of` takes the carried part of the result's
    structure.
    """
    structure = flatten(carry)[1]
    for _ in range(4):
        region = trace(kinds)
        numbered = unflatten(region.tree, range(len(region.kinds)))
        places, given = flatten(result_of(numbered))
        if given != structure:
            raise ArgumentError(
                f"{what}: the step returns a carried value of another structure: expected "
                f"{described(structure)}, got {described(given)}",
                location=defined_at(function),
                hint="return what the step got, changed, in the same tuples, lists and dicts",
            )
        grown = [
            _agreed(what, function, structure, k, kinds[k], region, place)
            for k, place in enumerate(places)
        ]
        if grown == kinds:
            return region, kinds
        kinds = grown
    raise DTypeError(f"{what}: the types of the carried values do not settle")


def described(structure: Any) -> str:
    """A structure as Python writes it."""
    return str(unflatten(structure, ["*"] * structure.num_leaves)).replace("'*'", "*")


def _agreed(
    what: str,
    function: Callable[..., Any],
    structure: Any,
    position: int,
    before: Any,
    region: Region,
    place: int,
) -> Any:
    """The kind of one carried value, given what it is before a step and after."""
    after, line = region.kinds[place], region.lines[place] or defined_at(function)
    name = lambda: f"{what}: {written_path(structure, position, 'the carried value')}"  # noqa: E731
    if isinstance(before, Static) or after is None:
        if isinstance(before, Static) and after is None:
            return before
        one, other = (
            "None" if k is None or isinstance(k, Static) else k.type for k in (before, after)
        )
        raise ArgumentError(
            f"{name()} is {one} before the step and {other} after",
            location=line,
            hint="is a return missing?" if other == "None" else "start with an array",
        )
    return settled_kind(before, after, line, name, "")


def settled_kind(
    before: Argument, after: Argument, line: Location | None, name: Callable[[], str], place: str
) -> Argument:
    """The kind of a carried value, given its kinds before a step and after; errors say that the
    value, which they call what `name` makes, changes, in what `place`.
    """
    if before.type.shape != after.type.shape:
        raise ShapeError(
            f"{name()} changes its shape{place}: expected {before.type}, got {after.type}",
            location=line,
            hint=f"start with an array of shape {after.type.shape}, or keep the shape "
            f"{before.type.shape} in every step",
        )
    dtype = joined(before, after)
    if dtype is None:
        raise DTypeError(
            f"{name()} changes its dtype{place}: expected {before.type}, got {after.type}",
            location=line,
            hint=f"start with .astype(np.{after.type.dtype}), or convert in the step with "
            f".astype(np.{before.type.dtype})",
        )
    weak = before.weak and after.weak and dtype == before.type.dtype
    return Argument(ArrayType(dtype, before.type.shape), weak)


def with_inputs(graph: Graph, inputs: Sequence[Value]) -> Graph:
    """The nodes of `graph` as a region with these inputs, its own among them."""
    return Graph(
        graph.name, inputs, graph.nodes, dict(zip(graph.output_names, graph.outputs, strict=True))
    )


def with_all(
    graphs: Sequence[Graph], captured: Sequence[Sequence[Any]], free: int = 0
) -> tuple[list[Graph], list[Any]]:
    """Regions, the first `free` inputs of which are arguments, with inputs for what any of them
    closes over, each thing once; and these things.
    """
    things: dict[Any, Any] = {}
    owned: list[dict[Any, Value]] = []
    named: dict[Any, Value] = {}
    for graph, own in zip(graphs, captured, strict=True):
        keys = [(id(x.builder), x.value) if isinstance(x, Traced) else id(x) for x in own]
        things.update(zip(keys, own, strict=True))
        owned.append(dict(zip(keys, graph.inputs[free:], strict=True)))
        named = owned[-1] | named
    made: list[Graph] = []
    for graph, own in zip(graphs, owned, strict=True):
        fresh = {key: input_value(v.name or "x", v.type) for key, v in named.items()}
        inputs = [own.get(key, fresh[key]) for key in things]
        made.append(with_inputs(graph, [*graph.inputs[:free], *inputs]))
    return made, list(things.values())


def index_input(name: str = "i") -> Value:
    """A new input for a position."""
    return input_value(name, ArrayType(np.dtype(np.int64), ()))


def apply(op: Op, operands: Sequence[Any], types: Sequence[Any], named: bool = True) -> list[Any]:
    """The outputs of `op` on operands of any kind, converted to `types`: a node of the innermost
    trace among them, or computed at once where none is traced. They are `named` after the variable
    that the user's line binds.
    """
    if not any(isinstance(operand, Traced) for operand in operands):
        arrays = [np.asarray(x, t.dtype) for x, t in zip(operands, types, strict=True)]
        found = op.reference(*arrays)
        every = found if isinstance(found, tuple) else (found,)
        return [x if x.ndim else x[()] for x in every]
    builder = innermost(operands)
    values = [builder.lift(lift(builder, x, t.dtype)) for x, t in zip(operands, types, strict=True)]
    site = call_site()
    with builder.emitting(site.location, None):
        node = builder.emit(op, values)
    variable = site.variable
    if named and isinstance(variable, str):
        several = len(node.types) > 1
        node.names = tuple(
            f"{variable}_{k}" if several else variable for k in range(len(node.types))
        )
    return [Tracer(builder, value) for value in node.outputs]


def operand_types(*groups: Sequence[Any]) -> list[ArrayType]:
    """The types of operands given by kinds or by values."""
    return [
        x.type if isinstance(x, Argument) else array_leaf(x).type for group in groups for x in group
    ]
