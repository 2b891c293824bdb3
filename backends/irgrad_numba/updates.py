"""Writes into part of an array: the forms of them that machine code knows.

`update_slice` and `update_at` write, `add_slice` and `add_at` add to what is there. The latter
stand for the sum of an array and one that is zero but for a few places: the adjoint of reading an
element is such a sum, and takes work for the places alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from irgrad.ir.graph import Graph, Node, Value, constant_value, regions, with_regions
from irgrad.ir.op import Array, Op
from irgrad.ir.types import ArrayType
from irgrad.ops.arithmetic import MULTIPLY
from irgrad.ops.contract import Contract, split_spec
from irgrad.ops.elementwise import Elementwise
from irgrad.ops.index import ScatterAdd, UpdateAt, in_front
from irgrad.ops.linear import BroadcastTo, Reshape
from irgrad.ops.shape import Pad, Transpose, UpdateSlice

SPARSE = 4
"""A padded array of which less than one in so many elements is inside is added where it stands."""


class Copy(Op):
    """The operand in memory of its own."""

    name = "copy"

    def result_types(self, *operands: ArrayType) -> tuple[ArrayType, ...]:
        return operands

    def reference(self, *operands: Array) -> Array:
        return operands[0].copy()


@dataclass(frozen=True, repr=False)
class AddAt(Op):
    """`x` after `x[..., i1[s], ..., ik[s], ...] += y[s, rest]`; equal places add up."""

    axes: tuple[int, ...]
    name = "add_at"

    def result_types(self, *operands: ArrayType) -> tuple[ArrayType, ...]:
        return operands[:1]

    def reference(self, *operands: Array) -> Array:
        x, y, *indices = operands
        result = x.copy()
        np.add.at(result.transpose(in_front(self.axes, x.ndim)), tuple(indices), y)
        return result


@dataclass(frozen=True, repr=False)
class AddSlice(Op):
    """`x` after `x[start::step, ...] += y`, in as many places along each axis as `y` has."""

    start: tuple[int, ...]
    step: tuple[int, ...]
    name = "add_slice"

    def result_types(self, *operands: ArrayType) -> tuple[ArrayType, ...]:
        return operands[:1]

    def reference(self, *operands: Array) -> Array:
        x, y = operands
        window = UpdateSlice(self.start, self.step).window(y.shape)
        result = x.copy()
        result[tuple(map(slice, *window))] += y
        return result


@dataclass(frozen=True, repr=False)
class UpdateWindow(Op):
    """`x` after `x[..., i1, ..., ik, start::step, ...] = y`: at numbers on `axes`, on the others in
    as many places as `y` has.
    """

    axes: tuple[int, ...]
    start: tuple[int, ...]
    step: tuple[int, ...]
    name = "update_window"

    def result_types(self, *operands: ArrayType) -> tuple[ArrayType, ...]:
        return operands[:1]

    def reference(self, *operands: Array) -> Array:
        x, y, *indices = operands
        result = x.copy()
        row = result.transpose(in_front(self.axes, x.ndim))[tuple(indices)]
        self.write(row[tuple(map(slice, *UpdateSlice(self.start, self.step).window(y.shape)))], y)
        return result

    def write(self, part: Array, y: Array) -> None:
        """Write `y` to a part of the array."""
        part[...] = y


@dataclass(frozen=True, repr=False)
class AddWindow(UpdateWindow):
    """`x` after `x[..., i1, ..., ik, start::step, ...] += y`, in such places."""

    name = "add_window"

    def write(self, part: Array, y: Array) -> None:
        part += y


@dataclass(frozen=True, repr=False)
class UpdateRows(Op):
    """`x` after `x[..., k * n : (k + 1) * n, ...] = y`, on an axis along which `y` has n rows."""

    axis: int
    name = "update_rows"

    def result_types(self, *operands: ArrayType) -> tuple[ArrayType, ...]:
        return operands[:1]

    def reference(self, *operands: Array) -> Array:
        x, y, k = operands
        result, n = x.copy(), y.shape[self.axis]
        np.moveaxis(result, self.axis, 0)[int(k) * n : (int(k) + 1) * n] = np.moveaxis(
            y, self.axis, 0
        )
        return result


COPY = Copy()
ADDING = (AddAt, AddSlice, AddWindow)
WRITES = (UpdateAt, UpdateSlice, UpdateWindow, UpdateRows, *ADDING)


def is_update(node: Node) -> bool:
    """Whether a node writes into part of its first operand, in a way that loops can."""
    if not isinstance(node.op, WRITES):
        return False
    type = node.types[0]
    return type.dtype.kind != "c" and type.size > 0


def spread_out(graph: Graph) -> Graph:
    """`graph` with sums and scatters as additions in places, and outer products as products; so its
    regions.
    """
    if not any(isinstance(n.op, (ScatterAdd, Pad, Contract)) or regions(n.op) for n in graph.nodes):
        return graph
    return _Spreading(graph).result()


class _Spreading:
    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.nodes: list[Node] = []
        self.values: dict[Value, Value] = {}
        uses = Counter(v for node in graph.nodes for v in node.operands)
        uses.update(graph.outputs)
        parts = {node: part for node in graph.nodes if (part := self._part(node)) is not None}
        added = Counter(parts.values())
        self.parts = {node: part for node, part in parts.items() if added[part] == uses[part]}
        """By a sum, the operand that is zero but for a few places, if nothing but sums reads it."""
        self.added = {part.node for part in self.parts.values()}

    def _part(self, node: Node) -> Value | None:
        """The operand of a sum that is zero but for a few places."""
        if not isinstance(node.op, Elementwise) or node.op.name != "add" or _is_left(node):
            return None
        for part, other in (node.operands[::-1], node.operands):
            one = other.type.size == 1 and other.type.dtype == part.type.dtype
            if part.type == node.types[0] and (one or other.type == part.type):
                (source, *_), op = part.node.operands or (part,), part.node.op
                if isinstance(op, ScatterAdd):
                    return part
                if isinstance(op, Pad) and source.type.size * SPARSE < part.type.size:
                    return part
        return None

    def result(self) -> Graph:
        for node in self.graph.nodes:
            if node not in self.added:
                self._visit(node)
        outputs = [self.values.get(v, v) for v in self.graph.outputs]
        return self.graph.replace(
            nodes=self.nodes, outputs=dict(zip(self.graph.output_names, outputs, strict=True))
        )

    def _moved(self, values: Sequence[Value]) -> tuple[Value, ...]:
        return tuple(self.values.get(v, v) for v in values)

    def _visit(self, node: Node) -> None:
        part = self.parts.get(node)
        if part is not None:
            first, second = node.operands
            (base,) = self._moved([first if part == second else second])
            if base.type != part.type:
                base = self._emit(node, BroadcastTo(part.type.shape), base)
            self._add(node, part.node, base)
        elif isinstance(node.op, ScatterAdd) and not _is_left(node):
            zero = constant_value(np.zeros((), node.types[0].dtype))
            self._add(node, node, self._emit(node, BroadcastTo(node.types[0].shape), zero))
        elif isinstance(node.op, Contract) and _is_outer(node):
            self._outer(node)
        else:
            self._keep(node)

    def _keep(self, node: Node) -> None:
        operands, op = self._moved(node.operands), with_regions(node.op, spread_out)
        if operands == node.operands and op is node.op:
            self.nodes.append(node)
            return
        copy = _like(node, op, operands, node.types)
        self.nodes.append(copy)
        self.values.update(zip(node.outputs, copy.outputs, strict=True))

    def _emit(self, like: Node, op: Op, *operands: Value) -> Value:
        node = _like(like, op, operands, op.result_types(*[v.type for v in operands]), (None,))
        self.nodes.append(node)
        return Value(node, 0)

    def _add(self, node: Node, part: Node, base: Value) -> None:
        """`node` is `base` with `part` added where that is not zero."""
        y, *indices = self._moved(part.operands)
        op: Op
        if isinstance(part.op, ScatterAdd):
            op = AddAt(part.op.axes)
        else:
            p: Any = part.op
            op = AddSlice(p.low, tuple(inside + 1 for inside in p.inside))
        image = _like(part, op, (base, y, *indices), node.types, node.names)
        self.nodes.append(image)
        self.values[Value(node, 0)] = Value(image, 0)

    def _outer(self, node: Node) -> None:
        """A product without a sum, of operands brought to the shape of the result."""
        left, right, result = split_spec(node.op.parameters["spec"])
        spread: list[Value] = []
        for letters, v in zip((left, right), self._moved(node.operands), strict=True):
            order = tuple(letters.index(c) for c in result if c in letters)
            extents = dict(zip(letters, v.type.shape, strict=True))
            x = v if order == tuple(range(len(order))) else self._emit(node, Transpose(order), v)
            shape = tuple(extents.get(c, 1) for c in result)
            x = x if shape == x.type.shape else self._emit(node, Reshape(shape), x)
            spread.append(x)
        image = _like(node, MULTIPLY, tuple(spread), node.types)
        self.nodes.append(image)
        self.values[Value(node, 0)] = Value(image, 0)


def _is_outer(node: Node) -> bool:
    left, right, result = split_spec(node.op.parameters["spec"])
    return not _is_left(node) and set(left) | set(right) == set(result)


def _is_left(node: Node) -> bool:
    """Whether a node is left as it is: of complex numbers, or of nothing."""
    return node.types[0].dtype.kind == "c" or not node.types[0].size


def _like(
    node: Node,
    op: Op,
    operands: tuple[Value, ...],
    types: tuple[ArrayType, ...],
    names: tuple[str | None, ...] | None = None,
) -> Node:
    """A node with the provenance of another."""
    names = node.names if names is None else names
    return Node(op, operands, types, names=names, location=node.location, origin=node.origin)
