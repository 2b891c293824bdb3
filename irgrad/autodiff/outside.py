"""What the derivative and batching rules of an op from outside give, held against its types, and
what they stumble over.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from irgrad.errors import IrgradError
from irgrad.frontend.tracer import Tracer
from irgrad.ir.builder import Builder
from irgrad.ir.declared import hold
from irgrad.ir.op import Op
from irgrad.ir.types import ArrayType


def held(
    builder: Builder, op: Op, rule: str, given: Sequence[Any], wanted: Sequence[ArrayType]
) -> Sequence[Any]:
    """What the rule gave, all traced; None, a (co)tangent of zero, stays. Irgrad's own ops need no
    look.
    """
    if op.home is None:
        return given
    traced = [None if x is None else Tracer(builder, builder.lift(x)) for x in given]
    what = {"vjp": "cotangent", "jvp": "tangent"}.get(rule, "result")
    hold(op.name, rule, what, [None if x is None else x.value.type for x in traced], wanted)
    return traced


def remind(error: Exception, op: Op, what: str, given: Sequence[Any]) -> None:
    """Say what None means, where a rule that was `given` one takes it for a number."""
    missing = [k for k, x in enumerate(given) if x is None]
    if op.home is None or not missing or "None" not in str(error):
        return
    number = f" {missing[0]}" if len(given) > 1 else ""
    text = f"{what}{number} of {op.name} is zero, for which its rule gets None"
    if isinstance(error, IrgradError):
        error.hint = text
    else:
        error.add_note(f"  hint: {text}")
