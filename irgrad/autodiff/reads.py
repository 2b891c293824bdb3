"""Values of a region that show a part of an array, and how another version of the array would give
them: `A[i, :j]` is a row, of which what a mask leaves is shown."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from typing import NamedTuple

from irgrad.autodiff.parts import Numbers, Shown
from irgrad.ir.graph import Graph, Node, Value
from irgrad.ops.index import Gather, UpdateAt
from irgrad.ops.select import WHERE


class Read(NamedTuple):
    """A value, the nodes by which it is read from another version, the last of which gives its
    `image`, and what it shows of the array.
    """

    value: Value
    nodes: tuple[Node, ...]
    image: Value
    shown: Shown

    def then(self, node: Node, operands: Sequence[Value], shown: Shown) -> Read:
        """What a node makes of it."""
        location = node.location
        image = Node(node.op, tuple(operands), node.types, names=node.names, location=location)
        return Read(Value(node, 0), (*self.nodes, image), Value(image, 0), shown)


class Reads:
    """The reads of a region whose other operands are `free` (None: whatever they are)."""

    def __init__(self, region: Graph, numbers: Numbers, free: Collection[Value] | None) -> None:
        self._numbers, self._free = numbers, free
        self._users: dict[Value, list[Node]] = defaultdict(list)
        for node in region.nodes:
            for v in dict.fromkeys(node.operands):
                self._users[v].append(node)

    def of(self, version: Value, other: Value) -> list[Read]:
        """What is read in a version of an array at indices, and what has been written there, as
        reads in the `other` one.
        """
        numbers, shape = self._numbers, version.type.shape
        whole = Read(version, (), other, numbers.shown((), (), shape))
        found = [*self.narrower(whole)]
        for node in self._users[version]:
            op, indices = node.op, node.operands[1:]
            if isinstance(op, Gather) and self._is_free(indices):
                shown = numbers.shown(op.axes, indices, shape)
                found.append(whole.then(node, (other, *indices), shown))
        write = version.node
        if isinstance(write.op, UpdateAt) and write.operands[1].constant is None:
            axes, (_, new, *indices) = write.op.axes, write.operands
            single = write.op.distinct or not indices[0].type.shape
            if single and self._is_free(indices):
                operands = (other, *indices)
                read = Node(Gather(axes), operands, (new.type,), location=write.location)
                shown = numbers.shown(axes, indices, shape)
                found.append(Read(new, (read,), Value(read, 0), shown))
        return found

    def narrower(self, read: Read) -> Iterator[Read]:
        """What shows a part of a value that is read."""
        for node in self._users[read.value]:
            rest = [v for v in node.operands if v != read.value]
            if len(node.types) > 1 or not self._is_free(rest):
                continue
            if node.op is WHERE and (node.operands[1] != read.value or rest[-1].constant is None):
                continue
            shown = read.shown.through(node, self._numbers)
            if shown is not None:
                operands = [read.image if v == read.value else v for v in node.operands]
                yield read.then(node, operands, shown)

    def _is_free(self, values: Sequence[Value]) -> bool:
        free = self._free
        return free is None or all(v in free or v.constant is not None for v in values)
