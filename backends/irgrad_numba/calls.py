"""Nodes that no loop and no library routine computes: machine code calls back into Python, where
their references do."""

from __future__ import annotations

import ctypes
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np

from irgrad.ir.blame import blame
from irgrad.ir.graph import Node, Value
from irgrad.ir.op import Array
from irgrad_numba.index import View
from irgrad_numba.lower import Sites


class Place(NamedTuple):
    """A value in memory, as NumPy describes it: a buffer, and the array in it."""

    buffer: int
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    offset: int
    strides: tuple[int, ...]

    def array(self, table: Any) -> Array:
        """The array over the buffer's memory."""
        if 0 in self.shape:
            return np.empty(self.shape, self.dtype)
        reach = [(n - 1) * s for n, s in zip(self.shape, self.strides, strict=True)]
        first, last = sum(min(r, 0) for r in reach), sum(max(r, 0) for r in reach)
        size = last - first + self.dtype.itemsize
        address = (table[self.buffer] or 0) + self.offset + first
        memory: Any = (ctypes.c_char * size).from_address(address)
        return np.ndarray(self.shape, self.dtype, memory, -first, self.strides)


class Group:
    """Nodes computed one after the other; `kept` are those of their values that go to memory."""

    def __init__(
        self,
        nodes: Sequence[Node],
        kept: Sequence[Value],
        views: Mapping[Value, View],
    ) -> None:
        inside = {value for node in nodes for value in node.outputs}
        self.nodes = nodes
        self.reads = {
            value: place_of(value, views)
            for value in dict.fromkeys(v for node in nodes for v in node.operands)
            if value not in inside
        }
        self.writes = {value: place_of(value, views) for value in kept}

    @property
    def buffers(self) -> list[int]:
        """What it reads and writes."""
        return [place.buffer for place in (*self.reads.values(), *self.writes.values())]

    def run(self, table: Any) -> None:
        """Compute, from and to the buffers at the addresses in `table`."""
        known = {value: place.array(table) for value, place in self.reads.items()}
        with np.errstate(all="ignore"):
            for node in self.nodes:
                try:
                    result = node.op.reference(*[known[value] for value in node.operands])
                except Exception as error:
                    blame(error, node)
                    raise
                results = result if isinstance(result, tuple) else (result,)
                known.update(zip(node.outputs, results, strict=True))
        for value, place in self.writes.items():
            place.array(table)[...] = known[value]


def place_of(value: Value, views: Mapping[Value, View]) -> Place:
    """Where a value lies."""
    view, type = views[value], value.type
    size = type.dtype.itemsize
    return Place(
        view.buffer,
        type.shape,
        type.dtype,
        view.offset * size,
        tuple(stride * size for stride in view.strides),
    )


class Runs(Protocol):
    """What a callback does with the table of buffers."""

    def run(self, table: Any, /) -> None:
        """Do it."""
        ...


class Callback:
    """What machine code calls: (number of a group, address of the table of buffers), or, where an
    index was outside, (-1 - its number, what it was).
    """

    def __init__(self, groups: Sequence[Runs], sites: Sites) -> None:
        self.groups = groups
        self.sites = sites
        self.table = ctypes.POINTER(ctypes.c_void_p)

    def __call__(self, number: int, address: int) -> None:
        """Run one group, or say that an index is outside."""
        if number < 0:
            raise self.sites.error(-1 - number, address)
        self.groups[number].run(ctypes.cast(address, self.table))
