"""Structural equality and hash: the same operations in the same order on the same operands.

Both walk the numbering form of a graph, in which a value is (position of its node, output) and a
constant its bits, so names, locations, addresses and the process play no part."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from typing import Any, cast

import numpy as np

from irgrad.ir.bulk import paused_gc
from irgrad.ir.graph import Constant, Graph, Node, Value
from irgrad.ir.op import Op
from irgrad.ir.types import SHORT, ArrayType


def numbering(graph: Graph) -> Iterator[Any]:
    """The graph as a stream of hashable items, one for each input, node and output."""
    position: dict[Any, int] = {}
    yield (graph.captured, len(graph.inputs), len(graph.nodes), graph.output_names)
    for value in graph.inputs:
        position[value.node] = len(position)
        yield value.node.types

    def reference(value: Value) -> Any:
        return (position[value.node], value.index) if value.constant is None else value.node.op

    for node in graph.nodes:
        yield (node.op, *map(reference, node.operands), node.types)
        position[node] = len(position)
    yield from map(reference, graph.outputs)


@paused_gc()
def same_structure(left: Graph, right: Graph) -> bool:
    """Whether two graphs are equal but for names and provenance."""
    if (left.captured, left.input_types, left.output_names, len(left.nodes)) != (
        right.captured, right.input_types, right.output_names, len(right.nodes)
    ):  # fmt: skip
        return False
    image: dict[Node, Node] = dict(zip(left.nodes, right.nodes, strict=True))
    image.update(
        (one.node, other.node) for one, other in zip(left.inputs, right.inputs, strict=True)
    )
    for one, other in zip(left.nodes, right.nodes, strict=True):
        if one.op is not other.op and one.op != other.op:
            return False
        if one.types is not other.types and one.types != other.types:
            return False
        if not _same_values(one.operands, other.operands, image):
            return False
    return _same_values(left.outputs, right.outputs, image)


def _same_values(
    left: tuple[Value, ...], right: tuple[Value, ...], image: dict[Node, Node]
) -> bool:
    """Whether these are the same outputs of nodes that `image` pairs, or equal constants, which it
    pairs from here on.
    """
    if len(left) != len(right):
        return False
    for (one, index), (other, its) in zip(left, right, strict=True):
        if index != its:
            return False
        if image.get(one) is not other:
            if not isinstance(one.op, Constant) or one.op != other.op:
                return False
            image[one] = other
    return True


@paused_gc()
def digest(graph: Graph) -> str:
    """SHA-256 over the numbering form."""
    hasher = hashlib.sha256()
    encoder = Encoder()
    for item in numbering(graph):
        hasher.update(encoder.encode(item))
    return hasher.hexdigest()


class Encoder:
    """An unambiguous byte form of ops, types, parameters and references; that of an op or a type,
    which stand on many nodes, is made once.
    """

    def __init__(self) -> None:
        self.known: dict[Any, bytes] = {}

    def encode(self, item: Any) -> bytes:
        """The bytes of one item."""
        kind = cast(Any, type(item))
        if kind is tuple:
            return tagged(b"t", [self.encode(part) for part in item])
        if kind is int:
            return b"i%d;" % item
        if kind is not ArrayType and not isinstance(item, Op):
            return _plain(item)
        found = self.known.get(item)
        if found is None:
            found = self.known[item] = self._compound(item)
        return found

    def _compound(self, item: Any) -> bytes:
        if isinstance(item, Constant):
            array = item.array.astype(item.array.dtype.newbyteorder("<"))
            type = ArrayType(item.array.dtype, item.array.shape)
            return tagged(b"c", [str(type).encode(), array.tobytes()])
        if isinstance(item, Op):
            parts = [self.encode(pair) for pair in item.parameters.items()]
            return tagged(b"o", [item.name.encode(), *parts])
        return tagged(b"a", [str(item).encode()])


def _plain(item: Any) -> bytes:
    """A parameter that is no op, type, tuple or int."""
    if isinstance(item, Graph):
        return tagged(b"g", [item.structural_hash.encode()])
    if isinstance(item, np.dtype):
        return tagged(b"d", [SHORT[cast("np.dtype[Any]", item)].encode()])
    if isinstance(item, str):  # names of solvers are strings with more to them
        return tagged(b"str", [str.__repr__(item).encode()])
    return tagged(type(item).__name__.encode(), [repr(item).encode()])


def tagged(tag: bytes, parts: Sequence[bytes]) -> bytes:
    """`parts` with their lengths, so that no two sequences run together to the same bytes."""
    lengths = b",".join([b"%d" % len(part) for part in parts])
    return b"%b(%b:%b)" % (tag, lengths, b"".join(parts))
