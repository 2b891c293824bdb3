"""What runs, step by step, and where each value lies: kernels, calls of libraries, and the rest."""

from __future__ import annotations

from dataclasses import dataclass, field

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


Step = Kernel | Gemm | Routine | Lapack | Check | Group | Control | StackSum


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
