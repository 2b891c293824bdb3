"""The last axis in front, where it is shorter than a vector and does not run on into the one before
it, as that of differences between points in space, `x[None] - x[:, None]`.

The innermost loop would have two or three steps, each time. Now it has as many as there are points.
What goes into such a space is smaller than the space, and is stored anew in this order; out of it
come sums and products over some of its axes."""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from irgrad.ir.builder import rebuilt
from irgrad.ir.exchange import Exchange
from irgrad.ir.graph import Graph, Node, Value, with_regions
from irgrad.ir.op import Op
from irgrad.ir.types import Shape
from irgrad.ops.cast import Astype
from irgrad.ops.contract import Contract, split_spec
from irgrad.ops.elementwise import Elementwise
from irgrad.ops.linear import Reshape
from irgrad.ops.select import Where
from irgrad.ops.shape import Transpose
from irgrad_numba.arranged import Arranged
from irgrad_numba.sorts import REDUCTIONS, squeezed

SHORT, LONG = 4, 16
"""Elements of such an axis, at most, and of the one before it, at least."""
SMALLER = 4
"""So many times smaller than the space is what goes into it along the short axis."""


def short_axes_first(graph: Graph) -> Graph:
    """`graph` with such axes in front; so its regions."""
    walk = Exchange(graph)
    turned = _Turned(walk, _spaces(graph))
    for node in graph.nodes:
        op = with_regions(node.op, short_axes_first)
        if not turned.takes(node):
            walk.keep(node, None if op is node.op else op)
    return walk.result()


def _spaces(graph: Graph) -> set[Shape]:
    """The shapes of what is to be turned."""
    inside: dict[Shape, list[Node]] = defaultdict(list)
    for node in graph.nodes:
        if _is_point(node) and _is_short(node.types[0].shape):
            inside[node.types[0].shape].append(node)
    if not inside:
        return set()
    good = {shape for shape, nodes in inside.items() if _is_broken(shape, nodes)}
    for node in graph.nodes:
        for v in node.operands:
            if v.type.shape in good and _is_point(v.node) and not _reads(node, v.type.shape):
                good.discard(v.type.shape)
    return good - {v.type.shape for v in graph.outputs}


def _is_point(node: Node) -> bool:
    return isinstance(node.op, (Elementwise, Where, Astype))


def _is_short(shape: Shape) -> bool:
    return len(shape) > 2 and 1 < shape[-1] <= SHORT and shape[-2] >= LONG


def _reads(node: Node, shape: Shape) -> bool:
    """Whether a node can read what is turned."""
    inside = _is_point(node) and node.types[0].shape == shape
    return inside or isinstance(node.op, Contract) or type(node.op) in REDUCTIONS


def _is_broken(shape: Shape, nodes: Sequence[Node]) -> bool:
    """Whether one of the last two axes is repeated without the other, and all that goes into the
    space along the last one is small.
    """
    entries = {v for node in nodes for v in node.operands if v.type.shape != shape}
    ends = {v: _aligned(v, len(shape))[-2:] for v in entries if v.type.size > 1}
    small = all(
        v.type.size * SMALLER <= nodes[0].types[0].size for v, e in ends.items() if e[1] > 1
    )
    made = all(_is_point(v.node) for n in nodes for v in n.operands if v.type.shape == shape)
    return small and made and any(1 in end and end != (1, 1) for end in ends.values())


def _aligned(value: Value, ndim: int) -> Shape:
    """The shape with as many axes of extent 1 in front as it lacks."""
    return (1,) * (ndim - value.type.ndim) + value.type.shape


class _Turned:
    """What is turned so far."""

    def __init__(self, walk: Exchange, spaces: set[Shape]) -> None:
        self.walk = walk
        self.spaces = spaces
        self.values: dict[Value, Value] = {}
        """By a value of a space, what it is with the last axis in front."""
        self.stored: dict[Value, Value] = {}

    def takes(self, node: Node) -> bool:
        """Whether a node is of a space, or reads one, and has been exchanged."""
        if not self.spaces:
            return False
        if _is_point(node) and node.types[0].shape in self.spaces:
            ndim = node.types[0].ndim
            operands = tuple(self._entry(node, v, ndim) for v in node.operands)
            image = rebuilt(node, operands, self.walk.images, node.op)
            self.walk.nodes.append(image)
            self.walk.images[node] = image
            self.values[Value(node, 0)] = Value(image, 0)
            return True
        if not any(v in self.values for v in node.operands):
            return False
        self._leave(node)
        return True

    def _emit(self, like: Node, op: Op, *operands: Value) -> Value:
        types = op.result_types(*[v.type for v in operands])
        node = Node(op, operands, types, location=like.location, origin=like.origin)
        self.walk.nodes.append(node)
        return Value(node, 0)

    def _entry(self, node: Node, value: Value, ndim: int) -> Value:
        """What an operand is with the last axis in front."""
        if value in self.values:
            return self.values[value]
        shape, now = _aligned(value, ndim), self.walk.moved(value)
        if value.type.size == 1:
            return now
        front = (*shape[-1:], *shape[:-1])
        if shape[-1] > 1:
            while isinstance(now.node.op, Reshape) and _is_same(now.node.operands[0], now):
                now = now.node.operands[0]
            if now not in self.stored:
                axes = now.type.ndim - 1, *range(now.type.ndim - 1)
                self.stored[now] = self._emit(
                    node, Arranged(), self._emit(node, Transpose(axes), now)
                )
            now = self.stored[now]
        return self._emit(node, Reshape(front), now)

    def _leave(self, node: Node) -> None:
        """A sum over some axes of what is turned, or a product with it."""
        op: Any = node.op
        operands = tuple(self.values.get(v, self.walk.moved(v)) for v in node.operands)
        if isinstance(op, Contract):
            *sides, result = split_spec(op.spec)
            sides = [
                side[-1] + side[:-1] if v in self.values else side
                for side, v in zip(sides, node.operands, strict=True)
            ]
            op = Contract(f"{','.join(sides)}->{result}")
            self.walk.replace(node, rebuilt(node, operands, self.walk.images, op), [0])
            return
        ndim = node.operands[0].type.ndim
        axes = tuple(sorted((axis + 1) % ndim for axis in op.axes))
        image = rebuilt(node, operands, self.walk.images, dataclasses.replace(op, axes=axes))
        self.walk.replace(node, image, [0])
        if 0 not in axes and image.types[0].ndim > 1:
            back = Transpose((*range(1, image.types[0].ndim), 0))
            self.walk.values[Value(node, 0)] = self._emit(node, back, Value(image, 0))


def _is_same(source: Value, value: Value) -> bool:
    """Whether a reshape only puts axes of extent 1 between others, none last."""
    same = squeezed(source.type.shape) == squeezed(value.type.shape)
    return same and source.type.shape[-1:] == value.type.shape[-1:]
