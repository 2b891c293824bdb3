"""Python's truth of traced values in code that was not rewritten, and integers that are sizes:
where a function is lowered for the arguments of a call, their numbers decide, and the program is
one for arguments that decide the same."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import numpy as np

from irgrad.frontend.integers import origin
from irgrad.frontend.known import computed
from irgrad.ir.builder import CURRENT, Builder, Traced
from irgrad.ir.graph import Graph, Value
from irgrad.ir.types import ArrayType
from irgrad.ops.elementwise import UFUNCS


class Decisions:
    """What was decided while functions were lowered for the numbers of some arguments: for each
    function its conditions, as a program of the arguments, and what they were.
    """

    def __init__(self, leaves: Sequence[Any]) -> None:
        self.leaves = leaves
        self.taken: list[tuple[Any, list[bool]]] = []


_AT_HAND: ContextVar[Decisions | None] = ContextVar("irgrad_decisions", default=None)


@contextmanager
def deciding_by(leaves: Sequence[Any]) -> Generator[Decisions]:
    """Inside, functions are lowered for these numbers of their traced arguments."""
    decisions = Decisions(leaves)
    token = _AT_HAND.set(decisions)
    try:
        yield decisions
    finally:
        _AT_HAND.reset(token)


def decide_anew() -> None:
    """Forget what was decided: the function is about to be lowered once more."""
    here = _AT_HAND.get()
    if here is not None:
        here.taken.clear()


class Asked:
    """The values in one trace whose truth was asked for; `numbers` are those of all values."""

    def __init__(self, numbers: dict[Value, Any]) -> None:
        self.numbers = numbers
        self.answers: dict[Value, bool] = {}


def attend(builder: Builder, types: Sequence[ArrayType]) -> None:
    """Let a trace ask for the numbers of its inputs, where they are at hand: it is of the arguments
    of the call itself, not of examples in them.
    """
    here = _AT_HAND.get()
    if here is None or builder.outer is not None or len(here.leaves) != len(types):
        return
    leaves = list(map(np.asarray, here.leaves))
    if all(ArrayType(x.dtype, x.shape) == type for x, type in zip(leaves, types, strict=True)):
        builder.notes["asked"] = Asked(dict(zip(builder.inputs, leaves, strict=True)))


def decided(x: Traced) -> bool | None:
    """The truth of a value, by the numbers at hand; None where there are none."""
    builder = x.builder
    asked = builder.notes.get("asked")
    if asked is None or builder.outer is not None or CURRENT.get() is not builder:
        return None
    for what, given in builder.captures.values():
        if isinstance(what, np.ndarray):
            asked.numbers.setdefault(given, what)
    answer = bool(computed(asked.numbers, x.value))
    asked.answers[x.value] = answer
    return answer


def decided_integer(x: Traced) -> int | None:
    """The number of a traced integer that decides a size, by the numbers at hand: a Python int from
    then on; None where there are none.
    """
    builder, value = origin(x.builder, x.value)
    asked = builder.notes.get("asked")
    if asked is None or builder.outer is not None or value.type.shape:
        return None
    number = computed(asked.numbers, value) if value.type.dtype.kind in "iu" else None
    if number is None:
        return None
    for each in _integers_of(value):
        found = np.asarray(computed(asked.numbers, each))
        same = builder.emit(UFUNCS[np.equal], [each, builder.constant(found)])
        asked.answers[Value(same, 0)] = True
        builder.numbers[each] = found
    for other in [other for other, known in builder.numbers.items() if known is None]:
        del builder.numbers[other]  # it may depend on what is known now
    x.builder.numbers[x.value] = np.asarray(number)
    return int(number)


def _integers_of(value: Value) -> list[Value]:
    """The inputs that an integer is computed from where all are single integers, so that all that
    is computed from these is known; else the integer itself.
    """
    seen, work = {value}, [value]
    while work:
        new = [v for v in work.pop().node.operands if v not in seen]
        seen.update(new)
        work += new
    inputs = [v for v in seen if v.node.is_input]
    whole = all(v.type.dtype.kind in "iu" and not v.type.shape for v in inputs)
    return inputs if whole else [value]


def record(builder: Builder, lowered: Any) -> None:
    """Keep what was asked of a trace that has ended."""
    here, asked = _AT_HAND.get(), builder.notes.get("asked")
    if here is None or asked is None or builder.outer is not None or not asked.answers:
        return
    graph = lowered.graph
    named = {f"condition_{k}": value for k, value in enumerate(asked.answers)}
    conditions = Graph("conditions", graph.inputs, graph.nodes, named, graph.captured)
    here.taken.append((lowered._replace(graph=conditions), list(asked.answers.values())))
