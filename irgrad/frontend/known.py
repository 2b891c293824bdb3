"""The numbers of traced values that depend on no argument."""

from __future__ import annotations

from typing import Any

import numpy as np

from irgrad.frontend.guards import fixed
from irgrad.ir.builder import Builder, Traced
from irgrad.ir.graph import Value
from irgrad.ir.op import Array


def known(x: Any) -> Array | None:
    """The numbers of `x`; None where they are not known while a function is lowered."""
    if not isinstance(x, Traced):
        return np.asarray(x)
    numbers = numbers_of(x.builder, x.value)
    if numbers is not None and x.builder.held:
        _guard(x.builder.held, x.value)
    return numbers


def _guard(held: dict[Value, Array], value: Value) -> None:
    """Have the program made anew where arrays that a known value comes from change."""
    seen: set[Value] = set()
    work = [value]
    while work:
        at = work.pop()
        if at in held:
            fixed(held[at])
        work += [operand for operand in at.node.operands if operand not in seen]
        seen.update(at.node.operands)


def settled(x: Any) -> Any:
    """The numbers of `x` where it is traced and they are known; else `x`."""
    numbers = known(x) if isinstance(x, Traced) else None
    return x if numbers is None else numbers


def numbers_of(builder: Builder, value: Value) -> Array | None:
    """The numbers of a value in the graph of `builder`, each computed once."""
    return computed(builder.numbers, value)


def computed(numbers: dict[Value, Any], value: Value) -> Array | None:
    """The numbers of a value by those of others, among which all that are computed are put; None
    where they depend on inputs of which none are there.
    """
    work = [value]
    while work:
        at = work[-1]
        if at in numbers:
            work.pop()
            continue
        if at.constant is not None or at.node.is_input:
            numbers[at] = at.constant
            continue
        missing = [operand for operand in at.node.operands if operand not in numbers]
        if missing:
            work += missing
            continue
        operands = [numbers[operand] for operand in at.node.operands]
        found: Any = (None,) * len(at.node.types)
        if all(operand is not None for operand in operands):
            with np.errstate(all="ignore"):
                found = at.node.op.reference(*operands)
        results = found if isinstance(found, tuple) else (found,)
        numbers.update(zip(at.node.outputs, results, strict=True))
    return numbers[value]
