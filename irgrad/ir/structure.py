"""Structural equality and hash: the same operations in the same order on the same operands.

Both walk the numbering form of a graph, in which a value is (position of its node, output) and a
constant its bits, so names, locations, addresses and the process play no part."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

import numpy as np

from irgrad.ir.graph import Graph, Value
from irgrad.ir.types import SHORT


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


def same_structure(left: Graph, right: Graph) -> bool:
    """Whether two graphs are equal but for names and provenance."""
    if len(left.nodes) != len(right.nodes) or left.input_types != right.input_types:
        return False
    return all(a == b for a, b in zip(numbering(left), numbering(right), strict=True))


def digest(graph: Graph) -> str:
    """SHA-256 over the numbering form."""
    hasher = hashlib.sha256()
    for item in numbering(graph):
        hasher.update(encode(item))
    return hasher.hexdigest()


def encode(item: Any) -> bytes:
    """An unambiguous byte form of ops, types, parameters and references."""
    from irgrad.ir.graph import Constant
    from irgrad.ir.op import Op

    if isinstance(item, Constant):
        return _tagged(b"c", encode(item.array))
    if isinstance(item, Op):
        return _tagged(
            b"o", item.name.encode(), *(encode(pair) for pair in item.parameters.items())
        )
    if isinstance(item, Graph):
        return _tagged(b"g", item.structural_hash.encode())
    if isinstance(item, tuple):
        return _tagged(b"t", *map(encode, item))  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
    if isinstance(item, np.dtype):
        return _tagged(b"d", SHORT[item].encode())  # pyright: ignore[reportUnknownArgumentType]
    if isinstance(item, np.ndarray):
        array = item.astype(item.dtype.newbyteorder("<"))  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
        return _tagged(b"a", encode(item.dtype), encode(item.shape), array.tobytes())  # pyright: ignore[reportUnknownArgumentType, reportUnknownMemberType]
    return _tagged(type(item).__name__.encode(), repr(item).encode())


def _tagged(tag: bytes, *parts: bytes) -> bytes:
    return (
        b"%b%d(" % (tag, len(parts))
        + b"".join(b"%d:%b" % (len(part), part) for part in parts)
        + b")"
    )
