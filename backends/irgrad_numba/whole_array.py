"""The loops of ops that have loops of their own, a function for each."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from irgrad.ir.graph import Node
from irgrad.ir.graph import Value as Named
from irgrad.ops.index import Nonzero, ScatterAdd, UpdateAt
from irgrad.ops.linalg.lu import Permutation
from irgrad.ops.reduction import Argmax, Argmin
from irgrad.ops.scan import Cummax, Cummin, Cumprod, Cumsum, Recurrence
from irgrad.ops.sorting import Argsort, Searchsorted, Sort
from irgrad_numba import positions, scan, scatter, sorting
from irgrad_numba.llvm import Code, Module, Value
from irgrad_numba.routine import Routine
from irgrad_numba.walk import Strided

LOOPS: dict[type, Callable[[Code, Node, Sequence[Strided], Strided], Value | None]] = {
    ScatterAdd: scatter.scatter_add,
    UpdateAt: scatter.update_at,
    Cumsum: scan.running,
    Cumprod: scan.running,
    Cummax: scan.running,
    Cummin: scan.running,
    Recurrence: scan.recurrence,
    Argmax: positions.extreme,
    Argmin: positions.extreme,
    Searchsorted: positions.searchsorted,
    Permutation: positions.permutation,
    Nonzero: positions.nonzero,
    Sort: sorting.sort,
    Argsort: sorting.sort,
}


def emit_routine(module: Module, routine: Routine) -> str:
    """Define a function of pointers to the buffers of the operands, of the result and of the
    temporaries -> its name; where Python may be asked, it says whether that must be.
    """
    node, code = routine.node, Code(module)
    values = (*node.operands, Named(node, 0))
    views = (*routine.operands, routine.result)
    *operands, result = (
        Strided.of(value, view, k)
        for k, (value, view) in enumerate(zip(values, views, strict=True))
    )
    failed = LOOPS[type(node.op)](code, node, operands, result)
    code.emit("ret void" if failed is None else f"ret i1 {failed.text}")
    arguments = ", ".join(
        f"ptr nocapture {'' if k >= len(operands) else 'readonly '}%b{k}"
        for k in range(len(values) + len(routine.temporaries))
    )
    lines = ["entry:", *code.allocas, *code.lines]
    text = f"({arguments}) nounwind noinline {{\n" + "\n".join(lines) + "\n}"
    return module.shared(node.op.name, text, "void" if failed is None else "i1")
