"""vmap: a function of one example as a function of many at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from irgrad.autodiff.batch import batch
from irgrad.errors import ArgumentError, ShapeError
from irgrad.frontend.keywords import keywords
from irgrad.frontend.lower import Argument, Lowered, Signature, Static, argument_place
from irgrad.frontend.pytree import flatten, leaves_of, prefix_leaves, written_path
from irgrad.frontend.site import call_site, defined_at
from irgrad.frontend.tracer import Tracer
from irgrad.ir.builder import Builder
from irgrad.ir.graph import Graph
from irgrad.ir.types import ArrayType, drop_axes, normalize_axis
from irgrad.ops.linear import broadcast_to
from irgrad.ops.shape import transpose
from irgrad.runtime.operator import Operator
from irgrad.runtime.target import arguments_of, lower_target
from irgrad.runtime.transforms import differentiable


class Vmap(Operator):
    """`vmap` of a function: lowered for one example, then batched."""

    def lower(self, signature: Signature) -> Lowered:
        """The graph for all examples."""
        _, out_axes, _ = self.options
        mapped = self._mapped(signature)
        lowered = lower_target(self.function, mapped.signature)
        lowered = numbers_as_outputs(lowered)
        axes = [mapped.axes.get(position) for position in signature.traced]
        axes += [None] * lowered.graph.captured
        many, differ = batch(lowered.graph, [axis is not None for axis in axes], mapped.size)
        into = self._result_axes(lowered, out_axes, differ)
        graph = moved(many, axes, into, differ, mapped.size)
        return lowered._replace(graph=graph, signature=signature)

    def inner(self, signature: Signature) -> Signature:
        """That of the call with one example."""
        return self._mapped(signature).signature

    def _mapped(self, signature: Signature) -> _Mapped:
        in_axes, _, size = self.options
        return _Mapped(self.function, signature, in_axes, size)

    def _result_axes(
        self, lowered: Lowered, out_axes: Any, differ: Sequence[bool]
    ) -> list[int | None]:
        """Where each output of the graph has its batch axis."""
        try:
            wanted = prefix_leaves(out_axes, lowered.result_tree)
        except ValueError as error:
            raise ArgumentError(
                f"vmap: out_axes={out_axes!r} does not fit the result of {_name(self.function)}",
                location=defined_at(self.function),
                hint="give an axis, None, or a pytree of them that begins like the result",
            ) from error
        outputs = iter(zip(lowered.graph.output_types, differ, strict=True))
        axes: list[int | None] = []
        for position, (axis, static) in enumerate(zip(wanted, lowered.statics, strict=True)):
            if static is not None:
                continue
            place = written_path(lowered.result_tree, position, "the result")
            type, differs = next(outputs)
            axes.append(_result_axis(axis, type, differs, place))
        return axes


def _result_axis(axis: Any, type: ArrayType, differs: bool, place: str) -> int | None:
    if axis is None:
        if differs:
            raise ArgumentError(
                f"vmap: out_axes is None for {place}, which differs between examples",
                hint="give it an axis, such as 0",
            )
        return None
    try:
        return normalize_axis(axis, type.ndim + 1)
    except ShapeError as error:
        raise ArgumentError(
            f"vmap: out_axes={axis} for {place}: {error.message}", hint="give another axis"
        ) from None


class _Mapped:
    """The arguments of a call of a vmap: the axis of each mapped leaf, their common size, and the
    signature of one example.
    """

    def __init__(self, function: Any, signature: Signature, in_axes: Any, size: int | None) -> None:
        self.function = function
        self.whole = signature
        self.axes: dict[int, int] = {}
        self.size = -1 if size is None else size
        self.first = "axis_size"
        args, kwargs = arguments_of(signature)
        for position, axis in self._chosen(args, in_axes):
            self._add(position, axis, positional=True)
        for position in leaves_of(kwargs):
            self._add(position, 0, positional=False)
        if self.size < 0:
            raise ArgumentError(
                f"vmap: no argument of {_name(function)} is mapped",
                hint="give an axis for one of them in in_axes, or axis_size=",
            )

    @property
    def signature(self) -> Signature:
        """That of the call with one example."""
        leaves = list(self.whole.leaves)
        for position, axis in self.axes.items():
            type = leaves[position].type
            leaves[position] = Argument(ArrayType(type.dtype, drop_axes(type.shape, (axis,))))
        return self.whole._replace(leaves=tuple(leaves))

    def _chosen(self, args: tuple[Any, ...], in_axes: Any) -> list[tuple[int, Any]]:
        """(leaf, axis) for every leaf of the positional arguments."""
        if isinstance(in_axes, tuple) and len(in_axes) != len(args):
            raise ArgumentError(
                f"vmap: in_axes={in_axes} has {len(in_axes)} entries, the call of "
                f"{_name(self.function)} has {len(args)} positional argument"
                f"{'s' * (len(args) != 1)}",
                hint="give an axis, None, or a pytree of them for each; arguments by keyword are "
                "mapped over their first axis",
            )
        positions, tree = flatten(args)
        try:
            return list(zip(positions, prefix_leaves(in_axes, tree), strict=True))
        except ValueError as error:
            raise ArgumentError(
                f"vmap: in_axes={in_axes!r} does not fit the arguments of {_name(self.function)}",
                hint="give an axis, None, or a tuple with an entry for each argument, whose "
                "structure begins like the argument's",
            ) from error

    def _add(self, position: int, axis: int | None, positional: bool) -> None:
        if axis is None:
            return
        leaf = self.whole.leaves[position]
        place = argument_place(self.function, self.whole.tree, position)
        if isinstance(leaf, Static):
            if positional and isinstance(leaf.value, (int, float)):
                raise _nothing_to_map(place, f"the Python number {leaf.value!r}", positional)
            return
        if not leaf.type.ndim:
            raise _nothing_to_map(place, str(leaf.type), positional)
        try:
            axis = normalize_axis(axis, leaf.type.ndim)
        except ShapeError as error:
            raise ArgumentError(
                f"vmap: in_axes={axis} for {place}: {error.message}", hint="give another axis"
            ) from None
        extent = leaf.type.shape[axis]
        if self.size not in (-1, extent):
            raise ShapeError(
                f"vmap: {place} is {leaf.type} and has {extent} examples along axis {axis}, "
                f"{self.first} has {self.size}",
                hint="mapped axes need one size; in_axes=None passes an argument whole",
            )
        if self.size < 0:
            self.size, self.first = extent, f"{place} ({leaf.type}, axis {axis})"
        self.axes[position] = axis


def _nothing_to_map(place: str, what: str, positional: bool) -> ArgumentError:
    remedy = (
        "pass it whole: in_axes=None for it"
        if positional
        else "keyword arguments are mapped over their first axis; pass it by position, with "
        "in_axes=None for it"
    )
    return ArgumentError(f"vmap: {place} is {what}, with no axis to map over", hint=remedy)


def _name(function: Any) -> str:
    return getattr(function, "__name__", "the function")


def numbers_as_outputs(lowered: Lowered) -> Lowered:
    """`lowered` with the Python ints and bools among its results as outputs of the graph."""
    outputs: dict[str, Any] = {}
    old = iter(zip(lowered.graph.output_names, lowered.graph.outputs, strict=True))
    statics: list[Any] = []
    builder = Builder(Tracer)
    for position, static in enumerate(lowered.statics):
        if static is None:
            name, value = next(old)
            outputs[name] = value
        elif isinstance(static.value, int):
            outputs[f"number_{position}"] = builder.constant(np.asarray(static.value))
            static = None
        statics.append(static)
    if len(outputs) == len(lowered.graph.outputs):
        return lowered
    return lowered._replace(graph=lowered.graph.replace(outputs=outputs), statics=tuple(statics))


def moved(
    graph: Graph,
    in_axes: Sequence[int | None],
    out_axes: Sequence[int | None],
    differ: Sequence[bool],
    size: int,
) -> Graph:
    """`graph` with the batch axes of its inputs and outputs, which are the first, in other places.
    An output that is the same for all examples is repeated where it has an axis.
    """
    builder = Builder(Tracer)
    operands: list[Any] = []
    with builder.emitting(call_site().location, None):
        for value, axis in zip(graph.inputs, in_axes, strict=True):
            if not axis:
                builder.inputs.append(value)
                operands.append(value)
                continue
            shape = list(value.type.shape[1:])
            shape.insert(axis, size)
            whole = builder.input(graph.names[value], ArrayType(value.type.dtype, tuple(shape)))
            operands.append(np.moveaxis(whole, axis, 0).value)
        results: list[Any] = []
        inside = builder.inline(graph, operands)
        for value, axis, differs in zip(inside, out_axes, differ, strict=True):
            result: Any = Tracer(builder, value)
            if axis is not None and not differs:
                result = broadcast_to(result, (size, *result.shape))
            if axis:
                order = [*range(1, axis + 1), 0, *range(axis + 1, result.ndim)]
                result = transpose(result, order)
            results.append(result.value)
    outputs = dict(zip(graph.output_names, results, strict=True))
    return Graph(graph.name, builder.inputs, builder.nodes, outputs, graph.captured)


@keywords(
    axis_name="reduce over the examples outside of the function: np.sum(vmap(f)(xs), 0)",
    spmd_axis_name="leave it out: there is one device",
)
def vmap(f: Any, in_axes: Any = 0, out_axes: Any = 0, *, axis_size: int | None = None) -> Vmap:
    """The function of many examples: `f`, written for one, mapped over an axis of its arguments.

    `in_axes` says which axis of each argument counts the examples: an int for all of them, or a
    tuple with an entry for each positional argument. An entry is an int (negative ones count from
    the end), None (the argument is the same for all examples), or a pytree of those whose structure
    begins like the argument's. Keyword arguments are mapped over their first axis. `out_axes` says
    where the examples stand in the results; None is for a result that is the same for all.
    `axis_size` is the number of examples where no argument tells.

    Strings, None and other values that are part of the program are passed whole, as are Python
    numbers given by keyword. The examples are computed by operations on whole arrays, not one after
    the other; an op from outside without a batching rule is the exception.

    Raises an `ArgumentError` where axes do not fit the arguments, a `ShapeError` where the numbers
    of examples differ.

    >>> import numpy as np
    >>> row_norms = vmap(lambda row: np.sqrt(row @ row))
    >>> row_norms(np.array([[3.0, 4.0], [6.0, 8.0]])).tolist()
    [5.0, 10.0]
    >>> vmap(np.dot, in_axes=(None, 1))(np.ones(2), np.array([[1.0, 2.0], [3.0, 4.0]])).tolist()
    [4.0, 6.0]
    """
    in_axes = tuple(in_axes) if isinstance(in_axes, list) else in_axes
    for what, axes in (("in_axes", in_axes), ("out_axes", out_axes)):
        for axis in leaves_of(axes):
            if axis is not None and (not isinstance(axis, int) or isinstance(axis, bool)):
                raise ArgumentError(
                    f"vmap: {what} must be an int, None, or a pytree of them, got {axis!r:.60}",
                    hint="None passes an argument whole: in_axes=(0, None)",
                )
    whole = isinstance(axis_size, (int, np.integer)) and not isinstance(axis_size, bool)
    if axis_size is not None and (not whole or axis_size < 0):
        raise ArgumentError(f"vmap: axis_size must be a number of examples, got {axis_size!r:.60}")
    return Vmap(differentiable("vmap", f), in_axes, out_axes, axis_size)
