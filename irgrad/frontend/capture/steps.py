"""The number of steps of a `while` whose condition depends on known numbers alone: they are carried
from step to step, without all that the steps do beside."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from irgrad.frontend.capture.inner import Inner
from irgrad.frontend.capture.parts import now
from irgrad.frontend.known import computed, known
from irgrad.ir.builder import Traced
from irgrad.ir.graph import Value
from irgrad.ir.op import Array

_MOST = 100_000


def known_steps(firsts: Sequence[Any], body: Inner, ends: Sequence[Any], test: Inner) -> int | None:
    """How many steps `body` makes, from what is carried at `firsts` to `ends`, while `test` holds;
    None where that is not known, or they are very many.
    """
    carried = [known(first) for first in firsts]
    for step in range(_MOST):
        holds = _numbers(test, carried, [test.result])[0]
        if holds is None or not holds:
            return None if holds is None else step
        carried = _numbers(body, carried, ends)
    return None


def _numbers(
    inner: Inner, carried: Sequence[Array | None], wanted: Sequence[Any]
) -> list[Array | None]:
    """The numbers of what a body computes, given those of its inputs."""
    found: dict[Value, Any] = dict(zip(inner.builder.inputs, carried, strict=True))
    for what, value in inner.builder.captures.values():
        found[value] = known(what)
    return [_number(inner, found, now(each)) for each in wanted]


def _number(inner: Inner, found: dict[Value, Any], item: Any) -> Array | None:
    if not isinstance(item, Traced):
        return known(item)
    return computed(found, item.value) if item.builder is inner.builder else known(item)


__all__ = ["known_steps"]
