"""What runs, step by step, and where each value lies: kernels, calls of libraries, and the rest."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import groupby

from irgrad.ir.graph import Graph, Node, Value
from irgrad.ir.types import Shape
from irgrad_numba.calls import Group
from irgrad_numba.control import Control
from irgrad_numba.index import Range, View
from irgrad_numba.indices import Check
from irgrad_numba.lapack import Lapack
from irgrad_numba.lower import Sites
from irgrad_numba.products import Gemm
from irgrad_numba.routine import Routine
from irgrad_numba.spans import EVERYWHERE, Span
from irgrad_numba.stacks import StackSum


@dataclass
class Kernel:
    """Loops over one space, or over the part of it inside `limits`, that store several values."""

    stage: int
    space: Shape
    """The largest extents of the roots' own."""
    limits: Span = EVERYWHERE
    """On the loop variables, which are numbered from the last, -1."""
    roots: list[Node] = field(default_factory=list[Node])
    beside: list[Node] = field(default_factory=list[Node])
    """Roots of kernels of the same stage and space, inside other limits: any of these may run
    first, so that what it needs of them a kernel computes itself.
    """

    @property
    def work(self) -> int:
        """How many elements it computes."""
        return math.prod(self.space) * len(self.roots)


Step = Kernel | Gemm | Routine | Lapack | Check | Group | Control | StackSum


@dataclass(eq=False)
class Blocks:
    """Neighbouring steps over the same `rows` that run one after the other for each of `count`
    blocks of these, and then for the rows that are left over.
    """

    steps: list[Kernel | Gemm]
    axes: list[int]
    """Of each the axis (of the ranges of its piece) that runs through the rows."""
    rows: int
    count: int
    height: int
    """Rows in a block."""
    own: dict[int, int]
    """Buffers of which a thread keeps just a block, and how many elements of them a row has."""

    @property
    def work(self) -> int:
        """Elements and products that they compute."""
        return sum(step.work for step in self.steps)

    def products(self) -> list[Gemm]:
        """Its products as they are for one block."""
        pairs = zip(self.steps, self.axes, strict=True)
        return [
            step.over(axis, step.extents[axis] // self.rows * self.height)
            for step, axis in pairs
            if isinstance(step, Gemm)
        ]

    @property
    def left_over(self) -> int:
        """Rows after the blocks."""
        return self.rows - self.count * self.height


@dataclass
class Schedule:
    """Steps in order, and where every value that has memory lies."""

    graph: Graph
    steps: list[Step]
    views: dict[Value, View]
    buffers: list[Value]
    """The value that owns each buffer, inputs first."""
    why: dict[Value, str]
    intervals: dict[Value, Range]
    """What integers values hold, where that is known."""
    sites: Sites
    """The indices that are checked when the program runs."""
    blocks: list[Blocks] = field(default_factory=list[Blocks])
    """Which steps run block by block."""

    def stretches(self) -> Iterator[tuple[Blocks | type[Step], list[Step]]]:
        """The steps in order, those that run block by block together, others of one kind."""
        together = {id(step): blocks for blocks in self.blocks for step in blocks.steps}
        for kind, steps in groupby(self.steps, lambda step: together.get(id(step), type(step))):
            yield kind, list(steps)
