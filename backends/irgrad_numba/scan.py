"""Running folds along an axis: each result from the one before it, in NumPy's order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from irgrad.ir.graph import Node
from irgrad_numba.fold import combine
from irgrad_numba.llvm import Code, Type, Value
from irgrad_numba.strips import loop
from irgrad_numba.walk import Strided, walk, widest

FOLDS = {"cumsum": "add", "cumprod": "multiply", "cummax": "maximum", "cummin": "minimum"}
Step = Callable[[Value, list[Value]], Value]


def running(code: Code, node: Node, operands: Sequence[Strided], result: Strided) -> None:
    """y_i = fold(y_{i-1}, x_i)."""
    fold = FOLDS[node.op.name]
    _scan(code, node, operands, result, lambda y, now: combine(fold, y, now[0]))


def recurrence(code: Code, node: Node, operands: Sequence[Strided], result: Strided) -> None:
    """s_i = a_i s_{i-1} + b_i, rounded twice as NumPy does."""
    type = result.type

    def step(s: Value, now: list[Value]) -> Value:
        factor, term = now
        if type == "bool":
            return (factor & s) | term
        with code.exact():
            return factor * s + term

    _scan(code, node, operands, result, step)


def _scan(code: Code, node: Node, operands: Sequence[Strided], result: Strided, step: Step) -> None:
    """The last operand gives the first result. Rows that lie side by side are folded by the vector;
    the results so far stay in registers.
    """
    op: Any = node.op
    axis, extent = op.axis, result.shape[op.axis]
    back = getattr(op, "reverse", False)
    arrays = [*operands, result]
    if not extent:
        return
    rest = [a for a in range(len(result.shape)) if a != axis]
    by = [-array.strides[axis] if back else array.strides[axis] for array in arrays]
    starts = [
        array.start(code) + ((extent - 1) * array.strides[axis] if back else 0) for array in arrays
    ]

    def along(at: list[Value], lanes: int) -> None:
        type = Type(result.type, lanes)
        held = code.alloca(type)
        first = operands[-1].get(code, at[-2], lanes)
        code.put(held, first)
        result.put(code, at[-1], first)
        if extent == 1:
            return
        with loop(code, 1, extent, 1) as i:
            *now, to = (p + i * s for p, s in zip(at, by, strict=True))
            read = [x.get(code, p, lanes) for x, p in zip(operands, now, strict=True)]
            y = step(code.get(held, type), read)
            code.put(held, y)
            result.put(code, to, y)

    walk(
        code,
        tuple(result.shape[a] for a in rest),
        [tuple(array.strides[a] for a in rest) for array in arrays],
        starts,
        widest(result.type) * 4,
        along,
    )
