"""Loops and branches: their regions are planned once, when the graph is."""

from __future__ import annotations

from typing import Any

import numpy as np

from irgrad.ir.graph import Node
from irgrad.ops import loop, while_loop
from irgrad.ops.cond import Cond, selected
from irgrad.ops.region import results
from irgrad_numpy.interpreter import Interpreter
from irgrad_numpy.kernels import KERNELS, Kernel


def loop_kernel(node: Node) -> Kernel:
    """The steps of a planned body."""
    op: Any = node.op
    body = Interpreter(op.body).run
    return lambda *operands: loop.run(op, body, operands)


def while_kernel(node: Node) -> Kernel:
    """The steps of a planned body, for as long as a planned condition holds."""
    op: Any = node.op
    condition, body = Interpreter(op.condition).run, Interpreter(op.body).run
    return lambda *operands: while_loop.run(op, condition, body, operands)


def cond_kernel(node: Node) -> Kernel:
    """One of several planned branches."""
    op: Any = node.op
    branches = [Interpreter(branch).run for branch in op.branches]

    def run(selector: Any, *operands: Any) -> Any:
        found = branches[selected(selector, len(branches))](operands)
        return results([np.array(x) for x in found])

    return run


KERNELS.update({loop.Loop: loop_kernel, while_loop.While: while_kernel, Cond: cond_kernel})
